"""The same message again, however it comes about, changes nothing and opens nothing; and every press is answered."""

import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlmodel import Session, SQLModel, select

from gateway.config.settings import Settings
from gateway.detection.batch import MqttMessage
from gateway.devices import dialects
from gateway.flow.gateway import Gateway
from gateway.flow.receive import receive
from gateway.model import Alarm, Callback, DeadLetter, Notification, Offer, PressRecord, Promise, Reading, Ticket
from gateway.store import Store
from tests.drivers.device_client import DeviceClient, device_client
from tests.drivers.load_check import count, rows
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.listener_in_process import clock, dropped, hundred_sites_profiles, received, running_listener
from tests.fixtures.servers import HOST, Mosquitto, wait_until

OPENED = (Alarm, Callback, DeadLetter, Notification, Offer, PressRecord, Promise, Reading, Ticket)
TABLES = [table.__tablename__ for table in OPENED]


@pytest.fixture
def village(store: Store) -> Store:
    save_hundred_sites(store, 3)
    return store


@pytest.fixture
def devices(mosquitto: Mosquitto) -> Iterator[DeviceClient]:
    with device_client(mosquitto.port) as talking:
        yield talking


def all_of(session: Session, table: type[SQLModel]) -> list[dict[str, Any]]:
    return sorted((row.model_dump() for row in session.exec(select(table))), key=repr)


