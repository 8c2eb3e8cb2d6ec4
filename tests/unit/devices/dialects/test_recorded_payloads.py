"""Every recorded device message means what we say it means."""

import pytest

from gateway.devices import dialects
from gateway.model.signals import Ignored, Press, Undecodable
from tests.fixtures.payload_expectations import ABSENT, EXPECTED, FOLDERS, PAYLOADS, Recorded, agrees, recorded

ENABLED = tuple(dialect.NAME for dialect in dialects.DIALECTS)
SPOKEN = dialects.understand(ENABLED)
MESSAGES = recorded()

needs_recordings = pytest.mark.skipif(not PAYLOADS.is_dir(), reason=ABSENT)


@needs_recordings
def test_each_recorded_message_has_an_expected_meaning_and_none_is_left_over() -> None:
    assert sorted(message.name for message in MESSAGES) == sorted(EXPECTED)


@needs_recordings
def test_every_folder_of_recordings_is_held_to_its_meaning_somewhere() -> None:
    elsewhere = {"sparkplug_b_tahu": "test_sparkplug", "ha_discovery": "test_home_assistant",
                 "ha_mqtt": "test_mappings"}
    assert {path.name for path in PAYLOADS.iterdir() if path.is_dir()} == {*FOLDERS, *elsewhere}


@needs_recordings
@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_a_recorded_message_decodes_to_its_signals(message: Recorded) -> None:
    expected = EXPECTED[message.name]
    if isinstance(expected, type):
        with pytest.raises(expected):
            SPOKEN.decode(message.topic, message.payload, message.retained)
    else:
        got = SPOKEN.decode(message.topic, message.payload, message.retained)
        assert agrees(got, expected), got


@needs_recordings
def test_no_recorded_press_survives_being_retained() -> None:
    for message in MESSAGES:
        try:
            got = SPOKEN.decode(message.topic, message.payload, True)
        except (Ignored, Undecodable):
            continue
        assert not any(isinstance(signal, Press) for signal in got), message.name
