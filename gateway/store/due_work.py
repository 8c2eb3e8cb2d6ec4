"""Queries for rows whose deadline is past, each by a partial index."""

from typing import Any, NamedTuple

from sqlalchemy import BindParameter, bindparam, exists, or_, true, union
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from gateway.model import (
    Alarm,
    DeviceState,
    Due,
    Instant,
    LinkState,
    Notification,
    NotificationState,
    OnCallPage,
    PendingAct,
    Preference,
    Promise,
    PromiseState,
    SlaClock,
    Ticket,
)
from gateway.model.plan import Draft
from gateway.store.locks.site_locks import lock_sites
from gateway.tickets.plan_due import DueWork

_NOW: BindParameter[Any] = bindparam("now")
_LIMIT: BindParameter[Any] = bindparam("limit")
_FREE: BindParameter[Any] = bindparam("free", expanding=True)  # sites
_WHAT_IS_DUE = select_columns(  # one question, built once: it is asked every second
    exists(select(DeviceState.device_id).where(col(DeviceState.due_at) <= _NOW)),
    or_(*(exists(rows) for rows in (
        select(Due.id).where(col(Due.at) <= _NOW),
        select(SlaClock.id).where(col(SlaClock.missed_at).is_(None), col(SlaClock.due_at) <= _NOW),
        select(SlaClock.id).where(col(SlaClock.warn_at) <= _NOW),
        select(Promise.id).where(col(Promise.state) == PromiseState.OPEN, col(Promise.watch_at) <= _NOW),
        select(Alarm.id).where(col(Alarm.try_until) <= _NOW),
        select(Alarm.id).where(col(Alarm.suppressed_until) <= _NOW),
    ))),
    exists(select(OnCallPage.id).where(col(OnCallPage.next_at) <= _NOW)),
    exists(select(PendingAct.id).where(col(PendingAct.closed_at).is_(None), col(PendingAct.due_at) <= _NOW)),
    exists(select(Notification.id).where(
        col(Notification.open_by) <= _NOW, col(Notification.state) == NotificationState.SENT)),
    exists(select(Preference.id).where(col(Preference.well_at) <= _NOW)),
)
_CLOCKS_DUE = ((col(SlaClock.due_at), col(SlaClock.missed_at).is_(None)), (col(SlaClock.warn_at), true()))


def _sites_due(site_id: Any, deadline: Any, *where: Any) -> Any:
    """The sites of what is due, the most overdue first."""
    found = select(site_id.label("site_id")).where(deadline <= _NOW, *where).order_by(deadline)
    return select(found.limit(_LIMIT).subquery().c.site_id)


_DUE_SITES: Any = union(
    _sites_due(Due.site_id, col(Due.at)),
    _sites_due(Promise.site_id, col(Promise.watch_at), Promise.state == PromiseState.OPEN,
               col(Promise.site_id).is_not(None)),
    *(_sites_due(Alarm.site_id, deadline) for deadline in (col(Alarm.try_until), col(Alarm.suppressed_until))),
    *(_sites_due(Ticket.site_id, deadline, of_these, Ticket.id == SlaClock.ticket_id)
      for deadline, of_these in _CLOCKS_DUE),
)
_DEADLINES = select(Due).where(col(Due.at) <= _NOW, col(Due.site_id).in_(_FREE)).order_by(col(Due.at)).limit(_LIMIT)
_PROMISES = select(Promise).where(
    Promise.state == PromiseState.OPEN, col(Promise.watch_at) <= _NOW,
    or_(col(Promise.site_id).is_(None), col(Promise.site_id).in_(_FREE)),
).order_by(col(Promise.watch_at)).limit(_LIMIT).with_for_update(skip_locked=True)
_CLOCKS = [select(SlaClock, Ticket.site_id).join(Ticket, col(Ticket.id) == SlaClock.ticket_id)
           .where(deadline <= _NOW, of_these, col(Ticket.site_id).in_(_FREE)).order_by(deadline).limit(_LIMIT)
           for deadline, of_these in _CLOCKS_DUE]
_REMOTE_FIXES, _SUPPRESSED = (
    select(Alarm.id, Alarm.device_id, DeviceState.link)
    .outerjoin(DeviceState, col(DeviceState.device_id) == Alarm.device_id)
    .where(deadline <= _NOW, col(Alarm.site_id).in_(_FREE)).order_by(deadline).limit(_LIMIT)
    for deadline in (col(Alarm.try_until), col(Alarm.suppressed_until)))


class WhatIsDue(NamedTuple):
    """Where a sweep would find a due row."""

    devices: bool
    work: bool
    pages: bool
    customers: bool  # what they have done on their pages
    unopened: bool  # messages that nobody has opened in time
    well: bool  # who asked to hear once a year that all is well


def what_is_due(session: Session, now: Instant) -> WhatIsDue:
    """Asked first because, unlike a sweep, it takes no lock."""
    return WhatIsDue(*map(bool, session.connection().execute(_WHAT_IS_DUE, {"now": now}).one()))


def work(session: Session, draft: Draft, now: Instant, limit: int = 50) -> DueWork:
    """Locks the sites where something is due, and loads it, at most `limit` of each: deadlines of tickets, jobs,
    offers, visits and callbacks, promises that lapse, remote fixes and suppressed alarms whose time is over, and SLA
    clocks. What is due where another worker decides just now is left to the next sweep."""
    free = lock_sites(session, session.exec(_DUE_SITES, params={"now": now, "limit": limit}).scalars(),
                      skip_locked=True)
    given = {"now": now, "limit": limit, "free": list(free)}
    deadlines = session.exec(_DEADLINES, params=given).all()
    promises = session.exec(_PROMISES, params=given).all()
    clocks = {clock.id: (clock, site_id) for due in _CLOCKS for clock, site_id in session.exec(due, params=given)}
    return DueWork(
        deadlines=[draft.copy(due) for due in deadlines],
        promises=[draft.copy(promise) for promise in promises],
        remote_fixes=_alarms(session, _REMOTE_FIXES, given),
        suppressed=_alarms(session, _SUPPRESSED, given),
        sla_clocks=[(draft.copy(clock), site_id) for clock, site_id in clocks.values()],  # the missed first
    )


def _alarms(session: Session, due: Any, given: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(alarm id, device id, whether it is online), the most overdue first."""
    return [(alarm_id, device_id, link == LinkState.ONLINE)
            for alarm_id, device_id, link in session.exec(due, params=given)]
