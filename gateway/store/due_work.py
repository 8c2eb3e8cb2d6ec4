"""Queries for rows whose deadline is past, each by a partial index."""

from typing import Any

from sqlalchemy import BindParameter, bindparam, exists, or_, true
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from gateway.model import (
    Alarm,
    Callback,
    DeviceState,
    Due,
    Instant,
    LinkState,
    OnCallPage,
    Promise,
    PromiseState,
    SlaClock,
    SubjectKind,
    Ticket,
)
from gateway.model.plan import Draft
from gateway.tickets.plan_due import DueWork

_NOW: BindParameter[Any] = bindparam("now")
_ANYTHING = select(or_(*(exists(rows) for rows in (  # one question, built once: it is asked every second
    select(DeviceState.device_id).where(col(DeviceState.due_at) <= _NOW),
    select(Due.id).where(col(Due.at) <= _NOW),
    select(SlaClock.id).where(col(SlaClock.missed_at).is_(None), col(SlaClock.due_at) <= _NOW),
    select(SlaClock.id).where(col(SlaClock.warn_at) <= _NOW),
    select(Promise.id).where(col(Promise.state) == PromiseState.OPEN, col(Promise.watch_at) <= _NOW),
    select(Alarm.id).where(col(Alarm.try_until) <= _NOW),
    select(Alarm.id).where(col(Alarm.suppressed_until) <= _NOW),
    select(OnCallPage.id).where(col(OnCallPage.next_at) <= _NOW),
))))


def has_work(session: Session, now: Instant) -> bool:
    """Whether a sweep would find a due row. Called first because, unlike a sweep, it takes no lock."""
    return bool(session.connection().scalar(_ANYTHING, {"now": now}))


def work(session: Session, draft: Draft, now: Instant, limit: int = 50) -> DueWork:
    """Locks and loads what is due, at most `limit` of each: deadlines of tickets, jobs, offers and visits, promises
    that lapse, remote fixes and suppressed alarms whose time is over, and SLA clocks."""
    deadlines = session.exec(select(Due).where(col(Due.at) <= now).order_by(col(Due.at)).limit(limit)
                             .with_for_update(skip_locked=True)).all()
    promises = session.exec(select(Promise).where(Promise.state == PromiseState.OPEN, Promise.watch_at <= now)
                            .order_by(col(Promise.watch_at)).limit(limit).with_for_update(skip_locked=True)).all()
    calls = [promise.subject_id for promise in promises if promise.subject_kind is SubjectKind.CALLBACK]
    buttons = dict(session.exec(select(Callback.id, Callback.device_id).where(col(Callback.id).in_(calls))).all()
                   if calls else [])
    return DueWork(
        deadlines=[draft.copy(due) for due in deadlines],
        promises=[(draft.copy(promise), buttons.get(promise.subject_id)) for promise in promises],
        remote_fixes=_alarms(session, col(Alarm.try_until), now, limit),
        suppressed=_alarms(session, col(Alarm.suppressed_until), now, limit),
        sla_clocks=[(draft.copy(clock), site_id) for clock, site_id in _sla_clocks(session, now, limit)],
    )


def _sla_clocks(session: Session, now: Instant, limit: int) -> list[tuple[SlaClock, str]]:
    """Those that are missed, then those to be warned of, each with its site; each by an index of its own."""
    found = {}
    for deadline, of_these in ((col(SlaClock.due_at), col(SlaClock.missed_at).is_(None)),
                               (col(SlaClock.warn_at), true())):
        for clock, site_id in session.exec(
                select(SlaClock, Ticket.site_id).join(Ticket, col(Ticket.id) == SlaClock.ticket_id)
                .where(deadline <= now, of_these).order_by(deadline).limit(limit)
                .with_for_update(of=SlaClock, skip_locked=True)):
            found[clock.id] = clock, site_id
    return list(found.values())


def _alarms(session: Session, deadline: Mapped[Instant | None], now: Instant, limit: int
            ) -> list[tuple[str, str, bool]]:
    """(alarm id, device id, whether it is online), the most overdue first."""
    rows = session.exec(
        select(Alarm.id, Alarm.device_id, DeviceState.link)
        .outerjoin(DeviceState, col(DeviceState.device_id) == Alarm.device_id)
        .where(deadline <= now).order_by(deadline).limit(limit)
        .with_for_update(of=Alarm, skip_locked=True))
    return [(alarm_id, device_id, link == LinkState.ONLINE) for alarm_id, device_id, link in rows]
