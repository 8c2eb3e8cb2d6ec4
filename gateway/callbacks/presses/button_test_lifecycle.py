"""Life cycle of the test of an emergency button: every transition, and who must act in which state by when."""

from enum import StrEnum

from gateway.model import ButtonTest, ButtonTestState, DueKind, Instant
from gateway.model.lifecycle import Duty, WhenDue, after
from gateway.model.states import Responsible


class Action(StrEnum):
    """What happens to a test."""

    ASK = "ask"
    """The household is asked for a test press."""
    PUT_OFF = "put_off"
    """This is no time to ask: nobody lives there, the home is dark, or somebody has called for help."""
    PASS = "pass"
    """The button has been heard, whether or not somebody was asked."""
    MISS = "miss"
    """It has not been heard in time."""
    END = "end"
    """The device is retired, or is no longer tested."""


_PLANNED, _ASKED = ButtonTestState.PLANNED, ButtonTestState.ASKED
OPEN = frozenset((_PLANNED, _ASKED))

TRANSITIONS: dict[tuple[ButtonTestState, Action], ButtonTestState] = {
    (_PLANNED, Action.ASK): _ASKED,
    **{(state, Action.PUT_OFF): _PLANNED for state in OPEN},
    **{(state, Action.PASS): ButtonTestState.PASSED for state in OPEN},
    (_ASKED, Action.MISS): ButtonTestState.MISSED,
    **{(state, Action.END): ButtonTestState.ENDED for state in OPEN},
}

DUTIES: dict[ButtonTestState, Duty] = {
    _PLANNED: Duty(Responsible.GATEWAY, "the household is asked for a test press", DueKind.TEST_ASK),
    _ASKED: Duty(Responsible.CUSTOMER, "somebody has pressed the button", DueKind.TEST_ANSWER),
}

WHEN_DUE: dict[DueKind, WhenDue] = {
    DueKind.TEST_ASK: WhenDue(frozenset((Action.ASK, Action.PUT_OFF, Action.END))),
    # first they are reminded; after the miss somebody has to ring them, and a new test is planned
    DueKind.TEST_ANSWER: WhenDue(frozenset((Action.MISS, Action.PUT_OFF, Action.END))),
}


def move(test: ButtonTest, action: Action, now: Instant) -> None:
    """The one place that writes a test's state, and when it closed. Raises Refused."""
    test.state = after(TRANSITIONS, test.state, action, "button test", test.id)
    if test.state not in OPEN:
        test.closed_at = now
