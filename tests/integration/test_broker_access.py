"""A real Mosquitto with the files that `gateway device` writes: nobody gets in, or at a topic, that is not his."""

import base64
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.config.profiles_and_mappings import load_profiles
from gateway.devices.broker_access import password_hash
from gateway.store import Store
from tests import ROOT
from tests.drivers.load_check import count, rows
from tests.fixtures.acl_broker import (
    GATEWAY_PASSWORD,
    VERSIONS,
    AclBroker,
    Client,
    acl_broker,
    receives,
    shipped_configuration,
)
from tests.fixtures.listener_in_process import running_listener
from tests.fixtures.servers import mosquitto_program, wait_until

pytestmark = pytest.mark.slow  # real brokers


@pytest.fixture
def guarded(tmp_path: Path, sqlite_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[AclBroker]:
    monkeypatch.setenv("GATEWAY_MQTT__PASSWORD", GATEWAY_PASSWORD)
    yield from acl_broker(tmp_path, sqlite_url, store, shipped_configuration())


def let_in(port: int, name: str | None, secret: str | None, version: str = "3.1.1") -> bool:
    with closing(Client(port, name, secret, version)) as client:
        return client.refused is None


@contextmanager
def ear(guarded: AclBroker, *filters: str) -> Iterator[Client]:
    """The gateway's login, hearing what really arrives."""
    with closing(Client(guarded.own_port, "gateway", GATEWAY_PASSWORD)) as client:
        client.subscribe(*(filters or ("#",)))
        yield client


@pytest.mark.skipif(mosquitto_program() is None, reason="mosquitto is not installed")
def test_our_hash_is_what_mosquittos_own_program_makes(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(file), "anna", "geheim ü"], check=True, capture_output=True)
    name, hashed = file.read_text().strip().split(":")

    salt = base64.b64decode(hashed.split("$")[3])
    assert (name, len(salt)) == ("anna", 12)
    assert password_hash("geheim ü", salt) == hashed


@VERSIONS
def test_a_device_speaks_as_itself_and_as_nobody_else(guarded: AclBroker, version: str) -> None:
    secret = guarded.add("anna")
    guarded.add("berta")
    with ear(guarded) as gateway, closing(Client(guarded.port, "anna", secret, version)) as anna:
        said = {topic: anna.say(topic, b"forged") for topic in (
            "devices/berta/telemetry", "devices/berta/press", "devices/berta/status", "devices/anna/command",
            "devices/berta/command", "devices/anna/telemetry/more", "devices", "tele/anna/STATE", "anna/online",
            "zigbee2mqtt/bridge/state", "gateway-probe/x")}
        for what in ("telemetry", "press", "fault", "status", "ack"):
            assert anna.say(f"devices/anna/{what}", b"true")
        receives(gateway, "devices/anna/ack", b"true")

    assert [topic for topic, payload in gateway.heard if payload == b"forged"] == []
    assert len(gateway.heard) == 5
    # MQTT 3.1.1 has no word for "no": it acknowledges and drops
    assert set(said.values()) == ({True} if version == "3.1.1" else {False})


@VERSIONS
def test_a_device_hears_its_own_commands_and_nothing_else(guarded: AclBroker, version: str) -> None:
    secret = guarded.add("anna")
    berta_secret = guarded.add("berta")
    with ear(guarded, "gateway-probe/#") as gateway:
        gateway.say("devices/berta/command", b"kept for berta", retain=True)
        with closing(Client(guarded.port, "anna", secret, version)) as anna, \
                closing(Client(guarded.port, "berta", berta_secret)) as berta:
            anna.subscribe("#", "devices/#", "devices/+/command", "devices/berta/command", "devices/berta/#", "$SYS/#",
                           "+/+/+", "devices/anna/command")
            berta.subscribe("devices/berta/command")
            gateway.say("devices/berta/command", b"for berta")
            gateway.say("devices/charlie-pump/telemetry", b"charlie's")
            berta.say("devices/berta/telemetry", b"berta's own")
            gateway.say("devices/anna/command", b"for anna")
            receives(anna, "devices/anna/command", b"for anna")
            receives(berta, "devices/berta/command", b"for berta")
            time.sleep(0.3)

    assert set(anna.heard) == {("devices/anna/command", b"for anna")}
    assert ("devices/berta/command", b"kept for berta") in berta.heard


def test_a_device_with_the_name_of_anothers_address_cannot_speak_for_it(guarded: AclBroker) -> None:
    pump = guarded.add("pump", "--address", "b7")
    plug = guarded.add("b7", "--dialect", "tasmota", "--address", "plug")
    with ear(guarded) as gateway, closing(Client(guarded.port, "b7", plug)) as other, \
            closing(Client(guarded.port, "pump", pump)) as own:
        other.say("devices/b7/press", b"forged")
        own.say("devices/pump/press", b"forged")
        own.say("devices/b7/press", b"own")
        other.say("tele/plug/STATE", b"own")
        receives(gateway, "devices/b7/press", b"own")
        receives(gateway, "tele/plug/STATE", b"own")

    assert {payload for _, payload in gateway.heard} == {b"own"}


