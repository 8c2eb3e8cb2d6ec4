"""The brokers and settings that are compared, and how one of them is started, killed and started again."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.processor_time import Process
from gateway.mqtt.local_broker import free_port, installed_brokers, mosquitto_config, nats_config

HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds to start: Mosquitto reads its whole file first
NATS, MOSQUITTO = 45.0, 5.0  # seconds of patience: nats-server sends again after 30, Mosquitto at once


class Setting(NamedTuple):
    kind: str  # mosquitto | nats
    configure: Callable[[Path, int], str]  # (folder of its data, port) → the text of its configuration
    patience: float  # seconds without a message, while some are missing, after which they are lost


def _mosquitto(more: str) -> Setting:
    """The gateway's own configuration with other lines at its end: of a line that comes twice the last one counts."""
    return Setting("mosquitto", lambda data, port: mosquitto_config(data, port, root=os.geteuid() == 0) + more,
                   MOSQUITTO)


def _as_installed(data: Path, port: int) -> str:
    """Debian's package: it stores, each half hour and at its end, and keeps a thousand messages for who is away."""
    return (f"listener {port} {HOST}\nallow_anonymous true\npersistence true\npersistence_location {data}/\n"
            + ("user root\n" if os.geteuid() == 0 else ""))


def _nats(sync: str = '"1s"', mqtt: str = "") -> Setting:
    """The gateway's own configuration with another `sync_interval`, and `mqtt` in the place of its `ack_wait`."""
    def configure(data: Path, port: int) -> str:
        text = nats_config(data, port, ["bench/#"]).replace('sync_interval: "1s"', f"sync_interval: {sync}")
        return text.replace('ack_wait: "5s"', mqtt) if mqtt else text
    return Setting("nats", configure, NATS)


SETTINGS = {
    "nats": _nats(),
    "nats-sync-2m": _nats('"2m"'),  # its default
    "nats-sync-always": _nats("always"),
    "nats-ack-wait-30s": _nats(mqtt='ack_wait: "30s"'),  # its default
    "nats-consumers-in-memory": _nats(mqtt='consumer_memory_storage: true, ack_wait: "5s"'),
    "mosquitto-each-change": _mosquitto("autosave_on_changes true\nautosave_interval 1\n"),
    "mosquitto-each-100-changes": _mosquitto("autosave_on_changes true\nautosave_interval 100\n"),
    "mosquitto-each-second": _mosquitto("autosave_on_changes false\nautosave_interval 1\n"),
    "mosquitto-each-10-seconds": _mosquitto("autosave_on_changes false\nautosave_interval 10\n"),
    "mosquitto-at-its-end": _mosquitto("autosave_on_changes false\nautosave_interval 0\n"),
    "mosquitto-as-installed": Setting("mosquitto", _as_installed, MOSQUITTO),
}


@dataclass
class Broker:
    """One setting, with its data in `folder`; it listens on the same port however often it is started."""

    setting: Setting
    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> float:
        """Returns the seconds until it let somebody in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "broker.conf"
        config.write_text(self.setting.configure(self.folder, self.port), encoding="utf-8")
        began = time.monotonic()
        with (self.folder / "output.log").open("ab") as out:
            self.process = subprocess.Popen([str(installed_brokers()[self.setting.kind]), "-c", str(config)],
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        while time.monotonic() < began + PATIENCE and self.process.poll() is None:
            with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
                return time.monotonic() - began
            time.sleep(0.01)
        raise SystemExit(f"{self.setting.kind} did not start: {(self.folder / 'output.log').read_text()[-500:]}")

    def kill(self) -> None:
        """kill -9: what it had handed to the kernel is still written, so this is no power cut."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def cpu_s(self) -> float:
        return Process(self.process.pid).cpu_s if self.process is not None else 0.0


def version_of(kind: str) -> str:
    """As its program says it."""
    said = subprocess.run([str(installed_brokers()[kind]), "-h" if kind == "mosquitto" else "-v"],
                          capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found[0] if found else "?"
