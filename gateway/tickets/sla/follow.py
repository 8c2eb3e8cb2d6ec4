"""SLA clocks follow their ticket: which of them run, stand still or have ended is derived from it at every event."""

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum

from gateway.model import Device, Instant, Severity, SlaKind, Ticket, TicketState
from gateway.model.plan import Draft, Plan
from gateway.model.tickets import SlaClock
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.households.needs import send_first
from gateway.tickets.lifecycle import UNDER_WAY, WORKS
from gateway.tickets.on_call.pages import gather_missed, settle_pages
from gateway.tickets.sla.clock import end, recount, restart, retarget, run, set_due, used
from gateway.tickets.sla.policy import ROUND_THE_CLOCK, SlaPolicies, SlaPolicy, policy_facts

NOTHING_COUNTS = frozenset((TicketState.RESOLVED, TicketState.MERGED))  # it may come back, or be taken apart again
OVER = frozenset((TicketState.CLOSED, TicketState.CANCELLED))

Clocks = Mapping[SlaKind, SlaClock]


class Course(StrEnum):
    """What a clock does."""

    RUNS = "runs"
    """Working time counts."""
    STANDS = "stands"
    """It keeps what it has used."""
    ENDS = "ends"
    """What it counted has happened, or is no longer needed."""


def course(kind: SlaKind, state: TicketState, policy: SlaPolicy) -> Course:
    """What the ticket's state asks of a clock; nothing else decides it."""
    if state in OVER or (kind is SlaKind.FIRST_RESPONSE and state in UNDER_WAY | WORKS):
        return Course.ENDS
    return Course.STANDS if state in policy.freezes | NOTHING_COUNTS else Course.RUNS


def complete(draft: Draft, policy: Policy, now: Instant, first: Collection[str] = ()) -> Plan:
    """The plan, when all else is planned: what follows from the state of a ticket, whoever wrote it, is added here, so
    that nobody has to think of it. `first`: ids of customers whose messages leave before others'."""
    follow_tickets(draft, policy.sla, policy.new_id, now)
    settle_pages(draft, now)
    gather_missed(draft)
    send_first(draft, first)
    return draft.plan()


def follow_tickets(draft: Draft, policies: SlaPolicies, new_id: Callable[[str], str], now: Instant) -> None:
    """Opens the clocks of new tickets, and sets those of all that the draft has handed out by their state and
    severity."""
    clocks: dict[str, dict[SlaKind, SlaClock]] = {}
    for clock, _ in draft.rows(SlaClock):
        clocks.setdefault(clock.ticket_id, {})[clock.kind] = clock
    profiles = {device.id: device.profile for device, _ in draft.rows(Device)}
    for ticket, before in list(draft.rows(Ticket)):
        mine = clocks.get(ticket.id, {})
        if before is None and not mine:
            policy = policies.for_ticket(policy_facts(ticket, profiles.get(ticket.device_id or "", "")))
        else:
            policy = next((policies.named(clock.policy_name) for clock in mine.values()), None)
        if policy is None:
            for clock in mine.values() if ticket.state in OVER else ():  # nobody knows its hours any more
                end(clock, ROUND_THE_CLOCK, now)
        else:
            severity = ticket.severity if before is None else before["severity"]
            new = follow(ticket, severity, mine, policy, new_id, now)
            clocks[ticket.id] = mine | {clock.kind: clock for clock in new}
            draft.add(*new)
    for ticket, before in draft.rows(Ticket):
        if ticket.state is TicketState.MERGED and before is not None and before["state"] is not TicketState.MERGED:
            survivor = next((other for other, _ in draft.rows(Ticket) if other.id == ticket.merged_into), None)
            if survivor is not None:
                carry_over(clocks.get(ticket.id, {}), clocks.get(survivor.id, {}), survivor, policies, now)


