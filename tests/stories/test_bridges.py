"""What bridges say of the devices behind them, and Shellys of theirs: cases from the field, from message to ticket."""

import json
from typing import Any

import pytest

from gateway.devices import broker_access, dialects
from gateway.model import HOUR, MINUTE, SECOND, Device, DeviceState, Instant, PressRecord, Unclaimed, from_iso
from gateway.store import Store
from tests import SHARED
from tests.drivers.story import NOON, Story, begin, compiled

pytestmark = pytest.mark.slow
CASES = SHARED / "cases"
PROFILES = {
    "sensor": """
profile: sensor
name: {en: sensor}
silence: {link: 60s, lost: 20s, severity: major}
""",
    "bridge": """
profile: bridge
name: {en: bridge}
silence: {lost: 30s, severity: major}
""",
    "slow": """
profile: slow
name: {en: battery sensor}
silence: {link: 10m, lost: off, severity: major}
""",
    "unwatched": """
profile: unwatched
name: {en: something nobody watches}
silence: off
""",
}


def case(name: str) -> Any:
    path = CASES / f"{name}.json"
    if not path.is_file():
        pytest.skip("../shared/cases is not here")
    return json.loads(path.read_bytes())


@pytest.fixture
def story(both_stores: Store) -> Story:
    story = begin(both_stores)
    story.gw.profiles |= {name: compiled(text, f"{name}.yaml") for name, text in PROFILES.items()}
    return story


def claim(story: Story, key: str, profile: str = "sensor", via: str | None = None, name: str = "",
          site: str = "alice-home") -> str:
    """The device of that key, at Alice's; its id is the last part of its key."""
    device = name or key.replace("/", ":").rpartition(":")[2]
    with story.gw.store.write() as session:
        session.add(Device(id=device, key=key, profile=profile, site_id=site, name=device, via=via))
        session.flush()
        session.add(DeviceState(device_id=device))
    return device


def link(story: Story, device: str) -> str:
    return story.one(DeviceState, DeviceState.device_id == device).link


def running(story: Story) -> list[str]:
    return sorted(f"{alarm.device_id} {alarm.rule}" for alarm in story.alarms if alarm.closed_at is None)


def iso(at: Instant) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


# What a bridge repeats from its cache is no sign of life

def test_what_a_bridge_repeats_from_its_cache_keeps_nobody_alive(story: Story) -> None:
    (message,) = case("z2m_cached_state_old_last_seen")["payload"]
    fast = claim(story, "zigbee2mqtt:fast")
    seen = story.now = from_iso(json.loads(message["payload"])["last_seen"])
    for _ in range(4):
        story.receive(message["topic"], message["payload"].encode())
        story.wait(seconds=15)
        assert story.now - seen >= MINUTE or running(story) == []
    assert running(story) == ["fast silent"]
    assert story.one(DeviceState, DeviceState.device_id == fast).seen_at == seen
    for _ in range(20):
        story.receive(message["topic"], message["payload"].encode())
        story.wait(seconds=15)
    assert running(story) == ["fast silent"]


TIMES: dict[str, Any] = {
    "ISO_8601": iso, "ISO_8601_local": lambda at: iso(at).replace("+00:00", "Z"), "epoch": lambda at: at,
    "seconds": lambda at: at // 1000, "seconds and more": lambda at: at / 1000, "text": str,
}


@pytest.mark.parametrize("spelling", TIMES)
@pytest.mark.parametrize("payload", [{"contact": True}, {"contact": None}, {"battery": 5}, {"battery_low": True}])
def test_however_it_writes_that_time(story: Story, spelling: str, payload: dict[str, Any]) -> None:
    claim(story, "zigbee2mqtt:fast")
    seen = TIMES[spelling](story.now)
    for _ in range(5):
        story.receive("zigbee2mqtt/fast", {**payload, "last_seen": seen})
        story.wait(seconds=15)
    assert "fast silent" in running(story)
    story.receive("zigbee2mqtt/fast", {**payload, "last_seen": TIMES[spelling](story.now)})
    assert "fast silent" not in running(story)


