"""The sentences of every language, one .po file each: read from these files once, when the gateway starts."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gateway.notifications.catalogue import Catalogue, Catalogues

_HERE = Path(__file__).parent


@cache
def catalogues(folder: Path = _HERE) -> Catalogues:
    """Every language of which a file lies in `folder`; BrokenCatalogue names the file and line that cannot be used."""
    return Catalogues.from_texts(_texts(folder, ".po"))


def catalogue_for(locale: str) -> Catalogue:
    """The sentences for a reader of `de-CH`; English for a language that nobody has written yet."""
    return catalogues().best_for(locale)


def _texts(folder: Path, ending: str) -> Mapping[str, str]:
    return {file.name.removesuffix(ending): file.read_text(encoding="utf-8") for file in folder.glob(f"*{ending}")}
