"""`gateway device`: what speaks is claimed, gets a login, and goes again; every mistake is answered in words."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from paho.mqtt.client import topic_matches_sub
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from gateway.__main__ import app
from gateway.credentials import Known, access_file, address_error, clash, name_error, topics
from gateway.dialects import DIALECTS, Dialect
from gateway.model import Alarm, Callback, Command, Credential, Device, DeviceState, Entry, Ticket, Unclaimed, new_id
from gateway.planning.situation import Rules
from gateway.settings import Service
from gateway.store import Store, claims
from tests.town import move_in

ROOT = Path(__file__).parents[1]
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("add", …)` is `gateway device add …` in Alice's, Bob's and Charlie's town; `code` is the exit code."""
    monkeypatch.setenv("GATEWAY_MQTT__PASSWORD", "the gateway's own")
    move_in(store)
    settings = tmp_path / "gateway.yaml"
    settings.write_text(f"database_url: {sqlite_url}\nprofiles: {ROOT / 'profiles'}\nbroker_files: broker\n"
                        "mqtt: {username: gateway}\n")

    def gateway(*words: str, code: int = 0, group: str = "device") -> Result:
        result = CliRunner().invoke(app, [*([group] if group else []), *words, "--config", str(settings)])
        assert result.exit_code == code, result.output
        return result

    return gateway


def add(run: Run, device: str, *more: str, code: int = 0) -> Result:
    return run("add", device, "--profile", "heat-pump", "--site", "alice-home", *more, code=code)


def speaks(store: Store, key: str, **more: str) -> None:
    """Somebody unknown is heard under `key`."""
    with store.write() as session:
        session.add(Unclaimed(key=key, topic="a/topic", first_seen_at=1_788_264_000_000,
                              last_seen_at=1_788_264_060_000, messages=3, **more))


def the(store: Store, device: str) -> Device:
    with store.read() as session:
        found = session.get(Device, device)
    assert found is not None
    return found


def file(tmp_path: Path, name: str) -> str:
    return (tmp_path / "broker" / name).read_text()


def test_a_new_device_has_a_state_a_login_and_a_secret_that_is_shown_once(
        run: Run, store: Store, tmp_path: Path) -> None:
    result = add(run, "anna", "--name", "Anna's pump")
    secret = result.stdout.strip()

    with store.read() as session:
        assert session.get(DeviceState, "anna") is not None
        credential = session.get(Credential, "anna")
    assert the(store, "anna").name == "Anna's pump"
    assert len(secret) == 32
    assert credential is not None
    assert credential.hash.startswith("$7$101$")
    assert f"anna:{credential.hash}\n" in file(tmp_path, "passwords")
    assert secret not in result.stderr
    assert secret.encode() not in (tmp_path / "gateway.db").read_bytes() + file(tmp_path, "passwords").encode()


def test_the_secret_alone_is_on_stdout_so_that_a_script_may_take_it(run: Run) -> None:
    assert len(add(run, "anna").stdout.splitlines()) == 1
    assert add(run, "berta", "--no-login").stdout == ""


def test_the_files_are_for_the_broker_and_for_nobody_else(run: Run, tmp_path: Path) -> None:
    add(run, "anna")

    for name in ("passwords", "access"):
        assert stat.S_IMODE((tmp_path / "broker" / name).stat().st_mode) == 0o640
    assert sorted(path.name for path in (tmp_path / "broker").iterdir()) == ["access", "passwords"]
    assert "user gateway\ntopic readwrite #\n" in file(tmp_path, "access")
    assert [line.partition(":")[0] for line in file(tmp_path, "passwords").splitlines()] == ["anna", "gateway"]


