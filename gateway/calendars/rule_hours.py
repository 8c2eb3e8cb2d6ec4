"""When a rule is active: only_during and never_during in the site's time zone."""

from gateway.calendars.opening_hours import HORIZON, Calendar, is_open, next_opening, open_spans
from gateway.devices.profiles import Rule
from gateway.model import DAY, Instant

_HOPS = 16  # from one closed span to the next; more only where two schedules leave nothing


def is_active(rule: Rule, zone: str, at: Instant) -> bool:
    """Whether the rule is active at that time, by only_during and never_during on the clock of `zone`."""
    if rule.never_during is not None and is_open(Calendar(zone, rule.never_during), at):
        return False
    return rule.only_during is None or is_open(Calendar(zone, rule.only_during), at)


def next_active(rule: Rule, zone: str, at: Instant) -> Instant:
    """`at` when the rule looks then, else when it next does; a day later when the schedules never let it."""
    moment: Instant | None = at
    for _ in range(_HOPS):
        if moment is not None and rule.only_during is not None:
            moment = next_opening(Calendar(zone, rule.only_during), moment, HORIZON)
        if moment is None:
            break
        if rule.never_during is None or not is_open(Calendar(zone, rule.never_during), moment):
            return moment
        moment = next(open_spans(Calendar(zone, rule.never_during), moment))[1]
    return at + DAY


def active_until(rule: Rule, zone: str, at: Instant, until: Instant) -> Instant:
    """`until`, or the end of the rule's hours when that comes first. It looks at `at`."""
    if rule.only_during is not None:
        until = min(until, next(open_spans(Calendar(zone, rule.only_during), at))[1])
    if rule.never_during is not None:
        until = min(until, next_opening(Calendar(zone, rule.never_during), at, HORIZON) or until)
    return until
