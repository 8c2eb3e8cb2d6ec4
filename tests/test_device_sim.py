"""The simulated fleet is honest: its physics, its words and its connections are what a real one's would be."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from device_sim import scenario
from device_sim.fleet import Fleet, Report, Truth
from device_sim.load import blast, heat_pumps
from device_sim.physics import Fridge, HeatPump
from device_sim.scenario import BadScenario, Scenario
from device_sim.wire import Native, Tasmota
from gateway.broker import Broker, start_broker
from gateway.dialects import native, tasmota
from gateway.dialects.signals import Presence, Press, Telemetry

pytestmark = pytest.mark.slow  # real brokers and devices, started anew for each story

TOWN = Path(scenario.__file__).parent / "scenarios" / "town.yaml"


def _minutes(pump: HeatPump, minutes: float) -> HeatPump:
    for _ in range(int(minutes * 6)):
        pump.step(10, 12)
    return pump


def test_a_healthy_heat_pump_stays_warm_and_moves_its_heat_into_the_house() -> None:
    pump = _minutes(HeatPump(random.Random(1)), 600)

    assert 38 < pump.machine < 55
    assert 2 < pump.machine - pump.house < 8
    assert 500 < pump.power < 2600


def test_a_stuck_pump_overheats_within_minutes_and_a_repair_cools_it_down() -> None:
    pump = _minutes(HeatPump(random.Random(1)), 30)
    pump.do("overheat")
    hot = _minutes(pump, 7).machine
    cut = _minutes(pump, 60).machine
    pump.do("repair")

    assert hot > 75
    assert cut < 95  # its last safety switch
    assert _minutes(pump, 4).machine < 60


def test_time_that_passes_in_large_steps_comes_to_the_same() -> None:
    small, large = HeatPump(random.Random(1)), HeatPump(random.Random(1))
    for _ in range(200):
        small.step(3, 12)
    for _ in range(50):
        large.step(12, 12)

    assert abs(small.machine - large.machine) < 0.5


def test_a_fridge_holds_its_temperature_until_its_compressor_breaks() -> None:
    fridge = Fridge(random.Random(1))
    seen = []
    for _ in range(2_000):
        fridge.step(20, 12)
        seen.append(fridge.temperature)
    fridge.do("break")
    for _ in range(400):
        fridge.step(20, 12)

    assert all(2 < temperature < 8 for temperature in seen)
    assert fridge.temperature > 8


def test_the_gateway_reads_what_the_native_devices_say() -> None:
    wire = Native("hp-1")
    said = [*wire.telemetry({"flow_temp": 44.5}, 5_000), wire.press("p-1", "long", 6_000), wire.will(), wire.birth(7)]

    heard = [native.decode(message.topic, message.payload.encode(), False)[0] for message in said]
    assert heard == [Telemetry("native:hp-1", {"flow_temp": 44.5}, 5_000, 1),
                     Press("native:hp-1", "long", "p-1", 6_000), Presence("native:hp-1", "lost"),
                     Presence("native:hp-1", "online", 7)]


def test_the_gateway_reads_what_the_tasmota_plug_says() -> None:
    values: dict[str, Any] = {"on": True, "power": 85, "voltage": 231, "current": 0.368, "energy": 41.7}
    heard = [signal for message in Tasmota("plug-1").telemetry(values, 1_788_264_000_000)
             for signal in tasmota.decode(message.topic, message.payload.encode(), False)]

    assert [type(signal) for signal in heard] == [Telemetry, Telemetry]
    assert heard[0].values["POWER"] == "ON"  # type: ignore[union-attr]
    assert heard[1].values["ENERGY_Power"] == 85.0  # type: ignore[union-attr]


def test_the_shipped_town_can_be_played() -> None:
    assert len(scenario.load(TOWN).devices) == 12


@pytest.mark.parametrize(("data", "said"), [
    ({}, "expected `devices:`"),
    ({"devices": [{"id": "a", "kind": "toaster"}]}, "kind: 'toaster', expected one of heat_pump"),
    ({"devices": [{"id": "a", "kind": "fridge", "dialect": "tasmota"}]}, "only a plug speaks tasmota"),
    ({"devices": [{"id": "a", "kind": "fridge", "every": 0}]}, "every: 0, expected seconds above 0"),
    ({"devices": [{"id": "a", "kind": "fridge"}, {"id": "a", "kind": "plug"}]}, "each id once"),
    ({"devices": [{"id": "a", "kind": "fridge"}], "events": [{"at": 1, "device": "b", "do": "open"}]}, "no device 'b'"),
    ({"devices": [{"id": "a", "kind": "fridge"}], "events": [{"at": 1, "device": "a", "do": "press"}]},
     "do: 'press', expected one of open, close"),
])
def test_a_wrong_scenario_says_what_was_expected(data: Any, said: str) -> None:
    with pytest.raises(BadScenario) as bad:
        scenario.parse(data, "town.yaml")

    assert said in str(bad.value)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with start_broker(tmp_path) as running:
        yield running


class Ear:
    """Hears everything on a broker, with what was retained."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        ready = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe([("devices/#", 1), ("tele/#", 1)])
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = self._hear
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert ready.wait(5)

    def _hear(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            self.heard.append((message.topic, json.loads(message.payload)))
        except ValueError:
            self.heard.append((message.topic, message.payload.decode()))

    def wait(self, true: Callable[[list[tuple[str, Any]]], bool], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not true(self.heard):
            assert time.monotonic() < deadline, f"not heard in {seconds} s, only {self.heard[-5:]}"
            time.sleep(0.02)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def ear(broker: Broker) -> Iterator[Ear]:
    listening = Ear(broker.port)
    yield listening
    listening.close()


@pytest.fixture
def play(broker: Broker) -> Iterator[Callable[[Scenario], Fleet]]:
    """`play(scenario)` starts it at 60 × speed and stops it after the test."""
    stop, threads = threading.Event(), []

    def start(played: Scenario) -> Fleet:
        fleet = Fleet(played, 7, Truth())
        thread = threading.Thread(target=fleet.play, args=(broker.host, broker.port, 60, 30, stop))
        thread.start()
        threads.append(thread)
        return fleet

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def _scenario(*devices: dict[str, Any]) -> Scenario:
    return scenario.parse({"devices": list(devices)}, "test")


def test_a_device_that_loses_its_power_leaves_the_will_and_comes_back(
        play: Callable[[Scenario], Fleet], ear: Ear) -> None:
    fleet = play(_scenario({"id": "hp-1", "kind": "heat_pump"}))
    ear.wait(lambda heard: any(topic.endswith("telemetry") for topic, _ in heard))
    fleet.hand("hp-1", "vanish")
    ear.wait(lambda heard: ("devices/hp-1/status", {"state": "lost"}) in heard)
    silent_from = len(ear.heard)
    time.sleep(1.5)  # a minute and a half of the town's time: it would have reported
    assert ear.heard[silent_from:] == []

    fleet.hand("hp-1", "return")
    ear.wait(lambda heard: any(topic.endswith("telemetry") for topic, _ in heard[silent_from:]))
    assert [body["state"] for topic, body in ear.heard if topic.endswith("status")] == ["online", "lost", "online"]


def test_an_unanswered_press_is_sent_again_with_its_own_id_and_an_answer_ends_it(
        play: Callable[[Scenario], Fleet], ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_sim.device.REPEAT", 300)
    fleet = play(_scenario({"id": "b", "kind": "button", "every": 86_400}))
    ear.wait(lambda heard: len(heard) > 0)
    fleet.hand("b", "press")
    ear.wait(lambda heard: len(_bodies(heard, "press")) >= 3)
    ids = {body["id"] for body in _bodies(ear.heard, "press")}
    ear.client.publish("devices/b/command", json.dumps(
        {"id": "M-1", "type": "press", "press_id": ids.copy().pop(), "state": "callback_scheduled"}), qos=1)
    ear.wait(lambda heard: _bodies(heard, "ack") == [{"id": "M-1", "ok": True}])
    presses = len(_bodies(ear.heard, "press"))
    time.sleep(0.8)

    assert len(ids) == 1
    assert len(_bodies(ear.heard, "press")) == presses


def _bodies(heard: list[tuple[str, Any]], what: str) -> list[Any]:
    return [body for topic, body in heard if topic.endswith("/" + what)]


def test_a_switched_off_fleet_says_goodbye(play: Callable[[Scenario], Fleet], ear: Ear) -> None:
    fleet = play(_scenario({"id": "hp-1", "kind": "heat_pump"}))
    ear.wait(lambda heard: len(heard) > 0)
    fleet.hand("hp-1", "stop")

    ear.wait(lambda heard: [body["state"] for body in _bodies(heard, "status")] == ["online", "stopped"])


def test_the_command_line_plays_a_scenario_and_writes_the_truth(broker: Broker, ear: Ear, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "device_sim", "run", str(TOWN), "--broker", f"127.0.0.1:{broker.port}", "--speed", "120",
         "--seconds", "3", "--json", "--truth", str(truth)],
        capture_output=True, text=True, timeout=30, check=True)
    report = Report(**json.loads(done.stdout))

    assert report.devices == 12
    assert report.acknowledged == report.published > 24


def test_hands_move_devices_until_their_input_ends(broker: Broker) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device_sim", "run", str(TOWN), "--broker", f"127.0.0.1:{broker.port}", "--hands",
         "--truth", "-"], input="leak-cellar wet\nleak-cellar fly\nnobody press\n", capture_output=True, text=True,
        timeout=30, check=True)

    assert [(line["device"], line["what"]) for line in map(json.loads, done.stdout.splitlines())] == [
        ("leak-cellar", "wet"), ("leak-cellar", "refused"), ("nobody", "refused")]


def test_the_truth_says_what_happened_to_whom(broker: Broker, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with truth.open("w") as file:
        fleet = Fleet(scenario.load(TOWN), 7, Truth(file))
        fleet.play(broker.host, broker.port, 120, 3, threading.Event())
    lines = [json.loads(line) for line in truth.read_text().splitlines()]

    assert [(line["device"], line["what"]) for line in lines] == [
        ("hp-alice", "overheat"), ("button-alice", "pressed"), ("leak-cellar", "wet"), ("hp-bob", "vanish")]
    assert lines[1]["press_id"]


def test_the_load_generator_keeps_each_devices_order_and_counts_what_was_acknowledged(broker: Broker, ear: Ear) -> None:
    topics, message = heat_pumps(7)
    report = blast(broker.host, broker.port, topics, message, 300, rate=1_000, connections=3, inflight=50)
    ear.wait(lambda heard: len(heard) == 300)

    assert (report.sent, report.acked) == (300, 300)
    assert 0.25 < report.seconds < 2
    for topic in topics:
        said = [body for name, body in ear.heard if name == topic]
        assert [body["seq"] for body in said] == list(range(len(said)))
        assert sorted({body["ts"] for body in said}) == [body["ts"] for body in said]
