"""Scoring is exact: each figure here was worked out by hand from what happened and what the gateway said."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from device_sim import score as command
from device_sim.score_sources import BadSource, ask_gateway, read_export, read_truth
from device_sim.scoring import FAMILIES, NOTHING, Episode, Family, Finding, Score, Truth, events, score
from gateway.store import Store
from gateway.store.keys import create_key
from tests.process import ROOT, GatewayProcess
from tests.servers import Mosquitto, wait_until
from tests.village import settle
from tests.wire import speaker

TICKET, ALARM, OUTAGE, CALLBACK = FAMILIES
GRACE = 10


def _run(*episodes: Episode, device_days: float = 1.0) -> Truth:
    """A run from 0 to 1,000."""
    return Truth("by hand", 7, 10, 1.0, 0, 1_000, device_days, episodes)


def hot(device: str, began: int, ended: int | None, expect: str = "ticket") -> Episode:
    return Episode(device, f"home-{device}", "overheating", began, ended, expect, "overheating")


def nothing_wanted(device: str, kind: str, began: int, ended: int) -> Episode:
    return Episode(device, f"home-{device}", kind, began, ended, "none")


def said(number: int, device: str, at: int, rule: str = "overheating", closed: int | None = None) -> Finding:
    return Finding(f"T-{number}", at, closed, device, f"home-{device}", rule)


def _score(truth: Truth, *findings: Finding, family: Family = TICKET) -> Score:
    return score(truth, findings, family, GRACE)


def _counts(result: Score) -> dict[str, int]:
    """What is not zero of the total."""
    total = vars(result.total) | {"outside": result.outside}
    return {name: number for name, number in total.items() if isinstance(number, int) and number}


def test_precision_recall_and_delay_by_hand() -> None:
    truth = _run(hot("a", 100, 200), hot("b", 100, 200), hot("c", 100, 200), hot("d", 100, 200),
                 nothing_wanted("e", "clock_skew", 100, 200), device_days=500.0)
    result = _score(truth, said(1, "a", 110), said(2, "b", 130), said(3, "c", 190), said(4, "e", 150, "stale"))

    assert _counts(result) == {"episodes": 4, "found": 3, "missed": 1, "false": 1}
    assert (result.total.precision, result.total.recall) == (3 / 4, 3 / 4)
    assert (result.total.delay(0.5), result.total.delay(0.95)) == (30, 90)  # of 10, 30, 90 by nearest rank
    assert (result.kinds["overheating"].precision, result.kinds["overheating"].recall) == (1.0, 3 / 4)
    assert (result.kinds["clock_skew"].precision, result.kinds["clock_skew"].recall) == (0.0, None)
    assert command.as_json(truth, [result], {}, GRACE, False)["ticket"]["total"]["false_per_1000_device_days"] == 2.0
    assert dict(result.confusion) == {("overheating", "overheating"): 3, ("overheating", NOTHING): 1,
                                      ("clock_skew", "stale"): 1}


@pytest.mark.parametrize(("share", "delay"), [(0.5, 10), (0.95, 19), (1.0, 20)])
def test_percentiles_are_by_nearest_rank(share: float, delay: int) -> None:
    """Of 1, 2, …, 20: half of them are up to 10, and 19 of 20 up to 19."""
    truth = _run(*(hot(f"d{number}", 100, 300) for number in range(1, 21)))
    result = _score(truth, *(said(number, f"d{number}", 100 + number) for number in range(1, 21)))

    assert result.total.delay(share) == delay


@pytest.mark.parametrize(("at", "counts"), [
    (99, {"episodes": 1, "missed": 1, "false": 1}),  # before it began
    (100, {"episodes": 1, "found": 1}),
    (210, {"episodes": 1, "found": 1}),  # grace is 10
    (211, {"episodes": 1, "missed": 1, "false": 1}),
])
def test_an_alarm_counts_from_the_beginning_to_the_end_and_its_grace(at: int, counts: dict[str, int]) -> None:
    assert _counts(_score(_run(hot("a", 100, 200)), said(1, "a", at, closed=at))) == counts


def test_another_device_or_another_rule_does_not_count() -> None:
    result = _score(_run(hot("a", 100, 200)), said(1, "b", 150), said(2, "a", 150, "low_pressure"))

    assert _counts(result) == {"episodes": 1, "missed": 1, "false": 2}
    assert [(wrong.what, wrong.about, wrong.kind, wrong.said, wrong.why) for wrong in result.wrongs] == [
        ("missed", "a", "overheating", NOTHING, "no ticket overheating; it lasted 0 s, and grace 0.01 s"),
        ("false", "a", "overheating", "low_pressure", "overheating asks for ticket overheating"),
        ("false", "b", NOTHING, "overheating", "nothing was wrong there at that time")]


def test_flapping_is_one_find_and_repeats() -> None:
    result = _score(_run(hot("a", 100, 200)), said(3, "a", 180), said(1, "a", 120, closed=130), said(2, "a", 140))

    assert _counts(result) == {"episodes": 1, "found": 1, "repeats": 2}
    assert (result.total.delays, result.total.precision) == ([20], 1.0)


def test_the_same_ticket_read_twice_is_one() -> None:
    result = _score(_run(hot("a", 100, 200)), said(1, "a", 120), said(1, "a", 120))

    assert _counts(result) == {"episodes": 1, "found": 1}


def test_within_the_grace_of_one_episode_and_the_time_of_the_next_it_belongs_to_the_next() -> None:
    result = _score(_run(hot("a", 100, 200), hot("a", 205, 300)), said(1, "a", 208), said(2, "a", 209))

    assert _counts(result) == {"episodes": 2, "found": 1, "missed": 1, "repeats": 1}
    assert result.total.delays == [3]


def test_of_two_episodes_at_once_each_has_its_own_alarm() -> None:
    leak = Episode("a", None, "leak", 100, 200, "ticket", "leak")
    any_rule = [Episode("b", None, kind, began, 200, "ticket") for kind, began in (("x", 100), ("y", 110))]
    result = _score(_run(hot("a", 100, 200), leak, *any_rule), said(1, "a", 120, "leak"), said(2, "a", 121),
                    said(3, "b", 120, "first"), said(4, "b", 121, "second"))

    assert _counts(result) == {"episodes": 4, "found": 4}
    assert result.confusion["y", "first"] == result.confusion["x", "second"] == 1  # the one that began last comes first


def test_an_episode_that_names_the_rule_comes_before_one_that_names_none() -> None:
    result = _score(_run(hot("a", 100, 200), Episode("a", None, "update", 110, 200, "ticket")), said(1, "a", 120),
                    said(2, "a", 130, "stale"))

    assert dict(result.confusion) == {("overheating", "overheating"): 1, ("update", "stale"): 1}


def test_what_was_open_before_is_neither_found_nor_missed() -> None:
    """One problem is one ticket: it comes back before the ticket is closed, and no second ticket is opened."""
    truth = _run(hot("a", 100, 200), hot("a", 400, 500), hot("a", 700, 800))
    result = _score(truth, said(1, "a", 120, closed=600))

    assert _counts(result) == {"episodes": 2, "found": 1, "missed": 1, "already_open": 1}


@pytest.mark.parametrize(("finding", "counts"), [
    (said(1, "a", 20, closed=100), {"already_open": 1}),
    (said(1, "a", 20, closed=99), {"episodes": 1, "missed": 1}),
    (said(1, "a", 20, "low_pressure"), {"episodes": 1, "missed": 1}),
    (said(1, "b", 20), {"episodes": 1, "missed": 1}),
])
def test_only_the_same_thing_still_open_excuses_an_episode(finding: Finding, counts: dict[str, int]) -> None:
    assert _counts(_score(_run(hot("a", 100, 200)), finding)) == counts | {"false": 1}


def test_what_began_too_late_to_be_judged_is_left_out_found_or_not() -> None:
    """The run ends at 1,000 and grace is 10."""
    result = _score(_run(hot("a", 990, None), hot("b", 991, None), hot("c", 991, None)), said(1, "c", 995))

    assert _counts(result) == {"episodes": 1, "missed": 1, "too_young": 2}


def test_an_open_episode_may_be_found_until_the_grace_after_the_run() -> None:
    result = _score(_run(hot("a", 100, None), hot("b", 100, None)), said(1, "a", 1_010), said(2, "b", 1_011))

    assert _counts(result) == {"episodes": 2, "found": 1, "missed": 1, "outside": 1}


def test_what_was_said_before_or_after_the_run_is_not_judged() -> None:
    """When a run ends its devices fall silent, and the gateway is right to say so."""
    result = _score(_run(hot("a", 100, 200)), said(1, "x", -1), said(2, "x", 1_001), said(3, "x", 1_000))

    assert _counts(result) == {"episodes": 1, "missed": 1, "false": 1, "outside": 2}


def test_an_episode_to_be_recorded_wants_an_alarm_and_no_ticket() -> None:
    truth = _run(Episode("a", None, "filter", 100, 200, "alarm", "filter"))
    told = said(1, "a", 150, "filter")

    assert _counts(_score(truth, told, family=ALARM)) == {"episodes": 1, "found": 1}
    assert _counts(_score(truth, told)) == {"false": 1}


STUCK = Episode("a", None, "stuck", 100, 200, "alarm", "stuck")
STANDS_STILL = said(1, "a", 150, "stuck", closed=210)


def explained(at: int, closed: int | None = None, by: str = "stuck") -> Finding:
    return said(2, "a", at, "no_heat", closed)._replace(explained_by=by)


@pytest.mark.parametrize("finding", [explained(140), explained(140, 150), explained(210), explained(300, 400, "other")])
def test_what_a_true_alarm_explains_was_said_to_nobody(finding: Finding) -> None:
    other = said(3, "a", 320, "other")
    truth = _run(STUCK, Episode("a", None, "else", 300, 400, "alarm", "other"))
    result = _score(truth, STANDS_STILL, other, finding, family=ALARM)

    assert _counts(result) == {"episodes": 2, "found": 2, "explained": 1}
    assert result.kinds["else" if finding.explained_by == "other" else "stuck"].explained == 1


@pytest.mark.parametrize("finding", [
    explained(140, 149),  # over before what explains it began
    explained(211),  # begun after that was over
    explained(160, by="overheating"),  # which is not there
    explained(160)._replace(device="b"),  # another device
    said(2, "a", 160, "no_heat"),  # nothing explains it
])
def test_only_what_is_open_on_the_same_device_explains(finding: Finding) -> None:
    assert _counts(_score(_run(STUCK), STANDS_STILL, finding, family=ALARM)) == {
        "episodes": 1, "found": 1, "false": 1}


def test_a_false_alarm_explains_nothing_away() -> None:
    assert _counts(_score(_run(), STANDS_STILL, explained(160), family=ALARM)) == {"false": 2}


def test_what_is_explained_finds_nothing_either() -> None:
    """It is right, and nobody was told: the pump that gives no heat was missed, and the next one is no repeat of it."""
    cold = [Episode("a", None, "cold", began, 400, "alarm", "no_heat") for began in (100, 170)]

    assert _counts(_score(_run(STUCK, *cold), STANDS_STILL, explained(160, 390), family=ALARM)) == {
        "episodes": 3, "found": 1, "missed": 2, "explained": 1}
    assert _counts(_score(_run(*cold), STANDS_STILL, explained(160, 390), family=ALARM)) == {
        "episodes": 1, "found": 1, "already_open": 1, "false": 1}


def _feeder() -> list[Episode]:
    """Three homes of one feeder go dark together and come back one by one; the third stays dark."""
    dark = [Episode(device, f"home-{device}", "outage", 100, back, "outage", "silent", "F1")
            for device, back in (("a", 200), ("b", 230), ("c", 210))]
    return [*dark, Episode("c", "home-c", "dark_home", 210, 400, "ticket", "silent", "F1")]


def test_an_outage_is_one_however_many_homes_are_dark() -> None:
    seen = Finding("O-1", 130, 240, group="F1")

    assert [(one.kind, one.began, one.ended) for one in events(_feeder())] == [
        ("outage", 100, 230), ("dark_home", 210, 400)]
    assert _counts(_score(_run(*_feeder()), seen, family=OUTAGE)) == {"episodes": 1, "found": 1}
    assert _counts(_score(_run(*_feeder()), seen._replace(group="F2"), family=OUTAGE)) == {
        "episodes": 1, "missed": 1, "false": 1}


def test_in_an_outage_an_alarm_is_excused_a_ticket_is_false_and_the_nested_fault_wants_its_own() -> None:
    truth = _run(*_feeder())

    assert _counts(_score(truth, said(1, "a", 150, "silent"), family=ALARM)) == {
        "episodes": 1, "missed": 1, "excused": 1}
    assert _counts(_score(truth, said(1, "a", 150, "silent"), said(2, "c", 260, "silent"))) == {
        "episodes": 1, "found": 1, "false": 1}


def test_a_mashed_button_is_one_callback_for_its_home() -> None:
    truth = _run(Episode("button-1", "home-1", "mash", 100, 110, "callback"))
    other_button = Finding("C-2", 112, None, "button-2", "home-1")

    assert _counts(_score(truth, Finding("C-1", 101, None, "button-1", "home-1"), other_button, family=CALLBACK)) == {
        "episodes": 1, "found": 1, "repeats": 1}


def test_a_run_without_homes_knows_a_callback_by_its_button() -> None:
    truth = _run(Episode("b", None, "press", 100, 100, "callback"))

    assert _counts(_score(truth, Finding("C-1", 101, None, "b", "home-9"), family=CALLBACK)) == {
        "episodes": 1, "found": 1}


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
    settle(store, 4)
    with store.write() as session:
        key = create_key(session, "score", "read", 1)
    url = f"http://127.0.0.1:{(port := free_port())}"
    with GatewayProcess(tmp_path, sqlite_url, mosquitto.port, more={"WEB__PORT": str(port)}) as gateway, \
            speaker(mosquitto.port) as devices:
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
        monkeypatch.setattr("device_sim.score_sources.PAGE", 1)
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
