"""The form of a life cycle: transitions (state, action) → state, and who is responsible in a state until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from gateway.model.plan import Refused

State = TypeVar("State", bound=StrEnum)
Action = TypeVar("Action", bound=StrEnum)


class Responsible(StrEnum):
    """Who must do something next."""

    GATEWAY = "gateway"
    """This program: it waits, and decides."""
    DISPATCHER = "dispatcher"
    """The operator's own people."""
    PROVIDER = "provider"
    """The local firm that was asked, or that comes."""


@dataclass(frozen=True)
class Duty:
    """Who is responsible while a row is in a state, and which deadline runs."""

    responsible: Responsible
    until: str  # in words: what should have happened by then
    column: str | None  # the column of the deadline, `table.column`
    watched: bool = True  # False: nobody looks at that deadline yet


def after(transitions: Mapping[tuple[State, Action], State], state: State, action: Action, what: str) -> State:
    """The state that `action` leads to. `what` names the row for the person who reads the refusal. Raises Refused."""
    following = transitions.get((state, action))
    if following is None:
        raise Refused(f"{what} is {state.replace('_', ' ')}: that is not possible now.")
    return following
