"""The simulated fleet is honest: its connections are what a real one's would be, and its truth is what happened."""

import json
import signal
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
from device_sim.__main__ import main
from device_sim.mqtt import Line, Lost, Totals
from device_sim.play import Play, Report, nobody
from device_sim.scenario import SHIPPED, Scenario
from device_sim.score_sources import read_truth
from device_sim.truth import Truth
from device_sim.wires import Message
from gateway.broker import Broker, start_broker
from gateway.dialects.sparkplug_payload import read_payload, write_payload
from tests.servers import Mosquitto

slow = pytest.mark.slow  # real brokers and devices, started anew for each story
TOWN = SHIPPED / "town.yaml"
PUMP = {"id": "hp-1", "kind": "heat_pump"}


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


class Ear:
    """Hears everything on a broker, with what was retained."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        ready = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = self._hear
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert ready.wait(5)

    def _hear(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            self.heard.append((message.topic, json.loads(message.payload)))
        except ValueError:
            self.heard.append((message.topic, message.payload))

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


Start = Callable[..., Play]


@pytest.fixture
def start(broker: Broker) -> Iterator[Start]:
    """`start({…}, {…})` plays these devices at 60 × speed and stops after the test."""
    running: list[tuple[Play, threading.Thread]] = []

    def begin(*devices: dict[str, Any], own: int = 100) -> Play:
        play = Play(scenario.parse({"devices": list(devices)}, "test"), 7, Truth(), nobody, own)
        thread = threading.Thread(target=play.run, args=(broker.host, broker.port, 60, 30))
        thread.start()
        running.append((play, thread))
        return play

    yield begin
    for play, thread in running:
        play.stop()
        thread.join()


def _bodies(heard: list[tuple[str, Any]], what: str) -> list[Any]:
    return [body for topic, body in heard if topic.endswith("/" + what)]


@slow
@pytest.mark.parametrize("own", [100, 0], ids=["a connection of its own", "a shared connection"])
def test_a_device_that_loses_its_power_leaves_the_will_and_comes_back(start: Start, ear: Ear, own: int) -> None:
    play = start(PUMP, own=own)
    ear.wait(lambda heard: bool(_bodies(heard, "telemetry")))
    play.hand("hp-1", "vanish")
    ear.wait(lambda heard: ("devices/hp-1/status", {"state": "lost"}) in heard)
    silent_from = len(ear.heard)
    time.sleep(1.5)  # a minute and a half of its time: it would have reported
    assert ear.heard[silent_from:] == []

    play.hand("hp-1", "return")
    ear.wait(lambda heard: bool(_bodies(heard[silent_from:], "telemetry")))
    assert [body["state"] for body in _bodies(ear.heard, "status")] == ["online", "lost", "online"]


@slow
def test_an_unanswered_press_is_sent_again_with_its_own_id_and_an_answer_ends_it(
        start: Start, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_sim.device.REPEAT", 300)
    play = start({"id": "b", "kind": "button", "every": 86_400})
    ear.wait(lambda heard: len(heard) > 0)
    play.hand("b", "press")
    ear.wait(lambda heard: len(_bodies(heard, "press")) >= 3)
    ids = {body["id"] for body in _bodies(ear.heard, "press")}
    ear.client.publish("devices/b/command", json.dumps(
        {"id": "M-1", "type": "press", "press_id": ids.copy().pop(), "state": "callback_scheduled"}), qos=1)
    ear.wait(lambda heard: _bodies(heard, "ack") == [{"id": "M-1", "ok": True}])
    presses = len(_bodies(ear.heard, "press"))
    time.sleep(0.8)

    assert len(ids) == 1
    assert len(_bodies(ear.heard, "press")) == presses


@slow
def test_a_device_that_is_switched_off_says_goodbye_and_leaves_no_will(start: Start, ear: Ear) -> None:
    play = start(PUMP, {"id": "hp-2", "kind": "heat_pump"})
    ear.wait(lambda heard: len(_bodies(heard, "status")) == 2)
    play.hand("hp-1", "stop")
    ear.wait(lambda heard: len(_bodies(heard, "status")) == 3)
    play.stop()
    ear.wait(lambda heard: len(_bodies(heard, "status")) == 4)
    time.sleep(0.3)

    assert [body["state"] for body in _bodies(ear.heard, "status")] == ["online", "online", "stopped", "stopped"]


@slow
def test_a_bridge_says_which_of_its_devices_is_lost(start: Start, ear: Ear) -> None:
    play = start({"id": "attic", "kind": "climate", "dialect": "zigbee2mqtt"},
                 {"id": "hall", "kind": "climate", "dialect": "zigbee2mqtt"})
    ear.wait(lambda heard: len(_bodies(heard, "availability")) == 2)
    play.hand("attic", "vanish")
    ear.wait(lambda heard: ("zigbee2mqtt/attic/availability", {"state": "offline"}) in heard)
    play.hand("hall", "vanish")
    ear.wait(lambda heard: ("zigbee2mqtt/hall/availability", {"state": "offline"}) in heard)
    play.hand("attic", "return")
    ear.wait(lambda heard: heard.count(("zigbee2mqtt/attic/availability", {"state": "online"})) == 2)

    assert _bodies(ear.heard, "state") == [{"state": "online"}]  # the bridge itself was there all the time


@slow
def test_an_edge_node_without_power_leaves_its_death_certificate_and_answers_a_call_for_rebirth(
        start: Start, ear: Ear) -> None:
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
def test_a_broker_that_is_killed_and_comes_back_is_told_everything_that_it_missed(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    play = Play(scenario.parse({"devices": [{**PUMP, "count": 5}]}, "test"), 7, Truth(), nobody)
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


def _run(broker: Broker, played: Scenario, speed: float, seconds: float, truth: Path, seed: int = 7) -> Report:
    with truth.open("w", encoding="utf-8") as file:
        return Play(played, seed, Truth(file), nobody).run(broker.host, broker.port, speed, seconds)


def _lines(truth: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]


@slow
@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yaml")), ids=lambda file: str(file.stem))
def test_every_shipped_scenario_runs_and_writes_a_truth_that_the_score_can_read(
        broker: Broker, tmp_path: Path, file: Path) -> None:
    played = scenario.load(file, None if file == TOWN else 60)
    report = _run(broker, played, 3_600, 3, tmp_path / "truth.jsonl")
    truth = read_truth(tmp_path / "truth.jsonl")
    begun = [happens for happens in played.happens if happens.at + happens.over < report.simulated_s]

    assert report.published > 100
    assert truth.device_days == pytest.approx(report.devices * report.simulated_s / 86_400, rel=0.01)
    assert len(truth.episodes) >= len(begun)
    assert played.happens or not truth.episodes
    assert {episode.device for episode in truth.episodes} <= {spec.id for spec in played.devices}


EXACTLY = {"device", "site", "kind", "from", "to", "expect", "rule", "group"}


@slow
def test_the_truth_of_an_outage_names_the_feeder_the_homes_return_and_the_one_that_stays_dark(
        broker: Broker, tmp_path: Path) -> None:
    played = scenario.load(SHIPPED / "feeder-outage.yaml", 60)
    _run(broker, played, 7_200, 10, tmp_path / "truth.jsonl")
    head, *rows, tail = _lines(tmp_path / "truth.jsonl")
    wall = 1_000 / 7_200  # ms for a simulated second

    first = [row for row in rows if row["group"] == "feeder-001"]
    dark = [row for row in first if row["kind"] == "dark_home"]
    outage = [row for row in first if row["kind"] == "outage"]
    on_feeder = {spec.id for spec in played.devices if spec.feeder == "feeder-001"}
    assert all(set(row) == EXACTLY for row in rows)
    assert {row["device"] for row in outage} == on_feeder
    assert {row["from"] for row in outage} == {head["started"] + round(3_600 * wall)}
    assert {row["expect"] for row in outage} == {"outage", "none"}  # a button is not missed
    assert len({row["to"] for row in outage}) > 5  # the homes return one after the other
    assert len({row["site"] for row in dark}) == 1
    assert {row["from"] for row in dark} == {head["started"] + round(9_000 * wall)}
    assert {row["expect"] for row in dark} <= {"ticket", "none"}
    assert [row["expect"] for row in rows if row["kind"] == "power_loss"] == ["ticket"]
    assert tail["ended"] == head["started"] + round(18_000 * wall)


@slow
@pytest.mark.parametrize("name", ["overheating", "firmware-update-gone-wrong"])
def test_the_same_seed_is_the_same_truth_but_for_the_wall_clock(broker: Broker, tmp_path: Path, name: str) -> None:
    played = scenario.load(SHIPPED / f"{name}.yaml", 60)

    def told(seed: int) -> list[Any]:
        _run(broker, played, 14_400, 10, tmp_path / "truth.jsonl", seed)
        head, *rows, _ = _lines(tmp_path / "truth.jsonl")
        return [{**row, "from": row["from"] - head["started"], "to": row["to"] and row["to"] - head["started"]}
                for row in rows]

    assert told(1) == told(1) != told(2)


@slow
def test_a_leak_that_nobody_can_see_yet_is_nothing_that_a_gateway_should_find(broker: Broker, tmp_path: Path) -> None:
    def expected(lasts: str) -> list[str]:
        played = scenario.parse({"lasts": lasts, "devices": [{**PUMP, "every": "10m"}],
                                 "happens": [{"do": "leak_slowly", "at": "1h"}]}, "test")
        _run(broker, played, 86_400, 10, tmp_path / "truth.jsonl")
        return [row["expect"] for row in _lines(tmp_path / "truth.jsonl")[1:-1]]

    assert expected("12h") == ["none"]
    assert expected("3d") == ["ticket"]


@slow
def test_hours_of_telemetry_come_at_once_with_the_times_when_they_were_measured(
        broker: Broker, ear: Ear, tmp_path: Path) -> None:
    played = scenario.parse({"lasts": "4h", "devices": [PUMP],
                             "happens": [{"do": "offline_burst", "at": "1h", "for": "2h"}]}, "test")
    _run(broker, played, 3_600, 10, tmp_path / "truth.jsonl")
    ear.wait(lambda heard: bool(_bodies(heard, "status")) and _bodies(heard, "status")[-1]["state"] == "stopped")
    states = [place for place, (topic, _) in enumerate(ear.heard) if topic.endswith("status")]
    times = [body["ts"] for body in _bodies(ear.heard, "telemetry")]
    head, row, _ = _lines(tmp_path / "truth.jsonl")

    assert _bodies(ear.heard[states[1]:states[2]], "telemetry") == []  # lost: not a word
    assert len([at for at in times if row["from"] < at < row["to"]]) > 100
    assert sorted(set(times)) == sorted(times)  # none twice, none missing
    assert max(after - before for before, after in zip(sorted(times), sorted(times)[1:], strict=False)) < 100
    assert head["speed"] == 3_600


@slow
def test_two_thousand_devices_have_two_thousand_connections(broker: Broker, tmp_path: Path) -> None:
    played = scenario.parse({"fleet": {"mix": [{"kind": "heat_pump", "share": 1, "every": "60s"}]}}, "test", 2_000)
    report = _run(broker, played, 10, 6, tmp_path / "truth.jsonl")

    assert report.connections == 2_000
    assert report.acknowledged == report.published >= 4_000


@slow
def test_ten_thousand_devices_fit_in_300_megabytes(broker: Broker) -> None:
    code = ("import sys; from device_sim.__main__ import main; from device_sim.load_worker import peak_mb;"
            "main(sys.argv[1:]); print(peak_mb())")
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "healthy-week", "--devices", "10000", "--speed", "30", "--seconds", "5",
         "--json", "--broker", f"127.0.0.1:{broker.port}"], capture_output=True, text=True, timeout=120, check=True)
    report, megabytes = done.stdout.splitlines()

    assert Report(**json.loads(report)).devices == 10_000
    assert float(megabytes) < 300


# -- the command line


def _command(broker: Broker, *words: str) -> list[str]:
    return [sys.executable, "-m", "device_sim", "run", *words, "--broker", f"127.0.0.1:{broker.port}"]


@slow
def test_the_command_line_plays_a_scenario_and_reports_its_totals(broker: Broker, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    done = subprocess.run(_command(broker, "scenarios/town.yaml", "--speed", "300", "--json", "--truth", str(truth)),
                          capture_output=True, text=True, timeout=30, check=True)
    report = Report(**json.loads(done.stdout))
    found = {(row["device"], row["kind"], row["expect"], row["rule"]) for row in _lines(truth)[1:-1]}

    assert (report.devices, report.simulated_s) == (12, 900)
    assert report.acknowledged + report.unconfirmed == report.published > 100
    assert found == {
        ("hp-alice", "overheating", "ticket", "overheating"), ("button-alice", "press", "callback", ""),
        ("leak-cellar", "water", "ticket", "leak"), ("hp-bob", "power_loss", "ticket", "silent"),
        ("hp-row-003", "silence", "ticket", "silent")}


@slow
def test_hands_move_devices_until_their_input_ends(broker: Broker) -> None:
    done = subprocess.run(
        _command(broker, str(TOWN), "--hands", "--journal", "-"), text=True, timeout=30, check=True,
        input="leak-cellar wet\nleak-cellar fly\nnobody press\n", capture_output=True)

    assert [(line["device"], line["what"]) for line in map(json.loads, done.stdout.splitlines())] == [
        ("leak-cellar", "wet"), ("leak-cellar", "refused"), ("nobody", "refused")]


@slow
def test_ctrl_c_ends_in_order_and_the_truth_is_complete(broker: Broker, ear: Ear, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with subprocess.Popen(_command(broker, "town", "--speed", "60", "--json", "--truth", str(truth)),
                          stdout=subprocess.PIPE, text=True) as running:
        ear.wait(lambda heard: len(_bodies(heard, "telemetry")) > 30)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=20)

    assert running.returncode == 0
    assert json.loads(out)["published"] > 30
    assert "ended" in _lines(truth)[-1]
    ear.wait(lambda heard: sum(body["state"] == "stopped" for body in _bodies(heard, "status")) == 11)


@pytest.mark.parametrize(("words", "said"), [
    (("run", "town", "--broker", "127.0.0.1:1"), "no broker answers at 127.0.0.1:1"),
    (("run", "town", "--broker", "nowhere"), "--broker 'nowhere': expected host:port"),
    (("run", "town", "--speed", "0"), "--speed 0.0: expected simulated seconds in one second"),
    (("run", "town", "--truth", "/nowhere/truth"), "/nowhere/truth: No such file or directory, expected a file"),
    (("fleet", "overheating", "--devices", "0"), "--devices 0: expected 1 to 100000"),
    (("run", "no-such"), "expected a YAML file, or one of the shipped scenarios"),
    (("fleet", "feeder-outage", "--devices", "12"), "happens[1]: 'outage' befalls nobody"),
])
def test_what_cannot_be_done_is_said_in_one_line_each(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert said in str(ended.value)
