"""Runs a whole gateway in simulated time: messages from the simulator, and the sweep at each of its deadlines."""

import heapq
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from benchmarks.gateway_files import House
from device_sim.mqtt.memory_broker import Subscriber
from device_sim.simulated_time_run import Source
from gateway.detection.batch import MqttMessage
from gateway.flow.act import act
from gateway.flow.deliver import deliver
from gateway.flow.receive import load_announced_topics
from gateway.flow.sweep import sweep
from gateway.flow.watch import watch
from gateway.model import MINUTE, SECOND, Actor, ActorKind, Instant, from_iso
from gateway.model.plan import NoSuch, Refused
from gateway.mqtt.batches import receive_all
from gateway.mqtt.command_publisher import claim_commands
from gateway.mqtt.listener import BACKOFF, BATCH
from gateway.mqtt.listener_report import record_listening
from gateway.tickets.actions import AcceptOffer, Act, Arrive, AttemptCallback, ConnectCallback, Finish, FinishCallback

STARTED = from_iso("2026-11-23T06:00:00Z")  # a Monday
DEAD = 600.0  # seconds that a gateway which is killed is away
BEAT = 2 * SECOND  # how often a listener says that it listens
LATEST = 15 * MINUTE  # everything is looked at as often as this, asked for or not
AGAIN = 250  # ms until the clock looks again at what a look did not settle
WATCH = SECOND  # how often the watch looks while the broker is not heard
ANSWER = 200  # ms a broker takes from a connection to the last subscription
ACCEPT, ARRIVE, REPAIR, STAY = 5 * MINUTE, 20 * MINUTE, 40 * MINUTE, 20 * MINUTE
CALL = 10 * MINUTE  # until an agent calls back
_DUE = """
    SELECT min(at) FROM (
        SELECT min(due_at) AS at FROM device_state WHERE due_at IS NOT NULL
        UNION ALL SELECT min(due_at) FROM notification WHERE due_at IS NOT NULL
        UNION ALL SELECT min(at) FROM due WHERE at IS NOT NULL
        UNION ALL SELECT min(promised_by) FROM callback WHERE closed_at IS NULL AND overdue_told_at IS NULL
        UNION ALL SELECT min(try_until) FROM alarm WHERE try_until IS NOT NULL
        UNION ALL SELECT min(suppressed_until) FROM alarm WHERE suppressed_until IS NOT NULL
        UNION ALL SELECT min(next_at) FROM outage WHERE next_at IS NOT NULL
        UNION ALL SELECT min(next_at) FROM maintenance_window WHERE next_at IS NOT NULL
        UNION ALL SELECT 0 FROM (SELECT 1 FROM loss WHERE unprocessed LIMIT 1))
"""
# whether somebody is there, and what they came for is not over: the outage, or else an alarm
_BROKEN = """
    SELECT EXISTS (SELECT 1 FROM visit WHERE ticket_id = :ticket AND done_at IS NULL) AND coalesce(
        (SELECT o.restored_at IS NULL FROM ticket t JOIN outage o ON o.id = t.outage_id WHERE t.id = :ticket),
        EXISTS (SELECT 1 FROM alarm WHERE ticket_id = :ticket AND cleared_at IS NULL))
"""
_NEW = {"offer": "SELECT rowid, id, offered_at FROM offer WHERE rowid > ?",
        "callback": "SELECT rowid, id, requested_at FROM callback WHERE rowid > ?"}


