"""Conditions of the plain kind as Python: CEL takes 1 to 2 µs for what Python compares in 0.1.

The Python is written from our own tree of the condition, never from the operator's text: only names that the caller
gives, constants, and the operators below can stand in it. CEL stays the meaning: a test judges both alike on any
values. Divisions, choices and text functions are left to it.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from gateway.dialects.signals import Value
from gateway.expressions import Token, literal
from gateway.profiles.functions import number
from gateway.profiles.syntax import Node

Read = Callable[[Mapping[str, Value]], Any]
_SIGNS = {"&&": "and", "||": "or", "in": "in", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "==": "==", "!=": "!=",
          "+": "+", "-": "-", "*": "*"}
_ALIKE = ("&&", "||", "+", "-", "*")  # a chain of them needs no brackets
_MOST = 150  # brackets; Python itself takes no more than 200 within each other


def quick(root: Node, names: Mapping[int, str]) -> Read | None:
    """The condition as a function of its values, all of which must be there; None when only CEL can judge it."""
    try:
        judged = python(root, lambda node: f"values[{named(node, names)!r}]")
    except NotImplementedError:
        return None
    if judged.count("(") > _MOST:
        return None
    made: Read = eval(f"lambda values: {judged}", {"__builtins__": {}})
    return made


def named(node: Node, names: Mapping[int, str]) -> str:
    """What a name or a call is called among the values."""
    return names.get(node.start, node.text)


def python(node: Node, variable: Callable[[Node], str]) -> str:
    """The part as a Python expression. `variable`: how a name or a call is written. Raises NotImplementedError."""
    if node.kind in ("name", "call"):
        return variable(node)
    if node.kind == "unary":
        return f"({'not ' if node.text == '!' else '-'}{python(node.parts[0], variable)})"
    if node.kind != "binary":
        return repr(_constant(node))
    if node.text not in _SIGNS:
        raise NotImplementedError
    left, right = (python(part, variable) for part in node.parts)
    if node.text in _ALIKE and (node.parts[0].kind, node.parts[0].text) == ("binary", node.text):
        left = left[1:-1]
    return f"({left} {_SIGNS[node.text]} {right})"


def _constant(node: Node) -> Any:
    """Its `repr` is read back as the same value."""
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
