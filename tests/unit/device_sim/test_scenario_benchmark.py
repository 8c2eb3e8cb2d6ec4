"""The benchmark that scores detection: a whole gateway in simulated time, and the same figures however it is played."""

from pathlib import Path

import pytest

from benchmarks import scenarios
from benchmarks.scenarios import Job, Result, rehearse, summary
from benchmarks.storm.__main__ import main as storm
from benchmarks.storm.power_cuts import read
from benchmarks.storm.run import play
from benchmarks.storm.scoring import judge

slow = pytest.mark.slow


def _wrong(result: Result) -> list[tuple[str, str, str]]:
    return [(one["family"], one["what"], one["about"]) for one in result.wrongs]


def test_the_town_is_told_of_each_mishap_once() -> None:
    result = rehearse(Job("town", 7, 12, patience=20_000))
    tickets, callbacks = result.scores["ticket"].total, result.scores["callback"].total

    assert (tickets.found, tickets.false, callbacks.found, callbacks.false) == (3, 0, 1, 0)
    assert result.customers  # somebody was told
    assert result.undue == 0


@slow
def test_how_many_reports_make_a_batch_changes_nothing() -> None:
    exact, coarse = (rehearse(Job("feeder-outage", 7, 60, patience=patience)) for patience in (50, 5_000))

    assert _wrong(exact) == _wrong(coarse)
    assert exact.customers == coarse.customers
    for family in ("ticket", "outage"):
        assert exact.scores[family].total.found == coarse.scores[family].total.found


@slow
@pytest.mark.parametrize("name", ["feeder-outage", "button-mash"])
def test_a_gateway_that_is_killed_in_the_middle_tells_nobody_anything_false(name: str) -> None:
    result = rehearse(Job(name, 7, 60, restart=True))

    assert result.undue == 0
    assert result.scores["ticket"].total.false == 0


@slow
def test_a_broker_that_restarts_is_nobodys_fault() -> None:
    result = rehearse(Job("broker-restart", 7, 60))

    assert result.undue == 0
    assert result.scores["ticket"].total.missed == 0
    assert result.operator["gateway_fault"] >= 1  # it was away for twenty seconds


@slow
def test_several_runs_add_up_and_print(capsys: pytest.CaptureFixture[str]) -> None:
    scenarios.main(["--scenario", "town", "--seeds", "1,2", "--jobs", "2"])
    said = capsys.readouterr().out

    assert "2 runs" in said
    assert "town" in said


def test_no_runs_come_to_nothing() -> None:
    assert summary([])["ticket"]["recall"] is None


def test_a_storm_without_its_data_fails_with_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"none\.csv is not there"):
        storm(["--data", str(tmp_path / "none.csv")])


@slow
def test_a_street_that_goes_dark_is_one_outage_and_a_lone_home_a_ticket(tmp_path: Path) -> None:
    data = tmp_path / "cuts.csv"
    rows = [f"2024-02-04T10:00:0{number}Z,2024-02-04T12:00:0{number}Z,36.7,-121.7,,1,11,1,STORM" for number in range(6)]
    data.write_text("\n".join([
        "start,last_seen,lat,lon,county,circuit,device,customers,cause", *rows,
        "2024-02-04T15:00:00Z,2024-02-04T18:00:00Z,36.7,-121.7,,2,21,1,STORM", ""]))
    cuts = read(data, healthy=3, share=1.0, seed=7)
    folder = tmp_path / "storm"
    folder.mkdir()
    day, _ = play(cuts, folder, 60_000)
    found = judge(day, cuts)
    day.close()

    assert found["homes"] == 28
    assert found["outages_confirmed"] == 1
    assert found["tickets"] == 2
    assert (found["pair_precision"], found["pair_recall"]) == (1.0, 1.0)
    assert found["messages_to_healthy_homes"] == 0
    assert found["homes_unseen"] == 0
