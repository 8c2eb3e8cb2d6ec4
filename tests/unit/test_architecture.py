"""Imports run one way, pure code stays pure, each library has one owner, each state and topic one home: read from the
source, not from memory."""

import ast
import builtins
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import pytest

from gateway.model import entries, reasons, states
from gateway.notifications.topics import TopicName
from tests import ROOT

# A part of gateway/ (a folder) may import what stands above it, and its neighbours on the same line.
ORDER = (
    ("model", "config.settings", "config.quotas", "config.yaml_lines", "config.error_messages", "config.field_types",
     "config.phone_numbers", "config.branding.colours"),
    ("rules", "devices", "calendars"),
    ("detection", "outages", "tickets", "callbacks", "notifications", "access"),
    ("explain", "backtest"),
    ("config",),
    ("monitoring",),
    ("store", "notifications.channels", "notifications.catalogues"),
    ("flow",),
    ("mqtt", "web"),
    ("app",),
    ("cli", "demo"),
    ("__main__",),
)
# What lies within a part and has a place of its own: settings are values for everybody, channels and catalogues do I/O.
INNER = ("config.settings", "config.quotas", "config.yaml_lines", "config.error_messages", "config.field_types",
         "config.phone_numbers", "config.branding.colours", "notifications.channels", "notifications.catalogues")
NOBODY_IMPORTS = {"web": ("app", "demo"), "mqtt": ("app", "demo", "cli"), "app": ("cli", "demo"), "cli": (),
                  "__main__": ()}  # but these
LEAVES = ("monitoring",)  # they import nothing of ours

PURE = ("model", "config.settings", "config.quotas", "config.yaml_lines", "config.error_messages",
        "config.field_types", "config.phone_numbers", "config.branding.colours", "rules",
        "devices", "calendars", "detection", "outages", "tickets", "callbacks", "notifications", "access", "explain",
        "backtest")
# All that a pure part may take from Python itself: none of it reads a file, a clock, a network or chance.
PURE_MODULES = ("__future__", "base64", "binascii", "bisect", "collections", "contextlib", "dataclasses", "datetime",
                "decimal", "difflib", "enum", "functools", "gettext", "hashlib", "heapq", "itertools", "json", "math",
                "operator", "re", "statistics", "string", "types", "typing", "unicodedata", "urllib.parse", "zlib",
                "zoneinfo")
ALSO = {("config.settings", "pathlib.Path"),  # what a setting holds
        ("notifications", "io.BytesIO"),  # gettext takes bytes that have been read only so
        ("rules", "sys.modules"),  # a part of CEL's library is kept out of it
        ("model", "secrets")}  # ids of new rows
CLOCKS = ("now", "utcnow", "today")  # of datetime
FILES = ("open", "input", "print", "breakpoint", "FileSystemLoader", "PackageLoader", "__import__")
FILES_OF_A_PATH = ("read_text", "read_bytes", "write_text", "write_bytes", "glob", "rglob", "iterdir", "mkdir",
                   "unlink", "touch", "is_file", "is_dir", "exists", "stat")
WRITES_CODE = ("exec", "eval", "compile")

OWNERS = {
    "authlib": ("web",), "joserfc": ("web",),
    "alembic": ("store",), "argon2": ("flow",), "cryptography": ("flow",), "limits": ("web",), "pyotp": ("flow",),
    "apprise": ("notifications.channels",), "babel": ("notifications",),
    "cel": ("rules",), "fastapi": ("web",), "h11": ("web",), "httpcore": ("notifications.channels",),
    "holidays": ("calendars",), "icalendar": ("notifications",),
    "itsdangerous": ("notifications",), "jinja2": ("notifications", "notifications.catalogues", "web"),
    "markupsafe": ("web",), "paho": ("mqtt",),
    "phonenumbers": ("config.phone_numbers",), "PIL": ("notifications.channels", "web"),
    "prometheus_client": ("monitoring",),
    "rich": ("__main__", "cli", "demo"), "shapely": ("tickets",),
    "sqlalchemy": ("store", "model"), "standardwebhooks": ("notifications.channels", "demo"), "starlette": ("web",),
    "typer": ("__main__", "cli"), "uvicorn": ("web",), "yaml": ("config.yaml_lines", "demo"), "aiosmtpd": ("demo",),
    "httpx": ("demo",),
    "google": ("devices",),  # protobuf
    "sqlmodel": ("store", "model"),
}
HANDED_ON = "sqlmodel.Session"  # the shell passes it from the store to the store, and must be able to name it
ANYWHERE = ("pydantic", "orjson")  # values, not machinery
SHELL_ONLY = ("structlog",)

