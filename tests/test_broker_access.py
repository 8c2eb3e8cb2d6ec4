"""A real Mosquitto with the files that `gateway device` writes: nobody gets in, or at a topic, that is not his."""

import base64
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.credentials import password_hash
from gateway.profiles import load_profiles
from gateway.store import Store
from tests.listening import listening
from tests.servers import HOST, answers, free_port, mosquitto_program, wait_until
from tests.town import move_in
from tests.traffic import count, rows

pytestmark = pytest.mark.slow  # real brokers

ROOT = Path(__file__).parents[1]
GATEWAY_PASSWORD = "the gateway's own password"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
VERSIONS = pytest.mark.parametrize("version", ["3.1.1", "5"])


def shipped_configuration() -> str:
    """The Mosquitto configuration that docker-compose.yml brings."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return str(compose["configs"]["mosquitto"]["content"])


@dataclass
class Guarded:
    """That Mosquitto on ports of this machine, and the operator's commands beside it."""

    folder: Path
    own_port: int = field(default_factory=free_port)  # the gateway's door
    port: int = field(default_factory=free_port)  # the devices' door
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, configuration: str) -> None:
        places = {"/etc/mosquitto/tls": "tls", "/tls": "tls", "/broker-files": "access", "/mosquitto/data": "",
                  "/var/lib/gateway/broker": "access"}
        for there, here in places.items():
            configuration = configuration.replace(f" {there}/", f" {self.folder / here}/")
        for port, ours in {r"(1883|8884 10\.\d+\.\d+\.\d+)": self.own_port, "(1884|8883)": self.port}.items():
            configuration, found = re.subn(f"(?m)^listener {port}$", f"listener {ours} {HOST}", configuration)
            assert found == 1
        if os.geteuid() == 0:  # else it drops to a user who cannot read here
            configuration += "\nuser root\n"
        (self.folder / "mosquitto.conf").write_text(configuration)
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([str(mosquitto_program()), "-c", str(self.folder / "mosquitto.conf")],
                                            stdout=log, stderr=log)
        wait_until(lambda: answers(self.own_port), what="Mosquitto to listen")
        with (self.folder / "gateway.yaml").open("a") as settings:
            settings.write(f"broker_reload: [kill, -HUP, '{self.process.pid}']\n")

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)  # Mosquitto looks for signals every 100 ms

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)

    def gateway(self, *words: str, code: int = 0) -> str:
        """What `gateway device …` prints on stdout."""
        result = CliRunner().invoke(app, ["device", *words, "--config", str(self.folder / "gateway.yaml")])
        assert result.exit_code == code, result.output
        time.sleep(0.3)  # Mosquitto looks for signals every 100 ms
        return str(result.stdout.strip())

    def add(self, device: str, *more: str) -> str:
        return self.gateway("add", device, "--profile", "heat-pump", "--site", "alice-home", *more)


def documented_configuration() -> str:
    """The Mosquitto configuration with TLS that docs/operations.md shows."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("## TLS")[2].partition("\n## ")[0]
    found: list[str] = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    return next(block for block in found if "cafile" in block)


@pytest.fixture
def guarded(tmp_path: Path, sqlite_url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    monkeypatch.setenv("GATEWAY_MQTT__PASSWORD", GATEWAY_PASSWORD)
    yield from _running(tmp_path, sqlite_url, store, shipped_configuration())


@pytest.fixture
def certified(tmp_path: Path, sqlite_url: str, store: Store) -> Iterator[Guarded]:
    """The same with TLS and certificates; there is no password anywhere."""
    make_certificates(tmp_path / "tls")
    yield from _running(tmp_path, sqlite_url, store, documented_configuration())


@pytest.fixture
def composed(tmp_path: Path, sqlite_url: str, store: Store) -> Iterator[Guarded]:
    """docker-compose.yml's with its lines about TLS uncommented, in place of the devices' door without."""
    make_certificates(tmp_path / "tls")
    plain, _, after = shipped_configuration().partition("# listener 8883")
    door, _, rest = after.partition("\n\n")
    plain = plain.replace("listener 1884\nuse_username_as_clientid true\n", "")
    yield from _running(tmp_path, sqlite_url, store,
                        plain + "listener 8883" + door.replace("\n# ", "\n") + "\n\n" + rest)


def _running(folder: Path, sqlite_url: str, store: Store, configuration: str) -> Iterator[Guarded]:
    if mosquitto_program() is None:
        pytest.skip("mosquitto is not installed")
    move_in(store)
    (folder / "gateway.yaml").write_text(
        f"database_url: {sqlite_url}\nprofiles: {ROOT / 'profiles'}\nbroker_files: access\n"
        "mqtt: {username: gateway}\n")
    broker = Guarded(folder)
    broker.gateway("files")
    broker.start(configuration)
    try:
        yield broker
    finally:
        broker.stop()


def openssl(*words: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, words)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def make_certificates(folder: Path) -> None:
    """For the broker, the gateway, anna and berta, by one authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    make_authority(folder, "ca")
    certify(folder, "ca", "broker", "subjectAltName=IP:127.0.0.1")
    for name in ("gateway", "anna", "berta"):
        certify(folder, "ca", name)


