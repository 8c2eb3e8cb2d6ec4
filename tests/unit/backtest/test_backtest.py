"""`gateway backtest`: rules tried on readings that were really heard, with figures that a hand can check."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from gateway.backtest import (
    Episode,
    Outcome,
    Place,
    Row,
    SimulatedAlarm,
    as_json,
    build_report,
    compare,
    listening_gaps,
    read_truth,
    replay,
    score_rules,
)
from gateway.backtest.ground_truth import BadTruth
from gateway.backtest.history_lines import BadLine, columns, from_csv, from_json
from gateway.cli.backtest_workers import Trial, batches, replay_batch, worker_pool
from gateway.cli.readings_file import BadHistory, joined, parts, read_part, unpacked
from gateway.config.settings import Service
from gateway.devices.profiles import Profile, compile_profile
from gateway.model import HOUR, MINUTE, SECOND, Alarm, Instant, from_iso, to_iso
from gateway.store import Store
from gateway.store.readings import history
from tests import ROOT
from tests.drivers.command_line import gateway
from tests.drivers.story import HEAT_PUMP, begin

NOON = from_iso("2026-11-23T12:00:00Z")
PUMP = """
profile: pump
name: {en: heat pump}
signals: {flow_temp: {unit: °C}}
silence: {link: 5m, severity: major, skill: electrical}
rules:
  overheating:
    when: flow_temp > 75
    clear: flow_temp < 65
    for: 30s
    severity: critical
    skill: heating
    cause: {en: The heat pump is overheating}
