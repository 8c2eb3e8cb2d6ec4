"""SLA clocks: how much working time a target has used, when it is due, and what a pause or a new target changes.

A clock keeps the working time it has used, never shifted dates: due = what is left, added to when it last began to run.
"""

from gateway.calendars.opening_hours import Calendar
from gateway.calendars.working_time import add, between
from gateway.model import Instant
from gateway.model.tickets import SlaClock


def run(clock: SlaClock, running: bool, calendar: Calendar, now: Instant) -> None:
    """Lets it run or stand still from `now` on; asked twice, it changes nothing the second time."""
    if clock.ended_at is not None or running == (clock.running_since is not None):
        return
    if running:
        clock.running_since = now
    else:
        _stop(clock, calendar, now)
    set_due(clock, calendar)


def used(clock: SlaClock, calendar: Calendar, now: Instant) -> int:
    """Working ms until `now`, without the time that it stood still."""
    if clock.running_since is None:
        return clock.used_ms
    return clock.used_ms + between(calendar, clock.running_since, now)


def retarget(clock: SlaClock, target_ms: int, calendar: Calendar, new_calendar: Calendar, now: Instant) -> None:
    """Another priority or policy: the working time used so far is kept, the rest counts by the new calendar. What is
    past its time by the new target alone was missed by nobody: `inherited`."""
    if clock.ended_at is not None:
        return
    late_before = _late(clock, now)
    clock.used_ms = used(clock, calendar, now)
    if clock.running_since is not None:
        clock.running_since = now
    _set_target(clock, target_ms, new_calendar, late_before, now)


def recount(clock: SlaClock, target_ms: int, calendar: Calendar, now: Instant) -> None:
    """The same policy in another version: all the time since it last began to run counts by the calendar as it is
    written now, a day off that was declared afterwards included."""
    if clock.ended_at is None:
        _set_target(clock, target_ms, calendar, _late(clock, now), now)


def restart(clock: SlaClock, calendar: Calendar, now: Instant) -> None:
    """The next round of a clock that counts from each update: nothing used, and neither warned nor missed."""
    if clock.ended_at is not None:
        return
    clock.used_ms, clock.warned_at, clock.missed_at, clock.inherited = 0, None, None, False
    if clock.running_since is not None:
        clock.running_since = now
    set_due(clock, calendar)


def end(clock: SlaClock, calendar: Calendar, now: Instant) -> None:
    """What it counted has happened, in time or late, or is no longer needed."""
    if clock.ended_at is not None:
        return
    _stop(clock, calendar, now)
    clock.due_at = clock.warn_at = None
    clock.ended_at = now


def set_due(clock: SlaClock, calendar: Calendar) -> None:
    """Anew after everything that changes it, also after a change of the calendar itself. A calendar that leaves no room
    is due at once: a person must hear of it."""
    since = clock.running_since
    if since is None or clock.ended_at is not None:
        clock.due_at = clock.warn_at = None
        return
    clock.due_at = _reached(clock, clock.target_ms, calendar, since)
    warn_ms = clock.target_ms * clock.warn_percent // 100
    clock.warn_at = None if clock.warned_at is not None else _reached(clock, warn_ms, calendar, since)


def _set_target(clock: SlaClock, target_ms: int, calendar: Calendar, late_before: bool, now: Instant) -> None:
    clock.target_ms = target_ms
    set_due(clock, calendar)
    late = clock.due_at <= now if clock.due_at is not None else clock.used_ms >= target_ms
    if not late:  # there is time again: it may be warned of and missed anew
        clock.missed_at, clock.inherited = None, False
        if clock.warned_at is not None and used(clock, calendar, now) < target_ms * clock.warn_percent // 100:
            clock.warned_at = None
            set_due(clock, calendar)
    elif not late_before:
        clock.inherited = True


def _stop(clock: SlaClock, calendar: Calendar, now: Instant) -> None:
    """What ran out before anybody could look, while we were away, was missed all the same, when it was due."""
    if clock.due_at is not None and clock.due_at <= now and clock.missed_at is None:
        clock.missed_at = clock.due_at
    clock.used_ms, clock.running_since = used(clock, calendar, now), None


def _late(clock: SlaClock, now: Instant) -> bool:
    """Also of one that stands still after its time."""
    return clock.missed_at is not None or (clock.due_at is not None and clock.due_at <= now)


def _reached(clock: SlaClock, ms: int, calendar: Calendar, since: Instant) -> Instant:
    if clock.used_ms > ms:
        return since
    reached = add(calendar, since, ms - clock.used_ms)
    return since if reached is None else reached
