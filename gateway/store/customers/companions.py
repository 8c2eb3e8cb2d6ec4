"""What else is due for the readers of a full batch: it may leave in the same message as theirs."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam
from sqlmodel import Session, col, select

from gateway.model import Attempt, Instant, Notification, RecipientKind
from gateway.notifications.lifecycle import Action, move
from gateway.notifications.topics import TOPICS, Priority
from gateway.store.plain_rows import is_one_of, plain_rows, write_alike

MOST = 512  # in one claim; all of a reader's before those of the next
_CLAIMED = ("state", "due_at", "lease", "done_at")  # what a claim writes

_NOW: BindParameter[Any] = bindparam("now")
_MERGED = sorted(name for name, topic in TOPICS.items() if topic.may_be_merged)
# by recipient: through the index of what is due, a database would read all that waits for somebody else
_COMPANIONS = (select(Notification).where(
    is_one_of(Notification.recipient_id, "to"), col(Notification.recipient_kind) == RecipientKind.CUSTOMER,
    col(Notification.priority) + 0 == int(Priority.ORDINARY), col(Notification.due_at) + 0 <= _NOW,
    col(Notification.topic).in_(_MERGED)).with_for_update(skip_locked=True))


def claim_companions(session: Session, rows: Sequence[Notification], claimed_until: Instant, lease: str, now: Instant
                     ) -> dict[str, tuple[Notification, Instant]]:
    """Takes them for the holder of `lease`, one query for the whole batch: id → (the row, since when it is due).
    Nobody else has them: what another worker has claimed stays with that one."""
    readers = {row.recipient_id for row in rows if row.topic in _MERGED and row.priority == Priority.ORDINARY
               and row.recipient_kind is RecipientKind.CUSTOMER}
    if not readers:
        return {}
    found = sorted(plain_rows(session, Notification, _COMPANIONS, {"to": sorted(readers), "now": now}),
                   key=lambda row: (row.recipient_id, row.due_at or now, row.id))[:MOST]
    taken = {row.id: (row, row.due_at or now) for row in found}
    for row in found:
        move(row, Action.CLAIM, now, due_at=claimed_until)
        row.lease = lease
    write_alike(session, found, _CLAIMED)
    return taken


def give_back(session: Session, taken: dict[str, tuple[Notification, Instant]], ids: Sequence[str], now: Instant
              ) -> None:
    """Those of them that leave with nobody: they have their own turn."""
    alike: defaultdict[Instant, list[Notification]] = defaultdict(list)  # in a storm all of them
    for one in ids:
        row, due_at = taken[one]
        move(row, Action.RETRY, now, due_at=due_at)
        alike[due_at].append(row)
    for rows in alike.values():
        write_alike(session, rows, _CLAIMED)


def pieces_beside_others(session: Session, told: Sequence[tuple[str, str]], from_count: int) -> set[str]:
    """Of (reader, notification id) those that left in the same message as another, of which one counts; looked up only
    for who was told at least so much."""
    counts = Counter(reader for reader, _ in told)
    ids = [one for reader, one in told if counts[reader] >= from_count]
    if not ids:
        return set()
    return set(session.exec(select(Attempt.notification_id).where(
        col(Attempt.notification_id).in_(ids), col(Attempt.bundle_id).is_not(None),
        col(Attempt.bundle_id) != col(Attempt.notification_id))))
