"""`gateway device`: what speaks is claimed and gets a login; every mistake is answered in words."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from gateway.cli import common
from gateway.model import Cover, Credential, Device, DeviceState, Price, Unclaimed
from gateway.store import Store
from tests.drivers.device_cli import Run, add, commands, device_row, file, speaks

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path, sqlite_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands(tmp_path, sqlite_url, store, monkeypatch)


def test_a_new_device_has_a_state_a_login_and_a_secret_that_is_shown_once(
        run: Run, store: Store, tmp_path: Path) -> None:
    result = add(run, "anna", "--name", "Anna's pump")
    secret = result.stdout.strip()

    with store.read() as session:
        assert session.get(DeviceState, "anna") is not None
        credential = session.get(Credential, "anna")
    assert device_row(store, "anna").name == "Anna's pump"
    assert len(secret) == 32
    assert credential is not None
    assert credential.hash.startswith("$7$101$")
    assert f"anna:{credential.hash}\n" in file(tmp_path, "passwords")
    assert secret not in result.stderr
    assert secret.encode() not in (tmp_path / "gateway.db").read_bytes() + file(tmp_path, "passwords").encode()


def test_the_secret_alone_is_on_stdout_so_that_a_script_may_take_it(run: Run) -> None:
    assert len(add(run, "anna").stdout.splitlines()) == 1
    assert add(run, "berta", "--no-login").stdout == ""


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

    device = device_row(store, "hall-lamp-2")
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


@pytest.mark.parametrize("columns", [20, 80])
@pytest.mark.parametrize("terminal", [True, False])
def test_an_id_and_a_key_stand_on_one_line_however_narrow_it_is(
        run: Run, store: Store, monkeypatch: pytest.MonkeyPatch, columns: int, terminal: bool) -> None:
    long = "heat-pump-of-the-old-mill-by-the-river-0123456789"
    add(run, long, "--name", "The heat pump in the cellar of the old mill by the river, second from the left")
    key = f"shelly:shellyplug-{'0123456789abcdef' * 5}"
    speaks(store, key, name="Plug")
    monkeypatch.setattr(common, "out", Console(width=columns, force_terminal=terminal))

    claimed, strangers = run("list").stdout.splitlines(), run("list", "--unclaimed").stdout.splitlines()

    assert len([line for line in claimed if f" {long} " in line and f" native:{long} " in line]) == 1
    assert [key in line for line in strangers].count(True) == 1


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


def test_who_pays_is_said_when_a_device_is_added_and_whenever_that_changes(run: Run, store: Store) -> None:
    add(run, "anna", "--cover", "warranty", "--covered-until", "2027-03-31", "--call-out-price", "95.00 EUR")
    anna = device_row(store, "anna")
    assert (anna.cover, anna.covered_until, anna.call_out_price) == (
        Cover.WARRANTY, "2027-03-31", Price("95.00", "EUR"))

    said = run("cover", "anna", "call_out_price", "--call-out-price", "110.00 EUR").stderr
    anna = device_row(store, "anna")
    assert (anna.cover, anna.covered_until, anna.call_out_price) == (
        Cover.CALL_OUT_PRICE, None, Price("110.00", "EUR"))
    assert "anna: call out price, 110.00 EUR" in said

    said = run("cover", "anna", "call_out_price", code=1).stderr
    assert "call_out_price: missing — expected what the customer pays, e.g. 95.00 EUR" in said
    said = run("cover", "anna", "contract", "--covered-until", "soon", "--call-out-price", "much", code=1).stderr
    assert "covered_until: 'soon' — expected a day" in said
    assert "call_out_price: 'much' — expected an amount and a currency" in said
    assert device_row(store, "anna").call_out_price == Price("110.00", "EUR")
