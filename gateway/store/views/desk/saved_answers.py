"""Queries for answers that agents have given to callers and saved."""

from typing import Any

from sqlmodel import Session, col, select

from gateway.model import SavedAnswer, Subject
from gateway.store.views.pagination import Order, Page, page


def saved_answers(session: Session, about: Subject) -> list[SavedAnswer]:
    """Those that stand, the newest first."""
    return list(session.exec(_standing(about).order_by(col(SavedAnswer.saved_at).desc(), col(SavedAnswer.id))))


def page_of_answers(session: Session, about: Subject, cursor: str | None, limit: int) -> Page:
    """Rows are SavedAnswer: those that stand, the newest first."""
    return page(session, _standing(about), Order((SavedAnswer.saved_at, SavedAnswer.id)), cursor, limit)


def _standing(about: Subject) -> Any:
    return select(SavedAnswer).where(SavedAnswer.subject_id == about.id, SavedAnswer.subject_kind == about.kind,
                                     col(SavedAnswer.withdrawn_at).is_(None))
