"""What happens in plants: Homie devices and their roots, Victron by day and night, ThingsBoard and its gateways."""

import json
from collections.abc import Iterable

import pytest
from sqlmodel import col, select

from gateway.config.fleet_file import read_fleet
from gateway.devices import dialects
from gateway.devices.dialects import thingsboard, victron
from gateway.model import DeviceState
from gateway.model.signals import (
    Announced,
    FaultCode,
    Ignored,
    Presence,
    Press,
    Request,
    Signal,
    Telemetry,
    Undecodable,
)
from gateway.store import Store
from gateway.store.fleet import save_fleet
from tests.drivers.story import NOON, Story, begin
from tests.fixtures.payload_expectations import ABSENT, PAYLOADS, agrees
from tests.fixtures.payloads_plants import EXPECTED_PLANTS

SPOKEN = dialects.understand(("homie", "victron", "thingsboard"))
PORTAL, INVERTER = "victron:c0619ab1", "victron:c0619ab1/pvinverter/20"
PLANT = """
customers: [{id: dora, name: Dora Frei, contacts: [{channel: email, address: dora@example.com}]}]
sites: [{id: plant, customer: dora, name: Dora's plant, postcode: 8001}]
devices:
  - {id: hub, dialect: homie, address: hub, profile: heat-pump, site: plant}
  - {id: child, dialect: homie, address: pump-3, profile: heat-pump, site: plant, via: hub}
  - {id: loner, dialect: homie, address: loner, profile: heat-pump, site: plant}
  - {id: roof, dialect: victron, address: c0619ab1/pvinverter/20, profile: heat-pump, site: plant}
  - {id: boiler, dialect: thingsboard, address: Boiler 1, profile: heat-pump, site: plant}
"""


@pytest.fixture
def plant(store: Store) -> Story:
    """Dora's plant in the gateway that everybody knows."""
    story = begin(store)
    fleet = read_fleet(PLANT, "plant.yaml")
    with store.write() as session:
        save_fleet(session, fleet, now=NOON)
    story.gw.dialects = SPOKEN
    return story


def link(plant: Story, device: str) -> str:
    with plant.gw.store.read() as session:
        return session.exec(select(DeviceState.link).where(col(DeviceState.device_id) == device)).one()


def running(plant: Story) -> list[str]:
    """The faults that nobody has called over."""
    return [f"{alarm.device_id} {alarm.rule}" for alarm in plant.alarms if alarm.closed_at is None]


def heard(topic: str, payload: bytes, retained: bool = False) -> list[Signal]:
    """What is said; nothing when it is ignored."""
    try:
        return list(SPOKEN.decode(topic, payload, retained))
    except Ignored:
        return []


def links(signals: Iterable[Signal]) -> list[str]:
    return [signal.state for signal in signals if isinstance(signal, Presence)]


def reason(topic: str, payload: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        SPOKEN.decode(topic, payload)
    return str(caught.value)


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason=ABSENT)
@pytest.mark.parametrize("name", EXPECTED_PLANTS)
def test_a_recorded_message_decodes_to_its_signals(name: str) -> None:
    topic = (PAYLOADS / name).with_suffix(".topic").read_text().strip("\n")
    message = (topic.removesuffix(" [retained]"), (PAYLOADS / name).read_bytes(), topic.endswith(" [retained]"))
    expected = EXPECTED_PLANTS[name]
    if isinstance(expected, type):
        with pytest.raises(expected):
            SPOKEN.decode(*message)
    else:
        got = SPOKEN.decode(*message)
        assert agrees(got, expected), got


# Homie: the root holds the line for its children

def test_children_of_a_lost_root_are_unknown_and_only_the_root_gets_a_ticket(plant: Story) -> None:
    for device in ("hub", "pump-3", "loner"):
        plant.receive(f"homie/5/{device}/$state", b"ready")
    plant.receive("homie/5/hub/$state", b"lost")
    assert [link(plant, device) for device in ("hub", "child", "loner")] == ["lost", "unknown", "online"]
    plant.wait(minutes=4)
    assert running(plant) == ["hub silent"]


def test_a_child_whose_root_is_back_is_judged_by_its_own_clock(plant: Story) -> None:
    for device in ("hub", "pump-3"):
        plant.receive(f"homie/5/{device}/$state", b"ready")
    plant.receive("homie/5/hub/$state", b"lost")
    plant.wait(minutes=10)
    plant.receive("homie/5/hub/$state", b"ready")
    assert link(plant, "child") == "online"
    plant.wait(minutes=10)
    assert "child silent" in running(plant)
    plant.receive("homie/5/pump-3/circuit/flow-temp", b"48.5")
    assert "child silent" not in running(plant)


