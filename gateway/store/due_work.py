"""Queries for rows whose deadline is past, each by a partial index."""

from typing import Any

from sqlalchemy import BindParameter, bindparam, exists, or_
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from gateway.callbacks.lifecycle import WAITING
from gateway.model import Alarm, Callback, DeviceState, Due, Instant, LinkState, OnCallPage
from gateway.model.plan import Draft
from gateway.tickets.plan_due import DueWork

_NOW: BindParameter[Any] = bindparam("now")
_ANYTHING = select(or_(*(exists(rows) for rows in (  # one question, built once: it is asked every second
    select(DeviceState.device_id).where(col(DeviceState.due_at) <= _NOW),
    select(Due.id).where(col(Due.at) <= _NOW),
    select(Callback.id).where(col(Callback.closed_at).is_(None), col(Callback.promised_by) <= _NOW,
                              col(Callback.overdue_told_at).is_(None)),
    select(Alarm.id).where(col(Alarm.try_until) <= _NOW),
    select(Alarm.id).where(col(Alarm.suppressed_until) <= _NOW),
    select(OnCallPage.id).where(col(OnCallPage.next_at) <= _NOW),
))))


def has_work(session: Session, now: Instant) -> bool:
    """Whether a sweep would find a due row. Called first because, unlike a sweep, it takes no lock."""
    return bool(session.connection().scalar(_ANYTHING, {"now": now}))


def work(session: Session, draft: Draft, now: Instant, limit: int = 50) -> DueWork:
    """Locks and loads what is due, at most `limit` of each: deadlines of tickets, jobs, offers and visits, callbacks
    not made as promised, remote fixes and suppressed alarms whose time is over."""
    deadlines = session.exec(select(Due).where(col(Due.at) <= now).order_by(col(Due.at)).limit(limit)
                             .with_for_update(skip_locked=True)).all()
    callbacks = session.exec(select(Callback).where(
        col(Callback.closed_at).is_(None), Callback.promised_by <= now, col(Callback.overdue_told_at).is_(None),
        col(Callback.state).in_(WAITING),
    ).limit(limit).with_for_update(skip_locked=True)).all()
    return DueWork(
        deadlines=[draft.copy(due) for due in deadlines],
        callbacks=[draft.copy(callback) for callback in callbacks],
        remote_fixes=_alarms(session, col(Alarm.try_until), now, limit),
        suppressed=_alarms(session, col(Alarm.suppressed_until), now, limit),
    )


def _alarms(session: Session, deadline: Mapped[Instant | None], now: Instant, limit: int
            ) -> list[tuple[str, str, bool]]:
    """(alarm id, device id, whether it is online), the most overdue first."""
    rows = session.exec(
        select(Alarm.id, Alarm.device_id, DeviceState.link)
        .outerjoin(DeviceState, col(DeviceState.device_id) == Alarm.device_id)
        .where(deadline <= now).order_by(deadline).limit(limit)
        .with_for_update(of=Alarm, skip_locked=True))
    return [(alarm_id, device_id, link == LinkState.ONLINE) for alarm_id, device_id, link in rows]
