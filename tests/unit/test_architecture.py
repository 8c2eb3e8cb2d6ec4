"""Imports run one way, pure code stays pure, and each library has one owner: read from the source, not from memory."""

import ast
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest

from gateway.model import entries, states
from gateway.notifications.topics import TopicName
from tests import ROOT

# A part of gateway/ (a folder) may import what stands above it, and its neighbours on the same line.
ORDER = (
    ("model", "config.settings", "config.yaml_lines", "config.error_messages", "config.field_types"),
    ("rules", "devices", "calendars"),
    ("detection", "outages", "tickets", "callbacks", "notifications"),
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
INNER = ("config.settings", "config.yaml_lines", "config.error_messages", "config.field_types",
         "notifications.channels", "notifications.catalogues")
NOBODY_IMPORTS = {"web": ("app", "demo"), "mqtt": ("app", "demo", "cli"), "app": ("cli", "demo"), "cli": (),
                  "__main__": ()}  # but these

PURE = ("model", "config.settings", "config.yaml_lines", "config.error_messages", "config.field_types", "rules",
        "devices", "calendars", "detection", "outages", "tickets", "callbacks", "notifications", "explain", "backtest")
NOT_PURE = ("asyncio", "http", "multiprocessing", "random", "select", "selectors", "signal", "smtplib", "socket",
            "sqlite3", "ssl", "subprocess", "threading", "time", "concurrent")
CLOCKS = ("now", "utcnow", "today")  # of datetime

OWNERS = {
    "alembic": ("store",), "apprise": ("notifications.channels",), "babel": ("notifications",),
    "cel": ("rules",), "fastapi": ("web",), "h11": ("web",), "httpcore": ("notifications.channels",),
    "itsdangerous": ("notifications",), "jinja2": ("notifications", "web"), "markupsafe": ("notifications", "web"),
    "paho": ("mqtt",), "phonenumbers": ("notifications.channels",), "prometheus_client": ("monitoring",),
    "psycopg": ("store",), "rich": ("__main__", "cli", "demo"), "shapely": ("tickets",),
    "sqlalchemy": ("store", "model"), "standardwebhooks": ("notifications.channels", "demo"), "starlette": ("web",),
    "typer": ("__main__", "cli"), "uvicorn": ("web",), "yaml": ("config.yaml_lines", "demo"), "aiosmtpd": ("demo",),
    "httpx": ("demo",),
    "google": ("devices",),  # protobuf
    "sqlmodel": ("store", "model"),
}
HANDED_ON = "sqlmodel.Session"  # the shell passes it from the store to the store, and must be able to name it
ANYWHERE = ("pydantic", "orjson")  # values, not machinery
SHELL_ONLY = ("structlog",)


def place(part: str) -> int:
    for height, parts in enumerate(ORDER):
        if part in parts:
            return height
    raise AssertionError(f"gateway/{part} is new: give it its place in ORDER, tests/unit/test_architecture.py")


@cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """Its syntax tree, flat; read once for all rules."""
    return tuple(ast.walk(ast.parse(source)))


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, wherever in the file: `gateway.store.Store`, `time`."""
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)


def wrong(source: str, part: str) -> list[str]:
    """Everything that a file of `part` does and must not do, as `line: what — what instead`."""
    found = [*_wrong_imports(source, part)]
    if part in PURE:
        found += _clocks(source)
    return found


def _wrong_imports(source: str, part: str) -> Iterator[str]:
    for line, name in imports(source):
        top, _, rest = name.partition(".")
        if name.startswith("."):
            yield f"{line}: relative import {name} — write it out, from gateway"
        elif top == "gateway" and rest and not rest.startswith("__version__"):
            yield from _wrong_direction(line, part, part_named(rest))
        elif top in sys.stdlib_module_names or top == "gateway":
            if part in PURE and top in NOT_PURE:
                yield f"{line}: {top} in a pure part — take what you need as an argument"
        else:
            yield from _wrong_owner(line, part, name)


def _wrong_direction(line: int, part: str, other: str) -> Iterator[str]:
    if other == part:
        return
    if place(other) > place(part):
        yield f"{line}: {part} imports {other} — imports run the other way: see ORDER"
    if other in NOBODY_IMPORTS and part not in NOBODY_IMPORTS[other] and part != "__main__":
        yield f"{line}: {part} imports {other} — only {', '.join(NOBODY_IMPORTS[other]) or 'nobody'} may"
    if part in PURE and other not in PURE:
        yield f"{line}: pure {part} imports {other} — take what you need as an argument"


def _wrong_owner(line: int, part: str, name: str) -> Iterator[str]:
    library = name.partition(".")[0]
    if library in ANYWHERE or (part not in PURE and (library in SHELL_ONLY or name == HANDED_ON)):
        return
    owners = OWNERS.get(library)
    if owners is None:
        yield f"{line}: {library} has no owner — give it one in OWNERS, and an ADR"
    elif part not in owners:
        yield f"{line}: {library} in {part} — it belongs to {', '.join(owners)}"


def _clocks(source: str) -> Iterator[str]:
    for node in nodes(source):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in ("datetime", "date"):
                yield f"{node.lineno}: {owner.id}.{node.func.attr}() in a pure part — take `now` as an argument"


def part_of(path: Path) -> str:
    return part_named(".".join(path.relative_to(ROOT / "gateway").with_suffix("").parts))


def part_named(dotted: str) -> str:
    """`notifications.catalogues.load` → `notifications.catalogues`, `store.pages.job` → `store`"""
    inner = [part for part in INNER if f"{dotted}.".startswith(f"{part}.")]
    return inner[0] if inner else dotted.partition(".")[0]


FILES = sorted(path for path in (ROOT / "gateway").rglob("*.py") if path != ROOT / "gateway" / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_place_allows(path: Path) -> None:
    assert wrong(path.read_text(encoding="utf-8"), part_of(path)) == []


def test_the_simulated_devices_know_nothing_of_the_gateway() -> None:
    for path in (ROOT / "device_sim").rglob("*.py"):
        assert not [name for _, name in imports(path.read_text(encoding="utf-8")) if name.startswith("gateway")], path


def test_a_file_of_the_gateway_over_400_lines_says_why_in_its_docstring() -> None:
    by_hand = [path for path in FILES if "versions" not in path.parts]  # migrations are written by a program
    long = {str(path.relative_to(ROOT)): ast.get_docstring(ast.parse(source)) or ""
            for path in by_hand if (source := path.read_text(encoding="utf-8")).count("\n") > 400}
    assert [path for path, says in long.items() if "one story" not in says] == []


@pytest.mark.parametrize(("part", "source", "words"), [
    ("model", "from gateway.store import Store", "imports run the other way"),
    ("tickets", "from gateway.notifications import catalogues", "pure tickets imports notifications.catalogues"),
    ("tickets", "import gateway.web.api", "imports run the other way"),
    ("flow", "from gateway.web import build_app", "imports run the other way"),
    ("cli", "from gateway import web", "only app, demo may"),
    ("detection", "from gateway.monitoring.metrics import received", "pure detection imports monitoring"),
    ("detection", "import time", "time in a pure part"),
    ("tickets", "def f():\n    from socket import socket", "2: socket in a pure part"),
    ("calendars", "from datetime import datetime\ndatetime.now()", "2: datetime.now() in a pure part"),
    ("web", "from paho.mqtt.client import Client", "paho in web — it belongs to mqtt"),
    ("store", "import fastapi", "fastapi in store — it belongs to web"),
    ("notifications", "import structlog", "structlog has no owner"),
    ("app", "import celery", "celery has no owner"),
    ("store", "from . import hot", "relative import"),
    ("web", "from sqlmodel import select", "sqlmodel in web"),
])
def test_the_rule_sees_what_breaks_it(part: str, source: str, words: str) -> None:
    assert words in "\n".join(wrong(source, part))


@pytest.mark.parametrize(("part", "source"), [
    ("flow", "from gateway.store import Store\nfrom gateway.notifications.channels import Channel\n"
             "from sqlmodel import Session"),
    ("store", "from sqlmodel import SQLModel\nfrom gateway.model import Ticket"),
    ("app", "from gateway.web import build_app\nimport time, threading, structlog"),
    ("detection", "from datetime import datetime\nimport orjson\nfrom gateway.devices.profiles import Profile"),
])
def test_the_rule_lets_pass_what_is_right(part: str, source: str) -> None:
    assert wrong(source, part) == []


# Which texts are states and kinds, by the column that holds them. Outside dialects and migrations each has a name in
# gateway/model/states.py, and nobody spells it.
_COLUMN_OF = {"State": "state", "Outcome": "outcome", "Kind": "kind", "Severity": "severity", "LinkPurpose": "purpose",
              "ResolvedBy": "resolved_by", "ApiRole": "role"}
_ENUMS = [one for one in vars(states).values() if isinstance(one, type) and issubclass(one, StrEnum) and len(one)]
STATES = {column: {str(member) for one in _ENUMS if one.__name__.endswith(suffix) for member in one}
          for suffix, column in _COLUMN_OF.items()} | {"link": set(states.LinkState)}
STATES["kind"] -= {"double"}  # in a formula, a number
UNMISTAKABLE = {"offered", "assigned", "en_route", "on_site", "no_access", "attempting", "suspected", "restoring",
                "dismissed", "withdrawn"}  # nothing else is called so, whatever they are compared with
SPELLS = ("dialects", "migrations")  # what devices say, and what the database held on a day of the past


def spelt(source: str) -> Iterator[str]:
    """Every state or kind that is compared, assigned, passed or made a key as a text: `line: what — what instead`."""
    for node in nodes(source):
        for column, value in _beside(node):
            compared = isinstance(node, ast.Compare | ast.Match)
            words = sorted(_texts(value) & STATES.get(column, UNMISTAKABLE if compared else set()))
            if words:
                yield f"{value.lineno}: {', '.join(words)} in a text — use its enum in gateway/model/states.py"


def _beside(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """(the column or other name, what is compared with it or put into it)."""
    match node:
        case ast.Compare():
            sides = [node.left, *node.comparators]
            yield from ((_name(one), other) for one in sides for other in sides if one is not other)
        case ast.Call():
            yield from ((word.arg or "", word.value) for word in node.keywords)
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("in_", "not_in"):
                yield from ((_name(node.func.value), one) for one in node.args)
        case ast.Assign():
            yield from ((_name(to), node.value) for to in node.targets)
            for to in node.targets:
                if isinstance(to, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    yield from ((_name(one), value) for one, value in zip(to.elts, node.value.elts, strict=True))
        case ast.AnnAssign(value=ast.expr() as value):
            yield _name(node.target), value
        case ast.Dict():
            yield from ((_name(key), value) for key, value in zip(node.keys, node.values, strict=True) if key)
            yield from _by_state(node)
        case ast.Match():
            yield from ((_name(node.subject), value.value) for case in node.cases for value in ast.walk(case.pattern)
                        if isinstance(value, ast.MatchValue))


def _by_state(node: ast.Dict) -> Iterator[tuple[str, ast.expr]]:
    """All of its keys are states of one enum."""
    keys = [key for key in node.keys if isinstance(key, ast.Constant)]
    texts = {key.value for key in keys}
    if len(texts) > 1 and any(texts <= set(one) for one in _ENUMS if one.__name__.endswith("State")):
        yield from (("state", key) for key in keys)


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
    match node:
        case ast.Constant(value=str() as text):
            return {text}
        case ast.Tuple() | ast.List() | ast.Set():
            return {text for one in node.elts for text in _texts(one)}
        case ast.IfExp():
            return _texts(node.body) | _texts(node.orelse)
        case ast.BoolOp():
            return {text for one in node.values for text in _texts(one)}
    return set()


READS, READS_OF_A_PATH = ("open", "FileSystemLoader"), ("read_text", "read_bytes", "glob", "rglob", "iterdir")
WRITES_CODE = ("exec", "eval", "compile")
DOORS: tuple[str, ...] = ()  # files that may run code they have written, each with its ADR


def called(source: str) -> Iterator[tuple[int, str, bool]]:
    """(line, name, whether it is somebody's method) of each call."""
    for node in nodes(source):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.lineno, _name(node.func), isinstance(node.func, ast.Attribute)


def runs_text(source: str) -> list[str]:
    return [f"{line}: {name}() — say it in a plain function" for line, name, method in called(source)
            if name in WRITES_CODE and not method]


def opens(source: str) -> list[str]:
    return [f"{line}: {name}() in a pure part — take the text as an argument" for line, name, method in called(source)
            if name in (READS_OF_A_PATH if method else READS)]


def changes(source: str) -> list[str]:
    return [f"{line}: Change() by hand — change a copy that the Draft handed out" for line, name, _ in called(source)
            if name == "Change"]


def shown(path: Path) -> str:
    return path.relative_to(ROOT / "gateway").as_posix()


@pytest.mark.parametrize("path", [path for path in FILES if not {*path.parts} & {*SPELLS}], ids=shown)
def test_nobody_spells_a_state_or_a_kind(path: Path) -> None:
    assert [*spelt(path.read_text(encoding="utf-8"))] == []


def test_only_a_door_with_an_adr_runs_code_that_it_has_written() -> None:
    found = {shown(path): runs_text(path.read_text(encoding="utf-8")) for path in FILES}
    assert {path: lines for path, lines in found.items() if lines and path not in DOORS} == {}


def test_a_pure_part_opens_no_file() -> None:
    found = {shown(path): opens(path.read_text(encoding="utf-8")) for path in FILES if part_of(path) in PURE}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize("source", [
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
    'match one.state:\n    case "held": pass',
    'Alarm(severity="major")',
    'if known.link == "lost": pass',
    'Link(purpose="visit")',
    'if key.role != "agent": pass',
])
def test_the_rule_sees_a_state_that_is_spelt(source: str) -> None:
    assert [*spelt(source)] != []


@pytest.mark.parametrize("source", [
    'if ticket.state == TicketState.NEW: pass', 'if token.kind in ("int", "double"): pass', 'words("page.new")',
    'if action == "ticket": pass', 'row = {"device": 1, "at": 2}', 'NotSent(False, "no", kind="unreachable")',
])
def test_the_rule_lets_pass_what_is_no_state(source: str) -> None:
    assert [*spelt(source)] == []


@pytest.mark.parametrize(("rule", "breaks_it", "fine"), [
    (runs_text, 'exec("x = 1")', 're.compile("a")'),
    (runs_text, 'eval("1")', "frame.eval()"),
    (runs_text, 'compile("1", "f", "eval")', "compile_profile(text)"),
    (opens, 'open("f")', "look.open(outage)"),
    (opens, 'Path("f").read_text()', "read_text(topic, payload)"),
    (opens, 'folder.glob("*.yaml")', "glob_of(filter)"),
    (changes, 'Plan(change=[Change(Ticket, "T", {})])', "draft.copy(ticket)"),
])
def test_the_rules_see_code_that_is_written_files_that_are_read_and_changes_by_hand(
        rule: Callable[[str], list[str]], breaks_it: str, fine: str) -> None:
    assert rule(breaks_it) != []
    assert rule(fine) == []


# Other things that happen to have a topic's name: a step of a page, an example in the API's description, the word that
# is sent to a button.
NO_TOPIC = {
    ("web/pages/ticket_view.py", "on_the_way"), ("web/pages/outage_view.py", "on_the_way"),
    ("web/api/models.py", "fault_found"),
    ("web/api/filters.py", "fault_found"), ("callbacks/open.py", "callback_scheduled"),
}
TWO_MEANINGS = {"test", *(member.value for kinds in (states, entries) for kind in vars(kinds).values()
                          if isinstance(kind, type) and issubclass(kind, StrEnum) for member in kind)}


TOPICS = set(TopicName)


def spelt_topics(source: str, path: str) -> list[str]:
    """Where a topic is named by a string: one that means nothing else, or one beside something called topic."""
    found = []
    for node in nodes(source):
        if isinstance(node, ast.Constant) and node.value in TOPICS - TWO_MEANINGS:
            if (path, node.value) not in NO_TOPIC:
                found.append(f"{node.lineno}: {node.value!r} — say TopicName.{node.value.upper()}")
        elif isinstance(node, ast.Compare | ast.Match | ast.keyword):
            found += [f"{one.lineno}: {one.value!r} as a topic — say TopicName.{one.value.upper()}"
                      for one in ast.walk(node) if isinstance(one, ast.Constant)
                      and one.value in TOPICS & TWO_MEANINGS and _is_of_a_topic(node)]
    return found


def _is_of_a_topic(node: ast.Compare | ast.Match | ast.keyword) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg == "topic"
    asked = node.subject if isinstance(node, ast.Match) else node
    return any("topic" in (getattr(one, "attr", ""), getattr(one, "id", ""), getattr(one, "value", ""))
               for one in ast.walk(asked))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_topic_is_spelt_outside_the_registry(path: Path) -> None:
    name = str(path.relative_to(ROOT / "gateway"))
    if name != "notifications/topics.py":
        assert spelt_topics(path.read_text(encoding="utf-8"), name) == []


@pytest.mark.parametrize("source", [
    "row.topic == 'resolved'", "row.topic in ('offer', 'outage')", "row['topic'] == 'offer'", "say(topic='test')",
    "match row.topic:\n    case 'outage':\n        pass", "tell(rules, to, 'fault_found')", "told & {'fault_found'}",
    "col(Notification.topic) != 'maintenance'",
])
def test_the_rule_sees_a_topic_that_is_spelt(source: str) -> None:
    assert len(spelt_topics(source, "flow.py")) >= 1


@pytest.mark.parametrize("source", ["ticket.state == 'resolved'", "row.topic == TopicName.OFFER", "test('test')"])
def test_the_rule_lets_pass_what_is_no_topic(source: str) -> None:
    assert spelt_topics(source, "flow.py") == []
