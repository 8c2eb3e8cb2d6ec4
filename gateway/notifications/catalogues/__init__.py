"""Loads the gettext catalogues and message templates of every language at start."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gateway.notifications.catalogue import Catalogue, Catalogues
from gateway.notifications.catalogues.compiled_templates import CompiledTemplates
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import number
from gateway.notifications.messages import FACTS_BY_NAME, WORDED, MessageRenderer
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.grammar import FUNCTIONS
from gateway.notifications.wording.overrides import (
    MOST_BYTES,
    NO_OVERRIDES,
    BadWording,
    Overrides,
    read_overrides,
)

_HERE = Path(__file__).parent
_TEMPLATES = _HERE.parent / "templates"
MOST_FILES = 2_000  # of the operator's: more than all topics in all languages and forms


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


def load_overrides(folder: Path | None) -> Overrides:
    """The operator's own templates in `folder`, `de/fault_found.short.j2` and so on; none without a folder. Raises
    BadWording with all errors of all files."""
    if folder is None:
        return NO_OVERRIDES
    if not folder.is_dir():
        raise BadWording([f"{folder}: no folder — expected one with files like de/fault_found.short.j2"])
    texts: dict[tuple[str, ...], bytes] = {}
    errors: list[str] = []
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).parts
        if file.is_dir() or any(part.startswith(".") for part in path):
            continue
        if len(texts) == MOST_FILES:
            raise BadWording([f"{folder}: more than {MOST_FILES} files — expected templates and nothing else"])
        try:
            with file.open("rb") as opened:
                texts[path] = opened.read(MOST_BYTES + 1)
        except OSError as error:
            errors.append(f"{file}: cannot be read — {error.strerror or error}")
    if errors:
        raise BadWording(errors)
    return read_overrides(texts, str(folder), [topic.value for topic in TopicName], FACTS_BY_NAME | WORDED | FUNCTIONS,
                          catalogues())


def load() -> None:
    """Reads everything now, also what Babel keeps in files: no message may fail because one cannot be opened later."""
    for locale in messages().catalogues.locales:
        catalogue = catalogue_for(locale)
        TimeFormat(catalogue, "UTC", 0).date(10**12)
        number(1000, catalogue.locale)


def _texts(folder: Path, ending: str) -> Mapping[str, str]:
    return {file.name.removesuffix(ending): file.read_text(encoding="utf-8") for file in folder.glob(f"*{ending}")}
