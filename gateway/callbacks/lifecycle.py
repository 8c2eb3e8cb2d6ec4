"""Life cycle of a callback: every transition, and who must act in which state by when."""

from enum import StrEnum

from gateway.model import Callback, CallbackState, DueKind, Instant
from gateway.model.lifecycle import Duty, WhenDue, after
from gateway.model.states import Responsible


class Action(StrEnum):
    """What happens to a callback."""

    CLAIM = "claim"
    """An agent takes it, for some minutes, and then again."""
    RELEASE = "release"
    """Those minutes are over, or the agent lets it go: others may take it."""
    ATTEMPT = "attempt"
    """An agent rings them."""
    MISS = "miss"
    """Nobody answered."""
    EXPIRE = "expire"
    """Nobody answered, and we have tried as often as we do."""
    CONNECT = "connect"
    """They answered."""
    FINISH = "finish"
    """The call is over, and the agent records its outcome."""
    ANSWER = "answer"
    """A known outage is the answer: they have been told, and nobody needs to call."""
    CANCEL = "cancel"
    """A person calls it off."""


_REQUESTED, _CLAIMED, _ATTEMPTING = CallbackState.REQUESTED, CallbackState.CLAIMED, CallbackState.ATTEMPTING
WAITING = frozenset((_REQUESTED, _CLAIMED, _ATTEMPTING))  # they have not been reached yet
IN_HAND = frozenset((_CLAIMED, _ATTEMPTING))  # an agent has it, until `claimed_until`
OPEN = WAITING | {CallbackState.CONNECTED}

TRANSITIONS: dict[tuple[CallbackState, Action], CallbackState] = {
    (_REQUESTED, Action.CLAIM): _CLAIMED,
    **{(state, Action.CLAIM): state for state in IN_HAND},
    **{(state, Action.RELEASE): _REQUESTED for state in IN_HAND},
    (_REQUESTED, Action.ATTEMPT): _ATTEMPTING,
    (_CLAIMED, Action.ATTEMPT): _ATTEMPTING,
    (_ATTEMPTING, Action.ATTEMPT): _ATTEMPTING,  # another number
    (_ATTEMPTING, Action.MISS): _REQUESTED,
    (_ATTEMPTING, Action.EXPIRE): CallbackState.EXPIRED,
    **{(state, Action.CONNECT): CallbackState.CONNECTED for state in WAITING},
    **{(state, Action.FINISH): CallbackState.DONE for state in IN_HAND | {CallbackState.CONNECTED}},
    (_REQUESTED, Action.ANSWER): CallbackState.ANSWERED,
    **{(state, Action.CANCEL): CallbackState.CANCELLED for state in OPEN},
}

_LEASED = Duty(Responsible.DISPATCHER, "whoever has taken it says what came of it, or others may take it",
               DueKind.CLAIM_ENDS, also=(DueKind.CALL_BY,))
DUTIES: dict[CallbackState, Duty] = {
    _REQUESTED: Duty(Responsible.DISPATCHER, "we have called, as promised", DueKind.CALL_BY),
    _CLAIMED: _LEASED,
    _ATTEMPTING: _LEASED,
    CallbackState.CONNECTED: Duty(Responsible.DISPATCHER, "the agent writes down what came of it",
                                  "on_call_page.next_at"),
}

WHEN_DUE: dict[DueKind, WhenDue] = {
    DueKind.CALL_BY: WhenDue(pages=True),
    DueKind.CLAIM_ENDS: WhenDue(frozenset((Action.RELEASE,))),
}


def move(callback: Callback, action: Action, now: Instant, claimed_until: Instant | None = None) -> None:
    """The one place that writes a callback's state, and the times that go with it; `claimed_until`: how long whoever
    has it may keep it. Raises Refused."""
    callback.state = after(TRANSITIONS, callback.state, action, "callback", callback.id)
    callback.claimed_until = claimed_until
    if callback.state not in OPEN:
        callback.closed_at = now
