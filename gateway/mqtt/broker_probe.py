"""Tests by experiment what a broker would lose (sessions, queue, retained messages), and says it to the operator.

Over 400 lines because it is one story: the sentences only make sense beside the experiments.
"""

import secrets
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.config.settings import Mqtt
from gateway.mqtt.client import KEEPALIVE, connect_options, make_client
from gateway.mqtt.durability import Pace, said_of_speed, said_of_survival
from gateway.mqtt.local_broker import OurBroker

Version = Literal["3.1.1", "5"]

_BUDGET = 60.0  # seconds for the whole probe at most; a quick broker needs two
_MESSAGES = 1_500  # sent to a session that is away: more than the 1,000 that Mosquitto keeps unless told otherwise
_STEP = 5.0  # seconds one answer may take
_COMING_BACK = 0.4  # of the budget: kept for counting what comes back
_CLEANING_UP = 5.0  # seconds more to leave nothing behind
_PASSED_ON = 300  # sent to nobody: how fast it is when it need not keep anything
_UNDER_WAY = 200  # messages sent and not yet acknowledged
_PAUSE = 0.3  # seconds to wait for what may not come
_QUIET = 1.0  # seconds without another message before we ask whether that was all
_DEFAULT = 1_000  # messages that Mosquitto keeps for an absent client unless told otherwise
_NARROW = 100  # messages in flight below which a batch of the gateway stays too small to be fast; 255 take 7,500/s


class Finding(NamedTuple):
    """`kind`: good, slow, loss (something would be lost; the text says what, and what to set), unknown (untestable)."""

    kind: str
    text: str


class BrokerReport(NamedTuple):
    """What the experiments showed about a broker."""

    name: str  # what it says of itself, "" when it says nothing
    versions: tuple[str, ...]  # of MQTT that it accepts
    keeps_session: bool | None = None  # None: could not be tried
    queued: int | None = None  # messages that came back of `sent`
    sent: int = 0
    pace: Pace = Pace()
    window: int | None = None  # messages it hands us before it wants the first acknowledged
    retained: bool | None = None
    shared: bool | None = None
    limits: dict[str, int] = {}  # noqa: RUF012 - what CONNACK announced (MQTT 5)
    findings: tuple[Finding, ...] = ()
    silent: tuple[str, ...] = ()  # versions of MQTT to which it did not answer in time
    forbidden: bool = True  # where `keeps_session` is None: we may not use the topics of the probe

    @property
    def losses(self) -> list[str]:
        """What this broker would lose, for the log and /readyz; empty when nothing is known against it."""
        return [finding.text for finding in self.findings if finding.kind == "loss"]


def probe(mqtt: Mqtt, ours: OurBroker | None = None, budget: float = _BUDGET) -> BrokerReport:
    """Tries the broker at `mqtt`, in at most about `budget` seconds; a failure is a finding, never an exception.

    What was not answered in time is not known, and never called a loss. `ours`: the gateway started it, so its
    configuration is known.
    """
    try:
        return _probe(mqtt, ours, _Budget(budget))
    except (OSError, ValueError, RuntimeError) as error:
        return BrokerReport("", (), findings=(Finding(
            "unknown", f"the broker at {mqtt.host}:{mqtt.port} could not be probed: {error}"),))


class _Budget:
    """How much time the probe has left."""

    def __init__(self, budget: float) -> None:
        self.end = time.monotonic() + budget
        self.sent_by = self.end - budget * _COMING_BACK

    def left(self, until: float | None = None) -> float:
        return max(0.05, min(_STEP, (until or self.end) - time.monotonic()))


def _probe(mqtt: Mqtt, ours: OurBroker | None, clock: _Budget) -> BrokerReport:
    name = f"gateway-probe-{secrets.token_hex(3)}"  # with its ending 22 characters: some brokers take 23
    versions, silent, refusals = _versions(mqtt, name, clock)
    if not versions:
        return BrokerReport("", (), findings=(Finding(
            "unknown", f"the broker at {mqtt.host}:{mqtt.port} lets nobody in as we come: {'; '.join(refusals)}"),))
    asked = mqtt.version
    spoken = mqtt.model_copy(update={"version": asked if asked in versions else versions[-1]})
    try:
        report = _run_experiments(spoken, name, clock)._replace(versions=versions, silent=silent)
    finally:
        with _ProbeConnection(spoken, name, _Budget(_CLEANING_UP), keep=False):
            pass  # a clean start ends the session: nothing of the probe stays behind
    return report._replace(findings=tuple(findings_of(
        report, asked, ours, durable=mqtt.durable, queue=mqtt.queue, share=mqtt.share)))


