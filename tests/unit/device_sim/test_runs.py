"""Runs of the simulated fleet: their truth is what happened, thousands fit, and a command line starts and ends them."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from device_sim import scenario
from device_sim.__main__ import main
from device_sim.ground_truth import Truth
from device_sim.real_time_run import RealTimeRun, Report, nobody
from device_sim.scenario import SHIPPED, Scenario
from device_sim.scoring.sources import read_truth
from gateway.mqtt.local_broker import Broker, start_broker
from tests.fixtures.broker_recorder import PUMP, BrokerRecorder, bodies, recording

slow = pytest.mark.slow  # real brokers and devices, started anew for each story
SAMPLE_FLEET = SHIPPED / "town.yaml"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with start_broker(tmp_path / "broker", save="each second") as running:
        yield running


@pytest.fixture
def ear(broker: Broker) -> Iterator[BrokerRecorder]:
    with recording(broker.port) as listening:
        yield listening


def _run(broker: Broker, played: Scenario, speed: float, seconds: float, truth: Path, seed: int = 7) -> Report:
    with truth.open("w", encoding="utf-8") as file:
        return RealTimeRun(played, seed, Truth(file), nobody).run(broker.host, broker.port, speed, seconds)


def _lines(truth: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]


@slow
@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yaml")), ids=lambda file: str(file.stem))
def test_every_shipped_scenario_runs_and_writes_a_truth_that_the_score_can_read(
        broker: Broker, tmp_path: Path, file: Path) -> None:
    played = scenario.load(file, None if file == SAMPLE_FLEET else 60)
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
        broker: Broker, ear: BrokerRecorder, tmp_path: Path) -> None:
    played = scenario.parse({"lasts": "4h", "devices": [PUMP],
                             "happens": [{"do": "offline_burst", "at": "1h", "for": "2h"}]}, "test")
    _run(broker, played, 3_600, 10, tmp_path / "truth.jsonl")
    ear.wait(lambda heard: bool(bodies(heard, "status")) and bodies(heard, "status")[-1]["state"] == "stopped")
    states = [place for place, (topic, _) in enumerate(ear.heard) if topic.endswith("status")]
    times = [body["ts"] for body in bodies(ear.heard, "telemetry")]
    head, row, _ = _lines(tmp_path / "truth.jsonl")

    assert bodies(ear.heard[states[1]:states[2]], "telemetry") == []  # lost: not a word
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
    code = ("import sys; from device_sim.__main__ import main; from device_sim.load.worker import peak_mb;"
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
        _command(broker, str(SAMPLE_FLEET), "--hands", "--journal", "-"), text=True, timeout=30, check=True,
        input="leak-cellar wet\nleak-cellar fly\nnobody press\n", capture_output=True)

    assert [(line["device"], line["what"]) for line in map(json.loads, done.stdout.splitlines())] == [
        ("leak-cellar", "wet"), ("leak-cellar", "refused"), ("nobody", "refused")]


@slow
def test_ctrl_c_ends_in_order_and_the_truth_is_complete(broker: Broker, ear: BrokerRecorder, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with subprocess.Popen(_command(broker, "town", "--speed", "60", "--json", "--truth", str(truth)),
                          stdout=subprocess.PIPE, text=True) as running:
        ear.wait(lambda heard: len(bodies(heard, "telemetry")) > 30)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=20)

    assert running.returncode == 0
    assert json.loads(out)["published"] > 30
    assert "ended" in _lines(truth)[-1]
    ear.wait(lambda heard: sum(body["state"] == "stopped" for body in bodies(heard, "status")) == 11)


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
