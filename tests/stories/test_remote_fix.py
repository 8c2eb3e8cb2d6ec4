"""Remote fix first: a safe command is tried before anybody is sent, and whoever is sent knows what came of it."""

import json
from typing import Any

import pytest
from prometheus_client import REGISTRY

from gateway.detection.batch import MqttMessage
from gateway.devices.dialects import understand
from gateway.devices.profiles import compile_profile
from gateway.flow.receive import receive
from gateway.flow.sweep import sweep
from gateway.model import DAY, HOUR, MINUTE, SECOND, Alarm, Command, Device, Instant
from gateway.mqtt.command_publisher import claim_commands
from gateway.store import Store
from tests.drivers.story import HEAT_PUMP, Story, begin

TRIES = """
commands:
  restart: {safe: true, name: {en: restart, de: Neustart}, with: {delay_s: 3}}
"""
FIRST_TRY = "first_try: {command: restart, wait: 90s}"
CAREFUL = TRIES + (HEAT_PUMP.replace("  overheating:\n", f"  overheating:\n    {FIRST_TRY}\n")
                   .replace("E7: {severity", f"E7: {{{FIRST_TRY}, severity")
                   .replace("link: 5m, lost: 60s, data: 30m", "lost: 60s"))


@pytest.fixture
def story(both_stores: Store) -> Story:
    told = begin(both_stores)
    told.gw.profiles["heat-pump"] = compile_profile(CAREFUL, "careful.yaml")
    return told


def send(story: Story) -> list[dict[str, Any]]:
    """What the listener would publish now; it is given out once."""
    return [{"topic": command.topic} | json.loads(command.payload)
            for command in claim_commands(story.gw, 100, story.now)]


def overheat(story: Story, device: str = "alice-pump") -> str:
    """It overheats and the restart leaves the house; the command's id."""
    story.says(device, flow_temp=80.0)
    (sent,) = send(story)
    return str(sent["id"])


def ack(story: Story, command_id: str, ok: bool = True, device: str = "alice-pump") -> None:
    story.receive(f"devices/{device}/ack", {"id": command_id, "ok": ok})


def saved() -> float:
    return REGISTRY.get_sample_value("gateway_truck_rolls_saved_total") or 0


def command(story: Story) -> Command:
    return story.one(Command)


def alarm(story: Story) -> Alarm:
    return story.one(Alarm)


def nobody_was_told(story: Story) -> bool:
    return story.messages == [] and story.tickets == []


def evidence(story: Story) -> str:
    (line,) = [line for line in story.timeline(story.ticket.id) if "from afar" in line]
    return line


def test_a_restart_puts_it_right_and_nobody_has_to_drive_or_to_know(story: Story) -> None:
    before = saved()
    story.says("alice-pump", flow_temp=80.0)
    (said,) = send(story)
    assert said == {"topic": "devices/alice-pump/command", "id": command(story).id, "type": "restart", "delay_s": 3,
                    "expires_at": story.now + 90 * SECOND}
    ack(story, said["id"])
    story.wait(seconds=60)
    assert nobody_was_told(story)
    story.says("alice-pump", flow_temp=50.0)
    assert (alarm(story).fixed_by, alarm(story).closed_at, alarm(story).try_until) == ("command", story.now, None)
    assert command(story).state == "acknowledged"
    story.wait(minutes=10)
    assert nobody_was_told(story)
    assert saved() == before + 1
    assert story.timeline(alarm(story).id) == [
        "Tried from afar before anybody is sent (restart)",
        "Back to normal after the try from afar: nobody had to come"]


def test_a_fault_that_the_restart_does_not_cure_opens_the_ticket_with_the_evidence(story: Story) -> None:
    before = saved()
    ack(story, overheat(story))
    story.wait(seconds=89)
    story.says("alice-pump", flow_temp=81.0)
    assert nobody_was_told(story)
    story.wait(seconds=1)
    assert story.ticket.state == "offered"
    assert evidence(story) == "Tried from afar at 13:00 (restart): the device confirmed it; the fault stayed"
    assert len(story.told_to("alice@example.com")) == len(story.told_to("office@kunz.example")) == 1
    assert alarm(story).ticket_id == story.ticket.id
    assert saved() == before
    story.says("alice-pump", flow_temp=50.0)
    story.wait()
    assert (story.ticket.state, alarm(story).fixed_by) == ("resolved", None)
    assert len(story.told_to("alice@example.com")) == 2