@pytest.mark.parametrize("wrong_by", [0, 5 * SECOND, -40 * SECOND, 40 * SECOND, -3 * HOUR, 3 * HOUR, -90 * 24 * HOUR,
                                      90 * 24 * HOUR])
def test_a_bridge_with_a_wrong_clock_makes_nobody_silent(story: Story, wrong_by: int) -> None:
    claim(story, "zigbee2mqtt:fast")
    for _ in range(30):
        story.receive("zigbee2mqtt/fast", {"temperature": 20.1, "last_seen": iso(story.now + wrong_by)})
        story.wait(seconds=45)
    assert story.alarms == []


def test_a_clock_that_falls_back_while_devices_speak_makes_nobody_silent(story: Story) -> None:
    """A small computer without a battery for its clock starts an hour in the past, until it has asked the time."""
    claim(story, "zigbee2mqtt:fast")
    for late in (0, 0, HOUR, HOUR, HOUR, HOUR, 0, 0, 0):
        story.receive("zigbee2mqtt/fast", {"temperature": 20.1, "last_seen": iso(story.now - late)})
        story.wait(seconds=45)
    assert story.alarms == []


def test_after_a_restart_everything_is_said_again_and_who_was_missed_is_missed_all_the_same(story: Story) -> None:
    """Home Assistant starts, and Zigbee2MQTT repeats every state it knows: one device has been dead for two days."""
    for name in ("dead", "well"):
        claim(story, f"zigbee2mqtt:{name}")
        story.receive(f"zigbee2mqtt/{name}", {"temperature": 20.1, "last_seen": story.now})
    died = story.now
    for _ in range(4):
        story.wait(seconds=50)
        story.receive("zigbee2mqtt/well", {"temperature": 20.1, "last_seen": story.now})
    assert running(story) == ["dead silent"]
    for name, at in (("dead", died), ("well", story.now)):
        story.receive(f"zigbee2mqtt/{name}", {"temperature": 20.1, "last_seen": at})
        story.receive(f"zigbee2mqtt/{name}/availability", {"state": "online"})  # it has not been asked
    story.wait()
    assert running(story) == ["dead silent"]


def test_a_state_repeated_unchanged_with_a_time_of_its_own_is_no_sign_of_life(story: Story) -> None:
    claim(story, "thingsboard:meter")
    said = [{"ts": story.now, "values": {"power": 3.0}}]
    for _ in range(5):
        story.receive("meter/v1/devices/me/telemetry", json.dumps(said).encode())
        story.wait(seconds=15)
    assert running(story) == ["meter silent"]


def test_a_device_whose_clock_stands_still_and_that_numbers_its_messages_is_there(story: Story) -> None:
    claim(story, "native:stuck")
    for number in range(12):
        story.receive("devices/stuck/telemetry", {"ts": NOON, "seq": number, "values": {"flow_temp": 40}})
        story.wait(seconds=25)
    assert story.alarms == []


def test_news_from_the_time_when_we_were_away_begin_a_whole_window(story: Story) -> None:
    claim(story, "zigbee2mqtt:fast")
    story.receive("zigbee2mqtt/fast", {"temperature": 20.1, "last_seen": story.now})
    story.now += 2 * HOUR
    story.listen(since=story.now)
    story.receive("zigbee2mqtt/fast", {"temperature": 20.4, "last_seen": story.now - HOUR})
    for _ in range(11):
        story.now += 5 * SECOND
        story.listen(since=NOON + 2 * HOUR)
        story.wait()
    assert story.alarms == []
    story.wait(seconds=10)
    assert running(story) == ["fast silent"]
    assert story.alarms[0].evidence["last_heard"] == NOON + HOUR


# Left by itself is not removed by a person

def test_a_device_that_leaves_by_itself_is_missed(story: Story) -> None:
    claim(story, "zigbee2mqtt:d")
    for message in case("z2m_leaves_by_itself")["payload"]:
        story.receive(message["topic"], message["payload"].encode())
    story.wait(seconds=21)
    assert running(story) == ["d silent"]


def test_one_whose_profile_does_not_care_for_that_word_is_missed_by_its_silence(story: Story) -> None:
    claim(story, "zigbee2mqtt:d", "slow")
    for message in case("z2m_leaves_by_itself")["payload"]:
        story.receive(message["topic"], message["payload"].encode())
    story.wait(minutes=9.5)
    assert story.alarms == []
    story.wait(minutes=1)
    assert running(story) == ["d silent"]


