"""When somebody is at the operator's desk."""

from gateway.calendars.opening_hours import Calendar
from gateway.config.settings import Service


def desk_hours(service: Service) -> Calendar | None:
    """The hours at which people are called back; None: at any hour, also when no hour is named."""
    hours = service.callback_hours
    return Calendar(service.callback_timezone, hours) if hours and any(hours.values()) else None
