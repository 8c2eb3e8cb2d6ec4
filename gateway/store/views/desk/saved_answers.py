"""Queries for answers that agents have given to callers and saved."""

from sqlmodel import Session, col, select

from gateway.model import SavedAnswer, Subject


def saved_answers(session: Session, about: Subject) -> list[SavedAnswer]:
    """Those that stand, the newest first."""
    return list(session.exec(
        select(SavedAnswer).where(SavedAnswer.subject_id == about.id, SavedAnswer.subject_kind == about.kind,
                                  col(SavedAnswer.withdrawn_at).is_(None))
        .order_by(col(SavedAnswer.saved_at).desc(), col(SavedAnswer.id))))
