"""Finds open alarms whose rule is no longer in the device's profile."""

from collections.abc import Callable, Iterable

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from gateway.model import Alarm, Device, Notification, NotificationState

# a person has read it, or may have
REACHED = (NotificationState.SENDING, NotificationState.SENT, NotificationState.UNKNOWN)


def alarms_of_removed_rules(session: Session, watched: Callable[[str, str], bool], limit: int) -> dict[str, str]:
    """Alarm id → device key of open alarms whose rule is gone, the first `limit`. `watched`: (profile, rule) → whether
    that profile still has that rule."""
    still_open = col(Alarm.closed_at).is_(None), col(Alarm.device_id) == Device.id
    pairs = session.exec(select(Device.profile, Alarm.rule).where(*still_open).distinct()).all()
    gone = [and_(col(Device.profile) == profile, col(Alarm.rule) == rule) for profile, rule in pairs
            if not watched(profile, rule)]
    if not gone:
        return {}
    found = select(Alarm.id, Device.key).where(*still_open, or_(*gone)).order_by(Alarm.id).limit(limit)
    return dict(session.exec(found).all())


def notified_tickets(session: Session, ticket_ids: Iterable[str]) -> set[str]:
    """Which of the tickets a person was notified of, or may have been."""
    return set(session.exec(select(Notification.subject_id).where(
        col(Notification.subject_id).in_(list(ticket_ids)), col(Notification.state).in_(REACHED)).distinct()))