MOST_FILES, MOST_ENTRIES, MOST_LINES = 15, 23, 400  # of a folder; of gateway/ itself; of a file that does not say why
MANY_ALIKE = ("devices/dialects", "web/console")  # one file each of many that are alike
NOT_COUNTED = ("templates", "migrations", "__pycache__")


Node = TypeVar("Node", bound=ast.AST)


class Source:
    """A file of the gateway, parsed once for all the rules: its place in gateway/, its text and its syntax tree."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self.part = part_named(path.removesuffix(".py").replace("/", "."))
        self.tree = ast.parse(text)
        self._nodes: defaultdict[type[ast.AST], list[Any]] = defaultdict(list)
        waiting: list[ast.AST] = [self.tree]
        for node in waiting:
            self._nodes[type(node)].append(node)
            waiting.extend(ast.iter_child_nodes(node))

    def all(self, *kinds: type[Node]) -> Iterator[Node]:
        """Every node of one of these kinds."""
        for kind in kinds:
            yield from self._nodes[kind]

    def function_at(self, line: int) -> str:
        """The innermost function that has this line, or ""."""
        around = [one for one in self.all(ast.FunctionDef) if one.lineno <= line <= (one.end_lineno or line)]
        return max(around, key=lambda one: one.lineno).name if around else ""


Rule = Callable[[Source], Iterable[str]]


@cache
def gateway() -> tuple[Source, ...]:
    root = ROOT / "gateway"
    return tuple(Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
                 for path in sorted(root.rglob("*.py")) if path != root / "__init__.py")


def broken(rule: Rule, but: Sequence[str] = ()) -> dict[str, list[str]]:
    """File → what it does against the rule; files within a folder named in `but` may."""
    lines = {one.path: [*rule(one)] for one in gateway() if not {*one.path.split("/")} & {*but}}
    return {path: said for path, said in lines.items() if said}


def place(part: str) -> int:
    for height, parts in enumerate(ORDER):
        if part in parts:
            return height
    raise AssertionError(f"gateway/{part} is new: give it its place in ORDER, tests/unit/test_architecture.py")


def part_named(dotted: str) -> str:
    """`notifications.catalogues.load` → `notifications.catalogues`, `store.pages.job` → `store`"""
    inner = [part for part in INNER if f"{dotted}.".startswith(f"{part}.")]
    return inner[0] if inner else dotted.partition(".")[0]


# --- imports


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, wherever in the file: `gateway.store.Store`, `time`."""
    for node in source.all(ast.Import):
        yield from ((node.lineno, name.name) for name in node.names)
    for imported in source.all(ast.ImportFrom):
        module = "." * imported.level + (imported.module or "")
        yield from ((imported.lineno, f"{module}.{name.name}") for name in imported.names)


def wrong_imports(source: Source) -> Iterator[str]:
    """Each import that its place does not allow, as `line: what — what instead`."""
    for line, name in imports(source):
        top, _, rest = name.partition(".")
        if name.startswith("."):
            yield f"{line}: relative import {name} — write it out, from gateway"
        elif top == "gateway":
            if rest and not rest.startswith("__version__"):
                yield from _wrong_direction(line, source.part, part_named(rest))
        elif top in sys.stdlib_module_names:
            allowed = any(f"{name}.".startswith(f"{one}.") for one in PURE_MODULES) or any(
                source.part == part and f"{name}.".startswith(f"{one}.") for part, one in ALSO)
            if source.part in PURE and not allowed:
                yield f"{line}: {name} in a pure part — take what you need as an argument"
        else:
            yield from _wrong_owner(line, source.part, name)


def _wrong_direction(line: int, part: str, other: str) -> Iterator[str]:
    if other == part:
        return
    if place(other) > place(part):
        yield f"{line}: {part} imports {other} — imports run the other way: see ORDER"
    if other in NOBODY_IMPORTS and part not in NOBODY_IMPORTS[other] and part != "__main__":
        yield f"{line}: {part} imports {other} — only {', '.join(NOBODY_IMPORTS[other]) or 'nobody'} may"
    if part in PURE and other not in PURE:
        yield f"{line}: pure {part} imports {other} — take what you need as an argument"
    if part in LEAVES:
        yield f"{line}: {part} imports {other} — it is a leaf: it imports nothing of ours"


