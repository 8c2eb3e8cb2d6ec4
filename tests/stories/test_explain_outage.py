"""What a dispatcher reads while an outage lasts: of the outage, of an alarm that waits for it, of a device in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config.fleet_file import read_fleet
from gateway.devices.profiles import compile_profile
from gateway.model import MINUTE, Alarm, Outage
from gateway.store import Store
from gateway.store.fleet import save_fleet
from tests import ROOT
from tests.drivers.device_client import device_client
from tests.drivers.story import BUTTON, HEAT_PUMP
from tests.fixtures.gateway_process import GatewayProcess
from tests.fixtures.hundred_sites import write_profiles
from tests.fixtures.listener_in_process import clock
from tests.fixtures.outage_fleet import LEFT, OUTAGE_FLEET, OutageStory, begin_outage_story
from tests.fixtures.servers import Mosquitto, wait_until


@pytest.fixture
def quarter(both_stores: Store) -> OutageStory:
    return begin_outage_story(both_stores)


def cut(quarter: OutageStory) -> str:
    """The power is cut on the left lateral, and that is confirmed. The outage's id."""
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=4)
    return quarter.outage.id


def test_a_suspicion_says_what_it_waits_for_and_that_nobody_has_been_told(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=0.5)
    said = quarter.explained(quarter.outage.id)
    assert "It is suspected, and nobody has been told yet; 5 of its 5 homes are dark now" in said
    assert "The broker itself said of each that its connection was lost" in said
    [coming] = quarter.explained(quarter.outage.id, "next")
    assert coming.startswith("On Mon 23 Nov 12:00:04 (in 2 s) it is confirmed if at least half")
    assert quarter.explained(quarter.outage.id, "told") == ["Nobody has been told anything"]
    assert quarter.explained("a1-pump", "waited") == [
        f"Its home is in outage {quarter.outage.id} (Lateral 9a, suspected), which began on Mon 23 Nov 12:00:00 "
        "(2.5 s ago): nobody is sent for it alone"]


def test_a_confirmed_outage_says_how_unlikely_chance_is_and_whom_it_told_in_one_line(quarter: OutageStory) -> None:
    outage = cut(quarter)
    quarter.live(minutes=3)
    assert quarter.explained(outage, "what")[1] == "It is confirmed; 5 of its 5 homes are dark now"
    why = quarter.explained(outage, "why")
    assert why[0] == "5 of 5 live homes went dark between Mon 23 Nov 12:00:00 and Mon 23 Nov 12:00:04"
    assert why[2].startswith("Chance alone would do that less than once in a trillion times (p-value ")
    assert quarter.explained(outage, "waited") == [
        "5 alarms of single devices wait for it: nobody is sent to them meanwhile"]
    people = quarter.explained(outage, "told")
    assert people[0].startswith("5 customers were told “power cut” on Mon 23 Nov 12:00:")
    assert [line.partition(" was told ")[0] for line in people[1:]] == ["Seeblick Service"]
    history = quarter.explained(outage, "history")
    assert not any("Told Family" in line for line in history), "that is said once, above"
    assert any("Ticket: Offered to Seeblick Service" in line for line in history)


def test_an_alarm_that_waits_for_an_outage_says_what_its_customer_was_told_and_what_comes_next(
        quarter: OutageStory) -> None:
    outage = cut(quarter)
    quarter.live(minutes=3)
    alarm = quarter.one(Alarm, Alarm.device_id == "a1-pump")
    assert quarter.explained(alarm.id, "waited") == [f"Held back: explained by outage {outage} (Lateral 9a, confirmed)"]
    assert quarter.explained(alarm.id, "next") == [
        "It ends when the device is heard again. If its home is still dark when nobody else has come back for a while, "
        "it gets a ticket of its own"]
    [line] = quarter.explained(alarm.id, "told")
    assert line.startswith("Family a1 was told “power cut” by email on ")
    assert quarter.explained("a1-pump", "history")[0].endswith(f"still open, held back for {outage}")


def test_an_ending_outage_says_who_is_still_dark_and_until_when_they_are_waited_for(quarter: OutageStory) -> None:
    outage = cut(quarter)
    quarter.live(minutes=3)
    quarter.back("a0", "a1", "a2")
    quarter.wait(seconds=1)
    assert quarter.explained(outage, "members") == ["2 homes still dark", "3 homes back, by their own proof"]
    assert quarter.explained(outage, "waited") == [
        "2 alarms of single devices wait for it: nobody is sent to them meanwhile",
        "3 alarms of single devices ended with it, without a ticket"]
    assert "(in 10 min), if nobody else has come back until then" in quarter.explained(outage, "next")[0]
    over = quarter.one(Alarm, Alarm.device_id == "a0-pump")
    assert quarter.explained(over.id, "waited") == [
        f"It was held back: explained by outage {outage} (Lateral 9a, restoring)"]
    assert quarter.explained(over.id, "next") == []