def follow(ticket: Ticket, severity_before: Severity, clocks: Clocks, policy: SlaPolicy, new_id: Callable[[str], str],
           now: Instant) -> list[SlaClock]:
    """Sets the clocks of one ticket; asked twice, it changes nothing the second time. Returns those that are new."""
    calendar = policy.calendar(ticket.severity)
    new = []
    for kind in SlaKind:
        clock, target = clocks.get(kind), _target(ticket, kind, policy)
        what = course(kind, ticket.state, policy)
        if clock is None:
            if target is None or what is Course.ENDS:
                continue
            clock = SlaClock(id=new_id("S"), ticket_id=ticket.id, kind=kind, policy=policy.id, policy_name=policy.name,
                             target_ms=target, warn_percent=policy.warn_percent)
            new.append(clock)
        elif severity_before is not ticket.severity and clock.ended_at is None and target is not None:
            retarget(clock, target, policy.calendar(severity_before), calendar, now)
            clock.policy = policy.id
        if what is Course.ENDS or target is None:
            end(clock, calendar, now)
        else:
            run(clock, what is Course.RUNS, calendar, now)
    return new


def adopt(ticket: Ticket, clocks: Clocks, versions: Mapping[str, SlaPolicy], policy: SlaPolicy,
          new_id: Callable[[str], str], now: Instant) -> list[SlaClock]:
    """The policies have changed under an open ticket: its clocks count by the one that covers it now. What is late only
    by that was missed by nobody, and nobody is paged for it. Returns clocks that are new. `versions`: by id, those that
    the clocks were set by."""
    calendar = policy.calendar(ticket.severity)
    for kind, clock in clocks.items():
        before, target = versions[clock.policy], _target(ticket, kind, policy)
        if clock.ended_at is not None or clock.policy == policy.id or target is None:
            continue
        clock.warn_percent, clock.policy, clock.policy_name = policy.warn_percent, policy.id, policy.name
        if before.name == policy.name:
            recount(clock, target, calendar, now)
        else:
            retarget(clock, target, before.calendar(ticket.severity), calendar, now)
        if clock.inherited and clock.missed_at is None:
            clock.missed_at = now
    return follow(ticket, ticket.severity, clocks, policy, new_id, now)


def plan_person_acted(tickets: Iterable[Ticket], spoken: bool, work: SiteWork, policy: Policy, now: Instant) -> None:
    """One of the operator's own people has done something about these tickets; `spoken`: with the customer."""
    for ticket in tickets:
        clocks = work.sla_clocks.get(ticket.id, {})
        end_first_response(clocks, ticket, policy.sla, now)
        if spoken:
            restart_update(clocks, ticket, policy.sla, now)


def end_first_response(clocks: Clocks, ticket: Ticket, policies: SlaPolicies, now: Instant) -> None:
    """A person has acknowledged it: that is a first response too, also before any firm accepts."""
    clock = clocks.get(SlaKind.FIRST_RESPONSE)
    policy = None if clock is None else policies.named(clock.policy_name)
    if clock is not None and policy is not None:
        end(clock, policy.calendar(ticket.severity), now)


def restart_update(clocks: Clocks, ticket: Ticket, policies: SlaPolicies, now: Instant) -> None:
    """A message about the ticket has been handed over: the next is due one target later. No other clock minds."""
    clock = clocks.get(SlaKind.UPDATE)
    policy = None if clock is None else policies.named(clock.policy_name)
    if clock is not None and policy is not None:
        restart(clock, policy.calendar(ticket.severity), now)


def carry_over(clocks: Clocks, into: Clocks, survivor: Ticket, policies: SlaPolicies, now: Instant) -> None:
    """Merged: whoever has waited longer counts. The surviving ticket has used at least what the other had (which stands
    still by now), and what was missed there is missed here too."""
    for kind, clock in into.items():
        other, policy = clocks.get(kind), policies.named(clock.policy_name)
        if other is None or policy is None or clock.ended_at is not None:
            continue
        calendar = policy.calendar(survivor.severity)
        if other.used_ms > used(clock, calendar, now):
            clock.used_ms = other.used_ms
            clock.running_since = None if clock.running_since is None else now
            clock.missed_at = clock.missed_at or (other.missed_at if other.used_ms >= clock.target_ms else None)
            set_due(clock, calendar)


def _target(ticket: Ticket, kind: SlaKind, policy: SlaPolicy) -> int | None:
    """The customers of an outage hear from the outage, not from its ticket."""
    if kind is SlaKind.UPDATE and ticket.outage_id is not None:
        return None
    return policy.target(ticket.severity, kind)
