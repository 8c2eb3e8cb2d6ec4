"""What people read, word for word: a file for each kind of message in tests/fixtures/wordings/, in every language.

After a change of wording write them anew, and read them: `python -m tests.unit.notifications.test_wordings`
"""

from dataclasses import replace
from typing import Any

import pytest

from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Cover,
    IncompleteReason,
    PageReason,
    Price,
    Reason,
    ReasonKind,
    RecipientKind,
    SlaKind,
    VisitState,
)
from gateway.notifications.catalogues import catalogue_for, catalogues, messages
from gateway.notifications.format_values import price
from gateway.notifications.messages import capitalized
from gateway.notifications.reasons import reason_sentence
from gateway.notifications.stored_facts import Payer
from gateway.notifications.template_values import payer_in_short, payer_sentences, skill_name
from gateway.notifications.topics import TopicName
from tests import ROOT
from tests.unit.notifications.test_templates import FACTS, NOW

FILES = ROOT / "tests" / "fixtures" / "wordings"
VISIT = replace(FACTS, device="Heat pump", cause="the flow temperature is too high", severity="major", eta=None,
                resolution="", whom="", told_topic="", why="", area="", homes=0, etr=None, what="", seconds=0, note="",
                parts="", expected_at=None, hear_by=NOW + 40 * MINUTE, payers="", price="", price_plain="",
                answer_by=None)
WHO_GOES: dict[str, Any] = {"for_customer": False, "reader": "Karin Kunz"}
DESK: dict[str, Any] = {"for_customer": False, "reader": "", "link": "", "provider_phone": "+41 44 668 18 00"}
OUTAGE: dict[str, Any] = {"device": "Lateral 9a", "cause": "Probably a power cut in Lateral 9a", "customer": "",
                          "site": ""}
TESTED: dict[str, Any] = {"device": "Emergency button", "number": "B-7F4QK2M9", "answer_by": NOW + 3 * DAY, "link": ""}
HELP: dict[str, Any] = DESK | {"device": "Emergency button", "number": "C-7F4QK2M9", "emergency": True,
                               "emergency_number": "112", "pressed_at": NOW - MINUTE}
PRICE: dict[str, Any] = {"price": Price("95.00", "EUR"), "price_plain": Price("95.00", "EUR")}
CREDIT: dict[str, Any] = PRICE | {"device": "", "hear_by": None, "cause": ""}
WAITS: dict[str, Any] = DESK | PRICE | {"reader": "Dana Meier", "answer_by": NOW + DAY, "hear_by": None, "cause": "",
                                        "device": ""}
CONTRACT = Payer(device="Fridge", cover=Cover.CONTRACT, price=None, agreed=False)
WARRANTY = Payer(device="Heat pump", cover=Cover.WARRANTY, price=None, agreed=False)
UNKNOWN = Payer(device="Heat pump", cover=Cover.UNKNOWN, price=None, agreed=False)
AGREED = Payer(device="Heat pump", cover=Cover.CALL_OUT_PRICE, price="95.00 EUR", agreed=True)
DANGER = Payer(device="Heat pump", cover=Cover.CALL_OUT_PRICE, price="95.00 EUR", agreed=False)
POWER_CUT: dict[str, Any] = {"area": "Lateral 9a", "number": "X-7F4QK2M9", "homes": 50, "hear_by": None, "cause": "",
                             "device": "", "site": "", "emergency_number": "112"}
HELPS: dict[str, Any] = {"reader": "Hugo Frei", "household": "Alice Keller", "site": "Lindenweg 1, 8001 Wiesental",
                         "ring": "+41 44 668 18 01", "link": "", "hear_by": None, "for_customer": False}
TELEPHONE_ONLY: dict[str, Any] = DESK | {
    "whom": "Household Arber", "customer": "Household Arber", "told_topic": "fault found", "hear_by": None,
    "telephones": "Erna Arber +41 44 668 18 01", "telephone_only": True, "why": Reason(ReasonKind.TELEPHONE_ONLY)}
