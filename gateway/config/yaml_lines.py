"""Parses YAML and keeps the line number of every value for error messages."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

import yaml

Path = tuple[str | int, ...]
LineOf = Callable[[Path], int]


class BadYaml(Exception):
    """The text is not the YAML we read; `errors` has one line each, `file:line: what — what was expected`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C parser is 10 times faster
    """YAML 1.2 scalars only: in PyYAML's 1.1 the time 21:00 is the number 1260, `no` is false and 08001 is octal."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


# No leading "+" (telephone numbers), no leading zero (postcodes), no exponent without a point (addresses like 6e50).
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?$"), list("-0123456789"))


def read_yaml(text: str, file: str) -> tuple[Any, LineOf]:
    """The data in `text` and a function from a path in it, e.g. ("devices", 3, "site"), to its line (from 1).

    Keys are always text, as written. A path that is not in the data (a missing field) gets its nearest parent's
    line. `file` is used in errors only. Raises BadYaml with every duplicate key, or with the first syntax error.
    """
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        lines: dict[Path, int] = {(): 1}
        errors: list[str] = []
        data = None if root is None else _value(loader, root, (), lines, errors, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        said = error.problem or error.context
        raise BadYaml([f"{where}: not YAML — {_unquoted(text, mark) or said}"]) from error
    except yaml.YAMLError as error:
        raise BadYaml([f"{file}: not YAML — {error}"]) from error
    if errors:
        raise BadYaml(errors)

    def line_of(path: Path) -> int:
        while path not in lines:
            path = path[:-1]
        return lines[path]

    return data, line_of


def _value(loader: Any, node: yaml.Node, path: Path, lines: dict[Path, int], errors: list[str], file: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if node.tag.startswith("!"):  # the tag of some other program: a condition such as !door_closed, nearly always
        written = f"{node.tag} {node.value}".strip() if isinstance(node, yaml.ScalarNode) else node.tag
        said = "quote a value that begins with !" if _SECRET.search(dotted_path(path)) else _to_quote(written)
        raise BadYaml([f"{file}:{lines[path]}: {dotted_path(path)}: {said}"])
    if len(path) > 50:
        raise BadYaml([f"{file}:{lines[path]}: nested more than 50 deep — expected a flatter file"])
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, (*path, i), lines, errors, file) for i, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1  # as written: 207 and on are names here
        if not isinstance(key, str):
            raise BadYaml([f"{file}:{line}: a key is a list or a mapping — expected a name"])
        here = (*path, key)
        if key in found:
            errors.append(f"{file}:{line}: {dotted_path(here)} is there twice, first on line {lines[here]} — "
                          "expected once")
            continue
        lines[here] = line
        found[key] = _value(loader, value_node, here, lines, errors, file)
    return found


_SIGN_FIRST = re.compile(r"(?:^\s*|[:\[{,-]\s+|[\[{])(?P<value>[!&*@`%].*)")  # what YAML takes for itself
_SECRET = re.compile(r"password|secret|://[^\s/]*@", re.IGNORECASE)


def _unquoted(text: str, mark: Any) -> str:
    """Advice to quote a value that YAML does not read as plain text; "" when something else is wrong."""
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[:len(line) - len(line.lstrip())]:
        return "a tab at the beginning of the line — expected spaces"
    if _SECRET.search(line):
        return ""
    found = _SIGN_FIRST.search(line)
    if found:
        return _to_quote(_without_comment(found["value"]).rstrip("]},").rstrip())
    _, colon, value = line.partition(": ")
    value = _without_comment(value)
    goes_on = value[:1] in ("'", '"') and value[0] in value[1:-1]  # "on" == mode
    return _to_quote(value) if colon and (": " in value or goes_on) else ""


def _without_comment(value: str) -> str:
    return value.partition(" #")[0].strip()


def _to_quote(value: str) -> str:
    """Advice to put the value in single quotes, in which YAML only doubles the quote itself."""
    quoted = "'" + value.replace("'", "''") + "'"
    return f"{value} — quote it, or YAML takes a sign in it for itself: expected {quoted}"


def dotted_path(path: Path) -> str:
    """`("devices", 3, "site")` → `devices[3].site`, as people write it."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def path_of(dotted: str) -> Path:
    """`devices[3].site` → `("devices", 3, "site")`, what `dotted_path` made; () for what is no such name."""
    if not re.fullmatch(r"[\w-]+(?:\[\d+\]|\.[\w-]+)*", dotted):
        return ()
    return tuple(int(number) if number else name for number, name in re.findall(r"\[(\d+)\]|([\w-]+)", dotted))