def test_a_device_that_cannot_do_it_is_not_waited_for(story: Story) -> None:
    ack(story, overheat(story), ok=False)
    story.wait(seconds=1)
    assert evidence(story) == "Tried from afar at 13:00 (restart): the device says that it could not do it"
    assert (command(story).state, command(story).reason) == ("failed", "not_done")


def test_a_device_that_says_nothing_gets_a_visit_and_its_command_has_expired(story: Story) -> None:
    overheat(story)
    story.wait(seconds=90)
    assert evidence(story) == "Tried from afar at 13:00 (restart): the device did not confirm it; the fault stayed"
    assert send(story) == []
    assert (command(story).state, command(story).reason) == ("expired", "not_confirmed_in_time")


def test_a_command_that_never_left_is_withdrawn_and_leaves_no_more(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)  # and the broker is away
    story.wait(seconds=90)
    assert evidence(story) == "Tried from afar at 13:00 (restart): it could not be sent in time"
    assert send(story) == []
    assert (command(story).state, command(story).sent_at) == ("expired", None)


def test_a_fault_that_goes_away_before_the_command_has_left_was_no_truck_roll(story: Story) -> None:
    before = saved()
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=2)
    story.says("alice-pump", flow_temp=50.0)
    assert send(story) == []
    assert (alarm(story).fixed_by, saved()) == (None, before)
    assert command(story).reason == "not_needed"
    story.wait(minutes=5)
    assert nobody_was_told(story)


def test_a_fault_that_is_over_before_the_device_confirmed_was_no_truck_roll(story: Story) -> None:
    before = saved()
    command_id = overheat(story)
    story.says("alice-pump", flow_temp=50.0)
    ack(story, command_id)
    assert (alarm(story).fixed_by, alarm(story).closed_at, saved()) == (None, story.now, before)
    assert nobody_was_told(story)


def test_a_confirmation_and_the_good_news_in_one_batch_are_a_truck_roll_saved(story: Story) -> None:
    command_id = overheat(story)
    story.now += 30 * SECOND
    receive(story.gw, [MqttMessage("devices/alice-pump/ack", json.dumps({"id": command_id}).encode()),
                       MqttMessage("devices/alice-pump/telemetry", b'{"values": {"flow_temp": 50}}')], story.now)
    assert alarm(story).fixed_by == "command"


def test_raised_and_over_in_one_batch_leaves_no_command_behind(story: Story) -> None:
    batch = [MqttMessage("devices/alice-pump/telemetry", json.dumps(
        {"ts": story.now - 100 + number, "seq": number, "values": {"flow_temp": value}}).encode())
        for number, value in enumerate((80.0, 50.0, 81.0, 50.0))]
    receive(story.gw, batch, story.now)
    assert [(row.state, row.sent_at) for row in story.all(Command)] == [("expired", None)] * 2
    assert [row.closed_at is None for row in story.alarms] == [False, False]
    story.wait(minutes=5)
    assert send(story) == []
    assert nobody_was_told(story)


def test_a_fault_that_comes_back_within_a_day_is_not_tried_again(story: Story) -> None:
    ack(story, overheat(story))
    story.says("alice-pump", flow_temp=50.0)
    story.wait(minutes=20)
    story.says("alice-pump", flow_temp=80.0)
    assert send(story) == []
    assert story.ticket.state == "offered"
    assert evidence(story) == "Not tried from afar (restart): the fault came back after the try, 23 Nov 13:00"


def test_after_a_day_it_is_tried_again(story: Story) -> None:
    ack(story, overheat(story))
    story.says("alice-pump", flow_temp=50.0)
    story.now += DAY
    story.says("alice-pump", flow_temp=80.0)
    assert len(send(story)) == 1
    assert story.tickets == []


