"""What users keep at the console: drafts, saved views, and the results of acts on many."""

from collections.abc import Sequence

from sqlalchemy import delete, or_
from sqlmodel import Session, col, select

from gateway.model import DAY, BulkResult, FormDraft, Instant, SavedView, new_id

_KEPT = DAY  # of drafts and results
MOST_DRAFTS = 100  # of one user; the oldest goes first
MOST_VIEWS = 40  # of one user, and of all together


def save_draft(session: Session, user_id: str, key: str, fields: dict[str, str], now: Instant) -> None:
    """In place of the one before."""
    row = session.get(FormDraft, (user_id, key))
    if row is None:
        forget = session.scalars(select(col(FormDraft.key)).where(FormDraft.user_id == user_id)
                                 .order_by(col(FormDraft.at).desc()).offset(MOST_DRAFTS - 1)).all()
        for old in forget:
            forget_draft(session, user_id, old)
        row = FormDraft(user_id=user_id, key=key, at=now)
    row.fields, row.at = fields, now
    session.add(row)


def draft(session: Session, user_id: str, key: str, now: Instant) -> FormDraft | None:
    row = session.get(FormDraft, (user_id, key))
    return row if row is not None and row.at > now - _KEPT else None


def forget_draft(session: Session, user_id: str, key: str) -> None:
    session.connection().execute(delete(FormDraft).where(col(FormDraft.user_id) == user_id, col(FormDraft.key) == key))


def views(session: Session, user_id: str) -> Sequence[SavedView]:
    """Everybody's first, then their own; by name."""
    rows = session.exec(select(SavedView).where(or_(col(SavedView.user_id).is_(None),
                                                    col(SavedView.user_id) == user_id))).all()
    return sorted(rows, key=lambda view: (view.user_id is not None, view.name.casefold(), view.id))


def save_view(session: Session, user_id: str | None, name: str, query: str, now: Instant) -> bool:
    """One of that name is replaced. False: there are too many."""
    mine = session.exec(select(SavedView).where(
        col(SavedView.user_id).is_(None) if user_id is None else col(SavedView.user_id) == user_id)).all()
    row = next((view for view in mine if view.name.casefold() == name.casefold()), None)
    if row is None and len(mine) >= MOST_VIEWS:
        return False
    row = row or SavedView(id=new_id("F"), user_id=user_id, name=name, filter=query, created_at=now)
    row.name, row.filter = name, query
    session.add(row)
    return True


def saved_view(session: Session, view_id: str) -> SavedView | None:
    return session.get(SavedView, view_id)


def delete_view(session: Session, view_id: str) -> None:
    session.connection().execute(delete(SavedView).where(col(SavedView.id) == view_id))


def keep_result(session: Session, result: BulkResult) -> None:
    session.add(result)


def result(session: Session, result_id: str, user_id: str, now: Instant) -> BulkResult | None:
    """Only whoever has done it reads it."""
    row = session.get(BulkResult, result_id)
    return row if row is not None and row.user_id == user_id and row.at > now - _KEPT else None


def forget_old(session: Session, now: Instant) -> None:
    for kind in (FormDraft, BulkResult):
        session.connection().execute(delete(kind).where(col(kind.at) <= now - _KEPT))
