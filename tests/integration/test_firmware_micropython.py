"""The button under the MicroPython it is flashed with, in 64 KB, against a real broker and the real gateway."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from gateway.devices.dialects import native
from gateway.model import Callback, Command, DeadLetter, PressRecord
from gateway.model.signals import PressAnswer
from gateway.model.states import PressReply
from gateway.store import Store
from tests.drivers.button_box import HEAP, Box, button_box
from tests.drivers.device_client import device_client
from tests.fixtures import firmware_gesture_scenes
from tests.fixtures.firmware_scenes import SCENES
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import save_hundred_sites
from tests.fixtures.servers import Mosquitto, wait_until

DEVICE = "button-0a"


@pytest.fixture
def box(node: str, tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Box]:
    with button_box(node, tmp_path / "flash", mosquitto.port, DEVICE) as board:
        yield board


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
    # the broker has forgotten who listens: a press that comes before the gateway is back is sent again after 20 seconds
    free = box.state(60, light="promised")["heap_free"]
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
    box.gesture()
    box.state(light="tested")

    assert [press.kind for press in _all(store, PressRecord)] == ["test"]
    assert _all(store, Callback) == []


@pytest.mark.slow
def test_who_comes_to_the_telephone_is_seen_on_the_light(box: Box, mosquitto: Mosquitto) -> None:
    box.power()
    box.state(linked=True)
    with device_client(mosquitto.port) as gateway:
        box.press()
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
