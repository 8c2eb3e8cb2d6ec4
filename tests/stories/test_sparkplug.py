"""Sparkplug B: what a host must know between messages, held against the recorded ones and through the database."""

from typing import Any

import pytest

from gateway.detection.batch import MqttMessage
from gateway.devices import dialects
from gateway.devices.dialects import sparkplug
from gateway.devices.dialects.sparkplug_payload import METRICS, read_payload, value_of, write_payload
from gateway.flow.receive import receive
from gateway.model import DeadLetter, Device, DeviceState, Note
from gateway.model.signals import Ignored, Notes, Presence, Request, Signal, Skipped, Telemetry, Undecodable
from gateway.store import Store
from tests.drivers.story import NOON, Story, begin
from tests.fixtures.payload_expectations import ABSENT, PAYLOADS

NODE = "sparkplug:Sparkplug B Devices/Python Edge Node 1"
TAHU = sorted((PAYLOADS / "sparkplug_b_tahu").glob("*.bin"))


def message(seq: int | None, *metrics: dict[str, Any], at: int = NOON) -> bytes:
    return write_payload(at, seq, metrics)


def bd(number: int) -> dict[str, Any]:
    return {"name": "bdSeq", "datatype": 8, "long_value": number}


class Host:
    """One host that hears one edge node, `PLC` of the group `Plant`, with the device `pump`."""

    def __init__(self) -> None:
        self.notes: dict[str, Notes] = {}
        self.now = NOON

    def hear(self, topic: str, payload: bytes, retained: bool = False) -> list[Signal]:
        notes = {source: self.notes.setdefault(source, Notes()) for source in sparkplug.sources(topic)}
        return list(sparkplug.recall(topic, payload, retained, notes, self.now))

    def node(self, kind: str, payload: bytes) -> list[Signal]:
        return self.hear(f"spBv1.0/Plant/{kind}/PLC", payload)

    def pump(self, kind: str, payload: bytes) -> list[Signal]:
        return self.hear(f"spBv1.0/Plant/{kind}/PLC/pump", payload)

    def born(self, number: int = 1) -> None:
        self.node("NBIRTH", message(0, bd(number)))
        self.pump("DBIRTH", message(1, {"name": "temp", "alias": 7, "datatype": 9, "float_value": 20.0}))


def asked(signals: list[Signal]) -> bool:
    return any(isinstance(signal, Request) for signal in signals)


@pytest.mark.skipif(not TAHU, reason=ABSENT)
def test_the_recorded_session_is_read_as_it_was_meant() -> None:
    host = Host()
    heard = {path.stem: host.hear(path.with_suffix(".topic").read_text().strip(), path.read_bytes())
             for path in TAHU[1:]}
    birth, device = heard["02_nbirth"], heard["03_dbirth"]

    assert Presence(NODE, "online", bridge=True) in birth
    assert birth[-1].values == {"Node_Metric0": "hello node", "Node_Metric1": True}  # type: ignore[union-attr]
    assert device[-1].values["output_Device_Metric2"] == 16.0  # type: ignore[union-attr]
    for number in (2, 3, 4):  # the alias is read by its name, and what the device calls stale is no news
        first, second = heard[f"0{number + 2}_ddata_seq{number}"]
        assert isinstance(first, Telemetry)
        assert first.values == {"output_Device_Metric2": 14.0 + number}
        assert second == Skipped(f"{NODE}/Emulated Device", "metric that its device calls bad or stale")
    assert [asked(signals) for signals in heard.values()] == [False, False, False, False, False, True, False]
    assert heard["08_ddeath"] == [Presence(f"{NODE}/Emulated Device", "lost")]
    assert host.hear(TAHU[0].with_suffix(".topic").read_text().strip(), TAHU[0].read_bytes()) == [
        Presence(NODE, "lost", bridge=True)]


def test_a_sequence_number_goes_on_from_255_to_0_and_one_sent_twice_is_no_gap() -> None:
    host = Host()
    host.born()
    for seq in (*range(2, 256), 0, 1, 1, 2):
        assert not asked(host.pump("DDATA", message(seq, {"alias": 7, "float_value": 1.0})))


def test_a_gap_asks_for_a_rebirth_once_in_ten_seconds() -> None:
    host = Host()
    host.born()
    said = host.pump("DDATA", message(5, {"alias": 7, "float_value": 1.0}))

    request = next(signal for signal in said if isinstance(signal, Request))
    assert request.topic == "spBv1.0/Plant/NCMD/PLC"
    (metric,) = read_payload(request.payload).metrics
    assert (metric.name, metric.raw) == ("Node Control/Rebirth", True)
    assert any(isinstance(signal, Telemetry) for signal in said)  # what it does say is not lost
    assert not asked(host.pump("DDATA", message(9, {"alias": 7, "float_value": 1.0})))
    host.now += 10_000
    assert asked(host.pump("DDATA", message(20, {"alias": 7, "float_value": 1.0})))


def test_data_of_a_node_whose_birth_was_missed_asks_for_it() -> None:
    said = Host().pump("DDATA", message(17, {"alias": 7, "float_value": 1.0}))

    assert asked(said)
    assert Presence("sparkplug:Plant/PLC/pump", "online") in said


def test_the_death_of_an_earlier_session_does_not_end_this_one() -> None:
    host = Host()
    host.born(number=4)
    with pytest.raises(Ignored, match="earlier session"):
        host.node("NDEATH", message(None, bd(3)))
    assert host.node("NDEATH", message(None, bd(4))) == [Presence("sparkplug:Plant/PLC", "lost", bridge=True)]


