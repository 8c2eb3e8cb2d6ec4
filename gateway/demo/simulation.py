"""Runs the demo's simulated devices in a process of its own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from gateway.config.fleet_file import Fleet

SPEED = 30  # town seconds in one of ours
_KINDS = {  # profile → the simulator's kind, town seconds between reports
    "heat-pump": ("heat_pump", 60), "medicine-fridge": ("fridge", 120), "water-leak-sensor": ("leak_sensor", 86_400),
    "smart-plug": ("plug", 300), "help-button": ("button", 86_400),
}


class Devices:
    """The simulated devices: what they did (`truth`), and `hand` to do something to one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.truth: list[dict[str, Any]] = []
        self.report: dict[str, Any] = {}
        self._process = process
        self._reader = threading.Thread(target=self._read, name="devices", daemon=True)
        self._reader.start()

    def hand(self, device: str, action: str) -> None:
        """Does `action` to `device`, as a person's hand would."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError, ValueError):
                self._process.stdin.write(f"{device} {action}\n")
                self._process.stdin.flush()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Switches every device off in order."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        if self._process.stdout is None:
            return
        for line in self._process.stdout:
            told = json.loads(line)
            if "what" in told:
                self.truth.append(told)
            else:
                self.report = told


@contextmanager
def devices(fleet: Fleet, scenario: Path, port: int) -> Iterator[Devices]:
    """Simulates every device of the fleet until the block ends; `scenario` is the file written for the simulator."""
    rows = [{"id": device.address or device.id, "kind": _KINDS[device.profile][0], "dialect": device.dialect,
             "every": _KINDS[device.profile][1]} for device in fleet.devices]
    scenario.write_text(yaml.safe_dump({"devices": rows}), encoding="utf-8")
    with scenario.with_name("devices.log").open("ab") as log:  # its progress would be drawn over our screen
        process = subprocess.Popen(
            [sys.executable, "-m", "device_sim", "run", str(scenario), "--broker", f"127.0.0.1:{port}", "--speed",
             str(SPEED), "--journal", "-", "--json", "--hands"],
            # Ctrl-C is ours to pass on
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
    running = Devices(process)
    try:
        yield running
    finally:
        running.stop()
