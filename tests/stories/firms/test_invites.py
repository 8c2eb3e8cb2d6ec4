"""A firm's mails about a visit bring it to their calendar, by a real mail server, and take it away under one id."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from icalendar import Calendar
from sqlmodel import select

from gateway.flow.deliver import deliver
from gateway.model import DAY, HOUR, MINUTE, Contact, Notification, RecipientKind, from_iso
from gateway.tickets.actions import AssignTo, CancelTicket, HandBack, MoveVisit, ProposeWindow
from tests.drivers.web_driver import WebStory, read
from tests.fixtures.sample_fleet import save_sample_fleet
from tests.fixtures.servers import SmtpServer
from tests.stories.firms.own_page import OwnPage

FIRM = "provider Kunz Heating"


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


def calendar_mails(post: SmtpServer, address: str) -> list[tuple[str, int, str]]:
    """Method, sequence and id of the visit of each invite that came there, in order."""
    found = [invite(mail) for mail in mails_to(post, address) if parts_for_calendars(mail)]
    return [(method, event["SEQUENCE"], str(event["UID"])) for method, event in found]


def test_from_accepting_to_handing_back_the_calendar_follows_by_mail(there: WebStory, kunz: OwnPage, post: SmtpServer
                                                                    ) -> None:
    ticket = there.break_down()
    visit = kunz.accepts()
    deliver(there.gw, there.now)
    tomorrow = there.now + DAY
    there.act(ProposeWindow(visit.id, tomorrow, tomorrow + 2 * HOUR), FIRM)
    deliver(there.gw, there.now)
    there.act(MoveVisit(ticket.id, *free()), "customer")
    deliver(there.gw, there.now)
    there.now += MINUTE
    there.act(HandBack(visit.id, "ill"), FIRM)
    deliver(there.gw, there.now)
    mails = calendar_mails(post, "office@kunz.example")
    assert [(method, sequence) for method, sequence, _ in mails] == [
        ("REQUEST", 0), ("REQUEST", 1), ("REQUEST", 2), ("CANCEL", 3)]
    assert len({uid for _, _, uid in mails}) == 1
    last = mails_to(post, "office@kunz.example")[-1]
    assert "Out of your calendar" in last["Subject"]
    assert "Lindenweg" not in last.as_string()


def test_what_others_take_off_is_told_once_and_leaves_the_calendar(there: WebStory, kunz: OwnPage, post: SmtpServer
                                                                  ) -> None:
    ticket = there.break_down()
    kunz.accepts()
    deliver(there.gw, there.now)
    there.act(CancelTicket(ticket.id, "in vain"))
    deliver(there.gw, there.now)
    assert [method for method, *_ in calendar_mails(post, "office@kunz.example")] == ["REQUEST", "CANCEL"]


def test_a_technician_with_a_mail_address_gets_them_too_and_once(there: WebStory, kunz: OwnPage, post: SmtpServer
                                                                ) -> None:
    with there.gw.store.write() as session:
        session.add(Contact(id="mail-karin", owner_kind=RecipientKind.TECHNICIAN, owner_id="karin", channel="email",
                            address="karin@kunz.example"))
    ticket = there.break_down()
    visit = kunz.accepts()
    tomorrow = there.now + DAY
    there.now += MINUTE
    there.act(ProposeWindow(visit.id, tomorrow, tomorrow + 2 * HOUR), FIRM)
    deliver(there.gw, there.now)
    there.act(MoveVisit(ticket.id, *free()), "customer")
    deliver(there.gw, there.now)
    for address in ("office@kunz.example", "karin@kunz.example"):
        assert [(method, sequence) for method, sequence, _ in calendar_mails(post, address)] == [
            ("REQUEST", 1), ("REQUEST", 2)]  # what was said anew at once is said once


def test_a_firm_that_wants_none_gets_none_until_it_says_otherwise(there: WebStory, kunz: OwnPage, post: SmtpServer
                                                                 ) -> None:
    assert "Visits do not come by mail" in read(kunz.post("invites"))
    there.break_down()
    visit = kunz.accepts()
    deliver(there.gw, there.now)
    assert calendar_mails(post, "office@kunz.example") == []
    save_sample_fleet(there.gw.store)  # an import leaves it alone
    for _ in range(2):
        assert "also comes by mail" in read(kunz.post("invites", wanted="yes"))
    there.act(ProposeWindow(visit.id, there.now + DAY, there.now + DAY + HOUR), FIRM)
    deliver(there.gw, there.now)
    assert [method for method, *_ in calendar_mails(post, "office@kunz.example")] == ["REQUEST"]


def test_it_goes_by_mail_only_and_nobody_is_rung_about_one_that_cannot_be_sent(there: WebStory, kunz: OwnPage
                                                                              ) -> None:
    with there.gw.store.write() as session:
        for one in session.exec(select(Contact).where(Contact.owner_id == "kunz")):
            one.channel, one.address = "sms", "+41790000000"
            session.add(one)
    there.break_down()
    kunz.accepts()
    deliver(there.gw, there.now)
    row = there.one(Notification, Notification.topic == "visit_invite")
    assert (row.state, row.reason and row.reason.kind) == ("dropped", "no_invites")
    assert there.all(Notification, Notification.topic == "undeliverable") == []


def free() -> tuple[int, int]:
    """A window that the customer can choose instead, two days later."""
    begins = from_iso("2026-11-25T07:00:00+01:00")
    return begins, begins + 4 * HOUR
