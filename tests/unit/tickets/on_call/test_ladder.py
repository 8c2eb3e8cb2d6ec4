"""Who is paged after whom, at which hour."""

import pytest

from gateway.config.settings import OnCall, Service
from gateway.model import DISPATCHER, MINUTE, Instant, OnCallPage, OnCallRole, SubjectKind, emergency, from_iso, on_call
from gateway.tickets.on_call.ladder import acknowledged_for, ladder, next_rung, patience

DAY_SHIFT = {day: [("08:00", "18:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
PEOPLE = {name: {"name": name.title(), "contacts": [{"channel": "sms", "address": "+41790000001"}]}
          for name in ("dana", "max", "nina")}
TEAM = OnCall.model_validate({
    "people": PEOPLE, "timezone": "Europe/Zurich",
    "dispatcher": [{"people": ["dana", "max"], "hours": DAY_SHIFT, "days_off": {"country": "CH", "subdivision": "ZH"}},
                   {"people": ["nina", "dana"]}],
    "emergency": [{"people": ["max"], "hours": DAY_SHIFT}]})
CONTACT = {"channel": "email", "address": "desk@example.com"}
BOTH = Service(dispatcher=[CONTACT], emergency=[CONTACT, CONTACT])


def names(role: OnCallRole, at: Instant, settings: OnCall = TEAM) -> list[str]:
    return [rung.person for rung in ladder(role, settings, Service(), at)]


@pytest.mark.parametrize(("at", "people"), [
    ("2026-11-23T07:59:59+01:00", ["nina", "dana"]), ("2026-11-23T08:00:00+01:00", ["dana", "max", "nina"]),
    ("2026-11-23T18:00:00+01:00", ["nina", "dana"]), ("2026-12-25T10:00:00+01:00", ["nina", "dana"]),  # Christmas
])
def test_all_shifts_on_duty_count_in_their_order_and_nobody_twice(at: str, people: list[str]) -> None:
    assert names(OnCallRole.DISPATCHER, from_iso(at)) == people


def test_in_an_hour_of_nobody_everybody_of_the_role_is_paged() -> None:
    assert names(OnCallRole.EMERGENCY, from_iso("2026-11-23T23:00:00+01:00")) == ["max"]


def test_without_shifts_the_contacts_of_the_service_are_one_rung() -> None:
    nobody = OnCall()
    assert [rung.recipients for rung in ladder(OnCallRole.DISPATCHER, nobody, BOTH, 0)] == [(DISPATCHER,)]
    assert [rung.recipients for rung in ladder(OnCallRole.EMERGENCY, nobody, BOTH, 0)] == [(emergency(1), emergency(2))]
    assert [rung.recipients for rung in ladder(OnCallRole.EMERGENCY, nobody, Service(), 0)] == [(DISPATCHER,)]


def test_a_call_for_help_with_nobody_of_its_own_goes_up_the_dispatchers_ladder() -> None:
    team = TEAM.model_copy(update={"emergency": []})
    assert names(OnCallRole.EMERGENCY, from_iso("2026-11-23T23:00:00+01:00"), team) == ["nina", "dana"]


def test_after_the_last_comes_the_first_and_after_who_went_home_too() -> None:
    rungs = ladder(OnCallRole.DISPATCHER, TEAM, Service(), from_iso("2026-11-23T12:00:00+01:00"))
    asked, paged = [], None
    for _ in range(5):
        paged = next_rung(rungs, paged).person
        asked.append(paged)
    assert asked == ["dana", "max", "nina", "dana", "max"]
    assert next_rung(rungs, "gone").recipients == (on_call("dana"),)


@pytest.mark.parametrize(("urgent", "waits", "holds"), [(False, 300_000, 4 * 3_600_000), (True, 60_000, 300_000)])
def test_an_emergency_waits_a_minute_for_a_person_and_five_for_an_outcome(urgent: bool, waits: int, holds: int) -> None:
    page = OnCallPage(id="D-1", subject_kind=SubjectKind.TICKET, subject_id="T-1", site_id="s", opened_at=0,
                      urgent=urgent)
    assert (patience(page, TEAM), acknowledged_for(page)) == (waits, holds)


@pytest.mark.parametrize(("minutes", "urgent", "paged", "waits"), [
    (5, False, "", [5, 10, 20, 40, 60, 60, 60]),
    (90, False, "", [90] * 7),
    (5, False, "dana", [5] * 7),  # alone on duty, which is what the shifts say
    (5, True, "", [1] * 7),
])
def test_without_a_ladder_the_same_contacts_are_asked_at_growing_intervals(minutes: int, urgent: bool, paged: str,
                                                                           waits: list[int]) -> None:
    page = OnCallPage(id="D-1", subject_kind=SubjectKind.TICKET, subject_id="T-1", site_id="s", opened_at=0,
                      urgent=urgent, paged=paged)
    found = []
    for page.repeats in range(7):
        found.append(patience(page, OnCall(minutes=minutes)) // MINUTE)
    assert found == waits