def everything(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row that a message can bring about, besides the state that says when something was last heard."""
    with store.read() as session:
        return {table.__name__: all_of(session, table) for table in OPENED}


def press(devices: DeviceClient, button: str, press_id: str, retain: bool = False) -> None:
    devices.say(f"devices/{button}/press", {"id": press_id, "kind": "single"}, retain=retain)


def answers(devices: DeviceClient, button: str, number: int) -> list[dict[str, Any]]:
    wait_until(lambda: len(devices.commands(button)) >= number, 10, f"answer {number} to {button}")
    return devices.commands(button)


def hears_everything(village: Store, devices: DeviceClient) -> None:
    """Whatever was said before has been dealt with when pump 2 has stopped and is back. A press may overtake others."""
    for state in ("stopped", "online"):
        devices.say("devices/pump-2/status", {"state": state})
        wait_until(lambda state=state: rows(village, "SELECT link FROM device_state WHERE device_id = 'pump-2'") == [
            (state,)], 10, f"pump 2 to be {state}")


def test_a_press_is_answered_on_its_command_topic_once_it_is_in_the_database(
        village: Store, mosquitto: Mosquitto, devices: DeviceClient) -> None:
    in_time: list[int] = []
    devices.when_heard = lambda: in_time.append(count(village, "SELECT count(*) FROM press"))
    with running_listener(village, mosquitto.port):
        press(devices, "button-1a", "first")
        (answer,) = answers(devices, "button-1a", 1)
    assert in_time == [1]
    with village.read() as session:
        callback = session.exec(select(Callback)).one()
        assert session.exec(select(PressRecord.press_id, PressRecord.callback_id)).one() == ("first", callback.id)
    assert answer["type"] == "press"
    assert answer["press_id"] == "first"
    assert answer["state"] == "callback_scheduled"
    assert answer["callback_by"] == callback.promised_by
    assert answer["callback_by"] > clock()


def test_a_second_press_is_acknowledged_but_opens_nothing(
        village: Store, mosquitto: Mosquitto, devices: DeviceClient) -> None:
    with running_listener(village, mosquitto.port):
        for press_id in ("1", "2", "3"):
            press(devices, "button-1a", press_id)
        press(devices, "button-1b", "other finger")
        told = answers(devices, "button-1a", 3) + answers(devices, "button-1b", 1)
    assert sorted(answer["press_id"] for answer in told) == ["1", "2", "3", "other finger"]  # one may overtake another
    assert len({answer["callback_by"] for answer in told}) == 1
    assert count(village, "SELECT count(*) FROM press") == 4
    assert count(village, "SELECT presses FROM callback") == 4
    assert count(village, "SELECT count(*) FROM callback") == 1
    assert count(village, "SELECT count(*) FROM notification") == 1


def test_a_press_that_is_repeated_with_its_id_is_answered_again_and_changes_nothing(
        village: Store, mosquitto: Mosquitto, devices: DeviceClient) -> None:
    with running_listener(village, mosquitto.port):
        press(devices, "button-1a", "one")
        answers(devices, "button-1a", 1)
        before = everything(village)
        for repeated in range(1, 6):
            press(devices, "button-1a", "one")
            told = answers(devices, "button-1a", 1 + repeated)
    assert {(said["press_id"], said["state"], said["callback_by"]) for said in told} == {
        ("one", "callback_scheduled", told[0]["callback_by"])}
    assert everything(village) == before


def test_a_retained_press_opens_nothing_when_the_gateway_connects(
        village: Store, mosquitto: Mosquitto, devices: DeviceClient) -> None:
    press(devices, "button-1a", "kept", retain=True)
    devices.flush()
    before = dropped("retained press")
    for connected in (1, 2):  # the broker presses again each time
        with running_listener(village, mosquitto.port):
            hears_everything(village, devices)
        wait_until(lambda connected=connected: dropped("retained press") == before + connected, 5)
    assert devices.commands("button-1a") == []
    assert count(village, "SELECT count(*) FROM callback WHERE site_id = 'home-1'") == 0


def test_a_press_that_is_pressed_retained_counts_once_and_not_at_each_reconnect(
        village: Store, mosquitto: Mosquitto, devices: DeviceClient) -> None:
    with running_listener(village, mosquitto.port):
        press(devices, "button-1a", "live", retain=True)  # a listener hears it as an ordinary message
        answers(devices, "button-1a", 1)
    before = everything(village)
    with running_listener(village, mosquitto.port):
        hears_everything(village, devices)
    assert len(devices.commands("button-1a")) == 1
    assert count(village, "SELECT count(*) FROM press WHERE device_id = 'button-1a'") == 1
    assert everything(village)["Callback"][0]["id"] == before["Callback"][0]["id"]


def speak_of_everything(devices: DeviceClient, at: int) -> int:
    """A fault, a fault's end, heat that comes and goes, presses; returns how many messages that is."""
    said: list[tuple[str, dict[str, Any]]] = [
        ("pump-0/fault", {"code": "E7", "ts": at}),
        ("pump-1/fault", {"code": "E7", "ts": at}),
        ("pump-1/fault", {"code": "E7", "active": False, "ts": at + 1}),
        *(("pump-0/telemetry", {"ts": at + n, "seq": n, "values": {"flow_temp": heat}})
          for n, heat in enumerate((40, 80, 90, 60, 40))),
        ("button-0a/press", {"id": "p1", "ts": at}), ("button-0b/press", {"id": "p1", "ts": at + 1}),
        ("button-0a/press", {"id": "p2", "ts": at + 2}),
    ]
    for topic, message in said:
        devices.say(f"devices/{topic}", message)
    devices.flush()
    return len(said)


def test_messages_replayed_by_hand_change_nothing(village: Store, mosquitto: Mosquitto, devices: DeviceClient) -> None:
    at = clock() - 1000
    with running_listener(village, mosquitto.port):
        speak_of_everything(devices, at)
        hears_everything(village, devices)
        before = everything(village)
        assert [len(before[name]) for name in ("Ticket", "Callback", "PressRecord", "Reading")] == [2, 1, 3, 5]
        speak_of_everything(devices, at)
        wait_until(lambda: len(devices.commands("button-0a")) == 4 and len(devices.commands("button-0b")) == 2, 10)
    assert everything(village) == before


class DyingGateway:
    """A gateway that commits what it hears and dies before it has acknowledged any of it."""

    def __init__(self, store: Store, port: int) -> None:
        self.heard: list[MqttMessage] = []
        self.ready = threading.Event()
        self._gw = Gateway(Settings(), store, hundred_sites_profiles(), {})
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "gateway", clean_session=False, manual_ack=True)
        filters = [(wanted, 1) for wanted in dialects.understand(("native",)).filters]
        self._client.on_connect = lambda client, *_: client.subscribe(filters)
        self._client.on_subscribe = lambda *_: self.ready.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            MqttMessage(message.topic, bytes(message.payload), message.retain))
        self._client.connect(HOST, port)
        self._client.loop_start()

    def die(self) -> None:
        receive(self._gw, self.heard, clock())
        self._client.loop_stop()
        sock = self._client.socket()
        assert sock is not None
        sock.close()


def test_what_a_gateway_committed_and_never_acknowledged_comes_again_and_changes_nothing(
        village: Store, mosquitto: Mosquitto, devices: DeviceClient) -> None:
    first = DyingGateway(village, mosquitto.port)
    assert first.ready.wait(10)
    said = speak_of_everything(devices, clock() - 1000)
    wait_until(lambda: len(first.heard) == said, 10, "the first gateway to hear everything")
    first.die()
    before, heard = everything(village), received()
    assert [len(before[name]) for name in ("Ticket", "Callback", "PressRecord", "Reading")] == [2, 1, 3, 5]
    with running_listener(village, mosquitto.port):
        wait_until(lambda: received() == heard + said, 10, "everything to be delivered again")
        told = answers(devices, "button-0a", 2) + answers(devices, "button-0b", 1)
        hears_everything(village, devices)
    assert {answer["press_id"] for answer in told} == {"p1", "p2"}
    after = everything(village)
    for name in ("Ticket", "Alarm", "Reading", "Offer", "DeadLetter"):
        assert after[name] == before[name]
    assert count(village, "SELECT count(*) FROM press WHERE device_id LIKE 'button-0%'") == 3
    assert count(village, "SELECT count(*) FROM callback WHERE site_id = 'home-0'") == 1
