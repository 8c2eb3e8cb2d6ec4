"""Whether a channel is paused: its last tries have all failed, and one goes ahead to see whether it works again."""

from collections.abc import Sequence
from itertools import takewhile

from gateway.model import SECOND, Attempt, AttemptOutcome, Instant

# kinds of failure that say nothing of the channel
ABOUT_THE_MESSAGE = ("recipient refused", "message refused", "unusable")
PAUSED_AFTER = 10  # tries in a row that say nothing about their own message: no connection, no login, no answer
PROBE_EVERY = 30 * SECOND  # while it is paused one message goes, to see


def paused_until(tries: Sequence[Attempt]) -> Instant | None:
    """When one may go to see whether it works again; None: it is not paused. `tries`: the newest PAUSED_AFTER
    that have ended, the newest first. One that its receiver refused shows that the channel works."""
    tries = [one for one in tries if one.outcome not in (AttemptOutcome.POSTPONED, AttemptOutcome.SHADOW)]
    failed = list(takewhile(failed_on_the_way, tries))
    if len(failed) < PAUSED_AFTER:
        return None
    return max(one.finished_at or one.started_at for one in failed) + PROBE_EVERY


def failed_on_the_way(one: Attempt) -> bool:
    """It failed for no fault of the message or of the address."""
    return one.kind is not None and one.kind not in ABOUT_THE_MESSAGE
