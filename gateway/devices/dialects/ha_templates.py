"""Where a Home Assistant value template finds its value. Templates are programs that come over the air from anybody:
none is ever run. What only names a place in the message is read; anything else is None."""

import re
from functools import lru_cache
from typing import Any

CHARS, BRACKETS = 512, 20
# Filters that leave a value what it is, or only round it; a default is never believed: no value is no value.
_NEUTRAL = frozenset(("float", "int", "round", "is_defined", "default", "d", "string", "lower", "upper", "trim",
                      "bool"))
_THERE = frozenset(("defined", "number", "string"))  # {{ x if x is defined else 0 }}
_ABSENT = frozenset(("none", "None", "undefined", "null"))

_WHOLE = re.compile(r"\s*\{\{-?(?P<value>.*?)-?\}\}\s*", re.DOTALL)
_IF = re.compile(r"\s*\{%-?\s*if (?P<when>[^%]*?)-?%\}\s*\{\{-?(?P<value>[^{}%]*?)-?\}\}\s*"
                 r"(?:\{%-?\s*else\s*-?%\}(?:(?!\{%).)*)?\{%-?\s*endif\s*-?%\}\s*", re.DOTALL)
_TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'[^'\\]*'|\"[^\"\\]*\")|(?P<name>[A-Za-z_]\w*)"
                    r"|(?P<sign>[=!]=|[][()|.,*/!]))\s*")

Place = dict[str, Any]  # {} the whole payload | {"path": [steps]} within its JSON, and "times" a factor


class _Unreadable(Exception):
    """It is more than a place."""


def path_of(template: object) -> Place | None:
    """How a value template finds its value: {} is the whole payload; None when it is more than a place."""
    if template is None:
        return {}
    if not isinstance(template, str) or len(template) > CHARS or template.count("(") > BRACKETS:
        return None
    return _read(template)


@lru_cache(maxsize=2_000)  # a hundred devices of one make say the same; nobody changes what is returned
def _read(template: str) -> Place | None:
    found = _WHOLE.fullmatch(template) or _IF.fullmatch(template)
    if found is None:
        return None
    try:
        if "when" in found.groupdict():
            _whole(found["when"], _Tokens.condition)
        return _place(*_whole(found["value"], _Tokens.value))
    except _Unreadable:
        return None


def _place(root: str, path: list[str | int], times: float) -> Place:
    if root == "value" and path:
        raise _Unreadable
    place: Place = {"path": path} if root == "value_json" else {}
    return place if times == 1 else {**place, "times": times}


def _whole(source: str, read: Any) -> Any:
    tokens = _Tokens(source)
    found = read(tokens)
    if tokens.left:
        raise _Unreadable
    return found


class _Tokens:
    """The words of an expression, read from the left."""

    def __init__(self, source: str) -> None:
        self.left: list[tuple[str, str]] = []  # (kind, word), the next one last
        at = 0
        while at < len(source.rstrip()):
            found = _TOKEN.match(source, at)
            # what may stand in an alternative that is never read needs no name
            kind = (found and found.lastgroup) or "other"
            self.left.append((kind, found[kind] if found else source[at]))
            at = found.end() if found else at + 1
        self.left.reverse()

    def value(self) -> tuple[str, list[str | int], float]:
        """A place times a factor, perhaps only if it is there: then what stands for an absent value is passed over."""
        root, path, times = self._place()
        while (sign := self._next_if("*", "/")) is not None:
            by = self._number()
            times = times * by if sign == "*" else times * (1 / by)
        if self._next_if("if") is not None:
            self.condition()
            if self._next_if("else") is not None:
                self._skip_alternative()
        return root, path, times

    def condition(self) -> None:
        """Only whether something is there, joined by and, or."""
        self._is_there()
        while self._next_if("and", "or") is not None:
            self._is_there()

    def _is_there(self) -> None:
        if self._next_if("(") is not None:
            self.condition()
            self._expect(")")
            return
        if self._peek()[0] == "text":
            self.left.pop()
            self._expect("in")
            self._place()
            return
        self._place()
        if self._next_if("!=") is not None:
            self._expect(*_ABSENT)
            return
        self._expect("is")
        self._expect(*(_ABSENT if self._next_if("not") is not None else _THERE))

    def _place(self) -> tuple[str, list[str | int], float]:
        if self._next_if("(") is not None:
            root, path, times = self.value()
            self._expect(")")
        else:
            root, path, times = self._expect("value_json", "value"), [], 1.0
        while (sign := self._next_if(".", "[", "|")) is not None:
            if sign == "|":
                root, times = self._filter(root, path, times)
            elif times != 1:
                raise _Unreadable
            else:
                path = [*path, self._step(sign)]
        return root, path, times

    def _step(self, sign: str) -> str | int:
        kind, word = self._pop()
        if sign == "[":
            self._expect("]")
            if kind == "number" and word.isdigit():
                return int(word)
            return _text(kind, word)
        if kind != "name":
            raise _Unreadable
        if word == "get" and self._next_if("(") is not None:
            step = _text(*self._pop())
            if self._next_if(",") is not None:
                self._pop()
            self._expect(")")
            return step
        return word

    def _filter(self, root: str, path: list[str | int], times: float) -> tuple[str, float]:
        name = self._pop()[1]
        if name == "multiply":
            self._expect("(")
            times *= self._number()
            self._expect(")")
        elif name == "from_json" and root == "value" and not path:
            root = "value_json"
        elif name not in _NEUTRAL:
            raise _Unreadable
        elif self._next_if("(") is not None:
            self._skip_alternative()
            self._expect(")")
        return root, times

    def _number(self) -> float:
        kind, word = self._pop()
        if kind != "number" or float(word) == 0:
            raise _Unreadable
        return float(word)

    def _skip_alternative(self) -> None:
        """To the bracket that closes what is around it, or to the end."""
        depth = 0
        while self.left:
            word = self.left[-1][1]
            if word == ")" and depth == 0:
                return
            depth += (word == "(") - (word == ")")
            self.left.pop()

    def _peek(self) -> tuple[str, str]:
        if not self.left:
            raise _Unreadable
        return self.left[-1]

    def _pop(self) -> tuple[str, str]:
        found = self._peek()
        self.left.pop()
        return found

    def _next_if(self, *words: str) -> str | None:
        if self.left and self.left[-1][0] in ("name", "sign") and self.left[-1][1] in words:
            return self.left.pop()[1]
        return None

    def _expect(self, *words: str) -> str:
        found = self._next_if(*words)
        if found is None:
            raise _Unreadable
        return found


def _text(kind: str, word: str) -> str:
    if kind != "text":
        raise _Unreadable
    return word[1:-1]