def test_a_shared_subscription_opens_nothing_either(guarded: AclBroker) -> None:
    secret = guarded.add("anna")
    with closing(Client(guarded.port, "anna", secret)) as anna, ear(guarded, "gateway-probe/#") as gateway:
        anna.subscribe("$share/thieves/devices/#", "$share/thieves/devices/anna/command")
        gateway.say("devices/charlie-pump/command", b"for charlie")
        gateway.say("devices/anna/command", b"for anna")
        receives(anna, "devices/anna/command", b"for anna")

    assert {topic for topic, _ in anna.heard} == {"devices/anna/command"}


def test_the_gateway_hears_everything_also_in_a_group(guarded: AclBroker) -> None:
    secret = guarded.add("anna")
    with ear(guarded, "$share/gateways/devices/+/telemetry") as gateway, \
            closing(Client(guarded.port, "anna", secret)) as anna:
        anna.say("devices/anna/telemetry", b"1")
        receives(gateway, "devices/anna/telemetry", b"1")


def test_a_will_cannot_be_left_in_anothers_name(guarded: AclBroker) -> None:
    secret = guarded.add("anna")
    guarded.add("berta")
    with ear(guarded, "devices/#") as gateway:
        forger = Client(guarded.port, "anna", secret, will="devices/berta/status")
        if forger.refused is None:  # a broker may refuse the connection for it, or only never speak it
            forger.vanish()
        honest = Client(guarded.port, "anna", secret, will="devices/anna/status")
        honest.vanish()
        receives(gateway, "devices/anna/status", b"forged")
        forger.close()
        honest.close()

    assert {topic for topic, _ in gateway.heard} == {"devices/anna/status"}


def test_nobody_takes_the_place_of_another_by_his_client_id(guarded: AclBroker) -> None:
    secret, berta_secret = guarded.add("anna"), guarded.add("berta")
    with closing(Client(guarded.own_port, "gateway", GATEWAY_PASSWORD, client_id="gateway")) as gateway, \
            closing(Client(guarded.port, "berta", berta_secret, client_id="berta")) as berta:
        gateway.subscribe("devices/+/press")
        berta.subscribe("devices/berta/command")
        for stolen in ("gateway", "berta"):
            with closing(Client(guarded.port, "anna", secret, client_id=stolen)) as anna:
                anna.say("devices/anna/press", stolen.encode())
                receives(gateway, "devices/anna/press", stolen.encode())
                assert gateway.connected
                assert berta.connected


@VERSIONS
def test_who_has_no_login_or_a_wrong_one_stays_outside(guarded: AclBroker, version: str) -> None:
    secret = guarded.add("anna")
    guarded.add("berta")

    assert let_in(guarded.port, "anna", secret, version)
    for name, said in ((None, None), ("anna", "wrong"), ("anna", ""), ("anna", None), ("berta", secret), ("", secret),
                       ("nobody", secret), ("#", secret), ("+", secret), ("alice-pump", "")):
        assert not let_in(guarded.port, name, said, version), (name, said)
        assert not let_in(guarded.own_port, name, said, version), (name, said)


def test_a_wildcard_as_a_name_gets_nowhere_even_with_a_password(guarded: AclBroker) -> None:
    with (guarded.folder / "access" / "passwords").open("a") as file:  # no command of ours would write this
        file.writelines(f"{name}:{password_hash('known', b'0' * 12)}\n" for name in "#+")
    guarded.reload()
    with ear(guarded) as gateway, closing(Client(guarded.port, "+", "known")) as wild:
        assert wild.connected
        wild.say("devices/anna/press", b"forged")
        wild.subscribe("#", "devices/+/command", "devices/#")
        gateway.say("devices/anna/command", b"for anna")
        receives(gateway, "devices/anna/command", b"for anna")
        time.sleep(0.2)

    assert [payload for _, payload in gateway.heard] == [b"for anna"]
    assert wild.heard == []
    assert not let_in(guarded.port, "#", "known")


def test_a_new_secret_ends_the_old_one_and_the_connection_it_opened(guarded: AclBroker) -> None:
    old = guarded.add("anna")
    with closing(Client(guarded.port, "anna", old)) as anna:
        new = guarded.gateway("rotate", "anna")
        wait_until(lambda: not anna.connected, what="the broker to end the old connection")

    assert old != new
    assert not let_in(guarded.port, "anna", old)
    assert let_in(guarded.port, "anna", new)


def test_a_retired_device_is_thrown_out_and_stays_out(guarded: AclBroker) -> None:
    secret = guarded.add("anna")
    with closing(Client(guarded.port, "anna", secret)) as anna:
        guarded.gateway("retire", "anna")
        wait_until(lambda: not anna.connected, what="the broker to end the connection")

    assert not let_in(guarded.port, "anna", secret)


def test_an_id_inside_the_payload_changes_nothing(guarded: AclBroker, store: Store) -> None:
    secret = guarded.add("anna")
    guarded.add("berta")
    with running_listener(store, guarded.own_port, profiles=load_profiles(ROOT / "profiles"), username="gateway",
                          password=GATEWAY_PASSWORD), closing(Client(guarded.port, "anna", secret)) as anna:
        anna.say("devices/anna/fault", b'{"code":"E1","id":"berta","device":"berta","key":"native:berta"}')
        anna.say("devices/anna/status", b'{"state":"online","id":"berta","device_id":"berta"}')
        wait_until(lambda: "online" in str(rows(store, "SELECT link FROM device_state WHERE device_id = 'anna'")))

    assert rows(store, "SELECT link FROM device_state WHERE device_id = 'berta'") == [("unheard",)]
    assert count(store, "SELECT count(*) FROM alarm WHERE device_id = 'berta'") == 0
