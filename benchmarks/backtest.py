"""Benchmark: readings per second that `gateway backtest` replays: `python -m benchmarks.backtest`."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.figures import measured
from gateway.config.profiles_and_mappings import load_profiles

ROOT = Path(__file__).parents[1]
START = 1_788_264_000_000  # 2026-09-01T12:00:00Z
MINUTE = 60_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--devices", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file, other = Path(folder) / "history.jsonl", Path(folder) / "other.yaml"
        write(file, asked.readings, asked.devices)
        shipped = ROOT / "profiles" / "heat-pump.yaml"
        other.write_text(shipped.read_text(encoding="utf-8").replace("flow_temp > 75", "flow_temp > 70"), "utf-8")
        alone, both = (replay(file, profile) for profile in (shipped, other))
    measured(alarms=alone["alarms"] + len(both["differs"]), seconds=alone["seconds"])
    print(json.dumps({
        "benchmark": "backtest", "processors": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1),
        "readings": asked.readings, "devices": asked.devices,
        "rules": len(load_profiles(ROOT / "profiles")["heat-pump"].rules),
        "seconds": alone["seconds"], "readings_per_s": round(asked.readings / alone["seconds"]),
        "compared_seconds": both["seconds"], "compared_readings_per_s": round(asked.readings / both["seconds"]),
        "cpu_us_per_reading": round(alone["cpu"] / asked.readings * 1e6, 1),
        "alarms": alone["alarms"], "differs": len(both["differs"]),
    }))


def write(file: Path, readings: int, devices: int) -> None:
    """A reading a minute and device, as a history comes: all devices mixed. One in two hundred runs hot for a while."""
    chance = Random(1)
    flow = [45.0] * devices
    with file.open("w", encoding="utf-8") as out:
        for number in range(readings):
            device, minute = number % devices, number // devices
            hot = device % 200 == 0 and minute % 500 > 450
            flow[device] = round(min(max(flow[device] + chance.uniform(-0.8, 0.8), 71.0 if hot else 35.0),
                                     82.0 if hot else 60.0), 1)
            values = {"flow_temp": flow[device], "return_temp": round(flow[device] - 6, 1),
                      "pressure": round(1.5 + chance.uniform(-0.05, 0.05), 2),
                      "power": round(chance.uniform(400, 1200)), "fault": False}
            out.write(json.dumps({"device": f"hp-{device:04d}", "at": START + minute * MINUTE, "signals": values}))
            out.write("\n")


def replay(file: Path, profile: Path) -> dict[str, Any]:
    """The command's own JSON, and its processor time in seconds."""
    before = os.times()
    done = subprocess.run([sys.executable, "-m", "gateway", "backtest", "--profile", str(profile), "--history",
                           str(file), "--json"], cwd=ROOT, capture_output=True, text=True, check=True)
    after, told = os.times(), json.loads(done.stdout)
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return {**told, "cpu": spent}


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"took {time.monotonic() - began:.0f} s", file=sys.stderr)
