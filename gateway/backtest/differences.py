"""Compares the alarms of two sets of rules on the same readings."""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.backtest.data_types import SimulatedAlarm


class Difference(NamedTuple):
    """An alarm that only one set of rules raises, or that both raise at different times."""

    what: str  # only_new | only_old | moved
    old: SimulatedAlarm | None
    new: SimulatedAlarm | None


def compare(old: Iterable[SimulatedAlarm], new: Iterable[SimulatedAlarm]) -> list[Difference]:
    """Pairs alarms of the same rule on the same device whose times overlap; what is alike is left out."""
    mine: dict[tuple[str, str], list[SimulatedAlarm]] = {}
    for seen in sorted(old, key=lambda one: one.raised):
        mine.setdefault((seen.device, seen.rule), []).append(seen)
    found = []
    for seen in sorted(new, key=lambda one: one.raised):
        waiting = mine.get((seen.device, seen.rule), [])
        partner = next((one for one in waiting if _overlap(one, seen)), None)
        if partner is None:
            found.append(Difference("only_new", None, seen))
            continue
        waiting.remove(partner)
        if (partner.raised, partner.cleared, partner.severity) != (seen.raised, seen.cleared, seen.severity):
            found.append(Difference("moved", partner, seen))
    found += [Difference("only_old", seen, None) for left in mine.values() for seen in left]
    return sorted(found, key=lambda one: (when(one), one.what))


def when(difference: Difference) -> int:
    """When it shows first."""
    return min(seen.raised for seen in (difference.old, difference.new) if seen is not None)


def _overlap(one: SimulatedAlarm, other: SimulatedAlarm) -> bool:
    ends = [seen.cleared if seen.cleared is not None else 2**62 for seen in (one, other)]
    return one.since <= ends[1] and other.since <= ends[0]
