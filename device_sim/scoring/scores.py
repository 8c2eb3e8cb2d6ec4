"""Computes precision, recall and delay of the gateway's alarms and outages against ground truth. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

NOTHING = "(nothing)"  # in truth: no episode there; as the gateway's word: it said nothing


class Episode(NamedTuple):
    """One line of the truth. Times are ms of the wall clock; `ended` None: still so at the end of the run."""

    device: str
    site: str | None
    kind: str
    began: int
    ended: int | None
    expect: str  # ticket | alarm | outage | callback | none
    rule: str = ""  # the alarm that a good detector raises; "" = any
    group: str | None = None  # the area that went dark together


class Truth(NamedTuple):
    scenario: str
    seed: int
    devices: int
    speed: float
    started: int
    ended: int
    device_days: float  # simulated ones
    episodes: tuple[Episode, ...]


class Finding(NamedTuple):
    """One thing that the gateway said; a ticket has one for each device and rule that it is about. `at` (ms) is when it
    knew; `closed` None: still open when it was asked."""

    id: str
    at: int
    closed: int | None = None
    device: str = ""
    site: str | None = None
    rule: str = ""
    group: str | None = None
    explained_by: str = ""  # the rule of another alarm of the device that explains this one, so nobody was told of it


@dataclass(frozen=True)
class Family:
    """A kind of finding, scored by itself: what demands it, what merely excuses it, and what it is about."""

    name: str
    demanded_by: tuple[str, ...]  # `expect` of the episodes that must have one
    excused_by: tuple[str, ...] = ()  # `expect` of the episodes that may have one: neither right nor false
    subjects: Callable[[Episode | Finding], tuple[str | None, ...]] = lambda it: (it.device,)

    def about(self, it: Episode | Finding) -> tuple[str, ...]:
        """What it is about; two are about the same when they share one of these names."""
        return tuple(name for name in self.subjects(it) if name)


FAMILIES = (
    Family("ticket", ("ticket",)),
    Family("alarm", ("alarm", "ticket"), excused_by=("outage",)),
    Family("outage", ("outage",), subjects=lambda it: (it.group,)),
    Family("callback", ("callback",), subjects=lambda it: (it.site, it.device)),
)


@dataclass
class Row:
    """The counts of one kind of episode, or of all kinds together."""

    episodes: int = 0  # that demand a finding and are judged: found + missed
    found: int = 0
    missed: int = 0
    false: int = 0
    repeats: int = 0  # findings after the first for the same episode
    excused: int = 0  # findings that the truth allows and does not demand
    explained: int = 0  # findings put down to another that is right: they were said to nobody
    joined: int = 0  # findings beside another one of the same ticket: nobody was sent for them alone
    already_open: int = 0  # episodes not judged: an earlier finding of theirs was still open when they began
    too_young: int = 0  # episodes not judged: the run ended before a detector had its time
    delays: list[int] = field(default_factory=list)  # ms from the true beginning, of what was found

    @property
    def precision(self) -> float | None:
        """found / (found + false); None when nothing was said."""
        return self.found / (self.found + self.false) if self.found + self.false else None

    @property
    def recall(self) -> float | None:
        """found / (found + missed); None when nothing was to be found."""
        return self.found / self.episodes if self.episodes else None

    def delay(self, share: float) -> int | None:
        """ms that `share` of the delays do not exceed, by nearest rank; None when nothing was found."""
        ordered = sorted(self.delays)
        return ordered[max(1, ceil(share * len(ordered) - 1e-9)) - 1] if ordered else None


class Wrong(NamedTuple):
    """A miss or a false finding, with the reason."""

    at: int
    what: str  # missed | false
    about: str  # the device, or the area
    kind: str  # in truth
    said: str  # by the gateway: the rule
    id: str  # of the finding; "" for a miss
    why: str


@dataclass
class Score:
    """One family's result. `confusion` counts (kind in truth, what the gateway said): found, missed and false."""

    family: str
    total: Row = field(default_factory=Row)
    kinds: dict[str, Row] = field(default_factory=dict)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrongs: list[Wrong] = field(default_factory=list)
    outside: int = 0  # findings before or after the run that belong to no episode: not judged

    def rows(self, kind: str) -> tuple[Row, Row]:
        return self.total, self.kinds.setdefault(kind, Row())

    def wrong(self, wrong: Wrong) -> None:
        self.wrongs.append(wrong)
        self.confusion[wrong.kind, wrong.said] += 1
        for row in self.rows(wrong.kind):
            row.missed += wrong.what == "missed"
            row.false += wrong.what == "false"


