"""Rows that every planner writes the same way: timeline entries, notifications, links."""

from typing import Any

from gateway.model import DAY, Entry, Instant, Link, Notification
from gateway.planning.situation import Rules

GATEWAY = "gateway"
FOLLOW_FOR = 90 * DAY  # a customer's page lives while the ticket does; this is only the outer bound


def entry(subject_id: str, at: Instant, what: str, who: str = GATEWAY, why: dict[str, Any] | None = None) -> Entry:
    return Entry(subject_id=subject_id, at=at, who=who, what=what, why=why or {})


def on_call(rules: Rules) -> tuple[str, ...]:
    """Recipients who are told of a call for help: everybody in `service.emergency` at once, else the dispatcher."""
    return tuple(f"emergency/{number}" for number in range(1, len(rules.service.emergency) + 1)) or ("dispatcher",)


def link(rules: Rules, purpose: str, subject_id: str, now: Instant, until: Instant) -> Link:
    return Link(id=rules.fresh("L"), purpose=purpose, subject_id=subject_id, created_at=now, expires_at=until)


def tell(rules: Rules, recipient: str, topic: str, subject_id: str, discriminator: str | int, now: Instant, *,
         about: dict[str, Any], critical: bool = False, link_id: str | None = None,
         heard_at: Instant | None = None) -> Notification:
    """An outbox row: due at once; reaching.py decides whether, when and where it really goes."""
    return Notification(
        id=rules.fresh("N"), subject_id=subject_id, topic=topic, phase=f"{topic}/{discriminator}",
        recipient=recipient, critical=critical, link_id=link_id, about=about, created_at=now, due_at=now,
        heard_at=heard_at,
    )
