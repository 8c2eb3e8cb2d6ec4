"""A rehearsal says what a real broker would: the same every time, as fast as the machine can, with nobody waiting."""

import io
import json
import random
from typing import Any

import pytest

from device_sim import scenario
from device_sim.dialects import Message
from device_sim.ground_truth import Truth
from device_sim.mqtt.memory_broker import Broker, Delivered, Subscriber, matches
from device_sim.scenario import SHIPPED
from device_sim.simulated_time_run import SimulatedTimeRun, deliveries

MORNING = 1_790_000_000_000
PUMP = {"id": "hp-1", "kind": "heat_pump", "every": 60}
BUTTON = {"id": "button-1", "kind": "button", "every": "1d"}


def _rehearse(*devices: dict[str, Any], happens: tuple[dict[str, Any], ...] = (), seed: int = 7,
              truth: Truth | None = None, subscriber: Subscriber | None = None) -> SimulatedTimeRun:
    played = scenario.parse({"devices": list(devices), "happens": list(happens)}, "test.yaml")
    return SimulatedTimeRun(played, seed, MORNING, truth, subscriber=subscriber)


def _said(rehearsal: SimulatedTimeRun) -> list[tuple[str, Any, bool]]:
    """(last level of the topic, body, retained) of what the subscriber now has; it acknowledges nothing."""
    return [(one.topic.rpartition("/")[2], json.loads(one.payload), one.retained)
            for one in rehearsal.broker.subscriber.take()]


def _states(rehearsal: SimulatedTimeRun) -> list[tuple[str, bool]]:
    return [(body["state"], retained) for what, body, retained in _said(rehearsal) if what == "status"]


@pytest.mark.parametrize("name", ["carrier-loss", "button-mash", "clock-skew"])
def test_the_same_seed_is_the_same_to_the_last_byte(name: str) -> None:
    def whole(seed: int) -> tuple[list[Delivered], str]:
        file = io.StringIO()
        rehearsal = SimulatedTimeRun(scenario.load(SHIPPED / f"{name}.yaml", 30), seed, MORNING, Truth(file))
        return list(deliveries(rehearsal, 5_400)), file.getvalue()

    assert whole(7) == whole(7)
    assert whole(7)[0] != whole(8)[0]


def test_messages_come_in_order_and_all_times_are_simulated() -> None:
    file = io.StringIO()
    heard = list(deliveries(_rehearse(PUMP, happens=({"do": "power_loss", "at": "5m", "for": "5m", "device": "hp-1"},),
                                      truth=Truth(file)), 3_600))
    head, lost, tail = map(json.loads, file.getvalue().splitlines())

    assert [one.at for one in heard] == sorted(one.at for one in heard)
    assert {json.loads(one.payload).get("ts", one.at) for one in heard} == {one.at for one in heard}
    assert head["started"] == MORNING
    assert (lost["from"], lost["to"]) == (MORNING + 300_000, MORNING + 600_000)
    assert tail["ended"] == MORNING + 3_600_000
    assert not any(one.retained for one in heard)  # it listened all the time


