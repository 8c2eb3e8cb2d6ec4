"""SLA clocks follow their ticket: each fault that users of other systems report is a test here, named after it."""

from datetime import date
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calendars.days_off import DaysOff
from gateway.calendars.opening_hours import DAYS, Calendar
from gateway.calendars.working_time import between
from gateway.model import HOUR, MINUTE, Device, Severity, SlaKind, Ticket, TicketState, from_iso
from gateway.model.plan import Draft
from gateway.model.tickets import SlaClock
from gateway.tickets.sla.clock import used
from gateway.tickets.sla.follow import (
    Course,
    adopt,
    carry_over,
    course,
    end_first_response,
    follow,
    follow_tickets,
    restart_update,
)
from gateway.tickets.sla.policy import ROUND_THE_CLOCK, AppliesTo, SlaPolicies, SlaPolicy, Targets, policy_facts
from tests.drivers.examples import examples

DESK = Calendar("Europe/Berlin", dict.fromkeys(DAYS[:5], (("09:00", "17:00"),)))
FIRST, UPDATE, SOLUTION = SlaKind.FIRST_RESPONSE, SlaKind.UPDATE, SlaKind.SOLUTION
NEW, ASSIGNED, HOLD = TicketState.NEW, TicketState.ASSIGNED, TicketState.ON_HOLD
RESOLVED, CLOSED, MERGED = TicketState.RESOLVED, TicketState.CLOSED, TicketState.MERGED
STANDARD = SlaPolicy("standard", {
    Severity.MINOR: Targets(DESK, {FIRST: 4 * HOUR, SOLUTION: 20 * HOUR}),
    Severity.MAJOR: Targets(DESK, {FIRST: HOUR, UPDATE: 2 * HOUR, SOLUTION: 8 * HOUR}),
    Severity.CRITICAL: Targets(ROUND_THE_CLOCK, {FIRST: 15 * MINUTE, UPDATE: HOUR, SOLUTION: 4 * HOUR}),
})
POLICIES = SlaPolicies((STANDARD,))
_numbers = count(1)


def at(text: str) -> int:
    """"27 16:00": day and time in November 2026, Berlin; up to the 15th in December."""
    day, time = text.split()
    return from_iso(f"2026-{11 if int(day) > 15 else 12}-{int(day):02}T{time}:00+01:00")


def new_id(prefix: str) -> str:
    return f"{prefix}-{next(_numbers)}"


class Desk:
    """One ticket whose state and severity are set at given times, with its clocks."""

    def __init__(self, opened: str, severity: Severity = Severity.MAJOR, policy: SlaPolicy = STANDARD,
                 outage: str | None = None) -> None:
        self.policy = policy
        self.ticket = Ticket(id=f"T-{next(_numbers)}", site_id="s-1", customer_id="c-1", device_id="d-1",
                             cause_key="rule", cause="cold", skill="heating", severity=severity, outage_id=outage,
                             opened_at=at(opened))
        self.clocks: dict[SlaKind, SlaClock] = {}
        self.set(opened)

    def set(self, when: str, state: TicketState | None = None, severity: Severity | None = None) -> None:
        before = self.ticket.severity
        self.ticket.state, self.ticket.severity = state or self.ticket.state, severity or before
        new = follow(self.ticket, before, self.clocks, self.policy, new_id, at(when))
        self.clocks |= {clock.kind: clock for clock in new}

    def heard(self, when: str) -> None:
        restart_update(self.clocks, self.ticket, POLICIES, at(when))

    def due(self, kind: SlaKind) -> int | None:
        return self.clocks[kind].due_at

    def used_hours(self, kind: SlaKind, when: str) -> float:
        return used(self.clocks[kind], self.policy.calendar(self.ticket.severity), at(when)) / HOUR


