"""The cases of the field in which a finger on a button was not heard, each played as it stands in shared/cases."""

import json
from typing import Any

import pytest

from gateway.devices.dialects import understand
from gateway.model import from_iso
from gateway.model.signals import Press, Signal, Telemetry
from tests import SHARED

CASES = SHARED / "cases"
HEARD = understand(("zigbee2mqtt",))


def play(name: str) -> list[Signal]:
    case: dict[str, Any] = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))
    return list(HEARD.decode(case["topic"], case["payload"].encode(), case["retained"]))


@pytest.mark.parametrize(("name", "kind"), [("z2m_somrig_short", "single"), ("z2m_somrig_long", "long")])
def test_a_button_whose_word_has_two_words_is_pressed(name: str, kind: str) -> None:
    assert [signal for signal in play(name) if isinstance(signal, Press)] == [Press("zigbee2mqtt:somrig", kind)]


def test_the_beginning_of_a_short_press_is_no_second_one() -> None:
    began = HEARD.decode("zigbee2mqtt/somrig", b'{"action":"1_initial_press","battery":90,"linkquality":98}')
    assert [signal.kind for signal in (*began, *play("z2m_somrig_short")) if isinstance(signal, Press)] == ["single"]


def test_an_emergency_button_is_an_urgent_press_and_its_telemetry() -> None:
    said = play("z2m_sos_emergency")
    assert Press("zigbee2mqtt:sos", "urgent", None, from_iso("2026-04-17T23:33:22+08:00")) in said
    assert [signal.values["battery"] for signal in said if isinstance(signal, Telemetry)] == [100.0]
