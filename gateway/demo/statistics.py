"""The demo's statistics: counts, and how long people waited for their notifications."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.demo.call_centre import CallCentreView, Row, instant
from gateway.model import Instant, NotificationState
from gateway.notifications.topics import TopicName

# what tells the customer without a rule's patience
_AT_ONCE = {"pressed": TopicName.CALLBACK_SCHEDULED, "wet": TopicName.FAULT_FOUND}


def figures(view: CallCentreView, truth: Sequence[Mapping[str, Any]], messages: int,
            story: dict[str, bool]) -> dict[str, Any]:
    """What `--json` prints. `messages`: published by the devices."""
    waits = sorted(waited(view, truth))
    return {
        "messages": messages,
        "alarms": len(view.alarms),
        "tickets": len(view.tickets),
        "offers": sum(row["topic"] == TopicName.OFFER for row in view.notifications),
        "callbacks": len(view.callbacks),
        "notifications": dict(Counter(row["state"] for row in view.notifications)),
        "p50_ms": _at(waits, 0.5),
        "p99_ms": _at(waits, 0.99),
        "story": story,
        "ok": all(story.values()),
    }


def waited(view: CallCentreView, truth: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    """ms from a device's publishing to its customer's message being taken by the mail server or web hook."""
    subjects = {row["id"]: (row["device_id"], instant(row, "opened_at")) for row in view.tickets if row["round"] == 1}
    subjects |= {row["id"]: (row["device_id"], instant(row, "requested_at")) for row in view.callbacks}
    for row in view.notifications:
        if row["state"] == NotificationState.SENT and row["subject_id"] in subjects:
            published = _published(*subjects[row["subject_id"]], row, truth)
            if published is not None:
                yield instant(row, "done_at") - published


def _published(device: str | None, begun: Instant, row: Row, truth: Sequence[Mapping[str, Any]]) -> Instant | None:
    """When the device published what opened the subject: its newest such event before that."""
    spoke = [line["at"] for line in truth
             if line["device"] == device and _AT_ONCE.get(line["what"]) == row["topic"] and line["at"] <= begun]
    return max(spoke, default=None)


def _at(waits: list[int], share: float) -> int | None:
    return waits[min(len(waits) - 1, int(len(waits) * share))] if waits else None
