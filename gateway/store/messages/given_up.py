"""Messages by which nobody was reached because a channel failed."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import ColumnElement
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, func, select

from gateway.model import Attempt, AttemptOutcome, Instant, Notification, NotificationState, ReasonKind
from gateway.notifications.pacing.breaker import ABOUT_THE_MESSAGE
from gateway.notifications.undelivered.again import GivenUp
from gateway.store.outbox import NOT_TOLD


def any_given_up(session: Session, since: Instant) -> bool:
    """Whether somebody could not be told since then."""
    return session.exec(select(Notification.id).where(*_given_up(since)).limit(1)).first() is not None


def given_up(session: Session, since: Instant) -> list[GivenUp]:
    """All that was given up since then because a channel failed, the most urgent first, then the oldest; what every
    contact refused for good is not among them."""
    tries: defaultdict[str, dict[str, Instant]] = defaultdict(dict)
    excused: defaultdict[str, set[str]] = defaultdict(set)
    how = col(Attempt.notification_id), col(Attempt.channel), col(Attempt.kind)
    failed = columns_of(*how, func.min(col(Attempt.started_at))).join(
        Notification, col(Notification.id) == Attempt.notification_id).where(
        *_given_up(since), col(Attempt.outcome) == AttemptOutcome.FAILED).group_by(*how)
    for message, channel, kind, first_at in session.connection().execute(failed):
        tries[message][channel] = min(first_at, tries[message].get(channel, first_at))
        if kind not in ABOUT_THE_MESSAGE:
            excused[message].add(channel)
    found = []
    rows = columns_of(col(Notification.id), col(Notification.critical), col(Notification.done_at),
                      col(Notification.retried_at), col(Notification.reason)).where(*_given_up(since)).order_by(
        col(Notification.priority), col(Notification.created_at))
    for key, critical, done_at, retried_at, why in session.connection().execute(rows):
        if why is not None and why.kind is ReasonKind.CHANNEL_DOWN:
            excused[key].add(str(why.parameters.get("channel")))
        if done_at is not None and (key in tries or key in excused):
            first_at = min(tries[key].values(), default=done_at if retried_at is None else retried_at)
            found.append(GivenUp(key, critical, first_at, done_at, retried_at is not None, frozenset(excused[key])))
    return found


def worked_at(session: Session, channels: Collection[str], since: Instant) -> dict[str, Instant]:
    """When each of these channels last carried something since then."""
    rows = session.exec(select(Attempt.channel, func.max(col(Attempt.finished_at))).where(
        col(Attempt.channel).in_(sorted(channels)), Attempt.outcome == AttemptOutcome.SENT,
        Attempt.started_at >= since).group_by(col(Attempt.channel)))
    return {channel: at for channel, at in rows if at is not None}


def _given_up(since: Instant) -> tuple[ColumnElement[bool], ...]:
    return NOT_TOLD, col(Notification.state) == NotificationState.FAILED, col(Notification.done_at) >= since
