"""The findings of a broker probe, as sentences for the operator."""

from collections.abc import Iterator
from typing import NamedTuple

_DEFAULT = 1_000  # messages that Mosquitto keeps for an absent client unless told otherwise
_NARROW = 200  # messages in flight below which a batch of the gateway stays too small to be fast


class Finding(NamedTuple):
    """`kind`: good, slow, loss (something would be lost; the text says what, and what to set), unknown (untestable)."""

    kind: str
    text: str


class BrokerReport(NamedTuple):
    name: str  # what it says of itself, "" when it says nothing
    versions: tuple[str, ...]  # of MQTT that it accepts
    keeps_session: bool | None = None  # None: could not be tried
    queued: int | None = None  # messages that came back of `sent`
    sent: int = 0
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


def findings_of(report: BrokerReport, version: str, ours: bool, *, durable: bool = False, queue: int = 4_000,
                share: str | None = None) -> list[Finding]:
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


def _session(report: BrokerReport, version: str, ours: bool, durable: bool, queue: int) -> Iterator[Finding]:
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
    yield _survival(report, ours, durable)


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


def _survival(report: BrokerReport, ours: bool, durable: bool) -> Finding:
    if ours:
        return Finding("good", "we started it: what it acknowledged is on its disk milliseconds later, "
                               "also when it is killed")
    if durable:
        return Finding("good", "you say that what it acknowledged is on its disk, also when it is killed "
                               "(mqtt.durable: true)")
    if "mosquitto" in report.name:
        return Finding("loss", f"{report.name}: unless it is configured otherwise, a crash or power cut loses what it "
                               "acknowledged in the last 30 minutes, or all of it when persistence is off (set "
                               "persistence true, autosave_on_changes true, autosave_interval 1 in its file; that "
                               "cannot be seen from here, so then say so: mqtt.durable: true)")
    return Finding("unknown", "whether it still has what it acknowledged after being killed cannot be tried from here: "
                              "make sure that it keeps sessions and queued messages on disk, and then say so "
                              "(mqtt.durable: true)")
