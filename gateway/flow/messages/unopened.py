"""unopened: what was sent and opened by nobody in time goes out on another channel, until a page is opened."""

import logging

from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Instant, Link
from gateway.model.plan import Draft
from gateway.notifications.lifecycle import Action, move
from gateway.store import Conflict, DatabaseUnavailable, apply, outbox
from gateway.tickets.sla.follow import complete

AT_ONCE = 200  # in one transaction

_log = logging.getLogger(__name__)


def fall_over(gw: Gateway, now: Instant) -> int:
    """How many are looked at once more: whether each is still true, and which channel is left, is decided when it is
    about to go, as for any other."""
    with gw.store.write() as session:
        draft = Draft()
        rows = outbox.unopened(session, now, AT_ONCE)
        for row in rows:
            move(draft.copy(row), Action.FALL_OVER, now, due_at=now)
        apply(session, complete(draft, gw.policy, now))
    if rows:
        _log.info("messages were opened by nobody in time", extra={"count": len(rows)})
    return len(rows)


def note_opening(gw: Gateway, link: Link, now: Instant) -> None:
    """Somebody of the household has opened a page of theirs: what was sent with that link, or about anything if it is
    the page of the whole household, need go out on no other channel. A page is shown whether that can be kept or not.
    """
    with gw.store.read() as session:
        if not outbox.waits_for_opening(session, link):
            return

    def once() -> None:
        with gw.store.write() as session:
            outbox.record_opening(session, link, now)

    try:
        retry_on_conflict(once)
    except (Conflict, DatabaseUnavailable):
        _log.warning("that a page was opened could not be kept", extra={"subject": link.subject_id})
