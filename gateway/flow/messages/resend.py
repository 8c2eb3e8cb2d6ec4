"""resend: what could not be sent while a channel was down, and is still true, goes out once the channel works again."""

import logging

from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import HOUR, Instant, Notification
from gateway.model.plan import Draft
from gateway.notifications.lifecycle import try_again
from gateway.store import apply, outbox
from gateway.tickets.sla.follow import complete

LOOK_BACK = 6 * HOUR  # what was given up before that is history
AT_ONCE = 500  # in one transaction

_log = logging.getLogger(__name__)


def resend(gw: Gateway, now: Instant) -> int:
    """How many are tried once more, each at every contact and only once. Whether it is still true is decided when it
    is about to go, as for any other."""

    def once() -> int:
        with gw.store.write() as session:
            channels = [name for name, channel in gw.channels.items() if not channel.server_each]
            ids = outbox.failed_with_the_channel(session, channels, now - LOOK_BACK, AT_ONCE)
            draft = Draft()
            for one in ids:
                try_again(draft.copy(session.get_one(Notification, one)), now)
            apply(session, complete(draft, gw.policy, now))
            return len(ids)

    with gw.store.read() as session:
        if not outbox.failed_since(session, now - LOOK_BACK):
            return 0
    count = retry_on_conflict(once)
    if count:
        _log.info("messages are tried again, their channel works", extra={"count": count})
        gw.outbox_filled.set()
    return count
