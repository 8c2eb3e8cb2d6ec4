"""The event loop of all simulated MQTT connections: connects a few at a time, sends, receives, reconnects."""

import errno
import heapq
import random
import resource
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from device_sim.dialects import Message
from device_sim.mqtt.connection import KEEP_ALIVE, Line, Lost, Totals

AT_ONCE = 64  # connections being opened: a broker's queue for them is short
ANSWER = 15.0  # seconds that a broker has for its CONNACK
LONGEST = 10.0  # seconds between two tries
BACKLOG = 8 * 1024 * 1024  # bytes not yet sent, over all lines: past this the schedule waits, and is late
UNACKED = 20_000  # messages on one line that the broker has not acknowledged: past this too


class Lines:
    """`turn` does what is due. Raises OSError when the broker's host has no address."""

    def __init__(self, host: str, port: int) -> None:
        self.totals = Totals()
        self.heavy: list[Line] = []  # those that speak for many
        self.refused = ""  # the broker's last refusal
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._family, self._address = found[0], found[4]
        self._selector = selectors.DefaultSelector()
        self._to_open: deque[Line] = deque()
        self._opening = 0
        self._again: list[tuple[float, int, Line]] = []
        self._count = 0
        self._ready: set[Line] = set()
        self._lines: set[Line] = set()
        self._look_at = 0.0

    def line(self, client_id: str, will: Callable[[], Message], up: Callable[[], None],
             heard: Callable[[str, bytes], None]) -> Line:
        """A new one, which is not open."""
        return Line(client_id, self.totals, will, up, heard)

    def open(self, line: Line) -> None:
        """Keeps it open until `drop` or `line.leave`."""
        line.wanted, line.leaving, line.ready = True, False, self._mark
        self._lines.add(line)
        if line.state == "down" and line not in self._to_open:
            self._to_open.append(line)

    def drop(self, line: Line) -> None:
        """Closes it without a goodbye: the broker speaks its will."""
        line.wanted = False
        self._close(line)
        self._lines.discard(line)

    def interrupt(self, line: Line) -> None:
        """As `drop`, but it will try again."""
        self._close(line)
        self._retry(line)

    @property
    def up(self) -> int:
        return sum(line.state == "up" for line in self._lines)

    @property
    def leaving(self) -> int:
        return sum(line.leaving and line.state != "down" for line in self._lines)

    @property
    def full(self) -> bool:
        """The broker cannot keep up: nothing more should be said before it has taken some."""
        return (sum(len(line.outbox) for line in self._ready) > BACKLOG
                or any(line.state == "up" and line.unacknowledged > UNACKED for line in self.heavy))

    def turn(self, seconds: float) -> None:
        """Sends what is ready, then waits at most `seconds` for something to come in."""
        self._open_some()
        self._flush()
        for key, events in self._selector.select(max(0.0, seconds)):
            line: Line = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    self._writable(line)
                if events & selectors.EVENT_READ and line.sock is not None:
                    self._readable(line)
            except (OSError, Lost) as error:
                self.refused = str(error) if isinstance(error, Lost) else self.refused
                self._close(line)
                self._retry(line)
        self._flush()

    def close(self) -> None:
        for line in list(self._lines):
            self._close(line)
        self._selector.close()

    def _open_some(self) -> None:
        now = time.monotonic()
        while self._again and self._again[0][0] <= now:
            line = heapq.heappop(self._again)[2]
            if line.wanted and line.state == "down":
                self._to_open.append(line)
        while self._to_open and self._opening < AT_ONCE:
            line = self._to_open.popleft()
            if line.wanted and line.state == "down":
                self._open(line)
        if now >= self._look_at:
            self._look_at = now + 5
            self._look(now)

    def _look(self, now: float) -> None:
        """Pings what was quiet, gives up on what never answered, forgets what has left."""
        for line in list(self._lines):
            if line.state == "up" and now - line.patience > KEEP_ALIVE / 2:
                line.ping()
            elif line.state in ("opening", "greeting") and now - line.patience > ANSWER:
                self._close(line)
                self._retry(line)
            elif line.state == "down" and not line.wanted:
                self._lines.discard(line)

    def _open(self, line: Line) -> None:
        line.sock = socket.socket(self._family, socket.SOCK_STREAM)
        line.sock.setblocking(False)
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.state, line.patience = "opening", time.monotonic()
        self._opening += 1
        problem = line.sock.connect_ex(self._address)
        self._selector.register(line.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, line)
        line.writing = True
        if problem not in (0, errno.EINPROGRESS):
            self._close(line)
            self._retry(line)

    def _writable(self, line: Line) -> None:
        if line.state == "opening" and line.sock is not None:
            problem = line.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if problem:
                raise OSError(problem, "cannot connect")
            line.greet()
        self._write(line)

    def _readable(self, line: Line) -> None:
        assert line.sock is not None
        with suppress(BlockingIOError):
            data = line.sock.recv(262_144)
            if not data:
                raise OSError("closed by the broker")
            before = line.state
            line.take(data)
            if before == "greeting" and line.state != "greeting":
                self._opening -= 1

    def _mark(self, line: Line) -> None:
        self._ready.add(line)

    def _flush(self) -> None:
        ready, self._ready = self._ready, set()
        for line in ready:
            if line.sock is not None and line.state not in ("down", "opening"):
                try:
                    self._write(line)
                except OSError:
                    self._close(line)
                    self._retry(line)

    def _write(self, line: Line) -> None:
        assert line.sock is not None
        with suppress(BlockingIOError):
            while line.outbox:
                sent = line.sock.send(memoryview(line.outbox)[:1_048_576])
                del line.outbox[:sent]
        line.patience = time.monotonic()
        if line.state == "leaving" and not line.outbox:
            self._close(line)
            return
        writing = bool(line.outbox)
        if writing:
            self._ready.add(line)
        if writing != line.writing:
            line.writing = writing
            self._selector.modify(line.sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0), line)

    def _close(self, line: Line) -> None:
        if line.sock is None:
            return
        if line.state in ("opening", "greeting"):
            self._opening -= 1
        self._selector.unregister(line.sock)
        line.sock.close()
        line.fall()

    def _retry(self, line: Line) -> None:
        if line.wanted:
            line.tries += 1
            self._count += 1
            wait = min(LONGEST, 0.5 * 2**line.tries) * random.uniform(0.5, 1)  # nobody shall come in step
            heapq.heappush(self._again, (time.monotonic() + wait, self._count, line))


def make_room(files: int) -> int:
    """Raises this process's limit of open files as far as it may; returns how many connections fit, at most `files`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files + 64
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return files if soft == resource.RLIM_INFINITY else min(files, soft - 64)
