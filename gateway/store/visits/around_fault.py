"""Reads what a device has measured around its fault."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from gateway.model import DAY, HOUR, MINUTE, Alarm, Device, Instant, Reading, Ticket
from gateway.notifications.charts.fault_course import Around

BEFORE_FAULT, AFTER_FAULT, LONGEST_CHART = 2 * HOUR, 30 * MINUTE, DAY
MOST_READINGS = 4000


def around_fault(session: Session, device: Device | None, alarms: Sequence[Alarm], ticket: Ticket,
                 moved_in: Instant | None, now: Instant) -> Around | None:
    """None: the ticket has no device. Nothing from before those who live there have moved in."""
    if device is None:
        return None
    began = min((alarm.opened_at for alarm in alarms), default=ticket.opened_at)
    over = max([_end(alarm) or now for alarm in alarms], default=ticket.closed_at or now)
    since = max(began - BEFORE_FAULT, moved_in or 0)
    until = min(max(over, began) + AFTER_FAULT, now, began + LONGEST_CHART)
    rows = session.exec(select(Reading.at, Reading.signals).where(
        Reading.device_id == device.id, col(Reading.at) >= since, col(Reading.at) <= until)
        .order_by(col(Reading.at), col(Reading.seq)).limit(MOST_READINGS))
    return Around(since, until, list(rows))


def fault_of(session: Session, ticket: Ticket, device: Device, moved_in: Instant | None, now: Instant
             ) -> tuple[list[Alarm], Around | None]:
    """The alarms of the ticket's own device, oldest first, and what it has measured around them."""
    alarms = list(session.exec(select(Alarm).where(Alarm.ticket_id == ticket.id, Alarm.device_id == device.id)
                               .order_by(col(Alarm.opened_at))))
    return alarms, around_fault(session, device, alarms, ticket, moved_in, now) if alarms else None


def _end(alarm: Alarm) -> Instant | None:
    return alarm.cleared_at or alarm.closed_at