def score(truth: Truth, findings: Iterable[Finding], family: Family, grace: int) -> Score:
    """Scores one family; `grace` is in ms. The rules, in words and with examples: docs/scoring.md."""
    episodes = events(truth.episodes) if family.name == "outage" else list(truth.episodes)
    ordered = sorted(set(findings), key=lambda one: (one.at, one.id))
    matcher = _Matcher(episodes, family, truth.ended, grace)
    result = Score(family.name)
    fits = {}
    for finding in [one for one in ordered if not one.explained_by]:
        fits[finding] = _find_owner(finding, matcher, result)
    right = {finding.id for finding, fitting in fits.items() if fitting}
    for finding in [one for one, fitting in fits.items() if not fitting]:
        _judge_rest(finding, right, matcher, truth, result)
    for finding in [one for one in ordered if one.explained_by]:
        if _well_explained(finding, ordered, result):
            for row in result.rows(_cause(matcher.around(finding))):
                row.explained += 1
        elif not _find_owner(finding, matcher, result):
            _judge_rest(finding, right, matcher, truth, result)
    for episode in matcher.demanding:
        _judge_episode(episode, matcher, truth, grace, result)
    result.wrongs.sort(key=lambda wrong: (wrong.at, wrong.about, wrong.what))
    return result


def events(episodes: Iterable[Episode]) -> list[Episode]:
    """The episodes, those of one group that overlap and expect an outage folded into one: an area is dark once."""
    folded: list[Episode] = []
    last: dict[tuple[str | None, str], int] = {}  # (group, kind) → place in `folded`
    for one in sorted(episodes, key=lambda each: each.began):
        place = last.get((one.group, one.kind))
        if one.expect != "outage" or one.group is None:
            folded.append(one)
        elif place is not None and (folded[place].ended is None or one.began <= (folded[place].ended or 0)):
            before = folded[place].ended
            folded[place] = folded[place]._replace(
                ended=None if before is None or one.ended is None else max(before, one.ended))
        else:
            last[one.group, one.kind] = len(folded)
            folded.append(one._replace(device="", rule=""))
    return folded


class _Matcher:
    """Which episode a finding belongs to, and which findings an episode has."""

    def __init__(self, episodes: Sequence[Episode], family: Family, ended: int, grace: int) -> None:
        self.family = family
        self.demanding = [one for one in episodes if one.expect in family.demanded_by]
        self.answers: dict[Episode, list[Finding]] = {}
        self._ended, self._grace = ended, grace
        self._episodes: dict[str, list[Episode]] = {}
        self._findings: dict[str, list[Finding]] = {}
        for episode in episodes:
            for name in family.about(episode):
                self._episodes.setdefault(name, []).append(episode)

    def hear(self, finding: Finding) -> None:
        """It was said, and can keep a later episode from being judged."""
        for name in self.family.about(finding):
            self._findings.setdefault(name, []).append(finding)

    def around(self, finding: Finding) -> list[Episode]:
        """The episodes of the same subject in whose time the finding falls, best first."""
        known = {one: None for name in self.family.about(finding) for one in self._episodes.get(name, ())}
        near = [one for one in known
                if one.began <= finding.at <= (self._ended if one.ended is None else one.ended) + self._grace]
        return sorted(near, key=lambda one: (not one.rule, one.ended is not None and finding.at > one.ended,
                                             one in self.answers, -one.began))

    def already_open(self, episode: Episode) -> bool:
        """Whether the same thing had been said before the episode began, and was still open then."""
        return any(one.at < episode.began <= (episode.began if one.closed is None else one.closed)
                   and _agrees(episode, one)
                   for name in self.family.about(episode) for one in self._findings.get(name, ()))


