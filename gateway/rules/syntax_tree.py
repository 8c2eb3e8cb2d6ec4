"""A CEL condition as a syntax tree with positions, for checks and compilation."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.rules.cel import NO_TOKEN, Token

_BINDS = {"?": 1, "||": 2, "&&": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 4, "!=": 4, "in": 4, "+": 5, "-": 5,
          "*": 6, "/": 6}
_UNARY = 7
COMPARES = ("<", "<=", ">", ">=", "==", "!=")


class Node(NamedTuple):
    """`kind`: name, number, text, bool, list, call, method, unary, binary or choice. `start`, `end`: its place."""

    kind: str
    text: str  # the name, literal, function or operator
    start: int
    end: int
    parts: tuple["Node", ...] = ()

    @property
    def column(self) -> int:
        return self.start + 1


def tree(parts: Sequence[Token]) -> Node:
    """The tree of a condition that CEL itself has taken. Raises ValueError for what no condition may hold."""
    reader = _Reader(parts)
    node = reader.read(0)
    if reader.peek() is not NO_TOKEN:
        raise ValueError(f"column {reader.peek().start + 1}")
    return node


def walk(node: Node) -> Iterator[Node]:
    yield node
    for part in node.parts:
        yield from walk(part)


class _Reader:
    """Precedence climbing over the tokens of one source."""

    def __init__(self, parts: Sequence[Token]) -> None:
        self.parts, self.place = parts, 0

    def peek(self) -> Token:
        return self.parts[self.place] if self.place < len(self.parts) else NO_TOKEN

    def take(self, text: str = "") -> Token:
        token = self.peek()
        if token is NO_TOKEN or (text and token.text != text):
            raise ValueError(f"column {token.start + 1}")
        self.place += 1
        return token

    def read(self, least: int) -> Node:
        left = self._unary()
        while (binds := _BINDS.get(self.peek().text, 0)) > least and self.peek().kind != "text":
            sign = self.take().text
            if sign == "?":
                then = self.read(0)
                self.take(":")
                other = self.read(0)
                left = Node("choice", "?", left.start, other.end, (left, then, other))
            else:
                right = self.read(binds)
                left = Node("binary", sign, left.start, right.end, (left, right))
        return left

    def _unary(self) -> Node:
        token = self.peek()
        if token.text in ("!", "-") and token.kind == "sign":
            self.take()
            inner = self.read(_UNARY - 1) if token.text == "!" else self._unary()
            return Node("unary", token.text, token.start, inner.end, (inner,))
        return self._method(self._leaf())

    def _method(self, node: Node) -> Node:
        while self.peek().text == ".":
            self.take()
            name = self.take()
            arguments, end = self._arguments(")")
            node = Node("method", name.text, node.start, end, (node, *arguments))
        return node

    def _leaf(self) -> Node:
        token = self.take()
        if token.text == "(":
            inner = self.read(0)
            self.take(")")
            return inner
        if token.text == "[":
            self.place -= 1
            items, end = self._arguments("]")
            return Node("list", "[", token.start, end, items)
        if token.kind == "word":
            if token.text in ("true", "false"):
                return Node("bool", token.text, token.start, token.end)
            if self.peek().text == "(":
                arguments, end = self._arguments(")")
                return Node("call", token.text, token.start, end, arguments)
            return Node("name", token.text, token.start, token.end)
        if token.kind in ("int", "double"):
            return Node("number", token.text, token.start, token.end)
        if token.kind == "text":
            return Node("text", token.text, token.start, token.end)
        raise ValueError(f"column {token.start + 1}")

    def _arguments(self, closing: str) -> tuple[tuple[Node, ...], int]:
        self.take()
        found: list[Node] = []
        while self.peek().text != closing:
            found.append(self.read(0))
            if self.peek().text == ",":
                self.take()
        return tuple(found), self.take(closing).end