def test_every_mistake_is_said_at_once_and_nothing_is_written(run: Run, store: Store) -> None:
    result = run("add", "alice-pump", "--profile", "heatpump", "--site", "alicehome", "--via", "bobpump",
                 "--dialect", "tasmotta", code=1)

    assert "id: 'alice-pump' is in use (native:alice-pump)" in result.stderr
    assert "did you mean 'heat-pump'?" in result.stderr
    assert "did you mean 'alice-home'?" in result.stderr
    assert "did you mean 'bob-pump'?" in result.stderr
    assert "did you mean 'tasmota'?" in result.stderr
    assert "5 errors" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(("words", "told"), [
    (("an na",), "expected 1 to 100 letters, digits"),
    (("#",), "expected 1 to 100 letters, digits"),
    (("a:b",), "without ':'"),
    (("gateway",), "is the gateway's own name on the broker"),
    (("anna", "--address", "berta/#"), "without '#' '/'"),
    (("anna", "--address", "+"), "without '+'"),
    (("anna", "--address", " pump"), "neither begins nor ends with a space"),
    (("anna", "--address", "pu\nmp"), "printable"),
    (("anna", "--dialect", "shelly", "--address", "devices"), "would open the topics of every native device"),
    (("anna", "--dialect", "shelly", "--address", "$SYS"), "the broker's own"),
    (("anna", "--address", "bob-pump"), "is already device 'bob-pump'"),
    (("anna", "--address", "x" * 201), "expected 1 to 200"),
])
def test_a_name_that_would_open_more_than_its_own_is_refused(
        run: Run, store: Store, words: tuple[str, ...], told: str) -> None:
    assert told in add(run, *words, code=1).stderr
    with store.read() as session:
        assert session.get(Device, words[0]) is None


def test_a_device_under_another_name_than_its_own_has_lines_of_its_own(run: Run, tmp_path: Path) -> None:
    add(run, "anna", "--address", "pump 7")
    add(run, "plug", "--dialect", "tasmota", "--address", "tasmota_AB12")

    access = file(tmp_path, "access")
    assert "user anna\ntopic deny devices/anna/#\ntopic write devices/pump 7/telemetry\n" in access
    assert ("user plug\ntopic deny devices/plug/#\ntopic write tele/tasmota_AB12/#\ntopic write stat/tasmota_AB12/#\n"
            "topic read cmnd/tasmota_AB12/#\n") in access
    assert "pattern write devices/%u/telemetry\n" in access


def test_a_device_behind_a_hub_has_no_login_and_its_bridge_has_one(run: Run) -> None:
    bridge = add(run, "bridge", "--dialect", "zigbee2mqtt", "--address", "bridge")
    lamp = add(run, "lamp", "--dialect", "zigbee2mqtt", "--address", "hall/lamp", "--via", "bridge")

    assert bridge.stdout
    assert lamp.stdout == ""
    assert "does not log in to the broker itself" in run("rotate", "lamp", code=1).stderr


def test_claiming_takes_over_what_the_device_said_of_itself(run: Run, store: Store) -> None:
    add(run, "hub", "--dialect", "zigbee2mqtt", "--address", "bridge")
    speaks(store, "zigbee2mqtt:hall/lamp 2", name="Hall lamp", model="LED 9W", via="zigbee2mqtt:bridge")

    run("claim", "zigbee2mqtt:hall/lamp 2", "--profile", "heat-pump", "--site", "bob-home")

    device = the(store, "hall-lamp-2")
    assert (device.name, device.via, device.key) == ("Hall lamp", "hub", "zigbee2mqtt:hall/lamp 2")
    with store.read() as session:
        assert session.get(Unclaimed, "zigbee2mqtt:hall/lamp 2") is None


def test_a_claim_of_what_nobody_hears_says_what_is_heard(run: Run, store: Store) -> None:
    speaks(store, "native:hp-17")

    missed = run("claim", "native:hp-71", "--profile", "heat-pump", "--site", "bob-home", code=1)
    taken = run("claim", "native:bob-pump", "--profile", "heat-pump", "--site", "bob-home", code=1)

    assert "did you mean 'native:hp-17'?" in missed.stderr
    assert "claimed already, as device 'bob-pump'" in taken.stderr


def test_the_list_shows_who_is_claimed_and_who_is_not(run: Run, store: Store) -> None:
    add(run, "anna")
    speaks(store, "shelly:shellyplug-with-a-long-name-0123456789", name="Plug", model="S3PL")

    devices = {row["id"]: row for row in json.loads(run("list", "--json").stdout)}
    strangers = json.loads(run("list", "--unclaimed", "--json").stdout)

    assert devices["anna"]["login"]
    assert not devices["alice-pump"]["login"]
    assert devices["anna"]["link"] == "unheard"
    assert strangers[0]["last_seen_at"] == "2026-09-01T12:01:00.000Z"
    assert (strangers[0]["name"], strangers[0]["model"], strangers[0]["messages"]) == ("Plug", "S3PL", 3)
    assert "anna" in run("list").stdout
    assert "…" not in run("list", "--unclaimed").stdout  # a key is there to be copied


