"""Lists what is open and waits for nothing: no deadline of it runs, so that the clock would never look at it again."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, union_all
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from gateway.model import Due, Job, JobTicket, Offer, Subject, SubjectKind, Ticket, TicketState, Visit
from gateway.tickets.lifecycle import UNSETTLED


def _runs(subject_id: Mapped[Any]) -> ColumnElement[bool]:
    return exists().where(col(Due.subject_id) == subject_id, col(Due.at).is_not(None))


_OFFER_RUNS = exists().where(col(Offer.job_id) == Job.id, col(Offer.closed_at).is_(None), _runs(col(Offer.id)))
_HAS_JOB = exists().where(col(JobTicket.ticket_id) == Ticket.id, col(Job.id) == JobTicket.job_id,
                          col(Job.closed_at).is_(None))
_QUESTION = union_all(
    select(literal(str(SubjectKind.JOB)), Job.id).where(
        col(Job.closed_at).is_(None), ~_runs(col(Job.id)), ~_runs(col(Job.visit_id)), ~_OFFER_RUNS),
    select(literal(str(SubjectKind.OFFER)), Offer.id).where(col(Offer.closed_at).is_(None), ~_runs(col(Offer.id))),
    select(literal(str(SubjectKind.VISIT)), Visit.id).where(col(Visit.done_at).is_(None), ~_runs(col(Visit.id))),
    select(literal(str(SubjectKind.TICKET)), Ticket.id).where(col(Ticket.closed_at).is_(None), or_(
        and_(col(Ticket.state).in_(UNSETTLED), ~_HAS_JOB),
        and_(col(Ticket.state) == TicketState.RESOLVED, ~_runs(col(Ticket.id))))),
)


def unwatched(session: Session) -> list[Subject]:
    """Open tickets, jobs, offers and visits for which no deadline runs: a mistake of ours, always empty."""
    return [Subject(SubjectKind(kind), row_id) for kind, row_id in session.connection().execute(_QUESTION)]
