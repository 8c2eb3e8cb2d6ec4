"""Converts simulated seconds since the town began to the gateway's milliseconds."""

from benchmarks.simulated_time import STARTED
from gateway.model import Instant

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def ms(t: float) -> Instant:
    return STARTED + round(t * 1000)


def seconds(at: Instant) -> float:
    return (at - STARTED) / 1000
