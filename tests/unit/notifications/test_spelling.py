"""How the languages are written: one orthography each, no slips of the pen in what people read."""

import re

import pytest

from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for, catalogues
from gateway.notifications.spelling import swiss_german
from tests.unit.notifications.test_wordings import FILES, VARIANTS

# as they are spelled in Switzerland only; elsewhere with ß
SWISS = re.compile(
    r"\b(?:\w*strasse\w*|\w*schliess\w*|\w*gross\w*|\w*gröss\w*|weiss\w*|heiss\w*|\w*ausser\w*|liess\w*|\w*grüss\w*|"
    r"\w*mässig\w*|gemäss\w*|massnahme\w*|fuss\w*|füsse\w*|\w*stoss\w*|\w*fliess\w*|\w*giess\w*|draussen|bloss|spass|"
    r"\w*dreissig\w*|süss\w*|genie(?:ss)\w*|beiss\w*|reiss\w*|schweiss\w*|verstöss\w*|massgeb\w*)\b", re.IGNORECASE)
NEW = re.compile(r"\b(?:daß|muß|müßt\w*|wißt|laßt|läßt|paßt|Schluß|Fluß|bißchen|gewiß|faßt|Adreß\w*)\b")  # before 1996
SLIPS = {
    "two full stops": r"(?<!\.)\.\.(?!\.)", "space before a mark": r"\w [.,;:!?](?:\s|$)", "two spaces": r"\S  +\S",
    "an empty bracket": r"\(\s*\)", "comma and full stop": r",\.[^.]", "not filled in": r"\{\w+\}"}
FRENCH_MARKS = {"space before a mark": r"\w [.,](?:\s|$)"}  # before others there is one
WITH_CODE = {"refused.no_desk_hours"}  # quotes what stands in a file
FRENCH_SPACES = re.compile("(?<!\u202f)[;?!](?= |$)|(?<!\u00a0):(?= |$)|«(?!\u00a0)|(?<!\u00a0)»|[“„']")


def texts(words: Catalogue) -> list[tuple[str, str]]:
    return [(name, form) for name, forms in words.sentences.items() for form in forms]


def test_german_is_written_as_in_germany_and_nowhere_as_in_switzerland() -> None:
    wrong = [(name, found[0]) for name, form in texts(catalogue_for("de"))
             for found in [SWISS.search(form) or NEW.search(form) or re.search("[«»‹›]", form)] if found]
    assert wrong == [], "de.po is spelled with ß and „…“; de-CH is made of it"


def test_in_switzerland_it_is_spelled_so_that_nobody_stumbles() -> None:
    swiss = catalogue_for("de-CH")
    assert (swiss.locale, swiss.tag) == ("de_CH", "de-CH")
    assert swiss is catalogue_for("de_CH")
    assert [name for name, form in texts(swiss) if re.search("[ßẞ„“‚‘]", form)] == []
    assert swiss.plural("page.past_pressed", 3, device="Bell") == "Sie haben «Bell» 3-mal gedrückt."
    assert swiss.sentences.keys() == catalogue_for("de").sentences.keys()
    assert "de_CH" not in catalogues().locales, "nobody has to write it"


def test_an_override_replaces_a_sentence_that_there_is() -> None:
    for name, forms in swiss_german.OVERRIDES.items():
        assert catalogue_for("de-CH").sentences[name] == forms != catalogue_for("de").sentences[name]


def test_what_a_profile_says_in_german_is_spelled_for_switzerland_too() -> None:
    cause = {"en": "too hot", "de": "zu heiß"}
    assert catalogue_for("de").choose(cause) == "zu heiß"
    assert catalogue_for("de-CH").choose(cause) == "zu heiss"
    assert catalogue_for("de-CH").choose({"en": "too hot", "de-CH": "viel zu heiss"}) == "viel zu heiss"
    assert catalogue_for("de-CH").choose({"en": "too hot"}) == "too hot"
    assert catalogue_for("de-CH").choose({}) == ""


@pytest.mark.parametrize("topic", VARIANTS)
def test_no_message_has_a_slip_of_the_pen(topic: str) -> None:
    for variant in (FILES / f"{topic}.txt").read_text(encoding="utf-8").split("=== ")[1:]:
        name, *said = variant.splitlines()
        for what, pattern in (SLIPS | FRENCH_MARKS if name.endswith("(fr)") else SLIPS).items():
            assert [line for line in said if re.search(pattern, line)] == [], what


def test_french_has_spaces_that_do_not_break_before_its_marks() -> None:
    wrong = [(name, form) for name, form in texts(catalogue_for("fr"))
             if name not in WITH_CODE and FRENCH_SPACES.search(form)]
    assert wrong == [], "narrow before ; ? !, wide before : and within « »"


@pytest.mark.parametrize("locale", catalogues().locales)
def test_no_sentence_has_a_slip_of_the_pen(locale: str) -> None:
    for what, pattern in SLIPS.items():
        if what != "not filled in":
            assert [name for name, form in texts(catalogue_for(locale)) if re.search(pattern, form)] == [], what
