"""Life cycle of a notification: every transition from queued to sent, and by when the gateway looks at it again."""

from enum import StrEnum

from gateway.model import Instant, Notification, NotificationState
from gateway.model.lifecycle import Duty, after
from gateway.model.states import Responsible


class Action(StrEnum):
    """What happens to a notification."""

    CLAIM = "claim"
    """A worker takes it, or takes it over from one that died."""
    HOLD = "hold"
    """Not now: quiet hours, or too many messages lately."""
    RETRY = "retry"
    """It did not go, or whether it did is not known: it is looked at again."""
    SEND = "send"
    """It was handed over."""
    DROP = "drop"
    """It is no longer true or useful."""
    GIVE_UP = "give_up"
    """Nobody could be reached."""
    TRY_AGAIN = "try_again"
    """Nobody could be reached, and a person wants it tried once more."""
    FALL_OVER = "fall_over"
    """It was handed over, and nobody has opened its page in time: another channel is looked for."""
    LOSE_TRACK = "lose_track"
    """It was handed over, and whether it arrived will never be known."""
    KEEP_HERE = "keep_here"
    """It would have gone, and the gateway runs in the shadow mode."""


_QUEUED, _HELD, _SENDING = NotificationState.QUEUED, NotificationState.HELD, NotificationState.SENDING
_SENT, _UNKNOWN = NotificationState.SENT, NotificationState.UNKNOWN

OPEN = frozenset((_QUEUED, _HELD, _SENDING))  # `due_at` says when it is looked at again
MAY_STILL_ARRIVE = frozenset((_UNKNOWN, _QUEUED))  # a try of it that was written off may have arrived after all

TRANSITIONS: dict[tuple[NotificationState, Action], NotificationState] = {
    **{(state, Action.CLAIM): _SENDING for state in OPEN},
    (_SENDING, Action.HOLD): _HELD,
    (_SENDING, Action.RETRY): _QUEUED,
    (_SENDING, Action.SEND): _SENT,
    (_SENDING, Action.DROP): NotificationState.DROPPED,
    (_SENDING, Action.GIVE_UP): NotificationState.FAILED,
    (NotificationState.FAILED, Action.TRY_AGAIN): _QUEUED,
    (_SENT, Action.FALL_OVER): _QUEUED,
    (_SENDING, Action.LOSE_TRACK): _UNKNOWN,
    (_SENDING, Action.KEEP_HERE): NotificationState.SHADOW,
    **{(state, Action.SEND): _SENT for state in MAY_STILL_ARRIVE},
}

DUTIES: dict[NotificationState, Duty] = {
    _QUEUED: Duty(Responsible.GATEWAY, "it is tried", "notification.due_at"),
    _HELD: Duty(Responsible.GATEWAY, "it is looked at again", "notification.due_at"),
    _SENDING: Duty(Responsible.GATEWAY, "its worker says what became of it, or another takes over",
                   "notification.due_at"),
}


def try_again(notification: Notification, now: Instant) -> None:
    """At every contact anew; what failed before counts no more. Of several the oldest goes first. Raises Refused."""
    move(notification, Action.TRY_AGAIN, now, due_at=min(notification.created_at, now))
    notification.retried_at = now


def move(notification: Notification, action: Action, now: Instant, due_at: Instant | None = None) -> None:
    """The one place that writes a notification's state, and the times that go with it; nobody has it afterwards.
    `due_at` is when it is looked at again while it is open. Raises Refused."""
    notification.state = after(TRANSITIONS, notification.state, action, "notification", notification.id)
    notification.due_at, notification.lease = due_at, None
    notification.done_at = None if notification.state in OPEN else now
