"""What the simulated devices say is what the gateway's dialects read."""

from collections.abc import Sequence
from typing import Any

import pytest

from device_sim.device_kinds import Values
from device_sim.dialects import DIALECTS, DialectClient, Message, ReceivedCommand
from device_sim.mqtt import sparkplug_payload as protobuf
from device_sim.mqtt.sparkplug_payload import Metric
from device_sim.population import DeviceSpec
from gateway.devices.dialects import native, shelly, sparkplug, tasmota, zigbee2mqtt
from gateway.devices.dialects.sparkplug_payload import read_payload, write_payload
from gateway.model.signals import (
    Announced,
    FaultCode,
    FaultList,
    Notes,
    Presence,
    Press,
    PressAnswer,
    Request,
    Signal,
    Telemetry,
)
from gateway.model.states import PressReply

NOON = 1_788_264_000_000
PUMP: dict[str, Any] = {"flow_temp": 44.5, "pressure": 1.5, "power": 1400.0}
PLUG: Values = {"on": True, "power": 85.0, "voltage": 231.0, "current": 0.368, "energy": 41.7}
RELAY: Values = {"output": True, "power": 420.5, "voltage": 231.0, "temperature": 48.0, "overtemp": False,
                 "wifi": -58.0}
READERS = {"native": native, "tasmota": tasmota, "shelly": shelly, "zigbee2mqtt": zigbee2mqtt}


def _wire(dialect: str, client: str) -> DialectClient:
    return DIALECTS[dialect].DialectClient(client)


def _heard(dialect: str, messages: Sequence[Message]) -> list[Signal]:
    return [signal for message in messages
            for signal in READERS[dialect].decode(message.topic, message.payload, False)]


def test_the_gateway_reads_what_the_native_devices_say() -> None:
    wire = _wire("native", "hp-1")
    said = [*wire.telemetry("hp-1", {"flow_temp": 44.5}, 5_000), *wire.press("hp-1", "p-1", "long", 6_000),
            *wire.fault("hp-1", "H03", True, 6_500), wire.will(), *wire.birth(7, {}), *wire.goodbye(8)]

    assert _heard("native", said) == [
        Telemetry("native:hp-1", {"flow_temp": 44.5}, 5_000, 1), Press("native:hp-1", "long", "p-1", 6_000),
        FaultCode("native:hp-1", "H03", True, 6_500), Presence("native:hp-1", "lost"),
        Presence("native:hp-1", "online", 7), Presence("native:hp-1", "stopped", 8)]


def test_a_native_device_acknowledges_what_it_is_told_and_refuses_nonsense() -> None:
    wire = _wire("native", "b")
    topic, payload = native.answer("native:b", "p-1", PressAnswer(PressReply.CALLBACK_SCHEDULED, NOON), "M-1", NOON)
    answer, told = wire.hear(topic, payload.encode(), NOON, {})

    assert topic in wire.commands
    assert told == ReceivedCommand("M-1", "p-1", "callback_scheduled", NOON)
    for said, heard in ((PressAnswer(PressReply.COMING, who="Dana"),
                         ReceivedCommand("M-2", "p-1", "coming", None, "Dana")),
                        (PressAnswer(PressReply.TEST_HEARD, battery=80),
                         ReceivedCommand("M-2", "p-1", "test_heard", battery=80))):
        topic, payload = native.answer("native:b", "p-1", said, "M-2", NOON)
        assert DIALECTS["native"].DialectClient("b").hear(topic, payload.encode(), NOON, {})[1] == heard
    assert _heard("native", answer)[0].key == "native:b"
    with pytest.raises(ValueError):
        wire.hear(topic, b"[1]", NOON, {})


def test_the_gateway_reads_what_the_tasmota_plug_says() -> None:
    wire = _wire("tasmota", "plug-1")
    state, sensor, lost, online = _heard("tasmota", [*wire.telemetry("plug-1", PLUG, NOON), wire.will(),
                                                     *wire.birth(NOON, {})])

    assert isinstance(state, Telemetry)
    assert isinstance(sensor, Telemetry)
    assert state.values["POWER"] == "ON"
    assert sensor.values == {"ENERGY_Total": 41.7, "ENERGY_Power": 85, "ENERGY_Voltage": 231, "ENERGY_Current": 0.368}
    assert (lost, online) == (Presence("tasmota:plug-1", "lost"), Presence("tasmota:plug-1", "online"))


