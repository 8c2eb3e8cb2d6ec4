"""Finds the gaps in a history in which the gateway received nothing, so that no device is called silent for them."""

from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from gateway.model import MINUTE, Instant

LEAST = 5 * MINUTE
USUAL = 10  # times the usual distance between two minutes in which anything was heard
CROWD = 5  # devices: fewer than that fall silent together by chance


def listening_gaps(minutes: Iterable[int], devices: int) -> list[tuple[Instant, Instant]]:
    """The (from, until) in which the gateway received nothing. `minutes`: those (since 1970) with any message."""
    heard = sorted(set(minutes))
    if devices < CROWD or len(heard) < CROWD:
        return []
    steps = [later - earlier for earlier, later in pairwise(heard)]
    least = max(LEAST // MINUTE, USUAL * median(steps))
    return [((earlier + 1) * MINUTE, later * MINUTE) for earlier, later in pairwise(heard)
            if later - earlier - 1 >= least]
