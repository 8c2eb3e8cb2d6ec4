"""The versions of SLA policies, and the open clocks and tickets that another version concerns."""

from collections.abc import Iterable

from sqlalchemy import exists
from sqlmodel import Session, col, select

from gateway.model import Device, Instant, SlaClock, SlaKind, SlaPolicyVersion, Ticket
from gateway.model.plan import Draft
from gateway.store.chunks import chunks
from gateway.store.contexts.visits import same_trip
from gateway.tickets.sla.follow import Clocks
from gateway.tickets.sla.policy import PolicyFacts, SlaPolicies, SlaPolicy, content, from_content, policy_facts

TicketClocks = tuple[Ticket, dict[SlaKind, SlaClock], PolicyFacts]


def keep_versions(session: Session, policies: SlaPolicies, now: Instant) -> None:
    """Writes down every version that is loaded for the first time."""
    known = set(session.exec(select(SlaPolicyVersion.id).where(col(SlaPolicyVersion.id).in_(
        [policy.id for policy in policies]))))
    session.add_all(SlaPolicyVersion(id=policy.id, content=content(policy), first_loaded_at=now)
                    for policy in policies if policy.id not in known)
    session.flush()


def versions(session: Session, ids: Iterable[str]) -> dict[str, SlaPolicy]:
    """By id, as they stood."""
    found = session.exec(select(SlaPolicyVersion).where(col(SlaPolicyVersion.id).in_(set(ids))))
    return {row.id: from_content(row.content) for row in found}


def of_other_versions(session: Session, draft: Draft, policies: SlaPolicies, limit: int) -> list[TicketClocks]:
    """At most `limit` tickets with an open clock that was set by another version than those; with all open clocks, as
    copies of the draft."""
    other = select(SlaClock.ticket_id).where(
        col(SlaClock.ended_at).is_(None), col(SlaClock.policy).not_in([policy.id for policy in policies]))
    return _with_clocks(session, draft, set(session.exec(other.limit(limit))))


def without_clocks(session: Session, draft: Draft, after: str, limit: int) -> list[TicketClocks]:
    """At most `limit` open tickets without any clock, in the order of their ids, those above `after`."""
    without = select(Ticket.id).where(Ticket.id > after, col(Ticket.closed_at).is_(None), ~exists().where(
        col(SlaClock.ticket_id) == Ticket.id))
    return _with_clocks(session, draft, session.exec(without.order_by(Ticket.id).limit(limit)))


def add_clocks(session: Session, draft: Draft, ticket_ids: Iterable[str]) -> dict[str, Clocks]:
    """Ticket → its clocks, open and ended, as copies of the draft."""
    return {ticket_id: {clock.kind: draft.copy(clock) for clock in clocks}
            for ticket_id, clocks in of_tickets(session, ticket_ids).items()}


def of_tickets(session: Session, ticket_ids: Iterable[str]) -> dict[str, list[SlaClock]]:
    """Ticket → its clocks, to be read."""
    found: dict[str, list[SlaClock]] = {}
    for some in chunks(ticket_ids):
        for row in session.exec(select(SlaClock).where(col(SlaClock.ticket_id).in_(some)).order_by(
                col(SlaClock.kind))):
            found.setdefault(row.ticket_id, []).append(row)
    return found


def clocks_with_policies(session: Session, ticket_id: str) -> list[tuple[SlaClock, SlaPolicy]]:
    """The clocks of a ticket, each with the version that it was set by."""
    clocks = of_tickets(session, [ticket_id]).get(ticket_id, [])
    there = versions(session, {clock.policy for clock in clocks})
    return [(clock, there[clock.policy]) for clock in clocks]


def update_clocks(session: Session, draft: Draft, ticket_ids: Iterable[str]) -> list[tuple[Ticket, SlaClock]]:
    """The open update clocks of these tickets, and of those that the same trip shall settle: what is said of one is
    said of all. The clocks are copies of the draft."""
    ids = set(ticket_ids)
    if not ids:
        return []
    ids = ids.union(*same_trip(session, ids).values())
    found = session.exec(select(Ticket, SlaClock).join(SlaClock, col(SlaClock.ticket_id) == Ticket.id).where(
        SlaClock.kind == SlaKind.UPDATE, col(SlaClock.ended_at).is_(None), col(Ticket.id).in_(ids)))
    return [(ticket, draft.copy(clock)) for ticket, clock in found]


def _with_clocks(session: Session, draft: Draft, ticket_ids: Iterable[str]) -> list[TicketClocks]:
    ids = list(ticket_ids)
    clocks = add_clocks(session, draft, ids)
    found: list[TicketClocks] = []
    for some in chunks(ids):
        rows = session.exec(select(Ticket, Device.profile).outerjoin(Device, col(Device.id) == Ticket.device_id)
                            .where(col(Ticket.id).in_(some)))
        found += [(ticket, dict(clocks.get(ticket.id, {})), policy_facts(ticket, profile or ""))
                  for ticket, profile in rows]
    return found
