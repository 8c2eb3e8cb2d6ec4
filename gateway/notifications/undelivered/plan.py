"""Plans the dispatcher's messages about people who could not be told: one each, or a list where there are many."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.config.quotas import UNDELIVERED_ALONE
from gateway.model import (
    DAY,
    DISPATCHER,
    MINUTE,
    Instant,
    Notification,
    Reason,
    RecipientKind,
    Subject,
    SubjectKind,
)
from gateway.model.plan import Draft
from gateway.notifications.compose import compose
from gateway.notifications.stored_facts import UndeliveredFacts, keys_of
from gateway.notifications.topics import Priority, TopicName

LIST_AFTER = MINUTE  # the first list of an outage: whoever else cannot be told is mostly known by then
LIST_EVERY = 15 * MINUTE  # between two lists of the same outage
ALL_OTHERS = Subject(SubjectKind.GATEWAY, "undelivered")  # what a list is about that is of no outage


class Failure(NamedTuple):
    """A message that somebody did not get, as a copy of the draft; `unsure`: it may have arrived."""

    notification: Notification
    whom: str
    reason: Reason
    unsure: bool = False


@dataclass
class Lists:
    """The dispatcher's lists so far."""

    newest: dict[Subject, Notification] = field(default_factory=dict)  # read only
    open: set[str] = field(default_factory=set)  # ids of those that have not been tried yet: more may be put on them
    lately: int = 0  # how often the dispatcher was asked, within UNDELIVERED_WITHIN, about one person or a list of all


def plan_undelivered(failures: Iterable[Failure], lists: Lists, areas: Mapping[str, str], draft: Draft,
                     new_id: Callable[[str], str], now: Instant) -> None:
    """Asks the dispatcher to ring each of these people. `areas`: outage id → the name of its area.

    Who could not be told of an outage comes on the outage's list; anybody else is asked for at once, and comes on a
    list when there have been many lately. A call for help never waits.
    """
    for failure in failures:
        row = failure.notification
        about = ALL_OTHERS
        if row.subject_kind == SubjectKind.OUTAGE and row.recipient_kind == RecipientKind.CUSTOMER:
            about = row.subject
        elif is_call_for_help(row) or lists.lately < UNDELIVERED_ALONE:
            lists.lately += 1
            draft.add(undeliverable(new_id("N"), row, failure.whom, failure.reason, now, unsure=failure.unsure))
            continue
        row.list_id = _list_about(about, lists, areas, draft, new_id, now).id


def _list_about(about: Subject, lists: Lists, areas: Mapping[str, str], draft: Draft, new_id: Callable[[str], str],
                now: Instant) -> Notification:
    last = lists.newest.get(about)
    if last is not None and last.id in lists.open:
        return last
    number = 1 if last is None else int(last.occurrence) + 1
    row = compose(new_id("N"), DISPATCHER, TopicName.UNDELIVERED_LIST, about, number, now,
                  facts={"area": areas[about.id]} if about.id in areas else {})
    row.due_at = now + LIST_AFTER if last is None else max(now + LIST_AFTER, last.created_at + LIST_EVERY)
    lists.newest[about] = row
    lists.open.add(row.id)
    draft.add(row)
    return row


def is_call_for_help(notification: Notification) -> bool:
    """To somebody on call, whom the dispatcher must replace when they cannot be told."""
    return (notification.topic == TopicName.EMERGENCY_PRESS
            and notification.recipient_kind in (RecipientKind.EMERGENCY, RecipientKind.ON_CALL))


def undeliverable(notification_id: str, failed: Notification, whom: str, reason: Reason, now: Instant, *,
                  unsure: bool = False) -> Notification:
    """Asks the dispatcher to pick up the telephone, because of one message; `unsure`: it may have arrived. A call for
    help is repeated until somebody acknowledges: that one of them cannot be told is said once."""
    occurrence = str(failed.recipient) if is_call_for_help(failed) else failed.id
    facts = _stored_facts(failed) | {"whom": whom, "told_topic": failed.topic, "why": reason.stored()}
    facts |= {"unsure": True} if unsure else {}
    return compose(notification_id, DISPATCHER, TopicName.UNDELIVERABLE, failed.subject, occurrence, now, facts=facts,
                   call_for_help=failed.priority == Priority.CALL_FOR_HELP)


def too_many_messages(notification_id: str, held: Notification, whom: str, reason: Reason, now: Instant
                      ) -> Notification:
    """Tells the dispatcher that a customer's messages wait: something there is broken."""
    facts = _stored_facts(held) | {"whom": whom, "why": reason.stored()}
    return compose(notification_id, DISPATCHER, TopicName.TOO_MANY_MESSAGES, held.subject,
                   daily_occurrence(held.recipient_id, now // DAY), now, facts=facts)


def daily_occurrence(customer_id: str, day: int) -> str:
    """The occurrence of `too_many_messages`; `day` since 1970, UTC."""
    return f"{customer_id}/{day}"


def _stored_facts(notification: Notification) -> dict[str, Any]:
    """What it would have said, for the dispatcher to read."""
    keys = keys_of(UndeliveredFacts)
    return {name: value for name, value in notification.facts.items() if name in keys}