class Day:
    """`run` plays a source against the gateway; `now` is the simulated ms since 1970.

    Messages that fall within `window` ms are one batch, and ordinary reports within `patience` ms: with the few that
    a small fleet sends, a batch for each would take ten times as long. Providers accept, come and repair; agents call
    back; customers do nothing.
    """

    def __init__(self, house: House, source: Source, started: Instant, patience: int = 5000, window: int = 50) -> None:
        self.house, self.source, self.now = house, source, started
        self.messages = self.batches = self.looks = 0
        self.gw = house.open()
        self._subscriber: Subscriber = source.broker.subscriber
        self._started, self._window, self._patience = started, window, max(window, patience)
        self._agenda: list[tuple[Instant, int, Callable[[], object]]] = []
        self._count = 0
        self._seen = {"offer": 0, "callback": 0}  # rows
        self._since: Instant | None = started
        self._beat_at = self._looked_at = 0
        self._eye = sqlite3.connect(house.database)  # sees what the gateway has committed
        record_listening(self.gw, None, started)

    def at(self, moment: Instant, then: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (moment, self._count, then))

    def run(self, until: Instant) -> None:
        """Plays on until then."""
        while self.now < until:
            mine = min(self._agenda[0][0] if self._agenda else until, until)
            asked = min(self._due(), mine)
            first = self._ms(self.source.next_at)
            if first is not None and first <= asked and first < until:
                self._hear_until(max(self.now, min(self._whole_batch(first), asked)))
            else:
                self.now = max(self.now, asked)
                self._hear_until(self.now)
            while self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[2]()
            if self._due() <= self.now:
                self.look()

    def close(self) -> None:
        self._eye.close()
        self.gw.store.close()

    # -- the clock

    def look(self) -> None:
        """What the clock does, until nothing more is due."""
        self._beat()
        self.looks += 1
        for _ in range(1000):
            if not sweep(self.gw, self.now) + watch(self.gw, self.now):
                break
        while deliver(self.gw, self.now):
            pass
        self._send_down()
        self._looked_at = self.now
        self._people()

    def _due(self) -> Instant:
        """When the clock must look: now, when a message has just changed something."""
        latest = max(self._looked_at, self._started) + (LATEST if self._since is not None else WATCH)
        found: Instant | None = self._eye.execute(_DUE).fetchone()[0]
        if found is None:
            return latest
        if found <= self._looked_at and self._looked_at == self.now:
            found = self.now + AGAIN  # it has been looked at, and is due still
        return min(found, latest)

    def _beat(self) -> None:
        if self.now - self._beat_at >= BEAT:
            self._beat_at = self.now
            record_listening(self.gw, self._since, self.now)
            load_announced_topics(self.gw)

    # -- the listener

    def _ms(self, at: float | None) -> Instant | None:
        return None if at is None else self._started + int(at * 1000)

    def _whole_batch(self, first: Instant) -> Instant:
        """Until when to wait for more: ordinary reports have time, anything else is heard at once."""
        event_at = self._ms(self.source.next_event_at)
        if event_at is None or event_at > first + self._patience:
            return first + self._patience
        return event_at - 1 if event_at > first + self._window else event_at + self._window

    def _hear_until(self, moment: Instant) -> None:
        self.now = moment
        self.source.go((moment - self._started) / 1000)
        while batch := self._subscriber.take(BATCH):
            receive_all(self.gw, [MqttMessage(one.topic, one.payload, one.retained) for one in batch], self.now)
            self._subscriber.acknowledge()
            self.messages += len(batch)
            self.batches += 1
            self._send_down()

    def _send_down(self) -> None:
        """Commands, and what dialects ask for."""
        while self.gw.requests:
            request = self.gw.requests.popleft()
            self.source.broker.tell(request.topic, _bytes(request.payload))
        if self._since is not None and self.gw.commands_filled.is_set():
            self.gw.commands_filled.clear()
            for command in claim_commands(self.gw, 1000, self.now):
                self.source.broker.tell(command.topic, _bytes(command.payload))

    def lose_link(self, seconds: float = 0.0) -> None:
        """The connection to the broker breaks; the first try after `seconds` finds it again, as the listener tries."""
        self._subscriber.leave()
        self._since, self._beat_at = None, 0
        self._beat()
        tried = 0
        for pause in (*BACKOFF, *[BACKOFF[-1]] * 1000):
            tried += round(pause * SECOND)
            if tried >= seconds * SECOND:
                break
        self.at(self.now + tried, self._find_link)

    def _find_link(self) -> None:
        """What waited comes before the subscriptions are answered."""
        self.source.broker.admit()
        self._hear_until(self.now)
        self.at(self.now + ANSWER, self._listen)

    def _listen(self) -> None:
        self._since, self._beat_at = self.now, 0
        self._beat()
        self.look()

    def kill(self, seconds: float) -> None:
        """The gateway dies between writing a batch and acknowledging it, and is started again after `seconds`."""
        at = self.source.next_at
        if at is not None:
            self.now = max(self.now, self._started + int(at * 1000) + self._window)
            self.source.go((self.now - self._started) / 1000)
        batch = self._subscriber.take(BATCH)
        receive_all(self.gw, [MqttMessage(one.topic, one.payload, one.retained) for one in batch], self.now)
        self._subscriber.leave()
        self.gw.store.close()
        self.now += round(seconds * SECOND)
        self.source.go((self.now - self._started) / 1000)
        self.gw = self.house.open()
        self._since, self._beat_at = None, 0
        self._beat()
        self._find_link()

    # -- people

    def _people(self) -> None:
        """Whoever is asked takes it, comes, and stays until it works."""
        for row, offer, at in self._eye.execute(_NEW["offer"], (self._seen["offer"],)).fetchall():
            self._seen["offer"] = row
            self.at(max(self.now, at + ACCEPT), partial(self._accept, offer))
        for row, callback, at in self._eye.execute(_NEW["callback"], (self._seen["callback"],)).fetchall():
            self._seen["callback"] = row
            self.at(max(self.now, at + CALL), partial(self._call, callback))

    def _accept(self, offer_id: str) -> None:
        if not self._do(AcceptOffer(offer_id, "Toni")):
            return
        found = self._eye.execute("SELECT v.id, v.ticket_id FROM visit v JOIN offer o ON o.ticket_id = v.ticket_id "
                                  "WHERE o.id = ? AND v.state = 'planned'", (offer_id,)).fetchone()
        if found is not None:
            visit, ticket = found
            self.at(self.now + ARRIVE, partial(self._do, Arrive(visit)))
            self.at(self.now + REPAIR, partial(self._finish, visit, ticket))

    def _finish(self, visit: str, ticket: str) -> None:
        if self._still_broken(ticket):
            self.at(self.now + STAY, partial(self._finish, visit, ticket))
        else:
            self._do(Finish(visit, "It works again."))

    def _still_broken(self, ticket_id: str) -> bool:
        return bool(self._eye.execute(_BROKEN, {"ticket": ticket_id}).fetchone()[0])

    def _call(self, callback_id: str) -> None:
        for action in (AttemptCallback(callback_id), ConnectCallback(callback_id),
                       FinishCallback(callback_id, "Helped.")):
            self._do(action)

    def _do(self, action: Act) -> bool:
        with suppress(Refused, NoSuch):
            act(self.gw, action, Actor(ActorKind.PROVIDER, "somebody"), self.now)
            return True
        return False


def nobody_leaves(seconds: float, then: object) -> None:
    """For a broker whose devices lose a connection only when the benchmark says so."""
    raise NotImplementedError("nobody here loses a connection by itself")


def _bytes(payload: str | bytes) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload

