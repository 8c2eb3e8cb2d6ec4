"""Devices that introduce themselves as Home Assistant expects it, and what is heard of them afterwards."""

import json
from typing import Any

import pytest
from sqlmodel import select

from gateway.detection.batch import MqttMessage
from gateway.devices import dialects
from gateway.devices.dialects.ha_announce import path_of
from gateway.flow.receive import receive
from gateway.model import Device, DeviceState, Unclaimed
from gateway.model import Route as RouteRow
from gateway.model.signals import Announced, FaultCode, Ignored, Notes, Presence, Press, Route, Signal, Telemetry
from gateway.store import Store
from tests.drivers.story import Story, begin
from tests.fixtures.payload_expectations import ABSENT, PAYLOADS

PUMP = {"identifiers": ["pump-7"], "name": "Cellar pump", "model": "P200", "manufacturer": "Acme", "via_device": "hub"}


class House:
    """A discovery and what its topics say afterwards, without a database."""

    def __init__(self, *names: str) -> None:
        self.spoken = dialects.understand(("home_assistant", *names))
        self.notes: dict[str, Notes] = {}
        self.said: list[Announced] = []

    def announce(self, topic: str, /, **config: Any) -> Announced:
        said = self.spoken.decode(f"homeassistant/{topic}/config", json.dumps(config).encode(), True)[0]
        assert isinstance(said, Announced)
        self.said.append(said)
        self.spoken.route(Route(route.topic, {**route.spec, "key": one.key})
                          for one in self.said for route in one.routes)
        return said

    def hear(self, topic: str, payload: Any, retained: bool = False) -> list[Signal]:
        body = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
        notes = {source: self.notes.setdefault(source, Notes()) for source in self.spoken.sources(topic)}
        return list(self.spoken.decode(topic, body, retained, notes))


@pytest.mark.parametrize(("template", "path"), [
    (None, {}),
    ("{{ value }}", {}),
    ("{{value|float}}", {}),
    ("{{ value_json.temperature }}", {"path": ["temperature"]}),
    ("{{ value_json['ENERGY'].Power | float(0) | round(1) }}", {"path": ["ENERGY", "Power"]}),
    ('{{ value_json["a b"][0] }}', {"path": ["a b", 0]}),
    ("{{ value_json.t / 10 }}", {"path": ["t"], "times": 0.1}),
    ("{{ (value_json.t | float) * 100 }}", {"path": ["t"], "times": 100.0}),
    ("{{ value_json }}", {"path": []}),
    ("{{value_json['curflowtemp'] if value_json['curflowtemp'] is defined else 0}}", {"path": ["curflowtemp"]}),
    ("{{ value_json.hc1.t if value_json.hc1 is defined and value_json.hc1.t is defined else 'OFF' }}",
     {"path": ["hc1", "t"]}),
    ("{{ value_json.t | default(0) }}", {"path": ["t"]}),
    ("{{ value_json['t'] | is_defined }}", {"path": ["t"]}),
    ("{{ value_json.get('t', 0) | float(default=0) }}", {"path": ["t"]}),
    ("{{ (value_json.t | float / 10) | round(1) }}", {"path": ["t"], "times": 0.1}),
    ("{{ value_json.t | multiply(0.1) | round(2) }}", {"path": ["t"], "times": 0.1}),
    ("{{ value_json.t if 't' in value_json else this.state }}", {"path": ["t"]}),
    ("{{ (value_json.t if value_json.t is not none else none) * 2 }}", {"path": ["t"], "times": 2.0}),
    ("{% if value_json.t is defined %}{{ value_json.t }}{% else %}{{ states('sensor.t') }}{% endif %}",
     {"path": ["t"]}),
    ("{% if 't' in value_json %} {{ value_json.t }} {% endif %}", {"path": ["t"]}),
    ("{{ (value | from_json).t }}", {"path": ["t"]}),
    ("{{ value | trim }}", {}),
])
def test_a_template_that_is_a_plain_path_is_understood(template: str | None, path: dict[str, Any]) -> None:
    assert path_of(template) == path