def _wrong_owner(line: int, part: str, name: str) -> Iterator[str]:
    library = name.partition(".")[0]
    if library in ANYWHERE or (part not in PURE and (library in SHELL_ONLY or name == HANDED_ON)):
        return
    owners = OWNERS.get(library)
    if owners is None:
        yield f"{line}: {library} has no owner — give it one in OWNERS, and an ADR"
    elif part not in owners:
        yield f"{line}: {library} in {part} — it belongs to {', '.join(owners)}"


def test_a_file_imports_only_what_its_place_allows() -> None:
    assert broken(wrong_imports) == {}


def test_each_part_has_its_place_and_each_library_is_used_by_its_owners() -> None:
    assert {part for parts in ORDER for part in parts} == {one.part for one in gateway()}
    used = {(name.partition(".")[0], one.part) for one in gateway() for _, name in imports(one)}
    assert {(library, part) for library, parts in OWNERS.items() for part in parts} - used == set()


def test_the_simulated_devices_know_nothing_of_the_gateway() -> None:
    for path in (ROOT / "device_sim").rglob("*.py"):
        source = Source(path.name, path.read_text(encoding="utf-8"))
        assert not [name for _, name in imports(source) if name.startswith("gateway")], path


@pytest.mark.parametrize(("path", "text", "words"), [
    ("model/a.py", "from gateway.store import Store", "imports run the other way"),
    ("rules/a.py", "from gateway.tickets import lifecycle", "imports run the other way"),
    ("config/settings.py", "from gateway.config.sources import load", "imports run the other way"),
    ("tickets/a.py", "from gateway.config import fleet_file", "imports run the other way"),
    ("tickets/a.py", "from gateway.notifications import catalogues", "pure tickets imports notifications.catalogues"),
    ("notifications/a.py", "from gateway.notifications.channels import Channel", "pure notifications imports"),
    ("tickets/a.py", "import gateway.web.api", "imports run the other way"),
    ("store/a.py", "from gateway.flow.receive import receive", "imports run the other way"),
    ("flow/a.py", "from gateway.web import build_app", "imports run the other way"),
    ("cli/a.py", "from gateway import web", "only app, demo may"),
    ("detection/a.py", "from gateway.monitoring.metrics import received", "pure detection imports monitoring"),
    ("config/sources.py", "from gateway.monitoring import logs", "imports run the other way"),
    ("monitoring/a.py", "from gateway.model import Instant", "it is a leaf"),
    ("detection/a.py", "import time", "time in a pure part"),
    ("tickets/a.py", "def f():\n    from socket import socket", "2: socket.socket in a pure part"),
    ("tickets/a.py", "import random", "random in a pure part"),
    ("devices/a.py", "from pathlib import Path", "pathlib.Path in a pure part"),
    ("devices/a.py", "from importlib.resources import files", "importlib.resources.files in a pure part"),
    ("explain/a.py", "import urllib.request", "urllib.request in a pure part"),
    ("backtest/a.py", "import os", "os in a pure part"),
    ("web/a.py", "from paho.mqtt.client import Client", "paho in web — it belongs to mqtt"),
    ("store/a.py", "import fastapi", "fastapi in store — it belongs to web"),
    ("notifications/a.py", "import structlog", "structlog has no owner"),
    ("app/a.py", "import celery", "celery has no owner"),
    ("store/a.py", "from . import hot", "relative import"),
    ("web/a.py", "from sqlmodel import select", "sqlmodel in web"),
])
def test_the_rule_sees_an_import_that_breaks_it(path: str, text: str, words: str) -> None:
    assert words in "\n".join(wrong_imports(Source(path, text)))


@pytest.mark.parametrize(("path", "text"), [
    ("flow/a.py", "from gateway.store import Store\nfrom gateway.notifications.channels import Channel\n"
                  "from sqlmodel import Session"),
    ("store/a.py", "from sqlmodel import SQLModel\nfrom gateway.model import Ticket"),
    ("app/a.py", "from gateway.web import build_app\nimport time, threading, structlog"),
    ("detection/a.py", "from datetime import datetime\nimport orjson\nfrom gateway.devices.profiles import Profile"),
    ("tickets/a.py", "from gateway.config.settings import Settings"),
])
def test_the_rule_lets_pass_imports_that_are_right(path: str, text: str) -> None:
    assert [*wrong_imports(Source(path, text))] == []


