"""Lists what is open and waits for nothing: no deadline of it runs, so that the clock would never look at it again."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, union_all
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from gateway.callbacks.lifecycle import OPEN, WAITING
from gateway.model import (
    ButtonTest,
    Callback,
    Due,
    GoodwillCase,
    GoodwillCaseState,
    Job,
    JobTicket,
    Offer,
    OnCallPage,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
    Visit,
)
from gateway.tickets.lifecycle import UNSETTLED


def _runs(subject_id: Mapped[Any]) -> ColumnElement[bool]:
    return exists().where(col(Due.subject_id) == subject_id, col(Due.at).is_not(None))


_OFFER_RUNS = exists().where(col(Offer.job_id) == Job.id, col(Offer.closed_at).is_(None), _runs(col(Offer.id)))
_HAS_JOB = exists().where(col(JobTicket.ticket_id) == Ticket.id, col(Job.id) == JobTicket.job_id,
                          col(Job.closed_at).is_(None))
_CALLER_PAGED = exists().where(col(OnCallPage.subject_id) == Callback.id, col(OnCallPage.next_at).is_not(None))
_QUESTION = union_all(
    select(literal(str(SubjectKind.JOB)), Job.id).where(
        col(Job.closed_at).is_(None), ~_runs(col(Job.id)), ~_runs(col(Job.visit_id)), ~_OFFER_RUNS),
    select(literal(str(SubjectKind.OFFER)), Offer.id).where(col(Offer.closed_at).is_(None), ~_runs(col(Offer.id))),
    select(literal(str(SubjectKind.VISIT)), Visit.id).where(col(Visit.done_at).is_(None), ~_runs(col(Visit.id))),
    select(literal(str(SubjectKind.TICKET)), Ticket.id).where(col(Ticket.closed_at).is_(None), or_(
        and_(col(Ticket.state).in_(UNSETTLED), ~_HAS_JOB),
        and_(col(Ticket.state) == TicketState.RESOLVED, ~_runs(col(Ticket.id))))),
    select(literal(str(SubjectKind.CALLBACK)), Callback.id).where(or_(
        and_(col(Callback.state).in_(WAITING), ~_runs(col(Callback.id))),
        and_(col(Callback.state).in_(OPEN - WAITING), ~_CALLER_PAGED))),
    select(literal(str(SubjectKind.DEVICE)), ButtonTest.device_id).where(
        col(ButtonTest.closed_at).is_(None), ~_runs(col(ButtonTest.device_id))),
    select(OnCallPage.subject_kind, OnCallPage.subject_id).where(
        col(OnCallPage.closed_at).is_(None), col(OnCallPage.next_at).is_(None)),
    select(GoodwillCase.subject_kind, GoodwillCase.id).where(
        GoodwillCase.state == GoodwillCaseState.WAITING, col(GoodwillCase.next_at).is_(None)),
)


def unwatched(session: Session) -> list[Subject]:
    """Open tickets, jobs, offers, visits, callbacks, button tests and goodwill for which no deadline runs, and those of
    which somebody on call has been told and nobody else ever will be: a mistake of ours, always empty."""
    return [Subject(SubjectKind(kind), row_id) for kind, row_id in session.connection().execute(_QUESTION)]