def test_after_a_new_birth_of_its_node_a_device_must_be_born_again() -> None:
    host = Host()
    host.born()
    host.node("NBIRTH", message(0, bd(2)))

    said = host.pump("DDATA", message(1, {"alias": 7, "float_value": 1.0}))

    assert asked(said)
    assert not any(isinstance(signal, Telemetry) for signal in said)


@pytest.mark.parametrize(("raw", "datatype", "value"), [
    (0xFFFFFFFF, 3, -1.0), (0xFF, 1, -1.0), (0xFFFF, 2, -1.0), (2**64 - 5, 4, -5.0), (200, 5, 200.0), (200, 1, -56.0),
    (True, 11, True), ("x", 12, "x"), (float("nan"), 10, None), (float("inf"), 9, None), (None, 3, None),
])
def test_values_are_read_by_their_data_type(raw: Any, datatype: int, value: Any) -> None:
    assert value_of(raw, datatype) == value


@pytest.mark.parametrize(("payload", "words"), [
    (message(256), "seq: expected 0 to 255"),
    (message(None, {"alias": 1}), "seq: expected 0 to 255, got nothing"),
    (b"\x00" * 300_000, "payload: expected at most 262144 bytes"),
    (message(0, *({"alias": 1} for _ in range(METRICS + 1))), "metrics: expected at most 2000"),
    (b"{}", "expected a Sparkplug B protobuf message"),
])
def test_what_is_not_sparkplug_says_why(payload: bytes, words: str) -> None:
    with pytest.raises(Undecodable, match=words):
        Host().node("NDATA", payload)


# through the gateway and its database

@pytest.fixture
def plant(store: Store) -> Story:
    story = begin(store)
    story.gw.dialects = dialects.understand(("native", "sparkplug"))
    with store.write() as session:
        for device_id, key in (("plc", "sparkplug:Plant/PLC"), ("pump", "sparkplug:Plant/PLC/pump")):
            session.add(Device(id=device_id, key=key, profile="heat-pump", site_id="alice-home", name=device_id))
            session.flush()
            session.add(DeviceState(device_id=device_id))
    return story


def test_what_a_birth_has_named_is_remembered_across_batches_and_processes(plant: Story) -> None:
    plant.receive("spBv1.0/Plant/NBIRTH/PLC", message(0, bd(1), at=plant.now))
    plant.receive("spBv1.0/Plant/DBIRTH/PLC/pump", message(
        1, {"name": "flow_temp", "alias": 7, "datatype": 9, "float_value": 40.0}, at=plant.now))
    plant.now += 1000
    plant.gw.dialects = dialects.understand(("sparkplug",))  # another process knows no more than the database
    plant.receive("spBv1.0/Plant/DDATA/PLC/pump", message(2, {"alias": 7, "float_value": 80.0}, at=plant.now))

    assert plant.ticket.cause_key == "overheating"
    assert {row.name for row in plant.all(Note)} == {"session", "birth", "birth/pump"}
    assert list(plant.gw.requests) == []


def test_a_node_that_dies_explains_its_devices(plant: Story) -> None:
    plant.receive("spBv1.0/Plant/NBIRTH/PLC", message(0, bd(1)))
    plant.receive("spBv1.0/Plant/DBIRTH/PLC/pump", message(1))
    plant.receive("spBv1.0/Plant/NDEATH/PLC", message(None, bd(1)))
    plant.wait(minutes=30)

    assert plant.one(DeviceState, DeviceState.device_id == "pump").link == "unknown"
    assert [(ticket.device_id, ticket.cause_key) for ticket in plant.tickets] == [("plc", "silent")]


def test_a_gap_becomes_one_request_to_the_node_and_a_stranger_is_never_asked(plant: Story) -> None:
    plant.receive("spBv1.0/Plant/DDATA/PLC/pump", message(9, {"alias": 7, "float_value": 80.0}))
    plant.receive("spBv1.0/Elsewhere/DDATA/PLC/pump", message(9, {"alias": 7, "float_value": 80.0}))

    assert [request.topic for request in plant.gw.requests] == ["spBv1.0/Plant/NCMD/PLC"]


def test_two_nodes_in_one_batch_keep_apart_what_they_said(plant: Story) -> None:
    said = [MqttMessage(f"spBv1.0/Plant/{kind}/{node}", message(seq, bd(1)))
            for seq, kind in ((0, "NBIRTH"), (1, "NDATA")) for node in ("PLC", "PLC 2")]
    receive(plant.gw, said, plant.now)

    assert plant.all(DeadLetter) == []
    assert {row.source for row in plant.all(Note)} == {"sparkplug:Plant/PLC", "sparkplug:Plant/PLC 2"}
    assert list(plant.gw.requests) == []


def test_a_device_is_lost_with_a_node_that_nobody_has_claimed(plant: Story) -> None:
    with plant.gw.store.write() as session:
        session.delete(session.get_one(DeviceState, "plc"))
        session.flush()
        session.delete(session.get_one(Device, "plc"))
    plant.receive("spBv1.0/Plant/NBIRTH/PLC", message(0, bd(1)))
    plant.receive("spBv1.0/Plant/DBIRTH/PLC/pump", message(1))
    plant.receive("spBv1.0/Plant/NDEATH/PLC", message(None, bd(1)))
    plant.wait(minutes=30)

    assert [(ticket.device_id, ticket.cause_key) for ticket in plant.tickets] == [("pump", "silent")]
