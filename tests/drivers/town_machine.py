"""All that may happen in the restless town, as a state machine of hypothesis; and what did."""

import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.model import DueKind, to_iso
from gateway.model.lifecycle import observed
from gateway.store import Store
from gateway.store.views.unwatched import unwatched
from gateway.tickets.lifecycle import TRANSITIONS, WHEN_DUE, Action
from tests.drivers import clock_only
from tests.drivers.restless_town import RestlessTown, begin

WALKS_ON = {Action.WAKE, Action.REOPEN}  # and then somebody is asked in the same plan


@dataclass
class Explored:
    """What has happened, in all the towns that were tried."""

    transitions: Counter[tuple[str, StrEnum, StrEnum]] = field(default_factory=Counter)  # (what, state, action)
    by_the_clock: set[tuple[DueKind, Action]] = field(default_factory=set)
    steps: int = 0
    deadlines: int = 0  # that passed when everybody had stopped

    def saw(self, what: str, state: StrEnum, action: StrEnum) -> None:
        self.transitions[what, state, action] += 1

    @property
    def rows(self) -> set[tuple[Any, Any]]:
        """The rows of TRANSITIONS that have happened."""
        return {(state, action) for what, state, action in self.transitions if what in ("job", "ticket")}

    def __str__(self) -> str:
        cycles = {what for what, _, _ in self.transitions}
        return (f"{self.transitions.total()} transitions, {len(self.transitions)} different ones in {len(cycles)} life "
                f"cycles, {len(self.rows & TRANSITIONS.keys())} of {len(TRANSITIONS)} of tickets; {self.steps} steps, "
                f"and {self.deadlines} deadlines when everybody had stopped")


def machine(explored: Explored, template: Path) -> type[RuleBasedStateMachine]:
    """All that may happen in the town; what did is written down in `explored`. `template`: an empty database."""

    class Town(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = TemporaryDirectory(ignore_cleanup_errors=True)
            shutil.copy(template, f"{self.folder.name}/gateway.db")
            self.town = begin(Store(f"sqlite:///{self.folder.name}/gateway.db"))
            self.story = self.town.story
            self.count = 0
            self.watching = observed(explored.saw)
            self.watching.__enter__()

        @initialize()
        def three_faults(self) -> None:
            for device, signal in (("alice-boiler", "heat"), ("alice-stove", "power"), ("bob-boiler", "heat")):
                self.town.fault(device, signal)

        @rule(chance=st.integers(0, 2**32))
        def something_happens(self, chance: int) -> None:
            """One rule, because hypothesis leaves some rules out in each town, and likes to repeat a number."""
            self.count += 1
            random = Random(chance + self.count)
            if random.random() < 0.75:
                self.town.happen(random, note)
            elif random.random() < 0.4:
                clock_step(self.town, explored)
            else:
                self.story.wait(random.choice((1, 20, 300, 1440)))
            note(f"it is {to_iso(self.story.now)}")

        @invariant()
        def nothing_waits(self) -> None:
            explored.steps += 1
            check(self.town)

        def teardown(self) -> None:
            try:
                if sys.exc_info()[0] is None:  # else something has been found already
                    explored.deadlines += clock_only.drive(self.story)
            finally:
                self.watching.__exit__(None, None, None)
                self.story.gw.store.close()
                self.folder.cleanup()

    return Town


def check(town: RestlessTown) -> None:
    """Nothing that is open waits without a deadline."""
    with town.story.gw.store.read() as session:
        left = [str(one) for one in unwatched(session)]
        assert left == [], left


def clock_step(town: RestlessTown, explored: Explored, kind: DueKind | None = None) -> None:
    """The next deadline (of that kind) passes; the clock does what WHEN_DUE says, and nothing else."""
    story = town.story
    with story.gw.store.read() as session:
        at = clock_only.next_deadline(session) if kind is None else clock_only.next_of(kind, session)
        if at is None:
            return
        kinds = clock_only.due_kinds(session, clock_only.whole_minute(max(at, story.now)))
    taken: list[Action] = []
    with observed(lambda what, _, action: taken.append(Action(action)) if what in ("job", "ticket") else None):
        clock_only.wait_until(at, story)
    if kinds:
        may = {action for kind in kinds for action in WHEN_DUE[kind].takes}
        assert set(taken) <= may | ({Action.OFFER, Action.WAIT} if may & WALKS_ON else set()), (kinds, taken)
        explored.by_the_clock |= {(kind, action) for kind in kinds for action in WHEN_DUE[kind].takes & set(taken)}
    story.wait()  # an offer that could not be delivered has lapsed meanwhile
    with story.gw.store.read() as session:
        left = clock_only.overdue(session, story.now)
    assert left == []


def explore(template: Path, towns: int, steps: int) -> Explored:
    """So many towns, of so many steps each, and then only the clock. The same ones each time."""
    explored = Explored()
    run_state_machine_as_test(machine(explored, template), settings=settings(
        max_examples=towns, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate]))  # to shrink takes minutes
    return explored