def test_a_new_secret_takes_the_place_of_the_old_one(run: Run, store: Store, tmp_path: Path) -> None:
    old = add(run, "anna").stdout
    before = file(tmp_path, "passwords")
    new = run("rotate", "anna").stdout

    assert new != old
    assert file(tmp_path, "passwords").count("anna:") == 1
    assert file(tmp_path, "passwords") != before


def test_a_device_from_the_fleet_file_gets_its_first_secret_by_rotating(run: Run, tmp_path: Path) -> None:
    assert len(run("rotate", "alice-pump").stdout.strip()) == 32
    assert "alice-pump:$7$" in file(tmp_path, "passwords")
    assert "did you mean 'alice-pump'?" in run("rotate", "alice-pmp", code=1).stderr


def broken(store: Store, state: str = "new", ticket: bool = True) -> None:
    """Alice's pump is broken, and a ticket says so; a person also waits for a call, and a command for the pump."""
    with store.write() as session:
        session.add(Ticket(id="T-1", site_id="alice-home", customer_id="alice", device_id="alice-pump",
                           cause_key="hot", cause="Too hot", skill="heating", severity="major", state=state,
                           opened_at=1))
        session.flush()
        session.add(Alarm(id="A-1", device_id="alice-pump", site_id="alice-home", rule="hot", severity="major",
                          cause="Too hot", skill="heating", ticket_id="T-1" if ticket else None, opened_at=1))
        session.add(Callback(id="C-1", site_id="alice-home", customer_id="alice", device_id="alice-pump",
                             requested_at=1, promised_by=2))
        session.add(Command(id="M-1", device_id="alice-pump", topic="t", payload="{}", created_at=1,
                            expires_at=9_999_999_999_999))


def test_a_device_with_a_ticket_under_way_is_not_retired_by_accident(run: Run, store: Store) -> None:
    broken(store, "assigned")

    said = run("retire", "alice-pump", code=1).stderr

    assert "ticket T-1 is assigned (Too hot)" in said
    assert "--cancel-tickets" in said
    assert the(store, "alice-pump").retired_at is None


def test_retiring_ends_alarms_tickets_commands_and_login_but_not_a_promised_call(
        run: Run, store: Store, tmp_path: Path) -> None:
    broken(store)
    run("rotate", "alice-pump")

    said = run("retire", "alice-pump", "--cancel-tickets").stderr

    with store.read() as session:
        ticket, alarm, callback, command = (session.get(Ticket, "T-1"), session.get(Alarm, "A-1"),
                                            session.get(Callback, "C-1"), session.get(Command, "M-1"))
        entries = [entry.what for entry in session.exec(select(Entry).where(col(Entry.subject_id) == "T-1"))]
        assert session.get(Credential, "alice-pump") is None
    assert ticket is not None
    assert ticket.state == "cancelled"
    assert alarm is not None
    assert alarm.closed_at is not None
    assert alarm.why["closed"] == "the device was retired"
    assert callback is not None
    assert callback.closed_at is None
    assert command is not None
    assert (command.state, command.why) == ("failed", "the device was retired")
    assert entries == ["Cancelled: the device was retired"]
    assert "1 alarms closed, 1 tickets cancelled" in said
    assert "alice-pump:" not in file(tmp_path, "passwords")
    assert "user alice-pump\ntopic deny devices/alice-pump/#\n" in file(tmp_path, "access")


def test_a_resolved_ticket_does_not_keep_a_device_and_says_why_its_alarm_closed(run: Run, store: Store) -> None:
    broken(store, "resolved")

    run("retire", "alice-pump")

    with store.read() as session:
        entries = [entry.what for entry in session.exec(select(Entry).where(col(Entry.subject_id) == "T-1"))]
        ticket = session.get(Ticket, "T-1")
    assert entries == ["Alarm closed: the device was retired"]
    assert ticket is not None
    assert ticket.state == "resolved"  # it closes by itself when its time has come


def test_a_retired_address_may_be_claimed_by_another_device(run: Run, store: Store) -> None:
    run("retire", "alice-pump")
    speaks(store, "native:alice-pump")

    run("claim", "native:alice-pump", "--id", "pump-2", "--profile", "heat-pump", "--site", "bob-home")

    assert the(store, "pump-2").key == "native:alice-pump"
    assert "is retired" in run("rotate", "alice-pump", code=1).stderr