def make_authority(folder: Path, name: str) -> None:
    """`name`.crt and `name`.key in `folder`: who signs the others."""
    folder.mkdir(exist_ok=True)
    openssl("req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key",
            "-out", folder / f"{name}.crt")


def certify(folder: Path, authority: str, name: str, extension: str = "extendedKeyUsage=clientAuth",
            file: str = "") -> None:
    """A certificate for `name` and its key, as `file` (else `name`) in `folder`."""
    file = file or name
    openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", folder / f"{file}.key", "-out", folder / f"{file}.csr")
    (folder / "extension").write_text(extension)
    openssl("x509", "-req", "-in", folder / f"{file}.csr", "-CA", folder / f"{authority}.crt",
            "-CAkey", folder / f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", folder / "extension",
            "-out", folder / f"{file}.crt")


class Client:
    """One connection; `heard` is (topic, payload), `refused` the reason when it was not let in."""

    def __init__(self, port: int, name: str | None, secret: str | None, version: str = "3.1.1", client_id: str = "",
                 will: str | None = None, tls: dict[str, Any] | None = None, patience: float = 10) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.refused: str | None = None
        self.acknowledged: list[bool] = []  # of each publish: with success
        self.connected = False
        self._granted: list[int] = []
        protocol = MQTTProtocolVersion.MQTTv5 if version == "5" else MQTTProtocolVersion.MQTTv311
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id or f"test-{time.time_ns()}", protocol=protocol)
        if name is not None:
            self.client.username_pw_set(name, secret)
        if tls is not None:
            self.client.tls_set(**tls)
        if will is not None:
            self.client.will_set(will, b"forged", qos=1, retain=True)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = lambda _client, _data, said: self.heard.append((said.topic, bytes(said.payload)))
        self.client.on_subscribe = lambda _client, _data, mid, *_: self._granted.append(mid)
        self.client.on_publish = lambda *args: self.acknowledged.append(not args[3].is_failure)
        self.client.connect(HOST, port)
        self.client.loop_start()
        wait_until(lambda: self.connected or self.refused is not None, patience, "the broker to answer")

    def subscribe(self, *filters: str) -> None:
        """Returns when the broker has answered; it may grant what it then never delivers."""
        for wanted in filters:
            _, mid = self.client.subscribe(wanted, qos=1)
            wait_until(lambda mid=mid: mid in self._granted, what=f"an answer to {wanted}")

    def say(self, topic: str, payload: bytes = b"{}", retain: bool = False) -> bool:
        """Whether the broker acknowledged it with success."""
        before = len(self.acknowledged)
        self.client.publish(topic, payload, qos=1, retain=retain)
        wait_until(lambda: len(self.acknowledged) > before or not self.connected, what="an acknowledgement")
        return self.acknowledged[-1] if len(self.acknowledged) > before else False

    def vanish(self) -> None:
        """The line breaks without a goodbye, so that the broker speaks the will."""
        line: Any = self.client.socket()
        line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.connected = not reason.is_failure
        self.refused = str(reason) if reason.is_failure else None
        if reason.is_failure:
            self.client.disconnect()

    def _on_disconnect(self, *_: Any) -> None:
        self.connected = False


def let_in(port: int, name: str | None, secret: str | None, version: str = "3.1.1") -> bool:
    with closing(Client(port, name, secret, version)) as client:
        return client.refused is None


@contextmanager
def ear(guarded: Guarded, *filters: str) -> Iterator[Client]:
    """The gateway's login, hearing what really arrives."""
    with closing(Client(guarded.own_port, "gateway", GATEWAY_PASSWORD)) as client:
        client.subscribe(*(filters or ("#",)))
        yield client


