"""What follows when an SLA clock comes near its end, or reaches it."""

from typing import Any

from gateway.calendars.desk_hours import desk_hours
from gateway.calendars.opening_hours import next_opening
from gateway.model import DISPATCHER, EntryKind, Instant, Severity, Ticket
from gateway.model.tickets import SlaClock
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.facts import ticket_facts
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.on_call.pages import OF_THE_SLA, page_dispatcher
from gateway.tickets.sla.clock import end
from gateway.tickets.sla.policy import ROUND_THE_CLOCK


def plan_sla_due(clock: SlaClock, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Missed: somebody is paged at once. Most of the time is used: the dispatcher is warned. Once each."""
    ticket = work.tickets.get(clock.ticket_id)
    if ticket is None:  # it is over, whoever ended it: nobody looks again
        end(clock, ROUND_THE_CLOCK, now)
    if ticket is None or clock.due_at is None or clock.missed_at is not None:
        clock.warn_at = None
        return
    draft = work.draft
    said: dict[str, Any] = {"clock": clock.kind, "due": clock.due_at, "policy": clock.policy}
    facts = ticket_facts(ticket, work, policy) | {"sla": clock.kind, "due_at": clock.due_at, "policy": clock.policy}
    if clock.due_at <= now:
        clock.missed_at, clock.warned_at, clock.warn_at = clock.due_at, clock.warned_at or now, None
        kind = EntryKind.SLA_INHERITED if clock.inherited else EntryKind.SLA_MISSED
        draft.add(entry(ticket, now, kind, **said))
        page_dispatcher(draft, policy, ticket, OF_THE_SLA[clock.kind], now, facts=facts)
    elif clock.warn_at is not None and clock.warn_at <= now:
        clock.warned_at, clock.warn_at = now, None
        warning = notify(policy, DISPATCHER, TopicName.SLA_WARNING, ticket, f"{clock.kind}/{clock.due_at}", now,
                         facts=facts)
        warning.due_at = _read_at(ticket, policy, now)
        draft.add(entry(ticket, now, EntryKind.SLA_WARNED, **said), warning)


def _read_at(ticket: Ticket, policy: Policy, now: Instant) -> Instant:
    """A deadline is not a notification: what can wait is said when somebody is at the desk, and then only if the time
    is not over by then."""
    hours = desk_hours(policy.service)
    if ticket.severity is Severity.CRITICAL or hours is None:
        return now
    return next_opening(hours, now) or now