def test_a_root_that_returns_does_not_call_a_lost_child_fixed(plant: Story) -> None:
    plant.receive("homie/5/hub/$state", b"ready")
    plant.receive("homie/5/pump-3/$state", b"lost")
    plant.wait(minutes=4)
    assert running(plant) == ["child silent"]
    plant.receive("homie/5/hub/$state", b"ready", retained=True)
    assert running(plant) == ["child silent"]


def test_a_lost_device_without_children_takes_nobody_with_it(plant: Story) -> None:
    for device in ("hub", "pump-3", "loner"):
        plant.receive(f"homie/5/{device}/$state", b"ready")
    plant.receive("homie/5/loner/$state", b"lost")
    plant.receive("homie/5/stranger/$state", b"lost")
    assert [link(plant, device) for device in ("hub", "child", "loner")] == ["online", "online", "lost"]


@pytest.mark.parametrize("word", ["sleeping", "disconnected"])
def test_a_device_that_takes_its_leave_is_no_outage_however_long_it_stays_away(plant: Story, word: str) -> None:
    for device in ("hub", "pump-3"):
        plant.receive(f"homie/5/{device}/$state", b"ready")
    plant.receive("homie/5/hub/$state", word.encode())
    plant.wait(minutes=600)
    assert [link(plant, device) for device in ("hub", "child")] == [
        {"sleeping": "sleeping", "disconnected": "stopped"}[word], "unknown"]
    assert running(plant) == []


def test_an_old_alert_in_the_broker_does_not_call_a_lost_device_fixed(plant: Story) -> None:
    plant.receive("homie/5/loner/$state", b"lost")
    plant.wait(minutes=4)
    plant.receive("homie/5/loner/$alert/low-pressure", b"0.4 bar", retained=True)
    assert link(plant, "loner") == "lost"
    assert running(plant) == ["loner silent"]


def test_an_alert_lasts_until_its_topic_is_emptied(plant: Story) -> None:
    plant.receive("homie/5/loner/$alert/low-pressure", b"0.4 bar")
    assert running(plant) == ["loner fault:low-pressure"]
    plant.receive("homie/5/loner/$alert/low-pressure", b"")
    assert running(plant) == []


def test_an_alert_of_homie_4_is_over_when_the_device_is_ready_again(plant: Story) -> None:
    plant.receive("homie/loner/$state", b"alert")
    assert running(plant) == ["loner fault:alert"]
    plant.receive("homie/loner/$state", b"init")
    assert running(plant) == ["loner fault:alert"]
    plant.receive("homie/loner/$state", b"ready")
    assert running(plant) == []


def test_a_homie_device_that_is_taken_out_is_removed_and_not_lost() -> None:
    assert heard("homie/5/pump-3/$state", b"") == [Presence("homie:pump-3", "removed")]
    assert heard("homie/pump-3/$state", b"") == [Presence("homie:pump-3", "removed")]


def test_a_device_is_the_same_one_after_its_upgrade_from_homie_4_to_5() -> None:
    old, new = heard("homie/pump-3/a/b", b"1"), heard("homie/5/pump-3/a/b", b"1")
    assert old == new


def test_a_homie_4_device_may_be_called_5() -> None:
    assert heard("homie/5/$state", b"lost") == [Presence("homie:5", "lost", bridge=True)]


@pytest.mark.parametrize(("payload", "value"), [
    (b"21.5", 21.5), (b"-4", -4.0), (b"1e3", 1000.0), (b"true", True), (b"false", False), (b"TRUE", "TRUE"),
    (b"\0", ""), (b"1_000", "1_000"), (b"rgb,100,0,7", "rgb,100,0,7"), (b"0x1F", "0x1F"), (b"PT5M", "PT5M"),
    ("٣".encode(), "٣"), (b"a\nb", "a b"), (b"9" * 65, "9" * 65),
])
def test_a_homie_value_is_what_it_looks_like(payload: bytes, value: object) -> None:
    (signal,) = heard("homie/5/pump-3/circuit/note", payload)
    assert isinstance(signal, Telemetry)
    assert signal.values == {"circuit_note": value}
    assert type(signal.values["circuit_note"]) is type(value)


@pytest.mark.parametrize("payload", [b"nan", b"Infinity", b"-inf", b"1e999"])
def test_a_homie_number_that_is_none_is_a_sign_of_life(payload: bytes) -> None:
    assert list(heard("homie/5/pump-3/circuit/flow-temp", payload)) == [Presence("homie:pump-3", "online")]


def test_a_homie_battery_is_low_at_ten_percent_and_well_at_twenty() -> None:
    topic = "homie/stove/$stats/battery"
    said = [[s.active for s in heard(topic, level) if isinstance(s, FaultCode)] for level in (b"10", b"15", b"20")]
    assert said == [[True], [], [False]]


