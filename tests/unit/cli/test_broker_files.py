"""The broker's files that `gateway device` writes: for each device what it may and no more, whole at any instant."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from paho.mqtt.client import topic_matches_sub

from gateway.devices.broker_access import DeviceAccess, access_file, address_error, name_error, topic_conflict, topics
from gateway.devices.dialects import DIALECTS, Dialect
from gateway.store import Store
from tests import ROOT
from tests.drivers.device_cli import Run, add, commands, device_row, file


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands(tmp_path, sqlite_url, store, monkeypatch)


def test_the_files_are_for_the_broker_and_for_nobody_else(run: Run, tmp_path: Path) -> None:
    add(run, "anna")

    for name in ("passwords", "access"):
        assert stat.S_IMODE((tmp_path / "broker" / name).stat().st_mode) == 0o640
    assert sorted(path.name for path in (tmp_path / "broker").iterdir()) == ["access", "passwords"]
    assert "user gateway\ntopic readwrite #\n" in file(tmp_path, "access")
    assert [line.partition(":")[0] for line in file(tmp_path, "passwords").splitlines()] == ["anna", "gateway"]


def test_a_device_under_another_name_than_its_own_has_lines_of_its_own(run: Run, tmp_path: Path) -> None:
    add(run, "anna", "--address", "pump 7")
    add(run, "plug", "--dialect", "tasmota", "--address", "tasmota_AB12")

    access = file(tmp_path, "access")
    assert "user anna\ntopic deny devices/anna/#\ntopic write devices/pump 7/telemetry\n" in access
    assert ("user plug\ntopic deny devices/plug/#\ntopic write tele/tasmota_AB12/#\ntopic write stat/tasmota_AB12/#\n"
            "topic read cmnd/tasmota_AB12/#\n") in access
    assert "pattern write devices/%u/telemetry\n" in access


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
    assert device_row(store, "anna").retired_at is None


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
    text = access_file([DeviceAccess("anna", f"native:{address}")], [], None)
    assert text.partition("user anna\n")[2].partition("\n\n")[0] == "topic deny devices/anna/#"


def test_two_devices_whose_topics_would_mix_are_told_apart_before_they_get_a_login() -> None:
    others = [DeviceAccess("plug", "shelly:plug"), DeviceAccess("pump", "native:pump")]

    assert topic_conflict("tasmota:plug", others) is None
    assert topic_conflict("shelly:other", others) is None
    assert topic_conflict("esphome:plug", others) == "the topics of device 'plug'"
    assert topic_conflict("shelly:tele", others) == "the topics of every tasmota device"
    assert topic_conflict("zigbee2mqtt:bridge", [DeviceAccess("zigbee",
                                                              "shelly:zigbee2mqtt")]) == "the topics of device 'zigbee'"