@pytest.mark.parametrize("template", [
    "{{ states('sensor.x') }}", "{% if value %}1{% endif %}", "{{ value_json.t if value_json.t else 0 }}",
    "{{ 'x' * 1000000000 }}", "{{ value_json.__class__.mro() }}", "{{ value_json.t / 0 }}", 7, "{{ value.upper }}",
    "{{ value_json." + "a" * 2000 + " }}", "{{ value_json.a if value_json.kind == 'x' else 0 }}",
    "{{ value_json.t - 273 }}", "{{ value_json.t | random }}", "{{ value_json.a }}{{ value_json.b }}",
    "{{ 'ON' if value_json.a else 'OFF' }}",
    "{{ value_json.a ~ value_json.b }}", "{{ value_json.a is defined }}", "{{" + "(" * 200 + "value" + ")" * 200 + "}}",
    "{{ value_json.a b }}", "{{ }}", "", "{{ value_json.t if value_json.t is none else 0 }}",
])
def test_a_template_that_is_a_program_is_never_run(template: Any) -> None:
    assert path_of(template) is None


def test_values_of_several_announcements_on_one_topic_are_one_telemetry() -> None:
    house = House()
    house.announce("sensor/pump-7/pressure", state_topic="acme/7", value_template="{{ value_json.p }}", device=PUMP)
    house.announce("binary_sensor/pump-7/leak", stat_t="acme/7", val_tpl="{{ value_json.leak }}", pl_on="wet",
                   pl_off="dry", dev=PUMP, exp_aft=120)

    (told,) = house.hear("acme/7", {"p": "1.25", "leak": "wet", "other": 1})

    assert isinstance(told, Telemetry)
    assert (told.key, told.values, told.expires) == ("home_assistant:pump-7", {"pressure": 1.25, "leak": True}, 120_000)


def test_a_whole_device_in_one_announcement() -> None:
    house = House()
    said = house.announce("device/pump-7", dev=PUMP, o={"name": "acme"}, state_topic="acme/7", cmps={
        "p": {"p": "sensor", "val_tpl": "{{ value_json.p }}"}, "t": {"p": "sensor", "val_tpl": "{{ value_json.t }}"},
        "odd": {"p": "sensor", "val_tpl": "{% set x = 1 %}"}}, availability_topic="acme/7/link")

    assert (said.name, said.model, said.via) == ("Cellar pump", "Acme P200", "home_assistant:hub")
    assert house.hear("acme/7", {"p": 1, "t": 20})[0].values == {"p": 1.0, "t": 20.0}  # type: ignore[union-attr]
    assert house.hear("acme/7/link", "offline") == [Presence("home_assistant:pump-7", "lost")]


def test_a_battery_and_a_problem_sensor_name_faults() -> None:
    house = House()
    house.announce("sensor/a/battery", state_topic="a/b", device_class="battery", device={"ids": "a"})
    house.announce("binary_sensor/a/compressor", state_topic="a/c", device_class="problem", device={"ids": "a"})

    assert house.hear("a/b", "7")[1:] == [FaultCode("home_assistant:a", "battery_low", True, None, "battery 7 %")]
    assert house.hear("a/c", "ON")[1:] == [FaultCode("home_assistant:a", "compressor", True)]
    assert house.hear("a/c", "OFF")[1:] == [FaultCode("home_assistant:a", "compressor", False)]
    assert house.hear("a/b", "unavailable") == [Presence("home_assistant:a", "online")]


@pytest.mark.parametrize(("mode", "heard", "states"), [
    ("all", ["1 on", "2 on", "1 off", "2 off", "1 on", "2 on"], [None, "online", "lost", "lost", "lost", "online"]),
    ("any", ["1 off", "2 off", "1 on", "2 on", "1 off", "2 off"], [None, "lost", "online", "online", "online", "lost"]),
    ("latest", ["1 on", "2 off", "1 off", "1 on"], ["online", "lost", "lost", "online"]),
])
def test_several_availability_topics_count_as_the_mode_says(mode: str, heard: list[str], states: list[str | None]
                                                           ) -> None:
    house = House()
    house.announce("sensor/a/t", state_topic="a/t", device={"ids": "a"}, availability_mode=mode, availability=[
        {"topic": "a/1", "payload_available": "on", "payload_not_available": "off"},
        {"t": "a/2", "pl_avail": "on", "pl_not_avail": "off"}])
    found: list[str | None] = []
    for topic, word in (step.split() for step in heard):
        try:
            (presence,) = house.hear(f"a/{topic}", word)
            assert isinstance(presence, Presence)
            found.append(presence.state)
        except Ignored:
            found.append(None)

    assert found == states


