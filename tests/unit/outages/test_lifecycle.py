"""An outage and its homes go through their states by one table each, and somebody is responsible in every open one."""

import pytest

from gateway.model import MemberState, Outage, OutageKind, OutageMember, OutageState
from gateway.model.plan import Refused
from gateway.outages.lifecycle import (
    DUTIES,
    MEMBER_TRANSITIONS,
    OPEN,
    TRANSITIONS,
    Action,
    MemberAction,
    move,
    move_member,
)

ENDED = set(OutageState) - OPEN


def outage(state: OutageState) -> Outage:
    return Outage(id="X-1", key="feeder-7", kind=OutageKind.FEEDER, state=state, began_at=0, last_at=0, suspected_at=0,
                  dark=3, next_at=5)


def test_in_every_open_state_somebody_is_responsible_and_in_no_other() -> None:
    assert set(DUTIES) == OPEN
    assert {OutageState.CLOSED, OutageState.DISMISSED} == ENDED


def test_every_state_is_reached_and_only_the_ends_are_never_left() -> None:
    assert {*TRANSITIONS.values(), OutageState.SUSPECTED} == set(OutageState)
    assert {state for state, _ in TRANSITIONS} == OPEN
    assert {*MEMBER_TRANSITIONS.values()} == set(MemberState) == {state for state, _ in MEMBER_TRANSITIONS}


@pytest.mark.parametrize(("state", "action"), sorted(TRANSITIONS))
def test_a_transition_writes_the_times_that_go_with_it(state: OutageState, action: Action) -> None:
    row = outage(state)
    move(row, action, 9)
    assert (row.state, row.next_at) == (TRANSITIONS[state, action], None)
    assert (row.closed_at == 9) is (row.state in ENDED)
    assert row.dark == (0 if row.state in ENDED else 3)
    assert row.round == (2 if action is Action.RELAPSE else 1)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_has_ended_moves_no_more(state: OutageState) -> None:
    for action in Action:
        with pytest.raises(Refused, match=f"id=X-1 state={state}"):
            move(outage(state), action, 9)


@pytest.mark.parametrize(("state", "action"), sorted(MEMBER_TRANSITIONS))
def test_a_home_is_back_from_when_it_says_so_or_can_no_longer_say(state: MemberState, action: MemberAction) -> None:
    home = OutageMember(id="X-1/a", outage_id="X-1", site_id="a", customer_id="ada", state=state,
                        died_at=0, joined_at=0)
    move_member(home, action, 9)
    assert home.back_at == (9 if action in (MemberAction.RETURN, MemberAction.LEAVE) else None)
