"""The functions of the rule language over past readings: prev, age, rate, min, max, mean and count."""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.config.error_messages import did_you_mean
from gateway.model import DAY, SECOND
from gateway.rules.cel import BadExpression, Replacement, Token, literal
from gateway.rules.durations import parse_duration
from gateway.rules.syntax_tree import COMPARES, Node, walk

LAST = ("prev", "age", "rate")
WINDOWED = ("min", "max", "mean", "count")
PASSING = ("age", "count")  # they change by time alone
NAMES = (*LAST, *WINDOWED)
SHORTEST, LONGEST = 10 * SECOND, 7 * DAY  # of a window


class Derived(NamedTuple):
    """One such question: the condition is given its answer under `name`, as if it were a signal."""

    name: str
    function: str
    signal: str
    window_ms: int  # 0 for prev, age, rate
    written: str  # as people read it: mean(flow_temp, "10m")
    key: str = ""  # what its window is kept under
    limits: tuple[float, ...] = ()  # what age and count are compared with: they pass it without any message

    @property
    def figures(self) -> str:
        """What it asks of each part of a window: l(east), m(ost), s(um), n(umber)."""
        return {"min": "l", "max": "m", "mean": "sn", "count": "n"}.get(self.function, "")

    def type(self, types: Mapping[str, type]) -> type:
        """Of the answer, given those of the signals."""
        return types.get(self.signal, float) if self.function == "prev" else float


def derive(root: Node, source: str, types: Mapping[str, type]) -> tuple[list[Derived], list[Replacement]]:
    """Each call in the condition, and the changes that put its name in its place. Raises BadExpression."""
    found: dict[str, Derived] = {}
    changes: list[Replacement] = []
    for node in walk(root):
        if node.kind == "call":
            one = _derived(node, source, types)
            limits = _limits(node, root, source) if one.function in PASSING else ()
            known = found.get(one.name)
            found[one.name] = one._replace(limits=tuple(sorted({*limits, *(known.limits if known else ())})))
            changes.append(Replacement(node.start, node.end, one.name))
    return list(found.values()), changes


def unit_of(one: Derived, units: Mapping[str, str]) -> str:
    """The unit of what it answers, "" when it has none or nobody said."""
    unit = units.get(one.signal, "")
    if one.function == "age":
        return "s"
    if one.function == "rate":
        return f"{unit} a minute" if unit else ""
    return "" if one.function == "count" else unit


def _derived(node: Node, source: str, types: Mapping[str, type]) -> Derived:
    function, said = node.text, f"{source!r} has {node.text}() (column {node.column})"
    windowed = function in WINDOWED
    if function not in NAMES:
        raise BadExpression(f"{said} — {did_you_mean(function, NAMES)}")
    example = f'{function}(flow_temp, "10m")' if windowed else f"{function}(flow_temp)"
    if len(node.parts) != (2 if windowed else 1) or node.parts[0].kind != "name":
        raise BadExpression(f"{said} — expected one signal{' and a window' if windowed else ''}: {example}")
    signal = node.parts[0].text
    if signal in types and types[signal] is not float and function in ("rate", "min", "max", "mean"):
        raise BadExpression(f"{said} of {signal}, which is no number — expected a signal of type number")
    if not windowed:
        return Derived(_name(function, signal, types), function, signal, window_ms=0, written=f"{function}({signal})")
    window = node.parts[1]
    length = parse_duration(literal_text(window))
    if length is None or not SHORTEST <= length <= LONGEST:
        raise BadExpression(f"{source!r} has the window {source[window.start:window.end]} (column {window.column}) — "
                            'expected a text from "10s" to "7d", e.g. "10m"')
    return Derived(_name(f"{function}_{length}", signal, types), function, signal, window_ms=length,
                   written=f'{function}({signal}, "{literal_text(window)}")', key=f"{signal}/{literal_text(window)}")


def literal_text(node: Node) -> str:
    return str(literal(Token("text", node.text, node.start))) if node.kind == "text" else ""


def _name(function: str, signal: str, types: Mapping[str, type]) -> str:
    """A name that no signal has."""
    name = f"{function}__{signal}"
    while name in types:
        name += "_"
    return name


def _limits(call: Node, root: Node, source: str) -> tuple[float, ...]:
    """The numbers that this age or count is compared with; without them nobody knows when the clock must look."""
    for node in walk(root):
        if node.kind == "binary" and node.text in COMPARES and call in node.parts:
            other = node.parts[1] if node.parts[0] == call else node.parts[0]
            if other.kind == "number":
                return (number(other),)
    raise BadExpression(f"{source!r} does not compare {call.text}() (column {call.column}) with a number — expected "
                        f"that at once, e.g. {source[call.start:call.end]} > 600")


def number(node: Node) -> float:
    """The value of a number as it is written, hexadecimal ones too."""
    text = node.text.rstrip("uU")
    return float(int(text, 0)) if text[:2].lower() == "0x" or text.isdigit() else float(text)
