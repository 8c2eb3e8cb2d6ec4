"""Compiles and evaluates a mapping's CEL expressions on a message."""

from collections.abc import Collection, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from gateway.config.error_messages import did_you_mean
from gateway.devices.dialects.jsonread import FIELDS, LEVELS, shown
from gateway.rules.cel import (
    NO_TOKEN,
    BadExpression,
    Replacement,
    Token,
    check_functions,
    compiled,
    doubles,
    literal,
    parsed,
    tokens,
)

PAYLOAD = "payload"
_FUNCTIONS = ("has", "double", "string", "_[_]")  # beside those that every expression may use
_MAY_DO_WITHOUT = {"_||_", "_&&_", "_?_:_"}  # operators that can give a result although one side has none
_MISSING: Any = object()
SHORT = 80  # characters of an expression, or of what it was given, in a reason

Step = str | int


class NoValue(Exception):
    """An expression has no value in this message; the text says what it was given instead."""


class Input(NamedTuple):
    """A part of the message that an expression names. `asked`: only whether it is there, as has(…) does."""

    path: tuple[Step, ...]  # ("payload", "a", 0)
    source: str  # payload.a[0]
    asked: bool = False


class CompiledExpression(NamedTuple):
    """`program` sees each input under its name; without a program the one input is the value.

    Only what is named is handed over: giving CEL a whole message of 30 values costs it 80 µs each time, one value 3.
    """

    source: str  # as the operator wrote it
    inputs: Mapping[str, Input]
    program: Any = None
    optional: bool = False

    def value(self, known: Mapping[str, Any]) -> Any:
        """A float, bool, text or None (null); lists and objects as they are. Raises NoValue."""
        given: dict[str, Any] = {}
        for name, wanted in self.inputs.items():
            found = _at(known, wanted.path)
            if wanted.asked:
                given[name] = found is not _MISSING
            elif found is not _MISSING:
                kind = type(found)
                given[name] = found if kind is float or kind is str or kind is bool else _doubled(found)
            elif not self.optional:
                raise NoValue(f"expected a value from {self.short}, got no {_short(wanted.source)}")
        if self.program is None:
            return given["v0"]
        try:
            result = self.program.execute(given)
        except Exception:  # CEL raises five kinds, all for the same reason: these values are not what it expects
            if None in given.values():  # what is made of an absent value is absent
                return None
            raise NoValue(f"expected a value from {self.short}, got {self._given(given)}") from None
        if type(result) is float and not isfinite(result):
            raise NoValue(f"expected a finite number from {self.short}, got {self._given(given)}")
        return result

    @property
    def short(self) -> str:
        """The source as a reason may print it."""
        return _short(self.source)

    def _given(self, given: Mapping[str, Any]) -> str:
        return _short(", ".join(
            f"{wanted.source} = {shown(given[name])}" if name in given else f"no {wanted.source}"
            for name, wanted in self.inputs.items() if not wanted.asked) or "none")


def compile_formula(source: str, parts: Collection[str]) -> CompiledExpression:
    """`parts`: the names in the topic. Raises BadExpression for what is no expression over them and the payload."""
    program, words = parsed(source), tokens(source)
    used = program.functions()
    check_functions(source, used, _FUNCTIONS)
    known = {PAYLOAD, *parts}
    for name in program.variables():
        if name not in known:
            column = next((token.start + 1 for token in words if token.text == name), 1)
            hint = did_you_mean(name, known)
            raise BadExpression(f"{source!r} names {name!r} (column {column}), which is neither the payload nor in the "
                                f"topic — {hint}{'' if hint.endswith('?') else ', or a text in quotes'}")
    _check(words, source)
    inputs: dict[str, Input] = {}
    changes, inside = [], []  # what becomes a variable, and where: numbers in there are places in a list
    for first, last, wanted in _inputs(words, known, source):
        name = next((name for name, one in inputs.items() if one == wanted), f"v{len(inputs)}")
        inputs[name] = wanted
        changes.append(Replacement(words[first].start, words[last].end, name))
        inside += words[first:last + 1]
    if len(changes) == 1 and len(inside) == len(words) and not inputs["v0"].asked:
        return CompiledExpression(source, inputs)
    rest = [token for token in words if token not in inside]
    return CompiledExpression(source, inputs, compiled(source, [*changes, *doubles(rest)]),
                              not _MAY_DO_WITHOUT.isdisjoint(used))


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[:SHORT] + "…"


