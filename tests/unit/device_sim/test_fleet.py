"""The simulated fleet is honest: its connections are what a real one's would be, and nothing it has to say is lost."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device_sim import scenario
from device_sim.dialects import Message
from device_sim.ground_truth import Truth
from device_sim.mqtt.connection import Line, Lost, Totals
from device_sim.real_time_run import RealTimeRun, Report, nobody
from gateway.devices.dialects.sparkplug_payload import read_payload, write_payload
from gateway.mqtt.local_broker import Broker, start_broker
from tests.fixtures.broker_recorder import PUMP, BrokerRecorder, bodies, recording
from tests.fixtures.servers import Mosquitto, mosquitto_program

slow = pytest.mark.slow  # real brokers and devices, started anew for each story


# -- one connection, byte by byte


def _line(heard: list[tuple[str, bytes]] | None = None) -> Line:
    line = Line("sim-x", Totals(), lambda: Message("gone", b"lost", True), lambda: None,
                lambda topic, payload: (heard if heard is not None else []).append((topic, payload)), room=2)
    line.state = "greeting"
    return line


def test_a_packet_may_come_in_any_pieces() -> None:
    heard: list[tuple[str, bytes]] = []
    line = _line(heard)
    stream = b"\x20\x02\x00\x00" + b"\x32\x0a\x00\x03a/b\x00\x07xyz" + b"\x30\x86\x01\x00\x01c" + b"y" * 131
    for byte in stream:
        line.take(bytes([byte]))

    assert heard == [("a/b", b"xyz"), ("c", b"y" * 131)]
    assert line.outbox.endswith(b"\x40\x02\x00\x07")  # the one at QoS 1 is acknowledged


def test_what_was_not_acknowledged_is_said_again_on_the_next_connection_and_marked() -> None:
    line = _line()
    line.take(b"\x20\x02\x00\x00")
    line.publish(Message("t", b"one"))
    line.publish(Message("t", b"two"))
    line.take(b"\x40\x02\x00\x01")
    line.fall()
    line.publish(Message("t", b"three"))
    line.state = "greeting"
    line.take(b"\x20\x02\x00\x00")

    assert bytes(line.outbox) == b"\x3a\x08\x00\x01t\x00\x03two\x32\x0a\x00\x01t\x00\x04three"


def test_a_device_keeps_a_few_messages_for_a_broker_that_is_away_and_loses_the_oldest() -> None:
    line = _line()
    line.state = "down"
    for payload in (b"1", b"2", b"3"):
        line.publish(Message("t", payload))
    line.publish(Message("t", b"never", qos=0))
    line.state = "greeting"
    line.take(b"\x20\x02\x00\x00")

    assert bytes(line.outbox) == b"\x32\x06\x00\x01t\x00\x012\x32\x06\x00\x01t\x00\x023"


def test_a_refused_connection_says_so() -> None:
    with pytest.raises(Lost, match="refuses sim-x: expected CONNACK 0, got 05"):
        _line().take(b"\x20\x02\x00\x05")


# -- against a real broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with start_broker(tmp_path / "broker", save="each second") as running:
        yield running


@pytest.fixture
def ear(broker: Broker) -> Iterator[BrokerRecorder]:
    with recording(broker.port) as listening:
        yield listening


Start = Callable[..., RealTimeRun]


@pytest.fixture
def start(broker: Broker) -> Iterator[Start]:
    """`start({…}, {…})` plays these devices at 60 × speed and stops after the test."""
    running: list[tuple[RealTimeRun, threading.Thread]] = []

    def begin(*devices: dict[str, Any], own: int = 100) -> RealTimeRun:
        play = RealTimeRun(scenario.parse({"devices": list(devices)}, "test"), 7, Truth(), nobody, own)
        thread = threading.Thread(target=play.run, args=(broker.host, broker.port, 60, 30))
        thread.start()
        running.append((play, thread))
        return play

    yield begin
    for play, thread in running:
        play.stop()
        thread.join()


@slow
@pytest.mark.parametrize("own", [100, 0], ids=["a connection of its own", "a shared connection"])
def test_a_device_that_loses_its_power_leaves_the_will_and_comes_back(start: Start, ear: BrokerRecorder,
                                                                      own: int) -> None:
    play = start(PUMP, own=own)
    ear.wait(lambda heard: bool(bodies(heard, "telemetry")))
    play.hand("hp-1", "vanish")
    ear.wait(lambda heard: ("devices/hp-1/status", {"state": "lost"}) in heard)
    silent_from = len(ear.heard)
    time.sleep(1.5)  # a minute and a half of its time: it would have reported
    assert ear.heard[silent_from:] == []

    play.hand("hp-1", "return")
    ear.wait(lambda heard: bool(bodies(heard[silent_from:], "telemetry")))
    assert [body["state"] for body in bodies(ear.heard, "status")] == ["online", "lost", "online"]


@slow
def test_an_unanswered_press_is_sent_again_with_its_own_id_and_an_answer_ends_it(
        start: Start, ear: BrokerRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_sim.device.REPEAT", 300)
    play = start({"id": "b", "kind": "button", "every": 86_400})
    ear.wait(lambda heard: len(heard) > 0)
    play.hand("b", "press")
    ear.wait(lambda heard: len(bodies(heard, "press")) >= 3)
    ids = {body["id"] for body in bodies(ear.heard, "press")}
    ear.client.publish("devices/b/command", json.dumps(
        {"id": "M-1", "type": "press", "press_id": ids.copy().pop(), "state": "callback_scheduled"}), qos=1)
    ear.wait(lambda heard: bodies(heard, "ack") == [{"id": "M-1", "ok": True}])
    presses = len(bodies(ear.heard, "press"))
    time.sleep(0.8)

    assert len(ids) == 1
    assert len(bodies(ear.heard, "press")) == presses


@slow
def test_a_device_that_is_switched_off_says_goodbye_and_leaves_no_will(start: Start, ear: BrokerRecorder) -> None:
    play = start(PUMP, {"id": "hp-2", "kind": "heat_pump"})
    ear.wait(lambda heard: len(bodies(heard, "status")) == 2)
    play.hand("hp-1", "stop")
    ear.wait(lambda heard: len(bodies(heard, "status")) == 3)
    play.stop()
    ear.wait(lambda heard: len(bodies(heard, "status")) == 4)
    time.sleep(0.3)

    assert [body["state"] for body in bodies(ear.heard, "status")] == ["online", "online", "stopped", "stopped"]


@slow
def test_a_bridge_says_which_of_its_devices_is_lost(start: Start, ear: BrokerRecorder) -> None:
    play = start({"id": "attic", "kind": "climate", "dialect": "zigbee2mqtt"},
                 {"id": "hall", "kind": "climate", "dialect": "zigbee2mqtt"})
    ear.wait(lambda heard: len(bodies(heard, "availability")) == 2)
    play.hand("attic", "vanish")
    ear.wait(lambda heard: ("zigbee2mqtt/attic/availability", {"state": "offline"}) in heard)
    play.hand("hall", "vanish")
    ear.wait(lambda heard: ("zigbee2mqtt/hall/availability", {"state": "offline"}) in heard)
    play.hand("attic", "return")
    ear.wait(lambda heard: heard.count(("zigbee2mqtt/attic/availability", {"state": "online"})) == 2)

    assert bodies(ear.heard, "state") == [{"state": "online"}]  # the bridge itself was there all the time


@slow
def test_an_edge_node_without_power_leaves_its_death_certificate_and_answers_a_call_for_rebirth(
        start: Start, ear: BrokerRecorder) -> None:
    play = start({"id": "hp-1", "kind": "heat_pump", "dialect": "sparkplug"})
    ear.wait(lambda heard: any("/DDATA/" in topic for topic, _ in heard))
    ear.client.publish("spBv1.0/homes/NCMD/hp-1-node", write_payload(
        1, None, [{"name": "Node Control/Rebirth", "datatype": 11, "boolean_value": True}]))
    ear.wait(lambda heard: sum("/DBIRTH/" in topic for topic, _ in heard) == 2)
    play.hand("hp-1", "vanish")
    ear.wait(lambda heard: any("/NDEATH/" in topic for topic, _ in heard))
    play.hand("hp-1", "return")
    ear.wait(lambda heard: sum("/NBIRTH/" in topic for topic, _ in heard) == 3)

    numbers = [read_payload(body).metrics[0].raw for topic, body in ear.heard
               if "/NBIRTH/" in topic or "/NDEATH/" in topic]
    assert numbers == [0, 0, 0, 1]


@slow
@pytest.mark.skipif(mosquitto_program() is None, reason="mosquitto is not installed")
def test_a_broker_that_is_killed_and_comes_back_is_told_everything_that_it_missed(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    play = RealTimeRun(scenario.parse({"devices": [{**PUMP, "count": 5}]}, "test"), 7, Truth(), nobody)
    reports: list[Report] = []
    thread = threading.Thread(target=lambda: reports.append(play.run("127.0.0.1", broker.port, 300, 8)))
    thread.start()
    time.sleep(1.5)
    broker.kill()
    time.sleep(1)
    broker.start()
    thread.join()
    broker.stop()

    assert reports[0].acknowledged == reports[0].published > 100
    assert reports[0].dropped == 0
