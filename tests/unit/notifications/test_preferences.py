"""What a person's choice means for one message: decisions on plain rows, over both nights on which the clock is set."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.model import (
    HOUR,
    Amount,
    Contact,
    Person,
    PersonRole,
    Preference,
    Reason,
    ReasonKind,
    RecipientKind,
    TicketState,
    TopicGroup,
    from_iso,
    person,
)
from gateway.notifications.catalogues import catalogue_for, catalogues
from gateway.notifications.decide import DAILY_MARGIN, Drop, Hold, Send, decide
from gateway.notifications.preferences.choose import MUTABLE, Chosen, Given, Unclear, apply_choice, masked, read_choice
from gateway.notifications.preferences.wanted import cannot_be_muted, in_order
from gateway.notifications.reasons import reason_sentence
from gateway.notifications.template_values import reader_of
from gateway.notifications.topics import TOPICS
from tests.unit.notifications.test_decide import EMAIL, HER, HOME, MORNING, NIGHT, NOON, SMS, news, sent_to, ticket

ERNA = Contact(id="c-erna", owner_kind=RecipientKind.PERSON, owner_id="erna", channel="sms", address="+41790000001")


def chose(owner: Any = HER, **values: Any) -> Preference:
    return Preference(id=str(owner), owner_kind=owner.kind, owner_id=owner.id, changed_at=NOON, **values)


def with_choice(choice: Preference, **more: Any) -> Any:
    return replace(HOME, choices={HER: choice}, **more)


@pytest.mark.parametrize(("choice", "topic", "why"), [
    ({"stopped_at": NOON}, "fault_found", Reason(ReasonKind.STOPPED)),
    ({"muted": [TopicGroup.FAULTS]}, "fault_found", Reason(ReasonKind.MUTED, {"group": "faults"})),
    ({"amount": Amount.NOW}, "survey", Reason(ReasonKind.NOT_OF_NOW)),
])
def test_what_they_do_not_want_is_dropped_with_its_reason(choice: dict[str, Any], topic: str, why: Reason) -> None:
    note = news(topic)
    told = news("fault_found", state="sent")
    case = with_choice(chose(**choice))
    if topic == "survey":
        case = replace(case, ticket=ticket(TicketState.CLOSED), siblings=(told,), sent=frozenset({(told.id, EMAIL.id)}))
    assert decide(note, case, NOON) == Drop(why)
    for locale in catalogues().locales:
        assert "reason" not in reason_sentence(why.stored(), catalogue_for(locale))


@pytest.mark.parametrize("choice", [{"stopped_at": NOON}, {"muted": list(TopicGroup)}, {"amount": Amount.DIGEST}])
def test_danger_a_visit_and_what_they_asked_for_pass_every_choice(choice: dict[str, Any]) -> None:
    case = with_choice(chose(**choice))
    assert sent_to(decide(news(critical=True), case, NOON)) == "c-email"
    assert sent_to(decide(news(facts={"reported": True}), case, NOON)) == "c-email"


def test_every_message_to_a_household_can_be_muted_by_a_group_or_by_nobody() -> None:
    for topic in TOPICS.values():
        if RecipientKind.CUSTOMER not in topic.audience:
            assert topic.group is None, topic.name
        elif not topic.required:
            asked_for = topic.name in ("page_link", "household_link")
            assert (topic.group is None) is (asked_for or topic.name == "daily"), topic.name
            assert cannot_be_muted(news(topic.name)) is (topic.group is None), topic.name
    assert set(MUTABLE) == set(TopicGroup) - {TopicGroup.CALLBACKS, TopicGroup.WELL}, "the last is asked for"


def test_somebody_elses_contact_is_tried_when_one_of_the_household_wants_none() -> None:
    case = with_choice(chose(stopped_at=NOON), contacts=(EMAIL, SMS, ERNA))
    assert sent_to(decide(news(), case, NOON)) == "c-erna"


def test_their_own_quiet_hours_come_before_the_households() -> None:
    mine = with_choice(chose(own_quiet=True, quiet_from="12:00", quiet_until="14:00"))
    assert decide(news(), mine, NOON) == Hold(NOON + 2 * HOUR, Reason(ReasonKind.QUIET_HOURS))
    assert isinstance(decide(news(), mine, NIGHT), Send)
    assert isinstance(decide(news(), with_choice(chose(own_quiet=True)), NIGHT), Send)  # none of their own: any hour
    assert decide(news(), with_choice(chose()), NIGHT) == Hold(MORNING, Reason(ReasonKind.QUIET_HOURS))


def test_quiet_hours_are_told_by_the_clock_where_they_live() -> None:
    there = with_choice(chose(own_quiet=True, quiet_from="22:00", quiet_until="07:00", timezone="America/New_York"))
    assert isinstance(decide(news(), there, NIGHT), Send)  # half past five in the afternoon
    assert decide(news(), there, NOON) == Hold(from_iso("2026-11-23T07:00:00-05:00"), Reason(ReasonKind.QUIET_HOURS))


@pytest.mark.parametrize(("asleep", "opens", "hours"), [
    ("2027-03-27T22:30:00+01:00", "2027-03-28T07:00:00+02:00", 7.5),  # the night that lacks an hour
    ("2026-10-24T22:30:00+02:00", "2026-10-25T07:00:00+01:00", 9.5),  # the night that has one twice
])
def test_the_nights_on_which_the_clock_is_set(asleep: str, opens: str, hours: float) -> None:
    mine = with_choice(chose(own_quiet=True, quiet_from="22:00", quiet_until="07:00"))
    now = from_iso(asleep)
    decision = decide(news(), mine, now)
    assert decision == Hold(from_iso(opens), Reason(ReasonKind.QUIET_HOURS))
    assert isinstance(decision, Hold)
    assert decision.until - now == hours * HOUR
    assert isinstance(decide(news(), mine, decision.until), Send)


@pytest.mark.parametrize(("ends", "now", "opens"), [
    ("02:30", "2027-03-28T00:30:00+01:00", "2027-03-28T03:00:00+02:00"),  # half past two is skipped: when it jumps
    ("02:30", "2026-10-25T00:30:00+02:00", "2026-10-25T02:30:00+01:00"),  # it comes twice: the second
])
def test_quiet_hours_that_end_in_the_hour_that_is_skipped_or_comes_twice(ends: str, now: str, opens: str) -> None:
    mine = with_choice(chose(own_quiet=True, quiet_from="22:00", quiet_until=ends))
    assert decide(news(), mine, from_iso(now)) == Hold(from_iso(opens), Reason(ReasonKind.QUIET_HOURS))


def test_one_message_a_day_waits_for_its_hour() -> None:
    daily = with_choice(chose(amount=Amount.DIGEST, digest_at="18:00"))
    due = from_iso("2026-11-23T18:00:00+01:00")
    decision = decide(news(), daily, NOON)
    assert isinstance(decision, Hold)
    assert decision.of_the_day == (HER, due)
    assert (decision.until, decision.reason.kind) == (due + DAILY_MARGIN, ReasonKind.ONCE_A_DAY)
    late = decide(news(), daily, due)
    assert isinstance(late, Hold)
    assert late.of_the_day == (HER, from_iso("2026-11-24T18:00:00+01:00"))
    assert isinstance(decide(news(list_id="N-day"), daily, due + HOUR), Send)  # the day's message did not tell it


def test_the_hour_of_the_day_is_never_in_quiet_hours() -> None:
    daily = with_choice(chose(amount=Amount.DIGEST, digest_at="23:00"))
    decision = decide(news(), daily, NOON)
    assert isinstance(decision, Hold)
    assert decision.of_the_day == (HER, MORNING)


def test_the_order_of_contacts_is_their_owners() -> None:
    order = {HER: chose(contact_order=["c-sms", "gone", "c-email"])}
    assert [one.id for one in in_order((EMAIL, SMS, ERNA), order)] == ["c-sms", "c-email", "c-erna"]


def test_they_read_the_language_that_they_chose() -> None:
    erna = Person(id="erna", customer_id="alice", name="Erna", role=PersonRole.OWNER, locale="en")
    case = replace(HOME, reader=erna, choices={person("erna"): chose(person("erna"), locale="de",
                                                                     timezone="Europe/Lisbon")})
    assert reader_of(news(), case, "UTC") == ("Erna", "de", "Europe/Lisbon")


def test_what_is_not_on_the_form_is_not_wanted_and_what_nobody_can_mute_is_never_muted() -> None:
    row = chose()
    given = Given("everything", "18:00", ["faults", "callbacks", "nonsense"], "", "none")
    apply_choice(row, read_choice(given, ["en"]))
    assert set(row.muted) == {TopicGroup.VISITS, TopicGroup.SURVEYS, TopicGroup.MAINTENANCE}
    assert (row.own_quiet, row.quiet_from) == (True, None)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc", "/etc/passwd", "x" * 100_000, "\x00", "Europe/Zurich\n"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(Unclear) as unclear:
        read_choice(Given("everything", "18:00", [], "", "none", timezone=zone), ["en"])
    assert unclear.value.field == "timezone"


def test_a_form_as_it_stands_changes_nothing() -> None:
    row = chose()
    before = row.model_dump()
    apply_choice(row, Chosen())
    assert row.model_dump() == before


def test_an_address_is_shown_to_whoever_knows_it() -> None:
    assert [masked(one) for one in (EMAIL, SMS)] == ["a…@example.com", "+41…67"]
