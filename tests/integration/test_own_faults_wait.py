"""What is no message's fault waits: a full disk, no descriptor left, no connection left. It is never buried."""

import errno
import resource
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DataError, InternalError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from gateway.store import DatabaseUnavailable, Store
from gateway.store.accounts.api_keys import create_key
from gateway.store.errors import is_bad_input
from tests.drivers.device_client import DeviceClient, device_client
from tests.drivers.load_check import count, rows
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import running_listener
from tests.fixtures.servers import Mosquitto, wait_until

PRESSES = "SELECT count(*) FROM press"
BURIED = "SELECT count(*) FROM dead_letter"


def press(devices: DeviceClient, number: int) -> None:
    devices.say("devices/button-0a/press", {"id": f"p{number}", "ts": time.time_ns() // 1_000_000})
    devices.flush()


@pytest.mark.parametrize("error", [
    ValueError("no number"), KeyError("E7"), ZeroDivisionError(), TypeError(), RecursionError(), UnicodeError(),
    DataError("INSERT", {}, psycopg.DataError("integer out of range")),
    OperationalError("INSERT", {}, psycopg.errors.ProgramLimitExceeded("index row size 3000")),
    StatementError("a value", "INSERT", {}, ValueError("not a date")),
], ids=repr)
def test_what_says_that_the_values_are_wrong_is_the_messages_fault(error: Exception) -> None:
    assert is_bad_input(error)


@pytest.mark.parametrize("error", [
    NoConnectionLeft("QueuePool limit of size 10 overflow 10 reached"), MemoryError(), OSError(errno.ENOSPC, "full"),
    OSError(errno.EMFILE, "too many open files"), RuntimeError("can't start new thread"), TimeoutError(),
    OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full")),
    OperationalError("INSERT", {}, sqlite3.OperationalError("no such table: press")),
    InternalError("INSERT", {}, psycopg.errors.ReadOnlySqlTransaction("a standby")), SQLAlchemyError("anything"),
    Exception("of a kind that nobody has thought of"), DatabaseUnavailable("gone"),
], ids=repr)
def test_whatever_else_goes_wrong_is_not(error: Exception) -> None:
    assert not is_bad_input(error)


def test_whoever_holds_all_connections_of_the_web_holds_none_of_the_others(both_stores: Store) -> None:
    with closing(both_stores.with_own_connections(connections=2, patience=0.2)) as web:
        with web.read() as one, web.read() as other:
            one.connection(), other.connection()
            with pytest.raises(DatabaseUnavailable, match="in use"), web.read() as third:
                third.connection()
            with both_stores.write() as session:
                session.connection().execute(text("UPDATE device SET name = 'x'"))
        with web.read() as again:
            again.connection()


def test_whoever_waits_for_the_one_writer_of_sqlite_does_not_wait_for_ever(store: Store) -> None:
    with closing(store.with_own_connections(connections=1, patience=0.1)) as web, store.write(), \
            pytest.raises(DatabaseUnavailable, match="another writer"), web.write():
        pass


def test_a_press_waits_while_the_disk_is_full_and_is_heard_when_there_is_room(
        store: Store, memory_only_mosquitto: Mosquitto) -> None:
    save_hundred_sites(store, 1)
    pages: list[int] = []

    @event.listens_for(store.engine, "begin")
    def _fill(connection: object) -> None:
        if pages:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages[-1]}")  # type: ignore[attr-defined]

    with (device_client(memory_only_mosquitto.port) as devices,
          running_listener(store, memory_only_mosquitto.port) as listener):
        with store.write() as session:
            session.connection().exec_driver_sql("CREATE TABLE ballast (much BLOB)")
        pages.append(1)  # SQLite takes what it has already: not one page more
        with pytest.raises(DatabaseUnavailable, match="full"), store.write() as session:
            session.connection().exec_driver_sql("INSERT INTO ballast VALUES (zeroblob(1000000))")
        for number in range(200):
            devices.say("devices/button-0a/press", {"id": f"p{number}", "note": "x" * 200})
        devices.flush()
        wait_until(lambda: "database is away" in listener.problem, 10)
        assert listener.unacknowledged > 0
        assert count(store, BURIED) == 0
        pages.append(1_000_000)
        wait_until(lambda: count(store, PRESSES) == 200, 20)
        wait_until(lambda: listener.problem == "", 5)
        assert count(store, BURIED) == 0


@pytest.fixture
def gateway(store: Store, sqlite_url: str, mosquitto: Mosquitto, tmp_path: Path) -> GatewayProcess:
    save_hundred_sites(store, 1)
    return GatewayProcess(tmp_path, sqlite_url, mosquitto.port)


@pytest.mark.slow
def test_a_machine_that_takes_not_one_byte_more_loses_no_press_and_says_that_it_is_not_ready(
        gateway: GatewayProcess, store: Store, mosquitto: Mosquitto) -> None:
    with device_client(mosquitto.port) as devices, gateway:
        gateway.wait_until_listening(store)
        press(devices, 1)
        wait_until(lambda: count(store, PRESSES) == 1)
        assert gateway.ready() == (200, [])
        with gateway.short_of(resource.RLIMIT_FSIZE, 4096):
            press(devices, 2)
            wait_until(lambda: gateway.ready()[0] == 503, 20, "/readyz to say so")
            assert "nothing can be written to the database" in gateway.ready()[1]
            assert count(store, PRESSES) == 1
        wait_until(lambda: count(store, PRESSES) == 2, 20)
        wait_until(lambda: gateway.ready() == (200, []), 20)
    assert count(store, BURIED) == 0


@pytest.mark.slow
def test_a_gateway_without_a_descriptor_left_comes_back_to_its_broker_when_there_is_one(
        gateway: GatewayProcess, store: Store, mosquitto: Mosquitto) -> None:
    with device_client(mosquitto.port) as devices, gateway:
        gateway.wait_until_listening(store)
        assert gateway.url
        with gateway.short_of(resource.RLIMIT_NOFILE, 8):  # it has more already: no new one is to be had
            mosquitto.stop()
            mosquitto.start()
            wait_until(lambda: "Too many open files" in gateway.log.read_text(), 20, "it to feel that")
            press(devices, 1)
            assert count(store, PRESSES) == 0
        wait_until(lambda: count(store, PRESSES) == 1, 60)
    assert count(store, BURIED) == 0


@pytest.mark.slow
def test_a_press_is_written_while_the_web_holds_every_connection_it_has(
        postgres_url: str, mosquitto: Mosquitto, tmp_path: Path) -> None:
    with closing(Store(postgres_url)) as store:
        save_hundred_sites(store, 1)
        with store.write() as session:
            key = create_key(session, "Dana", "read", 1)
        answers: list[httpx.Response] = []
        with (device_client(mosquitto.port) as devices,
              GatewayProcess(tmp_path, postgres_url, mosquitto.port) as gateway):
            gateway.wait_until_listening(store)
            url = f"{gateway.url}/api/v1/tickets"

            def ask() -> None:
                answers.append(httpx.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=60))

            visitors = [threading.Thread(target=ask) for _ in range(60)]
            with psycopg.connect(postgres_url) as lock:
                lock.execute("LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE")
                for visitor in visitors:
                    visitor.start()
                wait_until(lambda: any(answer.status_code == 503 for answer in answers), 30, "the web to be full")
                press(devices, 1)
                wait_until(lambda: count(store, PRESSES) == 1, 10, "the press to be written")
                lock.rollback()
            for visitor in visitors:
                visitor.join(60)
        refused = [answer for answer in answers if answer.status_code == 503]
        assert {answer.status_code for answer in answers} == {200, 503}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
        assert rows(store, "SELECT reason FROM dead_letter") == []