@pytest.mark.parametrize(("topic", "said"), [
    ("response/device/remove", {"data": {"id": "d", "block": False, "force": True}, "status": "ok"}),
    ("response/device/rename", {"data": {"from": "d", "to": "e"}, "status": "ok"}),
    ("log", {"type": "device_removed", "message": "d"}),
    ("log", {"type": "device_force_removed", "message": "d"}),
    ("log", {"type": "device_renamed", "message": {"from": "d", "to": "e"}}),
])
def test_one_that_a_person_has_taken_out_is_not(story: Story, topic: str, said: dict[str, Any]) -> None:
    claim(story, "zigbee2mqtt:d")
    for message in case("z2m_leaves_by_itself")["payload"]:  # it is told to leave, too
        story.receive(message["topic"], message["payload"].encode())
    story.receive(f"zigbee2mqtt/bridge/{topic}", said)
    story.wait(minutes=10)
    assert story.alarms == []


def test_a_removal_that_failed_removes_nothing(story: Story) -> None:
    claim(story, "zigbee2mqtt:d")
    story.receive("zigbee2mqtt/d", {"water_leak": False})
    story.receive("zigbee2mqtt/bridge/response/device/remove", {"data": {"id": "d"}, "status": "error", "error": "no"})
    story.wait(minutes=2)
    assert running(story) == ["d silent"]


@pytest.mark.parametrize("claimed", [True, False])
def test_what_was_removed_stays_so_when_its_bridge_restarts(story: Story, claimed: bool) -> None:
    if claimed:
        claim(story, "zigbee2mqtt:bridge", "bridge")
    claim(story, "zigbee2mqtt:d")
    story.receive("zigbee2mqtt/d", {"water_leak": False})
    story.receive("zigbee2mqtt/d/availability", b"")
    for state in ("offline", "online"):
        story.receive("zigbee2mqtt/bridge/state", {"state": state})
        story.wait(seconds=10)
    assert link(story, "d") == "removed"
    story.wait(minutes=10)
    assert running(story) == []


def test_a_child_that_sleeps_goes_on_sleeping_when_its_root_is_back(story: Story) -> None:
    claim(story, "homie:hub", "bridge")
    claim(story, "homie:child", via="hub")
    claim(story, "homie:off", via="hub")
    for device, state in (("hub", b"ready"), ("child", b"sleeping"), ("off", b"disconnected"), ("hub", b"lost"),
                          ("hub", b"ready")):
        story.receive(f"homie/5/{device}/$state", state)
    assert [link(story, device) for device in ("child", "off")] == ["sleeping", "stopped"]
    story.wait(minutes=60)
    assert story.alarms == []


# A bridge's "offline" must not blind us

def test_devices_behind_a_bridge_that_nobody_claimed_are_lost_with_it(story: Story) -> None:
    claim(story, "zigbee2mqtt:fast")
    for message in case("z2m_unclaimed_bridge_dies")["payload"]:
        story.receive(message["topic"], message["payload"].encode(), message["retained"])
    story.wait(seconds=19)
    assert story.alarms == []
    story.wait(seconds=2)
    assert running(story) == ["fast silent"]
    story.wait(seconds=90)
    story.receive("zigbee2mqtt/bridge/state", {"state": "online"})
    assert running(story) == ["fast silent"]  # it must speak itself
    story.receive("zigbee2mqtt/fast", {"temperature": 20.1})
    assert running(story) == []


@pytest.mark.parametrize("via", [None, "hub"])
def test_behind_a_claimed_bridge_the_bridge_is_the_fault_and_once(story: Story, via: str | None) -> None:
    claim(story, "zigbee2mqtt:bridge", "bridge", name="hub")
    for name in ("a", "b", "c"):
        claim(story, f"zigbee2mqtt:{name}", via=via)
        story.receive(f"zigbee2mqtt/{name}", {"temperature": 20.1})
    story.receive("zigbee2mqtt/bridge/state", {"state": "online"})
    story.receive("zigbee2mqtt/bridge/state", {"state": "offline"})
    story.wait(minutes=15)
    assert running(story) == ["hub silent"]
    story.receive("zigbee2mqtt/bridge/state", {"state": "online"})
    story.wait(seconds=61)
    assert running(story) == ["a silent", "b silent", "c silent"]  # their own clocks again


