"""Creates notifications: the one place where an outbox row is made, by its topic's entry in the registry."""

from typing import Any

from gateway.model import Instant, Notification, Recipient, Subject
from gateway.model.row import unwatched
from gateway.notifications.stored_facts import keys_of
from gateway.notifications.topics import TOPICS, TopicName


def compose(notification_id: str, to: Recipient, topic: TopicName, subject: Subject, occurrence: str | int,
            now: Instant, *, facts: dict[str, Any], severity: str = "", call_for_help: bool = False,
            link_id: str | None = None, heard_at: Instant | None = None) -> Notification:
    """An outbox row, due at once; gateway/notifications/decide.py decides whether, when and where it really goes.

    `occurrence`: what makes it another message than the last on the same subject: a round, an offer's id. `severity`:
    of the ticket that it is about. `call_for_help`: it is about one.
    Raises ValueError for what the topic's entry in the registry does not allow.
    """
    rules, answers = TOPICS[topic], bool(facts.get("answered"))
    if to.kind not in rules.audience:
        raise ValueError(f"{topic} to a {to.kind} — expected one of {', '.join(sorted(rules.audience))}")
    if subject.kind not in rules.subjects:
        raise ValueError(f"{topic} about a {subject.kind} — expected one of {', '.join(sorted(rules.subjects))}")
    if unknown := facts.keys() - keys_of(rules.facts):
        raise ValueError(f"{topic} says nothing of {', '.join(sorted(unknown))} — add it to {rules.facts.__name__}")
    if link_id is not None and rules.link is None:
        raise ValueError(f"{topic} carries no link")
    return unwatched(
        Notification, id=notification_id, topic=topic, subject_kind=subject.kind, subject_id=subject.id,
        occurrence=str(occurrence), recipient_kind=to.kind, recipient_id=to.id,
        critical=rules.is_critical(severity, answers),
        priority=rules.priority(subject.kind, severity, answers=answers, call_for_help=call_for_help),
        link_id=link_id, facts=facts, created_at=now, due_at=now, heard_at=heard_at,
    )
