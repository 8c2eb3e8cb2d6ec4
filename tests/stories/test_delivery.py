"""The outbox at work: a real store, a real mail server, a real web server, and a clock that moves only when told."""

import pytest
from sqlmodel import col, select

from gateway.model import (
    DISPATCHER,
    HOUR,
    MINUTE,
    SECOND,
    Attempt,
    Callback,
    Contact,
    Job,
    Link,
    LinkPurpose,
    Notification,
    Reason,
    ReasonKind,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.notifications.channels import Channel, NotSent, Outcome
from gateway.notifications.messages import Message
from gateway.store import Store
from tests.drivers.delivery_driver import MORNING, NIGHT, NOON, DeliveryDriver, answering, delivery_driver
from tests.fixtures import servers
from tests.fixtures.outbox_rows import note


@pytest.fixture
def office(store: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer) -> DeliveryDriver:
    return delivery_driver(store, smtp_server, webhook_server)


# --- told, and told truly

def test_alice_is_told_by_mail_with_a_link_that_is_hers(
        office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    office.write(Link(id="L-1", purpose=LinkPurpose.FOLLOW, subject_kind=SubjectKind.TICKET,
                      subject_id="T-1", created_at=NOON, expires_at=NOON + HOUR))
    key = office.tell("fault_found", "1", link_id="L-1", heard_at=NOON,
                      facts={"cause": {"en": "the flow is too hot", "de": "zu heiss"}})
    assert office.deliver() == 1
    [mail] = smtp_server.mails
    assert mail.to == ["alice@example.com"]
    assert "the flow is too hot" in mail.text
    assert "http://127.0.0.1:8080/f/L-1." in mail.text
    note = office.note(key)
    assert (note.state, note.due_at, note.lease) == ("sent", None, None)
    assert office.tries(key) == [("email", "sent")]
    assert office.timeline() == ["Told Alice Keller by email: fault found"]
    assert office.deliver() == 0, "told once"


def test_the_time_from_hearing_to_handing_over_can_be_read(office: DeliveryDriver) -> None:
    key = office.tell("fault_found", "1", heard_at=NOON - 40)
    office.deliver()
    with office.store.read() as session:
        attempt = session.exec(select(Attempt).where(Attempt.notification_id == key)).one()
    assert attempt.finished_at is not None
    assert 40 <= attempt.finished_at - (NOON - 40) < 5000


def test_a_dead_link_is_left_out(office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    office.write(Link(id="L-1", purpose=LinkPurpose.FOLLOW, subject_kind=SubjectKind.TICKET,
                      subject_id="T-1", created_at=NOON, expires_at=NOON + HOUR,
                      revoked_at=NOON))
    office.tell("fault_found", "1", link_id="L-1")
    office.deliver()
    assert "/f/" not in smtp_server.mails[0].text


def test_what_stopped_being_true_is_dropped_and_the_timeline_says_why(office: DeliveryDriver,
                                                                      smtp_server: servers.SmtpServer) -> None:
    key = office.tell("fault_found", "1")
    office.change(Ticket, "T-1", state="resolved", resolved_at=NOON)
    office.deliver()
    assert (office.note(key).state, office.note(key).reason) == ("dropped", Reason(ReasonKind.FIXED_FIRST))
    assert office.timeline() == ["Did not tell Alice Keller “fault found”: already fixed before anyone was told"]
    assert smtp_server.mails == []


def test_a_time_that_moved_is_told_as_it_is_now(office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    office.write(Callback(id="C-1", site_id="alice-home", customer_id="alice", device_id="alice-button",
                          requested_at=NOON, promised_by=NOON + 15 * MINUTE))
    office.write(note("N-C", "callback_scheduled", 1, NOON, subject=Subject(SubjectKind.CALLBACK, "C-1"),
                      facts={"callback_by": NOON + HOUR}))
    office.deliver()
    assert smtp_server.mails[0].message["Subject"] == "We will call you by 12:15 today (C-1)"


# --- quiet hours

def test_a_message_of_the_night_waits_for_the_morning(office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    office.now = NIGHT
    key = office.tell("fault_found", "1")
    office.deliver()
    note = office.note(key)
    assert (note.state, note.due_at, note.reason) == ("held", MORNING, Reason(ReasonKind.QUIET_HOURS))
    assert office.deliver(MORNING - 1) == 0
    office.deliver(MORNING)
    assert len(smtp_server.mails) == 1


def test_a_night_that_ends_well_disturbs_nobody(office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    office.now = NIGHT
    found = office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", state="resolved", resolved_at=NIGHT + HOUR)
    fixed = office.tell("resolved", "1")
    office.deliver(MORNING)
    assert [office.note(key).state for key in (found, fixed)] == ["dropped", "dropped"]
    assert smtp_server.mails == []


def test_a_night_in_which_a_technician_was_found_is_one_message(office: DeliveryDriver,
                                                                smtp_server: servers.SmtpServer) -> None:
    office.now = NIGHT
    found = office.tell("fault_found", "1")
    office.write(Job(id="J-1", site_id="alice-home", opened_at=NIGHT))
    office.write(Visit(id="V-1", job_id="J-1", ticket_id="T-1", provider_id="kunz", technician="Karin Kunz",
                       window_from=MORNING + HOUR, window_until=MORNING + 3 * HOUR, created_at=NIGHT))
    office.change(Ticket, "T-1", state="assigned", visit_id="V-1")
    office.tell("technician_assigned", "V-1")
    office.deliver()
    office.deliver(MORNING)
    assert [mail.message["Subject"] for mail in smtp_server.mails] == ["Karin Kunz is coming 08:00–10:00 today (T-1)"]
    assert office.note(found).reason == Reason(ReasonKind.SUPERSEDED, {"topic": "technician_assigned"})


def test_critical_news_wakes_people(office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    office.now = NIGHT
    office.tell("fault_found", "1", critical=True)
    office.deliver()
    assert len(smtp_server.mails) == 1


# --- failing, and trying again

def test_a_mail_server_that_is_busy_is_tried_again_after_a_growing_wait(office: DeliveryDriver,
                                                                        smtp_server: servers.SmtpServer) -> None:
    smtp_server.replies += ["451 busy", "451 busy"]
    key = office.tell("fault_found", "1")
    waits = []
    for _ in range(2):
        office.deliver()
        note = office.note(key)
        assert note.state == "queued"
        assert note.due_at is not None
        waits.append(note.due_at - office.now)
        office.now = note.due_at
    assert 7 * SECOND <= waits[0] < 22 * SECOND
    assert 14 * SECOND <= waits[1] < 43 * SECOND
    office.deliver()
    assert office.tries(key) == [("email", "failed"), ("email", "failed"), ("email", "sent")]
    assert len(smtp_server.mails) == 1


def test_the_next_contact_is_asked_at_once_when_the_first_refuses_for_good(
    office: DeliveryDriver, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer,
) -> None:
    smtp_server.replies.append("554 no")
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.tries(key) == [("email", "refused"), ("sms", "sent")]
    assert webhook_server.posts[0].path == "/sms/+41791234567"


def test_an_address_that_is_gone_is_never_used_again(office: DeliveryDriver) -> None:
    answering(office, "email", NotSent(True, "no such user", gone=True))
    office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", round=2)
    office.tell("fault_found", "2")
    office.deliver()
    assert office.calls == ["email"]
    with office.store.read() as session:
        stopped = session.exec(select(Contact).where(col(Contact.address) == "alice@example.com")).one()
    assert (stopped.stopped_at is not None, stopped.stopped_why) == (True, "no such user")


def test_a_refusal_that_is_not_about_the_address_stops_no_contact(office: DeliveryDriver,
                                                                  smtp_server: servers.SmtpServer) -> None:
    smtp_server.replies.append("554 looks like spam")
    office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", round=2)
    office.tell("fault_found", "2")
    office.deliver()
    assert len(smtp_server.mails) == 1


def test_the_other_sides_wish_for_patience_is_kept(office: DeliveryDriver) -> None:
    answering(office, "email", NotSent(False, "slow down", retry_after_s=600))
    key = office.tell("fault_found", "1")
    office.deliver()
    assert (office.note(key).due_at or 0) >= NOON + 600 * SECOND


def test_when_nobody_can_be_reached_the_dispatcher_is_asked_to_call(
    office: DeliveryDriver, webhook_server: servers.WebhookServer,
) -> None:
    answering(office, "email", NotSent(True, "no"))
    answering(office, "sms", NotSent(True, "no"))
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.note(key).state == "failed"
    [post] = webhook_server.posts
    assert post.path == "/desk"
    assert "we could not tell Alice Keller \"fault found\"" in post.body.decode().replace("\\", "")
    assert office.timeline()[0].startswith("Could not tell Alice Keller “fault found”: ")
    assert office.timeline()[-2:] == ["Told the dispatcher by webhook: could not be told",
                                      "The telephone number of Alice Keller was in the message to the dispatcher"]


def test_a_dispatcher_who_cannot_be_reached_starts_no_endless_circle(office: DeliveryDriver) -> None:
    answering(office, "webhook", NotSent(True, "no"))
    key = office.tell("undeliverable", "1", to=DISPATCHER, critical=True)
    office.change(Ticket, "T-1", state="new")
    office.deliver()
    assert office.note(key).state == "failed"
    with office.store.read() as session:
        assert len(session.exec(select(Notification)).all()) == 1


def test_a_contact_on_a_channel_that_is_not_configured_is_passed_over(office: DeliveryDriver) -> None:
    del office.channels["email"]
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.tries(key) == [("sms", "sent")]


def test_a_message_that_cannot_be_worded_holds_up_no_other(
        office: DeliveryDriver, smtp_server: servers.SmtpServer) -> None:
    broken = office.tell("a_topic_without_words", "1")
    fine = office.tell("fault_found", "1")
    office.deliver()
    assert office.note(fine).state == "sent"
    assert office.tries(broken) == [("email", "failed")]
    assert office.note(broken).reason == Reason(ReasonKind.LAST_TRY, {"last": "could not be worded (KeyError)"})
    assert len(smtp_server.mails) == 1


def test_a_channel_that_breaks_is_an_unknown_outcome_and_the_next_channel_is_used(office: DeliveryDriver) -> None:
    def broken(address: str, message: Message, ref: str) -> Outcome:
        raise RuntimeError(f"cannot reach {address}")

    office.channels["email"] = Channel("email", "long", broken)
    key = office.tell("fault_found", "1")
    office.deliver()
    assert office.tries(key) == [("email", "unknown"), ("sms", "sent")]
    with office.store.read() as session:
        why = session.exec(select(Attempt.why).where(Attempt.outcome == "unknown")).one()
    assert why == "the channel broke (RuntimeError)", "its text held an address"


# --- nobody hears "fixed" who was not told "broken", on that channel

def test_fixed_follows_broken_to_the_same_contact(
    office: DeliveryDriver, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer,
) -> None:
    smtp_server.replies.append("554 no")
    office.tell("fault_found", "1")
    office.deliver()
    office.change(Ticket, "T-1", state="resolved", resolved_at=NOON, resolution="Valve replaced")
    office.tell("resolved", "1")
    office.deliver()
    assert smtp_server.mails == []
    assert [post.path for post in webhook_server.posts] == ["/sms/+41791234567"] * 2