def test_a_retired_device_comes_back_at_its_own_site_only_and_starts_afresh(run: Run, store: Store) -> None:
    with store.write() as session:
        state = session.get(DeviceState, "alice-pump")
        assert state is not None
        state.link, state.rules = "lost", '{"hot":{}}'
    run("retire", "alice-pump")

    elsewhere = run("add", "alice-pump", "--profile", "heat-pump", "--site", "bob-home", code=1)
    add(run, "alice-pump")

    assert "was a device at site 'alice-home'" in elsewhere.stderr
    assert the(store, "alice-pump").retired_at is None
    assert the(store, "alice-pump").name == "Heat pump"
    with store.read() as session:
        state = session.get(DeviceState, "alice-pump")
    assert state is not None
    assert (state.link, state.rules) == ("unheard", "{}")


def test_a_hub_that_goes_names_the_devices_it_leaves_behind(run: Run) -> None:
    add(run, "hub")
    add(run, "lamp", "--via", "hub")

    assert "speak through it, and are not retired: lamp" in run("retire", "hub").stderr


def test_a_fleet_file_does_not_bring_a_retired_device_back_unnoticed(run: Run, tmp_path: Path) -> None:
    run("retire", "bob-pump")
    (tmp_path / "fleet.yaml").write_text(
        "customers: [{id: bob, name: Bob Meier}]\nsites: [{id: bob-home, customer: bob}]\n"
        "devices: [{id: bob-pump, profile: heat-pump, site: bob-home}]\n")

    said = run("import", str(tmp_path / "fleet.yaml"), code=1, group="").stderr

    assert "'bob-pump' was retired — expected it out of the file" in said


