"""When a message by which nobody was reached, because a channel failed, is tried once more by itself. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.model import HOUR, MINUTE, Instant

LOOK_BACK = 6 * HOUR  # what began to fail before that is history
PAUSE, PAUSE_CRITICAL = HOUR, 5 * MINUTE  # at least, after it was given up


class GivenUp(NamedTuple):
    """A message that was given up, and the channels whose fault that was, not the address's."""

    id: str
    critical: bool
    first_at: Instant  # when it first failed
    done_at: Instant  # when it was given up, the last time
    tried_again: bool  # since then it has been tried once more, in vain
    channels: frozenset[str]


def is_tried_again(message: GivenUp, worked_at: Mapping[str, Instant], now: Instant) -> bool:
    """Once one of its channels has worked for others since; and, because there may be no others, when as much time has
    passed as it had failed for: 5, 10, 20, 40 … minutes where it is critical. `worked_at`: channel → when it last
    carried something; only of channels that all share."""
    if now - message.first_at >= LOOK_BACK:
        return False
    pause = PAUSE_CRITICAL if message.critical else PAUSE
    waited = now - message.done_at
    if any(worked_at.get(channel, 0) > message.done_at for channel in message.channels):
        return not message.tried_again or waited >= pause
    return waited >= max(pause, message.done_at - message.first_at)