# --- pure code, and code that is written


def called(source: Source) -> Iterator[tuple[int, str, ast.expr | None]]:
    """(line, name, whose method it is or None) of each call."""
    for node in source.all(ast.Call):
        if isinstance(node.func, ast.Name):
            yield node.lineno, node.func.id, None
        elif isinstance(node.func, ast.Attribute):
            yield node.lineno, node.func.attr, node.func.value


def impure_calls(source: Source) -> Iterator[str]:
    """What a pure part opens, reads or writes, and each look at a clock."""
    if source.part not in PURE:
        return
    for line, name, owner in called(source):
        if name in (FILES if owner is None else FILES_OF_A_PATH):
            yield f"{line}: {name}() in a pure part — take what it reads as an argument"
        if name in CLOCKS and isinstance(owner, ast.Name) and owner.id in ("datetime", "date"):
            yield f"{line}: {owner.id}.{name}() in a pure part — take `now` as an argument"


def runs_text(source: Source) -> Iterator[str]:
    """Each use of `exec`, `eval` and the builtin `compile`, called or handed on."""
    mine = {name.asname or name.name for node in source.all(ast.ImportFrom) for name in node.names
            } | {one.name for one in source.all(ast.FunctionDef)}
    for node in source.all(ast.Name):
        if node.id in WRITES_CODE and node.id not in mine:
            yield f"{node.lineno}: {node.id}() — say it in a plain function"
    for line, name, owner in called(source):
        if isinstance(owner, ast.Name) and owner.id == builtins.__name__:
            yield f"{line}: builtins.{name}() — say it in a plain function"


def test_a_pure_part_opens_no_file_and_looks_at_no_clock() -> None:
    assert broken(impure_calls) == {}


def test_no_code_is_run_that_other_code_has_written() -> None:
    assert broken(runs_text) == {}


# --- one recorder, and one place that writes a state

RECORDER, WRITES_THEM = "model/plan.py", "store/__init__.py"  # who makes each Change, and who executes it
MOVES = {  # file → its functions that may write a row's state
    "tickets/lifecycle.py": {"move", "follow_jobs", "move_job", "end_offer", "move_visit"},
    "tickets/on_call/lifecycle.py": {"move"},
    "callbacks/lifecycle.py": {"move"}, "callbacks/presses/button_test_lifecycle.py": {"move"},
    "outages/lifecycle.py": {"move", "move_member"}, "notifications/lifecycle.py": {"move"},
    "model/lifecycle.py": {"move_command"}, "tickets/promises/ledger.py": {"move_promise"},
    "store/commands.py": {"_move"}, "tickets/goodwill/lifecycle.py": {"move_credit", "move_case"},
}
_SETS_IN_SQL = re.compile(r"\bset\b[^;]*?\bstate\s*=", re.IGNORECASE)


def changes_by_hand(source: Source) -> Iterator[str]:
    """Each Change that is not made by the recorder, and whoever could make one."""
    if source.path == RECORDER:
        return
    names = {name.asname or name.name: node.lineno for node in source.all(ast.ImportFrom)
             if node.module == "gateway.model.plan" for name in node.names if name.name == "Change"}
    if source.path != WRITES_THEM:
        yield from (f"{line}: imports Change — change a copy that the Draft handed out" for line in names.values())
    for line, name, owner in called(source):
        if (owner is None and name in names) or (name == "Change" and isinstance(owner, ast.Name)
                                                 and owner.id == "plan"):
            yield f"{line}: Change() by hand — change a copy that the Draft handed out"


ENDS_A_PLAN = {  # whose plan is not about tickets, or who has set their SLA clocks already
    "tickets/sla/follow.py": {"complete"}, "flow/adopt_sla.py": {"_adopt_some"},
    "flow/watch.py": {"_watch_ourselves", "_maintenance"}, "flow/deliver.py": {"_claim"},
    "flow/messages/record_outcomes.py": {"_write_down"},
    "store/outbox.py": {"release_lease"}}


def plans_without_sla_clocks(source: Source) -> Iterator[str]:
    """Each plan of a draft that is not completed: the SLA clocks of its tickets would not follow them."""
    for line, name, owner in called(source):
        if (name == "plan" and owner is not None and _name(owner).endswith("draft")
                and source.function_at(line) not in ENDS_A_PLAN.get(source.path, set())):
            yield f"{line}: draft.plan() — complete(draft, policy, now)"