def test_a_bridge_that_nobody_watches_or_that_was_retired_explains_nothing(story: Story) -> None:
    for retired in (False, True):
        claim(story, "zigbee2mqtt:bridge", "unwatched" if not retired else "bridge", name=f"hub{retired}")
        claim(story, f"zigbee2mqtt:d{retired}")
        story.receive(f"zigbee2mqtt/d{retired}", {"temperature": 20.1})
        if retired:
            with story.gw.store.write() as session:
                session.get_one(Device, "hubTrue").retired_at = story.now
        story.receive("zigbee2mqtt/bridge/state", {"state": "offline"})
        story.wait(seconds=25)
        assert f"d{retired} silent" in running(story)
        with story.gw.store.write() as session:
            session.get_one(Device, f"hub{retired}").key = f"zigbee2mqtt:gone{retired}"


@pytest.mark.parametrize("claimed", [True, False])
def test_who_speaks_while_its_bridge_says_offline_is_there_and_its_neighbours_are_judged_by_their_clocks(
        story: Story, claimed: bool) -> None:
    if claimed:
        claim(story, "zigbee2mqtt:bridge", "bridge")
        story.receive("zigbee2mqtt/bridge/state", {"state": "online"})
    for name in ("talks", "quiet", "gone"):
        claim(story, f"zigbee2mqtt:{name}")
        story.receive(f"zigbee2mqtt/{name}", {"temperature": 20.1})
    story.receive("zigbee2mqtt/gone/availability", {"state": "offline"})
    story.receive("zigbee2mqtt/bridge/state", {"state": "offline"})
    story.wait(seconds=5)
    story.receive("zigbee2mqtt/talks", {"temperature": 20.2})
    assert [link(story, name) for name in ("talks", "quiet", "gone")] == ["online", "online", "lost"]
    story.wait(seconds=25)
    assert running(story) == ["gone silent"]
    story.receive("zigbee2mqtt/bridge/state", {"state": "offline"}, retained=True)  # we reconnect: the broker kept it
    assert [link(story, name) for name in ("talks", "quiet")] == ["online", "online"]
    for _ in range(3):
        story.receive("zigbee2mqtt/talks", {"temperature": 20.2})
        story.wait(seconds=20)
    assert running(story) == ["gone silent", "quiet silent"]
    story.receive("zigbee2mqtt/bridge/state", {"state": "offline"})  # said anew, it counts anew
    assert link(story, "talks") != "online"


def test_what_a_dead_bridge_left_in_the_broker_does_not_prove_that_it_works(story: Story) -> None:
    claim(story, "zigbee2mqtt:bridge", "bridge")
    claim(story, "zigbee2mqtt:a")
    story.receive("zigbee2mqtt/a", {"temperature": 20.1})
    story.receive("zigbee2mqtt/bridge/state", {"state": "offline"})
    story.receive("zigbee2mqtt/a", {"temperature": 20.1}, retained=True)
    assert link(story, "a") == "unknown"


@pytest.mark.parametrize(("bridge", "device", "life", "alive", "gone"), [
    ("ems_esp:bridge", "ems_esp:boiler", ("ems-esp/boiler_data", b'{"outdoortemp":3}'), ("ems-esp/status", b"online"),
     ("ems-esp/status", b"offline")),
    ("shelly:gw", "shelly:gw/bthomedevice:200",
     ("gw/events/rpc", b'{"method":"NotifyStatus","params":{"ts":1,"bthomedevice:200":{"rssi":-60}}}'),
     ("gw/online", b"true"), ("gw/online", b"false")),
])
@pytest.mark.parametrize("claimed", [True, False])
def test_so_it_is_with_every_bridge(story: Story, bridge: str, device: str, life: tuple[str, bytes],
                                    alive: tuple[str, bytes], gone: tuple[str, bytes], claimed: bool) -> None:
    if claimed:
        claim(story, bridge, "bridge", name="the-bridge")
    claim(story, device, name="behind")
    for message in (alive, life, gone):
        story.receive(*message)
    assert link(story, "behind") == ("unknown" if claimed else "lost")
    story.wait(seconds=31)
    assert running(story) == (["the-bridge silent"] if claimed else ["behind silent"])
    story.receive(*alive)
    story.receive(*life)
    assert running(story) == []
    assert link(story, "behind") == "online"