def _agrees(episode: Episode, finding: Finding) -> bool:
    return not episode.rule or not finding.rule or episode.rule == finding.rule


def _find_owner(finding: Finding, matcher: _Matcher, result: Score) -> bool:
    """Whether it belongs to an episode, or one excuses it."""
    matcher.hear(finding)
    fitting = [one for one in matcher.around(finding) if _agrees(one, finding)]
    owner = next((one for one in fitting if one.expect in matcher.family.demanded_by), None)
    if owner is not None:
        matcher.answers.setdefault(owner, []).append(finding)
        return True
    excuse = next((one for one in fitting if one.expect in matcher.family.excused_by), None)
    for row in result.rows(excuse.kind) if excuse is not None else ():
        row.excused += 1
    return excuse is not None


def _judge_rest(finding: Finding, judged: set[str], matcher: _Matcher, truth: Truth, result: Score) -> None:
    """It belongs to no episode. Of one ticket only the first such finding is false, and none where another is right."""
    near = matcher.around(finding)
    if finding.id in judged:
        for row in result.rows(_cause(near)):
            row.joined += 1
    elif not truth.started <= finding.at <= truth.ended:
        result.outside += 1
    else:
        judged.add(finding.id)
        result.wrong(_false(finding, near, matcher.family))


def _well_explained(finding: Finding, findings: Sequence[Finding], result: Score) -> bool:
    """Whether what explains it was open at the same time, and is not false itself."""
    false = {wrong.id for wrong in result.wrongs}
    return any(one.device == finding.device and one.rule == finding.explained_by and one.id not in false
               and (one.closed is None or one.closed >= finding.at)
               and (finding.closed is None or finding.closed >= one.at) for one in findings)


def _false(finding: Finding, near: Sequence[Episode], family: Family) -> Wrong:
    about, said = _name(family, finding), finding.rule or family.name
    if not near:
        return Wrong(finding.at, "false", about, NOTHING, said, finding.id, "nothing was wrong there at that time")
    cause = min(near, key=_likely_cause)
    wanted = {"none": "nothing at all"}.get(cause.expect, f"{cause.expect} {cause.rule}".strip())
    return Wrong(finding.at, "false", about, cause.kind, said, finding.id, f"{cause.kind} asks for {wanted}")


def _cause(near: Sequence[Episode]) -> str:
    return min(near, key=_likely_cause).kind if near else NOTHING


def _likely_cause(one: Episode) -> tuple[bool, int]:
    return one.expect != "none", -one.began


def _name(family: Family, it: Episode | Finding) -> str:
    """What people look for: the device, else whatever it is about."""
    return it.device or next(iter(family.about(it)), "?")


def _judge_episode(episode: Episode, matcher: _Matcher, truth: Truth, grace: int, result: Score) -> None:
    answers, rows = matcher.answers.get(episode, []), result.rows(episode.kind)
    for row in rows:
        row.repeats += max(0, len(answers) - 1)
    if episode.began > truth.ended - grace:
        for row in rows:
            row.too_young += 1
    elif answers:
        result.confusion[episode.kind, answers[0].rule or result.family] += 1
        for row in rows:
            row.episodes, row.found = row.episodes + 1, row.found + 1
            row.delays.append(answers[0].at - episode.began)
    elif matcher.already_open(episode):
        for row in rows:
            row.already_open += 1
    else:
        for row in rows:
            row.episodes += 1
        result.wrong(Wrong(episode.began, "missed", _name(matcher.family, episode), episode.kind, NOTHING, "",
                           _why_missed(episode, result.family, grace)))


def _why_missed(episode: Episode, family: str, grace: int) -> str:
    lasted = "to the end of the run" if episode.ended is None else f"{(episode.ended - episode.began) / 1000:.0f} s"
    return f"no {family} {episode.rule}".rstrip() + f"; it lasted {lasted}, and grace {grace / 1000:g} s"
