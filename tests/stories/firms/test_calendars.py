"""A firm's visits in a calendar program: each once, moved and called off as it is, and nothing private."""

from datetime import UTC, datetime
from typing import Any

import httpx
from icalendar import Calendar

from gateway.model import HOUR, MINUTE, Instant, Severity, Visit
from gateway.tickets.actions import OpenTicket
from tests.drivers.web_driver import WebStory, read
from tests.stories.firms.own_page import OwnPage, tap


def events(web: httpx.Client, path: str) -> list[Any]:
    answer = web.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert "no-store" not in answer.headers["cache-control"]
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


def utc(at: Instant) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC)


def test_a_visit_stands_there_with_when_and_where_and_nothing_private(there: WebStory, kunz: OwnPage) -> None:
    path = kunz.calendar()
    assert events(kunz.web, path) == []
    ticket = there.break_down()
    visit = kunz.accepts()
    event, = events(kunz.web, path)
    assert event["UID"] == f"{visit.id}@visits.proactive-service-gateway"
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (utc(visit.window_from), utc(visit.window_until))
    assert (event["SUMMARY"], event["LOCATION"]) == ("Heat pump: Compressor fault", "Lindenweg 1, 8001 Wiesental")
    assert event["DESCRIPTION"] == f"Job {ticket.id}\nKarin Kunz"
    assert (event["STATUS"], event["SEQUENCE"]) == ("CONFIRMED", 0)
    text = kunz.web.get(path).text
    assert all(line.endswith("Z") for line in text.split("\r\n") if line.startswith("DT"))
    for private in ("Alice", "neighbour", "79 123 45 67", "/v/", "/p/"):
        assert private not in text


def test_what_a_customer_wrote_is_not_copied_to_the_servers_of_a_calendar(there: WebStory, kunz: OwnPage) -> None:
    path = kunz.calendar()
    there.act(OpenTicket("alice-home", "My husband Bruno fell in the boiler room", "heating", Severity.MAJOR))
    kunz.accepts()
    event, = events(kunz.web, path)
    assert event["SUMMARY"] == "Your visit"
    assert "Bruno" not in kunz.web.get(path).text


def test_it_moves_and_is_called_off_under_the_same_id_with_a_number_that_rises(there: WebStory, kunz: OwnPage) -> None:
    path = kunz.calendar()
    there.break_down()
    visit = kunz.accepts()
    there.now += MINUTE
    move(there, kunz.web, visit, "2026-11-23T16:00", "2026-11-23T18:00")
    moved, = events(kunz.web, path)
    assert (moved["SEQUENCE"], moved["STATUS"], moved["DTSTAMP"].dt) == (1, "CONFIRMED", utc(there.now))
    assert moved["DTEND"].dt - moved["DTSTART"].dt == utc(2 * HOUR) - utc(0)
    there.now += MINUTE
    tap(there, kunz.web, visit, act="hand_back", why="The van is broken")
    gone, = events(kunz.web, path)
    assert gone["UID"] == moved["UID"]
    assert (gone["SEQUENCE"], gone["STATUS"], gone["DTSTAMP"].dt) == (2, "CANCELLED", utc(there.now))


def test_each_technician_has_their_own_and_reads_only_theirs(there: WebStory, kunz: OwnPage) -> None:
    everybody, karin = kunz.calendar(), kunz.calendar("karin")
    assert everybody != karin
    there.break_down()
    visit = kunz.accepts()
    assert len(events(kunz.web, karin)) == 1
    there.change(visit, technician="Kurt Kunz")
    assert len(events(kunz.web, karin)) == 0
    assert len(events(kunz.web, everybody)) == 1


def test_what_has_not_changed_is_not_sent_again(there: WebStory, kunz: OwnPage) -> None:
    path = kunz.calendar()
    there.break_down()
    visit = kunz.accepts()
    tag = kunz.web.get(path).headers["etag"]
    there.now += HOUR
    again = kunz.web.get(path, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    move(there, kunz.web, visit, "2026-11-23T17:00", "2026-11-23T18:00")
    assert kunz.web.get(path, headers={"if-none-match": tag}).status_code == 200


def test_the_address_of_a_calendar_opens_no_page_and_does_nothing(there: WebStory, kunz: OwnPage) -> None:
    path = kunz.calendar()
    assert "This link no longer opens anything" in read(kunz.web.get(path.removesuffix("/calendar.ics")), 404)
    assert kunz.web.post(path.removesuffix("/calendar.ics"), data={"act": "capacity", "visits": "1"}).status_code == 404
    assert kunz.web.post(path).status_code == 405
    renewed = kunz.calendar()
    assert kunz.web.get(path).status_code == 404
    assert kunz.web.get(renewed).status_code == 200


def test_long_after_the_visit_it_says_no_longer_where_and_then_it_is_gone(there: WebStory, kunz: OwnPage) -> None:
    path = kunz.calendar()
    ticket = there.break_down()
    visit = kunz.accepts()
    there.now += HOUR
    for act, more in (("depart", {"minutes": "20"}), ("arrive", {}), ("finish", {"note": "Replaced it"})):
        tap(there, kunz.web, visit, act=act, **more)
    there.now += 20 * 24 * HOUR
    event, = events(kunz.web, path)
    assert ("LOCATION" in event, event["SUMMARY"]) == (False, ticket.id)
    there.now += 20 * 24 * HOUR
    assert events(kunz.web, path) == []


def test_what_people_type_breaks_no_line_of_it(there: WebStory, kunz: OwnPage) -> None:
    path = kunz.calendar()
    there.break_down()
    visit = kunz.accepts()
    there.change(visit, technician="Karin; Kunz, \\n\r\nATTENDEE:mailto:x@y.example\x07")
    event, = events(kunz.web, path)
    assert "ATTENDEE" not in event
    assert event["DESCRIPTION"].endswith("Karin; Kunz, \\n\nATTENDEE:mailto:x@y.example")


def move(there: WebStory, web: httpx.Client, visit: Visit, begins: str, ends: str) -> None:
    tap(there, web, visit, act="window", window_from=begins, window_until=ends)
