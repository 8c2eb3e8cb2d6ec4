"""Working time: how much of it lies between two moments, and when so much of it has passed."""

from gateway.calendars.opening_hours import FURTHEST, HORIZON, Calendar, open_spans
from gateway.model.instant import Instant


def between(calendar: Calendar, since: Instant, until: Instant) -> int:
    """Working ms from `since` until `until`; 0 when `until` is not later."""
    if until <= since:
        return 0
    return sum(closes - opens for opens, closes in open_spans(calendar, since, until - since))


def add(calendar: Calendar, since: Instant, working: int) -> Instant | None:
    """The first moment at which `working` ms of working time have passed since `since`; of 0, the first that is working
    time. None when the calendar leaves no room for it within the horizon."""
    for horizon in (HORIZON, FURTHEST):  # where it never closes, the first span is as long as one looks
        left = working
        for opens, closes in open_spans(calendar, since, horizon + 4 * working):
            if left <= closes - opens:
                return opens + left
            left -= closes - opens
    return None


def promise_after(calendar: Calendar | None, now: Instant, working: int) -> Instant:
    """When `working` ms of working time have passed from `now`. No calendar, or one that never opens, counts as always
    open: a promise needs some time, and a late one is seen by the dispatcher while a missing one is seen by nobody."""
    later = None if calendar is None else add(calendar, now, working)
    return now + working if later is None else later
