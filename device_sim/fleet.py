"""A fleet at work: a clock that may run fast, a scenario's events in time, and the truth written down as it happens."""

import json
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TextIO

from device_sim.device import Device
from device_sim.scenario import Scenario

TICK = 0.1  # seconds of wall time


class Report(NamedTuple):
    devices: int
    seconds: float  # of wall time
    published: int
    acknowledged: int  # by the broker
    commands: int  # that came down to devices


class Truth:
    """Writes one JSON line for each thing that really happened, whoever noticed it."""

    def __init__(self, *files: TextIO) -> None:
        self._files = files
        self._lock = threading.Lock()

    def __call__(self, device: str, what: str, facts: dict[str, Any]) -> None:
        line = json.dumps({"at": time.time_ns() // 1_000_000, "device": device, "what": what, **facts})
        with self._lock:
            for file in self._files:
                with suppress(BrokenPipeError):
                    print(line, file=file, flush=True)


class Fleet:
    """`play` runs it; `hand` makes somebody do something to a device, from any thread."""

    def __init__(self, scenario: Scenario, seed: int, truth: Truth) -> None:
        self._scenario = scenario
        self._truth = truth
        self._hands: queue.Queue[tuple[str, str]] = queue.Queue()
        self.devices = {spec.id: Device(spec, seed, truth) for spec in scenario.devices}

    def hand(self, device: str, deed: str) -> None:
        self._hands.put((device, deed))

    def play(self, host: str, port: int, speed: float, seconds: float | None, stop: threading.Event) -> Report:
        """Connects everything and plays until `seconds` of wall time are over or `stop` is set. Raises OSError."""
        for device in self.devices.values():
            device.connect(host, port)
        started = last = time.monotonic()
        events = list(self._scenario.events)
        while not stop.wait(TICK):
            now = time.monotonic()
            town_time = (now - started) * speed
            while events and events[0].at <= town_time:
                event = events.pop(0)
                self._do(event.device, event.do)
            self._do_by_hand()
            for device in self.devices.values():
                device.step((now - last) * speed, _hour(town_time), _wall())
            last = now
            if seconds is not None and now - started >= seconds:
                break
        self._do_by_hand()
        return self._finish(time.monotonic() - started)

    def _do_by_hand(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._do(*self._hands.get_nowait())

    def _do(self, device: str, deed: str) -> None:
        try:
            self.devices[device].do(deed, _wall())
        except KeyError:
            self._truth(device, "refused", {"why": f"there is no device {device!r}"})
        except ValueError as error:
            self._truth(device, "refused", {"why": str(error)})

    def _finish(self, seconds: float) -> Report:
        closing = [threading.Thread(target=device.close, args=(_wall(),)) for device in self.devices.values()]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
        total: Callable[[str], int] = lambda name: sum(getattr(device, name) for device in self.devices.values())  # noqa: E731
        return Report(len(self.devices), round(seconds, 1), total("published"), total("acknowledged"),
                      total("commands"))


def _hour(town_time: float) -> float:
    """The hour of the simulated day; it begins at seven in the morning."""
    return (7 + town_time / 3600) % 24


def _wall() -> int:
    return time.time_ns() // 1_000_000
