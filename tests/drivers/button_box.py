"""The button under the MicroPython it is flashed with, in 64 KB: its finger, power and flash are the test's."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

HERE = ROOT / "tests" / "fixtures" / "micropython"
STUB = ROOT / "firmware_stub"
SOURCES = {name: STUB / name for name in ("core.py", "shell.py", "link.py", "main.py")} | {
    "board.py": HERE / "board.py", "scenes.py": HERE.parent / "firmware_scenes.py",
    "gesture_scenes.py": HERE.parent / "firmware_gesture_scenes.py"}
HEAP = 64 * 1024


class Box:
    """A board whose power, finger, flash and clock are the test's: tests/fixtures/micropython/board.mjs."""

    def __init__(self, node: str, flash: Path, port: int, device: str) -> None:
        self.flash, self.device = flash, device
        self.happened: list[dict[str, Any]] = []
        self._news: queue.Queue[dict[str, Any]] = queue.Queue()
        setup = {"broker": f"mqtt://127.0.0.1:{port}", "device": device, "heap": HEAP, "flash": str(flash),
                 "sources": {name: str(path) for name, path in SOURCES.items()}}
        self._node = subprocess.Popen([node, str(HERE / "board.mjs"), json.dumps(setup)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._node.stdout is not None
        for line in self._node.stdout:
            self._news.put(json.loads(line))

    def order(self, order: str, **what: Any) -> None:
        assert self._node.stdin is not None
        self._node.stdin.write(json.dumps({"order": order, **what}) + "\n")
        self._node.stdin.flush()

    def wait(self, what: str, seen: Callable[[dict[str, Any]], Any], seconds: float = 20) -> dict[str, Any]:
        """The next thing to happen for which `seen` is true."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                news = self._news.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{what} did not happen; this did: {self.happened[-12:]}") from None
            self.happened.append(news)
            assert "died" not in news, news
            if seen(news):
                return news

    def state(self, seconds: float = 20, **wanted: Any) -> dict[str, Any]:
        """Waits until light, finger or linked are as wanted."""
        seen = self.wait(str(wanted), lambda news: wanted.items() <= news.get("state", {}).items(), seconds)
        return dict(seen["state"])

    def power(self, woken: str = "power") -> dict[str, Any]:
        self.order("power", woken=woken)
        return dict(self.wait("a start", lambda news: "about" in news)["about"])

    def scenes(self, module: str) -> dict[str, str | None]:
        """Plays every scene of that module; name → what went wrong."""
        self.order("power", scenes=module)
        self.wait("the end of the scenes", lambda news: news.get("ended") == "scenes")
        return {news["scene"]: news["wrong"] for news in self.happened if "scene" in news}

    def press(self) -> None:
        """A short one."""
        self._tap()

    def press_long(self) -> dict[str, Any]:
        """Held until the board says that it is a long one; the press as it was sent."""
        self.order("finger", down=True)
        pressed = self.published("press")
        self.order("finger", down=False)
        return pressed

    def gesture(self) -> None:
        """That of a test, after a rest: two taps, and a press that is held."""
        time.sleep(2.5)  # at rest
        self._tap()
        self._tap()
        self.order("finger", down=True)
        self.state(finger="down")
        time.sleep(4)
        self.order("finger", down=False)

    def _tap(self) -> None:
        self.order("finger", down=True)
        self.state(finger="down")
        self.order("finger", down=False)
        self.state(finger="up")

    def set_clock(self, ahead: int) -> None:
        """By so many ms of the real time; before it has power too."""
        self.order("clock", ahead=ahead)

    def cut(self) -> None:
        self.order("cut")
        self.wait("the end of the power", lambda news: news.get("power") == "off")

    def published(self, what: str) -> dict[str, Any]:
        """The next message that the broker has taken on this topic."""
        seen = self.wait(what, lambda news: news.get("published") == f"devices/{self.device}/{what}")
        return dict(seen["payload"])

    def remembered(self) -> dict[str, Any]:
        return dict(json.loads((self.flash / "memory.json").read_text()))

    def close(self) -> None:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.close()
        self._node.wait(10)
        self._reader.join()
        self._node.stdout.close()


@contextmanager
def button_box(node: str, flash: Path, port: int, device: str) -> Iterator[Box]:
    """One that is put away in the end; without MicroPython the test is skipped."""
    if not (HERE / "node_modules").is_dir():
        pytest.skip(f"MicroPython and mqtt.js are not installed: npm install --no-package-lock in {HERE}")
    box = Box(node, flash, port, device)
    try:
        yield box
    finally:
        box.close()