OURS: dict[str, Any] = DESK | {"hear_by": None, "device": "", "cause": "", "site": "", "customer": ""}
HOME: dict[str, Any] = {"hear_by": None, "device": "", "cause": "", "number": "C-4F7QK2M9"}
CALL: dict[str, Any] = {"number": "C-7F4QK2M9", "tries": 5, "hear_by": None}
PROMISED: dict[str, Any] = CALL | {"tries": 0, "callback_by": NOW + HOUR, "device": "Help button"}
WELL: dict[str, Any] = {"number": "alice", "watched": "Heat pump, Emergency button, Gateway in the cellar", "acted": 2,
                        "device": "Emergency button", "since": NOW - 40 * DAY, "link": "", "hear_by": None,
                        "preferences": "https://service.example/m/WyJLLTEiXQ"}
SLOT: dict[str, Any] = {"ring_from": NOW + HOUR, "callback_by": NOW + 2 * HOUR}


class Needs(str):
    """The skill that is needed for what a person reported without a device."""


class Paying(tuple[Payer, ...]):
    """Who pays, worded for whoever reads the message."""

    def __new__(cls, *payers: Payer) -> "Paying":
        return super().__new__(cls, payers)


SAID: dict[str, Any] = {"device": Needs("heating"), "cause": "No hot water since this morning", "reported": True,
                        "hear_by": None}
