"""What fixed a kind of fault before: which fix held how often, and which parts went into it. Nobody is named."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.model import DAY, Instant

HELD = 30 * DAY  # a fix held when nobody had to come again for that fault, and it was not back, for so long
LEARNED = 3 * 365 * DAY  # what is older says little about the devices of today
FEWEST = 2  # cases of one fix: once may have been chance, and what only one person wrote stays between them and us
SHOWN, PARTS_SHOWN = 5, 3


class Case(NamedTuple):
    """One visit after which a fault was over, as its technician said."""

    fix: str  # what fixed it, in their words
    parts: Sequence[str]  # used
    done_at: Instant
    came_back: bool  # within HELD


class Fix(NamedTuple):
    """What several technicians did about the same fault, by its most usual name."""

    name: str
    held: int
    of: int  # cases of which it is known whether it held
    parts: Sequence[str]  # used then, the most usual first


def rank_fixes(cases: Iterable[Case], now: Instant) -> list[Fix]:
    """Those that held most often come first; seven of eight times says more than one of one (Laplace's rule of
    succession). A case that is too fresh does not count yet, unless it has failed already."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        if case.came_back or now - case.done_at >= HELD:
            groups.setdefault(_same(case.fix), []).append(case)
    fixes = [_fix(group) for group in groups.values() if len(group) >= FEWEST]
    fixes.sort(key=lambda one: (-(one.held + 1) / (one.of + 2), -one.of, one.name))
    return fixes[:SHOWN]


def _fix(group: Sequence[Case]) -> Fix:
    parts: dict[str, list[str]] = {}
    for case in group:
        for part in {_same(part): part for part in case.parts}.values():
            parts.setdefault(_same(part), []).append(part)
    usual = sorted(parts.values(), key=lambda names: (-len(names), names[0]))
    return Fix(_usual([case.fix for case in group]), sum(not case.came_back for case in group), len(group),
               [_usual(names) for names in usual[:PARTS_SHOWN]])


def _usual(spellings: Sequence[str]) -> str:
    return Counter(" ".join(one.split()) for one in spellings).most_common(1)[0][0]


def _same(words: str) -> str:
    """What stays of a name when capitals, spaces and full stops do not count."""
    return " ".join(words.casefold().split()).strip(" .!,;।")
