"""Life cycle of an area outage and its homes: every transition, and who must act in which state by when."""

from enum import StrEnum

from gateway.model import Instant, MemberState, Outage, OutageMember, OutageState
from gateway.model.lifecycle import Duty, after
from gateway.model.states import Responsible


class Action(StrEnum):
    """What happens to an outage."""

    CONFIRM = "confirm"
    """It has lasted, and it is not us."""
    BEGIN_RESTORING = "begin_restoring"
    """At least half of its homes have come back."""
    RESTORE = "restore"
    """Nobody of it is dark any more, but for reasons of their own."""
    RELAPSE = "relapse"
    """Homes went dark again: a new round."""
    REOPEN = "reopen"
    """Somebody says that their home still has no power."""
    CLOSE = "close"
    """It stayed away for the recurrence time; a fault of our own ends at once."""
    DISMISS = "dismiss"
    """It was no outage, or a part of another one."""


_SUSPECTED, _CONFIRMED = OutageState.SUSPECTED, OutageState.CONFIRMED
_RESTORING, _RESTORED = OutageState.RESTORING, OutageState.RESTORED

DECIDING = frozenset((_SUSPECTED, _CONFIRMED))  # it may still grow, or be explained better
DARK = DECIDING | {_RESTORING}  # some of its homes have not come back
OPEN = DARK | {_RESTORED}  # `closed_at` is empty: the last may still be coming back
OVER = frozenset((_RESTORED, OutageState.CLOSED))

TRANSITIONS: dict[tuple[OutageState, Action], OutageState] = {
    (_SUSPECTED, Action.CONFIRM): _CONFIRMED,
    (_CONFIRMED, Action.BEGIN_RESTORING): _RESTORING,
    (_CONFIRMED, Action.RESTORE): _RESTORED,
    (_CONFIRMED, Action.CLOSE): OutageState.CLOSED,  # a fault of our own: no home has to prove anything
    (_RESTORING, Action.RESTORE): _RESTORED,
    (_RESTORING, Action.RELAPSE): _CONFIRMED,
    (_RESTORED, Action.RELAPSE): _CONFIRMED,
    (_RESTORED, Action.REOPEN): _RESTORING,
    (_RESTORED, Action.CLOSE): OutageState.CLOSED,
    **{(state, Action.DISMISS): OutageState.DISMISSED for state in OPEN},
}

DUTIES: dict[OutageState, Duty] = {
    _SUSPECTED: Duty(Responsible.GATEWAY, "it is confirmed or dismissed", "outage.next_at"),
    _CONFIRMED: Duty(Responsible.DISPATCHER, "it ends, or its estimated end passes and another is told",
                     "outage.next_at"),
    _RESTORING: Duty(Responsible.GATEWAY, "whoever is still dark has a fault of their own", "outage.next_at"),
    _RESTORED: Duty(Responsible.GATEWAY, "the recurrence time is over: it is closed", "outage.next_at"),
}


def move(outage: Outage, action: Action, now: Instant) -> None:
    """The one place that writes an outage's state, and the times that go with it. What the clock shall look for next
    (`next_at`) is empty afterwards. Raises Refused."""
    outage.state = after(TRANSITIONS, outage.state, action, "outage", outage.id)
    outage.next_at = None
    if action is Action.CONFIRM:
        outage.confirmed_at = now
    elif action is Action.BEGIN_RESTORING:
        outage.restoring_at = now
    elif action is Action.RESTORE:
        outage.restored_at, outage.restoring_at = now, outage.restoring_at or now
    elif action is Action.REOPEN:
        outage.restored_at = None
    elif action is Action.RELAPSE:
        outage.restored_at = outage.restoring_at = None
        outage.round += 1
    else:
        outage.closed_at = now
        outage.dark = 0


class MemberAction(StrEnum):
    """What happens to one home of an outage."""

    RETURN = "return"
    """It proves by itself that it is back."""
    LEAVE = "leave"
    """It can no longer say whether it has power, or belongs to another outage."""
    NEST = "nest"
    """The others are back and it is not: a fault of its own."""
    RELAPSE = "relapse"
    """It is dark with the others again."""


MEMBER_TRANSITIONS: dict[tuple[MemberState, MemberAction], MemberState] = {
    (MemberState.AFFECTED, MemberAction.RETURN): MemberState.RESTORED,
    (MemberState.AFFECTED, MemberAction.LEAVE): MemberState.LEFT,
    (MemberState.AFFECTED, MemberAction.NEST): MemberState.NESTED,
    (MemberState.NESTED, MemberAction.RETURN): MemberState.RESTORED,
    (MemberState.NESTED, MemberAction.LEAVE): MemberState.LEFT,
    (MemberState.RESTORED, MemberAction.RELAPSE): MemberState.AFFECTED,
    (MemberState.LEFT, MemberAction.RELAPSE): MemberState.AFFECTED,
}


def move_member(member: OutageMember, action: MemberAction, now: Instant) -> None:
    """The one place that writes the state of an outage's home, and when it was back; how long it was dark is kept when
    it is dark again. Raises Refused."""
    was = member.state
    member.state = after(MEMBER_TRANSITIONS, was, action, "home", member.site_id)
    if action is MemberAction.RELAPSE:
        if was is MemberState.RESTORED and member.back_at is not None:
            member.dark_before_ms += max(member.back_at - member.died_at, 0)
        member.back_at, member.told = None, False
    elif action is not MemberAction.NEST:
        member.back_at = now
