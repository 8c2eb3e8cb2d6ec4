"""Asks the broker, by trying, what it would lose, and says so in plain words."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.mqtt.client import KEEPALIVE, connect_options, make_client
from gateway.mqtt.findings import BrokerReport, Finding, findings_of
from gateway.settings import Mqtt

Version = Literal["3.1.1", "5"]

_BUDGET = 5.0  # seconds for the whole probe
_MESSAGES = 1_500  # sent to a session that is away: more than the 1,000 that Mosquitto keeps unless told otherwise
_STEP = 1.5  # seconds one answer may take
_COMING_BACK = 1.5  # seconds kept for counting what comes back
_UNDER_WAY = 200  # messages sent and not yet acknowledged
_PAUSE = 0.3  # seconds to wait for what may not come
_QUIET = 1.0  # seconds without another message before the rest counts as lost


def probe(mqtt: Mqtt, ours: bool = False, budget: float = _BUDGET) -> BrokerReport:
    """Tries the broker at `mqtt`, in at most about `budget` seconds; a failure is a finding, never an exception.

    `ours`: the gateway started it, so its configuration is known to survive a kill.
    """
    try:
        return _probe(mqtt, ours, time.monotonic() + budget)
    except (OSError, ValueError, RuntimeError) as error:
        return BrokerReport("", (), findings=(Finding(
            "unknown", f"the broker at {mqtt.host}:{mqtt.port} could not be probed: {error}"),))


def _probe(mqtt: Mqtt, ours: bool, deadline: float) -> BrokerReport:
    name = f"gateway-probe-{secrets.token_hex(4)}"
    versions, limits, refusals = _versions(mqtt, name, deadline)
    if not versions:
        return BrokerReport("", (), findings=(Finding(
            "unknown", f"the broker at {mqtt.host}:{mqtt.port} lets nobody in as we come: {'; '.join(refusals)}"),))
    asked = mqtt.version
    mqtt = mqtt.model_copy(update={"version": asked if asked in versions else versions[-1]})
    try:
        report = _tried(mqtt, name, deadline)._replace(versions=versions, limits=limits)
    finally:
        with _Line(mqtt, name, deadline, keep=False):
            pass  # a clean start ends the session: nothing of the probe stays behind
    return report._replace(findings=tuple(findings_of(report, asked, ours)))


def _tried(mqtt: Mqtt, name: str, deadline: float) -> BrokerReport:
    """Goes away, has messages sent meanwhile, comes back and counts."""
    root = name.replace("gateway-probe-", "gateway-probe/")
    with _Line(mqtt, name, deadline, keep=True) as away:
        allowed = away.subscribe(f"{root}/away/#")
    with _Line(mqtt, f"{name}-2", deadline, keep=False) as here:
        says = here.hears("$SYS/broker/version")
        retained = here.retains(f"{root}/retained")
        shared = here.shares(f"{root}/shared")
        sent = here.publish(f"{root}/away/n", _MESSAGES) if allowed else 0
    with _Line(mqtt, name, deadline, keep=True) as back:
        window = back.window() if sent else None
        queued = back.count(sent) if sent else None
        kept = back.resumed if allowed else None
    return BrokerReport(says, (), kept, queued, sent, window if window != queued else None, retained, shared)


def _versions(mqtt: Mqtt, name: str, deadline: float) -> tuple[tuple[Version, ...], dict[str, int], list[str]]:
    accepted: list[Version] = []
    limits: dict[str, int] = {}
    refusals = []
    versions: tuple[Version, ...] = ("3.1.1", "5")
    for version in versions:
        with _Line(mqtt.model_copy(update={"version": version}), name, deadline, keep=False) as line:
            if line.accepted:
                accepted.append(version)
                limits |= line.limits
            else:
                refusals.append(f"MQTT {version}: {line.why}")
    return tuple(accepted), limits, refusals


class _Line:
    """One connection of the probe; `accepted` says whether the broker let it in, `why` if not."""

    def __init__(self, mqtt: Mqtt, client_id: str, deadline: float, keep: bool) -> None:
        self.accepted = self.resumed = False
        self.why = "no answer"
        self.limits: dict[str, int] = {}
        self._deadline = deadline
        self._answer = threading.Condition()
        self._got: list[paho.MQTTMessage] = []
        self._granted: dict[int | None, bool] = {}
        self._acked = 0
        self._over = False
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
        self._client.connect_timeout = self._left()
        self._client.connect(mqtt.host, mqtt.port, KEEPALIVE, **connect_options(mqtt, clean=not keep))
        self._client.loop_start()
        self._until(lambda: self._over)

    def subscribe(self, topic: str) -> bool:
        """True when the broker grants QoS 1."""
        options = SubscribeOptions(qos=1)
        v5 = self._client.protocol == MQTTProtocolVersion.MQTTv5
        _, mid = self._client.subscribe(topic, options=options) if v5 else self._client.subscribe(topic, qos=1)
        self._until(lambda: mid in self._granted)
        return self._granted.get(mid, False)

    def publish(self, topic: str, messages: int) -> int:
        """How many of `messages` were acknowledged while there was time for them."""
        before = self._acked
        for number in range(messages):
            self._client.publish(topic, str(number), qos=1)
            behind = number + 1 - (self._acked - before)
            if behind >= _UNDER_WAY and not self._until(lambda: self._acked - before > number - _UNDER_WAY // 2,  # noqa: B023
                                                        self._deadline - _COMING_BACK - time.monotonic()):
                break
        self._until(lambda: self._acked - before >= messages, self._deadline - _COMING_BACK - time.monotonic())
        return self._acked - before

    def count(self, expected: int) -> int | None:
        """How many different messages come until `expected` are there or it has been quiet; None: time was short."""
        seen = -1
        while seen < len(self._got) < expected:
            seen = len(self._got)
            self._until(lambda: len(self._got) >= expected, _QUIET)
        counted = len({message.payload for message in self._got})
        return None if counted < expected and time.monotonic() >= self._deadline else counted

    def window(self) -> int:
        """How many messages come before the first is acknowledged; acknowledges from here on."""
        seen = -1
        while seen < len(self._got):
            seen = len(self._got)
            self._until(lambda: False, _PAUSE)
        with self._answer:
            self._holding = False
            for message in self._got:
                self._client.ack(message.mid, message.qos)
        return seen

    def retains(self, topic: str) -> bool | None:
        """None: there was no time to learn it; so below."""
        self._client.publish(topic, "kept", qos=1, retain=True).wait_for_publish(self._left())
        heard = self.hears(topic) or self.hears(topic)  # twice: some store it only after acknowledging it
        self._client.publish(topic, b"", qos=1, retain=True).wait_for_publish(self._left())
        return True if heard == "kept" else None if self._late else False

    def shares(self, topic: str) -> bool | None:
        granted = self.subscribe(f"$share/gateway-probe/{topic}")
        if granted:
            self._client.publish(topic, "shared", qos=1)
            granted = self._until(lambda: any(message.topic == topic for message in self._got), _STEP)
        return True if granted else None if self._late else False

    def hears(self, topic: str) -> str:
        """The retained text under `topic`, or "" when there is none."""
        def heard() -> list[bytes]:
            return [bytes(message.payload) for message in self._got if message.topic == topic and message.retain]

        if self.subscribe(topic):
            self._until(lambda: bool(heard()), _PAUSE)
        return heard()[0].decode(errors="replace") if heard() else ""

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def _late(self) -> bool:
        return time.monotonic() > self._deadline - _COMING_BACK

    def _left(self) -> float:
        return max(0.05, min(_STEP, self._deadline - time.monotonic()))

    def _until(self, true: Callable[[], bool], patience: float = _STEP) -> bool:
        with self._answer:
            return bool(self._answer.wait_for(true, max(0.05, min(patience, self._deadline - time.monotonic()))))

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._answer:
            self._over = True
            self.accepted, self.resumed, self.why = not reason.is_failure, flags.session_present, str(reason)
            for limit in ("ReceiveMaximum", "MaximumPacketSize", "SessionExpiryInterval", "ServerKeepAlive"):
                if (value := getattr(properties, limit, None)) is not None:
                    self.limits[limit] = int(value)
            self._answer.notify_all()

    def _on_disconnect(self, *_args: Any) -> None:
        with self._answer:
            if not self._over:
                self.why = "it closed the connection"
            self._over = True
            self._answer.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        with self._answer:
            self._got.append(message)
            if not self._holding:
                self._client.ack(message.mid, message.qos)
            self._answer.notify_all()

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        with self._answer:
            self._granted[mid] = bool(reasons) and not reasons[0].is_failure
            self._answer.notify_all()

    def _on_publish(self, _client: Any, _data: Any, _mid: int, reason: Any, _properties: Any) -> None:
        with self._answer:
            self._acked += not reason.is_failure
            self._answer.notify_all()
