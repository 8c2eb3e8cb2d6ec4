"""The MQTT listener: one thread that reads messages, commits them as a batch, and only then acknowledges them.

One thread, because two that share Python's lock spent three times as long handing it to each other (measured). All of
it is one story: whatever ends a connection decides what may be acknowledged on the next.
"""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
import structlog

from gateway.flow.gateway import Gateway
from gateway.flow.receive import load_announced_topics
from gateway.model import Instant
from gateway.monitoring import metrics
from gateway.mqtt.batches import receive_all
from gateway.mqtt.client import KEEPALIVE, connect_options, make_client, send_acknowledgements, wait_for
from gateway.mqtt.command_publisher import CommandPublisher
from gateway.mqtt.host_messages import HostMessages
from gateway.mqtt.listener_report import ListenerReport, build_report, filters_to_subscribe, record_listening
from gateway.mqtt.press_connection import PressConnection
from gateway.mqtt.reading import MessageQueue, PublishReader
from gateway.mqtt.repeated_warnings import RepeatedWarnings
from gateway.mqtt.subscriptions import Subscriptions
from gateway.store import Conflict, DatabaseUnavailable

BATCH = 500  # messages in one transaction at most: a press waits for one, and 1000 cost as much a message (measured)
BEAT = 2.0  # seconds: how often the database hears that we listen
LOOK = 0.25  # seconds between looks at the clock when nothing comes
GOODBYE = 1.0  # seconds to wait at the end for the broker's answer
RETRY = 1.0  # seconds, after the database was away
BACKOFF = (0.2, 0.5, 1, 2, 5, 10, 20, 30)  # seconds between attempts to connect
STEADY = 10.0  # seconds: a connection that lasts so long is none that fails again and again
FOLLOW = 0.2  # seconds between looks at what devices have announced
REORDER = 10.0  # seconds … and at what the fleet needs most, where the broker does not let us hear everything
OTHER_LISTENER_AFTER = 3  # connections in a row that ended soon after we were let in: another has our client id
TURNED_AWAY = 2  # connections in a row that were closed before we were let in: perhaps for our will
OTHER_LISTENER_FOR = 60.0  # seconds after the last sign of another gateway under our client id
# MQTT reason → the setting to look at
HINTS = {
    "Bad user name or password": "mqtt.username and mqtt.password", "Not authorized": "mqtt.username and mqtt.password",
    "Client identifier not valid": "mqtt.client_id", "Unsupported protocol version": "mqtt.version",
    "Packet too large": "mqtt.queue", "Server moved": "mqtt.host", "Use another server": "mqtt.host",
}

log = structlog.get_logger()


