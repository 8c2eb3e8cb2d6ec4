"""Queries for visits: which tickets a trip settles, where the same technician goes next, and which can be reached."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import bindparam
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gateway.model import (
    Contact,
    CustomerAct,
    Entry,
    EntryKind,
    Instant,
    Job,
    JobTicket,
    PendingAct,
    Promise,
    RecipientKind,
    Technician,
    Ticket,
    Visit,
    VisitState,
)
from gateway.model.plan import Draft
from gateway.tickets.context import BeforeArrival, Booking, SiteWork

_OTHER = aliased(JobTicket)
_QUESTION = (EntryKind.STILL_NEEDED_ASKED, EntryKind.STILL_NEEDED_UNANSWERED, EntryKind.VISIT_KEPT)
_SAME_TRIP = (  # built once: each message asks it
    select(JobTicket.ticket_id, _OTHER.ticket_id).join(_OTHER, col(_OTHER.job_id) == col(JobTicket.job_id))
    .where(col(JobTicket.ticket_id).in_(bindparam("ids", expanding=True)),
           col(_OTHER.ticket_id) != JobTicket.ticket_id))


def same_trip(session: Session, ticket_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Ticket id → ids of the other tickets that a job of it is to settle too, or has settled."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    if ids := list(ticket_ids):
        for mine, other in session.exec(_SAME_TRIP, params={"ids": ids}):
            found[mine].add(other)
    return {ticket_id: frozenset(others) for ticket_id, others in found.items()}


def sites_after(session: Session, visit_ids: Iterable[str]) -> set[str]:
    """Ids of the sites to which whoever makes one of these visits is to go, too."""
    found: set[str] = set()
    for visit in session.exec(select(Visit).where(col(Visit.id).in_(set(visit_ids)))).all():
        found |= set(session.exec(
            select(Job.site_id).join(Visit, col(Visit.job_id) == Job.id)
            .where(Visit.provider_id == visit.provider_id, Visit.technician == visit.technician,
                   Visit.state == VisitState.PLANNED)))
    return found


def booked(session: Session, visit: Visit, now: Instant) -> list[Booking]:
    """What else the firm of this visit has to do from now on: its other visits, and where a household has asked for
    another time within the last minute."""
    others = session.exec(select(Visit.technician, Visit.window_from, Visit.window_until).where(
        Visit.provider_id == visit.provider_id, Visit.id != visit.id, col(Visit.done_at).is_(None),
        col(Visit.window_until) > now))
    asked = session.exec(select(Visit.technician, PendingAct.window_from, PendingAct.window_until).join(
        Ticket, col(Ticket.visit_id) == Visit.id).join(PendingAct, col(PendingAct.ticket_id) == Ticket.id).where(
        Visit.provider_id == visit.provider_id, Visit.id != visit.id, col(PendingAct.closed_at).is_(None),
        PendingAct.kind == CustomerAct.MOVE))
    return [Booking(technician, begins or 0, ends or 0) for technician, begins, ends in (*others, *asked)]


def before_arrival(session: Session, draft: Draft, visit: Visit, work: SiteWork) -> BeforeArrival:
    """What the arrival at this visit has ended, as copies of the draft."""
    if visit.on_site_at is None:
        return BeforeArrival()
    settled = session.exec(select(Promise).where(
        Promise.subject_id == visit.job_id, Promise.settled_at == visit.on_site_at).order_by(col(Promise.made_at)))
    tickets = [ticket.id for ticket in work.tickets_of(work.jobs[visit.job_id])]
    last = session.exec(select(Entry).where(
        col(Entry.subject_id).in_(tickets), col(Entry.kind).in_(_QUESTION), Entry.at >= visit.created_at)
        .order_by(col(Entry.id).desc()).limit(1)).first()
    asked = last is not None and last.kind is EntryKind.STILL_NEEDED_ASKED
    return BeforeArrival([draft.copy(one) for one in settled], last.at if last is not None and asked else None)


def technician_of(session: Session, visit: Visit) -> Technician | None:
    """Who goes, where the firm has named them to us."""
    return session.exec(select(Technician).where(
        Technician.provider_id == visit.provider_id, Technician.name == visit.technician,
        col(Technician.ended_at).is_(None))).first()


def reachable_technicians(session: Session, provider_ids: Iterable[str]) -> dict[tuple[str, str], str]:
    """(provider id, name) → id, of the technicians of these firms who have contacts of their own."""
    wanted = set(provider_ids)
    if not wanted:
        return {}
    rows = session.exec(select(Technician).where(
        col(Technician.provider_id).in_(wanted), col(Technician.ended_at).is_(None),
        col(Technician.id).in_(select(Contact.owner_id).where(Contact.owner_kind == RecipientKind.TECHNICIAN))))
    return {(one.provider_id, one.name): one.id for one in rows}
