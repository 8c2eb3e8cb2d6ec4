"""resend: what could not be sent because a channel failed, and is still true, goes out once the channel works again."""

import logging

from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Instant, Notification, NotificationState
from gateway.model.plan import Draft
from gateway.notifications.lifecycle import try_again
from gateway.notifications.undelivered.again import LOOK_BACK, is_tried_again
from gateway.store import apply
from gateway.store.messages.given_up import any_given_up, given_up, worked_at
from gateway.tickets.sla.follow import complete

AT_ONCE = 500  # in one transaction

_log = logging.getLogger(__name__)


def resend(gw: Gateway, now: Instant) -> int:
    """How many are tried once more, each at every contact, the most urgent first and then the oldest. Whether it is
    still true is decided when it is about to go, as for any other."""
    since = now - LOOK_BACK

    def once() -> int:
        with gw.store.write() as session:
            shared = [name for name, channel in gw.channels.items() if not channel.server_each]
            works = worked_at(session, shared, since)
            due = [one.id for one in given_up(session, since) if is_tried_again(one, works, now)][:AT_ONCE]
            draft, count = Draft(), 0
            for one in due:
                row = session.get_one(Notification, one)
                if row.state is NotificationState.FAILED:  # nobody else was faster
                    try_again(draft.copy(row), now)
                    count += 1
            apply(session, complete(draft, gw.policy, now))
            return count

    with gw.store.read() as session:
        if not any_given_up(session, since):
            return 0
    count = retry_on_conflict(once)
    if count:
        _log.info("messages that were given up are tried again", extra={"count": count})
        gw.outbox_filled.set()
    return count
