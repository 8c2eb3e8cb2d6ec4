"""What is scored, and what the score says: truth files, exports, a real gateway's API; tables and JSON."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from device_sim.scoring import command
from device_sim.scoring.scores import NOTHING, Finding
from device_sim.scoring.sources import BadSource, ask_gateway, read_export, read_truth
from gateway.store import Store
from gateway.store.accounts.api_keys import create_key
from tests import ROOT
from tests.drivers.device_client import device_client
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.servers import Mosquitto, wait_until

HEAD = {"scenario": "by hand", "seed": 7, "devices": 2, "started": 1_000, "speed": 60.0}
LEAK = {"device": "a", "site": None, "kind": "leak", "from": 2_000, "to": None, "expect": "ticket", "rule": "leak",
        "group": None}
TAIL = {"ended": 901_000, "device_days": 20.0}


def _file(path: Path, *lines: Any) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


@pytest.mark.parametrize(("lines", "words"), [
    ((HEAD, LEAK), "truth.jsonl:2: expected a last line with `ended`"),
    ((LEAK, TAIL), "expected a first line with `started`"),
    ((HEAD, "{", TAIL), "truth.jsonl:2: expected one JSON object a line"),
    ((HEAD, LEAK | {"from": "noon"}, TAIL), "truth.jsonl:2: from: 'noon', expected a whole number"),
    ((HEAD, LEAK | {"to": 5}, TAIL), "truth.jsonl:2: to: 5, expected no time before `from` (2000)"),
    ((HEAD, LEAK | {"expect": "panic"}, TAIL), "truth.jsonl:2: expect: 'panic', expected one of ticket, alarm,"),
    ((HEAD, LEAK | {"device": 5}, TAIL), "truth.jsonl:2: device: 5, expected text"),
    ((HEAD, TAIL | {"device_days": "many"}), "truth.jsonl:2: device_days: 'many', expected a number"),
])
def test_a_wrong_truth_file_says_where_and_what_it_expected(lines: tuple[Any, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=re.escape(words)):
        read_truth(_file(tmp_path / "truth.jsonl", *lines))


def test_an_alarm_is_known_when_its_ticket_is_opened_or_when_the_gateway_raised_it(tmp_path: Path) -> None:
    """Where neither is said, only when the condition began by the device's clock: the rule's wait is not in it."""
    found = read_export(_file(
        tmp_path / "export.jsonl", {"exported": 9, "families": ["ticket", "alarm"]},
        {"what": "ticket", "id": "T-1", "device": "a", "site": "h", "rule": "leak", "opened": 5_000, "closed": None},
        {"what": "alarm", "id": "A-1", "device": "a", "site": "h", "rule": "leak", "opened": 2_000, "closed": None,
         "ticket": "T-1"},
        {"what": "alarm", "id": "A-2", "device": "a", "site": "h", "rule": "filter", "opened": 3_000, "known": 3_500,
         "closed": 4_000, "ticket": None, "held_by": None},
        {"what": "alarm", "id": "A-3", "device": "a", "site": "h", "rule": "no_heat", "opened": 3_000, "closed": 4_000,
         "ticket": None, "held_by": "rule:stuck"},
        {"what": "alarm", "id": "A-4", "device": "a", "site": "h", "rule": "leak", "opened": 2_000, "closed": 4_000,
         "ticket": "T-1", "held_by": "rule:stuck"},
        {"what": "alarm", "id": "A-5", "device": "a", "site": "h", "rule": "silent", "opened": 3_000, "closed": 4_000,
         "ticket": None, "held_by": "X-1"},
        {"what": "notifications", "topic": "fault_found", "state": "sent", "count": 1}))

    assert found == {"ticket": [Finding("T-1", 5_000, None, "a", "h", "leak")],
                     "alarm": [Finding("A-1", 5_000, None, "a", "h", "leak"),
                               Finding("A-2", 3_500, 4_000, "a", "h", "filter"),
                               Finding("A-3", 3_000, 4_000, "a", "h", "no_heat", explained_by="stuck"),
                               Finding("A-4", 5_000, 4_000, "a", "h", "leak"),  # somebody was sent all the same
                               Finding("A-5", 3_000, 4_000, "a", "h", "silent")]}


def test_a_ticket_is_about_every_alarm_that_hangs_on_it_also_when_it_was_merged(tmp_path: Path) -> None:
    alarm = {"what": "alarm", "device": "a", "site": "h", "closed": None, "held_by": None}
    found = read_export(_file(
        tmp_path / "export.jsonl", {"exported": 9, "families": ["ticket", "alarm"]},
        {"what": "ticket", "id": "T-1", "device": "a", "site": "h", "opened": 5_000, "closed": None},
        {"what": "ticket", "id": "T-2", "device": "b", "site": "h", "opened": 5_500, "closed": 6_000,
         "merged_into": "T-1"},
        {"what": "ticket", "id": "T-3", "device": None, "site": "h", "rule": "outage:X-1", "opened": 6_000,
         "closed": None},
        alarm | {"id": "A-1", "rule": "leak", "opened": 2_000, "known": 4_900, "ticket": "T-1"},
        alarm | {"id": "A-2", "rule": "no_heat", "opened": 3_000, "known": 7_000, "ticket": "T-1"},
        alarm | {"id": "A-3", "rule": "leak", "opened": 8_000, "known": 8_000, "ticket": "T-1"},  # it came back
        alarm | {"id": "A-4", "device": "b", "rule": "silent", "opened": 5_400, "known": 5_500, "ticket": "T-2"}))

    assert found["ticket"] == [
        Finding("T-1", 5_000, None, "a", "h", "leak"), Finding("T-1", 5_500, None, "b", "h", "silent"),
        Finding("T-1", 7_000, None, "a", "h", "no_heat")]


def test_the_tables_say_without_colour_what_was_wrong_and_what_could_not_be_scored(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outage = LEAK | {"kind": "outage", "expect": "outage", "rule": "silent", "group": "F1"}
    truth = _file(tmp_path / "truth.jsonl", HEAD, LEAK, outage, TAIL)
    export = _file(tmp_path / "export.jsonl", {"exported": 9, "families": ["ticket"]}, *(
        {"what": "ticket", "id": f"T-{number}", "device": f"[{number}]", "site": "h", "rule": "overheating",
         "opened": 3_000, "closed": None} for number in range(25)))
    command.main(["--truth", str(truth), "--against", str(export)])
    told = capsys.readouterr().out

    assert "\x1b" not in told
    assert "tickets: 26 missed or false, the first 20" in told
    assert "and 6 more: --all" in told
    assert "leak: no ticket leak; it lasted to" in told
    assert "[17]" in told
    assert "not scored, asked for by the truth: outage × 1" in told

    command.main(["--truth", str(truth), "--against", str(export), "--json", "--all"])
    line = json.loads(capsys.readouterr().out)
    assert line["ticket"]["total"]["false_per_1000_device_days"] == 1_250.0  # 25 in 20 device-days
    assert (len(line["ticket"]["wrong"]), line["not_scored"]) == (26, {"alarm": 1, "outage": 1})


def test_an_absent_gateway_and_an_absent_file_are_said_in_words(tmp_path: Path, free_port: Any) -> None:
    truth = str(_file(tmp_path / "truth.jsonl", HEAD, LEAK, TAIL))

    with pytest.raises(SystemExit, match="no gateway answers"):
        command.main(["--truth", truth, "--against", f"http://127.0.0.1:{free_port()}"])
    with pytest.raises(SystemExit, match="cannot be read"):
        command.main(["--truth", truth, "--against", str(tmp_path / "nothing.jsonl")])


@pytest.mark.slow
def test_a_real_gateway_is_scored_by_its_api_and_by_its_export(
        mosquitto: Mosquitto, sqlite_url: str, store: Store, tmp_path: Path, free_port: Any,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pumps overheat, one of them in words that nobody reads; a healthy one sends a fault code; one press."""
    save_hundred_sites(store, 4)
    with store.write() as session:
        key = create_key(session, "score", "read", 1)
    url = f"http://127.0.0.1:{(port := free_port())}"
    with GatewayProcess(tmp_path, sqlite_url, mosquitto.port, more={"WEB__PORT": str(port)}) as gateway, \
            device_client(mosquitto.port) as devices:
        gateway.wait_until_listening(store)
        truth, began = _play(devices, tmp_path)
        wait_until(lambda: len(_ticketed(store)) == 2, 20, "two tickets")
        asked = [sys.executable, "-m", "device_sim", "score", "--truth", str(truth), "--grace", "1", "--json"]
        by_api = _answer([*asked, "--against", url], {"GATEWAY_API_KEY": key})
        refused = subprocess.run([*asked, "--against", url, "--key", "psg_wrong"], cwd=ROOT, capture_output=True,
                                 text=True, timeout=60, check=False)
        export = tmp_path / "export.jsonl"
        export.write_text(_output([sys.executable, "-m", "gateway", "export"], {"GATEWAY_DATABASE_URL": sqlite_url}))
        by_export = _answer([*asked, "--against", str(export)], {})
        now = time.time_ns() // 1_000_000
        at_once = ask_gateway(url, key, began, now)
        monkeypatch.setattr("device_sim.scoring.sources.PAGE", 1)
        page_by_page, open_from_before = ask_gateway(url, key, began, now), ask_gateway(url, key, now, now)

    tickets, callbacks = by_api["ticket"]["total"], by_api["callback"]["total"]
    assert [tickets[name] for name in ("episodes", "found", "missed", "false")] == [2, 1, 1, 1]
    assert [callbacks[name] for name in ("episodes", "found", "false")] == [1, 1, 0]
    assert 0 <= tickets["delay_p50_ms"] < 10_000
    assert [(wrong["what"], wrong["about"], wrong["said"]) for wrong in by_api["ticket"]["wrong"]] == [
        ("missed", "pump-1", NOTHING), ("false", "pump-2", "fault:E7")]
    assert by_api["ticket"]["wrong"][0]["at"] == began
    assert by_export == by_api
    assert page_by_page == open_from_before == at_once
    assert {family: len(found) for family, found in at_once.items()} == {
        "ticket": 2, "alarm": 2, "outage": 0, "callback": 1}
    assert "expected a key that may read" in refused.stderr
    assert "Family" not in export.read_text()


