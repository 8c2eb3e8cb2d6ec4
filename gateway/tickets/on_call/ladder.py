"""The ladder of a role: who is paged one after the other at a given hour, and for how long each is waited for."""

from typing import NamedTuple

from gateway.calendars.days_off import NEVER_OFF, days_off
from gateway.calendars.opening_hours import Calendar, is_open
from gateway.config.settings import OnCall, Service, Shift
from gateway.model import (
    DISPATCHER,
    HOUR,
    MINUTE,
    SECOND,
    Instant,
    OnCallPage,
    OnCallRole,
    Recipient,
    emergency,
    on_call,
)

ACKNOWLEDGED_FOR = 4 * HOUR  # then whoever took it is asked again, and so is everybody else
ACKNOWLEDGED_FOR_URGENT = 5 * MINUTE  # a call for help: by then a person has written down what came of it


class Rung(NamedTuple):
    """Who is paged together: one person, or all contacts of `service.dispatcher` or `service.emergency`."""

    person: str  # in on_call.people; "" = the contacts of `service.…`
    recipients: tuple[Recipient, ...]


def ladder(role: OnCallRole, settings: OnCall, service: Service, now: Instant) -> tuple[Rung, ...]:
    """The rungs at `now`, the first first; never empty. When no shift is on duty, everybody of the role."""
    shifts = settings.emergency if role is OnCallRole.EMERGENCY else settings.dispatcher
    on_duty = [shift for shift in shifts if _on_duty(shift, settings, now)] or shifts
    people = dict.fromkeys(name for shift in on_duty for name in shift.people)
    if people:
        return tuple(Rung(name, (on_call(name),)) for name in people)
    if role is OnCallRole.EMERGENCY and service.emergency:
        return (Rung("", tuple(emergency(number) for number in range(1, len(service.emergency) + 1))),)
    if role is OnCallRole.EMERGENCY:
        return ladder(OnCallRole.DISPATCHER, settings, service, now)
    return (Rung("", (DISPATCHER,)),)


def next_rung(rungs: tuple[Rung, ...], paged: str | None) -> Rung:
    """Who is asked after `paged`; after the last the first. Who is not on duty any more is followed by the first."""
    names = [rung.person for rung in rungs]
    return rungs[(names.index(paged) + 1) % len(rungs) if paged in names else 0]


def patience(page: OnCallPage, settings: OnCall) -> int:
    """How long whoever was paged is waited for, in ms. Where no ladder says who is next, the same contacts hear it
    again after twice as long each time, at last once an hour; a call for help is never less urgent."""
    if page.urgent:
        return settings.emergency_seconds * SECOND
    wait = settings.minutes * MINUTE
    return max(wait, min(wait << min(page.repeats, 8), HOUR)) if page.paged == "" else wait


def acknowledged_for(page: OnCallPage) -> int:
    """How long an acknowledgement holds, in ms."""
    return ACKNOWLEDGED_FOR_URGENT if page.urgent else ACKNOWLEDGED_FOR


def _on_duty(shift: Shift, settings: OnCall, now: Instant) -> bool:
    if shift.hours is None:
        return True
    off = days_off(shift.days_off) if shift.days_off is not None else NEVER_OFF
    return is_open(Calendar(shift.timezone or settings.timezone, shift.hours, off), now)
