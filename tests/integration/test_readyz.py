"""/readyz: 503 soon after something stands still, 200 soon after it goes on, and nothing in it for strangers."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from gateway.flow.health_probe import (
    DELIVERED_WITHIN,
    TURNED_WITHIN,
    WRITTEN_WITHIN,
    HealthProbe,
    listener_problem,
    stuck_parts,
)
from gateway.mqtt.client import KEEPALIVE
from gateway.store import Store
from tests.drivers.load_check import count
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock
from tests.fixtures.servers import HOST, Mosquitto, wait_until


def test_a_part_of_the_clock_that_does_not_come_to_its_end_is_named() -> None:
    turns = {"sweep": 100.0, "watch": 110.0, "deliver": 20.0}
    assert stuck_parts(turns, 100.0 + TURNED_WITHIN) == []
    assert stuck_parts(turns, 101.0 + TURNED_WITHIN) == ["the clock stands still (sweep)"]
    assert stuck_parts(turns, 21.0 + DELIVERED_WITHIN)[-1] == "the clock stands still (deliver)"


def test_a_listener_that_hears_and_does_not_get_on_is_not_ready() -> None:
    assert listener_problem(idle_seconds=2.0, uncommitted_seconds=0.0) == []
    assert listener_problem(idle_seconds=60.0, uncommitted_seconds=0.0) == ["the listener stands still"]
    assert listener_problem(idle_seconds=2.0, uncommitted_seconds=60.0) == [
        "what is heard has been waiting to be written for too long"]


def test_that_something_can_be_written_is_proved_by_writing_one_row_again_and_again(both_stores: Store) -> None:
    with closing(HealthProbe(both_stores, "gateway/all", clock)) as pulse:
        for _ in range(3):
            pulse.check()
        assert pulse.problems() == []
    assert count(both_stores, "SELECT count(*) FROM note") == 1


@pytest.mark.slow
def test_a_database_that_another_program_keeps_locked_is_said_within_seconds(
        store: Store, sqlite_url: str, mosquitto: Mosquitto, tmp_path: Path) -> None:
    save_hundred_sites(store, 1)
    with GatewayProcess(tmp_path, sqlite_url, mosquitto.port) as gateway:
        gateway.wait_until_listening(store)
        wait_until(lambda: gateway.ready() == (200, []), 20)
        with closing(sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            wait_until(lambda: gateway.ready()[0] == 503, WRITTEN_WITHIN + 6, "/readyz to say so")
            assert "nothing can be written to the database" in gateway.ready()[1]
            other.execute("ROLLBACK")
        wait_until(lambda: gateway.ready() == (200, []), 40, "it to be ready again")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_broker_that_hangs_is_noticed_and_no_stranger_learns_where_it_stands(
        store: Store, sqlite_url: str, mosquitto: Mosquitto, tmp_path: Path) -> None:
    save_hundred_sites(store, 1)
    assert mosquitto.process is not None
    with GatewayProcess(tmp_path, sqlite_url, mosquitto.port) as gateway:
        gateway.wait_until_listening(store)
        wait_until(lambda: gateway.ready() == (200, []), 20)
        mosquitto.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: gateway.ready()[0] == 503, 2 * KEEPALIVE + 10, "/readyz to say so")
            told = httpx.get(f"{gateway.url}/readyz").text
        finally:
            mosquitto.process.send_signal(signal.SIGCONT)
        wait_until(lambda: gateway.ready() == (200, []), 60, "it to be ready again")
        mosquitto.kill()
        wait_until(lambda: gateway.ready()[1] == ["no broker answers"], 10)
        told += httpx.get(f"{gateway.url}/readyz").text
    assert "broker" in told
    assert HOST not in told
    assert str(mosquitto.port) not in told
    assert "rrno" not in told
    assert f"{HOST}:{mosquitto.port}" in gateway.log.read_text(), "the operator's log says where"