def hears(client: Client, topic: str, payload: bytes) -> None:
    wait_until(lambda: (topic, payload) in client.heard, what=f"{payload!r} on {topic}")


def test_our_hash_is_what_mosquittos_own_program_makes(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(file), "anna", "geheim ü"], check=True, capture_output=True)
    name, hashed = file.read_text().strip().split(":")

    salt = base64.b64decode(hashed.split("$")[3])
    assert (name, len(salt)) == ("anna", 12)
    assert password_hash("geheim ü", salt) == hashed


@VERSIONS
def test_a_device_speaks_as_itself_and_as_nobody_else(guarded: Guarded, version: str) -> None:
    secret = guarded.add("anna")
    guarded.add("berta")
    with ear(guarded) as gateway, closing(Client(guarded.port, "anna", secret, version)) as anna:
        said = {topic: anna.say(topic, b"forged") for topic in (
            "devices/berta/telemetry", "devices/berta/press", "devices/berta/status", "devices/anna/command",
            "devices/berta/command", "devices/anna/telemetry/more", "devices", "tele/anna/STATE", "anna/online",
            "zigbee2mqtt/bridge/state", "gateway-probe/x")}
        for what in ("telemetry", "press", "fault", "status", "ack"):
            assert anna.say(f"devices/anna/{what}", b"true")
        hears(gateway, "devices/anna/ack", b"true")

    assert [topic for topic, payload in gateway.heard if payload == b"forged"] == []
    assert len(gateway.heard) == 5
    # MQTT 3.1.1 has no word for "no": it acknowledges and drops
    assert set(said.values()) == ({True} if version == "3.1.1" else {False})


@VERSIONS
def test_a_device_hears_its_own_commands_and_nothing_else(guarded: Guarded, version: str) -> None:
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
            hears(anna, "devices/anna/command", b"for anna")
            hears(berta, "devices/berta/command", b"for berta")
            time.sleep(0.3)

    assert set(anna.heard) == {("devices/anna/command", b"for anna")}
    assert ("devices/berta/command", b"kept for berta") in berta.heard


def test_a_device_with_the_name_of_anothers_address_cannot_speak_for_it(guarded: Guarded) -> None:
    pump = guarded.add("pump", "--address", "b7")
    plug = guarded.add("b7", "--dialect", "tasmota", "--address", "plug")
    with ear(guarded) as gateway, closing(Client(guarded.port, "b7", plug)) as other, \
            closing(Client(guarded.port, "pump", pump)) as own:
        other.say("devices/b7/press", b"forged")
        own.say("devices/pump/press", b"forged")
        own.say("devices/b7/press", b"own")
        other.say("tele/plug/STATE", b"own")
        hears(gateway, "devices/b7/press", b"own")
        hears(gateway, "tele/plug/STATE", b"own")

    assert {payload for _, payload in gateway.heard} == {b"own"}


def test_a_shared_subscription_opens_nothing_either(guarded: Guarded) -> None:
    secret = guarded.add("anna")
    with closing(Client(guarded.port, "anna", secret)) as anna, ear(guarded, "gateway-probe/#") as gateway:
        anna.subscribe("$share/thieves/devices/#", "$share/thieves/devices/anna/command")
        gateway.say("devices/charlie-pump/command", b"for charlie")
        gateway.say("devices/anna/command", b"for anna")
        hears(anna, "devices/anna/command", b"for anna")

    assert {topic for topic, _ in anna.heard} == {"devices/anna/command"}


def test_the_gateway_hears_everything_also_in_a_group(guarded: Guarded) -> None:
    secret = guarded.add("anna")
    with ear(guarded, "$share/gateways/devices/+/telemetry") as gateway, \
            closing(Client(guarded.port, "anna", secret)) as anna:
        anna.say("devices/anna/telemetry", b"1")
        hears(gateway, "devices/anna/telemetry", b"1")


def test_a_will_cannot_be_left_in_anothers_name(guarded: Guarded) -> None:
    secret = guarded.add("anna")
    guarded.add("berta")
    with ear(guarded, "devices/#") as gateway:
        forger = Client(guarded.port, "anna", secret, will="devices/berta/status")
        if forger.refused is None:  # a broker may refuse the connection for it, or only never speak it
            forger.vanish()
        honest = Client(guarded.port, "anna", secret, will="devices/anna/status")
        honest.vanish()
        hears(gateway, "devices/anna/status", b"forged")
        forger.close()
        honest.close()

    assert {topic for topic, _ in gateway.heard} == {"devices/anna/status"}


