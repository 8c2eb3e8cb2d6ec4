"""A firm's mails about a visit bring it to their calendar, by a real mail server, and take it away under one id."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from icalendar import Calendar

from gateway.flow.deliver import deliver
from gateway.model import HOUR, MINUTE, Notification
from gateway.tickets.actions import AssignTo, CancelTicket
from tests.drivers.web_driver import WebStory
from tests.fixtures.servers import SmtpServer


def parts_for_calendars(mail: EmailMessage) -> list[EmailMessage]:
    return [part for part in mail.walk() if part.get_content_type() == "text/calendar"]


def invite(mail: EmailMessage) -> tuple[str, Any]:
    """The method, which part and content agree on, and the visit."""
    part, = parts_for_calendars(mail)
    calendar = Calendar.from_ical(part.get_content())
    assert part["content-type"].params["method"] == calendar["METHOD"]
    event, = calendar.walk("VEVENT")
    return str(calendar["METHOD"]), event


def mails_to(post: SmtpServer, address: str) -> list[EmailMessage]:
    return [mail.message for mail in post.mails if mail.to == [address]]


def test_a_visit_agreed_on_the_telephone_comes_to_their_calendar_and_goes_when_it_is_called_off(
        there: WebStory, post: SmtpServer) -> None:
    ticket = there.break_down()
    there.act(AssignTo(ticket.id, "kunz", "Kurt Kunz", there.now + HOUR, there.now + 3 * HOUR))
    deliver(there.gw, there.now)
    planned = [mail for mail in mails_to(post, "office@kunz.example") if parts_for_calendars(mail)]
    method, event = invite(planned[0])
    assert (len(planned), method, event["STATUS"], event["SEQUENCE"]) == (1, "REQUEST", "CONFIRMED", 0)
    assert event["ORGANIZER"] == "mailto:service@wiesental.example"
    assert (event["ATTENDEE"], event["ATTENDEE"].params["PARTSTAT"]) == ("mailto:office@kunz.example", "ACCEPTED")
    assert event["LOCATION"] == "Lindenweg 1, 8001 Wiesental"
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(hours=2)
    there.now += MINUTE
    there.act(CancelTicket(ticket.id, "in vain"))
    deliver(there.gw, there.now)
    method, gone = invite(mails_to(post, "office@kunz.example")[-1])
    assert (method, gone["STATUS"], gone["SEQUENCE"], gone["UID"]) == ("CANCEL", "CANCELLED", 1, event["UID"])
    assert gone["DTSTAMP"].dt > event["DTSTAMP"].dt
    assert "LOCATION" not in gone


def test_an_offer_brings_none_and_neither_does_what_a_customer_reads(there: WebStory, post: SmtpServer) -> None:
    there.gw.channels["sms"] = there.gw.channels["email"]  # each message is a mail
    ticket = there.break_down()
    deliver(there.gw, there.now)
    assert mails_to(post, "office@kunz.example")
    there.act(AssignTo(ticket.id, "kunz", "Kurt Kunz", there.now + HOUR, there.now + 3 * HOUR))
    deliver(there.gw, there.now)
    with_invites = [mail for mail in post.mails if parts_for_calendars(mail.message)]
    assert [mail.to for mail in with_invites] == [["office@kunz.example"]]
    assert {"technician_assigned", "offer", "job_taken"} <= {row.topic for row in there.all(Notification)}
    assert len({mail.to[0] for mail in post.mails}) > 1
