"""An SLA's warning and its miss: whom they reach, when, and that each is said once."""

import pytest

from gateway.config.settings import Service
from gateway.model import (
    DISPATCHER,
    HOUR,
    MINUTE,
    Customer,
    Entry,
    EntryKind,
    Instant,
    Notification,
    Severity,
    Site,
    SlaClock,
    SlaKind,
    Ticket,
    from_iso,
)
from gateway.model.plan import Draft
from gateway.notifications.context import NotificationContext
from gateway.notifications.topics import TOPICS, TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.sla.watch import plan_sla_due

FRIDAY = from_iso("2026-11-27T16:00:00+01:00")
DESK = Service(callback_timezone="Europe/Berlin", callback_hours={
    day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")})


def looked_at(clock: SlaClock, now: Instant, severity: Severity = Severity.MAJOR, service: Service = DESK
              ) -> tuple[list[Entry], list[Notification]]:
    """What the sweep writes down, and whom it tells."""
    ticket = Ticket(id="T-1", site_id="s-1", customer_id="c-1", device_id="d-1", cause_key="rule", cause="cold",
                    skill="heating", severity=severity, opened_at=FRIDAY)
    draft = Draft()
    work = SiteWork(draft, Site(id="s-1", customer_id="c-1", name="home"), Customer(id="c-1", name="Anna"),
                    tickets={ticket.id: ticket})
    plan_sla_due(clock, work, Policy(service, lambda prefix: f"{prefix}-1"), now)
    return [row for row, _ in draft.rows(Entry)], [row for row, _ in draft.rows(Notification)]


def clock_due(due: Instant, warn: Instant | None = None) -> SlaClock:
    return SlaClock(id="S-1", ticket_id="T-1", kind=SlaKind.SOLUTION,
                    policy="standard@1", policy_name="standard", target_ms=8 * HOUR,
                    running_since=FRIDAY, due_at=due, warn_at=warn)


def test_the_dispatcher_is_warned_once_when_most_of_the_time_is_used() -> None:
    clock = clock_due(FRIDAY + HOUR, FRIDAY)
    (said,), (told,) = looked_at(clock, FRIDAY)
    assert (said.kind, told.topic, told.recipient) == (EntryKind.SLA_WARNED, TopicName.SLA_WARNING, DISPATCHER)
    assert (told.facts["sla"], told.facts["due_at"], told.facts["policy"]) == ("solution", FRIDAY + HOUR, "standard@1")
    assert (told.due_at, told.critical) == (FRIDAY, False)
    assert looked_at(clock, FRIDAY + MINUTE) == ([], [])


@pytest.mark.parametrize(("severity", "service", "said_at"), [
    (Severity.MAJOR, DESK, "2026-11-30T09:00:00+01:00"),
    (Severity.CRITICAL, DESK, "2026-11-27T23:00:00+01:00"),
    (Severity.MAJOR, Service(), "2026-11-27T23:00:00+01:00"),
])
def test_a_warning_at_night_waits_for_the_desk_unless_somebody_is_in_danger_zammad_4432(
        severity: Severity, service: Service, said_at: str) -> None:
    night = from_iso("2026-11-27T23:00:00+01:00")
    _, (told,) = looked_at(clock_due(night + 80 * HOUR, night), night, severity, service)
    assert told.due_at == from_iso(said_at)


def test_a_miss_is_told_at_once_at_any_hour_and_says_which_version_was_agreed() -> None:
    clock = clock_due(FRIDAY, FRIDAY - HOUR)
    (said,), (told,) = looked_at(clock, FRIDAY + 8 * HOUR)
    assert (said.kind, said.parameters["policy"]) == (EntryKind.SLA_MISSED, "standard@1")
    assert (told.topic, told.due_at, told.critical) == (TopicName.SLA_MISSED, FRIDAY + 8 * HOUR, True)
    assert (clock.missed_at, clock.warn_at) == (FRIDAY, None)
    assert looked_at(clock, FRIDAY + 9 * HOUR) == ([], [])


def test_what_a_higher_priority_made_late_is_nobodys_miss_and_is_told_all_the_same() -> None:
    clock = clock_due(FRIDAY)
    clock.inherited = True
    (said,), (told,) = looked_at(clock, FRIDAY)
    assert (said.kind, told.topic) == (EntryKind.SLA_INHERITED, TopicName.SLA_MISSED)


def test_a_clock_of_a_ticket_that_is_over_is_looked_at_once_and_never_again() -> None:
    clock = clock_due(FRIDAY, FRIDAY - HOUR)
    clock.ticket_id = "T-GONE"
    assert looked_at(clock, FRIDAY) == ([], [])
    assert (clock.due_at, clock.warn_at, clock.ended_at) == (None, None, FRIDAY)


def test_a_message_about_a_target_that_has_been_met_or_moved_is_dropped_when_it_is_about_to_go() -> None:
    clock = clock_due(FRIDAY + HOUR, FRIDAY)
    _, (told,) = looked_at(clock, FRIDAY)
    obsolete = TOPICS[TopicName.SLA_WARNING].obsolete_when
    assert obsolete(told, NotificationContext(sla_clocks=(clock,)), FRIDAY + MINUTE) is None
    assert obsolete(told, NotificationContext(sla_clocks=(clock,)), FRIDAY + HOUR) is not None, "the miss is told"
    moved = clock_due(FRIDAY + 2 * HOUR)
    assert obsolete(told, NotificationContext(sla_clocks=(moved,)), FRIDAY + MINUTE) is not None
    clock.due_at, clock.ended_at = None, FRIDAY
    assert obsolete(told, NotificationContext(sla_clocks=(clock,)), FRIDAY + MINUTE) is not None
