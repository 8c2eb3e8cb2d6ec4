"""The button under the MicroPython it is flashed with, in 64 KB, against a real broker and the real gateway."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from gateway.devices.dialects import native
from gateway.model import Callback, Command, DeadLetter, PressRecord
from gateway.model.signals import PressAnswer
from gateway.model.states import PressReply
from gateway.store import Store
from tests import ROOT
from tests.drivers.device_client import device_client
from tests.fixtures import firmware_gesture_scenes
from tests.fixtures.firmware_scenes import SCENES
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.servers import Mosquitto, wait_until

HERE = ROOT / "tests" / "fixtures" / "micropython"
STUB = ROOT / "firmware_stub"
SOURCES = {name: STUB / name for name in ("core.py", "shell.py", "link.py", "main.py")} | {
    "board.py": HERE / "board.py", "scenes.py": HERE.parent / "firmware_scenes.py",
    "gesture_scenes.py": HERE.parent / "firmware_gesture_scenes.py"}
HEAP = 64 * 1024
DEVICE = "button-0a"


class Box:
    """A board whose power, finger and flash are the test's: tests/micropython/board.mjs."""

    def __init__(self, node: str, flash: Path, port: int) -> None:
        self.flash = flash
        self.happened: list[dict[str, Any]] = []
        self._news: queue.Queue[dict[str, Any]] = queue.Queue()
        setup = {"broker": f"mqtt://127.0.0.1:{port}", "device": DEVICE, "heap": HEAP, "flash": str(flash),
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

    def cut(self) -> None:
        self.order("cut")
        self.wait("the end of the power", lambda news: news.get("power") == "off")

    def published(self, what: str) -> dict[str, Any]:
        """The next message that the broker has taken on this topic."""
        seen = self.wait(what, lambda news: news.get("published") == f"devices/{DEVICE}/{what}")
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


@pytest.fixture
def box(node: str, tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Box]:
    if not (HERE / "node_modules").is_dir():
        pytest.skip("MicroPython and mqtt.js are not installed: npm install --no-package-lock in tests/micropython")
    board = Box(node, tmp_path / "flash", mosquitto.port)
    yield board
    board.close()


@pytest.fixture
def gateway(tmp_path: Path, sqlite_url: str, store: Store, mosquitto: Mosquitto) -> Iterator[GatewayProcess]:
    save_hundred_sites(store, 1)
    with GatewayProcess(tmp_path, sqlite_url, mosquitto.port) as process:
        process.wait_until_listening(store)
        yield process


@pytest.mark.slow
@pytest.mark.parametrize(("module", "scenes"), [
    ("scenes", SCENES), ("gesture_scenes", firmware_gesture_scenes.SCENES)])
def test_the_core_behaves_under_micropython_as_it_does_here(box: Box, module: str, scenes: Any) -> None:
    played = [scene.__name__ for scene in scenes]
    assert box.scenes(module) == dict.fromkeys([*played, "link.py", "main.py"])


@pytest.mark.slow
def test_a_press_survives_the_broker_and_the_power_and_gets_its_answer(
    box: Box, gateway: GatewayProcess, store: Store, mosquitto: Mosquitto
) -> None:
    box.power()
    box.state(linked=True)

    box.order("finger", down=True)
    box.state(finger="down")
    mosquitto.kill()
    box.state(linked=False)
    box.order("finger", down=False)
    box.state(light="sending")
    box.wait("the press on the flash", lambda news: news.get("kept") == "memory.json")
    box.wait("an attempt to connect", lambda news: "not connected" in news.get("says", ""))
    box.cut()
    [kept] = box.remembered()["presses"]

    mosquitto.start()
    box.power()
    box.state(light="sending")
    free = box.state(light="promised")["heap_free"]
    answered = box.published("ack")
    wait_until(lambda: _command(store).acknowledged_at, what="the gateway to read the acknowledgement")

    [callback] = _all(store, Callback)
    command = _command(store)
    assert (callback.presses, _all(store, DeadLetter)) == (1, [])
    assert json.loads(command.payload)["press_id"] == kept["id"]
    assert answered == {"id": command.id, "ok": True}
    assert command.state == "acknowledged"
    print(f"at least {free} of {HEAP} bytes were free")  # with the garbage that nobody had collected
    assert free > HEAP // 4


@pytest.mark.slow
def test_the_gesture_is_a_test_and_the_light_says_that_it_was_heard(box: Box, gateway: GatewayProcess, store: Store
                                                                   ) -> None:
    box.power()
    box.state(linked=True)
    time.sleep(2.5)  # at rest
    for seconds in (0.15, 0.15, 4.0):
        box.order("finger", down=True)
        time.sleep(seconds)
        box.order("finger", down=False)
        time.sleep(0.15)
    box.state(light="tested")

    assert [press.kind for press in _all(store, PressRecord)] == ["test"]
    assert _all(store, Callback) == []


@pytest.mark.slow
def test_who_comes_to_the_telephone_is_seen_on_the_light(box: Box, mosquitto: Mosquitto) -> None:
    box.power()
    box.state(linked=True)
    with device_client(mosquitto.port) as gateway:
        box.order("finger", down=True)
        time.sleep(0.15)
        box.order("finger", down=False)
        press = box.published("press")
        said = PressAnswer(PressReply.COMING, who="Dana Meier")
        topic, payload = native.answer(f"native:{DEVICE}", press["id"], said, "M-1", round(time.time() * 1000) + 60_000)
        gateway.say(topic, json.loads(payload))
        box.state(light="coming")
        assert box.published("ack") == {"id": "M-1", "ok": True}


@pytest.mark.slow
def test_the_board_has_64_kilobytes_and_no_more(box: Box) -> None:
    about = box.power()

    assert (about["implementation"], about["version"][:2]) == ("micropython", [1, 27])
    assert HEAP - 4096 < about["heap"] <= HEAP
    assert about["allocates"] == {"16384": True, "81920": False}  # MemoryError


@pytest.mark.slow
def test_a_restart_is_acknowledged_and_not_done_again_when_the_broker_repeats_it(
    box: Box, mosquitto: Mosquitto
) -> None:
    command = {"id": "C-1", "type": "restart", "expires_at": round(time.time() * 1000) + 60_000}
    topic = f"devices/{DEVICE}"
    box.power()
    box.state(linked=True)
    with device_client(mosquitto.port) as gateway:
        gateway.say(f"{topic}/command", command)
        assert box.published("ack") == {"id": "C-1", "ok": True}
        assert box.published("status")["state"] == "stopped"
        box.wait("the restart", lambda news: news.get("ended") == "restarts")

        box.cut()
        box.power()
        box.state(linked=True)
        gateway.say(f"{topic}/command", command)
        assert box.published("ack") == {"id": "C-1", "ok": True}
        gateway.say(f"{topic}/command", {"id": "C-2", "type": "dance"})
        assert box.published("ack") == {"id": "C-2", "ok": False}  # it is still there to say so


def _all(store: Store, table: Any) -> list[Any]:
    with store.read() as session:
        return list(session.exec(select(table)))


def _command(store: Store) -> Command:
    with store.read() as session:
        return session.exec(select(Command).order_by(col(Command.created_at))).one()