def test_a_fault_that_comes_back_while_its_ticket_is_settling_reopens_that_ticket(story: Story) -> None:
    ack(story, overheat(story), ok=False)
    story.wait(seconds=1)
    story.says("alice-pump", flow_temp=50.0)
    assert story.ticket.state == "resolved"
    story.says("alice-pump", flow_temp=80.0)
    assert send(story) == []
    assert (story.ticket.state, story.ticket.round) == ("offered", 2)


def test_a_device_that_is_not_connected_gets_a_visit_at_once(story: Story) -> None:
    batch = [MqttMessage("devices/alice-pump/fault", json.dumps({"code": "E7", "ts": story.now}).encode()),
             MqttMessage("devices/alice-pump/status", b'{"state": "lost"}')]
    receive(story.gw, batch, story.now)
    assert send(story) == []
    assert evidence(story) == "Not tried from afar (restart): the device is not connected"


def test_a_device_that_takes_no_commands_gets_a_visit_at_once(story: Story) -> None:
    with story.gw.store.write() as session:
        session.get_one(Device, "alice-pump").key = "esphome:alice-pump"
    story.gw.dialects = understand(("esphome",))
    told = CAREFUL.replace("flow_temp: {unit: °C}", "flow_temp: {from: [sensor_flow_temp]}")
    story.gw.profiles["heat-pump"] = compile_profile(told, "esphome.yaml")
    story.receive("alice-pump/sensor/flow_temp/state", b"80.5")
    assert send(story) == []
    assert evidence(story) == "Not tried from afar (restart): the device takes no commands"


def test_a_device_that_never_confirms_is_believed_when_the_fault_is_over(story: Story) -> None:
    with story.gw.store.write() as session:
        session.get_one(Device, "alice-pump").key = "tasmota:boiler"
        session.get_one(Device, "bob-pump").key = "tasmota:other"
    told = CAREFUL.replace("with: {delay_s: 3}", "type: Restart, with: {payload: 1}")
    story.gw.profiles["heat-pump"] = compile_profile(told, "tasmota.yaml")
    for name in ("boiler", "other"):
        story.receive(f"tele/{name}/SENSOR", {"flow_temp": 80})
    assert [(row.topic, row.payload) for row in claim_commands(story.gw, 100, story.now)] == [
        ("cmnd/boiler/Restart", "1"), ("cmnd/other/Restart", "1")]
    story.wait(seconds=30)
    story.receive("tele/boiler/SENSOR", {"flow_temp": 50})
    story.wait(seconds=60)
    assert {row.device_id: row.fixed_by for row in story.alarms} == {"alice-pump": "command", "bob-pump": None}
    assert evidence(story) == "Tried from afar at 13:00 (restart): the fault stayed"
    assert send(story) == []
    assert {(row.state, row.reason) for row in story.all(Command)} == {
        ("expired", "confirms_nothing")}


def test_a_device_that_vanishes_while_we_wait_gets_its_visit_at_once(story: Story) -> None:
    ack(story, overheat(story))
    story.receive("devices/alice-pump/status", {"state": "lost"})
    story.wait(seconds=60)
    (ticket,) = story.tickets
    assert {alarm.rule for alarm in story.alarms if alarm.ticket_id == ticket.id} == {"overheating", "silent"}
    assert "Tried from afar at 13:00 (restart): the device has not been heard from since" in story.timeline(ticket.id)


def test_a_device_that_restarts_and_comes_back_in_time_has_not_vanished(story: Story) -> None:
    ack(story, overheat(story))
    story.receive("devices/alice-pump/status", {"state": "lost"})
    story.wait(seconds=40)
    story.receive("devices/alice-pump/status", {"state": "online"})
    story.wait(seconds=30)
    story.says("alice-pump", flow_temp=45.0)
    story.wait(minutes=4)
    assert nobody_was_told(story)
    assert alarm(story).fixed_by == "command"


def test_a_device_that_does_not_come_back_by_the_end_of_the_wait_is_said_to_be_gone(story: Story) -> None:
    ack(story, overheat(story))
    story.wait(seconds=80)
    story.receive("devices/alice-pump/status", {"state": "lost"})
    story.wait(seconds=10)
    assert evidence(story).endswith("the device has not been heard from since")