@pytest.mark.parametrize(("kind", "runs", "stands", "ends"), [
    (FIRST, "new offered", "on_hold merged", "assigned en_route on_site resolved closed cancelled"),
    (UPDATE, "new offered assigned en_route on_site", "on_hold resolved merged", "closed cancelled"),
    (SOLUTION, "new offered assigned en_route on_site", "on_hold resolved merged", "closed cancelled"),
])
def test_what_each_clock_does_in_each_state_is_one_table(kind: SlaKind, runs: str, stands: str, ends: str) -> None:
    table = {Course.RUNS: runs, Course.STANDS: stands, Course.ENDS: ends}
    assert {state: course(kind, state, STANDARD) for state in TicketState} == {
        TicketState(state): what for what, states in table.items() for state in states.split()}


def test_a_policy_may_freeze_the_clocks_in_other_states_too() -> None:
    strict = SlaPolicy("strict", STANDARD.targets, freezes=frozenset())
    assert course(SOLUTION, HOLD, strict) is Course.RUNS
    lenient = SlaPolicy("lenient", STANDARD.targets, freezes=frozenset({TicketState.ON_SITE}))
    assert course(SOLUTION, TicketState.ON_SITE, lenient) is Course.STANDS


def test_opening_a_ticket_starts_a_clock_for_each_target_of_its_severity() -> None:
    desk = Desk("26 10:00", Severity.MINOR)
    assert {kind: clock.due_at for kind, clock in desk.clocks.items()} == {
        FIRST: at("26 14:00"), SOLUTION: at("30 14:00")}
    assert {clock.policy for clock in desk.clocks.values()} == {STANDARD.id}


def test_closed_hours_do_not_count_chatwoot_13392() -> None:
    assert Desk("27 16:30").due(FIRST) == at("30 09:30")


def test_the_warning_never_falls_on_midnight_glpi_22678() -> None:
    assert Desk("27 15:00").clocks[SOLUTION].warn_at == at("30 13:00")


def test_a_hold_asked_for_twice_counts_once_glpi_10594_erpnext_47884() -> None:
    desk = Desk("26 10:00")
    for when, state in (("26 11:00", HOLD), ("26 12:00", HOLD), ("26 13:00", NEW), ("26 14:00", NEW)):
        desk.set(when, state)
    assert desk.used_hours(SOLUTION, "26 15:00") == 3
    assert desk.due(SOLUTION) == at("27 12:00")


def test_a_new_priority_forgets_no_hold_glpi_6902() -> None:
    desk = Desk("26 09:00", Severity.MINOR)
    desk.set("26 10:00", HOLD)
    desk.set("26 13:00", NEW)
    desk.set("26 15:00", severity=Severity.MAJOR)
    assert desk.clocks[SOLUTION].used_ms == 3 * HOUR
    assert desk.due(SOLUTION) == at("27 12:00")
    assert (desk.due(FIRST), desk.clocks[FIRST].inherited) == (at("26 15:00"), True), "late by the new target alone"
    assert desk.due(UPDATE) == at("26 17:00"), "a target that it did not have before begins now"


def test_a_priority_with_other_hours_keeps_the_working_time_used() -> None:
    desk = Desk("27 15:00")
    desk.set("28 12:00", severity=Severity.CRITICAL)
    assert desk.clocks[SOLUTION].used_ms == 2 * HOUR, "Friday from 15:00 until 17:00"
    assert desk.due(SOLUTION) == at("28 14:00")


@pytest.mark.parametrize("state", [HOLD, RESOLVED, CLOSED, TicketState.CANCELLED, MERGED])
def test_nothing_is_late_while_on_hold_or_closed_glpi_24481_libredesk_70(state: TicketState) -> None:
    desk = Desk("26 10:00")
    desk.set("26 11:00", state)
    assert {(clock.due_at, clock.warn_at, clock.running_since) for clock in desk.clocks.values()} == {(None,) * 3}


