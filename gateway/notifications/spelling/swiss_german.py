"""German as it is spelled in Switzerland, by rule: «…» in place of „…“, and ss in place of ß."""

from collections.abc import Mapping

LOCALE, FROM = "de_CH", "de"
_SPELLED = str.maketrans({"ß": "ss", "ẞ": "SS", "„": "«", "“": "»", "‚": "‹", "‘": "›"})
# Sentence id → what is said otherwise there, where the rule is not enough.
OVERRIDES: Mapping[str, tuple[str, ...]] = {
    "page.imprint": ("Rechtliches",),  # no law there asks for an "Impressum" of everybody
}


def spelled(text: str) -> str:
    other = text.translate(_SPELLED)
    return text if other == text else other  # most sentences need not be kept twice


def sentences(german: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """A whole catalogue: id → its forms."""
    return {name: OVERRIDES.get(name) or tuple(map(spelled, forms)) for name, forms in german.items()}
