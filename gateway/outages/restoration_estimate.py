"""Estimates the time of restoration (ETR) from the duration of earlier outages."""

from collections.abc import Sequence
from statistics import median

from gateway.model import HOUR, MINUTE, Instant, round_up

FEWEST = 3  # closed outages to learn from
SHORTEST, LONGEST = 30 * MINUTE, 12 * HOUR
LEAD = 5 * MINUTE  # before an estimate passes, whoever is still dark is told another, or that there is none
STEP = 15 * MINUTE


def estimate_restoration(earlier_durations: Sequence[int], began: Instant, now: Instant) -> Instant | None:
    """When power should be back, rounded up to a quarter of an hour: after the median of `earlier_durations` (ms, of
    closed outages like this one), only those that lasted longer than this one has. None without history."""
    longer = [span for span in earlier_durations if began + span > now]
    if len(longer) < FEWEST:
        return None
    span = min(max(median(longer), SHORTEST), LONGEST)
    at = max(began + round(span), now + SHORTEST)
    return round_up(at, STEP)