VARIANTS: dict[TopicName, dict[str, dict[str, Any]]] = {  # topic → what happened → the facts that say so
    TopicName.VISIT_LATE: {
        "nobody has set out": {}, "on the way": {"visit_state": VisitState.EN_ROUTE},
        "an overrun before": {"because": "overrun"},
        "a new time": {"eta": NOW + 7 * HOUR, "hear_by": None}},
    TopicName.VISIT_MISSED: {
        "nobody came": {}, "on the way": {"visit_state": VisitState.EN_ROUTE},
        "on the way, with a time": {"visit_state": VisitState.EN_ROUTE, "eta": NOW + 30 * MINUTE}},
    TopicName.VISIT_CHANGED: {"by the firm": {}, "an overrun before": {"because": "overrun"}},
    TopicName.VISIT_CALLED_OFF: {
        "handed back": {"because": "handed_back"}, "put on hold": {"because": "on_hold"},
        "another time": {"because": "other_time"},
        "another time, to whoever goes": WHO_GOES | {"because": "other_time", "note": "Only after 5 pm."},
        "by a dispatcher": {"because": "cancelled", "why": "the house is empty"},
        "to whoever goes": WHO_GOES | {"why": "the customer is away until Monday"}},
    TopicName.VISIT_INCOMPLETE: {
        "a part": {"incomplete": IncompleteReason.PART_MISSING, "note": "The diverter valve is stuck.",
                   "parts": "diverter valve, seal", "expected_at": NOW + 2 * DAY - 2 * HOUR},
        "no access": {"incomplete": IncompleteReason.NO_ACCESS, "note": ""},
        "more work": {"incomplete": IncompleteReason.MORE_WORK, "note": "Two people are needed for the compressor."},
        "unsafe": {"incomplete": IncompleteReason.UNSAFE, "note": "Water stands around the fuse box."}},
    TopicName.NEXT_VISIT: {
        "a part": {"parts": "diverter valve, seal"}, "no part": {},
        "nobody was there": {"technician": "", "provider": ""}},
    TopicName.WORKS_AGAIN: {"they come": {"keeps": True}, "a dispatcher decides": {}, "to whoever goes": WHO_GOES},
    TopicName.WATCHING: {"with a note": {"note": "Pump replaced."}},
    TopicName.TECHNICIAN_ASKED: {f"while {state}": WHO_GOES | {"visit_state": state} for state in (
        VisitState.PLANNED, VisitState.EN_ROUTE, VisitState.ON_SITE)} | {
            f"in an outage, while {state}": WHO_GOES | OUTAGE | {"visit_state": state} for state in (
                VisitState.PLANNED, VisitState.EN_ROUTE, VisitState.ON_SITE)},
    TopicName.VISIT_PROBLEM: {
        "nobody came": DESK | {"why": Reason(ReasonKind.NOBODY_CAME)},
        "unsafe": DESK | {"hear_by": None, "why": Reason(ReasonKind.UNSAFE_THERE, {
            "words": "water stands around the fuse box"})}},
    TopicName.PLEASE_LOOK: {
        "nobody left": DESK | {"reader": "Dana Weber", "reason": PageReason.NOBODY_LEFT, "hear_by": None,
                               "technician": "", "provider": "", "window_from": None, "window_until": None},
        "nobody left in an outage": DESK | OUTAGE | {
            "reader": "Dana Weber", "reason": PageReason.NOBODY_LEFT, "hear_by": None, "technician": "", "provider": "",
            "window_from": None, "window_until": None},
        "asked before": DESK | {"reader": "Dana Weber", "reason": PageReason.CUSTOMER_SILENT, "asked_before": True},
        "a call": DESK | {"reader": "Dana Weber", "reason": PageReason.CALL_OVERDUE, "is_call": True,
                          "number": "C-7F4QK2M9", "missed_by": NOW - HOUR},
        "a power cut where people need power": DESK | {
            "reader": "Dana Weber", "reason": PageReason.RING_HOMES, "is_call": True, "number": "C-7F4QK2M9",
            "area": "Lateral 9a", "homes": 3, "to_ring": [
                {"name": "Alice Keller", "place": "Lindenweg 1", "telephone": "+41446681801", "power": True},
                {"name": "Bob Brunner", "place": "Lindenweg 3", "telephone": "", "power": False}]},
        "many calls late at once": DESK | {
            "reader": "Dana Weber", "reason": PageReason.CALL_OVERDUE, "is_call": True, "number": "C-7F4QK2M9",
            "missed_by": NOW - HOUR, "also_late": ["C-7BD2M4XQ", "C-9KQ3V5RW", "C-C8N6T2HJ"]},
        "no outcome": DESK | {"reader": "Dana Weber", "reason": PageReason.CALL_WITHOUT_OUTCOME, "is_call": True,
                              "number": "C-7F4QK2M9"}},
    TopicName.JOB_TAKEN: {"yes on the telephone": DESK | {"reader": "Kunz Heating", "hear_by": None}},
    TopicName.ON_THE_WAY: {"earlier than told": {"eta": NOW + 40 * MINUTE, "early": True, "hear_by": None}},
    TopicName.UNDELIVERABLE: {
        "nothing but a telephone": TELEPHONE_ONLY,
        "nothing but a telephone, of a call": TELEPHONE_ONLY | {
            "told_topic": "could not be reached by telephone", "is_call": True, "number": "C-7F4QK2M9",
            "device": "Help button"},
        "no contact works": TELEPHONE_ONLY | {"telephone_only": False, "why": Reason(ReasonKind.CONTACTS_STOPPED)}},
    TopicName.UNDELIVERED_LIST: {
        "of an outage": DESK | {"area": "Lateral 9a", "number": "X-7F4QK2M9"},
        "many in ten minutes": DESK | {"people": 12},
        "one more": DESK | {"people": 1, "undelivered": FACTS.undelivered[:1]}},
    TopicName.BUTTON_TEST_ASKED: {
        "the gesture of our firmware": TESTED | {"has_gesture": True}, "no gesture": TESTED,
        "the profile's words": TESTED | {"gesture": "Press the small green button beside the large one."},
        "a reminder": TESTED | {"has_gesture": True, "again": True}},
    TopicName.BUTTON_TEST_HEARD: {
        "with its battery": TESTED | {"battery": 80, "next_at": NOW + 30 * DAY},
        "nothing known of its battery": TESTED | {"next_at": NOW + 30 * DAY}, "the last one": TESTED},
    TopicName.EMERGENCY_PRESS: {
        "a call for help": HELP, "a test was asked for": HELP | {"test_asked_at": NOW - 5 * HOUR},
        "it sticks": HELP | {"suspicion": "sticks"}, "it had just come back": HELP | {"suspicion": "just_back"},
        "a retired button": HELP | {"suspicion": "retired"}, "an empty battery": HELP | {"suspicion": "battery_low"},
        "a test was asked for, and it sticks": HELP | {"suspicion": "sticks", "test_asked_at": NOW - 5 * HOUR}},
    TopicName.SLA_WARNING: {str(kind): DESK | {"sla": kind} for kind in SlaKind},
    TopicName.SLA_MISSED: {str(kind): DESK | {"sla": kind, "due_at": NOW - HOUR} for kind in SlaKind} | {
        "many at once": DESK | {"sla": SlaKind.SOLUTION, "due_at": NOW - HOUR,
                                "also_late": ["T-7BD2M4XQ", "T-9KQ3V5RW", "T-C8N6T2HJ", "T-E5W4P7ZD"]}},
    TopicName.FAULT_FOUND: {
        "after a visit": {"note": "Pump replaced.", "hear_by": None},
        "danger": {"payers": Paying(DANGER), "severity": "critical", "hear_by": None},
        "reported": SAID | {"next_word": NOW + HOUR}, "reported of a device": SAID | {"device": "Heat pump"}},
    TopicName.FAULT_ADDED: {"of a device": DESK | {"hear_by": None}, "reported": DESK | SAID},
    TopicName.RESOLVED: {
        "by itself": {"by_itself": True, "hear_by": None},
        "by a technician": {"resolution": "Pump replaced", "hear_by": None},
        "reported": SAID | {"on_their_word": True, "resolution": "New thermostat"}},
    TopicName.SURVEY: {"closed": {"hear_by": None, "device": "Heat pump"}},
    TopicName.APOLOGY: {"we broke a promise": {"hear_by": None, "device": "Heat pump"}},
    TopicName.GOODWILL: {
        "outage": CREDIT | {"credited_for": "outage", "dark_for": 5 * HOUR + 12 * MINUTE, "area": "Lateral 9a"},
        "promise": CREDIT | {"credited_for": "promise"}, "gesture": CREDIT | {"credited_for": "gesture"}},
    TopicName.GOODWILL_WAITS: {
        "first": WAITS | {"homes": 412, "area": "Lateral 9a"},
        "again, for one home": WAITS | {"homes": 1, "asked_before": True}},
    TopicName.PRICE_QUESTION: {
        "asked": PRICE | {"answer_by": NOW + 4 * HOUR, "hear_by": None},
        "reported": PRICE | SAID | {"device": "Heat pump", "answer_by": NOW + 4 * HOUR}},
    TopicName.PRICE_AGREED: {"said yes": PRICE | {"next_word": NOW + HOUR, "hear_by": None}},
    TopicName.PRICE_DECLINED: {"said no": {"hear_by": None}, "reported": SAID | {"device": "Heat pump"}},
    TopicName.WORSE: {"while we wait for a yes": PRICE | {"severity": "critical", "hear_by": None}},
    TopicName.OFFER: {what: DESK | {"reader": "Kunz Heating", "hear_by": None, "payers": Paying(*who),
                                    "payer_short": Paying(*who)}
                      for what, who in (
        ("a contract", [CONTRACT]), ("the warranty", [WARRANTY]), ("nobody has said", [UNKNOWN]), ("agreed", [AGREED]),
        ("danger", [DANGER]), ("two devices", [AGREED, CONTRACT]))},
    TopicName.STILL_LOOKING: {
        "reported": SAID | {"next_word": NOW + HOUR, "open_offers": 2},
        "reported, and it waits": SAID | {"next_word": NOW + HOUR, "held_until": NOW + DAY}},
    TopicName.TECHNICIAN_ASSIGNED: {
        "agreed": {"payers": Paying(AGREED), "hear_by": None}, "reported": SAID,
        "two devices": {"payers": Paying(AGREED, CONTRACT), "hear_by": None}},
    TopicName.OUTAGE: {
        "their home is in it": POWER_CUT | {"etr": NOW + 2 * HOUR},
        "with an emergency button": POWER_CUT | {"emergency_button_dead": True, "we_ring": True},
        "somebody depends on power": POWER_CUT | {"we_ring": True},
        "in a country of which we do not know the number": POWER_CUT | {"emergency_number": ""},
        "the answer to a press": POWER_CUT | {"answered": True, "can_press": True},
        "the answer instead of a call": POWER_CUT | {"answered": True, "promised": True},
        "others are back": POWER_CUT | {"answered": True, "form": "still_dark", "restoring": True, "can_press": True,
                                        "look_by": NOW + 20 * MINUTE},
        "their home is back": POWER_CUT | {"answered": True, "form": "back", "can_press": True},
        "said on the telephone": POWER_CUT | {"form": "reported"},
        "said on the telephone, others are back": POWER_CUT | {"form": "reported", "restoring": True,
                                                               "look_by": NOW + 20 * MINUTE},
        "next door": POWER_CUT | {"answered": True, "form": "near", "can_press": True, "etr": NOW + 2 * HOUR},
        "next door, unseen, coming back": POWER_CUT | {"answered": True, "form": "unseen", "restoring": True,
                                                       "promised": True, "can_press": True, "phone": ""}},
    TopicName.OUTAGE_LONGER: {"their home": POWER_CUT, "next door": POWER_CUT | {"near": True}},
    TopicName.OUTAGE_OVER: {
        "their home": POWER_CUT, "next door": POWER_CUT | {"near": True, "seen": True, "can_press": True},
        "unseen": POWER_CUT | {"near": True}},
    TopicName.OUTAGE_FALSE: {"there was none": POWER_CUT, "no telephone": POWER_CUT | {"phone": ""}},
    TopicName.MAINTENANCE: {
        "announced": POWER_CUT | {"cause": "a new cable"},
        "the answer to a press": POWER_CUT | {"cause": "a new cable", "answered": True}},
    TopicName.BUTTON_DEAD: {"with a number": HELPS, "without one": HELPS | {"ring": "", "phone": ""}},
    TopicName.BUTTON_WORKS: {"works again": HELPS},
    TopicName.CALLBACK_SCHEDULED: {
        "a press": PROMISED, "somebody else asked": PROMISED | {"presses": 0}, "at a time that suits": PROMISED | SLOT,
        "a call for help": PROMISED | HELP | {"for_customer": True, "reader": "Alice Keller"}},
    TopicName.CALLBACK_LATE: {
        "we have not called": PROMISED | {"missed_by": NOW - HOUR},
        "a call for help": PROMISED | HELP | {"missed_by": NOW - HOUR, "for_customer": True, "reader": "Alice Keller"}},
    TopicName.CALLBACK_TRIED: {
        "we try again": PROMISED | SLOT | {"tries": 1}, "of our own accord": PROMISED | SLOT | {"is_check": True},
        "no telephone": PROMISED | SLOT | {"phone": ""}},
    TopicName.ALL_IS_WELL: {
        "with a battery": WELL | {"battery": 62}, "without": WELL | {"acted": 0, "battery": None}},
    TopicName.PAGE_LINK: {"a ticket": {"hear_by": None}},
    TopicName.CALLBACK_CANCELLED: {
        "a button that works": PROMISED | {"can_press": True}, "no button": PROMISED,
        "no telephone": PROMISED | {"phone": ""}, "at a time that suits": PROMISED | SLOT | {"can_press": True},
        "at a time that suits, no button": PROMISED | SLOT,
        "a call for help": PROMISED | HELP | {"for_customer": True, "reader": "Alice Keller", "can_press": True},
        "a call for help, no button": PROMISED | HELP | {"for_customer": True, "reader": "Alice Keller"}},
    TopicName.CALLBACK_EXPIRED: {
        "a button that works": CALL | {"can_press": True}, "no button": CALL, "no telephone": CALL | {"phone": ""}},
    TopicName.CUSTOMER_WROTE: {"to whoever goes": WHO_GOES | {"note": "The key is with the neighbour.", "photos": 2}},
    TopicName.OFFER_WITHDRAWN: {"not needed": DESK | {"reader": "Kunz Heating", "hear_by": None}},
    TopicName.OFFER_TAKEN: {"another was faster": DESK | {"reader": "Kunz Heating", "hear_by": None}},
    TopicName.VISIT_INVITE: {"a visit": WHO_GOES, "called off": WHO_GOES | {"visit_state": VisitState.CANCELLED}},
    TopicName.TOO_MANY_MESSAGES: {"a household": DESK | {"whom": "Alice Keller", "why": "30 messages in a day"}},
    TopicName.GATEWAY_FAULT: {what: OURS | {"what": what, "seconds": 90, "missing": "zigbee2mqtt",
                                            "filters": "zigbee2mqtt/#", "area": "Feeder 7", "homes": 40}
                              for what in ("carrier", "everything", "deaf", "unheard", "clock")},
    TopicName.GATEWAY_FAULT_OVER: {what: OURS | {"what": what, "area": "Feeder 7", "missing": "zigbee2mqtt"}
                                   for what in ("carrier", "everything", "deaf", "unheard")},
    TopicName.RULE_BROKEN: {"an error": OURS | {"number": "heat-pump/too_hot", "device": "Heat pump",
                                                "why": "flow_temp: no such signal"}},
    TopicName.WORDING_BROKEN: {"an error": OURS | {"number": "de/fault_found.short", "told_topic": "fault found",
                                                   "why": "line 2: ZeroDivisionError"}},
    TopicName.HOUSEHOLD_LINK: {"asked for": HOME},
    TopicName.DAILY: {
        "two things": HOME | {"items": [{"what": "Heat pump: fixed (T-4F7QK2M9)", "link": ""},
                                        {"what": "Planned power cut in Lateral 9a (M-7BD2M4XQ)", "link": ""}]},
        "one thing": HOME | {"items": [{"what": "Heat pump: fixed (T-4F7QK2M9)", "link": ""}]}},
    TopicName.CONTACT_GONE: {"a mail address": HOME | {"reached_at": "a…@example.com"}},
    TopicName.CONTACT_CODE: {"to whoever typed it": HOME | {"reader": "", "number": "", "code": "123456", "link": ""}},
    TopicName.CONTACTS_GONE: {"of an hour": OURS | {"undelivered": FACTS.undelivered, "people": 2}},
    TopicName.TEST: {"sent by hand": OURS | {"number": "N-4F7QK2M9"}},
}