def test_devices_of_a_shared_topic_go_and_come_with_their_bridge() -> None:
    house = House()
    for name in ("a", "b"):
        house.announce(f"sensor/{name}/t", state_topic=f"{name}/t", device={"ids": name}, availability_mode="all",
                       availability=[{"topic": "bridge/link"}, {"topic": f"{name}/link"}])
    for name in ("a", "b"):  # nothing can be said before both topics have spoken
        with pytest.raises(Ignored):
            house.hear(f"{name}/link", "online")

    bridge = "home_assistant:bridge/link"
    back = [[Presence(f"home_assistant:{name}", "reachable", through=bridge),
             Presence(f"home_assistant:{name}", "online", relayed=True)] for name in ("a", "b")]
    assert house.hear("bridge/link", "online") == back[0] + back[1]
    assert house.hear("bridge/link", "offline") == [Presence(f"home_assistant:{name}", "lost", through=bridge)
                                                    for name in ("a", "b")]
    assert house.hear("a/link", "offline") == [Presence("home_assistant:a", "lost")]
    assert house.hear("bridge/link", "online") == [Presence("home_assistant:a", "lost"), *back[1]]
    assert house.hear("b/link", "") == [Presence("home_assistant:b", "removed")]
    assert house.hear("bridge/link", "online") == [Presence("home_assistant:a", "lost")]


def test_a_device_trigger_and_an_event_are_presses_unless_retained() -> None:
    house = House()
    house.announce("device_automation/bell/single", automation_type="trigger", type="action", subtype="single",
                   payload="single", topic="bell/action", device={"ids": "bell"})
    house.announce("event/door/ring", state_topic="door/ring", event_types=["press", "hold"], device={"ids": "door"})

    assert house.hear("bell/action", "single") == [Press("home_assistant:bell", "single")]
    assert house.hear("door/ring", {"event_type": "hold"}) == [Press("home_assistant:door", "long")]
    for topic, payload in (("bell/action", "single"), ("door/ring", {"event_type": "press"})):
        with pytest.raises(Ignored, match="retained press"):
            house.hear(topic, payload, retained=True)
    with pytest.raises(Ignored):
        house.hear("bell/action", "rotate_left")


def test_a_device_whose_own_dialect_we_speak_is_that_device() -> None:
    house = House("zigbee2mqtt")
    said = house.announce("device_automation/0x00/action_single", automation_type="trigger", type="action",
                          subtype="single", payload="single", topic="zigbee2mqtt/hall/button/action",
                          device={"ids": "zigbee2mqtt_0x00", "name": "Hall button"})

    assert (said.key, said.name, said.routes) == ("zigbee2mqtt:hall/button", "Hall button", ())


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason=ABSENT)
def test_the_recorded_announcement_names_the_button_that_zigbee2mqtt_speaks_for() -> None:
    file = PAYLOADS / "ha_discovery" / "z2m_device_trigger_action_single.json"
    topic = file.with_suffix(".topic").read_text().strip()

    (said,) = dialects.understand(("home_assistant", "zigbee2mqtt")).decode(topic, file.read_bytes(), True)
    assert said == Announced("zigbee2mqtt:button", topic)
    (alone,) = dialects.understand(("home_assistant",)).decode(topic, file.read_bytes(), True)
    assert isinstance(alone, Announced)
    assert alone.routes == (Route("zigbee2mqtt/button/action", {"kind": "press", "payload": "single",
                                                                "click": "single"}),)


# every kind of entity

