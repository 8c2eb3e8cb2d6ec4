"""Loads what decides whether a customer is asked how it went."""

from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from gateway.model import Promise, PromiseState, Survey
from gateway.tickets.context import AskedBefore, SiteWork


def note_surveys(session: Session, works: Sequence[SiteWork]) -> None:
    """When the customers were asked last, about which of these tickets, and which promises of them were broken."""
    if not works:
        return
    tickets = {one for work in works for one in work.tickets}
    subjects = tickets | {one for work in works for one in work.jobs}
    customers = {work.customer.id for work in works}
    last = dict(session.exec(select(Survey.customer_id, func.max(Survey.asked_at)).where(
        col(Survey.customer_id).in_(customers)).group_by(col(Survey.customer_id))).all())
    surveyed = frozenset(session.exec(select(Survey.ticket_id).where(col(Survey.ticket_id).in_(tickets))))
    broken = frozenset(session.exec(select(Promise.subject_id).where(
        col(Promise.subject_id).in_(subjects), Promise.state == PromiseState.BROKEN)))
    for work in works:
        work.asked_before = AskedBefore(last.get(work.customer.id), surveyed, broken)


def survey_of(session: Session, ticket_id: str) -> Survey | None:
    """What the customer was asked about that ticket."""
    return session.exec(select(Survey).where(Survey.ticket_id == ticket_id)).first()