# Victron: what leaves in the evening is not lost

def test_an_inverter_that_leaves_each_evening_is_asleep_until_it_speaks(plant: Story) -> None:
    topics = [f"N/c0619ab1/pvinverter/20/Ac/{path}" for path in ("Power", "L1/Power", "L1/Voltage")]
    plant.receive(topics[0], {"value": 936})
    for topic in topics:
        plant.receive(topic, b"")
    plant.wait(minutes=840)
    assert link(plant, "roof") == "sleeping"
    assert running(plant) == []
    plant.receive(topics[0], {"value": 4})
    assert link(plant, "roof") == "online"


def test_neither_a_null_nor_the_portals_heartbeat_wakes_a_sleeping_inverter(plant: Story) -> None:
    plant.receive("N/c0619ab1/pvinverter/20/Ac/Power", b"")
    plant.receive("N/c0619ab1/pvinverter/20/Ac/Power", {"value": None})
    plant.receive("N/c0619ab1/heartbeat", {"value": 1_788_264_000})
    assert link(plant, "roof") == "sleeping"


def test_what_leaves_by_day_is_told_apart_from_what_sleeps() -> None:
    assert links(heard("N/c0619ab1/vebus/257/Mode", b"")) == ["stopped"]
    assert links(heard("N/c0619ab1/pvinverter/20/Ac/Power", b"")) == ["sleeping"]


def test_nothing_victron_says_is_ever_lost() -> None:
    said = [heard(f"N/c0619ab1/{path}", payload) for path in ("system/0/Serial", "pvinverter/20/Ac/Power", "heartbeat")
            for payload in (b"", b'{"value":null}', b'{"value":0}') if path != "heartbeat" or payload]
    assert "lost" not in [state for signals in said for state in links(signals)]


def test_a_victron_alarm_is_a_fault_at_two_and_only_a_value_at_one() -> None:
    topic = "N/c0619ab1/vebus/257/Alarms/HighTemperature"
    for value, active in ((0, False), (1, False), (2, True)):
        fault, telemetry = heard(topic, b'{"value":%d}' % value)
        assert fault == FaultCode("victron:c0619ab1/vebus/257", "vebus_Alarms_HighTemperature", active)
        assert isinstance(telemetry, Telemetry)
        assert telemetry.values == {"Alarms_HighTemperature": float(value)}


def test_the_limits_of_a_tanks_alarm_are_no_alarm() -> None:
    for leaf in ("Active", "Restore", "Delay", "Enable"):
        (only,) = heard(f"N/c0619ab1/tank/3/Alarms/High/{leaf}", b'{"value":2}')
        assert isinstance(only, Telemetry)


def test_an_empty_house_battery_is_no_low_battery_of_a_device() -> None:
    (only,) = heard("N/c0619ab1/battery/512/Soc", b'{"value":3}')
    assert isinstance(only, Telemetry)


def test_no_setting_of_a_portal_is_kept_because_some_are_passwords() -> None:
    assert heard("N/c0619ab1/settings/0/Settings/Services/AccessPointPassword", b'{"value":"hidden"}') == []


def test_the_portals_of_claimed_devices_are_asked_to_go_on_once_each() -> None:
    keys = ["victron:b/vebus/257", INVERTER, PORTAL, f"{PORTAL}/battery/512", "victron:", "victron:+/x/1", "victron:#"]
    said = victron.prompts(keys)
    assert [topic for topic, _ in said] == ["R/b/keepalive", "R/c0619ab1/keepalive"]
    assert {json.loads(payload)["keepalive-options"][0] for _, payload in said} == {"suppress-republish"}
    assert victron.prompts([]) == []


def test_a_portal_that_we_meet_anew_is_asked_for_all_it_knows() -> None:
    asked = Request(PORTAL, "R/c0619ab1/keepalive", b"")
    assert asked in heard("N/c0619ab1/system/0/Serial", b'{"value":"c0619ab1"}', retained=True)
    answered = heard("N/c0619ab1/system/0/Serial", b'{"value":"c0619ab1"}')  # else each answer would ask again
    assert not any(isinstance(signal, Request) for signal in answered)