CASES = PAYLOADS.parent / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the repository")
def test_a_climate_announces_itself_its_link_and_its_temperature() -> None:
    said = json.loads((CASES / "ha_climate.json").read_text())
    spoken = dialects.understand(("home_assistant",))
    (one,) = spoken.decode(said["topic"], said["payload"].encode(), True)
    assert isinstance(one, Announced)
    assert (one.key, one.name) == ("home_assistant:hp1", "Heat pump")
    assert {route.topic: route.spec["kind"] for route in one.routes} == {
        "hp/temp": "value", "hp/mode": "value", "hp/action": "value", "hp/lwt": "link"}


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the repository")
def test_an_announcement_of_ems_esp_is_that_of_its_own_dialect() -> None:
    said = json.loads((CASES / "ha_emsesp_conditional.json").read_text())
    spoken = dialects.understand(dialect.NAME for dialect in dialects.DIALECTS)
    assert spoken.decode(said["topic"], said["payload"].encode(), True) == [Announced("ems_esp:boiler", said["topic"])]


KINDS: dict[str, dict[str, Any]] = {  # what each says besides its device, and which values it gives
    "alarm_control_panel": {"state_topic": "x/s", "command_topic": "x/c", "code": "REMOTE_CODE"},
    "binary_sensor": {"state_topic": "x/s", "val_tpl": "{{ 'ON' if value_json.a else 'OFF' }}"},
    "button": {"command_topic": "x/c"},
    "camera": {"topic": "x/picture", "image_encoding": "b64"},
    "climate": {"curr_temp_t": "x/t", "curr_temp_tpl": "{{ value_json.t }}", "mode_stat_t": "x/m",
                "fan_mode_stat_t": "x/f", "temp_stat_t": "x/target", "pr_mode_stat_t": "x/p", "temp_cmd_t": "x/c"},
    "cover": {"stat_t": "x/s", "pos_t": "x/p", "pos_tpl": "{{ value_json.p }}", "cmd_t": "x/c", "set_pos_t": "x/sp",
              "tilt_status_t": "x/tilt"},
    "device_automation": {"automation_type": "trigger", "type": "action", "subtype": "rotate_left",
                          "payload": "rotate_left", "topic": "x/action"},
    "device_tracker": {"state_topic": "x/where", "json_attributes_topic": "x/gps"},
    "event": {"state_topic": "x/s", "event_types": ["press"], "val_tpl": "{{ {'event_type': value} }}"},
    "fan": {"stat_t": "x/s", "pct_stat_t": "x/p", "pct_val_tpl": "{{ value_json.speed }}", "osc_stat_t": "x/o"},
    "humidifier": {"stat_t": "x/s", "curr_hum_t": "x/h", "hum_stat_t": "x/th", "hum_cmd_t": "x/c", "act_t": "x/a"},
    "image": {"url_topic": "x/url"},
    "lawn_mower": {"act_stat_t": "x/s", "dock_cmd_t": "x/c"},
    "light": {"schema": "json", "state_topic": "x/s", "command_topic": "x/c", "brightness": True},
    "lock": {"state_topic": "x/s", "val_tpl": "{{ value_json.lock }}"},
    "notify": {"command_topic": "x/c"},
    "number": {"state_topic": "x/s"},
    "scene": {"command_topic": "x/c", "payload_on": "ON"},
    "select": {"state_topic": "x/s", "options": ["a"]},
    "sensor": {"state_topic": "x/s", "val_tpl": "{{ value_json.t | float + 3 }}"},
    "siren": {"state_topic": "x/s", "command_topic": "x/c"},
    "switch": {"state_topic": "x/s"},
    "tag": {"topic": "x/tag"},
    "text": {"state_topic": "x/s", "mode": "password"},
    "update": {"state_topic": "x/s", "l_ver_t": "x/l", "l_ver_tpl": "{{ value_json.latest }}"},
    "vacuum": {"state_topic": "x/s", "send_cmd_t": "x/c", "json_attr_t": "x/attributes"},
    "valve": {"state_topic": "x/s", "reports_position": False},
    "water_heater": {"curr_temp_t": "x/t", "mode_state_topic": "x/m", "temperature_command_topic": "x/c"},
    "something_new": {"state_topic": "x/s"},
}
VALUES = {
    "alarm_control_panel": {"x/s": "thing"},
    "cover": {"x/s": "thing", "x/p": "thing_position", "x/tilt": "thing_tilt_status"},
    "climate": {"x/t": "thing_current_temperature", "x/m": "thing_mode", "x/f": "thing_fan_mode",
                "x/target": "thing_temperature", "x/p": "thing_preset_mode"},
    "fan": {"x/s": "thing", "x/p": "thing_percentage", "x/o": "thing_oscillation"},
    "humidifier": {"x/s": "thing", "x/h": "thing_current_humidity", "x/th": "thing_target_humidity",
                   "x/a": "thing_action"},
    "lawn_mower": {"x/s": "thing_activity"}, "update": {"x/s": "thing", "x/l": "thing_latest_version"},
    "water_heater": {"x/t": "thing_current_temperature", "x/m": "thing_mode"},
    **{kind: {"x/s": "thing"} for kind in ("light", "lock", "number", "select", "siren", "switch", "vacuum", "valve",
                                           "something_new")},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whole_device", [False, True])
def test_every_kind_of_entity_names_its_device_and_its_link(kind: str, whole_device: bool) -> None:
    """None is a dead letter, or it would be one at every connection; what cannot be read is left out."""
    device = {"ids": ["x1"], "name": "The thing", "mdl": "T1"}
    config: dict[str, Any] = {**KINDS[kind], "avty": [{"t": "x/link"}], "dev": device}
    topic = f"homeassistant/{kind}/node/thing/config"
    if whole_device:
        config = {"dev": device, "o": {"name": "x2mqtt"}, "avty_t": "x/link",
                  "cmps": {"thing": {"p": kind, **KINDS[kind]}}}
        topic = "homeassistant/device/node/config"
    said = dialects.understand(("home_assistant",)).decode(topic, json.dumps(config).encode(), True)[0]
    assert isinstance(said, Announced)
    assert (said.key, said.name, said.model) == ("home_assistant:x1", "The thing", "T1")
    assert [route.topic for route in said.routes if route.spec["kind"] == "link"] == ["x/link"]
    assert {route.topic: route.spec["name"] for route in said.routes if route.spec["kind"] == "value"} == (
        VALUES.get(kind, {}))


def test_a_climate_is_read_and_judged_by_its_temperature() -> None:
    house = House()
    house.announce("climate/hp", curr_temp_t="hp/state", curr_temp_tpl="{{ value_json.t | float }}",
                   mode_stat_t="hp/state",
                   mode_stat_tpl="{{ value_json.mode if value_json.mode is defined else 'off' }}", dev=PUMP)
    (told,) = house.hear("hp/state", '{"t": 21.5, "mode": nan}')
    assert isinstance(told, Telemetry)
    assert told.values == {"hp_current_temperature": 21.5}
    (told,) = house.hear("hp/state", {"t": 21.5, "mode": "heat"})
    assert isinstance(told, Telemetry)
    assert told.values == {"hp_current_temperature": 21.5, "hp_mode": "heat"}


def test_a_light_may_tell_its_state_within_an_object() -> None:
    house = House()
    house.announce("light/lamp", schema="json", state_topic="lamp", device={"ids": "lamp"})
    for payload in ({"state": "ON", "brightness": 20}, "ON"):
        (told,) = house.hear("lamp", payload)
        assert isinstance(told, Telemetry)
        assert told.values == {"lamp": "ON"}


def test_a_battery_in_volts_is_no_charge() -> None:
    house = House()
    for unit, faults in (("V", 0), ("%", 1)):
        house.announce(f"sensor/{unit}", stat_t=f"b/{unit}", dev_cla="battery", unit_of_meas=unit, dev={"ids": "b"})
        assert len(house.hear(f"b/{unit}", "3.0")[1:]) == faults


@pytest.mark.parametrize("config", [{}, {"p": "sensor"}, {"platform": "sensor"}])
def test_an_announcement_with_nothing_but_its_kind_takes_it_back(config: dict[str, str]) -> None:
    house = House()
    said = house.announce("sensor/pump-7/t", **config)
    assert said == Announced("", "homeassistant/sensor/pump-7/t/config")
    bare = house.announce("device/pump-7", dev=PUMP, cmps={"t": {"p": "sensor", "stat_t": "acme/t"}, "old": config})
    assert [route.topic for route in bare.routes] == ["acme/t"]
    assert house.announce("device/pump-7", dev=PUMP, cmps={"old": config}) == Announced(
        "", "homeassistant/device/pump-7/config")


def test_an_announcement_that_only_moves_is_ignored() -> None:
    with pytest.raises(Ignored, match="moves"):
        House().announce("sensor/pump-7/t", migrate_discovery=True)


def test_an_announced_secret_is_not_followed() -> None:
    said = House().announce("device/x", dev={"ids": "x"}, stat_t="x/state", cmps={
        "wifi_password": {"p": "text"}, "note": {"p": "sensor", "val_tpl": "{{ value_json.mqtt.password }}"},
        "t": {"p": "sensor", "val_tpl": "{{ value_json.t }}"}})
    assert [route.spec["name"] for route in said.routes] == ["t"]


# the same through the gateway and its database

DISCOVERY = {"device": PUMP, "state_topic": "acme/7", "value_template": "{{ value_json.t }}",
             "availability_topic": "acme/7/link"}
TOPIC = "homeassistant/sensor/pump-7/flow_temp/config"


@pytest.fixture
def house(store: Store) -> Story:
    story = begin(store)
    story.gw.dialects = dialects.understand(("native", "home_assistant"))
    return story


def claim(story: Story, key: str) -> None:
    with story.gw.store.write() as session:
        session.add(Device(id="pump", key=key, profile="heat-pump", site_id="alice-home", name="Pump"))
        session.flush()
        session.add(DeviceState(device_id="pump"))


def test_a_device_introduces_itself_and_waits_to_be_claimed(house: Story) -> None:
    house.receive(TOPIC, DISCOVERY, retained=True)
    house.receive("acme/7", {"t": 40})

    row = house.one(Unclaimed, Unclaimed.key == "home_assistant:pump-7")
    assert (row.name, row.model, row.via) == ("Cellar pump", "Acme P200", "home_assistant:hub")
    assert house.tickets == []


def test_once_claimed_its_announced_topics_are_judged(house: Story) -> None:
    house.receive(TOPIC, DISCOVERY, retained=True)
    claim(house, "home_assistant:pump-7")
    house.receive("acme/7", {"t": 80})

    assert house.ticket.cause_key == "overheating"


def test_repeating_an_announcement_changes_nothing_and_taking_it_back_removes_the_device(house: Story) -> None:
    house.receive(TOPIC, DISCOVERY, retained=True)
    claim(house, "home_assistant:pump-7")
    house.receive("acme/7/link", b"online")
    before = house.all(RouteRow)
    house.now += 1000
    house.receive(TOPIC, DISCOVERY, retained=True)
    assert house.all(RouteRow) == before

    house.receive(TOPIC, b"", retained=True)

    assert house.all(RouteRow) == []
    assert house.one(DeviceState, DeviceState.device_id == "pump").link == "removed"
    house.wait(minutes=60)
    assert house.tickets == []


def test_another_process_learns_what_was_announced(house: Story) -> None:
    from gateway.flow.gateway import Gateway
    from gateway.flow.receive import load_announced_topics

    house.receive(TOPIC, DISCOVERY, retained=True)
    other = Gateway(house.gw.settings, house.gw.store, house.gw.profiles, {})
    other.dialects = dialects.understand(("home_assistant",))
    load_announced_topics(other)
    receive(other, [MqttMessage("acme/7", b'{"t": 41}')], house.now)

    with house.gw.store.read() as session:
        assert session.exec(select(Unclaimed.messages).where(Unclaimed.key == "home_assistant:pump-7")).one() == 2