def _run_experiments(mqtt: Mqtt, name: str, clock: _Budget) -> BrokerReport:
    """Disconnects, has messages published meanwhile, connects again and counts what arrives."""
    root = name.replace("gateway-probe-", "gateway-probe/")
    with _ProbeConnection(mqtt, name, clock, keep=True) as away:
        allowed = away.subscribe(f"{root}/away/#")
    with _ProbeConnection(mqtt, f"{name}-2", clock, keep=False) as here:
        says = here.read_retained("$SYS/broker/version", f"{root}/pause")
        shared = here.supports_shared(f"{root}/shared", f"{root}/pause")
        here.publish(f"{root}/nobody", _PASSED_ON if allowed else 0)
        passed_on = here.usual_gap()
        sent = here.publish(f"{root}/away/n", _MESSAGES if allowed else 0)
        pace = Pace(here.usual_gap(), passed_on)
    with _ProbeConnection(mqtt, f"{name}-2", clock, keep=False) as here:
        retained = here.keeps_retained(f"{root}/retained")
    with _ProbeConnection(mqtt, name, clock, keep=True) as back:
        kept = back.resumed if allowed and back.accepted else None
        window = back.window(f"{root}/pause") if sent and kept else None
        came = back.collect(f"{root}/away/n", sent) if sent and kept else None
    return BrokerReport(
        name=says, versions=(), keeps_session=kept, queued=None if came is None else len(came), sent=len(sent),
        pace=pace, window=window if came is not None and window is not None and 0 < window < len(came) else None,
        retained=retained, shared=shared, limits=away.limits, forbidden=allowed is False)


def _versions(mqtt: Mqtt, name: str, clock: _Budget) -> tuple[tuple[Version, ...], tuple[Version, ...], list[str]]:
    """(versions that it accepts, versions to which it did not answer in time, why it refused each of the others)."""
    accepted: list[Version] = []
    silent: list[Version] = []
    refusals = []
    versions: tuple[Version, ...] = ("3.1.1", "5")
    for version in versions:
        with _ProbeConnection(mqtt.model_copy(update={"version": version}), name, clock, keep=False) as line:
            if line.accepted:
                accepted.append(version)
            else:
                refusals.append(f"MQTT {version}: {line.why}")
                if not line.answered:
                    silent.append(version)
    return tuple(accepted), tuple(silent), refusals