def test_a_whole_day_and_a_night_shift_have_no_hole_at_midnight_zammad_3180() -> None:
    desk = Desk("26 23:30", Severity.CRITICAL)
    assert (desk.due(FIRST), desk.due(UPDATE), desk.due(SOLUTION)) == (at("26 23:45"), at("27 00:30"), at("27 03:30"))


def test_the_update_clock_overrides_no_first_response_zammad_5177() -> None:
    desk = Desk("26 10:00")
    desk.heard("26 10:30")
    assert (desk.due(FIRST), desk.due(UPDATE)) == (at("26 11:00"), at("26 12:30"))
    desk.set("26 10:45", ASSIGNED)
    assert (desk.due(FIRST), desk.clocks[FIRST].ended_at) == (None, at("26 10:45"))
    assert (desk.due(UPDATE), desk.due(SOLUTION)) == (at("26 12:30"), at("27 10:00"))


def test_waiting_for_a_part_is_not_overdue_osticket_1684_3034() -> None:
    desk = Desk("26 10:00")
    desk.set("26 12:00", ASSIGNED)
    desk.set("26 16:00", HOLD)
    desk.set("1 10:00", NEW)
    assert desk.used_hours(SOLUTION, "1 10:00") == 6
    assert desk.due(SOLUTION) == at("1 12:00")


def test_an_answer_by_a_person_ends_the_first_response_zammad_3140() -> None:
    desk = Desk("26 10:00")
    end_first_response(desk.clocks, desk.ticket, POLICIES, at("26 10:10"))
    desk.set("26 12:00")
    assert (desk.clocks[FIRST].ended_at, desk.clocks[FIRST].missed_at) == (at("26 10:10"), None)


def test_the_first_response_is_given_once_though_the_firm_hands_it_back() -> None:
    desk = Desk("26 10:00")
    desk.set("26 10:30", ASSIGNED)
    desk.set("26 11:30", NEW)
    assert desk.clocks[FIRST].ended_at == at("26 10:30")


def test_reopening_goes_on_with_the_time_used_breeze_6689() -> None:
    desk = Desk("26 10:00")
    desk.set("26 12:00", ASSIGNED)
    desk.set("26 15:00", RESOLVED)
    desk.set("27 11:00", NEW)
    assert desk.clocks[SOLUTION].used_ms == 5 * HOUR
    assert desk.due(SOLUTION) == at("27 14:00")


def test_what_ran_out_while_nobody_looked_was_missed_though_it_is_solved_now() -> None:
    desk = Desk("26 09:00", Severity.CRITICAL)
    desk.set("26 14:00", RESOLVED)
    assert desk.clocks[SOLUTION].missed_at == at("26 13:00")


def test_each_message_that_the_customer_hears_begins_the_next_round() -> None:
    desk = Desk("26 10:00")
    clock = desk.clocks[UPDATE]
    clock.warned_at, clock.missed_at = at("26 11:30"), at("26 12:00")
    desk.heard("26 12:30")
    assert (clock.due_at, clock.warn_at) == (at("26 14:30"), at("26 14:00"))
    assert {clock.warned_at, clock.missed_at} == {None}


def test_what_is_heard_during_a_hold_starts_no_clock() -> None:
    desk = Desk("26 10:00")
    desk.set("26 11:00", HOLD)
    desk.heard("26 11:05")
    assert desk.due(UPDATE) is None
    desk.set("27 09:00", NEW)
    assert desk.due(UPDATE) == at("27 11:00")


def test_an_outage_tells_its_customers_itself_so_that_its_ticket_has_no_update_clock() -> None:
    assert Desk("26 10:00", outage="U-1").clocks.keys() == {FIRST, SOLUTION}


def test_an_outage_falls_under_no_policy_of_the_home_where_it_began() -> None:
    assert policy_facts(Desk("26 10:00").ticket, "heat-pump") == ("c-1", "s-1", "heat-pump", "heating")
    assert policy_facts(Desk("26 10:00", outage="U-1").ticket, "heat-pump") == ("", "", "", "heating")


def test_of_two_merged_tickets_whoever_waited_longer_counts() -> None:
    first, second = Desk("26 09:00"), Desk("26 14:00")
    first.set("26 15:00", MERGED)
    carry_over(first.clocks, second.clocks, second.ticket, POLICIES, at("26 15:00"))
    assert second.clocks[SOLUTION].used_ms == 6 * HOUR
    assert second.due(SOLUTION) == at("26 17:00")


def test_what_was_missed_before_merging_is_not_missed_a_second_time() -> None:
    first, second = Desk("26 09:00"), Desk("26 14:00")
    first.clocks[FIRST].missed_at = at("26 10:00")
    first.set("26 15:00", MERGED)
    carry_over(first.clocks, second.clocks, second.ticket, POLICIES, at("26 15:00"))
    assert second.clocks[FIRST].missed_at == at("26 10:00")


def test_a_ticket_that_is_taken_out_of_another_goes_on_with_the_time_used() -> None:
    desk = Desk("26 09:00")
    desk.set("26 10:00", MERGED)
    desk.set("26 16:00", NEW)
    assert desk.due(SOLUTION) == at("27 15:00")


GOLD = SlaPolicy("gold", {Severity.MAJOR: Targets(ROUND_THE_CLOCK, {FIRST: HOUR, SOLUTION: 12 * HOUR})})
FRIDAY_OFF = SlaPolicy("standard", {Severity.MAJOR: Targets(
    DESK._replace(days_off=DaysOff(closed=frozenset({date(2026, 11, 27)}))), {FIRST: HOUR, SOLUTION: 8 * HOUR})})
CUT = SlaPolicy("standard", {Severity.MAJOR: Targets(DESK, {FIRST: HOUR, UPDATE: 2 * HOUR, SOLUTION: 4 * HOUR})})
VERSIONS = {policy.id: policy for policy in (STANDARD, GOLD, FRIDAY_OFF, CUT)}


def adopted(desk: Desk, policy: SlaPolicy, when: str) -> dict[SlaKind, SlaClock]:
    desk.clocks |= {clock.kind: clock for clock in adopt(desk.ticket, desk.clocks, VERSIONS, policy, new_id, at(when))}
    return desk.clocks


def test_a_day_off_that_the_next_version_declares_counts_as_if_it_had_always_been_there() -> None:
    clocks = adopted(Desk("26 14:00"), FRIDAY_OFF, "30 09:30")
    assert clocks[SOLUTION].due_at == at("30 14:00")
    assert clocks[SOLUTION].policy == FRIDAY_OFF.id
    assert clocks[UPDATE].ended_at == at("30 09:30"), "the new version promises no updates"


def test_another_policy_counts_from_now_on_and_keeps_what_was_used() -> None:
    clocks = adopted(Desk("26 14:00"), GOLD, "27 11:00")
    assert clocks[SOLUTION].used_ms == 5 * HOUR
    assert clocks[SOLUTION].due_at == at("27 18:00")


def test_what_is_late_only_by_the_new_version_is_inherited_and_nobody_is_paged() -> None:
    clock = adopted(Desk("26 10:00"), CUT, "27 09:30")[SOLUTION]
    assert (clock.inherited, clock.missed_at, clock.due_at) == (True, at("27 09:30"), at("26 14:00"))


def test_a_longer_target_gives_time_again_and_may_be_warned_of_and_missed_anew() -> None:
    desk = Desk("26 10:00", policy=CUT)
    clock = desk.clocks[SOLUTION]
    clock.warned_at, clock.missed_at = at("26 13:00"), at("26 14:00")
    adopted(desk, STANDARD, "26 15:00")
    assert (clock.warn_at, clock.due_at) == (at("26 16:00"), at("27 10:00"))
    assert {clock.warned_at, clock.missed_at} == {None}


def test_a_ticket_that_was_there_before_any_policy_is_measured_from_now_on() -> None:
    ticket = Desk("26 10:00").ticket
    clocks = adopt(ticket, {}, {}, STANDARD, new_id, at("27 10:00"))
    assert {clock.kind: clock.due_at for clock in clocks}[FIRST] == at("27 11:00")


def test_an_ended_clock_keeps_the_version_that_it_was_judged_by() -> None:
    desk = Desk("26 10:00")
    desk.set("26 10:30", ASSIGNED)
    assert adopted(desk, CUT, "26 12:00")[FIRST].policy == STANDARD.id


@examples(300)
@given(st.lists(st.tuples(st.integers(0, 3000), st.sampled_from([NEW, HOLD, ASSIGNED, RESOLVED])), max_size=8),
       st.sampled_from([DESK, ROUND_THE_CLOCK, Calendar("Europe/Berlin", {"sat": (("22:00", "06:00"),),
                                                                          "tue": (("08:00", "12:00"),)})]),
       st.integers(1, 60))
def test_whatever_pauses_there_are_the_working_time_until_due_is_the_target(
        steps: list[tuple[int, TicketState]], calendar: Calendar, hours: int) -> None:
    policy = SlaPolicy("any", {Severity.MAJOR: Targets(calendar, {SOLUTION: hours * HOUR})})
    desk = Desk("26 10:00", policy=policy)
    clock, now, worked = desk.clocks[SOLUTION], at("26 10:00"), 0
    for minutes, state in steps:
        later = now + minutes * MINUTE
        worked += between(calendar, now, later) if desk.ticket.state in (NEW, ASSIGNED) else 0
        now, desk.ticket.state = later, state
        follow(desk.ticket, desk.ticket.severity, desk.clocks, policy, new_id, now)
    assert used(clock, calendar, now) == worked
    if clock.running_since is not None and worked < hours * HOUR:
        assert clock.due_at is not None
        assert worked + between(calendar, now, clock.due_at) == hours * HOUR


def test_a_ticket_that_ends_ends_its_clocks_also_when_nobody_knows_their_policy_any_more() -> None:
    desk, draft = Desk("26 10:00"), Draft()
    ticket = draft.copy(desk.ticket)
    clocks = [draft.copy(clock) for clock in desk.clocks.values()]
    follow_tickets(draft, SlaPolicies(), new_id, at("26 10:30"))
    assert all(clock.running_since for clock in clocks)
    ticket.state = TicketState.CANCELLED
    follow_tickets(draft, SlaPolicies(), new_id, at("26 11:00"))
    assert {clock.ended_at for clock in clocks} == {at("26 11:00")}


def test_the_draft_opens_the_clocks_of_new_tickets_and_follows_the_others() -> None:
    heat_pumps = SlaPolicy("heat-pumps", STANDARD.targets, AppliesTo(profiles=frozenset({"heat-pump"})))
    policies = SlaPolicies((heat_pumps, STANDARD))
    draft, desk = Draft(), Desk("26 10:00")
    old = draft.copy(desk.ticket)
    for clock in desk.clocks.values():
        draft.copy(clock)
    old.state = HOLD
    draft.copy(Device(id="d-1", name="Heat pump", site_id="s-1", profile="heat-pump", key="native:d-1"))
    fresh = Ticket(id="T-fresh", site_id="s-1", customer_id="c-1", device_id="d-1", cause_key="other", cause="wet",
                   skill="heating", severity=Severity.MAJOR, opened_at=at("26 11:00"))
    draft.add(fresh)
    for _ in range(2):
        follow_tickets(draft, policies, new_id, at("26 11:00"))
    opened = [clock for clock, before in draft.rows(SlaClock) if before is None]
    assert {(clock.ticket_id, clock.policy) for clock in opened} == {("T-fresh", heat_pumps.id)}
    assert len(opened) == 3
    assert {clock.running_since for clock, before in draft.rows(SlaClock) if before is not None} == {None}
