"""`gateway demo --play`: the parts that the person at the keyboard plays, and their time limits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

TWO_MINUTES = 120.0
PARTS = {  # in the order of the story
    "press": "press Enter twice: it is Bob's button",
    "call": "you are the agent: call back, and say what came of it",
    "decline": "you are Rohrblitz and busy: decline this job, or take it",
    "accept": "you are Kunz Heating: accept this job, or decline it",
    "set out": "you are the technician: set out",
}


@dataclass(frozen=True)
class Turn:
    part: str
    subject: str  # the link, or the device
    link: str
    until: float  # on the clock of time.monotonic

    @property
    def words(self) -> str:
        # in tens: what somebody marks with the mouse stays marked until the screen changes
        left = max(0, ceil((self.until - time.monotonic()) / 10) * 10)
        return f"YOUR TURN, {left // 60}:{left % 60:02d} left: {PARTS[self.part]}"


class Turns:
    """Whose turn it is; each part comes once. `seconds`: how long the simulation waits for the keyboard; None:
    never."""

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.now: Turn | None = None
        self.seconds, self._clock = seconds, clock
        self._over = set[str]()
        self._waits_since: dict[str, float] = {}

    def part_is(self, part: str) -> bool:
        return self.now is not None and self.now.part == part

    def has_waited(self, subject: str) -> bool:
        """Whether it has been left to the person who plays for as long as a turn lasts, from the first question on."""
        return self._clock() - self._waits_since.setdefault(subject, self._clock()) >= (self.seconds or 0)

    def left_to_you(self, part: str, subject: str, link: str = "") -> bool:
        """Whether to wait for the person at the keyboard. The first subject that asks has the part."""
        if self.seconds is None or part in self._over:
            return False
        if self.now is None:
            self.now = Turn(part, subject, link, self._clock() + self.seconds)
        return (self.now.part, self.now.subject) == (part, subject) and self._clock() < self.now.until

    def end(self, part: str, subject: str) -> None:
        """Marks the part as done, by whomever."""
        if self.now is not None and (self.now.part, self.now.subject) == (part, subject):
            self.skip(part)

    def skip(self, part: str) -> None:
        self._over.add(part)
        if self.now is not None and self.now.part == part:
            self.now = None

    def over(self, part: str) -> bool:
        return part in self._over
