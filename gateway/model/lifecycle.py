"""The form of a life cycle (transitions, and who is responsible until when), and the life cycle of a command."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from gateway.model.devices import Command
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.model.states import CommandState, DueKind, Responsible

State = TypeVar("State", bound=StrEnum)
Action = TypeVar("Action", bound=StrEnum)
Observer = Callable[[str, StrEnum, StrEnum], None]
"""What (ticket, job, offer, …), the state it leaves and the action."""

_observers: list[Observer] = []


@dataclass(frozen=True)
class Duty:
    """Who is responsible while a row is in a state, and which deadline runs."""

    responsible: Responsible
    until: str  # in words: what should have happened by then
    deadline: str | DueKind | None  # `table.column`, or the kind of its row in `due`
    watched: bool = True  # False: nobody looks at that deadline yet
    also: tuple[DueKind, ...] = ()  # deadlines that run beside it, or after it
    instead: Mapping[DueKind, Responsible] = field(default_factory=dict)  # whose a deadline may be instead

    def may_have(self, kind: DueKind, who: Responsible) -> bool:
        """Whether such a deadline may run in this state, and be theirs."""
        return kind in (self.deadline, *self.also) and who in (self.responsible, self.instead.get(kind))


@dataclass(frozen=True)
class WhenDue:
    """What the clock does by itself when a deadline has passed and nobody has done anything."""

    takes: frozenset[StrEnum] = frozenset()  # one of these; none: it asks whoever is responsible, and looks again
    pages: bool = False  # and if that leads nowhere somebody on call is paged, again and again until they act
    then: frozenset[StrEnum] = frozenset()  # what may follow such an action in the same plan


def after(transitions: Mapping[tuple[State, Action], State], state: State, action: Action, what: str, row_id: str
          ) -> State:
    """The state that `action` leads to. `what` (ticket, offer, …) and `row_id` name the row for the person who reads
    the refusal. Raises Refused."""
    following = transitions.get((state, action))
    if following is None:
        raise Refused(RefusedReason.NOT_NOW, what=what, id=row_id, state=state)
    for observer in _observers:
        observer(what, state, action)
    return following


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Within the block `observer` hears of every transition that a planner makes, so that somebody can prove that each
    row of a table can happen. It counts what is planned: a plan that meets a conflict is made again."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


class CommandAction(StrEnum):
    """What happens to a command to a device."""

    SEND = "send"
    """It is handed to the broker."""
    ACKNOWLEDGE = "acknowledge"
    """The device confirms it."""
    FAIL = "fail"
    """The device says that it could not do it, or there is no device any more."""
    EXPIRE = "expire"
    """Its time is over, or nobody needs it any more."""


COMMAND_TRANSITIONS: dict[tuple[CommandState, CommandAction], CommandState] = {
    (CommandState.QUEUED, CommandAction.SEND): CommandState.SENT,
    (CommandState.QUEUED, CommandAction.FAIL): CommandState.FAILED,
    (CommandState.QUEUED, CommandAction.EXPIRE): CommandState.EXPIRED,
    (CommandState.SENT, CommandAction.ACKNOWLEDGE): CommandState.ACKNOWLEDGED,
    (CommandState.SENT, CommandAction.FAIL): CommandState.FAILED,
    (CommandState.SENT, CommandAction.EXPIRE): CommandState.EXPIRED,
}

COMMAND_DUTIES: dict[CommandState, Duty] = {
    CommandState.QUEUED: Duty(Responsible.GATEWAY, "it is sent, or expires", "command.expires_at"),
    CommandState.SENT: Duty(Responsible.GATEWAY, "the device confirms it, or it expires", "command.expires_at"),
}


def move_command(command: Command, action: CommandAction) -> None:
    """The one place that writes the state of a command that a planner holds; gateway/store/commands.py moves many in
    one statement. Raises Refused."""
    command.state = after(COMMAND_TRANSITIONS, command.state, action, "command", command.id)
