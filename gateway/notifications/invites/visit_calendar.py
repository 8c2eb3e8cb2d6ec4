"""Writes visits as iCalendar text: the same visit always under one UID, with a SEQUENCE that rises when it moves.

All times are UTC, so that no calendar program needs our rules for a time zone. Nothing of the customer is in it but
what it is about and where: calendars are copied to other people's servers. The library (3 MB) is imported for the
first one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.model import SECOND, Instant, Visit, VisitState

if TYPE_CHECKING:
    from icalendar import Calendar, Event, vCalAddress

# Part of each UID. Not the address that we are reached at: with another one every visit would be there twice.
_DOMAIN = "visits.proactive-service-gateway"
_PRODID = "-//Proactive Service Gateway//visits//EN"
REFRESH = timedelta(minutes=15)  # how often a calendar program is asked to look again
_KEPT = ("\n", "\t")  # of the characters that nobody sees


class Method(StrEnum):
    """What a mail asks a calendar to do with the visit in it."""

    REQUEST = "REQUEST"
    """Put it there, or move it."""
    CANCEL = "CANCEL"
    """Take it away."""


@dataclass(frozen=True)
class CalendarVisit:
    """A visit in words, as it stands."""

    id: str
    moves: int  # how often it was moved or called off
    changed_at: Instant
    begins: Instant  # of the arrival window …
    ends: Instant
    cancelled: bool
    title: str
    place: str = ""  # "": it is nobody's business any more
    details: str = ""


@dataclass(frozen=True)
class Invite:
    """What a mail brings along for the reader's calendar."""

    visit: CalendarVisit
    method: Method


@dataclass(frozen=True)
class Mailbox:
    address: str
    name: str = ""


def of_visit(visit: Visit, title: str, place: str = "", details: str = "") -> CalendarVisit:
    return CalendarVisit(visit.id, visit.moves, visit.created_at if visit.moved_at is None else visit.moved_at,
                         visit.window_from, visit.window_until, visit.state is VisitState.CANCELLED, title, place,
                         details)


def feed(visits: Iterable[CalendarVisit], name: str) -> bytes:
    """The same text for the same visits, so that its hash says whether anything has changed."""
    calendar = _calendar()
    calendar.add("x-wr-calname", _clean(name))
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", f"PT{REFRESH.seconds // 60}M")
    for visit in visits:
        calendar.add_component(_event(visit))
    return bytes(calendar.to_ical())


def write_invite(given: Invite, organizer: Mailbox, attendee: Mailbox) -> bytes:
    """For a mail; the MIME part has to name the same method. Whoever gets it has accepted already: they are not asked
    to answer."""
    from icalendar import vText

    calendar, event = _calendar(), _event(given.visit)
    calendar.add("method", str(given.method))
    event.add("organizer", _address(organizer))
    them = _address(attendee)
    them.params.update({"ROLE": vText("REQ-PARTICIPANT"), "PARTSTAT": vText("ACCEPTED"), "RSVP": vText("FALSE")})
    event.add("attendee", them)
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _calendar() -> "Calendar":
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", _PRODID)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    return calendar


def _event(visit: CalendarVisit) -> "Event":
    from icalendar import Event

    event = Event()
    event.add("uid", f"{visit.id}@{_DOMAIN}")
    event.add("dtstamp", _utc(visit.changed_at))
    event.add("last-modified", _utc(visit.changed_at))
    event.add("sequence", visit.moves)
    event.add("status", "CANCELLED" if visit.cancelled else "CONFIRMED")
    event.add("dtstart", _utc(visit.begins))
    event.add("dtend", _utc(visit.ends))
    event.add("summary", _clean(visit.title))
    for name, text in (("location", visit.place), ("description", visit.details)):
        if text:
            event.add(name, _clean(text))
    return event


def _utc(at: Instant) -> datetime:
    return datetime.fromtimestamp(at // SECOND, UTC)


def _address(box: Mailbox) -> "vCalAddress":
    from icalendar import vCalAddress, vText

    address = vCalAddress(f"mailto:{box.address}")
    if box.name:
        address.params["CN"] = vText(_clean(box.name))
    return address


def _clean(text: str) -> str:
    """Without what the format has no place for; the library escapes the rest."""
    return "".join(char for char in text if char in _KEPT or char.isprintable())
