"""CEL expressions made safe to run: only declared signals, numbers as doubles, and tried once before they count."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any, NamedTuple

import cel

from gateway.complaints import nearest
from gateway.dialects.signals import Value
from gateway.profiles.shapes import TYPE_WORDS, Condition

MAX_LENGTH = 1000
_FUNCTIONS = ("startsWith", "endsWith", "contains", "matches")
_OPERATORS = {"_>_", "_<_", "_>=_", "_<=_", "_==_", "_!=_", "_&&_", "_||_", "!_", "-_", "_+_", "_-_", "_*_", "_/_",
              "_?_:_", "@in"}
_TRIALS = 500  # combinations of sample values that a new condition is tried on

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
_PLACE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


class BadCondition(ValueError):
    """What is wrong with an expression and what was expected, without its place in the file."""


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


def compile_condition(rule: str, source: str, types: Mapping[str, type]) -> Condition:
    """`types`: the declared signals. Raises BadCondition for anything but a true-or-false expression over them."""
    if len(source) > MAX_LENGTH:
        raise BadCondition(f"an expression of {len(source)} characters — expected at most {MAX_LENGTH}")
    program = _parsed(source)
    tokens = list(_tokens(source))
    needs = tuple(program.variables())
    _check_names(needs, program.functions(), types, source, tokens)
    _check_members(tokens, source)
    _check_equalities(tokens, types, source)
    doubles = cel.compile(_with_doubles(source, tokens))
    condition = Condition(rule, source, needs, doubles)
    _try_out(condition, types, tokens)
    return condition


def is_name(name: str) -> bool:
    """Whether CEL can name a signal so (it keeps words such as `in` and `true` for itself)."""
    try:
        return bool(cel.compile(name).variables() == [name])
    except ValueError:
        return False


def _parsed(source: str) -> Any:
    try:
        return cel.compile(source)
    except ValueError as error:
        found = _PLACE.search(str(error))
        if not found:
            raise BadCondition(f"{source!r} — expected a CEL expression") from error
        line, column, why = found.groups()
        place = f"column {column}" if "\n" not in source.strip() else f"line {line} of it, column {column}"
        raise BadCondition(f"{source!r} — expected a CEL expression; {place}: {why.split(' expecting ')[0]}") from error


def _tokens(source: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(source):
        if found.lastgroup != "comment":
            yield _Token(str(found.lastgroup), found[0], found.start())


def _check_names(needs: tuple[str, ...], functions: list[str], types: Mapping[str, type], source: str,
                 tokens: list[_Token]) -> None:
    for name in functions:
        if name not in _OPERATORS and name not in _FUNCTIONS:
            raise BadCondition(f"{source!r} uses {_plain_operator(name)} — expected comparisons, && || !, + - * /, "
                               f"? :, in, and {', '.join(_FUNCTIONS)}")
    for name in needs:
        if name not in types:
            column = next((token.start + 1 for token in tokens if token.text == name), 1)
            raise BadCondition(f"{source!r} names {name!r} (column {column}), which is no declared signal — "
                               f"{nearest(name, types)}")
    if not needs:
        raise BadCondition(f"{source!r} names no signal — expected one of {', '.join(sorted(types))}")


def _plain_operator(name: str) -> str:
    """CEL's own name of an operator or function as people write it; only loops become names with an @."""
    if name.startswith("@"):
        return "a loop"
    return name.replace("_", "") if name.startswith("_") or name.endswith("_") else f"{name}()"


def _check_members(tokens: list[_Token], source: str) -> None:
    for first, dot, second, after in zip(tokens, tokens[1:], tokens[2:], [*tokens[3:], _Token("", "", 0)],
                                         strict=False):
        if dot.text == "." and second.kind == "word" and after.text != "(":
            raise BadCondition(f"{source!r} looks inside a signal (column {dot.start + 1}) — expected a flat name such "
                               f"as {first.text}_{second.text}")


def _check_equalities(tokens: list[_Token], types: Mapping[str, type], source: str) -> None:
    """CEL lets a text be compared with a number, and says "not equal" for ever."""
    for left, sign, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if sign.text in ("==", "!="):
            one, other = _type_of(left, types), _type_of(right, types)
            if one and other and one is not other:
                raise BadCondition(f"{source!r} compares {left.text} ({TYPE_WORDS[one]}) with {right.text} "
                                   f"({TYPE_WORDS[other]}) — expected the same type on both sides")


def _type_of(token: _Token, types: Mapping[str, type]) -> type | None:
    if token.kind == "word":
        return bool if token.text in ("true", "false") else types.get(token.text)
    return {"text": str, "int": float, "double": float}.get(token.kind)


def _with_doubles(source: str, tokens: list[_Token]) -> str:
    """`temp + 1 > 80` → `temp + 1.0 > 80.0`: every number of ours is a double and CEL does not add an int to one.

    Safe because no function allowed here takes or gives an int."""
    parts, done = [], 0
    for token in tokens:
        if token.kind == "int":
            parts += [source[done:token.start], repr(float(int(token.text.rstrip("uU"), 0)))]
            done = token.start + len(token.text)
    return "".join([*parts, source[done:]])


def _try_out(condition: Condition, types: Mapping[str, type], tokens: list[_Token]) -> None:
    """Runs it on made-up values of the declared types, so that a type error is found now and not at night."""
    literals: dict[type, list[Value]] = {
        kind: [cel.compile(token.text).execute({}) for token in tokens if token.kind in wanted]
        for kind, wanted in ((float, ("int", "double")), (str, ("text",)))}
    if "_/_" in condition.program.functions():
        literals[float] = []  # 0 / 0 is not a number, and that is the values' fault
    samples = [_samples(types[name], i, literals) for i, name in enumerate(condition.needs)]
    for values in islice(product(*samples), _TRIALS):
        shown = dict(zip(condition.needs, values, strict=True))
        try:
            result = condition.program.execute(shown)
        except Exception as error:
            why = str(error).split(". ")[0].split(": the operation")[0]
            raise BadCondition(f"{condition.source!r} fails with {shown} ({why}) — expected operands of one type: "
                               "a number with a number, a text with a text") from error
        if not isinstance(result, bool):
            raise BadCondition(f"{condition.source!r} gives {result!r} — expected true or false")


def _samples(kind: type, place: int, literals: Mapping[type, list[Value]]) -> list[Value]:
    if kind is bool:
        return [False, True]
    if kind is str:
        return ["", *literals[str]]
    return [-1e6 - 7919.0 * place, 1e6 + 104729.0 * place, *map(float, literals[float])]
