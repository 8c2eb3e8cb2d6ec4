"""Compiles simple CEL conditions to nested Python functions, ten times as fast as CEL.

CEL stays the meaning: a test judges both alike on any values. Divisions, choices and text functions are left to it.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from gateway.rules.cel import Token, literal
from gateway.rules.functions import number
from gateway.rules.syntax_tree import Node

Read = Callable[[Any], Any]
"""What is known → what a part of a condition says of it. Raises KeyError for what is not known, TypeError for what is
of another type."""

Source = Callable[[Node], str | Read]
"""A name or a call → what it is called among the values, or how it is read."""

_JOINED: Mapping[str, Callable[[Read, Read], Read]] = {  # written out: calling an operator takes as long as the rest
    "<": lambda left, right: lambda known: left(known) < right(known),
    "<=": lambda left, right: lambda known: left(known) <= right(known),
    ">": lambda left, right: lambda known: left(known) > right(known),
    ">=": lambda left, right: lambda known: left(known) >= right(known),
    "==": lambda left, right: lambda known: left(known) == right(known),
    "!=": lambda left, right: lambda known: left(known) != right(known),
    "+": lambda left, right: lambda known: left(known) + right(known),
    "-": lambda left, right: lambda known: left(known) - right(known),
    "*": lambda left, right: lambda known: left(known) * right(known)}
_WITH_CONSTANT: Mapping[str, Callable[[Read, Any], Read]] = {  # as in most conditions
    "<": lambda left, limit: lambda known: left(known) < limit,
    "<=": lambda left, limit: lambda known: left(known) <= limit,
    ">": lambda left, limit: lambda known: left(known) > limit,
    ">=": lambda left, limit: lambda known: left(known) >= limit,
    "==": lambda left, limit: lambda known: left(known) == limit,
    "!=": lambda left, limit: lambda known: left(known) != limit,
    "in": lambda left, choices: lambda known: left(known) in choices}
_WITH_LIMIT: Mapping[str, Callable[[str, Any], Read]] = {  # a value against a constant: most of what is ever asked
    "<": lambda name, limit: lambda known: known[name] < limit,
    "<=": lambda name, limit: lambda known: known[name] <= limit,
    ">": lambda name, limit: lambda known: known[name] > limit,
    ">=": lambda name, limit: lambda known: known[name] >= limit,
    "==": lambda name, limit: lambda known: known[name] == limit,
    "!=": lambda name, limit: lambda known: known[name] != limit}
_DEEPEST = 50  # functions within each other; Python itself ends at about a thousand


def compile_fast(root: Node, names: Mapping[int, str]) -> Read | None:
    """The condition as a function of its values, by name; None when only CEL can judge it."""
    try:
        return function(root, lambda node: named(node, names))
    except NotImplementedError:
        return None


def named(node: Node, names: Mapping[int, str]) -> str:
    """What a name or a call is called among the values."""
    return names.get(node.start, node.text)


def chain(node: Node, sign: str) -> list[Node]:
    """The parts that `sign` joins: of "a && b && c" all three, of anything else itself."""
    if (node.kind, node.text) != ("binary", sign):
        return [node]
    return [one for part in node.parts for one in chain(part, sign)]


def function(node: Node, read: Source, depth: int = _DEEPEST) -> Read:
    """The part as a function of what `read` reads names and calls from. Raises NotImplementedError for what is left to
    CEL."""
    if not depth:
        raise NotImplementedError
    if node.kind in ("name", "call"):
        return reading(read(node))
    if _is_constant(node):
        constant = _constant(node)
        return lambda known: constant
    if node.kind == "unary":
        inner = function(node.parts[0], read, depth - 1)
        return (lambda known: not inner(known)) if node.text == "!" else (lambda known: -inner(known))
    if node.kind != "binary":
        raise NotImplementedError
    if node.text in ("&&", "||"):
        parts = [function(part, read, depth - 1) for part in chain(node, node.text)]
        if len(parts) > depth:
            raise NotImplementedError
        return every(parts) if node.text == "&&" else _some(parts)
    left, right = node.parts
    if left.kind in ("name", "call") and node.text in _WITH_LIMIT and _is_constant(right):
        source = read(left)
        if isinstance(source, str):
            return _WITH_LIMIT[node.text](source, _constant(right))
    return _joined(node.text, function(left, read, depth - 1), right, read, depth - 1)


def reading(source: str | Read) -> Read:
    """How a value is read."""
    return operator.itemgetter(source) if isinstance(source, str) else source


def _joined(sign: str, left: Read, right: Node, read: Source, depth: int) -> Read:
    if sign in _WITH_CONSTANT and (sign == "in" or _is_constant(right)):
        return _WITH_CONSTANT[sign](left, _constant(right))
    if sign not in _JOINED:
        raise NotImplementedError
    return _JOINED[sign](left, function(right, read, depth))


def every(parts: Sequence[Read]) -> Read:
    """Whether all of them are true; the first that is not ends it."""
    first, *rest = parts
    if not rest:
        return first
    if len(rest) == 1:
        second = rest[0]
        return lambda known: first(known) and second(known)
    others = every(rest)
    return lambda known: first(known) and others(known)


def _some(parts: Sequence[Read]) -> Read:
    first, *rest = parts
    if not rest:
        return first
    others = _some(rest)
    return lambda known: first(known) or others(known)


def _is_constant(node: Node) -> bool:
    return node.kind in ("number", "bool", "text", "list") or (
        node.kind == "unary" and node.text == "-" and _is_constant(node.parts[0]))


def _constant(node: Node) -> Any:
    """Raises NotImplementedError for a list of more than constants, and for a number without end."""
    match node.kind:
        case "number" if isfinite(number(node)):
            return number(node)
        case "bool":
            return node.text == "true"
        case "text":
            return literal(Token("text", node.text, node.start))
        case "list":
            return [_constant(part) for part in node.parts]
        case "unary" if node.text == "-":
            return -_constant(node.parts[0])
        case _:
            raise NotImplementedError