def written_states(source: Source) -> Iterator[tuple[int, str]]:
    """(line, how) wherever the state of a row is written after it was made."""
    for one in source.all(ast.Attribute):
        if one.attr == "state" and isinstance(one.ctx, ast.Store):
            yield one.lineno, "assigned"
    for call in source.all(ast.Call):
        name = _name(call.func)
        if name == "setattr" and len(call.args) > 1 and _name(call.args[1]) == "state":
            yield call.lineno, "by setattr"
        if name in ("values", "model_copy", "replace") and any(word.arg == "state" for word in call.keywords):
            yield call.lineno, f"by {name}()"
    for table in source.all(ast.Dict):
        for key, value in zip(table.keys, table.values, strict=True):
            if key is not None and _name(key) == "state" and isinstance(value, ast.Attribute) and isinstance(
                    value.value, ast.Name) and value.value.id.endswith("State"):
                yield key.lineno, "in a dict of values"
    for text in source.all(ast.Constant):
        if isinstance(text.value, str) and _SETS_IN_SQL.search(text.value) and " " in text.value.strip():
            yield text.lineno, "in SQL"


def states_written_elsewhere(source: Source) -> Iterator[str]:
    allowed = MOVES.get(source.path, set())
    yield from (f"{line}: a state is written {how} — by the function of its life cycle"
                for line, how in written_states(source) if source.function_at(line) not in allowed)


def test_only_the_recorder_makes_a_change() -> None:
    assert broken(changes_by_hand) == {}


def test_the_sla_clocks_follow_their_ticket_whoever_moves_it() -> None:
    assert broken(plans_without_sla_clocks) == {}


def test_a_state_is_written_only_by_its_life_cycle() -> None:
    assert broken(states_written_elsewhere, but=("migrations",)) == {}
    really = {(one.path, one.function_at(line)) for one in gateway() for line, _ in written_states(one)}
    assert {(path, name) for path, names in MOVES.items() for name in names} - really == set()


# --- states and kinds are named, never spelt: outside dialects, templates and migrations each is a member of its enum

_COLUMN_OF = {"State": ("state", "states"), "Outcome": ("outcome",), "Kind": (
    "kind", "recipient_kind", "subject_kind", "owner_kind", "actor_kind"), "Severity": ("severity",),
    "LinkPurpose": ("purpose",), "ResolvedBy": ("resolved_by",), "FixedBy": ("fixed_by",), "Role": ("role",),
    "RulePhase": ("phase",), "SuppressedBy": ("suppressed_by_kind",), "LinkState": ("link",), "PressKind": ("press",)}
_ENUMS = [one for module in (states, entries, reasons) for one in vars(module).values()
          if isinstance(one, type) and issubclass(one, StrEnum) and len(one)]
STATES: defaultdict[str, set[str]] = defaultdict(set)  # column → all that it may hold
for _suffix, _columns in _COLUMN_OF.items():
    for _column in _columns:
        STATES[_column] |= {str(member) for one in _ENUMS if one.__name__.endswith(_suffix) for member in one}
STATES["kind"] -= {"double", "unreachable", "no_answer"}  # a number in a formula; how a channel or broker fails
TOGETHER = [{*map(str, one)} for one in _ENUMS
            if one.__name__.endswith(("State", "Outcome", "Severity", "Purpose", "Role", "Phase"))]
UNMISTAKABLE = {"offered", "assigned", "en_route", "on_site", "no_access", "attempting", "suspected", "restoring",
                "dismissed", "withdrawn"}  # nothing else is called so, whatever they are compared with
SPELLS = ("dialects", "mappings", "migrations")  # what devices say, and what the database held on a day of the past
_IN_SQL = re.compile(r"\b(\w+)\s*(?:=|!=|<>|\bNOT IN\b|\bIN\b)\s*\(?((?:'\w+'(?:,\s*)?)+)", re.IGNORECASE)


def spelt(source: Source) -> Iterator[str]:
    """Every state or kind that is compared, assigned, passed or put together as a text: `line: what — what instead`."""
    for node in source.all(ast.Compare, ast.Call, ast.Assign, ast.AnnAssign, ast.Dict, ast.Match):
        free = UNMISTAKABLE if isinstance(node, ast.Compare | ast.Match | ast.Call) else set()
        for column, value in _beside(node):
            yield from _said(value.lineno, _texts(value) & STATES.get(column, free))
    for several in source.all(ast.Tuple, ast.List, ast.Set, ast.Dict):
        texts = _texts(several)
        if len(texts) > 1 and any(texts <= one for one in TOGETHER):
            yield from _said(several.lineno, texts)
    for text in source.all(ast.Constant):
        if isinstance(text.value, str) and "'" in text.value:
            for column, values in _IN_SQL.findall(text.value):
                yield from _said(text.lineno, {*re.findall(r"\w+", values)} & STATES.get(column.lower(), set()))


