"""When somebody must have set out, arrived or finished, so that the clock looks; and what an overrun shifts."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.config.settings import Service
from gateway.model import DAY, HOUR, MINUTE, IncompleteReason, Instant, Visit, round_up

MARGIN = 15 * MINUTE  # a technician who sets out so long before the last moment still keeps the promise
ANSWER_WAIT = 10 * MINUTE  # so long a technician has for an answer before whoever waits for them is told
LATE_AFTER = 15 * MINUTE  # past an ETA: an estimate is no promise to the minute
ASKS = 2  # unanswered questions; then a dispatcher rings
WINDOW_LIMIT = 14 * DAY  # a window that begins later is asked back
NO_ACCESS_WAIT = 10 * MINUTE  # at the door, before "nobody there"
STEP = 15 * MINUTE  # times that people are told are rounded up to it
KM_PER_HOUR, DETOUR, PARKING = 40, 1.3, 5 * MINUTE  # town and country road, by the straight line; our assumption
_HEAR_AGAIN, _HEAR_AGAIN_LONGEST = 30 * MINUTE, 4 * HOUR
_HOLDS = {IncompleteReason.NO_ACCESS: 2 * HOUR, IncompleteReason.UNSAFE: 4 * HOUR}


@dataclass(frozen=True)
class Watchdogs:
    """The deadlines of a visit that nobody has set out for, in the order in which they pass."""

    start_travel: Instant  # the technician is asked
    window_ending: Instant  # the customer and a dispatcher are told that nobody is on the way
    window_end: Instant  # the promise is broken


def travel_time(km: float | None, service: Service) -> Instant:
    """How long somebody drives to a place `km` away in a straight line (None: not known, then `travel_minutes`): 1.3
    times the line at 40 km/h, and five minutes to park; ms."""
    if km is None:
        return service.travel_minutes * MINUTE
    return round(km * DETOUR / KM_PER_HOUR * HOUR) + PARKING


def watchdogs(window_until: Instant, travel: Instant, agreed_at: Instant) -> Watchdogs:
    """Of a visit whose window was agreed at `agreed_at`: whoever has just accepted is not asked at once where
    they are, and the customer is told before the window ends, however short it is."""
    last_moment = max(window_until - travel, agreed_at)
    start = max(last_moment - MARGIN, min(agreed_at + ANSWER_WAIT, (agreed_at + window_until) // 2))
    ending = min(max(last_moment, start + ANSWER_WAIT), max(start, window_until - MINUTE))
    return Watchdogs(start, ending, window_until)


def eta_or_estimate(eta: Instant | None, departed_at: Instant, travel: Instant) -> Instant:
    """When somebody on the way should be there: their own word, else by the way they have to go."""
    return eta if eta is not None else departed_at + travel


def eta_overdue_at(eta: Instant) -> Instant:
    return eta + LATE_AFTER


def breaks_promise(arrives_at: Instant, window_until: Instant) -> bool:
    """Whether so late an arrival is corrected now: it lies after the window, or so near its end that it will."""
    return arrives_at > window_until - MARGIN


def work_overrun_at(arrived_at: Instant, planned: int) -> Instant:
    """A quarter longer than the work was expected to take (`planned`, ms), and at least half an hour."""
    return arrived_at + planned + max(planned // 4, 30 * MINUTE)


def hear_again_at(now: Instant, asks: int) -> Instant:
    """By when we say something again while we do not know more: half an hour, then twice as long each time, up to four
    hours. `asks`: questions that went unanswered so far."""
    return round_up(now + min(_HEAR_AGAIN << min(asks, 8), _HEAR_AGAIN_LONGEST), STEP)


def hold_until(reason: IncompleteReason, expected_at: Instant | None, now: Instant) -> Instant | None:
    """Until when the next visit waits: for a part, the household, a safe way. None: it is arranged at once."""
    if expected_at is not None and expected_at > now:
        return expected_at
    return now + _HOLDS[reason] if reason in _HOLDS else None


def nobody_there_from(visit: Visit) -> Instant | None:
    """From when a technician may say that nobody is there: the window has begun, they have rung the customer, and have
    stood at the door for ten minutes since. None: they have not arrived, or not rung."""
    if visit.on_site_at is None or visit.called_at is None:
        return None
    return max(visit.on_site_at, visit.window_from) + NO_ACCESS_WAIT


def is_early(visit: Visit, at: Instant) -> bool:
    """Whether an arrival at `at` would surprise the customer: before the window, and without their yes."""
    return at < visit.window_from and visit.early_ok_at is None


def windows_after(busy_until: Instant, following: Iterable[tuple[Visit, Instant, int]]
                  ) -> list[tuple[Visit, Instant, Instant]]:
    """(visit, its new window) for each whose promise somebody who is busy until then cannot keep. `following`: the
    visits planned after it for the same person, in order, each with the way to it from the one before, and how long the
    work there should take, ms."""
    shifted: list[tuple[Visit, Instant, Instant]] = []
    for visit, travel, work in following:
        arrives_at = busy_until + travel
        if breaks_promise(arrives_at, visit.window_until):
            begins = round_up(arrives_at, STEP)
            shifted.append((visit, begins, begins + min(visit.window_until - visit.window_from, 2 * HOUR)))
        busy_until = max(arrives_at, visit.window_from) + work
    return shifted
