"""The first half of the proof that nothing waits for ever: a walk through the tables. From each open state something
leads to an end, and the clock alone moves it or pages somebody."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from gateway.callbacks import lifecycle as callbacks
from gateway.callbacks.presses import button_test_lifecycle as button_tests
from gateway.model import ButtonTestState, CallbackState, DueKind, OfferState, TicketState
from gateway.model.lifecycle import WhenDue
from gateway.tickets.lifecycle import DUTIES, OFFER_DUTIES, OPEN, TRANSITIONS, VISIT_DUTIES, WHEN_DUE, Action

ENDED = frozenset(TicketState) - OPEN
Table = Mapping[tuple[Any, Any], Any]


def reached(begin: StrEnum, transitions: Table, steps: Mapping[Any, frozenset[Any]] | None = None) -> list[StrEnum]:
    """Every state that can follow `begin`, the nearest first. `steps`: state → the only actions that count."""
    found: list[StrEnum] = [begin]
    for state in found:
        found += [after for (before, action), after in transitions.items()
                  if before is state and after not in found and (steps is None or action in steps[state])]
    return found


def by_the_clock(state: TicketState) -> WhenDue:
    """What the clock does to a job or ticket that stays in `state` until all its deadlines have passed."""
    duty = DUTIES[state]
    assert isinstance(duty.deadline, DueKind), f"{state}: the deadline is no row of `due`"
    passed = [WHEN_DUE[kind] for kind in (duty.deadline, *duty.also)]
    return WhenDue(frozenset().union(*(one.takes for one in passed)), pages=any(one.pages for one in passed))


@pytest.mark.parametrize("state", sorted(OPEN))
def test_from_each_open_state_something_leads_to_an_end(state: TicketState) -> None:
    assert ENDED.intersection(reached(state, TRANSITIONS))


@pytest.mark.parametrize("state", sorted(OPEN))
def test_each_open_state_has_somebody_responsible_and_an_edge_that_the_clock_alone_takes(state: TicketState) -> None:
    duty, clock = DUTIES[state], by_the_clock(state)
    assert duty.responsible
    assert duty.watched
    assert clock.takes or clock.pages
    assert all((state, action) in TRANSITIONS for action in clock.takes)


@pytest.mark.parametrize("state", sorted(OPEN))
def test_the_clock_alone_leads_to_an_end_or_pages_a_person(state: TicketState) -> None:
    taken = {one: by_the_clock(one).takes for one in OPEN}
    ways = reached(state, TRANSITIONS, {**taken, **dict.fromkeys(ENDED, frozenset())})
    assert any(one in ENDED or by_the_clock(TicketState(one)).pages for one in ways)


def test_every_deadline_has_its_answer() -> None:
    assert set(WHEN_DUE) | set(callbacks.WHEN_DUE) | set(button_tests.WHEN_DUE) == set(DueKind)


def test_who_else_a_deadline_may_be_waiting_for_is_said_of_deadlines_that_the_state_has() -> None:
    assert all(set(duty.instead) <= {duty.deadline, *duty.also} for duty in DUTIES.values())


def test_a_visit_is_watched_by_deadlines_that_page_somebody_in_the_end() -> None:
    assert all(duty.watched and isinstance(duty.deadline, DueKind) for duty in VISIT_DUTIES.values())


def test_an_offer_lapses() -> None:
    duty = OFFER_DUTIES[OfferState.PENDING]
    assert duty.watched
    assert duty.deadline is DueKind.OFFER_EXPIRES


def test_the_walk_sees_a_dead_end() -> None:
    shut = {one: after for one, after in TRANSITIONS.items() if one[0] is not TicketState.ON_HOLD}
    assert not ENDED.intersection(reached(TicketState.ON_HOLD, shut))
    nothing: dict[Any, frozenset[Any]] = dict.fromkeys(TicketState, frozenset())
    assert reached(TicketState.NEW, TRANSITIONS, nothing) == [TicketState.NEW]
    assert Action.WAKE in WHEN_DUE[DueKind.HOLD_UNTIL].takes


@pytest.mark.parametrize("state", sorted(callbacks.OPEN))
def test_of_a_callback_too_the_clock_pages_a_person_or_frees_it_for_others(state: CallbackState) -> None:
    assert callbacks.DUTIES[state].responsible
    ends = {CallbackState.DONE, CallbackState.CANCELLED, CallbackState.EXPIRED, CallbackState.ANSWERED}
    assert ends.intersection(reached(state, callbacks.TRANSITIONS))
    duty = callbacks.DUTIES[state]
    passed = [callbacks.WHEN_DUE[kind] for kind in (duty.deadline, *duty.also) if isinstance(kind, DueKind)]
    assert any(when.pages for when in passed) or duty.deadline == "on_call_page.next_at"
    assert all((state, action) in callbacks.TRANSITIONS for when in passed for action in when.takes)


@pytest.mark.parametrize("state", sorted(button_tests.OPEN))
def test_the_clock_alone_ends_the_test_of_a_button(state: ButtonTestState) -> None:
    taken = {one: button_tests.WHEN_DUE[duty.deadline].takes for one, duty in button_tests.DUTIES.items()
             if isinstance(duty.deadline, DueKind)}
    ended = frozenset(ButtonTestState) - button_tests.OPEN
    ways = reached(state, button_tests.TRANSITIONS, {**taken, **dict.fromkeys(ended, frozenset())})
    assert ButtonTestState.MISSED in ways
    assert all((one, action) in button_tests.TRANSITIONS for one, actions in taken.items() for action in actions)
