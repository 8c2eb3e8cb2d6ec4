"""The button on an ordinary Python: its core scene by scene, and its loop with a network and a finger of the test's."""

import ast
import gc
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_stub import core
from gateway.devices.dialects import native
from gateway.model.signals import Ack, Presence, Press, PressAnswer, Telemetry
from gateway.model.states import PressReply
from tests.fixtures import firmware_gesture_scenes
from tests.fixtures.firmware_scenes import SCENES, play

STUB = Path(core.__file__).parent
shell: Any = importlib.import_module("firmware_stub.shell")  # Python without types, as boards speak it
HOUR = 3_600_000
LATER = 1_788_264_000_000
SCHEDULED = PressAnswer(PressReply.CALLBACK_SCHEDULED, LATER)


@pytest.mark.parametrize("scene", [*SCENES, *firmware_gesture_scenes.SCENES], ids=lambda scene: str(scene.__name__))
def test_the_core_behaves(scene: Callable[[Any], None]) -> None:
    scene(core)


@pytest.mark.parametrize("name", ["firmware_scenes", "firmware_gesture_scenes"])
def test_every_scene_is_played(name: str) -> None:
    module: Any = importlib.import_module(f"tests.fixtures.{name}")
    told = {name for name, what in vars(module).items()
            if callable(what) and "core" in what.__code__.co_varnames[:1]}
    assert told - {"new", "pressed", "said"} == {scene.__name__ for scene in module.SCENES}


def test_the_gateway_reads_all_that_the_button_says() -> None:
    button = core.Button("b", "{}", "f00d")
    play(button, "#" * 20 + "_" * 60)
    button.told(native.command("native:b", "restart", {}, "C-1", 9)[1].encode(), 0, None)
    button.measured({"battery_volts": 3.7}, 5)
    said = [button.status("online", 7)]
    while (message := button.outgoing(1_000)) is not None:
        button.sent(message, 1_000)
        said.append(message)

    assert [signal for topic, text in said for signal in native.decode(topic, text.encode(), False)] == [
        Presence("native:b", "online", 7), Press("native:b", "single", "f00d-1", None), Ack("native:b", "C-1", True),
        Telemetry("native:b", {"battery_volts": 3.7}, 5, 1)]


def test_the_button_understands_all_that_the_gateway_says() -> None:
    button = core.Button("b", "{}", "f00d")
    play(button, "#" * 20 + "_" * 60)
    _, text = native.answer("native:b", "f00d-1", SCHEDULED, "M-1", LATER)

    assert button.told(text.encode(), 1_000, None)
    assert (button.light, button.presses) == (core.PROMISED, [])


def test_the_light_blinks_as_the_readme_says() -> None:
    button = core.Button("b", "{}", "f00d")
    play(button, "#" * 20 + "_" * 60)
    blinks = {button.lit(at) for at in range(1_000, 1_300)}
    _, text = native.answer("native:b", "f00d-1", SCHEDULED, "M-1", LATER)
    button.told(text.encode(), 3_000, None)

    assert blinks == {True, False}
    assert all(button.lit(at) for at in range(3_000, 6_000))


class World:
    """A board and a link in one: time moves when the loop rests; `up` says whether there is a broker."""

    def __init__(self, folder: Path, naps: int = 0) -> None:
        self.folder, self.naps = f"{folder}/", naps
        self.time, self.up, self.down, self.clock = 0, True, False, 1_788_264_000_000
        self.said: list[tuple[str, str]] = []
        self.commands: list[bytes] = []
        self.connections: list[int] = []
        self.slept: tuple[int, bool, int] | None = None
        self.left = self.restarted = False
        self.lit: set[bool] = set()

    def shell(self, woken: str = "power") -> Any:
        flash = shell.Flash(self.folder)
        button = core.Button("b", flash.read(shell.MEMORY), "f00d", flash.read(shell.QUEUE), woken)
        return shell.Shell(button, self, self, flash, sleepy=True)

    def live(self, one: Any, until: Callable[[], Any], longest: int = HOUR) -> None:
        end = self.time + longest
        while not until():
            assert self.time < end, "it did not happen"
            one.turn()

    def now(self) -> int: return self.time
    def date(self) -> int: return self.clock + self.time
    def set_date(self) -> None: pass
    def pressed(self) -> bool: return self.down
    def light(self, on: bool) -> None: self.lit.add(on)
    def random(self) -> float: return 0.5
    def values(self) -> dict[str, float]: return {"battery_volts": 3.7}
    def say(self, text: str) -> None: pass
    def feed(self) -> None: pass
    def restart(self) -> None: self.restarted = True
    def ready(self) -> bool: return True
    def leave(self) -> None: self.left = True
    def close(self) -> None: pass

    def beats(self, beat: Callable[[int], None]) -> None:
        self.beat = beat

    def rest(self, ms: int) -> None:
        self.time += 10
        self.beat(self.time)

    def sleep(self, ms: int, on_pin: bool, naps: int) -> None:
        self.slept = (ms, on_pin, naps)

    def open(self, client_id: str, will: tuple[str, str], on_command: Callable[[bytes], None], topic: str) -> None:
        self.connections.append(self.time)
        if not self.up:
            raise OSError("no broker")
        self.on_command = on_command

    def publish(self, topic: str, payload: str, retain: bool) -> None:
        if not self.up:
            raise OSError("no broker")
        self.said.append((topic.removeprefix("devices/b/"), payload))

    def check(self) -> None:
        if not self.up:
            raise OSError("no broker")
        while self.commands:
            self.on_command(self.commands.pop(0))

    def topics(self) -> list[str]:
        return [topic for topic, _ in self.said]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    gc.freeze()  # a board collects its garbage often: here it shall not search that of all other tests each time
    yield World(tmp_path)
    gc.unfreeze()


