"""Deletes readings, dead letters, connection losses, saved answers, surveys and credits that are older than they are
kept."""

from sqlalchemy import delete
from sqlmodel import Session, col, select

from gateway.model import (
    DAY,
    DeadLetter,
    Goodwill,
    GoodwillCase,
    GoodwillCaseState,
    Instant,
    Loss,
    Reading,
    SavedAnswer,
    Survey,
)
from gateway.store.readings import partitions

LOSSES_KEPT = 90 * DAY  # after the end of a loss
ANSWERS_KEPT = 90 * DAY  # they are told only as long as what they are about is open

SURVEYS_KEPT = 400 * DAY  # longer than a year, so that a month can be compared with the same one before
GOODWILL_KEPT = 3 * 365 * DAY  # as long as somebody may ask about an invoice


def delete_old_messages(session: Session, before: Instant, limit: int = 20_000) -> int:
    """Deletes readings and dead letters received before `before`, at most `limit` of each; returns how many. Readings
    in partitions of a time of their own are not deleted: see `partitions.drop_old`."""
    deleted = 0
    tables: tuple[type[Reading | DeadLetter], ...] = (Reading, DeadLetter)
    if partitions.is_split(session):
        deleted = partitions.delete_from_default(session, before, limit)
        tables = (DeadLetter,)
    for table in tables:
        # ids grow with time, so the oldest rows are the first by id: no index and no scan is needed
        first = select(table.id, table.received_at).order_by(col(table.id)).limit(limit).subquery()
        old = select(first.c.id).where(first.c.received_at < before)
        deleted += session.connection().execute(delete(table).where(col(table.id).in_(old))).rowcount
    return deleted


def delete_old_losses(session: Session, now: Instant) -> None:
    """Deletes connection losses that ended more than LOSSES_KEPT ago."""
    session.connection().execute(delete(Loss).where(col(Loss.ended_at) < now - LOSSES_KEPT))


def delete_old_answers(session: Session, now: Instant) -> None:
    """Deletes answers that agents saved more than ANSWERS_KEPT ago: there are few."""
    session.connection().execute(delete(SavedAnswer).where(col(SavedAnswer.saved_at) < now - ANSWERS_KEPT))


def delete_old_surveys(session: Session, now: Instant) -> None:
    """Deletes what customers were asked, and said, more than SURVEYS_KEPT ago."""
    session.connection().execute(delete(Survey).where(col(Survey.asked_at) < now - SURVEYS_KEPT))


def delete_old_goodwill(session: Session, now: Instant) -> None:
    """Deletes credits, and what they were decided on, that are older than GOODWILL_KEPT; nothing that still waits."""
    connection, before = session.connection(), now - GOODWILL_KEPT
    connection.execute(delete(Goodwill).where(col(Goodwill.created_at) < before, col(Goodwill.case_id).not_in(
        select(GoodwillCase.id).where(GoodwillCase.state == GoodwillCaseState.WAITING))))
    connection.execute(delete(GoodwillCase).where(
        col(GoodwillCase.looked_at) < before, col(GoodwillCase.state) != GoodwillCaseState.WAITING))
