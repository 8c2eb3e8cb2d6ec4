"""Queries for rows whose deadline is past, each by a partial index."""

from sqlalchemy import delete
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from gateway.callbacks.lifecycle import WAITING
from gateway.model import Alarm, Callback, DeadLetter, DeviceState, Instant, LinkState, Offer, Provider, Reading, Ticket
from gateway.model.plan import Draft
from gateway.tickets.plan_due import DueWork


def anything(session: Session, now: Instant) -> bool:
    """Whether a sweep would find something: asked first, because looking needs no lock and writing does."""
    rows = (
        select(DeviceState.device_id).where(col(DeviceState.due_at) <= now),
        select(Offer.id).where(col(Offer.closed_at).is_(None), Offer.expires_at <= now),
        select(Ticket.id).where(col(Ticket.next_at) <= now),
        select(Callback.id).where(col(Callback.closed_at).is_(None), Callback.promised_by <= now,
                                  col(Callback.overdue_told_at).is_(None)),
        select(Alarm.id).where(col(Alarm.try_until) <= now),
        select(Alarm.id).where(col(Alarm.suppressed_until) <= now),
    )
    return any(session.exec(statement.limit(1)).first() is not None for statement in rows)


def work(session: Session, draft: Draft, now: Instant, limit: int = 50) -> DueWork:
    """Offers nobody answered, tickets whose time has come, callbacks whose promise is missed, remote fixes that have
    had their time; locked."""
    offers = session.exec(select(Offer).where(col(Offer.closed_at).is_(None), Offer.expires_at <= now)
                          .order_by(col(Offer.expires_at)).limit(limit).with_for_update(skip_locked=True)).all()
    tickets = session.exec(select(Ticket).where(col(Ticket.next_at).is_not(None), col(Ticket.next_at) <= now)
                           .order_by(col(Ticket.next_at)).limit(limit).with_for_update(skip_locked=True)).all()
    callbacks = session.exec(select(Callback).where(
        col(Callback.closed_at).is_(None), Callback.promised_by <= now, col(Callback.overdue_told_at).is_(None),
        col(Callback.state).in_(WAITING),
    ).limit(limit).with_for_update(skip_locked=True)).all()
    offered = [offer.ticket_id for offer in offers]
    homes = dict(session.exec(select(Ticket.id, Ticket.device_id).where(col(Ticket.id).in_(offered))).all())
    names = [offer.provider_id for offer in offers]
    providers = {p.id: p for p in session.exec(select(Provider).where(col(Provider.id).in_(names)))}
    return DueWork(
        offers=[(draft.copy(offer), providers[offer.provider_id], homes[offer.ticket_id]) for offer in offers],
        tickets=[(ticket.id, ticket.device_id) for ticket in tickets],
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


def forget(session: Session, before: Instant, limit: int = 20_000) -> int:
    """Deletes readings and dead letters older than `before`, a bounded number at a time; returns how many went."""
    gone = 0
    for table in (Reading, DeadLetter):
        # ids grow with time, so the oldest rows are the first by id: no index and no scan is needed
        first = select(table.id, table.received_at).order_by(col(table.id)).limit(limit).subquery()
        old = select(first.c.id).where(first.c.received_at < before)
        gone += session.connection().execute(delete(table).where(col(table.id).in_(old))).rowcount
    return gone
