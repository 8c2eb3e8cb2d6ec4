"""Turns pydantic's validation errors into sentences: the field, its value, and what was expected."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from gateway.config.yaml_lines import Path, dotted_path

_EXPECTED = {
    "string_type": "text", "bool_parsing": "true or false", "bool_type": "true or false",
    "int_parsing": "a whole number", "int_type": "a whole number", "int_from_float": "a whole number",
    "float_parsing": "a number", "float_type": "a number", "finite_number": "a finite number",
    "list_type": "a list", "tuple_type": "a list", "dict_type": "names with values under it",
    "model_type": "names with values under it", "path_type": "a file name",
}


class WrongParts(ValueError):
    """A value of which several parts are wrong, each named by the way to it: their lines are better than its own."""

    def __init__(self, parts: Sequence[tuple[Path, str]]) -> None:
        super().__init__("; ".join(said for _, said in parts))
        self.parts = parts


def validation_errors(error: ValidationError, model: type[BaseModel], under: Path = ()) -> Iterator[tuple[Path, str]]:
    """Each error as (path, "mqtt.port: 99999 — expected 1…65535"); `under` is the path of `model` in the whole."""
    for one in error.errors(include_url=False):
        inside = _in_data(one["loc"])
        if one["type"] == "extra_forbidden":
            inside = (*_in_data(one["loc"][:-1]), one["loc"][-1])  # an unknown name is never a step of pydantic's
        path = under + inside
        whole = one.get("ctx", {}).get("error")
        if isinstance(whole, WrongParts):
            yield from ((path + way, f"{dotted_path(path + way)}: {said}") for way, said in whole.parts)
            continue
        yield path, f"{dotted_path(path)}{_said(one, inside, model)}"


def sort_by_line(errors: Iterable[str]) -> list[str]:
    """Errors that begin with `file:line:` in the order of the file; the others after them, as they came."""

    def place(error: str) -> tuple[bool, str, int]:
        found = re.match(r"([^\n]*?):(\d+): ", error)
        return (False, found[1], int(found[2])) if found else (True, "", 0)

    return sorted(errors, key=place)


def did_you_mean(name: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """"did you mean …?" for a misspelt name, else the names that are known. `cutoff`: 1 = the same, 0 = anything."""
    close = get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(sorted(known))}"


def _said(one: Any, path: Path, model: type[BaseModel]) -> str:
    kind, shown = one["type"], _shown(one["input"], path, model)
    if kind == "missing":
        return " is missing — expected a value"
    if kind == "extra_forbidden":
        parent, _ = _field(model, path[:-1])
        known = [field.alias or name for name, field in getattr(parent, "model_fields", {}).items()]
        return f": no such field — {did_you_mean(str(path[-1]), known)}"
    if kind == "value_error":
        return f": {shown}{one['ctx']['error']}" if path else str(one["ctx"]["error"])
    return f": {shown}expected {_expected(one, path, model)}"


def _expected(one: Any, path: Path, model: type[BaseModel]) -> str:
    kind, context = one["type"], one.get("ctx", {})
    if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        return _range(path, model) or str(one["msg"]).removeprefix("Input should be ")
    if kind in ("literal_error", "enum"):
        return str(context["expected"])
    if kind in ("string_too_short", "too_short"):
        return f"at least {context['min_length']} long"
    if kind in ("string_too_long", "too_long"):
        return f"at most {context['max_length']} long"
    return _EXPECTED.get(kind) or str(one["msg"]).removeprefix("Input should be ")


def _range(path: Path, model: type[BaseModel]) -> str:
    _, field = _field(model, path)
    optional = [rule for kind in get_args(getattr(field, "annotation", None))
                for one in getattr(kind, "__metadata__", ()) for rule in getattr(one, "metadata", ())]
    bounds = {name: getattr(rule, name) for rule in [*getattr(field, "metadata", ()), *optional]
              for name in ("ge", "le") if hasattr(rule, name)}
    if len(bounds) == 2:
        return f"{bounds['ge']}…{bounds['le']}"
    return f"{bounds['ge']} or more" if "ge" in bounds else f"{bounds['le']} or less" if bounds else ""


def _shown(value: Any, path: Path, model: type[BaseModel]) -> str:
    """The value as it was written, cut short; a secret is never shown."""
    _, field = _field(model, path)
    if "SecretStr" in str(getattr(field, "annotation", "")):
        return "a secret — "
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '…'} — "


def _field(model: Any, path: Path) -> tuple[Any, Any]:
    """The type that stands at `path` in `model`, and its field when the last step is one."""
    field = None
    for step in path:
        model = _without_none(model)
        if isinstance(step, str) and step in getattr(model, "model_fields", {}):
            field = model.model_fields[step]
            model = field.annotation
        else:
            inner = [kind for kind in get_args(model) if kind is not Ellipsis]
            model = inner[-1] if inner else None
    return _without_none(model), field


def _without_none(kind: Any) -> Any:
    inner = [one for one in get_args(kind) if one is not type(None)]
    return inner[0] if type(None) in get_args(kind) and inner else kind


def _in_data(loc: tuple[str | int, ...]) -> Path:
    """`loc` without the steps that pydantic adds for a union's branch or a dictionary's key."""
    return tuple(step for step in loc if step != "[key]" and not (isinstance(step, str) and "[" in step))