def test_nobody_takes_the_place_of_another_by_his_client_id(guarded: Guarded) -> None:
    secret, berta_secret = guarded.add("anna"), guarded.add("berta")
    with closing(Client(guarded.own_port, "gateway", GATEWAY_PASSWORD, client_id="gateway")) as gateway, \
            closing(Client(guarded.port, "berta", berta_secret, client_id="berta")) as berta:
        gateway.subscribe("devices/+/press")
        berta.subscribe("devices/berta/command")
        for stolen in ("gateway", "berta"):
            with closing(Client(guarded.port, "anna", secret, client_id=stolen)) as anna:
                anna.say("devices/anna/press", stolen.encode())
                hears(gateway, "devices/anna/press", stolen.encode())
                assert gateway.connected
                assert berta.connected


@VERSIONS
def test_who_has_no_login_or_a_wrong_one_stays_outside(guarded: Guarded, version: str) -> None:
    secret = guarded.add("anna")
    guarded.add("berta")

    assert let_in(guarded.port, "anna", secret, version)
    for name, said in ((None, None), ("anna", "wrong"), ("anna", ""), ("anna", None), ("berta", secret), ("", secret),
                       ("nobody", secret), ("#", secret), ("+", secret), ("alice-pump", "")):
        assert not let_in(guarded.port, name, said, version), (name, said)
        assert not let_in(guarded.own_port, name, said, version), (name, said)


def test_a_wildcard_as_a_name_gets_nowhere_even_with_a_password(guarded: Guarded) -> None:
    with (guarded.folder / "access" / "passwords").open("a") as file:  # no command of ours would write this
        file.writelines(f"{name}:{password_hash('known', b'0' * 12)}\n" for name in "#+")
    guarded.reload()
    with ear(guarded) as gateway, closing(Client(guarded.port, "+", "known")) as wild:
        assert wild.connected
        wild.say("devices/anna/press", b"forged")
        wild.subscribe("#", "devices/+/command", "devices/#")
        gateway.say("devices/anna/command", b"for anna")
        hears(gateway, "devices/anna/command", b"for anna")
        time.sleep(0.2)

    assert [payload for _, payload in gateway.heard] == [b"for anna"]
    assert wild.heard == []
    assert not let_in(guarded.port, "#", "known")


def test_a_new_secret_ends_the_old_one_and_the_connection_it_opened(guarded: Guarded) -> None:
    old = guarded.add("anna")
    with closing(Client(guarded.port, "anna", old)) as anna:
        new = guarded.gateway("rotate", "anna")
        wait_until(lambda: not anna.connected, what="the broker to end the old connection")

    assert old != new
    assert not let_in(guarded.port, "anna", old)
    assert let_in(guarded.port, "anna", new)


def test_a_retired_device_is_thrown_out_and_stays_out(guarded: Guarded) -> None:
    secret = guarded.add("anna")
    with closing(Client(guarded.port, "anna", secret)) as anna:
        guarded.gateway("retire", "anna")
        wait_until(lambda: not anna.connected, what="the broker to end the connection")

    assert not let_in(guarded.port, "anna", secret)


def test_an_id_inside_the_payload_changes_nothing(guarded: Guarded, store: Store) -> None:
    secret = guarded.add("anna")
    guarded.add("berta")
    with listening(store, guarded.own_port, profiles=load_profiles(ROOT / "profiles"), username="gateway",
                   password=GATEWAY_PASSWORD), closing(Client(guarded.port, "anna", secret)) as anna:
        anna.say("devices/anna/fault", b'{"code":"E1","id":"berta","device":"berta","key":"native:berta"}')
        anna.say("devices/anna/status", b'{"state":"online","id":"berta","device_id":"berta"}')
        wait_until(lambda: "online" in str(rows(store, "SELECT link FROM device_state WHERE device_id = 'anna'")))

    assert rows(store, "SELECT link FROM device_state WHERE device_id = 'berta'") == [("unheard",)]
    assert count(store, "SELECT count(*) FROM alarm WHERE device_id = 'berta'") == 0


def shows(guarded: Guarded, name: str) -> dict[str, Any]:
    """What a client shows whose certificate is `name`.crt."""
    tls = guarded.folder / "tls"
    return {"ca_certs": str(tls / "ca.crt"), "certfile": str(tls / f"{name}.crt"), "keyfile": str(tls / f"{name}.key")}


