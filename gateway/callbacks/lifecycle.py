"""Life cycle of a callback: every transition, and who must act in which state by when."""

from enum import StrEnum

from gateway.model import Callback, CallbackState, Instant
from gateway.model.lifecycle import Duty, after
from gateway.model.states import Responsible


class Action(StrEnum):
    """What happens to a callback."""

    ATTEMPT = "attempt"
    """An agent rings them."""
    MISS = "miss"
    """Nobody answered."""
    CONNECT = "connect"
    """The customer answered."""
    FINISH = "finish"
    """The call is over, and the agent records its outcome."""
    CANCEL = "cancel"
    """A person calls it off."""


WAITING = frozenset((CallbackState.REQUESTED, CallbackState.ATTEMPTING))  # the customer has not been reached yet
OPEN = WAITING | {CallbackState.CONNECTED}

TRANSITIONS: dict[tuple[CallbackState, Action], CallbackState] = {
    (CallbackState.REQUESTED, Action.ATTEMPT): CallbackState.ATTEMPTING,
    (CallbackState.ATTEMPTING, Action.MISS): CallbackState.REQUESTED,
    (CallbackState.REQUESTED, Action.CONNECT): CallbackState.CONNECTED,
    (CallbackState.ATTEMPTING, Action.CONNECT): CallbackState.CONNECTED,
    (CallbackState.CONNECTED, Action.FINISH): CallbackState.DONE,
    **{(state, Action.CANCEL): CallbackState.CANCELLED for state in OPEN},
}

DUTIES: dict[CallbackState, Duty] = {
    CallbackState.REQUESTED: Duty(Responsible.DISPATCHER, "we have called, as promised", "promise.watch_at"),
    CallbackState.ATTEMPTING: Duty(Responsible.DISPATCHER, "we have called, as promised", "promise.watch_at"),
    CallbackState.CONNECTED: Duty(Responsible.DISPATCHER, "the agent writes down what came of it",
                                  "on_call_page.next_at"),
}


def move(callback: Callback, action: Action, now: Instant) -> None:
    """The one place that writes a callback's state, and when it closed. Raises Refused."""
    callback.state = after(TRANSITIONS, callback.state, action, "callback", callback.id)
    if callback.state not in OPEN:
        callback.closed_at = now