"""
PLACE = Place("hp-1", "pump", "home-1", "alice", "native:hp-1")


def profile(text: str = PUMP) -> Profile:
    return compile_profile(text, "pump.yaml")


def minutes(*temperatures: float | None, start: Instant = NOON) -> list[Row]:
    """One reading a minute; None: nothing was heard then."""
    return [(start + number * MINUTE, start + number * MINUTE, {"flow_temp": degrees})
            for number, degrees in enumerate(temperatures) if degrees is not None]


def tried(rows: list[Row], text: str = PUMP, end: Instant | None = None) -> Outcome:
    return replay(profile(text), PLACE, rows, rows[-1][0] if end is None else end, Service())


def at(minute: float) -> Instant:
    return NOON + round(minute * MINUTE)


def test_an_alarm_is_raised_between_two_readings_when_its_time_has_come() -> None:
    outcome = tried(minutes(*[50.0] * 10, *[80.0] * 8, *[50.0] * 42))
    assert outcome.alarms == [SimulatedAlarm("hp-1", "overheating", "critical", at(10), at(10.5), at(18))]
    assert outcome.readings == 60


def test_a_fault_that_is_over_before_a_firm_has_answered_costs_no_trip() -> None:
    outcome = tried(minutes(*[50.0] * 10, *[80.0] * 8, *[50.0] * 42))
    [ticket] = outcome.tickets
    assert (ticket.rule, ticket.customer, ticket.visits, ticket.rounds) == ("overheating", "alice", 0, 1)
    assert outcome.messages == 2  # found, and fixed


def test_a_fault_that_lasts_is_one_trip_and_four_messages() -> None:
    outcome = tried(minutes(*[50.0] * 10, *[80.0] * 30, *[50.0] * 20))
    assert [ticket.visits for ticket in outcome.tickets] == [1]
    assert outcome.messages == 4  # found, who comes, on the way, fixed


def test_a_fault_that_comes_back_within_a_quarter_of_an_hour_is_the_same_ticket() -> None:
    soon = tried(minutes(50.0, *[80.0] * 5, *[50.0] * 10, *[80.0] * 5, *[50.0] * 20))
    assert (len(soon.alarms), [ticket.rounds for ticket in soon.tickets]) == (2, [2])
    late = tried(minutes(50.0, *[80.0] * 5, *[50.0] * 16, *[80.0] * 5, *[50.0] * 20))
    assert (len(late.alarms), [ticket.rounds for ticket in late.tickets]) == (2, [1, 1])


def test_silence_is_found_at_its_deadline_and_over_with_the_next_reading() -> None:
    outcome = tried(minutes(50.0, *[None] * 19, 50.0, 50.0))
    assert outcome.alarms == [SimulatedAlarm("hp-1", "silent", "major", at(5), at(5), at(20))]


def test_silence_at_the_end_of_the_history_is_still_open() -> None:
    outcome = tried(minutes(50.0), end=at(60))
    assert outcome.alarms == [SimulatedAlarm("hp-1", "silent", "major", at(5), at(5), None)]


def test_readings_that_came_late_change_no_newer_truth() -> None:
    late: list[Row] = [(at(2), at(-30), {"flow_temp": 90.0}), (at(3), at(-29), {"flow_temp": 90.0})]
    outcome = tried([*minutes(50.0, 50.0), *late, *minutes(50.0, start=at(4))])
    assert (outcome.alarms, outcome.readings) == ([], 5)


def test_when_everybody_is_silent_at_once_nobody_is_blamed() -> None:
    heard = [*range(100), *range(160, 200)]  # minutes: an hour without a word from anyone
    deaf = listening_gaps([NOON // MINUTE + minute for minute in heard], devices=6)
    assert deaf == [(at(100), at(160))]
    rows = minutes(*[50.0] * 100, *[None] * 60, *[50.0] * 40)
    assert replay(profile(), PLACE, rows, at(199), Service(), deaf).alarms == []
    assert listening_gaps(range(10), devices=6) == []
    assert listening_gaps([NOON // MINUTE + minute for minute in heard], devices=1) == []  # one alone can be to blame


def test_a_device_that_stays_silent_after_the_gap_is_judged_from_its_end() -> None:
    outcome = replay(profile(), PLACE, minutes(*[50.0] * 100), at(199), Service(), [(at(100), at(160))])
    assert [(seen.rule, seen.raised) for seen in outcome.alarms] == [("silent", at(165))]


def test_a_rule_that_cannot_be_judged_is_named_and_stops_nothing() -> None:
    text = PUMP.replace("flow_temp: {unit: °C}", "flow_temp: {unit: °C}, word: {type: text}")
    text += "  shaky: {when: 'word.matches(word)', severity: minor, cause: {en: Shaky}}\n"
    rows: list[Row] = [(now, heard, {**values, "word": "("}) for now, heard, values in minutes(*[80.0] * 3)]
    outcome = tried(rows, text)
    assert [seen.rule for seen in outcome.alarms] == ["overheating"]
    assert list(outcome.broken) == ["shaky"]


def test_a_rule_that_latches_always_costs_a_trip() -> None:
    rows = minutes(50.0, *[80.0] * 5, *[50.0] * 30)
    assert [ticket.visits for ticket in tried(rows).tickets] == [0]
    latched = tried(rows, PUMP.replace("for: 30s", "for: 30s\n    latch: true"))
    assert [ticket.visits for ticket in latched.tickets] == [1]
    assert latched.messages == 4


def test_a_rule_that_is_only_watched_shows_what_it_would_have_found_and_does_nothing() -> None:
    watched = tried(minutes(50.0, *[80.0] * 5, *[50.0] * 30), PUMP.replace("for: 30s", "for: 30s\n    monitor: true"))
    assert [seen.rule for seen in watched.alarms] == ["overheating"]
    assert (watched.tickets, watched.messages) == ([], 0)


def test_an_alarm_that_rises_is_listed_with_its_highest_severity() -> None:
    rising = PUMP.replace("severity: critical", "severity: minor\n    rises: {critical: flow_temp > 90}")
    [seen] = tried(minutes(50.0, 80.0, 80.0, 95.0, 80.0, 50.0), rising).alarms
    assert (seen.severity, seen.since, seen.cleared) == ("critical", at(1), at(5))


def test_what_differs_is_only_in_the_new_only_in_the_old_or_moved() -> None:
    rows = minutes(50.0, *[77.0] * 5, *[50.0] * 30, *[85.0] * 10, *[50.0] * 5)
    stricter = PUMP.replace("flow_temp > 75", "flow_temp > 80").replace("for: 30s", "for: 2m")
    extra = stricter + "  warm: {when: flow_temp > 84, severity: minor, cause: {en: Warm}}\n"
    found = [(one.what, (one.new or one.old).rule, one.old and one.old.raised, one.new and one.new.raised)  # type: ignore[union-attr]
             for one in compare(tried(rows).alarms, tried(rows, extra).alarms)]
    assert found == [("only_old", "overheating", at(1.5), None), ("only_new", "warm", None, at(36)),
                     ("moved", "overheating", at(36.5), at(38))]
    assert compare(tried(rows).alarms, tried(rows).alarms) == []


def test_the_sums_are_those_that_a_hand_comes_to() -> None:
    quiet = Outcome("hp-2", "bob", 10)
    report = build_report([tried(minutes(50.0, *[80.0] * 8, *[50.0] * 20, *[80.0] * 3, 50.0)), quiet], at(32))
    [line] = report.rules
    assert (line.alarms, line.devices, line.still_open) == (2, 1, 0)
    # three messages: that the second is over would be told a minute after the last reading
    assert (line.shortest, line.median, line.longest) == (3 * MINUTE, 330 * SECOND, 8 * MINUTE)
    assert (report.readings, report.devices, report.message_counts, len(report.messages)) == (43, 2, [3], 2)
    shown = as_json(report, None, [], None)
    assert (shown["tickets"], shown["truck_rolls"], shown["messages_max"], shown["customers_told"]) == (2, 0, 3, 1)
    assert shown["differs"] is None


def test_the_truth_gives_precision_recall_and_delay() -> None:
    alarms = [SimulatedAlarm("a", "leak", "major", at(1), at(3)),        # found, 3 minutes after it began
              SimulatedAlarm("a", "leak", "major", at(9), at(9)),        # the same episode again
              SimulatedAlarm("b", "leak", "major", at(50), at(50)),      # nothing was wrong there
              SimulatedAlarm("c", "silent", "major", at(12), at(12))]    # its feeder was out: neither right nor false
    truth = [Episode("a", "leak", at(0), at(10), "ticket"), Episode("b", "leak", at(0), at(10), "alarm"),
             Episode("c", "silent", at(10), at(30), "outage"), Episode("d", "leak", at(0), None, "ticket"),
             Episode("b", "leak", at(119), None, "ticket")]    # too young to be found
    leak, silent = score_rules(alarms, truth, ["a", "b", "c"], at(120))
    assert (leak.episodes, leak.found, leak.false, leak.repeats) == (2, 1, 1, 1)
    assert (leak.precision, leak.recall, leak.delay(0.5)) == (0.5, 0.5, 3 * MINUTE)
    assert (silent.excused, silent.false, silent.episodes) == (1, 0, 0)


def test_a_truth_file_is_read_and_a_wrong_line_named() -> None:
    lines = [b'{"scenario":"x","seed":1}', b'{"device":"a","site":null,"kind":"leak","from":5,"to":null,'
             b'"expect":"ticket","rule":"low_pressure","group":null}', b'{"ended":9,"device_days":1}']
    assert read_truth(lines, "t.jsonl") == [Episode("a", "low_pressure", 5, None, "ticket")]
    with pytest.raises(BadTruth, match=r"t\.jsonl:2: 'expect'"):
        read_truth([lines[0], b'{"device":"a","rule":"x","from":1,"to":2}'], "t.jsonl")


@pytest.mark.parametrize(("line", "words"), [
    (b"hello", "no JSON"),
    (b"[1]", "expected an object with device, at and signals"),
    (b'{"at":1788264000000,"signals":{}}', "device: None — expected the device's id"),
    (b'{"device":"a","at":1788264000,"signals":{}}', "at: 1788264000 — expected ms since 1970.*looks like seconds"),
    (b'{"device":"a","at":"2026-11-01T08:00:00","signals":{}}', "at: '2026-11-01T08:00:00' — .*with an offset"),
    (b'{"device":"a","at":true,"signals":{}}', "at: True"),
    (b'{"device":"a","at":1788264000000}', "signals: None — expected an object"),
    (b'{"device":"a","at":1788264000000,"signals":{"t":[1]}}', r"signals\.t: \[1\] — expected a number"),
])
def test_a_line_that_cannot_be_read_says_field_value_and_what_was_expected(line: bytes, words: str) -> None:
    with pytest.raises(BadLine, match=words):
        from_json(line)


def test_json_and_csv_say_the_same() -> None:
    line = b'{"device":"a","at":"2026-11-23T13:00:00+01:00","signals":{"t":45,"on":true,"mode":"heat","no":null}}'
    names = columns(["device", "at", "t", "on", "mode", "no"])
    assert from_json(line) == from_csv(names, ["a", str(NOON), "45", "true", "heat", ""])
    assert type(from_json(line)[3]["t"]) is float
    with pytest.raises(BadLine, match="3 columns — expected 6"):
        from_csv(names, ["a", "b", "c"])
    with pytest.raises(BadLine, match="no column at"):
        columns(["device", "t"])


def test_a_file_read_in_many_small_parts_is_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    rows = [json.dumps({"device": f"d-{n % 3}", "at": NOON + n, "signals": {"t": n / 2}}) for n in range(40)]
    rows[7], rows[20] = "broken", ""
    file.write_text("\n".join(rows), encoding="utf-8")
    whole = joined(file, map(read_part, parts(file, None, None)), strict=False)
    for size in (1, 30, 64, 100, 1000):
        assert joined(file, map(read_part, parts(file, None, None, size)), strict=False) == whole
    assert (whole.readings, whole.bad, whole.lines, [number for number, _ in whole.errors]) == (38, 1, 40, [8])
    with pytest.raises(BadHistory, match=r"h\.jsonl:8: no JSON"):
        joined(file, map(read_part, parts(file, None, None)), strict=True)
    later = joined(file, map(read_part, parts(file, NOON + 30, NOON + 35)), strict=False)
    assert later.readings == 5


def test_a_file_without_readings_says_so(tmp_path: Path) -> None:
    for name, text in (("empty.jsonl", ""), ("empty.csv", "device,at\n")):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        with pytest.raises(BadHistory, match="no reading in it"):
            joined(file, map(read_part, parts(file, None, None)), strict=False)


def test_readings_in_any_order_are_replayed_in_the_order_of_their_times(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    rows = [{"device": "a", "at": NOON - n, "signals": {"t": 1.0}} for n in range(5)]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = joined(file, map(read_part, parts(file, None, None)), strict=False)
    assert [row[0] for row in unpacked(found.devices["a"])] == [NOON - 4, NOON - 3, NOON - 2, NOON - 1, NOON]


@pytest.mark.parametrize("database", ["sqlite_url", pytest.param("postgres_url", marks=pytest.mark.slow)])
def test_the_gateways_own_readings_give_the_alarms_it_raised(database: str, request: pytest.FixtureRequest) -> None:
    """An end-to-end run: what a live gateway heard and did, and the same out of its database."""
    url = request.getfixturevalue(database)
    store = Store(url)
    story = begin(store)
    heat = [50.0, 80.0, 81.0, 70.0, 60.0, *[50.0] * 4, *[None] * 8, 50.0, *[50.0] * 3]
    for degrees in heat:
        if degrees is not None:
            story.says("alice-pump", flow_temp=degrees, pressure=0.4)
        story.says("bob-pump", flow_temp=45.0, pressure=1.5)
        story.wait(seconds=30)
        story.wait(seconds=30)
    live = [(alarm.device_id, alarm.rule, alarm.opened_at, alarm.closed_at) for alarm in story.all(Alarm)]
    trial = Trial((("".join(HEAT_PUMP), "p.yaml"),), (), frozenset(), Service(), url)
    with store.read() as session:
        places = [place for place in history.places(session) if place.profile == "heat-pump"]
        last, count, _ = history.time_range(session, None, None)
    store.close()
    with worker_pool(trial, alone=True) as pool:
        pairs = pool.each(replay_batch, batches(places, None, last, [], 20), lambda done: None)
    tried_out = [seen for answer in pairs for new, _ in answer for seen in new.alarms]
    assert count == len([one for one in heat if one is not None]) + len(heat)
    assert sorted((seen.device, seen.rule, seen.since, seen.cleared) for seen in tried_out) == sorted(live)
    assert {seen.rule for seen in tried_out} == {"overheating", "low_pressure", "silent"}


def files(tmp_path: Path) -> dict[str, str]:
    """The profile in force and a new one; the environment that names their database."""
    (tmp_path / "profiles").mkdir(exist_ok=True)
    (tmp_path / "profiles" / "pump.yaml").write_text(PUMP, encoding="utf-8")
    (tmp_path / "new.yaml").write_text(PUMP.replace("> 75", "> 85"), encoding="utf-8")
    return {"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db"}


def run(tmp_path: Path, *words: str) -> Result:
    return gateway(tmp_path, "backtest", *words, **files(tmp_path))


def run_apart(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, as it needs who starts several."""
    here = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "130", **files(tmp_path)}
    return subprocess.run([sys.executable, "-m", "gateway", "backtest", *words], cwd=tmp_path, env=here,
                          capture_output=True, text=True, check=False)