def test_a_button_that_nobody_presses_says_hello_reports_and_sleeps(world: World) -> None:
    one = world.shell()
    world.live(one, lambda: world.slept)

    assert world.topics() == ["status", "telemetry", "status"]
    assert json.loads(world.said[-1][1])["state"] == "sleeping"
    assert world.left  # else the broker would publish its will over it
    assert world.slept is not None
    assert HOUR - world.slept[0] < 5_000
    assert world.time < 5_000
    assert not (Path(world.folder) / shell.QUEUE).exists()  # what could be sent never touched the flash


def test_a_press_is_on_the_flash_before_it_is_sent_and_keeps_the_button_awake_until_its_answer(world: World) -> None:
    world.up = False
    one = world.shell()
    world.down = True
    world.live(one, lambda: one.button.finger.down)
    world.down = False
    world.live(one, lambda: one.button.presses)
    kept = json.loads((Path(world.folder) / shell.MEMORY).read_text())["presses"]
    world.live(one, lambda: one.button.light == core.FAILED)
    world.up = True
    world.live(one, lambda: "press" in world.topics())
    world.commands.append(native.answer("native:b", kept[0]["id"], SCHEDULED, "M-1", LATER)[1].encode())
    world.live(one, lambda: world.slept)

    assert world.topics() == ["status", "press", "telemetry", "ack", "status"]
    assert json.loads(world.said[1][1])["id"] == kept[0]["id"]
    assert world.time - 60_000 > core.SHOW  # the promise was on the light first


def test_attempts_to_connect_become_rare_and_a_finger_tries_at_once(world: World) -> None:
    world.up = False
    one = world.shell()
    one.sleepy = False
    world.live(one, lambda: len(world.connections) == 6)
    gaps = [later - earlier for earlier, later in zip(world.connections, world.connections[1:], strict=False)]
    assert [round(gap, -2) for gap in gaps] == [800, 1_500, 3_000, 6_000, 12_000]

    world.down, pressed_at = True, world.time
    world.live(one, lambda: len(world.connections) == 7, 3_000)
    assert world.connections[-1] - pressed_at < 1_600  # a long press, known after 1.5 s


def test_a_button_without_a_network_sleeps_longer_each_time_and_forgets_no_telemetry(world: World) -> None:
    world.up = False
    naps: list[int] = []
    play(button := core.Button("b", "{}", "f00d"), "#" * 20 + "_" * 60)
    shell.Flash(world.folder).write(shell.MEMORY, button.remembered())
    for _ in range(6):
        world.slept = None
        one = world.shell("timer")
        world.live(one, lambda: world.slept)
        assert world.slept is not None
        naps.append(world.slept[0])
        world.naps = world.slept[2]

    assert naps == sorted(naps)
    assert naps[-1] > 20_000
    assert len(json.loads((Path(world.folder) / shell.QUEUE).read_text())["queue"]) == 6


def test_a_stuck_button_does_not_empty_its_battery(world: World) -> None:
    world.down = True
    one = world.shell()
    world.live(one, lambda: one.button.presses)
    world.live(one, lambda: "press" in world.topics())
    world.commands.append(native.answer("native:b", "f00d-1", SCHEDULED, "M-1", LATER)[1].encode())
    world.live(one, lambda: world.slept)

    assert world.slept is not None
    assert world.slept[1] is False  # the contact would wake it at once


def test_a_restart_happens_after_its_acknowledgement(world: World) -> None:
    one = world.shell()
    world.commands.append(native.command("native:b", "restart", {}, "C-1", world.clock + HOUR)[1].encode())
    world.live(one, lambda: world.restarted)

    assert world.topics() == ["status", "telemetry", "ack", "status"]
    assert json.loads(world.said[-1][1])["state"] == "stopped"


def test_a_flash_that_refuses_does_not_keep_a_press_from_being_sent(world: World) -> None:
    one = world.shell()
    one.flash.folder = "/nowhere/"
    world.down = True
    world.live(one, lambda: "press" in world.topics())


def test_the_configuration_is_made_without_a_secret_on_the_command_line(tmp_path: Path) -> None:
    def make(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, str(STUB / "configure.py"), *words], input="wifi word\ns3cret\n",
                              text=True, capture_output=True, cwd=tmp_path, check=False)

    made = make("--id", "door-3", "--broker", "mqtt.example.org", "--ssid", "Home", "--tls", "--sleep")
    config = tmp_path / "config.json"
    assert made.returncode == 0, made.stderr
    assert json.loads(config.read_text()) == {
        "id": "door-3", "user": "door-3", "key": "s3cret", "broker": "mqtt.example.org", "port": 8883, "tls": True,
        "ssid": "Home", "password": "wifi word", "sleep": True, "pin": 4, "led": 2}
    assert config.stat().st_mode & 0o077 == 0
    assert "s3cret" not in made.stdout + made.stderr
    wrong = make("--id", "door/3", "--broker", "b", "--ssid", "Home")
    assert wrong.returncode == 2
    assert "--id: expected 1 to 64" in wrong.stderr


def test_the_stub_uses_nothing_that_micropython_lacks() -> None:
    ours = {"core", "shell", "link"}
    board = {"json", "os", "time", "sys", "gc", "ssl", "machine", "network", "esp32", "umqtt.simple", "ntptime"}
    for name in ("core.py", "shell.py", "link.py", "main.py"):
        tree = ast.parse((STUB / name).read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert imported <= ours | board
        assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Match, ast.AsyncFunctionDef, ast.TryStar))]