def _check(words: list[Token], source: str) -> None:
    for one, two, three in zip(words, words[1:], [*words[2:], NO_TOKEN], strict=False):
        if one.text in ("{", ",") and two.kind in ("int", "double") and three.text == ":":
            raise BadExpression(f"{source!r} has the number {two.text} as a name (column {two.start + 1}) — expected a "
                                f"text, as in {{\"{two.text}\": …}}[string(payload.code)]")
        if one.text == "matches" and two.text == "(" and three.kind != "text":
            raise BadExpression(f"{source!r} takes a pattern from the message (column {three.start + 1}) — expected a "
                                "pattern in quotes")


def _inputs(words: list[Token], known: Collection[str], source: str) -> Iterator[tuple[int, int, Input]]:
    """Each `payload.a["b"][0]`, and each `has(payload.a)` as one: its first and last token, and what it names."""
    for first, token in enumerate(words):
        before = words[first - 1] if first else NO_TOKEN
        if token.kind != "word" or token.text not in known or before.text == ".":
            continue
        last, path = _chain(words, first)
        asked = before.text == "(" and first > 1 and words[first - 2].text == "has"
        if asked and (last + 1 == len(words) or words[last + 1].text != ")"):
            raise BadExpression(f"{source!r} asks has() of something else (column {token.start + 1}) — expected a part "
                                "of the payload such as has(payload.name)")
        written = source[token.start:words[last].end]
        yield (first - 2, last + 1, Input(path, written, True)) if asked else (first, last, Input(path, written))


def _chain(words: list[Token], first: int) -> tuple[int, tuple[Step, ...]]:
    path: list[Step] = [words[first].text]
    last = first
    while True:
        sign, step, after = [*words[last + 1:last + 4], NO_TOKEN, NO_TOKEN, NO_TOKEN][:3]
        if sign.text == "." and step.kind == "word" and after.text != "(":
            path.append(step.text)
            last += 2
        elif sign.text == "[" and step.kind in ("text", "int") and after.text == "]":
            found = literal(step)
            if not isinstance(found, str | int):
                return last, tuple(path)
            path.append(found)
            last += 3
        else:
            return last, tuple(path)


def _at(known: Mapping[str, Any], path: tuple[Step, ...]) -> Any:
    part: Any = known
    for step in path:
        if type(step) is str and type(part) is dict:
            part = part.get(step, _MISSING)
        elif type(step) is int and type(part) is list and step < len(part):
            part = part[step]
        else:
            return _MISSING
    return part


def _doubled(value: Any) -> Any:
    """The same with every whole number as a float: CEL does not mix the two. Raises NoValue when it is too much."""
    if type(value) is int:
        return float(value)
    if type(value) not in (list, dict):
        return value
    left = [FIELDS]
    return _all_doubled(value, 1, left)


def _all_doubled(value: Any, level: int, left: list[int]) -> Any:
    kind = type(value)
    if kind is int:
        return float(value)
    if kind is not list and kind is not dict:
        return value
    left[0] -= len(value)
    if left[0] < 0 or level > LEVELS:
        raise NoValue(f"expected at most {FIELDS} values and {LEVELS} levels in what is named, got more")
    if kind is list:
        return [_all_doubled(part, level + 1, left) for part in value]
    return {name: _all_doubled(part, level + 1, left) for name, part in value.items()}
