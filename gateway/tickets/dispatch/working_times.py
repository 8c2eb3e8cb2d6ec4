"""When a firm works, and when each of its people does."""

from dataclasses import replace

from gateway.calendars import time_off
from gateway.calendars.days_off import days_off
from gateway.calendars.opening_hours import Calendar
from gateway.model import Provider, Technician


def opening_calendar(provider: Provider) -> Calendar:
    """Its opening hours, with its days off."""
    return Calendar(provider.timezone, provider.hours, time_off.beside(days_off(provider.days_off), provider.time_off))


def calendar_of(technician: Technician, provider: Provider) -> Calendar:
    """The working hours of one of the firm's people, with the days off of both."""
    off = replace(days_off(technician.days_off), beside=opening_calendar(provider).days_off)
    return Calendar(provider.timezone, provider.hours if technician.hours is None else technician.hours,
                    time_off.beside(off, technician.time_off))