def test_the_gateway_reads_what_the_shelly_relay_says_and_that_its_heat_is_over() -> None:
    wire = _wire("shelly", "shellyplus1-1")
    well = _heard("shelly", wire.telemetry("shellyplus1-1", RELAY, NOON))
    hot = _heard("shelly", wire.telemetry("shellyplus1-1", {**RELAY, "overtemp": True, "output": False}, NOON + 1_000))
    over = _heard("shelly", wire.telemetry("shellyplus1-1", RELAY, NOON + 2_000))

    assert isinstance(well[0], Telemetry)
    assert len(well) == 1
    assert well[0].at == NOON
    assert well[0].values["switch_0_apower"] == 420.5
    assert well[0].values["switch_0_temperature_tC"] == 48
    assert well[0].values["wifi_rssi"] == -58
    assert FaultCode("shelly:shellyplus1-1", "switch_0_overtemp", True, NOON + 1_000) in hot
    assert FaultList("shelly:shellyplus1-1", "switch_0", (), NOON + 2_000) in over


@pytest.mark.parametrize("kind", ["single", "double", "long"])
@pytest.mark.parametrize("dialect", [wire.NAME for wire in DIALECTS.values() if wire.PRESSES])
def test_every_kind_of_press_is_heard_as_that_kind(dialect: str, kind: str) -> None:
    wire = _wire(dialect, "button-1")
    heard = _heard(dialect, wire.press("button-1", "p-1", kind, NOON))

    assert [(signal.key, signal.kind, signal.at) for signal in heard if isinstance(signal, Press)] == [
        (f"{dialect}:button-1", kind, NOON)]


def test_a_zigbee_bridge_speaks_for_its_devices_and_its_will_for_itself() -> None:
    wire = _wire("zigbee2mqtt", "zigbee2mqtt")
    name = "home-00001/climate-00003"
    said = [*wire.birth(NOON, {name: {}}), *wire.telemetry(name, {"leak": True, "battery": 97.0}, NOON),
            *wire.gone(name, NOON), *wire.back(name, {}, NOON), wire.will()]

    assert _heard("zigbee2mqtt", said[:2] + said[3:]) == [
        Presence("zigbee2mqtt:bridge", "online", bridge=True), Presence(f"zigbee2mqtt:{name}", "online", relayed=True),
        Presence(f"zigbee2mqtt:{name}", "lost", relayed=True), Presence(f"zigbee2mqtt:{name}", "online", relayed=True),
        Presence("zigbee2mqtt:bridge", "lost", bridge=True)]
    told = _heard("zigbee2mqtt", said[2:3])[0]
    assert isinstance(told, Telemetry)
    assert (told.key, told.at, told.values) == (f"zigbee2mqtt:{name}", NOON, {"water_leak": True, "battery": 97})


NODE = "sparkplug:homes/home-1"


def _sparkplug(messages: Sequence[Message], notes: Notes) -> list[Signal]:
    return [signal for message in messages for signal in sparkplug.recall(
        message.topic, message.payload, False, {NODE: notes}, NOON)]


def test_a_sparkplug_node_gives_birth_speaks_in_aliases_and_dies() -> None:
    wire, notes = _wire("sparkplug", "home-1"), Notes()
    will = wire.will()
    born = _sparkplug(wire.birth(NOON, {"hp-1": PUMP}), notes)
    said = wire.telemetry("hp-1", {**PUMP, "flow_temp": 51.5}, NOON + 60_000)
    data = _sparkplug(said, notes)

    assert not [signal for signal in [*born, *data] if isinstance(signal, Request)]  # no gap was seen
    assert [signal.key for signal in born if isinstance(signal, Announced)] == [NODE, f"{NODE}/hp-1"]
    assert data == [Telemetry(f"{NODE}/hp-1", {**PUMP, "flow_temp": 51.5}, NOON + 60_000, 2)]
    assert b"flow_temp" not in said[0].payload
    assert _sparkplug(wire.gone("hp-1", NOON), notes) == [Presence(f"{NODE}/hp-1", "lost")]
    assert _sparkplug([will], notes) == [Presence(NODE, "lost", bridge=True)]


