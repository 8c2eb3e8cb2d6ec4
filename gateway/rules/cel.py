"""Parses CEL expressions with a position for each error, and converts their numbers to doubles."""

import re
from collections.abc import Collection, Iterable, Iterator
from sys import modules
from types import ModuleType
from typing import Any, NamedTuple

modules.setdefault("cel.cli", ModuleType("cel.cli"))  # its terminal program, which would bring 13 MB that nobody runs

import cel

MAX_LENGTH = 1000
FUNCTIONS = ("startsWith", "endsWith", "contains", "matches")
_OPERATORS = {"_>_", "_<_", "_>=_", "_<=_", "_==_", "_!=_", "_&&_", "_||_", "!_", "-_", "_+_", "_-_", "_*_", "_/_",
              "_?_:_", "@in"}

# The parts of a CEL source, the longest reading first; the grammar itself is checked by CEL before this is used.
_TOKEN = re.compile(r"""
    (?P<text>  [bB]?[rR][bB]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"]*"|'[^']*')
             | [bB]?(?:\"{3}(?:\\.|.)*?\"{3}|'{3}(?:\\.|.)*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))
  | (?P<comment>//[^\n]*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<double>(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
  | (?P<int>(?:0[xX][0-9a-fA-F]+|\d+)[uU]?)
  | (?P<sign>==|!=|<=|>=|&&|\|\||\S)
""", re.VERBOSE | re.DOTALL)
_HABITS = {  # how other languages write what CEL writes otherwise
    "=": "==", "===": "==", "!==": "!=", "<>": "!=", "=>": ">=", "=<": "<=", "and": "&&", "or": "||", "&": "&&",
    "|": "||", "not": "!", "is": "==",
}
_HABIT = re.compile(r"!==|===|=>|=<|<>|(?<![=!<>])=(?!=)|(?<!&)&(?!&)|(?<!\|)\|(?!\|)|\b(?:and|or|not|is)\b",
                    re.IGNORECASE)
_PLACE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


class BadExpression(ValueError):
    """What is wrong with an expression and what was expected, without its place in the file."""


class Token(NamedTuple):
    kind: str  # text | word | double | int | sign
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


NO_TOKEN = Token("", "", 0)


class Replacement(NamedTuple):
    """`source[start:end]` is to become `text`."""

    start: int
    end: int
    text: str


def parsed(source: str) -> Any:
    """The source as CEL reads it. Raises BadExpression with the column of what it cannot read."""
    if len(source) > MAX_LENGTH:
        raise BadExpression(f"an expression of {len(source)} characters — expected at most {MAX_LENGTH}")
    try:
        return cel.compile(source)
    except ValueError as error:
        found = _PLACE.search(str(error))
        if not found:
            raise BadExpression(f"{source!r} — expected a CEL expression") from error
        line, column, why = found.groups()
        place = f"column {column}" if "\n" not in source.strip() else f"line {line} of it, column {column}"
        raise BadExpression(f"{source!r} — expected a CEL expression; {place}: "
                            f"{_habit(source) or why.split(' expecting ')[0]}") from error


def _habit(source: str) -> str:
    """"use ==" for the first sign that another language would have; "" when there is none outside of texts."""
    bare = _TOKEN.sub(lambda found: " " * len(found[0]) if found.lastgroup in ("text", "comment") else found[0], source)
    found = _HABIT.search(bare)
    return f"use {_HABITS[found[0].lower()]} instead of {found[0]}" if found else ""


def tokens(source: str) -> list[Token]:
    """The parts of a source that `parsed` has taken, without comments."""
    return [Token(str(found.lastgroup), found[0], found.start()) for found in _TOKEN.finditer(source)
            if found.lastgroup != "comment"]


def literal(token: Token) -> Any:
    """The value that a text or a number stands for."""
    return cel.compile(token.text).execute({})


def check_functions(source: str, used: Iterable[str], also: Collection[str] = ()) -> None:
    """`used`: as CEL names them. Raises BadExpression for all but FUNCTIONS, plain operators and those in `also`."""
    for name in used:
        if name not in _OPERATORS and name not in FUNCTIONS and name not in also:
            words = ", ".join((*FUNCTIONS, *(word for word in also if word.isidentifier())))
            raise BadExpression(f"{source!r} uses {_plain_operator(name)} — expected comparisons, && || !, + - * /, "
                                f"? :, in, and {words}")


def doubles(parts: Iterable[Token]) -> Iterator[Replacement]:
    """`temp + 1 > 80` → `temp + 1.0 > 80.0`: every number of ours is a double and CEL does not add an int to one.

    Safe because no function allowed here takes or gives an int."""
    for token in parts:
        if token.kind == "int":
            digits = token.text.rstrip("uU")
            yield Replacement(token.start, token.end, repr(float(int(digits,
                                                                     16 if digits[:2] in ("0x", "0X") else 10))))


def compiled(source: str, changes: Iterable[Replacement]) -> Any:
    """The program of `source` with each of `changes` made; no two of them may overlap."""
    pieces, done = [], 0
    for start, end, text in sorted(changes):
        pieces += [source[done:start], text]
        done = end
    return cel.compile("".join([*pieces, source[done:]]))


def is_name(name: str) -> bool:
    """Whether CEL can name something so (it keeps words such as `in` and `true` for itself)."""
    try:
        return bool(cel.compile(name).variables() == [name])
    except ValueError:
        return False


def _plain_operator(name: str) -> str:
    """CEL's own name of an operator or function as people write it; only loops become names with an @."""
    if name.startswith("@"):
        return "a loop"
    return name.replace("_", "") if name.startswith("_") or name.endswith("_") else f"{name}()"