def test_a_home_that_stayed_dark_is_named_with_its_ticket_and_its_alarm_says_why(quarter: OutageStory) -> None:
    outage = cut(quarter)
    quarter.live(minutes=3)
    quarter.back("a0", "a1", "a2", "a3")
    quarter.live(minutes=12)
    alarm = quarter.one(Alarm, Alarm.device_id == "a4-pump")
    assert alarm.ticket_id is not None
    assert f"With a fault of their own: House a4 ({alarm.ticket_id})" in quarter.explained(outage, "members")
    assert "1 alarm outlived it and got a ticket" in quarter.explained(outage, "waited")
    assert quarter.explained(outage, "next")[0].endswith("it goes on under the same number")
    assert quarter.explained(alarm.id, "waited") == [f"It was held back: explained by outage {outage} (Lateral 9a, "
                                                 "restored); its home stayed dark when the others were back"]
    assert quarter.explained("a4-pump", "waited") == [
        f"Its home was in outage {outage} (Lateral 9a, restored), and stayed dark when the others were back"]
    quarter.back("a4")
    quarter.live(minutes=20)
    assert quarter.explained(outage, "next") == []
    assert quarter.explained("a4-pump", "waited") == []


def test_our_own_deafness_says_so_and_what_ends_it(quarter: OutageStory) -> None:
    for _ in range(4):
        quarter.deaf()
        quarter.now += 2000
    ours = quarter.one(Outage)
    assert quarter.explained(ours.id, "what")[0].startswith("The gateway does not hear its broker; it began on ")
    assert quarter.explained(ours.id, "next")[0].startswith("It is over as soon as the gateway hears its broker")
    people = quarter.explained(ours.id, "told")
    assert people[0] == "No customer hears of it: it is the operator's matter"
    assert people[1].startswith("the dispatcher ")


def test_values_that_are_not_believed_are_named_with_what_was_expected_and_since_when(quarter: OutageStory) -> None:
    strict = HEAT_PUMP.replace("flow_temp: {unit: °C}", "flow_temp: {unit: °C, range: [-30, 100]}")
    quarter.gw.profiles["heat-pump"] = compile_profile(strict, "heat-pump.yaml")
    quarter.says("c1-pump", flow_temp=45.0, pressure=1.5)
    quarter.now += MINUTE
    quarter.says("c1-pump", flow_temp=113.0, pressure=1.5)
    quarter.now += MINUTE
    quarter.says("c1-pump", flow_temp=114.0)
    doubt = "Not believed: flow_temp: 114.0 — expected a number from -30 to 100; not used since " \
            "Mon 23 Nov 12:01:00 (1 min ago)"
    assert quarter.explained("c1-pump", "rule")[:2] == ["Its last values: flow_temp 45 °C, pressure 1.5 bar", doubt]
    quarter.now += MINUTE
    quarter.says("c1-pump", flow_temp=46.0)
    assert not any("Not believed" in line for line in quarter.explained("c1-pump", "rule"))


@pytest.mark.slow
def test_a_live_suspicion_is_explained_on_the_command_line(
        mosquitto: Mosquitto, sqlite_url: str, tmp_path: Path) -> None:
    store = Store(sqlite_url)
    with store.write() as session:
        save_fleet(session, read_fleet(OUTAGE_FLEET, "tests/fixtures/outage_fleet.py"), clock())
    folder = write_profiles(tmp_path / "mine", {"heat-pump": HEAT_PUMP, "button": BUTTON})
    with (device_client(mosquitto.port) as devices,
          GatewayProcess(tmp_path, sqlite_url, mosquitto.port, more={"PROFILES": str(folder)}) as gateway):
        gateway.wait_until_listening(store)
        for home in [*LEFT, "b0", "b1", "c0", "c1"]:
            devices.say(f"devices/{home}-pump/telemetry", {"ts": clock(), "seq": 1, "values": {"flow_temp": 40.0}})
        devices.flush()
        for home in LEFT:
            devices.say(f"devices/{home}-pump/status", {"state": "lost"}, retain=True)
        wait_until(lambda: bool(outages(store)), 20, "a suspicion")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")} | {
            "GATEWAY_DATABASE_URL": sqlite_url, "GATEWAY_PROFILES": str(folder), "PYTHONPATH": str(ROOT)}

        def why(subject: str) -> str:
            done = subprocess.run([sys.executable, "-m", "gateway", "explain", subject, "--json"], cwd=tmp_path,
                                  env=environment, capture_output=True, text=True, check=True)
            return "\n".join(line["text"] for line in json.loads(done.stdout)["lines"])

        outage = outages(store)[0]
        wait_until(lambda: "It was not confirmed at once: we have only just begun to hear" in why(outage), 30, "doubt")
        assert "It waits as long as it may be us who hear nobody" in why(outage)
        assert f"Its home is in outage {outage} (Lateral 9a, suspected)" in why("a0-pump")
    store.close()


def outages(store: Store) -> list[str]:
    with store.engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM outage WHERE key <> '!deaf'").scalars())
