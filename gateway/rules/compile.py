"""Compiles CEL expressions safely: only declared signals, numbers as doubles, and one trial run."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice, product

from gateway.config.error_messages import did_you_mean
from gateway.devices.profiles.profile import TYPE_WORDS, Condition, frozen
from gateway.model.signals import Value
from gateway.rules.cel import (
    NO_TOKEN,
    BadExpression,
    Token,
    check_functions,
    compiled,
    doubles,
    literal,
    parsed,
    tokens,
)
from gateway.rules.fast_conditions import compile_fast
from gateway.rules.functions import NAMES, derive
from gateway.rules.syntax_tree import Node, tree, walk

_LITERALS = {"bool": bool, "number": float, "text": str}
_TRIALS = 500  # combinations of sample values that a new condition is tried on


def compile_condition(rule: str, source: str, types: Mapping[str, type]) -> Condition:
    """`types`: the declared signals. Raises BadExpression for anything but a true-or-false expression over them."""
    return _compile(rule, source, tuple(types.items()))


@lru_cache(1000)  # a process compiles the same profiles again for each check, test and backtest
def _compile(rule: str, source: str, declared: tuple[tuple[str, type], ...]) -> Condition:
    types = dict(declared)
    program, words = parsed(source), tokens(source)
    check_functions(source, program.functions(), NAMES)
    _check_names(tuple(program.variables()), types, source, words)
    _check_members(words, source)
    try:
        root = tree(words)
    except ValueError as error:
        raise BadExpression(f"{source!r} ({error}) — expected comparisons of signals, joined by && or ||") from error
    _check_equalities(root, types, source)
    derived, changes = derive(root, source, types)
    inside = [(change.start, change.end) for change in changes]
    plain = [change for change in doubles(words) if not any(a <= change.start < b for a, b in inside)]
    compiled_program = compiled(source, [*plain, *changes])
    needs = tuple(compiled_program.variables())
    answers = {one.name: one.type(types) for one in derived}
    condition = Condition(
        rule=rule, source=source, needs=needs, program=compiled_program, root=root,
        types=frozen({name: answers.get(name) or types[name] for name in needs}), derived=tuple(derived),
        names=frozen({change.start: change.text for change in changes}))
    _try_out(condition, words)
    return replace(condition, quick=compile_fast(root, condition.names))


def _check_names(needs: tuple[str, ...], types: Mapping[str, type], source: str, words: list[Token]) -> None:
    for name in needs:
        if name not in types:
            column = next((token.start + 1 for token in words if token.text == name), 1)
            raise BadExpression(f"{source!r} names {name!r} (column {column}), which is no declared signal — "
                                f"{did_you_mean(name, types)}")
    if not needs:
        raise BadExpression(f"{source!r} names no signal — expected one of {', '.join(sorted(types))}")


def _check_members(words: list[Token], source: str) -> None:
    for first, dot, second, after in zip(words, words[1:], words[2:], [*words[3:], NO_TOKEN], strict=False):
        if dot.text == "." and second.kind == "word" and after.text != "(":
            raise BadExpression(f"{source!r} looks inside a signal (column {dot.start + 1}) — expected a flat name "
                                f"such as {first.text}_{second.text}")


def _check_equalities(root: Node, types: Mapping[str, type], source: str) -> None:
    """CEL lets a text be compared with a number, and says "not equal" for ever."""
    for node in walk(root):
        if node.kind == "binary" and node.text in ("==", "!="):
            left, right = node.parts
            one, other = _type_of(left, types), _type_of(right, types)
            if one and other and one is not other:
                raise BadExpression(f"{source!r} compares {source[left.start:left.end]} ({TYPE_WORDS[one]}) with "
                                    f"{source[right.start:right.end]} ({TYPE_WORDS[other]}) — expected the same type "
                                    "on both sides")


def _type_of(node: Node, types: Mapping[str, type]) -> type | None:
    return types.get(node.text) if node.kind == "name" else _LITERALS.get(node.kind)


def _try_out(condition: Condition, words: list[Token]) -> None:
    """Runs it on made-up values of the declared types, so that a type error is found now and not at night."""
    literals: dict[type, list[Value]] = {
        kind: [literal(token) for token in words if token.kind in wanted]
        for kind, wanted in ((float, ("int", "double")), (str, ("text",)))}
    if "_/_" in condition.program.functions():
        literals[float] = []  # 0 / 0 is not a number, and that is the values' fault
    samples = [_samples(condition.types[name], i, literals) for i, name in enumerate(condition.needs)]
    for values in islice(product(*samples), _TRIALS):
        shown = dict(zip(condition.needs, values, strict=True))
        try:
            result = condition.program.execute(shown)
        except Exception as error:
            why = str(error).split(". ")[0].split(": the operation")[0]
            raise BadExpression(f"{condition.source!r} fails with {shown} ({why}) — expected operands of one type: "
                                "a number with a number, a text with a text") from error
        if not isinstance(result, bool):
            raise BadExpression(f"{condition.source!r} gives {result!r} — expected true or false")


def _samples(kind: type, place: int, literals: Mapping[type, list[Value]]) -> list[Value]:
    if kind is bool:
        return [False, True]
    if kind is str:
        return ["", *literals[str]]
    return [-1e6 - 7919.0 * place, 1e6 + 104729.0 * place, *map(float, literals[float])]
