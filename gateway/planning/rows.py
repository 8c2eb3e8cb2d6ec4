"""Rows that every planner writes the same way: timeline entries, notifications, links."""

from typing import Any

from gateway.model import (
    DAY,
    DISPATCHER,
    Alarm,
    Callback,
    Entry,
    Instant,
    Link,
    MaintenanceWindow,
    Notification,
    Outage,
    Recipient,
    Subject,
    Ticket,
    emergency,
)
from gateway.model.entries import SENTENCES, EntryKind
from gateway.notifications.topics import TopicName
from gateway.planning.situation import Rules

GATEWAY = "gateway"
FOLLOW_FOR = 90 * DAY  # a customer's page lives while the ticket does; this is only the outer bound


About = Ticket | Callback | Outage | Alarm | MaintenanceWindow | Subject


def entry(about: About, at: Instant, kind: EntryKind, *, who: str = GATEWAY, why: dict[str, Any] | None = None,
          text: str | None = None, **parameters: Any) -> Entry:
    """A line in the timeline of `about`; `parameters`: what the kind's sentence needs."""
    what = text if text is not None else SENTENCES[kind].format(**parameters, **_counted(parameters))
    return Entry(subject_id=about.id, at=at, who=who, what=what, why=why or {})


def _counted(parameters: dict[str, Any]) -> dict[str, str]:
    count = parameters.get("count", 0)
    homes = "home" if count == 1 else "homes"
    return {"count_homes": f"{count} {homes}", "count_more_homes": f"{count} more {homes}"}


def on_call(rules: Rules) -> tuple[Recipient, ...]:
    """Recipients who are told of a call for help: everybody in `service.emergency` at once, else the dispatcher."""
    return tuple(emergency(number) for number in range(1, len(rules.service.emergency) + 1)) or (DISPATCHER,)


def link(rules: Rules, purpose: str, subject_id: str, now: Instant, until: Instant) -> Link:
    return Link(id=rules.fresh("L"), purpose=purpose, subject_id=subject_id, created_at=now, expires_at=until)


def tell(rules: Rules, to: Recipient, topic: TopicName, subject: About, occurrence: str | int, now: Instant, *,
         about: dict[str, Any], critical: bool = False, link_id: str | None = None,
         heard_at: Instant | None = None) -> Notification:
    """An outbox row: due at once; reaching.py decides whether, when and where it really goes."""
    return Notification(
        id=rules.fresh("N"), subject_id=subject.id, topic=topic, phase=f"{topic}/{occurrence}",
        recipient=str(to), critical=critical, link_id=link_id, about=about, created_at=now, due_at=now,
        heard_at=heard_at,
    )