def write(file: Path, rows: list[Row], device: str = "hp-1") -> None:
    with file.open("a", encoding="utf-8") as out:
        for _, taken, signals in rows:
            out.write(json.dumps({"device": device, "at": to_iso(taken), "signals": signals}) + "\n")


def test_the_command_prints_what_would_follow_and_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    write(file, minutes(*[50.0] * 10, *[80.0] * 30, *[50.0] * 20))
    write(file, minutes(*[50.0] * 60), "hp-2")
    file.write_text(file.read_text(encoding="utf-8") + '{"device":"hp-2"}\n', encoding="utf-8")
    truth = tmp_path / "t.jsonl"
    truth.write_text(json.dumps({"device": "hp-1", "kind": "overheating", "from": at(10), "to": at(40),
                                 "expect": "ticket", "rule": "overheating"}), encoding="utf-8")
    told: dict[str, Any] = json.loads(run(tmp_path, "--profile", "new.yaml", "--history", "h.jsonl", "--json").stdout)
    assert (told["readings"], told["alarms"], told["in_force"]["alarms"], told["lines_skipped"]) == (120, 0, 1, 1)
    in_force = told["in_force"]
    assert (in_force["truck_rolls"], in_force["messages_max"], in_force["customers"]) == (1, 4, 2)
    [difference] = told["differs"]
    assert (difference["what"], difference["old"]["raised"]) == ("only_old", to_iso(at(10.5)))

    shown = run(tmp_path, "--profile", "profiles/pump.yaml", "--history", "h.jsonl", "--truth", "t.jsonl")
    assert shown.exit_code == 0, shown.stderr
    assert "no alarm differs from the rules in force" in shown.stdout
    assert "1.000" in shown.stdout
    assert "h.jsonl:121: at: None" in shown.stderr
    strict = run(tmp_path, "--profile", "new.yaml", "--history", "h.jsonl", "--strict")
    assert (strict.exit_code, "h.jsonl:121" in strict.stderr) == (1, True)


