"""Rows for `gateway export`: alarms, tickets and outages without personal data."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import case, func, literal, select
from sqlmodel import Session, col

from gateway.model import Alarm, Callback, Instant, Notification, Outage, SuppressedBy, Ticket

_SUPPRESSED_BY = case((col(Alarm.suppressed_by_kind) == SuppressedBy.RULE, "rule:" + col(Alarm.suppressed_by_id)),
                      (col(Alarm.suppressed_by_kind) == SuppressedBy.MAINTENANCE,
                       literal(SuppressedBy.MAINTENANCE.value)),
                      else_=col(Alarm.suppressed_by_id))  # as Suppressor says it
_ROWS: dict[str, dict[str, Any]] = {  # what it is → name in the file → column; no word of a person is among them
    "ticket": {"id": Ticket.id, "device": Ticket.device_id, "site": Ticket.site_id, "rule": Ticket.cause_key,
               "severity": Ticket.severity, "round": Ticket.round, "opened": Ticket.opened_at,
               "resolved": Ticket.resolved_at, "closed": Ticket.closed_at, "merged_into": Ticket.merged_into},
    "alarm": {"id": Alarm.id, "device": Alarm.device_id, "site": Alarm.site_id, "rule": Alarm.rule,
              "severity": Alarm.severity, "ticket": Alarm.ticket_id, "held_by": _SUPPRESSED_BY,
              "opened": Alarm.opened_at, "known": Alarm.known_at, "closed": Alarm.closed_at},
    "callback": {"id": Callback.id, "device": Callback.device_id, "site": Callback.site_id,
                 "urgent": Callback.urgent, "presses": Callback.presses, "opened": Callback.requested_at,
                 "closed": Callback.closed_at},
    "outage": {"id": Outage.id, "group": Outage.area_id, "kind": Outage.kind, "state": Outage.state,
               "homes": Outage.homes, "began": Outage.began_at, "opened": Outage.confirmed_at,
               "closed": Outage.closed_at},
}


def export(session: Session, now: Instant) -> Iterator[dict[str, Any]]:
    """One flat record for each ticket, alarm, callback and confirmed outage, by opening time, and one for each count of
    notifications.

    Times are ms of UTC. The first record says when, and which families there are.
    """
    yield {"exported": now, "families": list(_ROWS)}
    for what, columns in _ROWS.items():
        query = select(*columns.values()).where(columns["opened"].is_not(None)).order_by(
            columns["opened"], columns["id"])
        for row in session.execute(query.execution_options(yield_per=1000)):
            yield {"what": what, **dict(zip(columns, row, strict=True))}
    which = col(Notification.topic), col(Notification.state)
    for topic, state, count in session.execute(select(*which, func.count()).group_by(*which).order_by(*which)):
        yield {"what": "notifications", "topic": topic, "state": state, "count": count}
