"""Whether a channel is failing now, by its latest attempts."""

from collections.abc import Sequence
from itertools import takewhile

from gateway.model import DAY, Attempt, AttemptOutcome, Instant, to_iso
from gateway.notifications.channels.outcome import Channel
from gateway.notifications.pacing.breaker import failed_on_the_way


def failing(channel: Channel, tries: Sequence[Attempt], now: Instant) -> str:
    """`email: login refused, 3 tries since 2026-11-28T12:00:00Z`, or "" when it works. `tries`: the newest first.

    One server serves a whole channel, so its last try decides, however long ago it was. Where each address has a server
    of its own, those are counted at which the last try failed within a day: later nobody may want anything of them.
    """
    # what was cut off proves nothing
    tries = [one for one in tries if one.kind is not None or one.outcome == AttemptOutcome.SENT]
    if not channel.server_each:
        failed = list(takewhile(failed_on_the_way, tries))
        if not failed:
            return ""
        return (f"{channel.name}: {failed[0].kind}, {_several(len(failed), 'try', 'tries')} "
                f"since {to_iso(failed[-1].started_at)}")
    last: dict[str, Attempt] = {}
    for one in tries:
        last.setdefault(one.contact_id, one)
    failed = [one for one in last.values() if failed_on_the_way(one) and one.started_at > now - DAY]
    if not failed:
        return ""
    kinds = ", ".join(sorted({str(one.kind) for one in failed}))
    return (f"{channel.name}: {kinds} at {len(failed)} of {_several(len(last), 'address', 'addresses')}, "
            f"last {to_iso(failed[0].started_at)}")


def _several(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