def _said(line: int, words: set[str]) -> Iterator[str]:
    if words:
        yield f"{line}: {', '.join(sorted(words))} in a text — use its enum in gateway/model/"


def _beside(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """(the column or other name, what is compared with it or put into it)."""
    match node:
        case ast.Compare():
            sides = [node.left, *node.comparators]
            yield from ((_name(one), other) for one in sides for other in sides if one is not other)
        case ast.Call():
            yield from ((word.arg or "", word.value) for word in node.keywords if word.arg != "examples")  # of the API
            of = _name(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            yield from ((of if _name(node.func) in ("in_", "not_in") else "", one) for one in node.args)
        case ast.Assign():
            yield from ((_name(to), node.value) for to in node.targets)
            for to in node.targets:
                if isinstance(to, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    yield from ((_name(one), value) for one, value in zip(to.elts, node.value.elts, strict=True))
        case ast.AnnAssign(value=ast.expr() as value):
            yield _name(node.target), value
        case ast.Dict():
            yield from ((_name(key), value) for key, value in zip(node.keys, node.values, strict=True) if key)
        case ast.Match():
            yield from ((_name(node.subject), value.value) for case in node.cases for value in ast.walk(case.pattern)
                        if isinstance(value, ast.MatchValue))


def _name(node: ast.expr) -> str:
    """What a thing is called: `ticket.state`, `row["state"]`, `col(Ticket.state)` and `"state"` are all `state`."""
    match node:
        case ast.Attribute():
            return node.attr
        case ast.Name():
            return node.id
        case ast.Constant(value=str() as text):
            return text
        case ast.Subscript():
            return _name(node.slice)
        case ast.Call(args=[first, *_]):
            return _name(first)
    return ""


def _texts(node: ast.expr) -> set[str]:
    """The texts that an expression may be, or that a collection has; a dict's are its keys."""
    match node:
        case ast.Constant(value=str() as text):
            return {text}
        case ast.Tuple() | ast.List() | ast.Set():
            return {text for one in node.elts for text in _texts(one)}
        case ast.Dict():
            return {text for one in node.keys if one is not None for text in _texts(one)}
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple" | "list"), args=[inner]):
            return _texts(inner)
        case ast.IfExp():
            return _texts(node.body) | _texts(node.orelse)
        case ast.BoolOp():
            return {text for one in node.values for text in _texts(one)}
    return set()


def test_nobody_spells_a_state_or_a_kind() -> None:
    assert broken(spelt, but=SPELLS) == {}


@pytest.mark.parametrize("text", [
    'if ticket.state == "new": pass',
    'if "new" != row["state"]: pass',
    'if state in ("resolved", "closed"): pass',
    'if it in ("offered", other): pass',
    'waiting = select(Command).where(col(Command.state) == "queued")',
    'x = col(Callback.state).in_(("requested", "attempting"))',
    'ticket.state = "new"',
    'ticket.state, ticket.round = "new", 2',
    'outcome = "failed" if tries else "unknown"',
    'state: str = "planned"',
    'Outage(kind="gateway")',
    'update(Ticket).values(state="closed")',
    'values = {"state": "sent", "due_at": None}',
    'COLOURS = {"new": "red", "resolved": "green"}',
    'OPEN = frozenset({"new", "assigned"})',
    'SHOWN = ("planned", "done")',
    'match one.state:\n    case "held": pass',
    'Alarm(severity="major")',
    'if known.link == "lost": pass',
    'Link(purpose="visit")',
    'if key.role != "agent": pass',
    'alarm.fixed_by = "command"',
    'move(ticket, "en_route")',
    'Entry(kind="opened")',
    'text("SELECT id FROM ticket WHERE state = \'new\'")',
    'text(f"SELECT {x} FROM ticket WHERE t.state NOT IN (\'new\', \'closed\')")',
])
def test_the_rule_sees_a_state_that_is_spelt(text: str) -> None:
    assert [*spelt(Source("flow/a.py", text))] != []


@pytest.mark.parametrize("text", [
    'if ticket.state == TicketState.NEW: pass', 'if token.kind in ("int", "double"): pass', 'words("page.new")',
    'if action == "ticket": pass', 'row = {"device": 1, "at": 2}', 'NotSent(False, "no", kind="unreachable")',
    'text(f"… WHERE state = \'{TicketState.NEW}\'")', 'says = ("open the door", "done")',
])
def test_the_rule_lets_pass_what_is_no_state(text: str) -> None:
    assert [*spelt(Source("flow/a.py", text))] == []


# --- topics are named by the registry

# Other things that happen to have a topic's name: a step of a page, an example in the API's description.
NO_TOPIC = {
    ("web/pages/ticket_view.py", "on_the_way"), ("web/pages/outage_view.py", "on_the_way"),
    ("web/api/models.py", "fault_found"), ("web/api/filters.py", "fault_found"),
}
TWO_MEANINGS = {"test", *(str(member) for kinds in (states, entries) for kind in vars(kinds).values()
                          if isinstance(kind, type) and issubclass(kind, StrEnum) for member in kind)}
TOPICS = {*map(str, TopicName)}


def spelt_topics(source: Source) -> Iterator[str]:
    """Where a topic is named by a string: one that means nothing else, or one beside something called topic."""
    if source.path == "notifications/topics.py":
        return
    for text in source.all(ast.Constant):
        if isinstance(text.value, str) and text.value in TOPICS - TWO_MEANINGS and (
                (source.path, text.value) not in NO_TOPIC):
            yield f"{text.lineno}: {text.value!r} — say TopicName.{text.value.upper()}"
    for node in source.all(ast.Compare, ast.Match, ast.keyword):
        if _is_of_a_topic(node):
            yield from (f"{one.lineno}: {one.value!r} as a topic — say TopicName.{one.value.upper()}"
                        for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
                        and one.value in TOPICS & TWO_MEANINGS)


def _is_of_a_topic(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg == "topic"
    asked = node.subject if isinstance(node, ast.Match) else node
    return any("topic" in (getattr(one, "attr", ""), getattr(one, "id", ""), getattr(one, "value", ""))
               for one in ast.walk(asked))


def test_no_topic_is_spelt_outside_the_registry() -> None:
    assert broken(spelt_topics) == {}


@pytest.mark.parametrize("text", [
    "row.topic == 'resolved'", "row.topic in ('offer', 'outage')", "row['topic'] == 'offer'", "say(topic='test')",
    "match row.topic:\n    case 'outage':\n        pass", "tell(rules, to, 'fault_found')", "told & {'fault_found'}",
    "col(Notification.topic) != 'maintenance'",
])
def test_the_rule_sees_a_topic_that_is_spelt(text: str) -> None:
    assert [*spelt_topics(Source("flow/a.py", text))] != []


@pytest.mark.parametrize("text", ["ticket.state == 'resolved'", "row.topic == TopicName.OFFER", "test('test')"])
def test_the_rule_lets_pass_what_is_no_topic(text: str) -> None:
    assert [*spelt_topics(Source("flow/a.py", text))] == []


# --- the other rules see what breaks them


@pytest.mark.parametrize(("rule", "path", "breaks_it"), [
    (runs_text, "flow/a.py", 'exec("x = 1")'),
    (runs_text, "flow/a.py", 'x = eval("1")'),
    (runs_text, "flow/a.py", 'compile("1", "f", "eval")'),
    (runs_text, "flow/a.py", 'list(map(eval, texts))'),
    (runs_text, "flow/a.py", 'import builtins\nbuiltins.exec("x = 1")'),
    (impure_calls, "tickets/a.py", 'open("f")'),
    (impure_calls, "tickets/a.py", 'path.read_text()'),
    (impure_calls, "config/settings.py", 'Path("f").write_bytes(b"")'),
    (impure_calls, "devices/dialects/a.py", 'folder.glob("*.yaml")'),
    (impure_calls, "notifications/a.py", 'FileSystemLoader("templates")'),
    (impure_calls, "explain/a.py", 'print("so it is")'),
    (impure_calls, "calendars/a.py", "from datetime import datetime\ndatetime.now()"),
    (changes_by_hand, "flow/a.py", 'from gateway.model.plan import Change\nChange(Ticket, "T", {})'),
    (changes_by_hand, "flow/a.py", 'from gateway.model.plan import Change as C\nchange.append(C(Ticket, "T", {}))'),
    (changes_by_hand, "store/__init__.py", 'from gateway.model.plan import Change\nChange(Ticket, "T", {})'),
    (changes_by_hand, "tickets/a.py", 'from gateway.model import plan\nplan.Change(Ticket, "T", {})'),
    (states_written_elsewhere, "flow/a.py", "ticket.state = TicketState.NEW"),
    (states_written_elsewhere, "flow/a.py", "row.state, row.lease = it, None"),
    (states_written_elsewhere, "tickets/lifecycle.py", "def other(ticket):\n    ticket.state = after"),
    (states_written_elsewhere, "store/a.py", "update(Ticket).values(state=after)"),
    (states_written_elsewhere, "store/a.py", 'update(Ticket).values({"state": TicketState.NEW})'),
    (states_written_elsewhere, "store/a.py", 'text("UPDATE ticket SET round = 2, state = :to")'),
    (states_written_elsewhere, "flow/a.py", 'setattr(ticket, "state", after)'),
])
def test_the_rule_sees_what_breaks_it(rule: Rule, path: str, breaks_it: str) -> None:
    assert [*rule(Source(path, breaks_it))] != []


@pytest.mark.parametrize(("rule", "path", "fine"), [
    (runs_text, "flow/a.py", 're.compile("a")'),
    (runs_text, "flow/a.py", "session.exec(frame.eval())"),
    (runs_text, "rules/a.py", "from gateway.rules.cel import compile\ncompile(text)"),
    (impure_calls, "outages/a.py", "look.open(outage)"),
    (impure_calls, "tickets/a.py", "read_text(topic, payload)"),
    (impure_calls, "app/a.py", 'open("f")'),
    (changes_by_hand, "flow/a.py", "draft.copy(ticket)"),
    (changes_by_hand, "rules/a.py", "from gateway.rules.cel import Change\nChange(1, 2, text)"),
    (states_written_elsewhere, "tickets/lifecycle.py", "def move(ticket):\n    ticket.state = after"),
    (states_written_elsewhere, "flow/a.py", "Ticket(state=TicketState.NEW)"),
    (states_written_elsewhere, "flow/a.py", 'self.state_of = text("SELECT state FROM ticket WHERE state = :is")'),
])
def test_the_rule_lets_pass_what_is_fine(rule: Rule, path: str, fine: str) -> None:
    assert [*rule(Source(path, fine))] == []


# --- sizes


def crowded(paths: Iterable[str]) -> list[str]:
    """Folders of gateway/ that have more files than somebody looks through, of all the files in it."""
    held = Counter(path.rpartition("/")[0] for path in paths if path.endswith((".py", ".yaml"))
                   and not {*path.split("/")} & {*NOT_COUNTED} and not path.startswith(MANY_ALIKE))
    return [f"gateway/{folder}: {count} files — a folder in it for what belongs together"
            for folder, count in held.items() if count > MOST_FILES]


def long_without_a_reason(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > MOST_LINES and "one story" not in (ast.get_docstring(source.tree) or ""):
        yield f"{lines} lines — say in its docstring why it is one story"


def test_a_folder_has_no_more_files_than_one_looks_through() -> None:
    root = ROOT / "gateway"
    assert crowded(path.relative_to(root).as_posix() for path in root.rglob("*.*")) == []
    top = [path.name for path in root.iterdir() if path.name not in NOT_COUNTED and path.name[0] != "."]
    assert len(top) <= MOST_ENTRIES


def test_a_file_over_400_lines_says_why_in_its_docstring() -> None:
    assert broken(long_without_a_reason, but=("versions",)) == {}  # migrations are written by a program


def test_the_rules_see_what_is_too_large() -> None:
    assert crowded(f"store/{number}.py" for number in range(16)) != []
    assert crowded(["store/a.yaml", *(f"store/{number}.py" for number in range(15))]) != []
    assert crowded([*(f"store/{number}.py" for number in range(15)), "store/a.sql", "store/views/a.py"]) == []
    assert crowded(f"devices/dialects/{number}.py" for number in range(30)) == []
    assert [*long_without_a_reason(Source("flow/a.py", '"""Much."""\n' + "x = 1\n" * 400))] != []
    assert [*long_without_a_reason(Source("flow/a.py", '"""Much; one story of x."""\n' + "x = 1\n" * 400))] == []
