"""The listener: one thread that reads what has come, commits it as one batch, and only then acknowledges it.

One thread, because two that share Python's lock spent three times as long handing it to each other (measured).
"""

import secrets
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
from gateway.model import MINUTE, SECOND, Instant
from gateway.mqtt.client import KEEPALIVE, connect_options, make_client, send_acknowledgements
from gateway.mqtt.repeats import Repeats
from gateway.mqtt.sending import Sending
from gateway.mqtt.speaking import Voice
from gateway.mqtt.subscriptions import Subscriptions
from gateway.mqtt.work import Hears, receive_all, say_listening, wanted_filters, what_is_heard
from gateway.store import Away, Conflict

BATCH = 1000  # messages in one transaction at most
BEAT = 2 * SECOND  # how often the database hears that we listen
LOOK = 0.25  # seconds between looks at the clock when nothing comes
RETRY = 1 * SECOND  # after the database was away
BACKOFF = (0.2, 0.5, 1, 2, 5, 10, 20, 30)  # seconds between attempts to connect
STEADY = 10 * SECOND  # a connection that lasts so long is none that fails again and again
FOLLOW = 200  # ms between looks at what devices have announced
REORDER = 30 * SECOND  # … and at what the fleet needs most, where the broker does not let us hear everything
RIVAL = 3  # connections in a row that the broker ended soon after it had accepted us: somebody else has our name
TURNED_AWAY = 2  # connections in a row that were closed before we were let in: perhaps for our will
RIVAL_FOR = MINUTE  # after the last sign of another gateway under our client id
# MQTT reason → the setting to look at
HINTS = {
    "Bad user name or password": "mqtt.username and mqtt.password", "Not authorized": "mqtt.username and mqtt.password",
    "Client identifier not valid": "mqtt.client_id", "Unsupported protocol version": "mqtt.version",
    "Packet too large": "mqtt.queue", "Server moved": "mqtt.host", "Use another server": "mqtt.host",
}

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
        self._refused = self._welcome = False
        self._turned_away = 0  # connections in a row that were closed without a word
        self._repeats = Repeats()
        self._connected_at: Instant = 0
        self.connections = 0  # to the broker, since we began
        self._cut_short = 0  # connections in a row that the broker ended soon after it had granted everything
        self._rival_at: Instant = -RIVAL_FOR  # when another gateway under our client id last showed itself
        self._process = secrets.token_hex(4)
        self._has_spoken = False  # to the database, as this process
        self._wanted = dict.fromkeys(gw.spoken.filters, True)
        self._needed: set[str] = set()  # filters of the fleet and of mappings
        self._followed: tuple[Any, Instant] = ((), 0)  # which announced routes we have looked at, and when
        self._reordered_at: Instant = 0
        self._hears = Hears()
        self._sending = Sending(gw)
        self._subscriptions = Subscriptions(self._mqtt.share)
        self._voice = Voice(gw)
        self._problem = "not connected to the broker yet"
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
        say_listening(self._gw, None, self._now(), process=self._process)
        self._has_spoken = True
        self._thread.start()

    def stop(self) -> None:
        """Finishes the batch in hand; what is read and not yet acknowledged the broker brings again."""
        self._stop.set()
        self._thread.join(timeout=30)

    @property
    def listening(self) -> bool:
        return self._since is not None

    @property
    def problem(self) -> str:
        """Why it hears nothing, or not everything; "" when all is well."""
        return self.rival or self._problem or "; ".join(self.not_heard[:5]) + (" …" if len(self.not_heard) > 5 else "")

    @property
    def not_heard(self) -> list[str]:
        """What this broker does not let us hear, one sentence a topic filter, the most important first."""
        return [str(one) for one in self._hears.missing]

    @property
    def rival(self) -> str:
        """That another program uses our client id; "" when none was noticed lately."""
        if self._now() - self._rival_at > RIVAL_FOR:
            return ""
        if self._cut_short >= RIVAL:
            return ("the broker ends our connection again and again just after it accepted us: most likely another "
                    f"program uses the same mqtt.client_id, {self._mqtt.client_id}; else it forbids us to publish, and "
                    "then leave out of dialects what we say something in: sparkplug, victron")
        return (f"another program connects to the broker under the same mqtt.client_id, {self._mqtt.client_id}, and "
                "each throws the other out: give each gateway one of its own")

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
            say_listening(self._gw, None, self._now(), process=self._process)

    def _connect(self) -> None:
        # a client that has been connected would say again, maybe hours later, what its broker never confirmed
        self._client = self._fresh_client()
        self._voice.will(self._client, self._now())
        self._welcome = False
        try:
            self._client.connect(self._mqtt.host, self._mqtt.port, KEEPALIVE,
                                 **connect_options(self._mqtt, clean=False))
        except OSError as error:
            self._cut_short = self._turned_away = 0
            self._problem = f"no broker answers (mqtt.host, mqtt.port): {error}"
            self._repeats.warn("no broker answers", str(error), self._now(), host=self._mqtt.host,
                               port=self._mqtt.port)
            self._beat()
            self._wait_before_retry()

    def _wait_before_retry(self) -> None:
        if self._subscriptions.learning:  # by being hung up on, step by step
            self._stop.wait(BACKOFF[0])
            return
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
            self._problem = f"the database is away, so nothing is acknowledged: {away}"
            log.warning("database away; nothing is acknowledged", why=str(away))
            return
        if self._retry_at:
            self._retry_at, self._problem = 0, "" if self._since is not None else self._problem
        metrics.BATCH_SECONDS.observe(time.perf_counter() - started)
        del self._queue[:BATCH]
        send_acknowledgements(self._client, [waiting.mid for waiting in batch if waiting.qos])

    def _rest(self) -> None:
        """Keep-alive, commands down, and the word that we listen."""
        self._client.loop_misc()
        if self._client.is_connected():
            self._subscribe()
        if self._since is not None:
            self._voice.speak(self._client, self._now())
            self._sending.send(self._client, self._now())
        if self._client.want_write():
            self._client.loop_write()
        self._beat()

    def _subscribe(self) -> None:
        """Goes on asking for what we want to hear, and for what was announced meanwhile."""
        now, routes = self._now(), self._gw.routes_state
        if self._since is not None and routes != self._followed[0] and not 0 <= now - self._followed[1] < FOLLOW:
            self._followed = routes, now
            self._subscriptions.follow(self._client, self._gw.spoken.routes.keys(), now)
        if self._subscriptions.limit is not None and not 0 <= now - self._reordered_at < REORDER:
            self._reordered_at = now
            with suppress(Away, Conflict):
                self._wanted, self._needed = wanted_filters(self._gw)
                self._subscriptions.reorder(self._client, self._wanted, now)
        self._subscriptions.tend(self._client, now)
        if self._since is None:
            self._begin_to_listen()

    def _begin_to_listen(self) -> None:
        if self._subscriptions.settled:
            self._problem = ""
            self._since, self._beat_at = self._now(), 0
            self._voice.birth(self._client)
        elif self._subscriptions.nothing:
            self._problem = f"the broker lets us hear nothing: {'; '.join(self.not_heard[:5])}"

    def _beat(self) -> None:
        now = self._now()
        if now - self._beat_at >= BEAT:
            self._beat_at = now
            metrics.QUEUE.set(len(self._queue))
            self._gw.commands_filled.set()  # others may have queued commands for us to send
            if self._client.is_connected() and now - self._connected_at >= STEADY:
                self._failures = self._cut_short = 0
                if not self.rival:
                    self._repeats.over()
            self._say_what_we_hear(now)
            learn_routes(self._gw)  # another process may have heard an announcement

    def _say_what_we_hear(self, now: Instant) -> None:
        if self._client.is_connected() and (self._since is not None or self._subscriptions.nothing):
            before, problem = self._hears, self.rival or (self._problem if self._since is None else "")
            self._hears = what_is_heard(self._gw, self._subscriptions, self._since, self._needed, problem)
            if {one.filter for one in self._hears.missing} - {one.filter for one in before.missing}:
                log.warning("the broker does not let us hear everything", not_heard=self.not_heard)
            elif before.missing and not self._hears.missing:
                log.info("the broker lets us hear everything")
        else:
            self._hears = self._hears._replace(problem=self.rival or self._problem)
        before_us = say_listening(self._gw, self._since, now, self._hears, self._process)
        if self._has_spoken and before_us not in ("", self._process):
            self._notice_rival(now)
        self._has_spoken = True

    def _keep_no_state(self) -> None:
        """The broker may only dislike that we leave a retained will: we go without, and turn by turn with it."""
        self._voice.retains = not self._voice.retains
        if not self._voice.retains:
            self._repeats.warn("connecting without a retained will", "the broker takes no retained messages of ours: "
                               "Sparkplug nodes do not learn whether the gateway is there", self._now())

    def _notice_rival(self, now: Instant) -> None:
        self._rival_at = now
        self._repeats.warn("another gateway uses our mqtt.client_id", self.rival, now)

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
                    properties: Any) -> None:
        self._refused, self._welcome, self._turned_away = reason.is_failure, True, 0
        if self._refused:
            if str(reason) == "Retain not supported":
                self._keep_no_state()
            hint = f" (see {HINTS[str(reason)]})" if str(reason) in HINTS else ""
            self._problem = f"the broker refused us: {reason}{hint}"
            self._repeats.warn("the broker refuses us", f"{reason}{hint}", self._now())
            return
        self._connected_at = now = self._now()
        self.connections += 1
        self._followed, self._reordered_at = (self._gw.routes_state, now), now
        with suppress(Away, Conflict):  # then as it was the last time
            self._wanted, self._needed = wanted_filters(self._gw)
        self._subscriptions.begin(client, self._wanted, now, flags.session_present,
                                  getattr(properties, "MaximumPacketSize", 0))
        self._problem = "connected to the broker, and not subscribed yet"
        if not self._cut_short and not self._subscriptions.learning:
            log.info("mqtt connected", session_kept=flags.session_present)

    def _on_subscribe(self, client: paho.Client, _userdata: Any, mid: int, reasons: list[Any],
                      _properties: Any) -> None:
        self._subscriptions.answered(mid, reasons, self._now())
        self._subscribe()

    def _on_disconnect(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        now = self._now()
        if not self._stop.is_set() and not self._refused:
            self._problem = f"the connection to the broker is lost: {reason}"
            self._repeats.warn("mqtt disconnected", str(reason), now)
        taken_over = str(reason) == "Session taken over"
        ended = not self._stop.is_set() and not self._refused and not taken_over and str(reason) != "Keep alive timeout"
        if self._since is not None and ended and now - self._connected_at < STEADY:
            self._cut_short += 1
        self._subscriptions.lost(now, hung_up=ended)
        if not self._welcome and not self._stop.is_set():
            self._turned_away += 1
            if self._turned_away >= TURNED_AWAY:
                self._keep_no_state()
        if taken_over or self._cut_short >= RIVAL:
            self._notice_rival(now)
        self._since, self._beat_at = None, 0
        # what was not acknowledged comes again under a new id; what needs no acknowledgement would not
        self._queue[:] = [waiting for waiting in self._queue if not waiting.qos]
        if not self._stop.is_set():
            self._wait_before_retry()
