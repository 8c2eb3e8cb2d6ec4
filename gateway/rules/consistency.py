"""Checks that a condition makes sense: units, and whether it can ever become true and ever clear."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise, product
from math import inf, isfinite, prod
from typing import Any

from gateway.devices.profiles.profile import Condition
from gateway.model.signals import Value
from gateway.rules.cel import BadExpression, Token, literal
from gateway.rules.functions import PASSING, number, unit_of
from gateway.rules.syntax_tree import COMPARES, Node, walk

Ranges = Mapping[str, tuple[float, float]]
"""Signal → the lowest and highest value that is a measurement."""

_MOST_CASES = 20_000
_ELSE = "\x00any other text"


def check_units(condition: Condition, units: Mapping[str, str]) -> None:
    """`units`: signal → its unit, "" when none is given. Raises BadExpression where °C meets bar."""
    known = {one.name: unit_of(one, units) for one in condition.derived}
    _unit(condition.root, condition, {**units, **known})


def _unit(node: Node, condition: Condition, units: Mapping[str, str]) -> str:
    """The unit of a part, "" when it goes with every other."""
    if node.kind in ("name", "call"):
        return units.get(condition.names.get(node.start, node.text), "")
    inner = [_unit(part, condition, units) for part in node.parts]
    if node.kind == "unary" and node.text == "-":
        return inner[0]
    if node.kind == "choice":
        return _same(node, 1, inner[1:], condition)
    if node.kind != "binary":
        return ""
    if node.text in ("+", "-"):
        return _same(node, 0, inner, condition)
    if node.text in COMPARES:
        _same(node, 0, inner, condition)
    if node.text == "*":
        return "" if all(inner) else "".join(inner)
    return inner[0] if node.text == "/" and not inner[1] and _is_literal(node.parts[1]) else ""


def _same(node: Node, first: int, units: Sequence[str], condition: Condition) -> str:
    if all(units) and units[0] != units[1]:
        left, right = (condition.source[part.start:part.end] for part in node.parts[first:first + 2])
        raise BadExpression(f"{condition.source!r} puts {left} ({units[0]}) beside {right} ({units[1]}) (column "
                            f"{node.parts[first].column}) — expected the same unit on both sides of {node.text}")
    return units[0] or units[1]


def check_when(when: Condition, clear: Condition | None, ranges: Ranges) -> None:
    """Raises BadExpression when `when` can never be true, or without a `clear` never be over."""
    cases = _cases([when], ranges)
    if cases is None:
        return
    results = {when.holds(case) for case in cases}
    if True not in results:
        raise BadExpression(f"{when.source!r} can never be true{_in_range(when, ranges)} (column {when.root.column}) — "
                            "expected limits that one value can meet, or || between them")
    if clear is None and False not in results:
        raise BadExpression(f"{when.source!r} is always true (column {when.root.column}), so it would never be over — "
                            "expected a condition that is false when all is well")


def check_clear(when: Condition, clear: Condition, ranges: Ranges) -> None:
    """Raises BadExpression when `clear` can never be true, or can be true while `when` is."""
    cases = _cases([clear], ranges)
    if cases is not None and not any(clear.holds(case) for case in cases):
        raise BadExpression(f"{clear.source!r} can never be true{_in_range(clear, ranges)} (column "
                            f"{clear.root.column}), so the alarm would never be over — expected a condition that "
                            "holds when all is well")
    if when.derived or clear.derived or not set(when.needs) & set(clear.needs):
        return  # a signal and its own mean are not free of each other; what shares no signal is no hysteresis
    both = next((case for case in _cases([when, clear], ranges) or () if when.holds(case) and clear.holds(case)), None)
    if both is not None:
        shown = ", ".join(f"{name} = {value!r}" for name, value in sorted(both.items()))
        raise BadExpression(f"{clear.source!r} and when, {when.source!r}, are both true at {shown} (column "
                            f"{clear.root.column}) — expected a clear that cannot hold while when does, on the other "
                            "side of a gap, or add to it: … && !(when)")


def check_rise(rise: Condition, ranges: Ranges) -> None:
    cases = _cases([rise], ranges)
    if cases is not None and not any(rise.holds(case) for case in cases):
        raise BadExpression(f"{rise.source!r} can never be true{_in_range(rise, ranges)} (column {rise.root.column}) — "
                            "expected limits that one value can meet")


def _in_range(condition: Condition, ranges: Ranges) -> str:
    """Which values are no measurement: "" when all are."""
    signals = {*condition.needs, *(one.signal for one in condition.derived)} & set(ranges)
    said = [f"{name} from {ranges[name][0]:g} to {ranges[name][1]:g}" for name in sorted(signals)]
    return f" with {', '.join(said)}" if said else ""


def _limits(conditions: Sequence[Condition], ranges: Ranges) -> dict[str, tuple[float, float]]:
    """The lowest and highest of each value that a condition is given, where they are known."""
    limits = dict(ranges)
    for one in (one for condition in conditions for one in condition.derived):
        if one.function in PASSING:
            limits[one.name] = (0.0, inf)
        elif one.function != "rate" and one.signal in ranges:
            limits[one.name] = ranges[one.signal]
    return limits


def _cases(conditions: Sequence[Condition], ranges: Ranges) -> list[dict[str, Value]] | None:
    """Values in every order they can have among themselves and the constants, so that what holds for none of these
    holds for none at all. None: it calculates, or there are too many."""
    if not all(_is_plain(one.root) for one in conditions):
        return None
    types = {name: kind for one in conditions for name, kind in one.types.items()}
    numbers = sorted({number(node) * sign for one in conditions for node, sign in _numbers(one.root)})
    texts = [literal(Token("text", node.text, 0)) for one in conditions for node in walk(one.root)
             if node.kind == "text"]
    related = any(_relates(one.root) for one in conditions)
    steps = sum(kind is float for kind in types.values()) if related else 1
    limits = _limits(conditions, ranges)
    numbers = sorted({*numbers, *(end for name in types for end in limits.get(name, ()) if isfinite(end))})
    grids = [_grid(kind, numbers, texts, steps, limits.get(name)) for name, kind in types.items()]
    if prod(map(len, grids)) > _MOST_CASES:
        return None
    return [dict(zip(types, values, strict=True)) for values in islice(product(*grids), _MOST_CASES)]


def _grid(kind: type, numbers: Sequence[float], texts: Sequence[str], steps: int,
          within: tuple[float, float] | None) -> list[Any]:
    if kind is bool:
        return [False, True]
    if kind is str:
        return sorted({*texts, _ELSE})
    if not numbers:
        return [float(step) for step in range(max(steps, 1))]
    grid = [numbers[0] - step - 1 for step in range(steps)] + [numbers[-1] + step + 1 for step in range(steps)]
    for low, high in pairwise(numbers):
        grid += [low + (high - low) * (step + 1) / (steps + 1) for step in range(steps)]
    return [value for value in sorted({*grid, *numbers}) if within is None or within[0] <= value <= within[1]]


def _is_plain(node: Node) -> bool:
    """Only comparisons of values with each other and with constants, and what joins them."""
    if node.kind == "binary" and (node.text in COMPARES or node.text == "in"):
        return all(part.kind in ("name", "call") or _is_literal(part) for part in node.parts)
    if node.kind == "binary":
        return node.text in ("&&", "||") and all(map(_is_plain, node.parts))
    if node.kind in ("unary", "choice"):
        return node.text != "-" and all(map(_is_plain, node.parts))
    return node.kind in ("name", "call", "bool")


def _is_literal(node: Node) -> bool:
    if node.kind == "list":
        return all(map(_is_literal, node.parts))
    if node.kind == "unary":
        return node.text == "-" and node.parts[0].kind == "number"
    return node.kind in ("number", "text", "bool")


def _relates(node: Node) -> bool:
    return any(part.kind == "binary" and part.text in COMPARES and not any(map(_is_literal, part.parts))
               for part in walk(node))


def _numbers(node: Node, sign: float = 1.0) -> Iterator[tuple[Node, float]]:
    """Each number with its sign; a window's length is a text, and no number."""
    if node.kind == "number":
        yield node, sign
    for part in node.parts:
        yield from _numbers(part, -sign if node.kind == "unary" and node.text == "-" else sign)
