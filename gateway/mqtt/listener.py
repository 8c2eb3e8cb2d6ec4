"""The listener: one thread that reads what has come, commits it as one batch, and only then acknowledges it.

One thread, because two that share Python's lock spent three times as long handing it to each other (measured).
"""

import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import paho.mqtt.client as paho
import structlog

from gateway import metrics
from gateway.detection.batch import Heard
from gateway.flow import Gateway, learn_routes
from gateway.model import SECOND, Instant
from gateway.mqtt.client import KEEPALIVE, connect_options, make_client, send_acknowledgements
from gateway.mqtt.sending import Sending
from gateway.mqtt.speaking import Voice
from gateway.mqtt.subscriptions import Subscriptions
from gateway.mqtt.work import receive_all, say_listening
from gateway.store import Away, Conflict

BATCH = 1000  # messages in one transaction at most
BEAT = 2 * SECOND  # how often the database hears that we listen
LOOK = 0.25  # seconds between looks at the clock when nothing comes
RETRY = 1 * SECOND  # after the database was away
BACKOFF = (0.2, 0.5, 1, 2, 5, 10, 20, 30)  # seconds between attempts to connect

log = structlog.get_logger()


class Waiting(NamedTuple):
    """A message and what acknowledges it; its id is only good on the connection it came by."""

    heard: Heard
    mid: int
    qos: int


