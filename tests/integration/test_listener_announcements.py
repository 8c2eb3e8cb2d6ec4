"""What the listener says without being told, and what it hears because devices announced it: on a real broker."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.devices.dialects.sparkplug_payload import read_payload, write_payload
from gateway.model import Device, DeviceState
from gateway.store import Store
from tests.drivers.device_client import device_client
from tests.drivers.load_check import count, rows
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock, running_listener
from tests.fixtures.servers import HOST, Mosquitto, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def village(store: Store) -> Store:
    save_hundred_sites(store, 3)
    return store


def claim(store: Store, device_id: str, key: str) -> None:
    with store.write() as session:
        session.add(Device(id=device_id, key=key, profile="pump", site_id="home-0", name=device_id))
        session.flush()
        session.add(DeviceState(device_id=device_id))


@contextmanager
def ear(port: int, *filters: str) -> Iterator[list[paho.MQTTMessage]]:
    """Everything that passes on these topics."""
    heard: list[paho.MQTTMessage] = []
    ready = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, "ear")
    client.on_connect = lambda client, *_: client.subscribe([(one, 1) for one in filters])
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: heard.append(message)
    client.connect(HOST, port)
    client.loop_start()
    assert ready.wait(10)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def test_an_announced_topic_is_heard_at_once_and_after_a_restart(village: Store, mosquitto: Mosquitto) -> None:
    config: dict[str, Any] = {"state_topic": "acme/anything/7", "value_template": "{{ value_json.t }}",
                              "device": {"identifiers": ["p7"], "name": "Cellar pump"}}
    heard = "SELECT messages FROM unclaimed WHERE key = 'home_assistant:p7'"
    with device_client(mosquitto.port) as devices:
        with running_listener(village, mosquitto.port):
            devices.say("homeassistant/sensor/p7/t/config", config, retain=True)
            wait_until(lambda: count(village, heard) == 1, 10, "the announcement")
            assert rows(village, "SELECT name FROM unclaimed WHERE key = 'home_assistant:p7'") == [("Cellar pump",)]
            claim(village, "p7", "home_assistant:p7")
            wait_until(lambda: _says(devices, village, 1), 10, "a reading on the announced topic")
        with running_listener(village, mosquitto.port):  # the announcement is in the database, not in a process
            devices.say("acme/anything/7", {"t": 2})
            wait_until(lambda: count(village, "SELECT count(*) FROM reading WHERE signals LIKE '%2.0%'") == 1, 10,
                       "a reading after the restart")
            devices.say("homeassistant/sensor/p7/t/config", b"", retain=True)
            wait_until(lambda: rows(village, "SELECT link FROM device_state WHERE device_id = 'p7'") == [("removed",)],
                       10, "the device to be gone")


def _says(devices: Any, store: Store, value: int) -> bool:
    devices.say("acme/anything/7", {"t": value})  # again and again: subscribing takes a moment
    return count(store, "SELECT count(*) FROM reading WHERE device_id = 'p7'") > 0


def test_a_claimed_victron_is_asked_to_go_on_speaking(village: Store, mosquitto: Mosquitto) -> None:
    claim(village, "battery", "victron:c0619ab1/battery/256")
    with ear(mosquitto.port, "R/#") as heard, running_listener(village, mosquitto.port):
        wait_until(lambda: len(heard) > 0, 10, "a keepalive")
    assert {message.topic for message in heard} == {"R/c0619ab1/keepalive"}


def test_a_sparkplug_host_says_that_it_is_there_and_that_it_goes(village: Store, mosquitto: Mosquitto) -> None:
    with ear(mosquitto.port, "spBv1.0/STATE/gateway") as heard:
        with running_listener(village, mosquitto.port):
            wait_until(lambda: len(heard) == 1, 10, "the host's birth")
        wait_until(lambda: len(heard) == 2, 10, "the host's death")
    said = [json.loads(message.payload) for message in heard]
    assert [one["online"] for one in said] == [True, False]
    with ear(mosquitto.port, "spBv1.0/STATE/gateway") as later:
        wait_until(lambda: len(later) == 1, 10, "the retained state")
        assert json.loads(later[0].payload)["online"] is False


def test_a_sparkplug_node_with_a_gap_is_asked_for_its_birth(village: Store, mosquitto: Mosquitto) -> None:
    claim(village, "plc", "sparkplug:Plant 1/PLC")
    data = write_payload(clock(), 7, [{"alias": 1, "int_value": 5}])
    with ear(mosquitto.port, "spBv1.0/+/NCMD/+") as heard, running_listener(village, mosquitto.port), \
            device_client(mosquitto.port) as devices:
        devices.say("spBv1.0/Plant 1/NDATA/PLC", data)
        wait_until(lambda: len(heard) == 1, 10, "a request for a rebirth")
    (metric,) = read_payload(bytes(heard[0].payload)).metrics
    assert (heard[0].topic, metric.name, metric.raw) == ("spBv1.0/Plant 1/NCMD/PLC", "Node Control/Rebirth", True)


def test_a_broker_that_never_answers_our_goodbye_does_not_keep_us(village: Store, mosquitto: Mosquitto) -> None:
    with running_listener(village, mosquitto.port) as listener:
        assert mosquitto.process is not None
        mosquitto.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        listener.stop()
        mosquitto.process.send_signal(signal.SIGCONT)
    assert time.monotonic() - began < 5
