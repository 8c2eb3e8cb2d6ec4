"""Reads what fixed a kind of fault before, from the visits that technicians said had fixed it."""

from sqlalchemy import and_, exists
from sqlalchemy import select as columns
from sqlmodel import Session, col

from gateway.model import Alarm, Device, Instant, Job, JobTicket, Ticket, Visit
from gateway.tickets.visits.earlier_fixes import HELD, LEARNED, Case, Fix, rank_fixes

_MOST = 500  # cases looked at, the newest


def earlier_fixes(session: Session, device: Device | None, ticket: Ticket, now: Instant) -> list[Fix]:
    """For a fault of this cause at a device of this profile, wherever it was; [] where no device is known."""
    return rank_fixes(_cases(session, device.profile, ticket.cause_key, now), now) if device is not None else []


def _cases(session: Session, profile: str, cause: str, now: Instant) -> list[Case]:
    until = col(Visit.done_at) + HELD
    back = exists().where(and_(
        col(Alarm.device_id) == col(Ticket.device_id), col(Alarm.rule) == cause, col(Alarm.dry_run).is_(False),
        col(Alarm.opened_at) > col(Visit.done_at), col(Alarm.opened_at) <= until))
    # it was opened again: the fault had not gone, or the customer said so
    again = exists().where(and_(
        col(JobTicket.ticket_id) == col(Ticket.id), col(Job.id) == col(JobTicket.job_id),
        col(Job.opened_at) >= col(Visit.done_at), col(Job.opened_at) <= until, col(Job.id) != col(Visit.job_id)))
    rows = session.connection().execute(
        columns(col(Visit.fix), col(Visit.used), col(Visit.done_at), back | again)
        .join(Ticket, col(Ticket.id) == col(Visit.ticket_id))
        .where(col(Visit.fix).is_not(None), col(Visit.fixed_profile) == profile, col(Visit.fixed_cause) == cause,
               col(Visit.done_at) >= now - LEARNED)
        .order_by(col(Visit.done_at).desc()).limit(_MOST))
    return [Case(fix, used, done_at, bool(came_back)) for fix, used, done_at, came_back in rows
            if fix is not None and done_at is not None]