class Listener:
    """One gateway process on one broker."""

    def __init__(self, gw: Gateway, now: Callable[[], Instant]) -> None:
        self._gw, self._now, self._mqtt = gw, now, gw.settings.mqtt
        self._queue: list[Waiting] = []  # read and not yet acknowledged; bounded by not reading on
        self._room = min(BATCH, self._mqtt.queue)
        self._stop = threading.Event()
        self._since: Instant | None = None  # listening without a gap since; None: not connected or not subscribed
        self._beat_at = self._retry_at = 0
        self._failures = 0
        self._refused = False
        self._sending = Sending(gw)
        self._subscriptions = Subscriptions(self._mqtt.share)
        self._voice = Voice(gw)
        self.problem = "not connected to the broker yet"
        self._client = self._fresh_client()
        self._thread = threading.Thread(target=self._run, name="listen", daemon=True)

    def _fresh_client(self) -> paho.Client:
        client = make_client(self._mqtt, self._mqtt.client_id, clean=False)
        self._sending.begin(client)
        # before connecting: a kept session's messages come before we could subscribe
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    def start(self) -> None:
        """Connects in the background, for as long as it takes."""
        # before any clock judges silence: what our name last said may be from a life that ended seconds ago
        say_listening(self._gw, None, self._now())
        self._thread.start()

    def stop(self) -> None:
        """Finishes the batch in hand; what is read and not yet acknowledged the broker brings again."""
        self._stop.set()
        self._thread.join(timeout=30)

    @property
    def listening(self) -> bool:
        return self._since is not None

    @property
    def unacknowledged(self) -> int:
        """Messages held in memory, not yet in the database and not yet acknowledged to the broker."""
        return len(self._queue)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._client.socket() is None:
                    self._connect()
                else:
                    self._once()
            except Exception:
                log.exception("the listener failed; what was not acknowledged comes again")
                self._stop.wait(1)
        self._voice.goodbye(self._client, self._now())
        self._client.disconnect()
        self._client.loop_write()
        with suppress(Away, Conflict):
            say_listening(self._gw, None, self._now())

    def _connect(self) -> None:
        # a client that has been connected would say again, maybe hours later, what its broker never confirmed
        self._client = self._fresh_client()
        self._voice.will(self._client, self._now())
        try:
            self._client.connect(self._mqtt.host, self._mqtt.port, KEEPALIVE,
                                 **connect_options(self._mqtt, clean=False))
        except OSError as error:
            self.problem = f"no broker answers at {self._mqtt.host}:{self._mqtt.port}: {error}"
            self._beat()
            self._wait_before_retry()

    def _wait_before_retry(self) -> None:
        self._stop.wait(BACKOFF[min(self._failures, len(BACKOFF) - 1)])
        self._failures += 1

    def _once(self) -> None:
        """Reads what is there, and if anything is, commits and acknowledges it."""
        full = len(self._queue) >= self._room
        if not self._queue or full or self._now() < self._retry_at:
            self._wait(reading=not full)
        self._read()
        if self._queue and self._now() >= self._retry_at:
            self._commit()
        self._rest()

    def _wait(self, reading: bool) -> None:
        """Until there is something to read or it is time to look at the clock."""
        sock: Any = self._client.socket()
        writing = [sock] if self._client.want_write() else []
        if select.select([sock] if reading else [], writing, [], LOOK)[1]:
            self._client.loop_write()

    def _read(self) -> None:
        """Takes messages off the socket until it is empty or a batch is full."""
        read, queue = self._client.loop_read, self._queue
        while (count := len(queue)) < self._room:
            if self._client.socket() is None:
                return
            read()
            if len(queue) == count:  # would block, or was something other than a message
                return

    def _commit(self) -> None:
        batch = self._queue[:BATCH]
        started = time.perf_counter()
        try:
            receive_all(self._gw, [waiting.heard for waiting in batch], self._now())
        except (Away, Conflict) as away:
            self._retry_at = self._now() + RETRY
            self.problem = f"the database is away, so nothing is acknowledged: {away}"
            log.warning("database away; nothing is acknowledged", why=str(away))
            return
        if self._retry_at:
            self._retry_at, self.problem = 0, "" if self._since is not None else self.problem
        metrics.BATCH_SECONDS.observe(time.perf_counter() - started)
        del self._queue[:BATCH]
        send_acknowledgements(self._client, [waiting.mid for waiting in batch if waiting.qos])

    def _rest(self) -> None:
        """Keep-alive, commands down, and the word that we listen."""
        self._client.loop_misc()
        if self._since is not None:
            if changed := self._gw.spoken.announced.changed:
                self._subscriptions.follow(self._client, self._gw.spoken.routes, changed)
                changed.clear()
            self._voice.speak(self._client, self._now())
            self._sending.send(self._client, self._now())
        if self._client.want_write():
            self._client.loop_write()
        self._beat()

    def _beat(self) -> None:
        now = self._now()
        if now - self._beat_at >= BEAT:
            self._beat_at = now
            metrics.QUEUE.set(len(self._queue))
            self._gw.commands_filled.set()  # others may have queued commands for us to send
            say_listening(self._gw, self._since, now)
            learn_routes(self._gw, whole=True)  # another process may have heard an announcement

    # -- paho's callbacks: an exception that escapes from here would end the connection

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(topic is not UTF-8)"
        self._queue.append(Waiting(Heard(topic, bytes(message.payload), message.retain), message.mid, message.qos))

    def _on_publish(self, _client: paho.Client, _userdata: Any, mid: int, _reason: Any, _properties: Any) -> None:
        self._sending.taken(mid)

    def _on_connect(self, client: paho.Client, _userdata: Any, flags: paho.ConnectFlags, reason: Any,
                    _properties: Any) -> None:
        self._refused = reason.is_failure
        if self._refused:
            self.problem = f"the broker refused us: {reason}"
            log.warning("mqtt refused", reason=str(reason))
            return
        self._subscriptions.begin(client, self._gw.spoken.filters, self._gw.spoken.routes)
        self._gw.spoken.announced.changed.clear()
        log.info("mqtt connected", session_kept=flags.session_present)

    def _on_subscribe(self, client: paho.Client, _userdata: Any, mid: int, reasons: list[Any],
                      _properties: Any) -> None:
        self._subscriptions.answered(mid, reasons)
        if self._subscriptions.refused:
            self.problem = f"the broker refused a subscription: {', '.join(self._subscriptions.refused)}"
            log.error("mqtt subscription refused", reasons=self._subscriptions.refused)
        elif self._since is None and self._subscriptions.complete:
            self.problem, self._failures = "", 0
            self._since, self._beat_at = self._now(), 0
            self._voice.birth(client)

    def _on_disconnect(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not self._stop.is_set() and not self._refused:
            self.problem = f"the connection to the broker is lost: {reason}"
            log.warning("mqtt disconnected", reason=str(reason))
        self._since, self._beat_at = None, 0
        # what was not acknowledged comes again under a new id; what needs no acknowledgement would not
        self._queue[:] = [waiting for waiting in self._queue if not waiting.qos]
        if not self._stop.is_set():
            self._wait_before_retry()
