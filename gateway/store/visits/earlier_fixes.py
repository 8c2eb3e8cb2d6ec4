"""Reads what fixed a kind of fault before, from the visits that technicians said had fixed it."""

from typing import Any

from sqlalchemy import Select, and_, exists
from sqlalchemy import select as columns
from sqlmodel import Session, col

from gateway.model import Alarm, Device, Instant, Job, JobTicket, Provider, Site, Ticket, TicketState, Visit
from gateway.tickets.visits.earlier_fixes import HELD, LEARNED, Case, Fix, rank_fixes

_MOST = 500  # cases looked at, the newest


def earlier_fixes(session: Session, device: Device | None, ticket: Ticket, now: Instant) -> list[Fix]:
    """For a fault of this cause at a device of this profile, wherever it was; [] where no device is known."""
    return rank_fixes(_cases(session, device.profile, ticket.cause_key, now), now) if device is not None else []


def held_here(session: Session, ticket: Ticket, site: Site, now: Instant) -> tuple[Visit, Provider] | None:
    """The last visit to this very device, of the household that lives there now, whose fix of the same fault was
    proved and has held."""
    device = session.get(Device, ticket.device_id) if ticket.device_id else None
    if device is None or site.household_left_at is not None or site.customer_id != ticket.customer_id:
        return None
    rows = session.connection().execute(
        _judged(device.profile, ticket.cause_key, now, col(Visit.id)).where(
            col(Ticket.device_id) == device.id, col(Ticket.id) != ticket.id,
            col(Ticket.customer_id) == ticket.customer_id, col(Ticket.state) == TicketState.CLOSED,
            col(Ticket.unproven).is_(False), col(Visit.created_at) >= (site.household_since or 0),
            col(Visit.done_at) <= now - HELD))
    visit_id = next((visit_id for visit_id, came_back in rows if not came_back), None)
    if visit_id is None:
        return None
    visit = session.get_one(Visit, visit_id)
    return visit, session.get_one(Provider, visit.provider_id)


def _cases(session: Session, profile: str, cause: str, now: Instant) -> list[Case]:
    rows = session.connection().execute(_judged(profile, cause, now, col(Visit.fix), col(Visit.used),
                                                col(Visit.done_at)))
    return [Case(fix, used, done_at, bool(came_back)) for fix, used, done_at, came_back in rows
            if fix is not None and done_at is not None]


def _judged(profile: str, cause: str, now: Instant, *wanted: Any) -> Select[Any]:
    """What is wanted of each visit that fixed such a fault, the newest first, and whether the fault came back."""
    until = col(Visit.done_at) + HELD
    back = exists().where(and_(
        col(Alarm.device_id) == col(Ticket.device_id), col(Alarm.rule) == cause, col(Alarm.dry_run).is_(False),
        col(Alarm.opened_at) > col(Visit.done_at), col(Alarm.opened_at) <= until))
    # it was opened again: the fault had not gone, or the customer said so
    again = exists().where(and_(
        col(JobTicket.ticket_id) == col(Ticket.id), col(Job.id) == col(JobTicket.job_id),
        col(Job.opened_at) >= col(Visit.done_at), col(Job.opened_at) <= until, col(Job.id) != col(Visit.job_id)))
    return (columns(*wanted, back | again).join(Ticket, col(Ticket.id) == col(Visit.ticket_id))
            .where(col(Visit.fix).is_not(None), col(Visit.fixed_profile) == profile, col(Visit.fixed_cause) == cause,
                   col(Visit.done_at) >= now - LEARNED)
            .order_by(col(Visit.done_at).desc()).limit(_MOST))