def gateways_own(guarded: Guarded) -> dict[str, Any]:
    tls = guarded.folder / "tls"
    return {"username": "gateway", "tls": True, "ca_file": tls / "ca.crt", "cert_file": tls / "gateway.crt",
            "key_file": tls / "gateway.key"}


@VERSIONS
def test_the_gateway_listens_over_tls_and_a_certificate_is_a_device(
        certified: Guarded, store: Store, version: str) -> None:
    certified.add("anna", "--no-login")
    certified.add("berta", "--no-login")
    profiles = load_profiles(ROOT / "profiles")
    with listening(store, certified.own_port, profiles=profiles, version=version, **gateways_own(certified)), \
            closing(Client(certified.port, None, None, version, tls=shows(certified, "anna"))) as anna:
        anna.say("devices/berta/status", b'{"state":"online"}')
        anna.say("devices/anna/status", b'{"state":"online"}')
        wait_until(lambda: links(store)["anna"] == "online", what="anna's word to arrive")
        anna.subscribe("#", "devices/berta/command", "devices/anna/command")
        with closing(Client(certified.own_port, None, None, tls=shows(certified, "gateway"))) as gateway:
            gateway.say("devices/berta/command", b"for berta")
            gateway.say("devices/anna/command", b"for anna")
            hears(anna, "devices/anna/command", b"for anna")

    assert links(store)["berta"] == "unheard"
    assert {topic for topic, _ in anna.heard} == {"devices/anna/command"}


def links(store: Store) -> dict[str, str]:
    return dict(rows(store, "SELECT device_id, link FROM device_state"))


def test_anothers_name_in_the_login_does_not_change_what_the_certificate_says(certified: Guarded) -> None:
    certified.add("anna", "--no-login")
    secret = certified.add("berta")
    with closing(Client(certified.own_port, None, None, tls=shows(certified, "gateway"))) as gateway, \
            closing(Client(certified.port, "berta", secret, tls=shows(certified, "anna"))) as anna:
        gateway.subscribe("devices/#")
        anna.say("devices/berta/press", b"forged")
        anna.say("devices/anna/press", b"own")
        hears(gateway, "devices/anna/press", b"own")

    assert {topic for topic, _ in gateway.heard} == {"devices/anna/press"}


def test_without_a_certificate_of_ours_nobody_gets_in(certified: Guarded) -> None:
    secret = certified.add("anna")
    make_authority(certified.folder / "tls", "stranger")
    certify(certified.folder / "tls", "stranger", "anna", file="false-anna")
    only_ca = {"ca_certs": str(certified.folder / "tls" / "ca.crt")}

    assert tls_refuses(certified.port, "anna", secret, only_ca)
    assert tls_refuses(certified.port, None, None, shows(certified, "false-anna"))
    assert not tls_refuses(certified.port, None, None, shows(certified, "anna"))


def tls_refuses(port: int, name: str | None, secret: str | None, tls: dict[str, Any]) -> bool:
    """In TLS 1.3 a client learns that its certificate is refused only after its side of the greeting."""
    try:
        with closing(Client(port, name, secret, tls=tls, patience=2)) as client:
            return not client.connected
    except (ssl.SSLError, OSError, AssertionError):
        return True


def test_a_retired_device_whose_certificate_is_still_good_says_nothing_more(certified: Guarded) -> None:
    certified.add("anna", "--no-login")
    with closing(Client(certified.own_port, None, None, tls=shows(certified, "gateway"))) as gateway, \
            closing(Client(certified.port, None, None, tls=shows(certified, "anna"))) as anna, \
            closing(Client(certified.port, None, None, tls=shows(certified, "berta"))) as berta:
        gateway.subscribe("devices/#")
        anna.say("devices/anna/press", b"before")
        certified.gateway("retire", "anna")
        anna.say("devices/anna/press", b"after")
        berta.say("devices/berta/press", b"last")
        hears(gateway, "devices/berta/press", b"last")

    assert [payload for _, payload in gateway.heard] == [b"before", b"last"]


def test_the_door_with_tls_that_compose_shows_opens_to_a_certificate_only(composed: Guarded) -> None:
    secret = composed.add("anna")

    assert not tls_refuses(composed.port, None, None, shows(composed, "anna"))
    assert tls_refuses(composed.port, "anna", secret, {"ca_certs": str(composed.folder / "tls" / "ca.crt")})