@pytest.mark.parametrize(("words", "expected"), [
    (("--profile", "new.yaml", "--history", "nowhere.jsonl"), "'nowhere.jsonl' is no file"),
    (("--profile", "new.yaml"), "there is no database"),
    (("--profile", "nowhere.yaml", "--history", "h.jsonl"), "nowhere.yaml"),
    (("--profile", "new.yaml", "--history", "h.jsonl", "--since", "lately"), "--since: 'lately' — expected a day"),
    (("--profile", "new.yaml", "--history", "h.jsonl", "--since", "2030-01-01"), "no reading in it at that time"),
])
def test_what_cannot_be_done_is_said_in_words(tmp_path: Path, words: tuple[str, ...], expected: str) -> None:
    write(tmp_path / "h.jsonl", minutes(50.0, 50.0))
    wrong = run(tmp_path, *words)
    assert wrong.exit_code == 1
    assert expected in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert not (tmp_path / "gateway.db").exists()


@pytest.mark.slow
def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    chance = random.Random(3)
    for number in range(30):
        write(file, minutes(*[round(chance.uniform(40, 90), 1) for _ in range(200)]), f"hp-{number:02d}")
    trial = Trial(((PUMP, "p.yaml"),), ((PUMP.replace("75", "80"), "o.yaml"),), frozenset(), Service())
    answers = []
    for alone in (True, False):
        with worker_pool(trial, alone) as pool:
            found = joined(file, pool.each(read_part, parts(file, None, None, 50_000), lambda done: None), False)
            places = [Place(device, "pump", device, device, device) for device in sorted(found.devices)]
            jobs = batches(places, found.devices, found.last + HOUR, [], 20_000)
            answers.append([pair for pairs in pool.each(replay_batch, jobs, lambda done: None) for pair in pairs])
    assert answers[0] == answers[1]
    assert sum(len(new.alarms) for new, _ in answers[0]) > 100
