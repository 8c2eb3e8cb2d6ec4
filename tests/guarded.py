"""The Mosquitto of docker-compose.yml with the files of `gateway device`, and clients that try what it lets them do."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.store import Store
from tests.servers import HOST, answers, free_port, mosquitto_program, wait_until
from tests.town import move_in

ROOT = Path(__file__).parents[1]
GATEWAY_PASSWORD = "the gateway's own password"
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
        before = self._reloads()
        self.process.send_signal(signal.SIGHUP)
        self._await_reload(before)

    def _reloads(self) -> int:
        log = self.folder / "mosquitto.log"
        return log.read_text().count("Reloading config") if log.exists() else 0

    def _await_reload(self, before: int) -> None:
        """It looks for signals every 100 ms, or when it gets to it; a moment later it has read its files."""
        wait_until(lambda: self._reloads() > before, what="Mosquitto to read its files again")
        time.sleep(0.1)

    def _written(self) -> list[int]:
        return [file.stat().st_mtime_ns for file in sorted((self.folder / "access").glob("*"))]

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)

    def gateway(self, *words: str, code: int = 0) -> str:
        """What `gateway device …` prints on stdout."""
        reloads, written = self._reloads(), self._written()
        result = CliRunner().invoke(app, ["device", *words, "--config", str(self.folder / "gateway.yaml")])
        assert result.exit_code == code, result.output
        if self.process is not None and self._written() != written:
            self._await_reload(reloads)
        return str(result.stdout.strip())

    def add(self, device: str, *more: str) -> str:
        return self.gateway("add", device, "--profile", "heat-pump", "--site", "alice-home", *more)


def running(folder: Path, sqlite_url: str, store: Store, configuration: str) -> Iterator[Guarded]:
    """For a fixture: it runs with this configuration, and everybody has moved in."""
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


def hears(client: Client, topic: str, payload: bytes) -> None:
    wait_until(lambda: (topic, payload) in client.heard, what=f"{payload!r} on {topic}")
