"""Loads the gettext catalogues and message templates of every language at start."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gateway.notifications.catalogue import Catalogue, Catalogues
from gateway.notifications.catalogues.compiled_templates import CompiledTemplates
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import number
from gateway.notifications.messages import MessageRenderer

_HERE = Path(__file__).parent
_TEMPLATES = _HERE.parent / "templates"


@cache
def catalogues(folder: Path = _HERE) -> Catalogues:
    """Every language of which a file lies in `folder`; BrokenCatalogue names the file and line that cannot be used."""
    return Catalogues.from_texts(_texts(folder, ".po"))


def catalogue_for(locale: str) -> Catalogue:
    """The sentences for a reader of `de-CH`; English for a language that nobody has written yet."""
    return catalogues().best_for(locale)


@cache
def messages(folder: Path = _HERE) -> MessageRenderer:
    """What puts facts into the words of a message, in every language of which a file lies in `folder`."""
    templates = {f"{name}.j2": text for name, text in _texts(_TEMPLATES, ".j2").items()}
    return MessageRenderer(templates, catalogues(folder), CompiledTemplates())


def load() -> None:
    """Reads everything now, also what Babel keeps in files: no message may fail because one cannot be opened later."""
    for locale in messages().catalogues.locales:
        catalogue = catalogue_for(locale)
        TimeFormat(catalogue, "UTC", 0).date(10**12)
        number(1000, catalogue.locale)


def _texts(folder: Path, ending: str) -> Mapping[str, str]:
    return {file.name.removesuffix(ending): file.read_text(encoding="utf-8") for file in folder.glob(f"*{ending}")}
