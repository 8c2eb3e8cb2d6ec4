"""Notifications as tests write them into the outbox: of Alice's ticket T-1 to Alice, unless they say otherwise."""

from typing import Any

from gateway.model import Instant, Notification, Recipient, Subject, SubjectKind, customer

ALICE = customer("alice")
HER_TICKET = Subject(SubjectKind.TICKET, "T-1")


def note(key: str, topic: str, occurrence: str | int, now: Instant, to: Recipient = ALICE,
         subject: Subject = HER_TICKET, **more: Any) -> Notification:
    """One that is due; `more`: other columns."""
    values: dict[str, Any] = {
        "id": key, "topic": topic, "subject_kind": subject.kind, "subject_id": subject.id,
        "occurrence": str(occurrence), "recipient_kind": to.kind, "recipient_id": to.id, "created_at": now,
        "due_at": now,
    }
    return Notification(**(values | more))