def test_a_sparkplug_will_names_the_birth_that_follows_it_and_births_count_anew() -> None:
    wire = _wire("sparkplug", "home-1")
    numbers = []
    for _ in range(258):
        will = read_payload(wire.will().payload)
        birth = read_payload(wire.birth(NOON, {})[0].payload)
        assert (will.seq, birth.seq) == (None, 0)
        assert will.metrics[0].raw == birth.metrics[0].raw
        numbers.append(birth.metrics[0].raw)

    assert numbers == [*range(256), 0, 1]


def test_a_sparkplug_sequence_wraps_at_256_without_a_gap() -> None:
    wire, notes = _wire("sparkplug", "home-1"), Notes()
    wire.will()
    heard = _sparkplug(wire.birth(NOON, {"hp-1": PUMP}), notes)
    for turn in range(600):
        heard += _sparkplug(wire.telemetry("hp-1", PUMP, NOON + turn), notes)

    assert not [signal for signal in heard if isinstance(signal, Request)]


def test_a_sparkplug_node_that_is_asked_for_a_rebirth_says_everything_again() -> None:
    wire, notes = _wire("sparkplug", "home-1"), Notes()
    wire.will()
    wire.birth(NOON, {"hp-1": PUMP})  # which the gateway did not hear
    asked = [signal for signal in _sparkplug(wire.telemetry("hp-1", PUMP, NOON), notes) if isinstance(signal, Request)]
    answer, _ = wire.hear(asked[0].topic, asked[0].payload, NOON + 1, {"hp-1": PUMP})
    heard = _sparkplug(answer, notes)

    assert asked[0].topic in wire.commands
    assert Telemetry(f"{NODE}/hp-1", PUMP, NOON + 1, 1) in heard
    assert wire.hear(asked[0].topic, b"\xff\xff rubbish", NOON, {})[0] == []


def test_the_small_protobuf_writer_writes_what_the_published_schema_reads() -> None:
    metrics = [Metric(1.5, "a", 300, NOON), Metric(True, "b"), Metric("ö", "c"), Metric(2**40, "d"), Metric(None, "e")]
    body = protobuf.payload(metrics, NOON, 200)
    read = read_payload(body)

    assert (read.timestamp, read.seq) == (NOON, 200)
    assert [(metric.name, metric.alias, metric.raw) for metric in read.metrics] == [
        ("a", 300, 1.5), ("b", None, True), ("c", None, "ö"), ("d", None, 2**40), ("e", None, None)]


def test_a_command_written_by_somebody_else_is_read() -> None:
    metrics: list[dict[str, Any]] = [
        {"name": "Node Control/Rebirth", "datatype": 11, "boolean_value": True},
        {"name": "Node Control/Reboot", "datatype": 11, "boolean_value": False}, {"alias": 3, "double_value": 2.5}]

    assert protobuf.commands(write_payload(NOON, None, metrics)) == {"Node Control/Rebirth"}


@pytest.mark.parametrize("wire", DIALECTS.values(), ids=lambda wire: str(wire.NAME))
def test_the_gateway_calls_a_device_as_the_fleet_file_does(wire: object) -> None:
    dialect = next(found for found in DIALECTS.values() if found is wire)
    kind = dialect.KINDS[0]
    spec = DeviceSpec("it-00042", kind, dialect.NAME, 60, 42, "home-1", "feeder-001", "carrier-1")
    values = {"heat_pump": PUMP, "plug": PLUG, "relay": RELAY}.get(kind, {"temperature": 21.0})
    said = dialect.DialectClient(spec.client).telemetry(spec.name, values, NOON)
    heard = _sparkplug(said, Notes()) if dialect.NAME == "sparkplug" else _heard(dialect.NAME, said)

    assert f"{dialect.NAME}:{spec.address}" in {signal.key for signal in heard}
