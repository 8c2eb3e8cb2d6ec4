"""Replays the whole storm through a gateway in simulated time."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gateway_files import House, move_in, settle
from benchmarks.simulated_time import Day
from benchmarks.storm.device_messages import Storm
from benchmarks.storm.power_cuts import Cut, fleet
from device_sim.mqtt.memory_broker import Subscriber
from gateway.model import HOUR

WARM_UP, AFTER = 2 * HOUR, 3 * HOUR  # before the first cut, for everybody to be heard; after the last one is over
PROFILE = """
profile: home
name: {en: energy meter, de: Stromzähler}
signals:
  power: {unit: W}
silence: {link: 3h, lost: 60s, severity: minor, skill: electrical,
          cause: {en: The meter is no longer heard from, de: Der Zähler meldet sich nicht mehr}}
"""


def play(cuts: Sequence[Cut], folder: Path, patience: int) -> tuple[Day, float]:
    """The whole storm; returns the day after it, and how many seconds the fleet took to be imported."""
    (folder / "profiles").mkdir()
    (folder / "profiles" / "home.yaml").write_text(PROFILE, encoding="utf-8")
    house: House = settle(folder, folder / "profiles")
    started = min(cut.start for cut in cuts) - WARM_UP
    began = time.monotonic()
    move_in(house, fleet(cuts), started)
    imported = time.monotonic() - began
    day = Day(house, Storm(cuts, started, Subscriber(house.filters)), started, patience)
    end = max(cut.end for cut in cuts) + AFTER
    for moment in [*range(started + 6 * HOUR, end, 6 * HOUR), end]:
        day.run(moment)
        print(f"storm: {(moment - started) // HOUR} of {(end - started) // HOUR} hours, {day.messages:,} messages",
              file=sys.stderr, flush=True)
    return day, imported
