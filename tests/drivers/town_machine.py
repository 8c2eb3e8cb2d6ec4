"""All that may happen in the restless town, as a state machine of hypothesis; and what did."""

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import currentframe
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.flow.sweep import sweep
from gateway.model import Attempt, DueKind, Instant, to_iso
from gateway.model.lifecycle import observed
from gateway.store import Store
from gateway.tickets.alarms.raised_and_cleared import plan_remote_fix_over, plan_suppression_over
from gateway.tickets.lifecycle import TRANSITIONS, WHEN_DUE, Action
from gateway.tickets.plan_due import plan_deadline
from tests.drivers import clock_only
from tests.drivers.nothing_waits import waiting
from tests.drivers.restless_town import RestlessTown, begin


@dataclass
class Explored:
    """What has happened, in all the towns that were tried."""

    transitions: Counter[tuple[str, StrEnum, StrEnum]] = field(default_factory=Counter)  # (what, state, action)
    by_the_clock: set[tuple[DueKind, Action]] = field(default_factory=set)
    steps: int = 0
    deadlines: int = 0  # that passed when everybody had stopped

    def saw(self, what: str, state: StrEnum, action: StrEnum) -> None:
        if what != "notification":  # several leave at once, in any order: they would be counted otherwise each time
            self.transitions[what, state, action] += 1

    @property
    def rows(self) -> set[tuple[Any, Any]]:
        """The rows of TRANSITIONS that have happened."""
        return {(state, action) for what, state, action in self.transitions if what in ("job", "ticket")}

    def __str__(self) -> str:
        cycles = {what for what, _, _ in self.transitions}
        return (f"{self.transitions.total()} transitions, {len(self.transitions)} different ones in {len(cycles)} life "
                f"cycles, {len(self.rows & TRANSITIONS.keys())} of {len(TRANSITIONS)} of tickets, and "
                f"{len(self.by_the_clock)} that the clock took; {self.steps} steps, and {self.deadlines} deadlines "
                "when everybody had stopped")


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
                with only_what_the_table_says(explored):
                    self.story.wait(random.choice((1, 20, 300, 1440)))
            note(f"it is {to_iso(self.story.now)}")

        @invariant()
        def nothing_waits(self) -> None:
            explored.steps += 1
            check(self.town)

        def teardown(self) -> None:
            try:
                if sys.exc_info()[0] is None:  # else something has been found already
                    with only_what_the_table_says(explored):
                        explored.deadlines += clock_only.drive(self.story)
                    check(self.town)
                    assert self.story.all(Attempt, Attempt.kind == "unusable") == [], "it could not be worded"
            finally:
                self.watching.__exit__(None, None, None)
                self.story.gw.store.close()
                self.folder.cleanup()

    return Town


def check(town: RestlessTown, late: Instant = 1) -> None:
    """Nothing that is open waits without a deadline and a person. `late`: so long (ms) after a deadline the clock must
    have looked."""
    while sweep(town.story.gw, town.story.now):  # once more: what became of a message may have opened a promise again
        pass
    with town.story.gw.store.read() as session:
        left = waiting(session, town.story.now - late)
    assert left == [], left


def clock_step(town: RestlessTown, explored: Explored, kind: DueKind | None = None) -> None:
    """The next deadline (of that kind) passes; the clock does what the table says, and nothing else."""
    story = town.story
    with story.gw.store.read() as session:
        at = clock_only.next_deadline(session) if kind is None else clock_only.next_of(kind, session)
    if at is None:
        return
    with only_what_the_table_says(explored):
        clock_only.wait_until(at, story)
    story.wait()  # an offer that could not be delivered has lapsed meanwhile
    with story.gw.store.read() as session:
        left = clock_only.overdue(session, story.now)
    assert left == []


@contextmanager
def only_what_the_table_says(explored: Explored) -> Iterator[None]:
    """Nobody acts within the block: jobs and tickets move only as WHEN_DUE says of a deadline that has passed, or
    because the time of an alarm is over."""
    wrong: list[tuple[DueKind | None, Action]] = []

    def saw(what: str, _: StrEnum, action: StrEnum) -> None:
        if what in ("job", "ticket"):
            kind, alarm = _cause()
            if kind is not None and action in WHEN_DUE[kind].takes:
                explored.by_the_clock.add((kind, Action(action)))
            elif not alarm and (kind is None or action not in WHEN_DUE[kind].then):
                wrong.append((kind, Action(action)))

    with observed(saw):
        yield
    assert wrong == []


def _cause() -> tuple[DueKind | None, bool]:
    """The deadline that is being handled, and whether an alarm is: read from the stack, because one sweep handles all
    that has passed."""
    frame = currentframe()
    while frame is not None:
        if frame.f_code is plan_deadline.__code__:
            return frame.f_locals["due"].kind, False
        if frame.f_code in (plan_suppression_over.__code__, plan_remote_fix_over.__code__):
            return None, True
        frame = frame.f_back
    return None, False


def explore(template: Path, towns: int, steps: int) -> Explored:
    """So many towns, of so many steps each, and then only the clock. The same ones each time."""
    explored = Explored()
    run_state_machine_as_test(machine(explored, template), settings=settings(
        max_examples=towns, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate]))  # to shrink takes minutes
    return explored
