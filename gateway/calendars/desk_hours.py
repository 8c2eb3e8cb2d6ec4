"""When somebody is at the operator's desk."""

from gateway.calendars.days_off import days_off
from gateway.calendars.opening_hours import Calendar
from gateway.config.settings import Service


def desk_hours(service: Service) -> Calendar | None:
    """The hours at which people are called back; None: at any hour, also when no hour is named."""
    if not names_hours(service):
        return None
    return Calendar(service.callback_timezone, service.callback_hours or {}, days_off(service.callback_days_off))


NO_DESK_HOURS = ("has a button, and service.callback_hours is not set, so a press at 23:13 would be promised a call at "
                 '00:13 — expected the hours at which somebody calls, e.g. {mon: [["08:00", "17:00"]], tue: …}; around '
                 'the clock is [["00:00", "24:00"]] each day')


def names_hours(service: Service) -> bool:
    """Whether the operator has said when somebody is at the desk."""
    return bool(service.callback_hours and any(service.callback_hours.values()))