class _ProbeConnection:
    """One connection of the probe; `accepted` says whether the broker let it in, `why` if not."""

    def __init__(self, mqtt: Mqtt, client_id: str, clock: _Budget, keep: bool) -> None:
        self.accepted = self.resumed = self.answered = False
        self.why = "no answer"
        self.limits: dict[str, int] = {}
        self._clock = clock
        self._answer = threading.Condition()
        self._received: list[paho.MQTTMessage] = []
        self._granted: dict[int | None, bool] = {}
        self._acked: set[int] = set()  # ids of messages that the broker took: each waits for its own
        self._acked_at: list[float] = []  # of those since the last `publish` began
        self._gone = False
        self._holding = keep
        self._client = make_client(mqtt, client_id, clean=not keep)
        self._client.max_inflight_messages_set(_MESSAGES)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect
        self._open(mqtt, keep)

    def _open(self, mqtt: Mqtt, keep: bool) -> None:
        self._client.connect_timeout = self._clock.left()
        self._client.connect(mqtt.host, mqtt.port, KEEPALIVE, **connect_options(mqtt, clean=not keep))
        self._client.loop_start()
        self._until(lambda: self.answered)

    def subscribe(self, topic: str) -> bool | None:
        """True when the broker grants it; None: it did not answer in time."""
        options = SubscribeOptions(qos=1)
        v5 = self._client.protocol == MQTTProtocolVersion.MQTTv5
        _, mid = self._client.subscribe(topic, options=options) if v5 else self._client.subscribe(topic, qos=1)
        self._until(lambda: mid in self._granted)
        return self._granted.get(mid)

    def publish(self, topic: str, messages: int) -> set[int]:
        """Which of the numbers 0, 1, … below `messages` were acknowledged while there was time for them."""
        mids: list[int] = []
        self._acked_at.clear()
        behind = 0  # of those sent so far, the first that is not acknowledged
        for number in range(messages):
            mids.append(self._client.publish(topic, str(number), qos=1).mid)
            while number - behind >= _UNDER_WAY and not self._gone:
                oldest = mids[behind]
                if not self._until(lambda: oldest in self._acked, self._clock.sent_by - time.monotonic()):  # noqa: B023
                    break
                behind += 1
            if self._gone or time.monotonic() > self._clock.sent_by:
                break
        self._until(lambda: self._acked.issuperset(mids), self._clock.sent_by - time.monotonic())
        with self._answer:
            return {number for number, mid in enumerate(mids) if mid in self._acked}

    def usual_gap(self) -> float | None:
        """Seconds between two acknowledgements of the last `publish`; the median, which a halt in between leaves."""
        with self._answer:
            at = self._acked_at
            return statistics.median(b - a for a, b in pairwise(at)) if len(at) > 1 else None

    def window(self, pause: str) -> int | None:
        """How many messages come before the first is acknowledged; None: not known. Acknowledges from here on."""
        seen, sure = -1, False
        while seen < len(self._received):
            seen = len(self._received)
            sure = self.subscribe(pause) is not None  # it has had time for us, and gave us no more
            self._until(lambda: len(self._received) > seen, _QUIET)  # noqa: B023
        with self._answer:
            self._holding = False
            for message in self._received:
                self._client.ack(message.mid, message.qos)
        return seen if sure else None

    def collect(self, topic: str, sent: set[int]) -> set[int] | None:
        """Which of the numbers in `sent` come; None: whether more would come is not known.

        When it is quiet we say something ourselves: once that has come back, nothing waits before it any more.
        """
        texts = {str(number).encode(): number for number in sent}
        for turn in range(_MESSAGES):
            came = self._numbers(texts)
            heard = len(self._received)
            if len(came) == len(sent):
                return came
            if self._until(lambda: len(self._received) > heard, _QUIET):  # noqa: B023
                continue
            last = f"last {turn}".encode()
            self._client.publish(topic, last, qos=1)
            if self._until(lambda: any(message.payload == last for message in self._received)):  # noqa: B023
                heard = len(self._received)
                if not self._until(lambda: len(self._received) > heard, _PAUSE):  # noqa: B023
                    return self._numbers(texts)
            elif len(self._received) == heard or self._late or self._gone:
                return None
        return None

    def _numbers(self, texts: dict[bytes, int]) -> set[int]:
        with self._answer:
            return {texts[text] for text in (bytes(message.payload) for message in self._received) if text in texts}

    def keeps_retained(self, topic: str) -> bool | None:
        """Whether the broker keeps retained messages; None: that could not be tested."""
        if self.limits.get("RetainAvailable") == 0:
            return False
        kept = self._publish_acknowledged(topic, b"kept", retain=True)
        if not kept and self._gone:
            return False  # some hang up on it
        found: bool | None = None
        for _ in range(2 if kept else 0):  # twice: some store it only after acknowledging it
            if self.read_retained(topic, topic) == "kept":
                found = True
                break
            # what is said now comes after what was kept
            control = secrets.token_hex(4).encode()
            self._client.publish(topic, control, qos=1)
            told = self._until(lambda: any(message.payload == control for message in self._received))  # noqa: B023
            found = False if told else None
        self._publish_acknowledged(topic, b"", retain=True)
        return found

    def supports_shared(self, topic: str, pause: str) -> bool | None:
        if self.limits.get("SharedSubscriptionAvailable") == 0:
            return False
        granted = self.subscribe(f"$share/gateway-probe/{topic}")
        if not granted or not self._publish_acknowledged(topic, b"shared"):
            return granted and None
        if self._until(lambda: any(message.topic == topic for message in self._received), _PAUSE):
            return True
        answers = self.subscribe(pause) is not None
        if self._until(lambda: any(message.topic == topic for message in self._received), _QUIET):
            return True
        return False if answers else None

    def read_retained(self, topic: str, pause: str) -> str:
        """The retained text under `topic`, or "" when there is none."""
        def heard() -> list[bytes]:
            return [bytes(message.payload) for message in self._received if message.topic == topic and message.retain]

        if self.subscribe(topic) and not self._until(lambda: bool(heard()), _PAUSE):
            self.subscribe(pause)  # when that is answered, what was kept has been sent to us
            self._until(lambda: bool(heard()), _PAUSE)
        return heard()[0].decode(errors="replace") if heard() else ""

    def __enter__(self) -> "_ProbeConnection":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _publish_acknowledged(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        mid = self._client.publish(topic, payload, qos=1, retain=retain).mid
        return self._until(lambda: mid in self._acked)

    @property
    def _late(self) -> bool:
        return time.monotonic() > self._clock.end

    def _until(self, true: Callable[[], bool], patience: float = _STEP) -> bool:
        with self._answer:
            self._answer.wait_for(lambda: true() or self._gone, max(0.0, min(patience, self._clock.left())))
            return true()

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._answer:
            self.answered = True
            self.accepted, self.resumed, self.why = not reason.is_failure, flags.session_present, str(reason)
            for limit in ("ReceiveMaximum", "MaximumPacketSize", "SessionExpiryInterval", "ServerKeepAlive",
                          "RetainAvailable", "SharedSubscriptionAvailable"):
                if (value := getattr(properties, limit, None)) is not None:
                    self.limits[limit] = int(value)
            self._answer.notify_all()

    def _on_disconnect(self, *_args: Any) -> None:
        with self._answer:
            if not self.answered:
                self.why = "it closed the connection"
            self.answered = self._gone = True
            self._answer.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with self._answer:
            self._received.append(message)
            if not self._holding:
                self._client.ack(message.mid, message.qos)
            self._answer.notify_all()

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        with self._answer:
            self._granted[mid] = bool(reasons) and not reasons[0].is_failure
            self._answer.notify_all()

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        with self._answer:
            if not reason.is_failure:
                self._acked.add(mid)
                self._acked_at.append(time.monotonic())
            self._answer.notify_all()


def findings_of(report: BrokerReport, version: str, ours: OurBroker | None, *, durable: bool = False,
                queue: int = 4_000, share: str | None = None) -> list[Finding]:
    """What the report means, in words for the operator, which name what to set; `version` is the MQTT that we are set
    to speak, `durable`, `queue` and `share` the settings mqtt.…
    """
    found = [Finding("good", f"it speaks MQTT {' and '.join(report.versions)}")]
    if version in report.silent:
        found.append(Finding("unknown", f"it did not answer in time when we spoke MQTT {version}"))
    elif version not in report.versions:
        found.append(Finding("loss", f"it does not speak MQTT {version}, so the gateway hears nothing: set "
                                     f"mqtt.version to \"{report.versions[-1]}\""))
    found += _session(report, version, ours, durable, queue)
    expiry = report.limits.get("SessionExpiryInterval")
    if expiry is not None and expiry < 86_400:
        found.append(Finding("loss", f"it forgets our session after {expiry} s away, and with it every waiting "
                                     "message: raise its limit to days (Mosquitto: persistent_client_expiration 14d; "
                                     "EMQX: mqtt.session_expiry_interval)"))
    if report.retained is False:
        found.append(Finding("loss", "it keeps no retained messages: after a restart the gateway does not know which "
                                     "devices are online until they speak (Mosquitto: retain_available true)"))
    if report.shared is False and share:
        found.append(Finding("loss", "it has no shared subscriptions, so the gateway hears nothing while mqtt.share is "
                                     "set: leave mqtt.share empty, and let one gateway listen"))
    return found


def _session(report: BrokerReport, version: str, ours: OurBroker | None, durable: bool, queue: int
             ) -> Iterator[Finding]:
    if report.keeps_session is None:
        yield Finding("unknown", "we may not use the topics gateway-probe/#, so what it keeps while we are away could "
                                 "not be tried: allow them to our user to learn it" if report.forbidden else
                      "it did not answer in time, so what it keeps while we are away could not be tried")
        return
    if not report.keeps_session:
        yield Finding("loss", "it keeps no session: every message sent while the gateway is away or restarting is lost "
                              "(allow persistent sessions and a session expiry of days)")
        return
    yield _queue(report)
    if report.window is not None and report.window < _NARROW:
        text = f"it hands us at most {report.window} messages at a time and waits until they are stored: fine for a " \
               "few hundred messages/s"
        if version == "5" and queue <= report.window:
            yield Finding("slow", f"{text} (set mqtt.queue to 4000)")
        else:
            yield Finding("slow", f"{text} (Mosquitto: max_inflight_messages 4000; nats-server: max_ack_pending 1000)")
    if speed := said_of_speed(report.pace, ours):
        yield Finding(*speed)
    yield Finding(*said_of_survival(report.name, report.pace, ours, durable))


def _queue(report: BrokerReport) -> Finding:
    queued, sent = report.queued, report.sent
    if not sent or queued is None:
        return Finding("unknown", "it is too slow just now for its queue to be tried")
    if queued < sent:
        return Finding("loss", f"it keeps at most {queued:,} messages for us while we are away and silently drops the "
                               "rest (Mosquitto: max_queued_messages 1000000000)")
    if sent <= _DEFAULT:
        return Finding("unknown", "it kept all messages that could be sent in time while we were away; whether it "
                                  f"keeps more than {_DEFAULT:,} is not known")
    return Finding("good", f"it kept all {sent:,} messages that were sent while we were away")
