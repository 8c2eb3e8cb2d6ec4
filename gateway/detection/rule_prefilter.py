"""Skips rules that a message cannot change, compiled once for each profile.

Most messages change nothing: no rule is active, and none becomes so. The prefilter sees that at a third of the cost of
evaluating each rule; when in doubt, the rule is evaluated.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.detection import hit_counts, reading_history, window_functions
from gateway.detection.memory import HEALTHY, DeviceMemory, History, HitCounts
from gateway.detection.window_functions import View, view_of
from gateway.devices.profiles import Condition, Profile, Reader, Rule, reader_of
from gateway.model import Instant
from gateway.model.signals import Value
from gateway.rules.fast_conditions import Read, Source, chain, every, function, named, reading
from gateway.rules.syntax_tree import Node, walk

MayChange = Callable[[Mapping[str, Value], DeviceMemory, History | None, Instant], Sequence[Rule]]


@dataclass(frozen=True, slots=True)
class RulePrefilter:
    read: Reader
    names: frozenset[str]  # as they arrive, of all that it knows
    signals: frozenset[str]  # … and as it calls them
    keep: reading_history.Keep | None  # None: nothing is kept
    window_calls: Mapping[str, window_functions.Ask]  # name of an answer → the function that gives it
    next_change: reading_history.Moment | None  # when time alone makes a difference; None: never
    window_rules: frozenset[str]  # rules that need answers
    may_change: MayChange
    """(signals, memory, history, at) → the rules to be judged, in their order; may raise anything: then judge all."""


@lru_cache(maxsize=1000)
def prefilter_of(profile: Profile) -> RulePrefilter:
    known = profile.past
    window_calls = {} if known is None else {one.name: window_functions.compile_call(one) for one in known.derived}
    next_change = None if known is None else window_functions.first_change(known.moments)
    return RulePrefilter(
        read=reader_of(profile),
        names=frozenset(profile.rename),
        signals=frozenset(profile.signals),
        keep=None if known is None else reading_history.compile_history_updater(known, next_change),
        window_calls=window_calls,
        next_change=next_change,
        window_rules=frozenset(rule.name for rule in profile.rules if any(one.derived for one in rule.conditions)),
        may_change=_may_change(profile.rules, window_calls))


_Test = tuple[Rule, str, Read | None, Read | None]
"""How to see that the condition of a rule is not true: (rule, a signal without which nothing of it is known, what must
hold of the signals alone, and of the answers). Looking for a signal is cheaper than an error."""


def _may_change(rules: tuple[Rule, ...], window_calls: Mapping[str, window_functions.Ask]) -> MayChange:
    """A rule may change when something of it stands, when its earlier judgements differ, or when it may be true."""
    tests = tuple(_test(rule, window_calls) for rule in rules)  # plain tuples: they are taken apart the fastest
    counting = tuple((rule.name, *_bits_when_well(rule)) for rule in rules if rule.counts)

    def may_change(signals: Mapping[str, Value], memory: DeviceMemory, history: History | None, at: Instant
                   ) -> Sequence[Rule]:
        may_be_true: list[Rule] = []
        view: View | None = None
        for rule, needs, plain, asked in tests:
            if needs in signals:
                try:
                    if plain is not None and not plain(signals):
                        continue
                    if asked is not None:
                        if view is None:
                            view = view_of(signals, history, at)
                        if not asked(view):
                            continue
                except KeyError:  # something that it needs is not known
                    continue
                may_be_true.append(rule)
        if memory is HEALTHY and not counting:
            return may_be_true
        standing = {*memory.rules}
        if counting:
            hits = memory.hits
            for name, well, calm in counting:
                counts = hits.get(name, _NO_COUNTS)
                if (well and counts[0] != well) or (calm and (counts[2] != calm or counts[3])):
                    standing.add(name)
        if memory.broken:
            return rules
        if not standing:
            return may_be_true
        return [rule for rule in rules if rule.name in standing or any(rule is other for other in may_be_true)]

    return may_change


_NO_COUNTS = HitCounts()


def _test(rule: Rule, window_calls: Mapping[str, window_functions.Ask]) -> _Test:
    condition = rule.when
    signals = list(dict.fromkeys(node.text if node.kind == "name" else node.parts[0].text
                                 for node in _leaves(condition.root)))
    plain: Read | None = None if condition.derived else condition.holds
    asked: Read | None = None
    if condition.quick is not None:
        plain, asked = _conditions(condition, window_calls)
    return rule, signals[0], plain, asked


def _bits_when_well(rule: Rule) -> tuple[int, int]:
    """The bits of `when` and of the last judgements while all that it counts is well, 0 where it counts none of them:
    then one more judgement that is well changes nothing."""
    return 0 if rule.hits is None else 1 << rule.hits.of, 0 if rule.flapping is None else 1 << hit_counts.LOOKS_BACK


def _conditions(condition: Condition, window_calls: Mapping[str, window_functions.Ask]
                ) -> tuple[Read | None, Read | None]:
    """What must hold of the signals alone, and of the answers too, which are dear and asked last."""
    parts = chain(condition.root, "&&")
    answers = {one.name for one in condition.derived}
    plain = [part for part in parts if answers.isdisjoint(_names(part, condition.names))]
    if any(one.function == "prev" for one in condition.derived):
        plain = []  # what was before is of another type perhaps: comparing it can fail, so all keeps its order

    def in_signals(node: Node) -> str:
        return named(node, condition.names)

    def in_view(node: Node) -> Read:
        name = named(node, condition.names)
        return window_calls[name] if name in window_calls else lambda view: view[0][name]

    return _all(plain, in_signals), _all([part for part in parts if part not in plain], in_view)


def _all(parts: Iterable[Node], read: Source) -> Read | None:
    """They are true, and all that they need is known: also what `||` would not look at."""
    reads: list[Read] = []
    for part in parts:
        if any(node.text in ("&&", "||") for node in walk(part)):
            reads.append(_read_all([reading(read(node)) for node in _leaves(part)]))
        reads.append(function(part, read))
    return every(reads) if reads else None


def _read_all(reads: Sequence[Read]) -> Read:
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