def test_a_fault_code_is_tried_first_too(story: Story) -> None:
    story.receive("devices/alice-pump/fault", {"code": "E7", "ts": story.now})
    (said,) = send(story)
    ack(story, said["id"])
    story.now += 20 * SECOND
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": False, "ts": story.now})
    assert (alarm(story).rule, alarm(story).fixed_by) == ("fault:E7", "command")
    assert story.tickets == []


def test_the_same_fault_again_and_again_while_we_wait_sends_one_command_and_opens_one_ticket(story: Story) -> None:
    overheat(story)
    for _ in range(8):
        story.wait(seconds=10)
        story.says("alice-pump", flow_temp=82.0)
        assert send(story) == []
    assert nobody_was_told(story)
    for _ in range(4):
        story.wait(seconds=10)
        story.says("alice-pump", flow_temp=82.0)
    assert len(story.all(Command)) == len(story.tickets) == len(story.alarms) == 1
    assert len(story.told_to("alice@example.com")) == 1


def test_each_device_is_tried_for_itself(story: Story) -> None:
    ack(story, overheat(story, "alice-pump"))
    ack(story, overheat(story, "bob-pump"), device="bob-pump")
    story.says("bob-pump", flow_temp=50.0)
    story.wait(seconds=90)
    assert story.ticket.device_id == "alice-pump"
    assert {row.device_id: row.fixed_by for row in story.alarms} == {"alice-pump": None, "bob-pump": "command"}


def test_what_another_device_says_of_a_command_does_not_count(story: Story) -> None:
    command_id = overheat(story)
    ack(story, command_id, ok=False, device="bob-pump")
    story.wait(seconds=1)
    assert (command(story).state, story.tickets) == ("sent", [])


def restarted(story: Story, at: Instant) -> None:
    """A new process, which has only the database; the clock looks at `at`."""
    story.gw.store.close()
    url = story.gw.store.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    story.gw = type(story.gw)(story.gw.settings, Store(url), story.gw.profiles, story.gw.channels)
    story.now = at
    story.listen()
    while sweep(story.gw, at):
        pass


def test_a_restart_while_we_wait_forgets_nothing_and_sends_nothing_again(story: Story) -> None:
    overheat(story)
    for seconds in (1, 30, 89):
        restarted(story, story.one(Alarm).opened_at + seconds * SECOND)
        assert send(story) == []
        assert nobody_was_told(story)
    restarted(story, story.one(Alarm).opened_at + 90 * SECOND)
    assert send(story) == []
    assert evidence(story) == "Tried from afar at 13:00 (restart): the device did not confirm it; the fault stayed"
    restarted(story, story.now + HOUR)
    assert len(story.tickets) == 1
    story.gw.store.close()


def test_a_crash_between_queueing_and_sending_sends_it_afterwards_and_once(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    restarted(story, story.now + 5 * SECOND)
    (said,) = send(story)
    restarted(story, story.now + SECOND)
    assert send(story) == []
    ack(story, said["id"])
    story.says("alice-pump", flow_temp=50.0)
    assert alarm(story).fixed_by == "command"
    story.gw.store.close()


def test_the_times_of_a_try_are_the_customers(story: Story) -> None:
    story.now += 5 * HOUR + 7 * MINUTE
    ack(story, overheat(story), ok=False)
    story.wait(seconds=1)
    assert evidence(story).startswith("Tried from afar at 18:07 (restart)")


@pytest.mark.parametrize(("live_areas", "commands"), [([], 0), (["wiesental"], 1)])
def test_in_the_shadow_mode_no_command_leaves_the_house_but_where_it_is_live(
        both_stores: Store, live_areas: list[str], commands: int) -> None:
    told = begin(both_stores, mode="shadow", live_areas=live_areas)
    told.gw.profiles["heat-pump"] = compile_profile(CAREFUL, "careful.yaml")
    told.says("alice-pump", flow_temp=80.0)
    assert len(send(told)) == commands
    if not commands:
        assert "shadow mode: no command is sent" in evidence(told)
