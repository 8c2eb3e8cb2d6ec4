"""Every benchmark once, with little: what nobody runs is soon wrong, and what measures nothing must fail."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import measured
from tests import ROOT

SMALL = {  # benchmark: (options, figures that must be above 0)
    "areas": ("--seeds 1 --hours 1 --streets 10", ("cuts", "messages", "messages_per_s")),
    "backtest": ("--readings 30000 --devices 50", ("readings_per_s", "compared_readings_per_s", "differs")),
    "brokers": ("mosquitto-each-second nats --messages 500 --seconds 1 --kills 1", ("away_per_s", "here_per_s")),
    "console": ("--customers 600 --open 100 --over 50 --rate 50 --loud 50 --seconds 3 --rounds 1",
                ("rows_seen", "commit_to_row_ms_p99", "now_ms_p50", "tickets_ms_p50", "ticket_ms_p50", "search_ms_p99",
                 "rss_mb_more", "stored_per_s", "events")),
    "dark": ("--homes 100 --others 20 --within 1", ("homes_told_out", "homes_told_back", "needed_to_confirmed_s")),
    "decode": ("--rounds 1", ("native_us", "tasmota_us", "sparkplug_us")),
    "detect": ("--rounds 1 --devices 1000", ("step_us", "step_everything_us", "sweep_none_due_ms")),
    "dispatch": ("--providers 20 --tickets 100 --deadlines 200 --rankings 10 --accepts 5",
                 ("rank_ms_p50", "rank_ms_p99", "accept_race_winners", "sweep_ms")),
    "fanout": ("--customers 300", ("per_s", "p50_ms", "p99_ms", "critical_ms", "rss_mb", "attempts")),
    "findings": ("--sites 5", ("first_press", "fault", "second_fault_clears")),
    "ingest": ("--messages 4000 --devices 100 --rounds 1 --mqtt-version 5",
               ("messages_per_s", "cpu_us_per_message", "paho_cpu_us", "ratio_cpu", "paho_per_s", "rss_mb",
                "published_per_s", "rounds")),
    "latency": ("--faults 10 --rate 50", ("told", "p50_ms", "max_ms", "sent_per_s", "stored_per_s", "to_claim_ms")),
    "memory": ("--devices 200 --registered 2000 --one-in 100", ("all_speak", "few_speak", "messages_each")),
    "pages": ("--viewers 30 --rate 50 --loud 50 --pages 20 --seconds 3 --customers 100",
              ("asked", "follow_ms_p50", "follow_ms_p99", "per_s", "live_viewers", "stored_per_s", "seen",
               "commit_to_page_ms_p99")),
    "press": ("--presses 30 --every 0.05 --rate 200 --devices 100 --waiting 300",
              ("answered", "paged", "answer_ms_p50", "answer_ms_p99", "paged_s_p99", "background_per_s",
               "outbox_before")),
    "scenarios": ("--scenario town --seeds 7 --devices 12 --json", ("wall_s", "total", "scenarios")),
    "silence": ("--devices 400 --silent 40 --over 2", ("found", "lag_p50_ms", "sweep_ms")),
    "unclaimed_devices": ("--strangers 200 --known 500 --presses 20", ("announcements", "presses", "p50_ms", "max_ms")),
    "storm": ("", ("messages", "homes", "outages_confirmed")),
}


def _with_a_main() -> set[str]:
    files = [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("benchmarks/*/__main__.py")]
    return {file.parent.name if file.stem == "__main__" else file.stem for file in files
            if "__main__" in file.read_text(encoding="utf-8")}


def test_every_benchmark_has_a_small_run() -> None:
    assert _with_a_main() == set(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SMALL if name != "storm"])
def test_a_small_run_measures_something(name: str) -> None:
    options, expected = SMALL[name]
    _measures(name, options.split(), expected)


@pytest.mark.slow
def test_a_small_storm_measures_something(tmp_path: Path) -> None:
    data = tmp_path / "cuts.csv"
    data.write_text("start,last_seen,lat,lon,county,circuit,device,customers,cause\n" + "\n".join(
        f"2024-02-04T10:00:0{number}Z,2024-02-04T12:00:0{number}Z,36.7,-121.7,,1,11,1,STORM" for number in range(6)))
    _measures("storm", ["--data", str(data), "--healthy", "3", "--patience", "60000"], SMALL["storm"][1])


def _measures(name: str, options: list[str], expected: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], cwd=ROOT, capture_output=True,
                          text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["benchmark"] == name
    assert all(found[figure] for figure in expected), found


@pytest.mark.parametrize("nothing", [0, 0.0, None, False])
def test_a_benchmark_that_measured_nothing_fails(nothing: float | None) -> None:
    measured(found=1, seconds=0.1)
    with pytest.raises(SystemExit, match="measured nothing: found of"):
        measured(found=nothing, seconds=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["console", "ingest", "latency", "memory", "press", "silence"])
def test_a_benchmark_without_any_device_ends_with_an_error(name: str) -> None:
    nothing = {"console": ["--customers", "100", "--open", "50", "--over", "0", "--rate", "1", "--loud", "1",
                           "--seconds", "0", "--rounds", "1"],
               "ingest": ["--messages", "0", "--devices", "10"], "latency": ["--faults", "0", "--rate", "10"],
               "memory": ["--devices", "0"], "press": ["--presses", "0", "--rate", "10", "--waiting", "0"],
               "silence": ["--devices", "10", "--silent", "0"]}[name]
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *nothing], cwd=ROOT, capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert not done.stdout.strip().startswith("{")
