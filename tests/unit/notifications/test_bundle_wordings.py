"""What people read when several things come as one message, word for word, in every language.

After a change of wording write the file anew, and read it: `python -m tests.unit.notifications.test_bundle_wordings`
"""

from dataclasses import replace

import pytest

from gateway.model import DAY
from gateway.notifications.catalogues import catalogues, messages
from gateway.notifications.messages import Facts, Message
from gateway.notifications.topics import TopicName
from gateway.notifications.wording.sms import sms_size
from tests import ROOT
from tests.unit.notifications.test_templates import NOW
from tests.unit.notifications.test_wordings import VISIT

PUMP = replace(VISIT, preferences="https://service.example/m/C-1")
DISHES = replace(PUMP, device="Dishwasher", cause="it leaks", number="T-9C2WX4LT",
                 link="https://service.example/f/L-9C2WX4LT.abcdefghijklmnopqrstuvwxyz0")
HUT = replace(DISHES, site="The hut")
WORK = replace(PUMP, device="", cause="", site="", area="Lateral 9a", number="W-7F4QK2M9", link="",
               window_from=NOW + DAY, window_until=NOW + DAY + 2 * 3_600_000)
FAULT, COMES, FIXED = TopicName.FAULT_FOUND, TopicName.TECHNICIAN_ASSIGNED, TopicName.RESOLVED
LETTERS: dict[str, list[tuple[TopicName, Facts]]] = {  # what happened → its pieces
    "about one device": [(FIXED, PUMP), (TopicName.SURVEY, PUMP)],
    "about a home": [(COMES, PUMP), (FAULT, DISHES), (TopicName.MAINTENANCE, WORK)],
    "about two homes": [(COMES, PUMP), (FAULT, HUT)],
}
FILE = ROOT / "tests" / "fixtures" / "wordings_together" / "letters.txt"


def letter(pieces: list[tuple[TopicName, Facts]], locale: str) -> Message:
    return messages().together([(messages().word(topic, locale, facts), facts) for topic, facts in pieces])


def wording() -> str:
    said = []
    for what, pieces in LETTERS.items():
        for locale in sorted(catalogues().locales, reverse=True):
            message = letter(pieces, locale)
            said.append(f"=== {what} ({locale})\n\n{message.subject}\n\nSMS: {message.short}\n\n{message.long_text}")
    return "\n".join(said)


def test_people_read_what_the_file_says() -> None:
    assert wording() == FILE.read_text(encoding="utf-8"), (
        "python -m tests.unit.notifications.test_bundle_wordings writes the file anew; read it")


@pytest.mark.parametrize("locale", ["en", "de", "de-CH", "es", "fr", "hi"])
def test_the_short_form_is_one_sms_beside_its_link(locale: str) -> None:
    many = [(COMES, replace(PUMP, device="The large heat pump in the cellar of the back building"))] * 10
    for pieces in (*LETTERS.values(), many):
        words = letter(pieces, locale).short.removesuffix(PUMP.link).strip()
        assert len(words) <= 160
        assert sms_size(words).alphabet == "UCS-2" or sms_size(words).parts == 1


def test_the_letter_shows_the_pieces_under_each_other_each_with_its_own_button() -> None:
    html = letter(LETTERS["about a home"], "en").long_html
    places = [html.index(one) for one in (
        "Hello Alice Keller,", "<h2", "1. ", PUMP.link, "2. Dishwasher", DISHES.link, "3. ", "Change what we send you")]
    assert places == sorted(places)
    assert html.count("<h2") == 3
    assert html.count('class="b"') == 2, "planned work has no page"
    assert html.count("Hello") == 1


def test_what_people_have_typed_is_text_in_the_letter() -> None:
    html = letter([(FAULT, replace(PUMP, cause="<b>&")), (FAULT, replace(DISHES, device="<i>"))], "en").long_html
    assert "<b>" not in html
    assert "<i>" not in html


def test_ten_pieces_are_no_letter_that_is_cut_short() -> None:
    assert len(letter([(COMES, PUMP)] * 10, "de").long_html.encode()) < 100_000


if __name__ == "__main__":
    FILE.write_text(wording(), encoding="utf-8")
