"""Writes ground truth: what really happened to which device, from when to when (format: docs/simulator.md)."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

from device_sim.population import DeviceSpec


@dataclass(slots=True, eq=False)
class Episode:
    """One thing that is so with one device for a while. `shown`: a gateway could have seen it."""

    device: DeviceSpec
    kind: str
    rule: str
    expect: str
    begun: float  # simulated seconds
    group: str | None = None
    shown: bool = True


class Truth:
    """Episodes as JSON lines. Times are simulated seconds here, and wall milliseconds in the file."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file
        self._open: dict[Episode, None] = {}
        self._started, self._speed, self._devices = 0, 1.0, 0

    def start(self, scenario: str, seed: int, devices: int, started: int, speed: float) -> None:
        self._started, self._speed, self._devices = started, speed, devices
        self._write({"scenario": scenario, "seed": seed, "devices": devices, "started": started, "speed": speed})

    def begin(self, episode: Episode) -> Episode:
        self._open[episode] = None
        return episode

    def end(self, episode: Episode, at: float | None) -> None:
        """`at` None: it is still so, and the run is over."""
        if self._open.pop(episode, episode) is episode:
            return  # ended before
        expect = episode.expect if episode.shown else "none"
        self._write({
            "device": episode.device.id, "site": episode.device.home or None, "kind": episode.kind,
            "from": self._wall(episode.begun), "to": None if at is None else self._wall(at), "expect": expect,
            "rule": episode.rule if expect not in ("none", "callback") else "", "group": episode.group})

    def finish(self, at: float) -> None:
        for episode in list(self._open):
            self.end(episode, None)
        self._write({"ended": self._wall(at), "device_days": round(self._devices * at / 86_400, 4)})

    def _wall(self, at: float) -> int:
        return self._started + round(at / self._speed * 1000)

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            with suppress(BrokenPipeError):
                print(json.dumps(line), file=self._file, flush=True)
