"""The button's core on an ordinary Python: fingers, power cuts, a full queue, and what the light says."""

import ast
import json
from pathlib import Path

import pytest

from firmware_stub import core
from gateway.dialects import native
from gateway.dialects.signals import Ack, Press, Telemetry

STUB = Path(core.__file__).parent


def _play(button: core.Button, script: str, start: int = 0) -> int:
    """Plays a finger in steps of 10 ms, "_" up and "#" down; returns the time afterwards."""
    for place, letter in enumerate(script):
        button.contact(letter == "#", start + 10 * place, None)
    return start + 10 * len(script)


def _kinds(script: str) -> list[str]:
    button = core.Button("b", "{}")
    _play(button, script)
    return [press.kind for press in button.presses]


@pytest.mark.parametrize(("script", "kinds"), [
    ("_" * 10 + "#" * 20 + "_" * 60, ["single"]),
    ("#" * 20 + "_" * 20 + "#" * 20 + "_" * 60, ["double"]),
    ("#" * 20 + "_" * 60 + "#" * 20 + "_" * 60, ["single", "single"]),
    ("#" * 170 + "_" * 60, ["long"]),
    ("#" * 170, ["long"]),
    ("#_#_#_" + "#" * 20 + "_#_#" + "_" * 60, ["single"]),
    ("#_#_" + "_" * 60, []),
    ("#" * 20 + "_" * 20, []),
], ids=["single", "double", "two singles", "long", "long is known while held", "a bouncing contact is one press",
        "a spark is none", "not yet certain"])
def test_a_finger_is_understood(script: str, kinds: list[str]) -> None:
    assert _kinds(script) == kinds


def _pressed(memory: str = "{}") -> core.Button:
    button = core.Button("b", memory)
    _play(button, "#" * 20 + "_" * 60)
    return button


def test_a_press_reaches_the_gateway_as_it_was_meant() -> None:
    topic, payload = _send(_pressed(), 1_000)

    assert list(native.decode(topic, payload.encode(), False)) == [Press("native:b", "single", "b-1", None)]


def test_a_power_cut_repeats_no_press_id_and_forgets_no_press() -> None:
    button = _pressed(_pressed().remembered())

    assert [press.id for press in button.presses] == ["b-1", "b-2"]
    assert button.light == core.SENDING


def test_telemetry_gives_way_and_a_press_never_does() -> None:
    button = _pressed()
    for number in range(100):
        button.measured({"battery": number}, None)

    sent = []
    while (message := button.outgoing(1_000)) is not None:
        button.sent(message, 1_000)
        sent.append(native.decode(message[0], message[1].encode(), False)[0])
    assert isinstance(sent[0], Press)
    levels = [signal.values["battery"] for signal in sent[1:] if isinstance(signal, Telemetry)]
    assert levels == [float(number) for number in range(80, 100)]


def test_mashing_while_offline_keeps_a_bounded_number_of_presses() -> None:
    button = core.Button("b", "{}")
    at = 0
    for _ in range(100):
        at = _play(button, "#" * 10 + "_" * 50, at)

    assert len(button.presses) == core.PRESSES
    assert button.presses[0].id == "b-1"


def _send(button: core.Button, now: int) -> tuple[str, str]:
    """The next message goes out and is acknowledged by the broker."""
    message = button.outgoing(now)
    assert message is not None
    button.sent(message, now)
    return message


def _answer(press_id: str) -> bytes:
    _, payload = native.answer("native:b", press_id, "callback_scheduled", 1_788_264_000_000, "M-1")
    return payload.encode()


def test_the_light_follows_the_press() -> None:
    button = core.Button("b", "{}")
    lights = [button.light]
    _play(button, "#" * 20 + "_" * 60)
    lights.append(button.light)
    _send(button, 1_000)
    lights.append(button.light)
    assert button.told(_answer("b-1"), 2_000)
    lights.append(button.light)
    button.tick(2_000 + core.SHOW)
    lights.append(button.light)

    assert lights == ["idle", "sending", "received", "promised", "idle"]


def test_an_answered_press_is_not_sent_again_and_the_answer_is_acknowledged() -> None:
    button = _pressed()
    _send(button, 1_000)
    button.told(_answer("b-1"), 2_000)

    topic, payload = _send(button, 1_000_000)
    assert list(native.decode(topic, payload.encode(), False)) == [Ack("native:b", "M-1", True)]
    assert button.outgoing(1_000_000) is None
    assert json.loads(button.remembered()) == {"counter": 1, "presses": []}


def test_an_unanswered_press_is_sent_again_with_the_same_id_and_then_the_light_says_so() -> None:
    button = _pressed()
    ids, now = [], 1_000
    for _ in range(core.TRIES):
        ids.append(json.loads(_send(button, now)[1])["id"])
        assert button.outgoing(now + core.ANSWER - 1) is None
        now += core.ANSWER

    assert ids == ["b-1"] * core.TRIES
    assert button.tick(now)
    assert button.light == core.FAILED
    assert button.outgoing(now) is None


def test_the_answer_to_another_press_leaves_ours_waiting() -> None:
    button = _pressed()

    assert not button.told(_answer("b-99"), 1_000)
    assert [press.id for press in button.presses] == ["b-1"]


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b'{"type":"press"}', b'"x"'])
def test_an_unreadable_command_changes_nothing(payload: bytes) -> None:
    button = _pressed()

    assert not button.told(payload, 1_000)
    assert (button.light, button.acks) == (core.SENDING, [])


def test_the_light_blinks_as_the_readme_says() -> None:
    button = _pressed()
    start = next(at for at in range(2_000) if button.lit(at))
    blinks = {button.lit(at) for at in range(start, start + 300)}
    button.told(_answer("b-1"), 3_000)

    assert blinks == {True, False}
    assert all(button.lit(at) for at in range(3_000, 6_000))


def test_the_stub_uses_nothing_that_micropython_lacks() -> None:
    for name in ("core.py", "main.py"):
        tree = ast.parse((STUB / name).read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert imported <= {"json", "os", "time", "machine", "network", "core", "umqtt.simple", "ntptime"}
        assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Match, ast.AsyncFunctionDef, ast.TryStar))]
