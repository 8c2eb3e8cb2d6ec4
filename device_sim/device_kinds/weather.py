"""Simulated outdoor temperature: days and nights, and fronts that pass in a few days."""

import math

DAY = 86_400.0
BEGINS = 7 * 3600  # a scenario begins at seven in the morning


def outside(t: float) -> float:
    """°C outdoors, `t` simulated seconds after the beginning: warmest at three in the afternoon."""
    day = (t + BEGINS) / DAY
    return 4 + 5 * math.sin((day - 0.375) * math.tau) + 2.5 * math.sin(day / 4.3 * math.tau)