def _truth(*devices: dict[str, Any], happens: tuple[dict[str, Any], ...], lasts: int) -> list[dict[str, Any]]:
    """Its episodes, times in seconds since the beginning."""
    file = io.StringIO()
    list(deliveries(_rehearse(*devices, happens=happens, truth=Truth(file)), lasts))
    _, *rows, _ = map(json.loads, file.getvalue().splitlines())
    return [{**row, "from": (row["from"] - MORNING) // 1000, "to": row["to"] and (row["to"] - MORNING) // 1000}
            for row in sorted(rows, key=lambda row: row["from"])]


def test_a_slow_leak_that_bursts_is_one_leak_that_grew() -> None:
    """It had not shown: nobody could have found it, and there is one hole to find afterwards."""
    rows = _truth(PUMP, happens=({"do": "leak_slowly", "at": "1h"}, {"do": "lose_water", "at": "2h", "for": "1h"}),
                  lasts=14_400)

    assert [(row["kind"], row["from"], row["to"], row["expect"], row["rule"]) for row in rows] == [
        ("leak", 3_600, 7_200, "none", ""), ("leak", 7_200, 10_800, "ticket", "low_pressure")]


def test_another_trouble_of_the_same_device_is_one_of_its_own() -> None:
    rows = _truth(PUMP, happens=({"do": "lose_water", "at": "1h"}, {"do": "overheat", "at": "2h", "for": "1h"}),
                  lasts=14_400)

    assert [(row["kind"], row["from"], row["to"], row["expect"]) for row in rows] == [
        ("leak", 3_600, 10_800, "ticket"), ("overheating", 7_200, 10_800, "ticket")]


def test_a_broken_sensor_asks_for_what_its_profile_can_find() -> None:
    """A relay whose temperature stands still may just be a relay."""
    kinds = ({"kind": "heat_pump"}, {"kind": "fridge"}, {"kind": "climate"}, {"kind": "relay"}, {"kind": "plug"})
    devices = [{"id": kind["kind"], "every": "5m", **kind} for kind in kinds]
    stuck = _truth(*devices, happens=({"do": "stick", "at": "1h"},), lasts=7_200)
    drifts = _truth(*devices, happens=({"do": "drift", "at": "1h", "by": 20},), lasts=7_200)
    fahrenheit = _truth(*devices, happens=({"do": "update", "at": "1h", "wrong_unit": 1},), lasts=7_200)

    assert {row["device"] for row in stuck if row["expect"] == "alarm"} == {"heat_pump", "fridge", "climate"}
    assert {row["rule"] for row in stuck} == {"stuck", ""}
    assert [(row["device"], row["rule"]) for row in drifts if row["expect"] != "none"] == [("heat_pump", "drift")]
    assert [(row["device"], row["kind"], row["rule"]) for row in fahrenheit if row["expect"] != "none"] == [
        ("fridge", "bad_update", "no_temperature")]


def test_a_sensor_that_sticks_drifts_no_more_and_a_drift_within_the_noise_is_not_asked_for() -> None:
    rows = _truth(PUMP, happens=({"do": "drift", "at": "1h", "by": 0.4, "for": "20h"},
                                 {"do": "stick", "at": "3h", "for": "2h"}, {"do": "drift", "at": "4h", "for": "10h"}),
                  lasts=8 * 3600)

    assert [(row["kind"], row["from"], row["to"], row["expect"]) for row in rows] == [
        ("drift", 3_600, 10_800, "none"), ("stuck", 10_800, 18_000, "alarm")]


def test_a_lost_connection_speaks_its_will_at_once_and_a_goodbye_does_not() -> None:
    rehearsal = _rehearse(PUMP, happens=({"do": "power_loss", "at": 100, "for": 50, "device": "hp-1"},))
    rehearsal.go(99.9)
    assert _states(rehearsal) == [("online", False)]
    rehearsal.go(100)
    assert _states(rehearsal) == [("lost", False)]
    rehearsal.go(160)
    assert _states(rehearsal) == [("online", False)]
    rehearsal.finish()
    assert _states(rehearsal) == [("stopped", False)]


def test_a_connection_that_breaks_is_made_again_within_a_second() -> None:
    rehearsal = _rehearse(PUMP, happens=({"do": "link_reset", "at": 100, "device": "hp-1"},))
    rehearsal.go(99.9)
    _said(rehearsal)
    rehearsal.go(101)
    assert _states(rehearsal) == [("lost", False), ("online", False)]


def test_a_killed_broker_speaks_no_will_and_devices_keep_what_they_say_at_qos_1() -> None:
    rehearsal = _rehearse(PUMP, {"id": "plug-1", "kind": "plug", "dialect": "tasmota", "every": 20})
    rehearsal.go(100)
    rehearsal.broker.subscriber.take()
    rehearsal.broker.subscriber.acknowledge()
    rehearsal.broker.die()
    rehearsal.go(220)
    assert rehearsal.broker.subscriber.take() == []
    rehearsal.broker.start()
    rehearsal.broker.admit()
    before = rehearsal.broker.subscriber.take()
    assert {(one.topic, one.retained) for one in before} == {("devices/hp-1/status", True), ("tele/plug-1/LWT", True)}

    rehearsal.go(235)  # the longest pause between two tries is ten seconds
    heard = rehearsal.broker.subscriber.take()
    pump = [json.loads(one.payload) for one in heard if one.topic == "devices/hp-1/telemetry"]
    assert [body["ts"] // 60_000 for body in pump] == sorted({body["ts"] // 60_000 for body in pump})
    assert any(body["ts"] < MORNING + 220_000 for body in pump)  # kept by the device: QoS 1
    assert not any(one.payload == b"Offline" for one in heard)
    assert all(one.at > MORNING + 220_000 for one in heard)
    assert len([one for one in heard if one.topic == "tele/plug-1/SENSOR"]) <= 1  # at QoS 0 it was lost


def test_while_the_subscriber_is_away_only_qos_1_waits_and_what_is_retained_comes_after_it() -> None:
    rehearsal = _rehearse(PUMP, {"id": "plug-1", "kind": "plug", "dialect": "tasmota", "every": 20})
    rehearsal.go(61)
    subscriber = rehearsal.broker.subscriber
    subscriber.take()
    subscriber.acknowledge()
    subscriber.leave()
    rehearsal.go(181)
    assert subscriber.take() == []
    rehearsal.broker.admit()

    heard = subscriber.take()
    assert [(one.topic, one.retained) for one in heard] == [
        ("devices/hp-1/telemetry", False), ("devices/hp-1/telemetry", False),
        ("devices/hp-1/status", True), ("tele/plug-1/LWT", True)]
    assert {one.at for one in heard} == {MORNING + 181_000}  # whatever their own times say


def test_what_was_taken_and_not_acknowledged_comes_again() -> None:
    rehearsal = _rehearse(PUMP)
    rehearsal.go(61)
    subscriber = rehearsal.broker.subscriber
    taken = [one for one in subscriber.take() if one.qos]
    subscriber.leave()
    rehearsal.broker.admit()

    again = [one for one in subscriber.take() if not one.retained]
    assert [one.payload for one in again] == [one.payload for one in taken]
    subscriber.acknowledge()
    subscriber.leave()
    rehearsal.broker.admit()
    assert [one for one in subscriber.take() if not one.retained] == []


def test_a_message_said_twice_comes_twice() -> None:
    rehearsal = _rehearse(PUMP, happens=({"do": "duplicates", "at": 0, "rate": 1.0, "device": "hp-1"},))
    rehearsal.go(300)
    bodies = [body["seq"] for what, body, _ in _said(rehearsal) if what == "telemetry"]
    assert bodies == [number for number in sorted(set(bodies)) for _ in "12"]


def test_a_press_is_repeated_with_its_own_id_until_it_is_answered() -> None:
    rehearsal = _rehearse(BUTTON, happens=({"do": "press", "at": 10, "device": "button-1"},))
    rehearsal.go(35)
    presses = [body["id"] for what, body, _ in _said(rehearsal) if what == "press"]
    assert len(presses) == 3  # at 10, 20 and 30 s
    assert len(set(presses)) == 1

    answer = {"id": "C-1", "press_id": presses[0], "state": "queued"}
    rehearsal.broker.tell("devices/button-1/command", json.dumps(answer).encode())
    rehearsal.go(120)
    assert [what for what, _, _ in _said(rehearsal) if what in ("ack", "press")] == ["ack"]


def test_a_button_makes_the_gesture_of_a_test() -> None:
    rehearsal = _rehearse(BUTTON, happens=({"do": "test", "at": 10, "device": "button-1"},))
    rehearsal.go(15)
    assert [body["kind"] for what, body, _ in _said(rehearsal) if what == "press"] == ["test"]


def test_an_emptied_retained_message_is_gone_and_a_subscriber_hears_what_it_asked_for() -> None:
    subscriber = Subscriber(["a/+/x", "b/#"])
    broker = Broker(lambda: 0, lambda seconds, then: None, random.Random(1), subscriber)
    for topic in ("a/1/x", "a/1/y", "b", "b/2/3"):
        broker.publish(Message(topic, b"kept", True))
    broker.publish(Message("a/1/x", b"", True))

    assert [one.topic for one in subscriber.take()] == ["a/1/x", "b", "b/2/3", "a/1/x"]
    subscriber.acknowledge()
    subscriber.leave()
    broker.admit()
    assert [(one.topic, one.retained) for one in subscriber.take()] == [("b", True), ("b/2/3", True)]


@pytest.mark.parametrize(("pattern", "topic", "fits"), [
    ("#", "a/b", True), ("#", "$SYS/x", False), ("+/b", "$SYS/b", False), ("a/#", "a", True), ("a/#", "ab", False),
    ("a/+", "a/b", True), ("a/+", "a/b/c", False), ("+/+/x", "a/b/x", True), ("a/b", "a/b", True),
    ("a/+/#", "a", False),
])
def test_filters_are_those_of_mqtt(pattern: str, topic: str, fits: bool) -> None:
    assert matches(pattern, topic) is fits


def test_the_town_is_the_same_story_as_over_sockets() -> None:
    file = io.StringIO()
    list(deliveries(SimulatedTimeRun(scenario.load(SHIPPED / "town.yaml"), 7, MORNING, Truth(file)), 900))
    kinds = [json.loads(line).get("kind") for line in file.getvalue().splitlines()]

    assert sorted(kind for kind in kinds if kind) == ["overheating", "power_loss", "press", "silence", "water"]