class Listener:
    """The listener of one gateway process on one broker."""

    def __init__(self, gw: Gateway, now: Callable[[], Instant]) -> None:
        self._gw, self._now, self._mqtt = gw, now, gw.settings.mqtt
        self._queue = MessageQueue()  # read and not yet acknowledged; bounded by not reading on
        self._room = min(BATCH, self._mqtt.queue)
        self._stop = threading.Event()
        self._since: Instant | None = None  # listening without a gap since; None: not connected or not subscribed
        self._beat_at = self._retry_at = 0.0  # by the steady clock, like all that is only about how long
        self._last_turn_at = self._waiting_since = time.monotonic()
        self._failures = 0
        self._refused = self._let_in = False
        self._turned_away = 0  # connections in a row that were closed without a word
        self._repeats = RepeatedWarnings()
        self._connected_at = 0.0
        self.connections = 0  # to the broker, since we began
        self._short_connections = 0  # connections in a row that the broker ended soon after it had granted everything
        self._other_listener_at = -OTHER_LISTENER_FOR  # when another gateway under our client id last showed itself
        self._process = secrets.token_hex(4)
        self._has_reported = False  # to the database, as this process
        # of a connection that we have not asked for anything on: (whether the session was kept, bytes in one packet)
        self._new_connection: tuple[bool, int] | None = None
        self._wanted = dict.fromkeys(gw.dialects.filters, True)
        self._needed: set[str] = set()  # filters of the fleet and of mappings
        self._followed_at = self._reordered_at = 0.0
        self._report = ListenerReport()
        self._commands = CommandPublisher(gw)
        self._presses = PressConnection(gw)
        self._subscriptions = Subscriptions(self._mqtt.share)
        self._host_messages = HostMessages(gw)
        self._problem = "not connected to the broker yet"  # for anybody: no host, no port, no driver's words
        self.detail = ""  # … and those, for the log
        self._client = self._fresh_client()
        self._thread = threading.Thread(target=self._run, name="listen", daemon=True)

    def _fresh_client(self) -> paho.Client:
        client = make_client(self._mqtt, self._mqtt.client_id, clean=False)
        self._commands.prepare(client)
        # before connecting: a kept session's messages come before we could subscribe
        client.on_message = self._on_message
        self._reader = PublishReader(client)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        return client

    def start(self) -> None:
        """Connects in the background, for as long as it takes."""
        # before any clock judges silence: what our name last said may be from a life that ended seconds ago
        record_listening(self._gw, None, self._now(), process=self._process)
        self._has_reported = True
        self._thread.start()

    def stop(self) -> None:
        """Finishes the batch in hand; what is read and not yet acknowledged the broker brings again."""
        self._stop.set()
        self._thread.join(timeout=30)

    @property
    def listening(self) -> bool:
        return self._since is not None

    @property
    def idle_seconds(self) -> float:
        """Seconds since it last finished a turn and recorded whether it listens."""
        return time.monotonic() - self._last_turn_at

    @property
    def uncommitted_seconds(self) -> float:
        """Seconds for which a message has been waiting to be written; 0 when none waits."""
        return time.monotonic() - self._waiting_since if self._queue else 0.0

    @property
    def problem(self) -> str:
        """Why it receives nothing, or not everything, as a sentence without host names; "" when all is well."""
        missing = "; ".join(self.missing_filters[:5]) + (" …" if len(self.missing_filters) > 5 else "")
        return self.other_listener or self._problem or missing

    @property
    def missing_filters(self) -> list[str]:
        """One sentence for each topic filter that the broker does not grant, the most important first."""
        return [str(one) for one in self._report.missing]

    @property
    def other_listener(self) -> str:
        """That another program uses our client id; "" when none was noticed lately."""
        if time.monotonic() - self._other_listener_at > OTHER_LISTENER_FOR:
            return ""
        if self._short_connections >= OTHER_LISTENER_AFTER:
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
            except (DatabaseUnavailable, Conflict) as away:
                log.warning("the database is away", detail=str(away))
                self._stop.wait(1)
            except Exception:
                log.exception("the listener failed; what was not acknowledged comes again")
                self._stop.wait(1)
        try:
            self._say_goodbye()
        except Exception as error:
            log.warning("we could not say goodbye", detail=f"{type(error).__name__}: {error}")
        self._presses.close()
        self._commands.close()
        with suppress(DatabaseUnavailable, Conflict):  # what is called at its end asks for the time
            self._client.disconnect()
            self._client.loop_write()
        with suppress(DatabaseUnavailable, Conflict):
            record_listening(self._gw, None, self._now(), process=self._process)

    def _say_goodbye(self) -> None:
        """Waits a moment for the broker's answer: one that cannot send it takes us for dead and publishes our will too.
        What comes meanwhile is not acknowledged, so it comes again."""
        said, until = self._host_messages.goodbye(self._client, self._now()), time.monotonic() + GOODBYE
        while said is not None and self._client.socket() is not None and not said.is_published() \
                and time.monotonic() < until:
            if wait_for(self._client.socket(), True, self._client.want_write(), 0 if self._reader.ready else LOOK):
                self._client.loop_write()
            self._reader.read(self._queue, self._room)
            self._queue.take_messages()

    def _connect(self) -> None:
        # a client that has been connected would say again, maybe hours later, what its broker never confirmed
        self._client = self._fresh_client()
        self._host_messages.will(self._client, self._now())
        self._let_in = False
        try:
            self._client.connect(self._mqtt.host, self._mqtt.port, KEEPALIVE,
                                 **connect_options(self._mqtt, clean=False))
        except OSError as error:
            self._short_connections = self._turned_away = 0
            self._warn("no broker answers", f"{self._mqtt.host}:{self._mqtt.port}: {error}")
            self._beat()
            self._wait_before_retry()

    def _wait_before_retry(self) -> None:
        if self._subscriptions.learning:  # by being hung up on, step by step
            self._stop.wait(BACKOFF[0])
            return
        self._stop.wait(BACKOFF[min(self._failures, len(BACKOFF) - 1)])
        self._failures += 1

    def _once(self) -> None:
        """Reads what is there, and if anything is, commits and acknowledges it. It subscribes first: to our first
        acknowledgements Mosquitto 2.0 replies with the whole backlog, whatever its max_inflight_messages, and the
        broker's answer would lie behind it."""
        full = len(self._queue) >= self._room
        if not self._queue or full or self._pausing:
            self._wait(reading=not full)
        if not self._queue:
            self._waiting_since = time.monotonic()
        self._commit_presses()
        self._reader.read(self._queue, self._room)
        if self._client.is_connected():
            self._subscribe()
        if self._queue and not self._pausing:
            self._commit_presses()
            self._commit()
        self._do_upkeep()

    @property
    def _pausing(self) -> bool:
        return self._retry_at > 0 and time.monotonic() < self._retry_at

    def _wait(self, reading: bool) -> None:
        """Until there is something to read or it is time to look at the clock."""
        presses = not self._pausing
        ready = (reading and self._reader.ready) or (presses and self._presses.ready)
        if wait_for(self._client.socket(), reading, self._client.want_write(), 0 if ready else LOOK,
                    self._presses.socket if presses else None):
            self._client.loop_write()

    def _commit_presses(self) -> None:
        """Those that came by their own connection are answered before anything else is looked at."""
        if not self._pausing and self._presses.process(self._now):
            self._commands.send(self._client, self._now())

    def _commit(self) -> None:
        messages, mids = self._queue.first(BATCH)
        started = time.perf_counter()
        try:
            receive_all(self._gw, self._presses.without_seen(messages), self._now())
        except Exception as error:  # no message's fault, or it would lie in the dead letters
            self._retry_at = time.monotonic() + RETRY
            away = isinstance(error, DatabaseUnavailable | Conflict)
            self._warn("the database is away, so nothing is acknowledged" if away else
                       "what is heard cannot be written, so nothing is acknowledged",
                       f"{type(error).__name__}: {error}")
            return
        if self._retry_at:
            self._retry_at, self._problem = 0, "" if self._since is not None else self._problem
        metrics.BATCH_SECONDS.observe(time.perf_counter() - started)
        self._presses.stored(messages)
        self._queue.remove_first(BATCH)
        self._waiting_since = time.monotonic()
        send_acknowledgements(self._client, mids)

    def _do_upkeep(self) -> None:
        """Keep-alive, commands to devices, and the heartbeat."""
        self._client.loop_misc()
        if self._since is not None:
            self._presses.keep_up()
            self._commands.keep_up()
            self._host_messages.publish_due(self._client, self._now())
            self._commands.send(self._client, self._now())
        if self._client.want_write():
            self._client.loop_write()
        self._beat()

    def _subscribe(self) -> None:
        """Subscribes to what is still missing, and to what was announced meanwhile."""
        if self._new_connection is not None:
            self._begin_subscribing(*self._new_connection)
        now, moment, dialects = self._now(), time.monotonic(), self._gw.dialects
        if self._since is not None and dialects.announced.changed and moment - self._followed_at >= FOLLOW:
            self._followed_at = moment
            self._subscriptions.follow(self._client, dialects.routes, dialects.announced.changed, now)
            dialects.announced.changed.clear()
        if self._subscriptions.limit is not None and moment - self._reordered_at >= REORDER:
            self._reordered_at = moment
            with suppress(DatabaseUnavailable, Conflict):
                self._wanted, self._needed = filters_to_subscribe(self._gw)
                self._subscriptions.reorder(self._client, self._wanted, now)
        self._subscriptions.retry_refused(self._client, now)
        if self._since is None:
            self._check_subscribed()

    def _check_subscribed(self) -> None:
        if self._subscriptions.settled:
            self._problem = ""
            self._since, self._beat_at = self._now(), 0.0
            self._host_messages.birth(self._client)
        elif self._subscriptions.nothing:
            self._problem = f"the broker lets us hear nothing: {'; '.join(self.missing_filters[:5])}"

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at >= BEAT:
            self._beat_at = time.monotonic()
            metrics.QUEUE.set(len(self._queue))
            self._gw.commands_filled.set()  # others may have queued commands for us to send
            now = self._now()
            if self._since is not None:
                self._since = min(self._since, now)  # the clock may have been set back
            if self._client.is_connected() and time.monotonic() - self._connected_at >= STEADY:
                self._failures = self._short_connections = 0
                if not self.other_listener:
                    self._repeats.over()
            self._report_listening(now)
            load_announced_topics(self._gw, whole=True)  # another process may have heard an announcement
            self._last_turn_at = time.monotonic()

    def _warn(self, problem: str, detail: str) -> None:
        """Sets `problem`, which anybody may read, and logs it with `detail`, for the operator: once, then counted."""
        self._problem, self.detail = problem, detail
        self._repeats.warn(problem, detail, self._now())

    def _report_listening(self, now: Instant) -> None:
        if self._client.is_connected() and (self._since is not None or self._subscriptions.nothing):
            before, problem = self._report, self.other_listener or (self._problem if self._since is None else "")
            self._report = build_report(self._gw, self._subscriptions, self._since, self._needed, problem)
            if {one.filter for one in self._report.missing} - {one.filter for one in before.missing}:
                log.warning("the broker does not let us hear everything", missing_filters=self.missing_filters)
            elif before.missing and not self._report.missing:
                log.info("the broker lets us hear everything")
        else:
            self._report = self._report._replace(problem=self.other_listener or self._problem)
        before_us = record_listening(self._gw, self._since, now, self._report, self._process)
        if self._has_reported and before_us not in ("", self._process):
            self._notice_other_listener(now)
        self._has_reported = True

    def _toggle_retained_will(self) -> None:
        """Tries without a retained will, and with it again next time: some brokers refuse clients that leave one."""
        self._host_messages.retains = not self._host_messages.retains
        if not self._host_messages.retains:
            self._repeats.warn("connecting without a retained will", "the broker takes no retained messages of ours: "
                               "Sparkplug nodes do not learn whether the gateway is there", self._now())

    def _notice_other_listener(self, now: Instant) -> None:
        self._other_listener_at = time.monotonic()
        self._repeats.warn("another gateway uses our mqtt.client_id", self.other_listener, now)

    # -- paho's callbacks: an exception that escapes from here would end the connection

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self._queue.add(message)

    def _on_connect(self, _client: paho.Client, _userdata: Any, flags: paho.ConnectFlags, reason: Any,
                    properties: Any) -> None:
        self._refused, self._let_in, self._turned_away = reason.is_failure, True, 0
        if self._refused:
            if str(reason) == "Retain not supported":
                self._toggle_retained_will()
            hint = f" (see {HINTS[str(reason)]})" if str(reason) in HINTS else ""
            self._warn(f"the broker refuses us: {reason}{hint}", "")
            return
        self._connected_at = time.monotonic()
        self.connections += 1
        self._followed_at = self._reordered_at = self._connected_at
        self._new_connection = flags.session_present, getattr(properties, "MaximumPacketSize", 0)
        self._problem = "connected to the broker, and not subscribed yet"
        if not self._short_connections and not self._subscriptions.learning:
            log.info("mqtt connected", session_kept=flags.session_present)

    def _begin_subscribing(self, session_kept: bool, largest: int) -> None:
        """Subscribes to everything on a new connection."""
        now = self._now()
        with suppress(DatabaseUnavailable, Conflict):  # then as it was the last time
            load_announced_topics(self._gw, whole=True)
            self._wanted, self._needed = filters_to_subscribe(self._gw)
            self._gw.dialects.announced.changed.clear()
        self._subscriptions.begin(self._client, self._wanted, now, session_kept, largest)
        self._new_connection = None

    def _on_subscribe(self, client: paho.Client, _userdata: Any, mid: int, reasons: list[Any],
                      _properties: Any) -> None:
        self._subscriptions.answered(mid, reasons, self._now())
        self._subscribe()

    def _on_disconnect(self, _client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        since, self._since, self._beat_at, self._new_connection = self._since, None, 0.0, None
        self._queue.forget_unacknowledged()
        now = self._now()  # may fail, with the database: what must be true of this connection's end is by now
        if not self._stop.is_set() and not self._refused:
            self._warn("the connection to the broker is lost", str(reason))
        taken_over = str(reason) == "Session taken over"
        ended = not self._stop.is_set() and not self._refused and not taken_over and str(reason) != "Keep alive timeout"
        if since is not None and ended and time.monotonic() - self._connected_at < STEADY:
            self._short_connections += 1
        self._subscriptions.lost(now, hung_up=ended)
        if not self._let_in and not self._stop.is_set():
            self._turned_away += 1
            if self._turned_away >= TURNED_AWAY:
                self._toggle_retained_will()
        if taken_over or self._short_connections >= OTHER_LISTENER_AFTER:
            self._notice_other_listener(now)
        if not self._stop.is_set():
            self._wait_before_retry()
