"""Runs message templates in Jinja's sandbox: ours, and those of the operator."""

from collections.abc import Mapping
from typing import Any

from jinja2 import BytecodeCache, DictLoader, Environment, StrictUndefined, Template
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from gateway.notifications.catalogue import Catalogue


def clip(text: str, length: int) -> str:
    """At most `length` characters, cut at a word, with three dots where something is missing."""
    if len(text) <= length:
        return text
    return text[:length - 3].rsplit(" ", 1)[0].rstrip(" ,;:") + "..."


def sentences(*parts: str) -> str:
    """Those that are not empty, one after the other."""
    return " ".join(part for part in parts if part)


def in_brackets(text: str) -> str:
    """` (text)`, to stand behind a word; nothing when there is nothing to say."""
    return f" ({text})" if text else ""


def environment(templates: Mapping[str, str], compiled: BytecodeCache | None = None, autoescape: bool = False
                ) -> Environment:
    """File name → text; `compiled`: where they are kept as code."""
    made = _Sandbox(
        loader=DictLoader(templates), undefined=StrictUndefined, autoescape=autoescape, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False, bytecode_cache=compiled)
    made.filters |= {"clip": clip, "in_brackets": in_brackets}
    return made


def rendered(template: Template, values: dict[str, Any]) -> str:
    """With these values and nothing else: Jinja's own `render` copies them, and its globals, each time."""
    return "".join(template.root_render_func(template.new_context(values, shared=True)))


class _Sandbox(SandboxedEnvironment):
    """What it calls of ours needs no search for what could be unsafe: that took a fifth of a message's time."""

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        if type(__obj) is Catalogue or __obj is sentences:
            for name in ("_block_vars", "_loop_vars"):  # Jinja's own, for functions that ask for its context
                kwargs.pop(name, None)
            return __obj(*args, **kwargs)
        return super().call(__context, __obj, *args, **kwargs)