def test_a_device_never_heard_is_not_lost_with_its_bridge(story: Story) -> None:
    claim(story, "zigbee2mqtt:new")
    story.receive("zigbee2mqtt/bridge/state", {"state": "offline"}, retained=True)
    story.wait(minutes=10)
    assert story.alarms == []


# Every fault code that can be raised can end

def test_an_error_of_any_part_of_a_shelly_is_over_when_its_list_is_empty(story: Story) -> None:
    given = case("shelly_em_error_cleared")
    claim(story, "shelly:shellypro3em-1")
    first, second = given["payload"]
    story.now = 1_770_000_002_000
    story.receive(given["topic"], first.encode())
    assert running(story) == ["shellypro3em-1 fault:em_0_power_meter_failure"]
    story.receive(given["topic"], second.encode())
    assert running(story) == []


@pytest.mark.parametrize(("end", "over"), [
    ('"em:0": {"errors": [], "a_errors": []}', True),
    ('"em:0": {"errors": null, "a_errors": null}', True),
    ('"em:0": {"errors": []}', False),  # a part says nothing of the other
    ('"em:1": {"errors": [], "a_errors": []}', False),
])
def test_each_list_speaks_for_itself(story: Story, end: str, over: bool) -> None:
    claim(story, "shelly:em")
    said = '{"method": "NotifyStatus", "params": {"ts": %d, %s}}'
    story.receive("em/events/rpc", (said % (
        story.now // 1000, '"em:0": {"errors": ["phase_sequence"], "a_errors": ["ct_type"]}')).encode())
    assert running(story) == ["em fault:em_0_a_ct_type", "em fault:em_0_phase_sequence"]
    story.wait(seconds=2)
    story.receive("em/events/rpc", (said % (story.now // 1000, end)).encode())
    assert ("em fault:em_0_a_ct_type" not in running(story)) is over


def test_a_whole_status_ends_what_it_does_not_name_also_of_parts_that_are_gone(story: Story) -> None:
    claim(story, "shelly:uni")
    for method, parts in (
            ("NotifyStatus", {"temperature:100": {"errors": ["out_of_range"]}, "smoke:0": {"errors": ["fault"]},
                              "devicepower:0": {"battery": {"percent": 4}}}),
            ("NotifyFullStatus", {"smoke:0": {"errors": ["fault"]}, "devicepower:0": {"battery": {"percent": 15}}})):
        story.wait(seconds=2)
        story.receive("uni/events/rpc", {"method": method, "params": {"ts": story.now / 1000, **parts}})
    assert running(story) == ["uni fault:battery_low", "uni fault:smoke_0_fault"]


# Buttons

def test_the_first_press_of_a_sleeping_button_is_a_press(story: Story) -> None:
    claim(story, "shelly_gen1:shellybutton1-9", "button")
    for message in case("shelly_button1_first_press")["payload"]:
        story.receive(message["topic"], message["payload"].encode())
    (callback,) = story.callbacks
    assert callback.urgent


def test_two_buttons_behind_one_gateway_are_two_people(story: Story) -> None:
    given = case("shelly_blu_two_buttons")
    for number, site in ((200, "alice-home"), (201, "bob-home")):
        claim(story, f"shelly:shellyblugw-1/bthomedevice:{number}", "button", name=f"button-{number}", site=site)
    for payload in given["payload"]:
        story.receive(given["topic"], payload.encode())
    assert sorted(callback.device_id or "" for callback in story.callbacks) == ["button-200", "button-201"]


ONE_BRIDGE = {"state_topic": "acme/{}", "availability_topic": "acme/link", "device": {"identifiers": ["{}"]}}


@pytest.mark.parametrize("claimed", [True, False])
def test_so_it_is_where_devices_announce_one_availability_topic(story: Story, claimed: bool) -> None:
    for name in ("a", "b", "hub"):
        told = json.dumps(ONE_BRIDGE).replace("{}", name)
        story.receive(f"homeassistant/sensor/{name}/config", told.encode(), retained=True)
    if claimed:
        claim(story, "home_assistant:hub", "bridge")
        story.receive("acme/hub", b"1")
    for name in ("a", "b"):
        claim(story, f"home_assistant:{name}", via="hub" if claimed else None)
        story.receive(f"acme/{name}", b"20.5")
    story.receive("acme/link", b"offline")
    story.wait(seconds=40)
    assert running(story) == (["hub silent"] if claimed else ["a silent", "b silent"])
    story.receive("acme/link", b"online")
    story.receive("acme/link", b"offline")
    story.receive("acme/a", b"20.6")
    assert [link(story, name) for name in ("a", "b")] == ["online", "online"]
    assert "a silent" not in running(story)


# Sleeping buttons

BUTTON = "shellies/button/"
WOKEN, S1, S2, L1, REST = ("sensor/act_reasons", b'["button"]'), ("input_event/0", b'{"event":"S","event_cnt":1}'), (
    "input_event/0", b'{"event":"S","event_cnt":2}'), ("input_event/0", b'{"event":"L","event_cnt":1}'), (
    "input_event/0", b'{"event":"","event_cnt":1}')


@pytest.mark.parametrize(("said", "presses"), [
    ((WOKEN, S1), 1),
    ((S1, WOKEN), 1),  # whichever comes first
    ((WOKEN, S1, S1), 1),  # said again before it sleeps
    ((WOKEN, S1, WOKEN, S1), 1),
    ((S1, WOKEN, S1), 1),
    ((S1,), 0),  # nobody says that it was a finger
    ((WOKEN,), 0),  # of a sensor, it opens the settings
    ((WOKEN, REST), 0),
    ((("sensor/act_reasons", b'["periodic"]'), S1), 0),
    ((WOKEN, S1, S2), 2),
    ((WOKEN, S1, None, WOKEN, S1), 2),  # a new battery: it counts anew
    ((WOKEN, S1, None, WOKEN, S2), 2),
    ((WOKEN, None, S1), 0),
])
def test_a_finger_that_wakes_a_button_presses_once(story: Story, said: tuple[tuple[str, bytes] | None, ...],
                                                   presses: int) -> None:
    claim(story, "shelly_gen1:button", "button")
    for message in said:
        if message is None:
            story.wait(minutes=5)
        else:
            story.receive(BUTTON + message[0], message[1])
            story.wait(seconds=4)
    assert len(story.all(PressRecord)) == presses


def test_a_reason_that_the_broker_kept_wakes_nobody(story: Story) -> None:
    claim(story, "shelly_gen1:button", "button")
    story.receive(BUTTON + WOKEN[0], WOKEN[1], retained=True)
    story.receive(BUTTON + S1[0], S1[1])
    assert story.all(PressRecord) == []


# What a Shelly hears by Bluetooth

def gateway_says(story: Story, method: str, **params: Any) -> None:
    story.receive("gw/events/rpc", {"src": "gw", "method": method, "params": {"ts": story.now / 1000, **params}})


def test_the_battery_of_a_bluetooth_button_is_its_own(story: Story) -> None:
    claim(story, "shelly:gw", "unwatched")
    claim(story, "shelly:gw/bthomedevice:200", "button", name="blu")
    gateway_says(story, "NotifyStatus", **{"bthomedevice:200": {
        "id": 200, "rssi": -70, "battery": 6, "packet_id": 3, "last_updated_ts": story.now // 1000}})
    assert running(story) == ["blu fault:battery_low"]


def test_a_bluetooth_sensor_is_alive_when_it_was_heard_and_not_when_its_gateway_speaks(story: Story) -> None:
    claim(story, "shelly:gw", "unwatched")
    claim(story, "shelly:gw/bthomesensor:201", name="blu")
    heard = story.now // 1000
    for _ in range(5):
        gateway_says(story, "NotifyFullStatus", **{"wifi": {"rssi": -50}, "bthomesensor:201": {
            "id": 201, "value": 21.5, "last_updated_ts": heard}})
        story.wait(seconds=15)
    assert running(story) == ["blu silent"]


def test_the_four_keys_of_one_button_are_one_button_that_was_pressed_four_times(story: Story) -> None:
    claim(story, "shelly:gw/bthomedevice:200", "button", name="blu")
    ts = story.now / 1000
    gateway_says(story, "NotifyEvent", events=[
        {"component": "bthomedevice:200", "id": 200, "event": "single_push", "idx": key, "ts": ts} for key in range(4)])
    assert len(story.all(PressRecord, PressRecord.device_id == "blu")) == 4


def test_an_unclaimed_bluetooth_device_is_listed_with_the_gateway_it_speaks_through(story: Story) -> None:
    gateway_says(story, "NotifyFullStatus", **{"blutrv:200": {"id": 200, "current_C": 20.5, "battery": 90,
                                                              "last_updated_ts": story.now // 1000}})
    row = story.one(Unclaimed, Unclaimed.key == "shelly:gw/blutrv:200")
    assert (row.name, row.via) == ("blutrv:200", "shelly:gw")


def test_a_bluetooth_device_is_told_what_to_do_through_its_gateway() -> None:
    told = dialects.command("shelly:gw/blutrv:200", "BluTrv.Call", {"id": 200}, "C-1", NOON)
    assert told is not None
    assert told[0] == "gw/rpc"
    assert broker_access.topics("shelly:gw/blutrv:200") == ()
    assert broker_access.topics("shelly:gw") == (("readwrite", "gw/#"),)


def test_a_bluetooth_button_that_was_never_heard_has_no_empty_battery(story: Story) -> None:
    claim(story, "shelly:gw/bthomedevice:200", "button", name="blu")
    gateway_says(story, "NotifyFullStatus", **{"bthomedevice:200": {
        "id": 200, "rssi": 0, "battery": 0, "packet_id": 0, "last_updated_ts": 0}})
    assert story.alarms == []
    assert link(story, "blu") == "unheard"


def test_what_the_broker_kept_of_a_child_does_not_speak_against_its_dead_root(story: Story) -> None:
    claim(story, "homie:hub", "bridge")
    claim(story, "homie:child", via="hub")
    for device in ("hub", "child"):
        story.receive(f"homie/5/{device}/$state", b"ready")
    for _ in range(2):  # we reconnect, and the broker tells both again, in its own order
        story.receive("homie/5/hub/$state", b"lost", retained=True)
        story.receive("homie/5/child/$state", b"ready", retained=True)
    assert [link(story, device) for device in ("hub", "child")] == ["lost", "unknown"]


def test_a_bridge_that_we_hear_through_discovery_says_when_it_heard_the_device(story: Story) -> None:
    told = {"state_topic": "other/fast", "value_template": "{{ value_json.temperature }}",
            "device": {"identifiers": ["fast"]}}
    story.receive("homeassistant/sensor/fast/config", told, retained=True)
    claim(story, "home_assistant:fast")
    seen = story.now
    for _ in range(5):
        story.receive("other/fast", {"temperature": 20.5, "last_seen": seen})
        story.wait(seconds=15)
    assert running(story) == ["fast silent"]


def test_what_a_lora_network_delivers_late_was_heard_then(story: Story) -> None:
    claim(story, "ttn:care@ttn/door", name="door")
    frame = {"uplink_message": {"f_cnt": 7, "decoded_payload": {"open": False}, "received_at": iso(story.now)}}
    for _ in range(5):
        story.receive("v3/care@ttn/devices/door/up", frame)
        story.wait(seconds=15)
    assert running(story) == ["door silent"]


def test_a_gateway_of_thingsboard_that_repeats_itself_keeps_nobody_alive(story: Story) -> None:
    claim(story, "thingsboard:meter")
    said = {"meter": [{"ts": story.now, "values": {"power": 3.0}}]}
    for _ in range(5):
        story.receive("v1/gateway/telemetry", said)
        story.wait(seconds=15)
    assert running(story) == ["meter silent"]