def test_without_a_folder_the_files_are_written_on_demand(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "gateway.yaml"
    settings.write_text(settings.read_text().replace("broker_files: broker\n", ""))

    assert "the broker does not know yet" in add(run, "anna").stderr
    assert "no folder — expected one here, or in the settings as broker_files" in run("files", code=1).stderr
    run("files", str(tmp_path / "elsewhere"))
    assert "anna:$7$" in (tmp_path / "elsewhere" / "passwords").read_text()


def test_a_folder_that_cannot_be_written_to_costs_no_secret(run: Run, store: Store, tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("a file where the folder should be")

    result = add(run, "anna", code=1)

    assert len(result.stdout.strip()) == 32
    assert "this is done, but the broker does not know" in result.stderr
    assert the(store, "anna").retired_at is None


def test_a_broker_that_will_not_reload_is_said_with_its_own_words(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "gateway.yaml"
    plain = settings.read_text()
    settings.write_text(plain + "broker_reload: [sh, -c, 'echo no such broker >&2; exit 3']\n")
    assert "no such broker" in add(run, "anna", code=1).stderr
    settings.write_text(plain + "broker_reload: [touch, reloaded]\n".replace("reloaded", str(tmp_path / "reloaded")))
    assert "the broker was asked to read them again" in add(run, "berta").stderr
    assert (tmp_path / "reloaded").exists()


def test_a_gateway_without_a_name_is_warned_that_it_would_stay_outside(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "gateway.yaml"
    settings.write_text(settings.read_text().replace("mqtt: {username: gateway}\n", ""))

    assert "the gateway itself could not log in" in run("files").stderr


def test_a_reader_never_sees_half_a_file(run: Run, tmp_path: Path) -> None:
    add(run, "anna")
    with (tmp_path / "broker" / "passwords").open() as before:
        add(run, "berta")
        assert "berta" not in before.read()  # the old file is whole for whoever has it open


@pytest.mark.slow  # three processes
def test_two_commands_at_once_leave_the_files_as_the_database_is(run: Run, tmp_path: Path) -> None:
    names = ["one", "two", "three"]
    started = [subprocess.Popen(
        [sys.executable, "-m", "gateway", "device", "add", name, "--profile", "heat-pump", "--site", "alice-home",
         "--config", str(tmp_path / "gateway.yaml")], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for name in names]
    for process in started:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said

    assert {line.partition(":")[0] for line in file(tmp_path, "passwords").splitlines()} == {*names, "gateway"}


def test_only_what_a_dialect_asks_for_is_opened() -> None:
    assert topics("tasmota:plug") == (("write", "tele/plug/#"), ("write", "stat/plug/#"), ("read", "cmnd/plug/#"))
    assert topics("zigbee2mqtt:bridge") == (("readwrite", "zigbee2mqtt/#"),)
    assert topics("zigbee2mqtt:lamp") == ()
    assert topics("ems_esp:bridge") == (("readwrite", "ems-esp/#"),)
    assert topics("victron:c0619ab1") == (("write", "N/c0619ab1/#"), ("read", "R/c0619ab1/#"), ("read", "W/c0619ab1/#"))
    assert topics("victron:c0619ab1/battery/512") == ()
    assert ("write", "spBv1.0/Plant 1/+/PLC/#") in topics("sparkplug:Plant 1/PLC")
    assert topics("sparkplug:Plant 1/PLC/pump") == ()
    assert topics("nobody:speaks-this") == ()


@pytest.mark.parametrize("dialect", [one for one in DIALECTS if hasattr(one, "ACCESS")], ids=lambda one: one.NAME)
def test_what_a_dialect_reads_its_devices_may_write(dialect: Dialect) -> None:
    """Every topic of its examples, by one of their devices or by the bridge that speaks for them."""
    read = [(topic, signals) for topic, _, _, signals in dialect.EXAMPLES if isinstance(signals, tuple)]
    keys = {signal.key for _, signals in read for signal in signals} | {f"{dialect.NAME}:bridge"}
    writable = [wanted for key in keys for right, wanted in topics(key) if right != "read"]

    shared = ["shellies/announce"]  # only strangers need it: who has a login has been claimed
    forbidden = {topic for topic, _ in read if not any(topic_matches_sub(wanted, topic) for wanted in writable)}
    assert forbidden <= set(shared)
    assert writable


@pytest.mark.parametrize("name", ["", " a", "a ", "a:b", "a+", "#", "a/b", "a\nb", "a\x00"])
def test_a_login_name_that_the_files_would_misread_is_refused(name: str) -> None:
    assert name_error(name) is not None
    assert name_error("hp-17") is None


@pytest.mark.parametrize("key", ["sparkplug:Plant/+", "sparkplug:/PLC", "victron:+", "homie:5", "shelly_gen1:command"])
def test_a_word_that_its_own_dialect_uses_otherwise_is_no_address(key: str) -> None:
    assert address_error(key) is not None
    assert address_error("sparkplug:Plant 1/PLC") is None
    assert address_error("homie:pump-5") is None


@pytest.mark.parametrize("address", ["", " a", "a ", "a/b", "+", "a#", "a\nuser gateway", "$SYS"])
def test_no_rule_is_written_for_an_address_that_would_open_more(address: str) -> None:
    assert address_error(f"native:{address}") is not None
    text = access_file([Known("anna", f"native:{address}")], [], None)
    assert text.partition("user anna\n")[2].partition("\n\n")[0] == "topic deny devices/anna/#"


def test_two_devices_whose_topics_would_mix_are_told_apart_before_they_get_a_login() -> None:
    others = [Known("plug", "shelly:plug"), Known("pump", "native:pump")]

    assert clash("tasmota:plug", others) is None
    assert clash("shelly:other", others) is None
    assert clash("esphome:plug", others) == "the topics of device 'plug'"
    assert clash("shelly:tele", others) == "the topics of every tasmota device"
    assert clash("zigbee2mqtt:bridge", [Known("zigbee", "shelly:zigbee2mqtt")]) == "the topics of device 'zigbee'"


def test_a_device_is_claimed_and_retired_on_either_database(both_stores: Store) -> None:
    move_in(both_stores)
    around = claims.Around(("heat-pump",), ("native",))
    with both_stores.write() as session:
        claims.claim(session, claims.Wanted("anna", "native:anna", "heat-pump", "alice-home"), around)
        claims.give_login(session, "anna", "$7$101$salt$hash", around, 1)
        claims.give_login(session, "anna", "$7$101$salt$other", around, 2)
    broken(both_stores)
    with both_stores.write() as session:
        gone = [claims.retire(session, device, Rules(Service(), new_id), True, "operator", 3)
                for device in ("anna", "alice-pump")]
    with both_stores.read() as session:
        known, retired = claims.known_devices(session), claims.retired_ids(session)
        left = [row["id"] for row in claims.listed(session)]

    assert [one.tickets for one in gone] == [[], ["T-1"]]
    assert sorted(retired) == ["alice-pump", "anna"]
    assert sorted(one.id for one in known) == left == ["alice-button", "bob-pump", "charlie-button", "charlie-pump"]
