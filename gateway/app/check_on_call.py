"""The part of `gateway check` that looks at who is on call: names, hours, days off, contacts, and hours of nobody."""

from collections.abc import Callable, Iterable, Iterator

from gateway.calendars.days_off import check_days_off
from gateway.calendars.opening_hours import DAYS, HORIZON, Calendar, check_hours, open_spans
from gateway.config.error_messages import did_you_mean
from gateway.config.settings import OnCall, Settings, Shift
from gateway.config.yaml_lines import dotted_path
from gateway.model import DAY, Instant, OnCallRole, from_iso, local

CheckContacts = Callable[[list[dict[str, str]]], Iterator[str]]  # a list of contacts → what is wrong with them
_A_MONDAY = from_iso("2026-02-02T00:00:00Z")  # of an ordinary week: no clock changes in it


def on_call_errors(settings: Settings, contact_errors: CheckContacts) -> Iterator[str]:
    """What is wrong with `on_call`, each behind the name of the setting."""
    on_call = settings.on_call
    for name, person in on_call.people.items():
        yield from (f"on_call.people.{name}.contacts: {wrong}" for wrong in contact_errors(person.contacts))
    for role in OnCallRole:
        for number, shift in enumerate(shifts_of(on_call, role)):
            yield from (f"on_call.{role}[{number}]{wrong}" for wrong in _wrong_shift(shift, on_call))


def on_call_warnings(settings: Settings) -> Iterator[str]:
    """What is probably a mistake: hours in which nobody is on call, and people who never are."""
    on_call = settings.on_call
    for role in OnCallRole:
        shifts = shifts_of(on_call, role)
        gap = _first_gap(shifts, on_call) if shifts else None
        if gap is not None:
            weekday, at = DAYS[local(gap, on_call.timezone).weekday()], local(gap, on_call.timezone)
            yield (f"on_call.{role}: nobody is on call at {weekday} {at:%H:%M} ({on_call.timezone}), when everybody of "
                   "this role is paged in turn — expected a shift without hours as the last")
    listed = {name for role in OnCallRole for shift in shifts_of(on_call, role) for name in shift.people}
    idle = sorted(set(on_call.people) - listed)
    if idle:
        yield f"on_call.people: {', '.join(idle)} in no shift, so never paged — expected each in one"


def shifts_of(on_call: OnCall, role: OnCallRole) -> list[Shift]:
    """The shifts of a role, as they stand in the file."""
    return on_call.emergency if role is OnCallRole.EMERGENCY else on_call.dispatcher


def _wrong_shift(shift: Shift, on_call: OnCall) -> Iterator[str]:
    for number, name in enumerate(shift.people):
        if name not in on_call.people:
            known = did_you_mean(name, on_call.people) if on_call.people else "on_call.people names nobody"
            yield f".people[{number}]: {name!r} — {known}"
        elif name in shift.people[:number]:
            yield f".people[{number}]: {name!r} is there twice — expected once"
    if shift.hours is not None:
        errors = check_hours(shift.hours)
        yield from (f".hours: {wrong}" for wrong in errors)
        if not errors and not any(shift.hours.values()):
            yield ".hours: without any hour — expected some, or no hours at all for around the clock"
    elif shift.days_off is not None:
        yield ".days_off: of a shift without hours — expected hours too"
    if shift.days_off is not None:
        yield from (f".{dotted_path(('days_off', *way))}: {wrong}" for way, wrong in check_days_off(shift.days_off))


def _first_gap(shifts: Iterable[Shift], on_call: OnCall) -> Instant | None:
    """When in an ordinary week nobody is on call; None when somebody always is."""
    spans: list[tuple[Instant, Instant]] = []
    for shift in shifts:
        if shift.hours is None:
            return None
        if check_hours(shift.hours):
            return None  # said elsewhere
        spans += open_spans(Calendar(shift.timezone or on_call.timezone, shift.hours), _A_MONDAY, HORIZON)
    covered = _A_MONDAY
    for opens, closes in sorted(spans):
        if opens > covered:
            break
        covered = max(covered, closes)
    return covered if covered < _A_MONDAY + 7 * DAY else None
