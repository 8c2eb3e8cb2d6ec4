"""Every fault code that a dialect can raise has a message that ends it."""

from collections.abc import Iterator

import pytest

from gateway.detection import ClaimedDevice, Cleared, Raised
from gateway.devices import dialects
from gateway.devices.profiles import compile_profile
from gateway.model import SECOND, Instant
from gateway.model.signals import FaultCode, FaultList, Notes, Signal
from tests.drivers.device_stepper import DeviceStepper

NOW: Instant = 1_788_264_000_000 + 60 * SECOND  # a minute after most examples
PLAIN = compile_profile("profile: plain\nname: {en: anything}\n", "plain.yaml")
# What ends a code that an example raises: dialect → beginning of the code → what is said on the example's own topic.
ENDS: dict[str, dict[str, bytes]] = {
    "native": {"": b'{"code": "CODE", "active": false}'},
    "tasmota": {"": b'{"PART": {"Battery": 100}}'},
    "shelly": {"battery_low": b'{"method":"NotifyStatus","params":{"ts":1788264070,"devicepower:0":{"battery":'
                              b'{"percent":100}}}}',
               "": b'{"method":"NotifyFullStatus","params":{"ts":1788264070,"sys":{}}}'},
    "shelly_gen1": {"battery_low": b"100", "relay": b"on", "": b"0"},
    "zigbee2mqtt": {"": b'{"battery": 100, "battery_low": false}'},
    "ems_esp": {"servicecode": b'{"servicecode": "-H"}',
                "lastcode": b'{"lastcode": "A01(5) 1.1.2026 10:00 - 1.1.2026 11:00"}'},
    "ttn": {"": b'{"uplink_message":{"f_cnt":99,"last_battery_percentage":{"value":100,"received_at":'
                b'"2026-09-01T12:02:00Z"}}}'},
    "aws_button": {"": b'{"deviceEvent":{"buttonClicked":{"clickType":"SINGLE","reportedTime":'
                       b'"2026-09-01T12:02:00.000Z"}},"deviceInfo":{"remainingLife":100}}'},
    "flic": {"": b"100"},
    "homie": {"battery_low": b"100", "alert": b"ready", "": b""},
    "victron": {"": b'{"value": 0}'},
}
BLU = b'{"method":"NotifyStatus","params":{"ts":1788264070,"%s":{"battery":100,"last_updated_ts":1788264070}}}'


def read(dialect: dialects.Dialect, topic: str, payload: bytes, notes: dict[str, Notes]) -> list[Signal]:
    spoken = dialects.understand((dialect.NAME,))
    kept = {source: notes.setdefault(source, Notes()) for source in spoken.sources(topic)}
    return list(spoken.decode(topic, payload, False, kept, NOW))


def raised() -> Iterator[tuple[str, str, bytes, FaultCode]]:
    for dialect in dialects.DIALECTS:
        for topic, payload, _, meaning in dialect.EXAMPLES:
            for signal in () if isinstance(meaning, type) else meaning:
                if isinstance(signal, FaultCode) and signal.active:
                    yield dialect.NAME, topic, payload, signal


@pytest.mark.parametrize(("name", "topic", "payload", "fault"), list(raised()))
def test_a_fault_that_can_be_raised_can_end(name: str, topic: str, payload: bytes, fault: FaultCode) -> None:
    dialect = next(one for one in dialects.DIALECTS if name == one.NAME)
    ends = ENDS[name]
    over = ends[next(begin for begin in sorted(ends, reverse=True) if fault.code.startswith(begin))]
    over = over.replace(b"CODE", fault.code.encode()).replace(
        b"PART", fault.code.removesuffix("_battery_low").encode())
    if name == "shelly" and "/" in fault.key:
        over = BLU % fault.key.rpartition("/")[2].encode()
    device, notes, found = DeviceStepper(ClaimedDevice("it", fault.key, "plain")), dict[str, Notes](), []
    for said in (payload, over):
        for signal in read(dialect, topic, said, notes):
            if isinstance(signal, FaultCode | FaultList) and signal.key == fault.key:
                found += [type(verdict) for verdict in device.step(PLAIN, signal, NOW)
                          if getattr(verdict, "rule", "") == f"fault:{fault.code}"]
    assert found == [Raised, Cleared]


def test_a_homie_5_device_raises_no_alert_that_its_own_words_could_not_end() -> None:
    homie = next(one for one in dialects.DIALECTS if one.NAME == "homie")
    assert [type(signal).__name__ for signal in read(homie, "homie/5/x/$state", b"alert", {})] == ["Presence"]
