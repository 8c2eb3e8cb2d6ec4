"""The listener against brokers and databases that come and go: it waits, comes back by itself, and loses nothing."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from gateway.config.settings import Mqtt, Settings
from gateway.flow.gateway import Gateway
from gateway.flow.sweep import sweep
from gateway.model import MINUTE, SECOND, DeviceState, Instant
from gateway.mqtt import Listener
from gateway.store import DatabaseUnavailable, Store, listeners
from tests.drivers.device_client import DeviceClient, device_client
from tests.drivers.load_check import count, rows
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock, hundred_sites_profiles, running_listener
from tests.fixtures.servers import HOST, Mosquitto, free_port, wait_until

pytestmark = pytest.mark.slow  # real brokers, stopped and started

VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])


@pytest.fixture
def village(store: Store) -> Store:
    save_hundred_sites(store, 3)
    return store


def measure(devices: DeviceClient, first: int, number: int) -> None:
    """Readings `first`, `first` + 1, … of pump 0."""
    for seq in range(first, first + number):
        devices.say("devices/pump-0/telemetry", {"ts": clock(), "seq": seq, "values": {"flow_temp": 40}}, seq)


def stored(store: Store) -> list[int]:
    return sorted(seq for (seq,) in rows(store, "SELECT seq FROM reading"))


def all_arrive(store: Store, number: int, seconds: float = 30) -> None:
    wait_until(lambda: count(store, "SELECT count(*) FROM reading") >= number, seconds, f"{number} readings")
    assert stored(store) == list(range(number))


@VERSIONS
def test_messages_sent_while_the_gateway_is_down_are_there_when_it_is_back(
        village: Store, mosquitto: Mosquitto, version: str) -> None:
    with device_client(mosquitto.port, version=version) as devices:
        with running_listener(village, mosquitto.port, version=version):
            measure(devices, 0, 10)
            all_arrive(village, 10)
        measure(devices, 10, 200)
        devices.flush()
        assert stored(village) == list(range(10))
        with running_listener(village, mosquitto.port, version=version):
            all_arrive(village, 210)


@VERSIONS
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_broker_that_comes_back_finds_the_gateway_again_and_nothing_is_lost(
        village: Store, mosquitto: Mosquitto, version: str, end: str) -> None:
    with device_client(mosquitto.port, version=version) as devices, \
            running_listener(village, mosquitto.port, version=version) as listener:
        measure(devices, 0, 50)
        devices.flush()
        if end == "kill":  # Mosquitto acknowledges a moment before it writes: what it loses then is its own loss
            all_arrive(village, 50)
        getattr(mosquitto, end)()
        wait_until(lambda: not listener.listening, 20, "the gateway to notice")
        assert "broker" in listener.problem
        measure(devices, 50, 50)  # the devices' own client keeps these until there is a broker
        mosquitto.start()
        wait_until(lambda: listener.listening, 30, "the gateway to come back")
        assert listener.problem == ""
        all_arrive(village, 100)


def test_who_cannot_be_told_the_time_when_the_broker_goes_knows_all_the_same_that_it_went(
        village: Store, mosquitto: Mosquitto) -> None:
    """Our clock was set, and the database in which that is to be dealt with is away with the broker."""
    away = threading.Event()

    def own_time() -> Instant:
        if away.is_set():
            raise DatabaseUnavailable("no database")
        return clock()

    with device_client(mosquitto.port) as devices, running_listener(village, mosquitto.port, own_time) as listener:
        away.set()
        mosquitto.stop()
        wait_until(lambda: not listener.listening, 20, "the gateway to notice")
        away.clear()
        mosquitto.start()
        wait_until(lambda: listener.listening, 30, "the gateway to come back")
        measure(devices, 0, 10)
        all_arrive(village, 10)


def test_a_gateway_that_starts_before_its_broker_waits_for_it(village: Store, mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    with running_listener(village, mosquitto.port, wait=False) as listener:
        wait_until(lambda: "no broker answers" in listener.problem, 10)
        assert not listener.listening
        mosquitto.start()
        wait_until(lambda: listener.listening, 30)


@contextmanager
def broker_with(tmp_path: Path, extra: str) -> Iterator[Mosquitto]:
    (tmp_path / "special").mkdir()
    if shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") is None:
        pytest.skip("mosquitto is not installed")
    broker = Mosquitto(tmp_path / "special", extra=extra)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@VERSIONS
def test_a_login_opens_the_door_and_a_wrong_one_is_said_in_words(
        village: Store, tmp_path: Path, version: str) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "gate", "sesame"], check=True, capture_output=True)
    passwords.chmod(0o644)
    with broker_with(tmp_path, f"allow_anonymous false\npassword_file {passwords}\n") as broker:
        login: dict[str, Any] = {"username": "gate", "password": "sesame"}
        with device_client(broker.port, version=version, **login) as devices:
            with running_listener(village, broker.port, version=version, **login):
                measure(devices, 0, 5)
                all_arrive(village, 5)
            wrong = login | {"password": "abracadabra"}
            with running_listener(village, broker.port, wait=False, version=version, **wrong) as listener:
                wait_until(lambda: "refuses us" in listener.problem, 10)
                assert not listener.listening
                assert "sesame" not in listener.problem + listener.detail
                assert "abracadabra" not in listener.problem + listener.detail


def make_certificates(folder: Path) -> None:
    """An authority `ca` with a certificate for this machine, and another authority `stranger`."""
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "stranger"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.crt")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker", "-keyout", "broker.key",
            "-out", "broker.csr")
    (folder / "broker.ext").write_text(f"subjectAltName=IP:{HOST}")
    openssl("x509", "-req", "-in", "broker.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "broker.ext", "-out", "broker.crt")


@VERSIONS
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")  # paho leaves a refused one to the collector
def test_tls_is_spoken_with_the_right_broker_and_with_no_other(village: Store, tmp_path: Path, version: str) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    make_certificates(tmp_path)
    secure = free_port()
    extra = (f"listener {secure} {HOST}\nallow_anonymous true\ncertfile {tmp_path}/broker.crt\n"
             f"keyfile {tmp_path}/broker.key\n")
    with broker_with(tmp_path, extra) as broker, device_client(broker.port, version=version) as devices:
        with running_listener(village, secure, version=version, tls=True, ca_file=tmp_path / "ca.crt"):
            measure(devices, 0, 300)
            all_arrive(village, 300)
        with running_listener(village, secure, wait=False, version=version, tls=True,
                              ca_file=tmp_path / "stranger.crt") as listener:
            wait_until(lambda: "certificate" in listener.detail, 10)
            assert not listener.listening


@VERSIONS
def test_while_the_database_is_away_nothing_is_acknowledged_or_lost_and_memory_stays_bounded(
        memory_only_mosquitto: Mosquitto, postgres_url: str, version: str) -> None:
    server, _, name = postgres_url.rpartition("/")
    with closing(Store(postgres_url)) as store, psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        save_hundred_sites(store, 3)
        with device_client(memory_only_mosquitto.port) as devices, \
                running_listener(store, memory_only_mosquitto.port, version=version, queue=100) as listener:
            measure(devices, 0, 10)
            all_arrive(store, 10)
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            measure(devices, 10, 2990)
            devices.flush()
            wait_until(lambda: listener.unacknowledged >= 100, 30, "the gateway to be full")
            wait_until(lambda: "database is away" in listener.problem, 10, "the gateway to notice")
            used, began = time.process_time(), time.monotonic()
            wait_until(lambda: time.monotonic() > began + 1.5, 5)
            assert listener.unacknowledged == 100
            assert time.process_time() - used < 0.75, "it waits, it does not spin"
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
            all_arrive(store, 3000, 60)
            assert listener.problem == ""


def test_a_gateway_that_stops_while_the_database_is_away_has_acknowledged_nothing(
        memory_only_mosquitto: Mosquitto, postgres_url: str) -> None:
    server, _, name = postgres_url.rpartition("/")
    with closing(Store(postgres_url)) as store, psycopg.connect(f"{server}/postgres", autocommit=True) as admin, \
            device_client(memory_only_mosquitto.port) as devices:
        save_hundred_sites(store, 3)
        with running_listener(store, memory_only_mosquitto.port) as listener:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            measure(devices, 0, 500)
            wait_until(lambda: listener.unacknowledged == 500, 30)
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
        with running_listener(store, memory_only_mosquitto.port):
            all_arrive(store, 500)


def test_a_sqlite_file_that_another_program_locks_only_makes_everything_wait(
        village: Store, mosquitto: Mosquitto) -> None:
    with device_client(mosquitto.port) as devices, running_listener(village, mosquitto.port, queue=50) as listener:
        measure(devices, 0, 10)
        all_arrive(village, 10)
        with village.engine.connect() as other:
            other.execution_options(writes=True).execute(text("UPDATE customer SET name = 'x' WHERE id = 'family-0'"))
            measure(devices, 10, 490)
            devices.flush()
            assert listener.unacknowledged <= 50
            assert count(village, "SELECT count(*) FROM reading") == 10
            other.rollback()
        all_arrive(village, 500)


def test_a_restart_takes_no_device_for_silent_that_spoke_while_the_gateway_was_away(
        village: Store, mosquitto: Mosquitto) -> None:
    with device_client(mosquitto.port) as devices:
        with running_listener(village, mosquitto.port):
            measure(devices, 0, 1)
            all_arrive(village, 1)
        measure(devices, 1, 1)
        devices.flush()
    with village.write() as session:  # as after a kill 3 s ago: the pump was due 1 s ago
        state = session.get_one(DeviceState, "pump-0")
        state.seen_at, state.due_at = clock() - 5 * MINUTE - SECOND, clock() - SECOND
        listeners.record_heartbeat(session, "gateway", clock() - 60 * MINUTE, clock() - 3 * SECOND)
    gw = Gateway(Settings(mqtt=Mqtt(port=mosquitto.port)), village, hundred_sites_profiles(), {})
    listener = Listener(gw, clock)
    listener.start()
    try:
        sweep(gw, clock())
        all_arrive(village, 2)
        sweep(gw, clock())
    finally:
        listener.stop()
    assert rows(village, "SELECT rule, evidence FROM alarm") == []
