"""Queries for promises: those about what a message says, and those that a message told or settled."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, or_
from sqlmodel import Session, col, select

from gateway.model import Instant, Promise, PromiseState
from gateway.model.plan import Draft
from gateway.tickets.promises.ledger import undo_message

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
# built once: putting a statement together costs as much as running it
_OPEN = select(Promise).where(col(Promise.subject_id).in_(_IDS), col(Promise.state) == PromiseState.OPEN).order_by(
    col(Promise.made_at))
_BY_MESSAGES = select(Promise).where(or_(col(Promise.notification_id).in_(_IDS), col(Promise.settled_by).in_(_IDS)))


def open_promises(session: Session, subject_ids: Iterable[str]) -> defaultdict[str, list[Promise]]:
    """Subject id → its open promises, oldest first."""
    found: defaultdict[str, list[Promise]] = defaultdict(list)
    if ids := list(subject_ids):
        for promise in session.exec(_OPEN, params={"ids": ids}):
            found[promise.subject_id].append(promise)
    return found


def withdraw_promises_of(session: Session, draft: Draft, notification_ids: Iterable[str], now: Instant) -> None:
    """These messages did not go out, and cannot have arrived: the times that only they told were never told, and what
    they had kept or corrected is open again."""
    ids = list(notification_ids)
    rows = list(session.exec(_BY_MESSAGES, params={"ids": ids})) if ids else []
    if not rows:
        return
    about = open_promises(session, {row.subject_id for row in rows})
    by_id = {row.id: draft.copy(row) for row in [*rows, *(row for some in about.values() for row in some)]}
    untold: dict[str, Promise] = {}
    for message in ids:
        untold |= {row.id: row for row in undo_message(
            [row for row in by_id.values() if row.id not in untold], message, now)}
    if untold:
        session.connection().execute(delete(Promise).where(col(Promise.id).in_(list(untold))))
        for row in untold.values():  # one of these messages may have opened again what another had told
            draft.forget(row)
