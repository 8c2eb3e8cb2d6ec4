"""A real Mosquitto with TLS: a certificate is a device, in its own name only, and no password opens its door."""

import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.config.profiles_and_mappings import load_profiles
from gateway.store import Store
from tests import ROOT
from tests.drivers.load_check import rows
from tests.fixtures.acl_broker import VERSIONS, AclBroker, Client, acl_broker, receives, shipped_configuration
from tests.fixtures.listener_in_process import running_listener
from tests.fixtures.servers import wait_until

pytestmark = pytest.mark.slow  # real brokers

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def documented_configuration() -> str:
    """The Mosquitto configuration with TLS that docs/operations.md shows."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("## TLS")[2].partition("\n## ")[0]
    found: list[str] = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    return next(block for block in found if "cafile" in block)


@pytest.fixture
def certified(tmp_path: Path, sqlite_url: str, store: Store) -> Iterator[AclBroker]:
    """The same with TLS and certificates; there is no password anywhere."""
    make_certificates(tmp_path / "tls")
    yield from acl_broker(tmp_path, sqlite_url, store, documented_configuration())


@pytest.fixture
def composed(tmp_path: Path, sqlite_url: str, store: Store) -> Iterator[AclBroker]:
    """docker-compose.yml's with its lines about TLS uncommented, in place of the devices' door without."""
    make_certificates(tmp_path / "tls")
    plain, _, after = shipped_configuration().partition("# listener 8883")
    door, _, rest = after.partition("\n\n")
    plain = plain.replace("listener 1884\nuse_username_as_clientid true\n", "")
    yield from acl_broker(tmp_path, sqlite_url, store,
                          plain + "listener 8883" + door.replace("\n# ", "\n") + "\n\n" + rest)


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


def shows(guarded: AclBroker, name: str) -> dict[str, Any]:
    """What a client shows whose certificate is `name`.crt."""
    tls = guarded.folder / "tls"
    return {"ca_certs": str(tls / "ca.crt"), "certfile": str(tls / f"{name}.crt"), "keyfile": str(tls / f"{name}.key")}


def gateways_own(guarded: AclBroker) -> dict[str, Any]:
    tls = guarded.folder / "tls"
    return {"username": "gateway", "tls": True, "ca_file": tls / "ca.crt", "cert_file": tls / "gateway.crt",
            "key_file": tls / "gateway.key"}


@VERSIONS
def test_the_gateway_listens_over_tls_and_a_certificate_is_a_device(
        certified: AclBroker, store: Store, version: str) -> None:
    certified.add("anna", "--no-login")
    certified.add("berta", "--no-login")
    profiles = load_profiles(ROOT / "profiles")
    with running_listener(store, certified.own_port, profiles=profiles, version=version, **gateways_own(certified)), \
            closing(Client(certified.port, None, None, version, tls=shows(certified, "anna"))) as anna:
        anna.say("devices/berta/status", b'{"state":"online"}')
        anna.say("devices/anna/status", b'{"state":"online"}')
        wait_until(lambda: links(store)["anna"] == "online", what="anna's word to arrive")
        anna.subscribe("#", "devices/berta/command", "devices/anna/command")
        with closing(Client(certified.own_port, None, None, tls=shows(certified, "gateway"))) as gateway:
            gateway.say("devices/berta/command", b"for berta")
            gateway.say("devices/anna/command", b"for anna")
            receives(anna, "devices/anna/command", b"for anna")

    assert links(store)["berta"] == "unheard"
    assert {topic for topic, _ in anna.heard} == {"devices/anna/command"}


def links(store: Store) -> dict[str, str]:
    return dict(rows(store, "SELECT device_id, link FROM device_state"))


def test_anothers_name_in_the_login_does_not_change_what_the_certificate_says(certified: AclBroker) -> None:
    certified.add("anna", "--no-login")
    secret = certified.add("berta")
    with closing(Client(certified.own_port, None, None, tls=shows(certified, "gateway"))) as gateway, \
            closing(Client(certified.port, "berta", secret, tls=shows(certified, "anna"))) as anna:
        gateway.subscribe("devices/#")
        anna.say("devices/berta/press", b"forged")
        anna.say("devices/anna/press", b"own")
        receives(gateway, "devices/anna/press", b"own")

    assert {topic for topic, _ in gateway.heard} == {"devices/anna/press"}


def test_without_a_certificate_of_ours_nobody_gets_in(certified: AclBroker) -> None:
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


def test_a_retired_device_whose_certificate_is_still_good_says_nothing_more(certified: AclBroker) -> None:
    certified.add("anna", "--no-login")
    with closing(Client(certified.own_port, None, None, tls=shows(certified, "gateway"))) as gateway, \
            closing(Client(certified.port, None, None, tls=shows(certified, "anna"))) as anna, \
            closing(Client(certified.port, None, None, tls=shows(certified, "berta"))) as berta:
        gateway.subscribe("devices/#")
        anna.say("devices/anna/press", b"before")
        certified.gateway("retire", "anna")
        anna.say("devices/anna/press", b"after")
        berta.say("devices/berta/press", b"last")
        receives(gateway, "devices/berta/press", b"last")

    assert [payload for _, payload in gateway.heard] == [b"before", b"last"]


def test_the_door_with_tls_that_compose_shows_opens_to_a_certificate_only(composed: AclBroker) -> None:
    secret = composed.add("anna")

    assert not tls_refuses(composed.port, None, None, shows(composed, "anna"))
    assert tls_refuses(composed.port, "anna", secret, {"ca_certs": str(composed.folder / "tls" / "ca.crt")})