def wording(topic: TopicName) -> str:
    """Every variant in every language, as a person reads it."""
    said = []
    for what, facts in VARIANTS[topic].items():
        for locale in sorted(catalogues().locales, reverse=True):
            known = {name: in_language(name, value, topic, locale) for name, value in facts.items()}
            message = messages().word(topic, locale, replace(VISIT, **known))
            said.append(f"=== {what} ({locale})\n\n{message.subject}\n\nSMS: {message.short}\n\n{message.long_text}")
    return "\n".join(said)


def in_language(name: str, value: object, topic: TopicName, locale: str) -> Any:
    match value:
        case Reason():
            return reason_sentence(value.stored(), catalogue_for(locale))
        case Price():
            return price(value, locale, plain=name == "price_plain")
        case Needs():
            return skill_name(value, catalogue_for(locale))
        case Paying() if name == "payer_short":
            return payer_in_short(value, catalogue_for(locale))
        case Paying():
            reader = RecipientKind.PROVIDER if topic is TopicName.OFFER else RecipientKind.CUSTOMER
            return payer_sentences(value, reader, catalogue_for(locale))
    return value


def test_every_kind_of_message_has_its_file() -> None:
    assert {*VARIANTS} == {*TopicName} == {TopicName(file.stem) for file in FILES.iterdir()}


@pytest.mark.parametrize("topic", VARIANTS)
def test_people_read_what_the_file_says(topic: TopicName) -> None:
    assert wording(topic) == (FILES / f"{topic}.txt").read_text(encoding="utf-8"), (
        "python -m tests.unit.notifications.test_wordings writes the files anew; read them")


@pytest.mark.parametrize("topic", VARIANTS)
def test_every_variant_fits_one_sms(topic: TopicName) -> None:
    for line in wording(topic).splitlines():
        if line.startswith("SMS: "):
            assert len(line.removeprefix("SMS: ").removesuffix(VISIT.link).strip()) <= 160, line


@pytest.mark.parametrize(("text", "said"), [
    ("heating: said to be done", "Heating: said to be done"), ("iPump: it works", "iPump: it works"), ("", ""),
    ("Wärmepumpe: behoben", "Wärmepumpe: behoben"), ("80 % of it", "80 % of it")])
def test_a_sentence_begins_with_a_capital_and_a_name_stays_as_it_is_written(text: str, said: str) -> None:
    assert capitalized(text) == said


if __name__ == "__main__":
    for name in VARIANTS:
        (FILES / f"{name}.txt").write_text(wording(name), encoding="utf-8")
