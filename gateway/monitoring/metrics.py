"""Prometheus metrics; labels never name people, places or devices."""

from collections.abc import Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

MESSAGES = Counter("gateway_messages_received", "Messages taken from the broker.")
READINGS = Counter("gateway_readings", "Readings written.")
DROPPED = Counter("gateway_messages_dropped", "Messages understood and set aside, by reason.", ["reason"])
DEAD_LETTERS = Counter("gateway_dead_letters", "Messages nobody could read, by dialect.", ["dialect"])
LETTERS_DISCARDED = Counter("gateway_dead_letters_discarded", "The oldest, that made room for newer ones.")
NOTES_REFUSED = Counter("gateway_notes_refused", "What a dialect wanted to remember beyond the quota.")
ALARMS = Counter("gateway_alarms_opened", "Alarms opened, by severity.", ["severity"])
MONITORED = Counter("gateway_alarms_monitored", "Alarms of rules with monitor: true, from which nothing follows.")
TRUCK_ROLLS_SAVED = Counter("gateway_truck_rolls_saved", "Faults that a command from afar has put right.")
NOTIFICATIONS = Counter("gateway_notifications", "Notifications looked at by deliver, by outcome.", ["outcome"])
PROMISES = Counter("gateway_promises", "Times told to customers that were settled, by kind and outcome.",
                   ["kind", "outcome"])
SLA = Counter("gateway_sla", "SLA targets that were met or missed, by what they count and outcome.",
              ["clock", "outcome"])
WEB_CLOSED = Counter(
    "gateway_web_connections_closed",
    "Visitors we hung up on: head, body, idle or answer took too long, they were too slow for a stream, others "
    "needed the room, or refused.", ["why"])
WEB_STREAMS = Gauge("gateway_web_streams", "Open pages that are told of changes.")
QUEUE = Gauge("gateway_queue_messages", "Messages in memory, not yet acknowledged to the broker.")
UNWATCHED = Gauge("gateway_unwatched", "What is open without a deadline, from tickets to pages of people; always 0.")
BATCH_SECONDS = Histogram(
    "gateway_batch_seconds", "From taking a batch to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
PUBLISH_TO_NOTIFY_SECONDS = Histogram(
    "gateway_publish_to_notify_seconds", "From a message's arrival to its notification handed to a channel.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300),
)


def received(messages: int, readings: int, drops: Mapping[str, int], letters: Iterable[str], alarms: Iterable[str]
             ) -> None:
    """Counts one committed batch. `letters`: the dialect of each dead letter; `alarms`: the severity of each alarm."""
    MESSAGES.inc(messages)
    READINGS.inc(readings)
    for reason, count in drops.items():
        DROPPED.labels(reason).inc(count)
    for dialect in letters:
        DEAD_LETTERS.labels(dialect).inc()
    for severity in alarms:
        ALARMS.labels(severity).inc()


def promises_settled(settled: Iterable[tuple[str, str]]) -> None:
    """Counts promises that were kept, corrected, cancelled or broken. `settled`: (kind, outcome) of each."""
    for kind, outcome in settled:
        PROMISES.labels(kind, outcome).inc()


def sla_settled(settled: Iterable[tuple[str, str]]) -> None:
    """Counts SLA targets that were met or missed. `settled`: (clock, outcome) of each."""
    for clock, outcome in settled:
        SLA.labels(clock, outcome).inc()


def text() -> bytes:
    """All metrics in the Prometheus text format."""
    return generate_latest(REGISTRY)