@pytest.mark.parametrize("beat", [3.0, 3.01, 3.3])
def test_a_portal_is_asked_for_all_values_in_each_ten_minutes_even_if_its_heart_beats_late(beat: float) -> None:
    asked = [0] * 6
    for number in range(round(3600 / beat)):
        second = int(number * beat)
        said = heard("N/c0619ab1/heartbeat", b'{"value":%d}' % (1_788_264_000 + second))
        asked[min(second // 600, 5)] += sum(isinstance(signal, Request) for signal in said)
    assert all(1 <= count <= 2 for count in asked), asked


def test_two_portals_are_not_asked_for_everything_in_the_same_moment() -> None:
    def moments(portal: str) -> set[int]:
        return {second for second in range(600)
                if len(heard(f"N/{portal}/heartbeat", b'{"value":%d}' % (1_788_264_000 + second))) == 2}

    assert len(moments("c0619ab1")) == len(moments("c0619ab2")) == 4
    assert not moments("c0619ab1") & moments("c0619ab2")


def test_a_victron_device_introduces_itself_with_its_portal() -> None:
    model = heard("N/c0619ab1/vebus/257/ProductName", b'{"value":"MultiPlus-II 48/5000"}')[0]
    name = heard("N/c0619ab1/vebus/257/CustomName", b'{"value":"Cellar"}')[0]
    assert isinstance(model, Announced)
    assert isinstance(name, Announced)
    assert (model.name, model.model, name.name, name.model) == ("", "MultiPlus-II 48/5000", "Cellar", "")
    assert model.via == name.via == PORTAL


# ThingsBoard: whose telemetry is it

def test_a_message_that_names_no_device_says_what_to_do_about_it() -> None:
    for what in ("telemetry", "attributes"):
        why = reason(f"v1/devices/me/{what}", b'{"flow":3}')
        assert "expected <device>/v1/devices/me/" in why
        assert "mount point" in why


def test_many_moments_in_one_message_come_apart_by_their_times() -> None:
    rows = [{"ts": NOON + second * 1000, "values": {"flow": second}} for second in range(3)]
    said = heard("meter-4/v1/devices/me/telemetry", json.dumps(rows).encode())
    assert [(s.at, s.values) for s in said if isinstance(s, Telemetry)] == [
        (NOON + second * 1000, {"flow": float(second)}) for second in range(3)]


def test_values_of_one_moment_are_one_reading_however_they_were_split() -> None:
    said = heard("meter-4/v1/devices/me/telemetry", b'[{"flow":3},{"leak":true},{"flow":4}]')
    assert agrees(said, [Telemetry("thingsboard:meter-4", {"flow": 4.0, "leak": True})])


def test_a_wrong_device_in_a_gateways_message_silences_no_other() -> None:
    body = {"Boiler 1": "?", "": [{"t": 1}], "a\x00b": [{"t": 1}], "Boiler 2": [{"t": 2}], "Boiler 3": []}
    said = heard("v1/gateway/telemetry", json.dumps(body).encode())
    assert agrees(said, [Telemetry("thingsboard:Boiler 2", {"t": 2.0})])


def test_devices_of_two_gateways_stay_apart_when_the_broker_mounts_them() -> None:
    (one,), (two,) = (heard(f"{mount}v1/gateway/telemetry", b'{"Boiler":[{"t":1}]}') for mount in ("hall/", "barn/"))
    assert {one.key, two.key} == {"thingsboard:hall/Boiler", "thingsboard:barn/Boiler"}


def test_a_device_that_its_gateway_disconnects_has_stopped_and_is_no_outage(plant: Story) -> None:
    plant.receive("v1/gateway/connect", {"device": "Boiler 1", "type": "boiler"})
    assert link(plant, "boiler") == "online"
    plant.receive("v1/gateway/disconnect", {"device": "Boiler 1"})
    plant.wait(minutes=600)
    assert link(plant, "boiler") == "stopped"
    assert running(plant) == []


def test_more_devices_or_moments_than_a_message_may_have_are_refused() -> None:
    many = {f"d{number}": {"t": 1} for number in range(thingsboard.DEVICES + 1)}
    assert "at most 200 devices" in reason("v1/gateway/telemetry", json.dumps(many).encode())
    shared = {f"d{number}": [{"t": 1}] * 6 for number in range(thingsboard.DEVICES)}
    assert "at most 1000 moments" in reason("v1/gateway/telemetry", json.dumps(shared).encode())
    long = [{"t": 1}] * (thingsboard.ITEMS + 1)
    assert "at most 1000 moments" in reason("meter-4/v1/devices/me/telemetry", json.dumps(long).encode())


def test_nothing_here_is_ever_a_press_but_what_a_homie_button_says() -> None:
    examples = [example for dialect in SPOKEN.dialects for example in dialect.EXAMPLES]
    assert len(examples) > 80
    assert {(topic, retained) for topic, payload, retained, expected in examples if not isinstance(expected, type)
            for signal in heard(topic, payload, retained) if isinstance(signal, Press)} == {
                ("homie/5/bell/button/action", False)}
