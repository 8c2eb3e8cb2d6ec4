"""A provider's track record as a number from 0 to 1: does it accept, is it on time, does it fix it at once.

Small numbers are damped: each share counts as if the provider had done `DAMPING` more, of the usual quality (the mean
of a Beta prior). A newcomer therefore stands where the usual provider stands, and one missed visit ruins nobody.
"""

from dataclasses import dataclass
from functools import lru_cache

DAMPING = 8  # our own choice: eight answers of its own weigh as much as what is usual
USUAL = (0.6, 0.85, 0.75)  # accepted, on time, fixed at the first visit: where anybody begins
WEIGHTS = (0.4, 0.3, 0.3)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """What a provider did in the time that counts, without what an operator left out."""

    asked: int = 0  # offers that it answered or let lapse; not those taken back
    accepted: int = 0
    arrivals: int = 0  # visits that were to arrive within a window
    on_time: int = 0
    visits: int = 0  # done; not those where nobody opened the door
    fixed: int = 0  # settled by the first visit

    @property
    def score(self) -> float:
        shares = ((self.accepted, self.asked), (self.on_time, self.arrivals), (self.fixed, self.visits))
        return sum(weight * (good + DAMPING * usual) / (of + DAMPING)
                   for (good, of), usual, weight in zip(shares, USUAL, WEIGHTS, strict=True))

    def __str__(self) -> str:
        if not self.asked and not self.visits:
            return "no record yet"
        return (f"accepted {self.accepted} of {self.asked}, on time {self.on_time} of {self.arrivals}, "
                f"fixed at once {self.fixed} of {self.visits}")


@lru_cache(maxsize=4096)  # a record changes once an hour, and is asked for at each ranking
def standing(record: TrackRecord) -> tuple[float, str]:
    """Its score, and what it is made of in words."""
    return record.score, str(record)


NO_RECORD = TrackRecord()
