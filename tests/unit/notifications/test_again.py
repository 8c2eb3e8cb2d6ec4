"""What could not be told is tried again by itself: at once when its channel works, else after as long as it failed."""

import pytest

from gateway.model import HOUR, MINUTE, SECOND, Instant
from gateway.notifications.undelivered.again import LOOK_BACK, GivenUp, is_tried_again

NOON = 12 * HOUR


def failed(critical: bool = True, since: Instant = 12 * SECOND, tried_again: bool = False) -> GivenUp:
    return GivenUp("N-1", critical, NOON - since, NOON, tried_again, frozenset(("email",)))


@pytest.mark.parametrize(("message", "works", "after", "again"), [
    (failed(), {}, 5 * MINUTE - 1, False),
    (failed(), {}, 5 * MINUTE, True),
    (failed(critical=False), {}, 59 * MINUTE, False),
    (failed(critical=False), {}, HOUR, True),
    (failed(since=20 * MINUTE, tried_again=True), {}, 19 * MINUTE, False),
    (failed(since=20 * MINUTE, tried_again=True), {}, 20 * MINUTE, True),
    (failed(), {"email": NOON + 1}, SECOND, True),
    (failed(critical=False), {"email": NOON + 1}, SECOND, True),
    (failed(tried_again=True), {"email": NOON + 1}, SECOND, False),
    (failed(tried_again=True, since=HOUR), {"email": NOON + 1}, 5 * MINUTE, True),
    (failed(), {"email": NOON - 1}, SECOND, False),
    (failed(), {"sms": NOON + 1}, SECOND, False),
    (failed(), {"email": NOON + 1}, LOOK_BACK, False),
])
def test_when_it_is_tried_again(message: GivenUp, works: dict[str, Instant], after: Instant, again: bool) -> None:
    assert is_tried_again(message, works, NOON + after) is again
