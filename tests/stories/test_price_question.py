"""Who pays: where it is the customer, nobody sets out before their yes; a no ends it kindly; danger waits for none."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import col

from gateway.devices.registration import DeviceRequest
from gateway.model import (
    HOUR,
    MINUTE,
    Alarm,
    Contact,
    Cover,
    Device,
    Due,
    DueKind,
    HoldReason,
    Job,
    Notification,
    Offer,
    OnCallPage,
    PageReason,
    Price,
    PriceAnswer,
    Provider,
    RecipientKind,
    Responsible,
    Ticket,
    TicketState,
    provider,
)
from gateway.model.plan import Refused
from gateway.notifications.channels import Channel, Outcome, Sent
from gateway.notifications.messages import Message
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.store.devices import device_registry
from gateway.tickets.actions import AgreeToPrice, DeclinePrice, MergeTickets, OfferTo
from tests.drivers.story import HEAT_PUMP, compiled
from tests.drivers.web_driver import WebStory, read, web_story

PRICE = Price("95.00", "EUR")
ALICE, DESK, KUNZ = "alice@example.com", "desk@example.com", "office@kunz.example"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    """Alice pays for her own heat pump, Bob has a contract."""
    there = web_story(both_stores)
    cover(there, "alice-pump", cover=Cover.CALL_OUT_PRICE, call_out_price=PRICE)
    cover(there, "bob-pump", cover=Cover.CONTRACT)
    return there


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def cover(there: WebStory, device: str, **about: Any) -> None:
    there.change(there.one(Device, Device.id == device), **about)


def messages(there: WebStory, to: str) -> list[str]:
    """The topics of what was sent to whoever has this id, oldest first."""
    rows = there.all(Notification, Notification.recipient_id == to, Notification.state == "sent")
    return [row.topic for row in sorted(rows, key=lambda row: (row.created_at, row.id))]


def hot(there: WebStory, device: str = "alice-pump") -> Ticket:
    """The pump overheats, and the messages go out."""
    there.says(device, flow_temp=90)
    there.wait()
    return there.one(Ticket, Ticket.device_id == device, col(Ticket.closed_at).is_(None))


def stays_hot(there: WebStory, hours: int) -> None:
    for _ in range(hours * 15):
        there.now += 4 * MINUTE
        there.says("alice-pump", flow_temp=90)
    there.wait()


def test_not_covered_and_the_customer_says_no(there: WebStory, web: httpx.Client) -> None:
    ticket = hot(there)
    page = there.follow(ticket)

    assert (ticket.state, ticket.price, ticket.price_answer) == (TicketState.ON_HOLD, PRICE, PriceAnswer.ASKED)
    assert messages(there, "alice") == [TopicName.PRICE_QUESTION]
    question = there.one(Notification, Notification.topic == TopicName.PRICE_QUESTION)
    assert question.facts["price"] == "95.00 EUR"
    assert question.facts["answer_by"] == there.now + 4 * HOUR
    assert there.all(Offer) == []
    assert "May somebody come for €95.00? Please answer by 17:00 today" in read(web.get(page))
    assert there.again(ticket).price_answer is PriceAnswer.ASKED  # to look is no answer

    there.now += 2 * MINUTE
    for _ in range(2):  # a double tap
        assert web.post(page, data={"act": "decline"}).status_code == 303
    there.wait()

    ticket = there.again(ticket)
    assert (ticket.state, ticket.price_answer, ticket.price_answered_at) == (
        TicketState.CANCELLED, PriceAnswer.DECLINED, there.now)
    assert messages(there, "alice") == [TopicName.PRICE_QUESTION, TopicName.PRICE_DECLINED]
    assert messages(there, "kunz") == messages(there, "dispatcher") == []
    assert "As you wished, nobody comes You pay nothing." in read(web.get(page))
    assert "You have answered already" in read(web.post(page, data={"act": "agree"}), 409)
    alarm = there.one(Alarm)
    assert (alarm.closed_at, alarm.ticket_id, alarm.declined_at) == (None, ticket.id, there.now)  # still to be seen
    assert "The customer pays €95.00; they said no on Mon 23 Nov 13:02:00: nobody comes" in there.explained(
        ticket.id, "what")
    assert there.explained(alarm.id, "became")[1] == (
        "Nobody is sent for it: the customer said no to the price on Mon 23 Nov 13:02:00")
    assert [line for line in there.timeline(ticket.id) if "€95" in line] == [
        "Asked the customer whether somebody may come for €95.00; waits for the answer until 23 Nov 17:00",
        "No, nobody shall come for €95.00", "Cancelled: the customer does not want anybody to come for €95.00"]


def test_nobody_is_sent_again_for_the_same_alarm_but_is_asked_about_another(
        there: WebStory, web: httpx.Client) -> None:
    ticket = hot(there)
    web.post(there.follow(ticket), data={"act": "decline"})
    stays_hot(there, hours=2)
    assert [row.id for row in there.tickets] == [ticket.id]

    there.says("alice-pump", flow_temp=50)
    there.wait(minutes=1)
    assert hot(there).price_answer is PriceAnswer.ASKED
    assert messages(there, "alice").count(TopicName.PRICE_QUESTION) == 2


def test_the_customer_says_yes_and_both_sides_read_the_price(there: WebStory, web: httpx.Client) -> None:
    ticket = hot(there)
    page = there.follow(ticket)
    there.now += MINUTE
    for _ in range(2):
        assert web.post(page, data={"act": "agree"}).status_code == 303
    there.wait()

    offer = there.one(Offer)
    asked = there.one(Notification, Notification.topic == TopicName.OFFER)
    assert asked.facts["payers"] == [
        {"device": "Heat pump", "cover": "call_out_price", "price": "95.00 EUR", "agreed": True}]
    assert "Who pays: the customer, €95.00; they have agreed to it" in read(web.get(there.offer(ticket)))
    assert "We are asking a local firm" in read(web.get(page))
    assert "You have answered already" in read(web.post(page, data={"act": "decline"}), 409)

    cover(there, "alice-pump", call_out_price=Price("120.00", "EUR"))  # what was agreed to stays
    there.now += MINUTE
    there.accept()
    there.wait()
    assert messages(there, "alice") == [
        TopicName.PRICE_QUESTION, TopicName.PRICE_AGREED, TopicName.TECHNICIAN_ASSIGNED]
    mails = [mail.text for mail in there.messages if mail.to == "alice@example.com"]
    assert "You pay a call-out price of €95.00, as agreed." in mails[-1]
    assert "Who pays You pay a call-out price of €95.00, as agreed." in read(web.get(page))
    assert there.again(offer).state == "accepted"


def test_without_an_answer_a_dispatcher_rings_them_and_notes_what_they_say(
        there: WebStory, web: httpx.Client) -> None:
    ticket = hot(there)
    job = there.one(Job)
    assert (job.hold_reason, job.hold_until) == (HoldReason.CUSTOMER_YES, there.now + 4 * HOUR)
    with pytest.raises(Refused):  # nobody sets out before the yes, whoever asks for it
        there.act(OfferTo(ticket.id, "kunz"))
    stays_hot(there, hours=4)

    assert there.again(ticket).state is TicketState.ON_HOLD
    due = there.one(Due, Due.kind == DueKind.HOLD_UNTIL)
    assert due.at is not None
    assert due.at > there.now
    assert due.responsible is Responsible.DISPATCHER
    page = there.one(OnCallPage, OnCallPage.subject_id == ticket.id)
    assert PageReason.CUSTOMER_SILENT in page.why
    assert there.notifications(TopicName.PLEASE_LOOK)[0].subject_id == ticket.id
    assert "We have not heard from you yet, so we are going to call you." in read(web.get(there.follow(ticket)))
    assert "The customer pays €95.00; they were asked, and nobody is sent before they say yes" in there.explained(
        ticket.id, "what")
    there.act(AgreeToPrice(ticket.id))
    there.act(AgreeToPrice(ticket.id))
    assert there.one(Offer).provider_id == "kunz"
    assert there.again(page).closed_at == there.now  # nobody is paged any more
    with pytest.raises(Refused):
        there.act(DeclinePrice(ticket.id))


def test_in_danger_somebody_is_sent_at_once_and_both_sides_read_why(there: WebStory, web: httpx.Client) -> None:
    dangerous(there)
    ticket = hot(there)
    assert ticket.state is TicketState.OFFERED
    assert messages(there, "alice") == [TopicName.FAULT_FOUND]
    mail = next(message for message in there.messages if message.to == "alice@example.com")
    assert "We have not waited for your answer, because this may be dangerous." in mail.text
    offer = next(message for message in there.messages if message.to == KUNZ)
    assert "Who pays: the customer, €95.00; not asked yet, because it may be dangerous" in offer.text
    assert web.post(there.follow(ticket), data={"act": "agree"}).status_code == 409


def test_what_becomes_dangerous_while_we_wait_is_no_longer_waited_for(there: WebStory) -> None:
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": True})
    there.wait()
    assert there.ticket.price_answer is PriceAnswer.ASKED
    dangerous(there)
    there.now += MINUTE
    there.says("alice-pump", flow_temp=90)
    there.wait()
    assert there.ticket.state is TicketState.OFFERED
    assert messages(there, "alice") == [TopicName.PRICE_QUESTION, TopicName.FAULT_FOUND]


def test_what_clears_while_we_wait_needs_no_answer_and_what_comes_back_is_asked_anew(
        there: WebStory, web: httpx.Client) -> None:
    ticket = hot(there)
    there.now += MINUTE
    there.says("alice-pump", flow_temp=50)
    there.wait(minutes=1)
    assert there.again(ticket).state is TicketState.RESOLVED
    assert messages(there, "alice") == [TopicName.PRICE_QUESTION, TopicName.RESOLVED]
    assert web.post(there.follow(ticket), data={"act": "agree"}).status_code == 409
    assert hot(there).id == ticket.id
    assert there.again(ticket).state is TicketState.ON_HOLD
    assert messages(there, "alice").count(TopicName.PRICE_QUESTION) == 2
    assert there.all(Offer) == []


def test_who_has_a_contract_is_not_asked_and_of_whom_nobody_has_said_anything_the_offer_says_so(
        there: WebStory) -> None:
    hot(there, "bob-pump")
    offer = next(message for message in there.messages if message.to == KUNZ)
    assert "Who pays: the service contract covers it" in offer.text
    cover(there, "alice-pump", cover=Cover.UNKNOWN, call_out_price=None)
    hot(there)
    assert [note.facts["payers"][0]["cover"] for note in there.notifications(TopicName.OFFER)] == [
        Cover.CONTRACT, Cover.UNKNOWN]
    seeblick = next(message for message in there.messages if message.to == "office@seeblick.example")
    assert "Vereinbaren Sie den Preis bitte mit dem Kunden, bevor Sie beginnen" in seeblick.text
    assert [message.text for message in there.messages if message.to == ALICE and "pay" in message.text] == []


def test_a_short_offer_names_who_pays_when_it_is_not_the_contract(there: WebStory) -> None:
    shorts: list[str] = []

    def keep(address: str, message: Message, ref: str) -> Outcome:
        shorts.append(message.short)
        return Sent("ok")

    there.gw.channels["sms"] = Channel("sms", "short", keep)
    for contact in there.all(Contact, Contact.owner_kind == RecipientKind.PROVIDER):
        there.change(contact, channel="sms", address=f"+4179000009{len(contact.owner_id)}")
    there.act(AgreeToPrice(hot(there).id))
    cover(there, "bob-pump", cover=Cover.WARRANTY)
    hot(there, "bob-pump")
    there.wait()
    said = " ".join(shorts)
    assert "Customer pays EUR 95.00." in said
    assert "Garantie zahlt." in said


def test_a_price_that_was_agreed_stands_on_the_offer_of_the_ticket_that_carries_it_on(there: WebStory,
                                                                                      web: httpx.Client) -> None:
    with there.gw.store.write() as session:
        device_registry.add(session, DeviceRequest(id="alice-cellar", key="native:alice-cellar", profile="heat-pump",
                                                   site="alice-home", name="Cellar pump"))
    cover(there, "alice-cellar", cover=Cover.CONTRACT)
    paid = hot(there)
    there.act(AgreeToPrice(paid.id))
    goes_on = hot(there, "alice-cellar")
    there.act(MergeTickets(paid.id, goes_on.id))
    there.act(OfferTo(goes_on.id, "seeblick"))
    there.wait()
    offer = there.last_told(provider("seeblick"), TopicName.OFFER)
    assert [(payer["device"], payer["price"], payer["agreed"]) for payer in offer.facts["payers"]] == [
        ("Cellar pump", None, False), ("Heat pump", "95.00 EUR", True)]
    there.change(there.one(Provider, Provider.id == "seeblick"), locale="en")
    page = read(web.get(there.offer(goes_on)))
    assert "Heat pump: Who pays: the customer, €95.00; they have agreed to it" in page
    assert "Cellar pump: Who pays: the service contract covers it" in page


def test_one_question_for_all_faults_of_a_device_and_one_yes(there: WebStory) -> None:
    ticket = hot(there)
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": True})
    there.wait()
    assert there.ticket.id == ticket.id
    assert messages(there, "alice") == [TopicName.PRICE_QUESTION]
    assert there.all(Offer) == []
    there.act(AgreeToPrice(ticket.id))
    assert there.one(Offer).provider_id == "kunz"


def dangerous(there: WebStory) -> None:
    """From now on the profile says that overheating is a danger."""
    there.gw.profiles["heat-pump"] = compiled(
        HEAT_PUMP.replace("    severity: critical\n", "    severity: critical\n    danger: true\n"), "heat-pump.yaml")
