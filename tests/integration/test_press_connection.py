"""Presses have a connection of their own: no queue of readings holds up an answer, and each press counts once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config.settings import Mqtt, Settings
from gateway.devices.dialects import DIALECTS
from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.mqtt.press_connection import AT_ONCE, PressConnection
from gateway.store import Store
from tests.drivers.device_client import DeviceClient, device_client
from tests.drivers.load_check import count, rows
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock, hundred_sites_profiles, running_listener
from tests.fixtures.servers import Mosquitto, wait_until

pytestmark = pytest.mark.slow  # real brokers

READINGS = 10_000
VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])


@pytest.fixture
def village(store: Store) -> Store:
    save_hundred_sites(store, 3)
    return store


@pytest.fixture
def devices(memory_only_mosquitto: Mosquitto) -> Iterator[DeviceClient]:
    with device_client(memory_only_mosquitto.port) as speaker:
        yield speaker


def measure(devices: DeviceClient, first: int, number: int) -> None:
    for seq in range(first, first + number):
        devices.say("devices/pump-0/telemetry", {"ts": clock(), "seq": seq, "values": {"flow_temp": 40}})


def press(devices: DeviceClient, press_id: str | None, button: str = "button-1a") -> None:
    devices.say(f"devices/{button}/press", {"ts": clock()} | ({"id": press_id} if press_id else {}))


def slow_clock() -> Instant:
    """It is asked several times for each batch, so that all readings together take seconds on any machine."""
    time.sleep(0.05)
    return clock()


def readings(store: Store) -> int:
    return count(store, "SELECT count(*) FROM reading")


@VERSIONS
def test_a_press_overtakes_thousands_of_readings_and_counts_once(
        village: Store, memory_only_mosquitto: Mosquitto, devices: DeviceClient, version: str) -> None:
    stored_before: list[int] = []
    devices.when_heard = lambda: stored_before.append(readings(village))
    with running_listener(village, memory_only_mosquitto.port, slow_clock, version=version):
        press(devices, "first")  # once it is answered the connection of its own is there, or the press came without it
        wait_until(lambda: devices.commands("button-1a"), what="an answer")
        measure(devices, 0, READINGS)
        press(devices, "behind all of them")
        wait_until(lambda: len(devices.commands("button-1a")) == 2, 60, "the second answer")
        wait_until(lambda: readings(village) == READINGS, 60, "all readings")
        measure(devices, READINGS, 1)  # said after the copy of the press that comes with everything else
        wait_until(lambda: readings(village) == READINGS + 1, what="the last reading")
    assert stored_before[1] < READINGS
    assert [said["press_id"] for said in devices.commands("button-1a")] == ["first", "behind all of them"]
    assert rows(village, "SELECT press_id FROM press ORDER BY received_at") == [("first",), ("behind all of them",)]
    assert count(village, "SELECT presses FROM callback") == 2


def test_a_press_that_is_repeated_is_answered_as_often_as_it_came(
        village: Store, memory_only_mosquitto: Mosquitto, devices: DeviceClient) -> None:
    with running_listener(village, memory_only_mosquitto.port):
        for number in range(1, 6):  # an answer that has not left yet serves for two
            devices.say("devices/button-1a/press", {"id": "the same"})
            wait_until(lambda so_far=number: len(devices.commands("button-1a")) == so_far, what="an answer")
        measure(devices, 0, 1)
        wait_until(lambda: readings(village) == 1, what="whatever was said before")
    assert len(devices.commands("button-1a")) == 5
    assert count(village, "SELECT count(*) FROM press") == 1


def test_what_is_no_press_is_a_dead_letter_once(
        village: Store, memory_only_mosquitto: Mosquitto, devices: DeviceClient) -> None:
    with running_listener(village, memory_only_mosquitto.port):
        press(devices, None)  # without an id it could not be told from the same press read again
        press(devices, "a real one")
        wait_until(lambda: devices.commands("button-1a"), what="an answer")
        measure(devices, 0, 1)
        wait_until(lambda: readings(village) == 1, what="whatever was said before")
    assert count(village, "SELECT count(*) FROM dead_letter") == 1


def test_what_was_pressed_while_the_gateway_was_down_counts_once(
        village: Store, memory_only_mosquitto: Mosquitto, devices: DeviceClient) -> None:
    with running_listener(village, memory_only_mosquitto.port):
        pass
    press(devices, "nobody there")
    devices.flush()
    with running_listener(village, memory_only_mosquitto.port):
        wait_until(lambda: devices.commands("button-1a"), what="an answer")
        press(devices, "and again")
        wait_until(lambda: len(devices.commands("button-1a")) == 2, what="the second answer")
    assert count(village, "SELECT presses FROM callback") == 2


@pytest.fixture
def stingy_mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """It bears one gateway's connection, and the devices'."""
    (tmp_path / "stingy").mkdir()
    broker = Mosquitto(tmp_path / "stingy", extra="max_connections 2\n")
    broker.start()
    yield broker
    broker.stop()


def test_a_broker_that_refuses_a_second_connection_loses_no_press(village: Store, stingy_mosquitto: Mosquitto) -> None:
    with device_client(stingy_mosquitto.port) as devices, running_listener(village, stingy_mosquitto.port) as listener:
        for number in range(3):
            press(devices, f"p{number}")
            wait_until(lambda so_far=number + 1: len(devices.commands("button-1a")) == so_far, what="an answer")
        assert listener.listening
        assert listener.problem == ""
    assert count(village, "SELECT presses FROM callback") == 3


def test_several_gateways_that_share_topics_have_no_second_connection(
        village: Store, memory_only_mosquitto: Mosquitto) -> None:
    with running_listener(village, memory_only_mosquitto.port, share="together") as listener:
        connection = PressConnection(listener._gw)
        connection.keep_up()
        assert connection.socket is None


def test_a_flood_of_presses_is_stored_in_batches_so_that_everything_else_is_heard_too(
        village: Store, memory_only_mosquitto: Mosquitto, devices: DeviceClient) -> None:
    gw = Gateway(Settings(mqtt=Mqtt(port=memory_only_mosquitto.port)), village, hundred_sites_profiles(), {})
    connection = PressConnection(gw)

    def connected() -> bool:
        connection.keep_up()
        connection.process(clock)
        return connection._subscribed

    wait_until(connected, what="the connection")
    for number in range(3 * AT_ONCE):
        press(devices, f"p{number}", f"button-{number % 3}a")
    devices.flush()
    assert connection.process(clock)
    assert 0 < count(village, "SELECT count(*) FROM press") <= AT_ONCE

    def all_stored() -> bool:
        connection.process(clock)
        return count(village, "SELECT count(*) FROM press") == 3 * AT_ONCE

    wait_until(all_stored, 60, "all presses")
    connection.close()
    assert count(village, "SELECT count(*) FROM callback") == 3


def test_only_presses_come_by_what_a_dialect_names_so() -> None:
    for dialect in DIALECTS:
        assert set(getattr(dialect, "PRESSES", ())) <= set(dialect.FILTERS)