def _play(devices: Any, folder: Path) -> tuple[Path, int]:
    """Says it, waits until the broker has it, and writes what was true; answers the file and when it began."""
    began = time.time_ns() // 1_000_000
    devices.say("devices/pump-0/telemetry", {"ts": began, "seq": 1, "values": {"flow_temp": 90}})
    devices.say("devices/pump-1/telemetry", {"ts": began, "seq": 1, "values": {"heat": 90}})
    devices.say("devices/pump-2/fault", {"code": "E7", "active": True})
    devices.say("devices/button-3a/press", {"id": "p-1", "ts": began})
    devices.flush()
    time.sleep(2)
    line = {"site": None, "group": None, "from": began, "to": None, "rule": ""}
    hot = line | {"kind": "overheating", "expect": "ticket", "rule": "overheating"}
    return _file(
        folder / "truth.jsonl", HEAD | {"started": began - 1_000, "speed": 1.0},
        hot | {"device": "pump-0"}, hot | {"device": "pump-1"},
        line | {"device": "button-3a", "site": "home-3", "kind": "press", "expect": "callback", "to": began},
        {"ended": began + 5_000, "device_days": 1.0}), began


def _ticketed(store: Store) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM ticket"))


def _output(words: list[str], settings: dict[str, str]) -> str:
    return subprocess.run(words, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=60,
                          check=True).stdout


def _answer(words: list[str], settings: dict[str, str]) -> Any:
    return json.loads(_output(words, settings))
