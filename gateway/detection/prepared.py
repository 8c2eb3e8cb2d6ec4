"""What judgement makes of a profile once: its questions as functions, and which rules a message may change.

Mostly a message changes nothing: no rule's mark stands, none begins. That is seen at a third of the price of judging
each rule; what cannot be seen for sure is left to the judging.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from gateway.detection import asking, past, tallies
from gateway.detection.look import BROKEN
from gateway.dialects.signals import Value
from gateway.model import Instant
from gateway.profiles import Condition, Profile, Rule
from gateway.profiles.quick import Read, chain, every, function, named
from gateway.profiles.syntax import Node, walk

_View = tuple[Mapping[str, Value], Mapping[str, Any], Instant]
"""The signals, what is kept of earlier readings, and when."""

Stirs = Callable[[Mapping[str, Value], Mapping[str, Any], Instant], Sequence[Rule]]


@dataclass(frozen=True, slots=True)
class Prepared:
    keep: past.Keep | None  # None: nothing is kept
    asks: Mapping[str, asking.Ask]  # name of an answer → the function that gives it
    moments: tuple[asking.Moment, ...]  # when time alone makes a difference
    asking: frozenset[str]  # rules that need answers
    stirs: Stirs
    """(signals, memory, at) → the rules that must be judged, in their order; may raise anything: then judge all."""


@lru_cache(maxsize=1000)
def prepared(profile: Profile) -> Prepared:
    known = profile.past
    asks = {} if known is None else {one.name: asking.asking(one) for one in known.derived}
    return Prepared(
        keep=None if known is None else past.keeping(known),
        asks=asks,
        moments=() if known is None else tuple(asking.passing(one) for one in known.moments),
        asking=frozenset(rule.name for rule in profile.rules if any(one.derived for one in rule.conditions)),
        stirs=_stirs(profile.rules, asks))


class _Test(NamedTuple):
    """What a healthy rule must pass to be left alone. A rule without conditions here is always judged."""

    rule: Rule
    name: str
    settled: Callable[[Mapping[str, Any]], bool] | None  # whether its earlier judgements are all well; None: it has none
    plain: Read  # what must hold of the signals alone
    asked: Read | None  # … and of the answers


def _stirs(rules: tuple[Rule, ...], asks: Mapping[str, asking.Ask]) -> Stirs:
    """A rule is stirred when its mark stands, when its earlier judgements differ, or when it may be true."""
    tests = tuple(_Test(rule, rule.name, _settled(rule), *_conditions(rule.when, asks)) for rule in rules)

    def stirs(signals: Mapping[str, Value], memory: Mapping[str, Any], at: Instant) -> Sequence[Rule]:
        if BROKEN in memory or (asks and "in" in memory[past.PAST]):
            return rules
        view: _View = (signals, memory.get(past.PAST, {}), at)
        stirred: list[Rule] = []
        for rule, name, settled, plain, asked in tests:
            try:
                if (name in memory or (settled is not None and not settled(memory))
                        or (plain(signals) and (asked is None or asked(view)))):
                    stirred.append(rule)
            except KeyError:  # what it needs is not known
                pass
        return stirred

    return stirs


def _settled(rule: Rule) -> Callable[[Mapping[str, Any]], bool] | None:
    """Whether what it counts is all well: then one more judgement that is well changes nothing."""
    if not rule.counts:
        return None
    name, hits, flapping = rule.name, rule.hits and 1 << rule.hits.of, rule.flapping and 1 << tallies.LOOKS_BACK

    def settled(memory: Mapping[str, Any]) -> bool:
        tally = memory.get(tallies.TALLIES, {}).get(name)
        if tally is None or (hits and tally[0] != hits):
            return False
        return not flapping or (tally[2] == flapping and not tally[3])

    return settled


def _conditions(condition: Condition, asks: Mapping[str, asking.Ask]) -> tuple[Read, Read | None]:
    """What must hold of the signals alone, and of the answers too, which are dear and asked last."""
    if condition.quick is None:
        return (_always if condition.derived else condition.holds), None
    parts = chain(condition.root, "&&")
    answers = {one.name for one in condition.derived}
    plain = [part for part in parts if answers.isdisjoint(_names(part, condition.names))]
    if any(one.function == "prev" for one in condition.derived):
        plain = []  # what was before is of another type perhaps: comparing it can fail, so all keeps its order

    def in_signals(node: Node) -> Read:
        return itemgetter(named(node, condition.names))

    def in_view(node: Node) -> Read:
        name = named(node, condition.names)
        return _answer(name, asks[name]) if name in asks else lambda view: view[0][name]

    return _all(plain, in_signals) or _always, _all([part for part in parts if part not in plain], in_view)


def _answer(name: str, ask: asking.Ask) -> Read:
    def answer(view: _View) -> Value:
        signals, kept, at = view
        found = ask(kept, signals, at, 0)
        if found is None:
            raise KeyError(name)
        return found

    return answer


def _always(signals: Mapping[str, Value]) -> bool:
    return True


def _all(parts: Iterable[Node], read: Callable[[Node], Read]) -> Read | None:
    """They are true, and all that they need is known: also what `||` would not look at."""
    reads: list[Read] = []
    for part in parts:
        if any(node.text in ("&&", "||") for node in walk(part)):
            reads.append(_known([read(node) for node in _leaves(part)]))
        reads.append(function(part, read))
    return every(tuple(reads)) if reads else None


def _known(reads: Sequence[Read]) -> Read:
    def known(view: Any) -> bool:
        for read in reads:
            read(view)
        return True

    return known


def _names(part: Node, names: Mapping[int, str]) -> Iterator[str]:
    return (named(node, names) for node in _leaves(part))


def _leaves(node: Node) -> Iterator[Node]:
    """The names and calls in it."""
    if node.kind in ("name", "call"):
        yield node
        return
    for part in node.parts:
        yield from _leaves(part)
