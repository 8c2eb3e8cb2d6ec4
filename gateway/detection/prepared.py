"""What judgement makes of a profile once: its questions as functions, and which rules a message stirs as Python.

Mostly a message stirs nothing: no rule's mark stands, none begins. One written function sees that at a tenth of the
price of judging each rule; what it cannot see for sure it leaves to the judging.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.detection import asking, past, tallies
from gateway.detection.memory import DeviceMemory, History
from gateway.dialects.signals import Value
from gateway.model import Instant
from gateway.profiles import Condition, Profile, Rule
from gateway.profiles.quick import named, python
from gateway.profiles.syntax import Node

Stirs = Callable[[Mapping[str, Value], DeviceMemory, History | None, Instant], Sequence[Rule]]


@dataclass(frozen=True, slots=True)
class Prepared:
    keep: past.Keep | None  # None: nothing is kept
    asks: dict[str, asking.Ask]  # name of an answer → the function that gives it
    moments: tuple[asking.Moment, ...]  # when time alone makes a difference
    asking: frozenset[str]  # rules that need answers
    stirs: Stirs
    """(signals, memory, history, at) → the rules to be judged, in their order; may raise anything: then judge all."""


def prepared(profile: Profile) -> Prepared:
    if not profile.made:
        known = profile.past
        asks = {} if known is None else {one.name: asking.asking(one) for one in known.derived}
        moments = () if known is None else tuple(asking.passing(one) for one in known.moments)
        keep = None if known is None else past.keeping(known)
        ask = frozenset(rule.name for rule in profile.rules if any(one.derived for one in rule.conditions))
        profile.made.append(Prepared(keep, asks, moments, ask, _stirs(profile.rules, asks)))
    made: Prepared = profile.made[0]
    return made


def _stirs(rules: tuple[Rule, ...], asks: Mapping[str, asking.Ask]) -> Stirs:
    """A rule is stirred when its mark stands, when its earlier judgements differ, or when it may be true."""
    space: dict[str, Any] = {"__builtins__": {}, "rules": rules}
    words = _Words(asks, space)
    tests = [" or ".join([f"{rule.name!r} in stands", *_tally(rule, number), words.truth(rule.when, number)])
             for number, rule in enumerate(rules)]
    lines = ["if memory.broken: return rules", "stands = memory.rules"]
    if any(rule.counts for rule in rules):
        lines.append("hits = memory.hits")
    lines += [f"{variable} = signals.get({name!r})" for name, variable in words.signals.items()]
    lines.append("found = []")
    for number, test in enumerate(tests):
        lines += [f"if {test}:", f"    found.append(rules[{number}])"]
    exec("\n    ".join(["def stirs(signals, memory, kept, at):", *lines, "return found"]), space)
    made: Stirs = space["stirs"]
    return made


def _tally(rule: Rule, number: int) -> Iterator[str]:
    """Whether what it counts is not yet, or no longer, all well: then one more judgement that is well changes it."""
    if rule.counts:
        yield f"(tally{number} := hits.get({rule.name!r})) is None"
    if rule.hits is not None:
        yield f"tally{number}[0] != {1 << rule.hits.of}"
    if rule.flapping is not None:
        yield f"tally{number}[2] != {1 << tallies.LOOKS_BACK} or tally{number}[3]"


class _Words:
    """Writes conditions, with a local variable for each signal and each answer; `space`: what stands behind names."""

    def __init__(self, asks: Mapping[str, asking.Ask], space: dict[str, Any]) -> None:
        self._asks, self._space = asks, space
        self.signals: dict[str, str] = {}  # name → variable

    def truth(self, condition: Condition, number: int) -> str:
        """True when it may be true; not when it is false or unknown. What is not needed is not asked, what is dear is
        asked last."""
        if condition.quick is None:
            if condition.derived:
                return "True"
            self._space[f"holds{number}"] = condition.holds
            return f"holds{number}(signals)"
        seen: set[str] = set()
        numbers = {one.name for one in condition.derived if one.function != "prev"}  # comparing them cannot fail
        parts = sorted(_joined(condition.root), key=lambda part: numbers.issuperset(_names(part, condition.names)))
        said = [word for part in parts for word in self._part(part, condition, seen)]
        return f"({' and '.join(said)})"

    def _part(self, part: Node, condition: Condition, seen: set[str]) -> Iterator[str]:
        """All that it needs is there, and it is true."""
        said = python(part, lambda node: self._variable(named(node, condition.names)))
        for name in _names(part, condition.names):
            if name not in seen:
                seen.add(name)
                yield f"{self._known(name)} is not None"
        yield said

    def _variable(self, name: str) -> str:
        if name in self._asks:
            return f"answer_{name}"
        return self.signals.setdefault(name, f"signal_{name}")

    def _known(self, name: str) -> str:
        variable = self._variable(name)
        if name not in self._asks:
            return variable
        self._space[f"ask_{name}"] = self._asks[name]
        return f"({variable} := ask_{name}(kept, signals, at, 0))"


def _joined(node: Node) -> Iterator[Node]:
    """The parts that must all be true."""
    if node.kind == "binary" and node.text == "&&":
        for part in node.parts:
            yield from _joined(part)
    else:
        yield node


def _names(node: Node, names: Mapping[int, str]) -> Iterator[str]:
    if node.kind in ("name", "call"):
        yield named(node, names)
        return
    for part in node.parts:
        yield from _names(part, names)
