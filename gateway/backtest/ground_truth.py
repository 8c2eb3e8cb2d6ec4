"""Scores a backtest's alarms against ground truth: precision, recall and delay by rule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

import orjson

from gateway.backtest.data_types import SimulatedAlarm
from gateway.model import MINUTE, Instant

GRACE = 5 * MINUTE  # after the end of an episode an alarm is still about it
DEMANDED, EXCUSED = ("ticket", "alarm"), ("outage",)


class BadTruth(Exception):
    """`errors`: one line, `file:line: what — what was expected`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class Episode(NamedTuple):
    """A fault that really existed, or a time without one, as the truth file says. `rule` "": any."""

    device: str
    rule: str
    began: Instant
    ended: Instant | None  # None: still so at the end of the run
    expect: str


@dataclass
class RuleScore:
    """The score of one rule: true episodes detected and missed, false alarms, delays."""

    rule: str
    episodes: int = 0  # that demand an alarm: found + missed
    found: int = 0
    false: int = 0
    repeats: int = 0  # alarms after the first for the same episode
    excused: int = 0  # part of an area outage: neither right nor false
    delays: list[int] = field(default_factory=list)  # ms from the true beginning

    @property
    def precision(self) -> float | None:
        return self.found / (self.found + self.false) if self.found + self.false else None

    @property
    def recall(self) -> float | None:
        return self.found / self.episodes if self.episodes else None

    def delay(self, share: float) -> int | None:
        """ms that `share` of the delays do not exceed, by nearest rank."""
        ordered = sorted(self.delays)
        return ordered[max(1, ceil(share * len(ordered) - 1e-9)) - 1] if ordered else None


def read_truth(lines: Iterable[bytes], file: str) -> list[Episode]:
    """The episodes of a truth file. Raises BadTruth at the first line that is none."""
    found = []
    for number, line in enumerate(lines, 1):
        try:
            data: Any = orjson.loads(line)
            if "device" in data:
                ended = data["to"]
                found.append(Episode(str(data["device"]), str(data["rule"]), int(data["from"]),
                                     None if ended is None else int(ended), str(data["expect"])))
        except orjson.JSONDecodeError as error:
            raise BadTruth([f"{file}:{number}: no JSON ({error}) — expected one object a line"]) from error
        except (KeyError, TypeError, ValueError) as error:
            raise BadTruth([f"{file}:{number}: {error} — expected device, from, to (ms or null), expect and rule, "
                            "as docs/simulator.md says"]) from error
    return found


def score_rules(alarms: Iterable[SimulatedAlarm], truth: Sequence[Episode], devices: Iterable[str], until: Instant
                ) -> list[RuleScore]:
    """By rule, in order; only of `devices`, and only episodes that had GRACE to be seen before `until`."""
    known = set(devices)
    by_device: dict[str, list[Episode]] = {}
    for episode in truth:
        if episode.device in known:
            by_device.setdefault(episode.device, []).append(episode)
    scores: dict[str, RuleScore] = {}
    answered: set[Episode] = set()
    for seen in sorted(alarms, key=lambda one: one.raised):
        _judge(seen, by_device.get(seen.device, []), scores.setdefault(seen.rule, RuleScore(seen.rule)), answered)
    for episode in (one for episodes in by_device.values() for one in episodes):
        if episode in answered or (episode.expect in DEMANDED and episode.began <= until - GRACE):
            row = scores.setdefault(episode.rule or "any", RuleScore(episode.rule or "any"))
            row.episodes += 1
    return [scores[rule] for rule in sorted(scores)]


def _judge(seen: SimulatedAlarm, episodes: Sequence[Episode], score: RuleScore, answered: set[Episode]) -> None:
    near = [one for one in episodes if one.rule in ("", seen.rule) and one.began <= seen.raised
            and (one.ended is None or seen.raised <= one.ended + GRACE)]
    wanted = [one for one in near if one.expect in DEMANDED]
    owner = next((one for one in wanted if one not in answered), None)
    if owner is not None:
        answered.add(owner)
        score.found += 1
        score.delays.append(seen.raised - owner.began)
    elif wanted:
        score.repeats += 1
    elif any(one.expect in EXCUSED for one in near):
        score.excused += 1
    else:
        score.false += 1
