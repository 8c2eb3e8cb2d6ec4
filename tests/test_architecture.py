"""Imports run one way, pure code stays pure, and each library has one owner: read from the source, not from memory."""

import ast
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from gateway.model import entries, states
from gateway.notifications.topics import TopicName

ROOT = Path(__file__).parents[1]

# A part of gateway/ (a file or a folder) may import what stands above it, and its neighbours on the same line.
ORDER = (
    ("model", "yamlread"),
    ("complaints", "checked", "emergency_numbers", "expressions", "hours", "links", "metrics", "health", "logs",
     "broker", "clock", "shipped", "descriptors", "quotas"),
    ("settings",),
    ("notifications",),
    ("dialects",),
    ("profiles", "mappings"),
    ("detection", "outages", "tickets", "callbacks", "routing", "fleet", "fleet_ties", "credentials"),
    ("wording",),
    ("planning",),
    ("backtesting", "explaining"),
    ("settings_sources",),
    ("store", "channels", "notifications.catalogues"),
    ("delivery",),
    ("flow",),
    ("withdrawal", "pulse"),
    ("mqtt", "web"),
    ("checkup", "check_warnings", "run"),
    ("demo", "cli"),
    ("__main__",),
)
INNER = ("notifications.catalogues",)  # a folder within a part that has a place of its own: this one reads files
NOBODY_IMPORTS = {"web": ("run", "demo"), "mqtt": ("run", "demo", "cli"), "cli": (), "__main__": ()}  # but these

PURE = ("model", "settings", "notifications", "profiles", "mappings", "dialects", "detection", "outages", "tickets",
        "callbacks", "routing", "wording", "planning", "hours", "emergency_numbers", "fleet", "fleet_ties",
        "yamlread", "complaints", "checked", "expressions", "credentials", "backtesting", "explaining", "quotas")
NOT_PURE = ("asyncio", "http", "multiprocessing", "random", "select", "selectors", "signal", "smtplib", "socket",
            "sqlite3", "ssl", "subprocess", "threading", "time", "concurrent")
CLOCKS = ("now", "utcnow", "today")  # of datetime

OWNERS = {
    "alembic": ("store",), "apprise": ("channels",), "babel": ("notifications", "wording"),
    "cel": ("expressions",), "fastapi": ("web",), "h11": ("web",), "httpcore": ("channels",),
    "itsdangerous": ("links",), "jinja2": ("wording", "web"),
    "markupsafe": ("wording", "web"), "paho": ("mqtt",), "phonenumbers": ("channels",),
    "prometheus_client": ("metrics",), "psycopg": ("store",), "rich": ("__main__", "cli", "demo"),
    "shapely": ("routing",),
    "sqlalchemy": ("store", "model"), "standardwebhooks": ("channels", "demo"), "starlette": ("web",),
    "typer": ("__main__", "cli"), "uvicorn": ("web",), "yaml": ("yamlread", "demo"), "aiosmtpd": ("demo",),
    "httpx": ("demo",),
    "google": ("dialects",),  # protobuf
    "sqlmodel": ("store", "model", "planning"),
}
HANDED_ON = "sqlmodel.Session"  # the shell passes it from the store to the store, and must be able to name it
ANYWHERE = ("pydantic", "orjson")  # values, not machinery
SHELL_ONLY = ("structlog",)


def place(part: str) -> int:
    for height, parts in enumerate(ORDER):
        if part in parts:
            return height
    raise AssertionError(f"gateway/{part} is new: give it its place in ORDER, tests/test_architecture.py")


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, wherever in the file: `gateway.store.Store`, `time`."""
    for node in ast.walk(ast.parse(source)):
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
    for node in ast.walk(ast.parse(source)):
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
    ("planning", "from gateway.notifications import catalogues", "pure planning imports notifications.catalogues"),
    ("planning", "import gateway.web.api", "imports run the other way"),
    ("flow", "from gateway.web import build_app", "imports run the other way"),
    ("checkup", "from gateway import web", "only run, demo may"),
    ("detection", "from gateway.metrics import received", "pure detection imports metrics"),
    ("detection", "import time", "time in a pure part"),
    ("routing", "def f():\n    from socket import socket", "2: socket in a pure part"),
    ("planning", "from datetime import datetime\ndatetime.now()", "2: datetime.now() in a pure part"),
    ("web", "from paho.mqtt.client import Client", "paho in web — it belongs to mqtt"),
    ("store", "import fastapi", "fastapi in store — it belongs to web"),
    ("notifications", "import structlog", "structlog has no owner"),
    ("clock", "import celery", "celery has no owner"),
    ("store", "from . import hot", "relative import"),
    ("web", "from sqlmodel import select", "sqlmodel in web"),
])
def test_the_rule_sees_what_breaks_it(part: str, source: str, words: str) -> None:
    assert words in "\n".join(wrong(source, part))


@pytest.mark.parametrize(("part", "source"), [
    ("flow", "from gateway.store import Store\nfrom gateway.channels import Channel\nfrom sqlmodel import Session"),
    ("planning", "from sqlmodel import SQLModel\nfrom gateway.model import Ticket"),
    ("run", "from gateway.web import build_app\nimport time, threading, structlog"),
    ("detection", "from datetime import datetime\nimport orjson\nfrom gateway.profiles import Profile"),
])
def test_the_rule_lets_pass_what_is_right(part: str, source: str) -> None:
    assert wrong(source, part) == []


# Other things that happen to have a topic's name: a step of a page, an example in the API's description, the word that
# is sent to a button.
NO_TOPIC = {
    ("web/story.py", "on_the_way"), ("web/outage_story.py", "on_the_way"), ("web/api/models.py", "fault_found"),
    ("web/api/filters.py", "fault_found"), ("planning/callbacks.py", "callback_scheduled"),
}
TWO_MEANINGS = {"test", *(member.value for kinds in (states, entries) for kind in vars(kinds).values()
                          if isinstance(kind, type) and issubclass(kind, StrEnum) for member in kind)}


def spelt_topics(source: str, path: str) -> list[str]:
    """Where a topic is named by a string: one that means nothing else, or one beside something called topic."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in set(TopicName) - TWO_MEANINGS:
            if (path, node.value) not in NO_TOPIC:
                found.append(f"{node.lineno}: {node.value!r} — say TopicName.{node.value.upper()}")
        elif isinstance(node, ast.Compare | ast.Match | ast.keyword):
            found += [f"{one.lineno}: {one.value!r} as a topic — say TopicName.{one.value.upper()}"
                      for one in ast.walk(node) if isinstance(one, ast.Constant)
                      and one.value in set(TopicName) & TWO_MEANINGS and _is_of_a_topic(node)]
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
