"""A household of several people: whom a message reaches, whom it never reaches, and who is rung in which order."""

import pytest
from sqlmodel import select

from gateway.callbacks.numbers.telephones import numbers_to_ring
from gateway.config.phone_numbers import LineKind
from gateway.model import (
    Callback,
    CallbackState,
    Contact,
    Customer,
    Notification,
    Person,
    PersonRole,
    Recipient,
    Site,
    customer,
    person,
    provider,
)
from gateway.notifications.channels import NotSent, Outcome, Sent
from gateway.store import Store
from gateway.store.households import household_at
from gateway.tickets.actions import AttemptCallback, MissCallback
from tests.drivers.story import Story, begin
from tests.fixtures.household import ARBER, move_in

DESK = "desk@example.com"


@pytest.fixture
def story(both_stores: Store) -> Story:
    there = begin(both_stores)
    move_in(there)
    return there


def break_pump(story: Story) -> None:
    story.receive("devices/arber-pump/fault", {"code": "E7", "active": True})
    story.wait()


def gone(*addresses: str) -> dict[str, Outcome]:
    return {address: NotSent(True, "no such mailbox") for address in addresses}


def test_a_message_goes_to_the_household_then_to_its_residents_in_order_and_never_to_others(story: Story) -> None:
    refused = gone("arber@example.com", "+41790000001")
    story.replies = lambda address: refused.get(address, Sent("ok"))
    break_pump(story)
    [found] = [one for one in story.messages if one.to == "emil@example.com"]
    assert found.text.startswith("Guten Tag Emil Arber")  # in his language, under his name
    assert not {"nina@example.com", "helga@example.com", "arber@example.com"} & {one.to for one in story.messages}
    assert customer("arber") in {row.recipient for row in story.notifications("fault_found")}


def test_who_lives_elsewhere_is_told_nothing_of_a_home_that_is_not_theirs(story: Story) -> None:
    move_in(story, ARBER.replace("devices:", """  - {id: hut, customer: arber, name: The hut}
devices:""").replace("role: tenant, ", "role: tenant, sites: [hut], "))
    refused = gone("arber@example.com", "+41790000001")
    story.replies = lambda address: refused.get(address, Sent("ok"))
    break_pump(story)
    assert not story.told_to("emil@example.com")
    [asked] = [one for one in story.messages if one.to == DESK and "Household Arber" in one.subject]
    assert "To ring: Erna Arber +41 44 668 18 01, Erna Arber +41 79 000 00 01, Nina Arber (relative) +49 30 123456" in (
        asked.text)


def test_who_has_nothing_but_a_telephone_is_rung_by_the_dispatcher_who_reads_the_number(story: Story) -> None:
    with_a_landline_only(story)
    break_pump(story)
    [asked] = [one for one in story.messages if one.to == DESK and "Household Arber" in one.subject]
    assert "To ring: Erna Arber +41 44 668 18 01, Nina Arber (relative) +49 30 123456" in asked.text
    assert "Household Arber can be told by telephone only. Please ring them" in asked.text
    assert "check the contacts" not in asked.text
    assert "The telephone number of Erna Arber, Nina Arber, Helga Hug was in the message to the dispatcher" in (
        story.timeline(story.ticket.id)), "a number that is sent is looked at"
    row = story.one(Notification, Notification.topic == "fault_found", Notification.recipient_id == "arber")
    assert row.state == "failed"


def with_a_landline_only(story: Story) -> None:
    text = ARBER
    for line in ('        contacts: [{channel: sms, address: "+41790000001"}]\n',
                 "    contacts: [{channel: email, address: arber@example.com}]\n",
                 ", contacts: [{channel: email, address: emil@example.com}]"):
        assert line in text
        text = text.replace(line, "")
    move_in(story, text.replace("power_dependent, emergency_button", "landline_only"))


def test_who_has_only_a_landline_and_presses_is_rung_and_nobody_is_asked_to_ring_them_about_that(story: Story) -> None:
    with_a_landline_only(story)
    story.press("arber-button", "p1")
    story.wait()
    callback = story.one(Callback)
    assert [reply["state"] for reply in story.replies_to_devices] == ["callback_scheduled"], "the button tells them"
    for _ in range(4):
        story.act(AttemptCallback(callback.id))
        story.act(MissCallback(callback.id))
        story.wait()
        story.now = story.one(Callback).ring_from or story.now
    assert story.told_to(DESK) == []
    assert "they can be told by telephone only, and are rung anyway" in " ".join(story.timeline(callback.id))
    story.act(AttemptCallback(callback.id))
    story.act(MissCallback(callback.id))
    story.wait()
    assert story.one(Callback).state is CallbackState.EXPIRED
    [once] = story.told_to(DESK)
    assert once == f"Please ring Household Arber: could not be reached by telephone ({callback.id})"


def test_the_numbers_to_ring_are_the_residents_then_the_relatives_then_the_helpers(story: Story) -> None:
    with story.gw.store.read() as session:
        home = household_at(session, session.get_one(Site, "arber-home"))
        assert [(one.name, one.role, one.shown, one.line) for one in home.telephones] == [
            ("Erna Arber", PersonRole.OWNER, "+41 44 668 18 01", LineKind.LANDLINE),
            ("Erna Arber", PersonRole.OWNER, "+41 79 000 00 01", LineKind.MOBILE),
            ("Nina Arber", PersonRole.RELATIVE, "+49 30 123456", LineKind.LANDLINE),
            ("Helga Hug", PersonRole.HELPER, "+41 79 000 00 04", LineKind.MOBILE)]
        assert [one.address for one in home.for_messages if one.channel != "phone"] == [
            "arber@example.com", "+41790000001", "emil@example.com"]


def test_a_number_is_rung_once_whoever_gave_it_and_not_when_it_was_removed() -> None:
    house = Customer(id="c", name="House")
    people = [Person(id="a", customer_id="c", name="Ann", role=PersonRole.HELPER, position=0),
              Person(id="b", customer_id="c", name="Bob", role=PersonRole.OWNER, position=1)]

    def contact(owner: Recipient, channel: str, address: str, stopped: int | None = None) -> Contact:
        return Contact(id=f"{owner}{channel}{address}", owner_kind=owner.kind, owner_id=owner.id, channel=channel,
                       address=address, stopped_at=stopped)

    contacts = [contact(person("a"), "phone", "+41446681800"), contact(person("b"), "sms", "+41790000001"),
                contact(person("b"), "phone", "+41446681800"), contact(customer("c"), "phone", "+41790000001"),
                contact(customer("c"), "phone", "+41446681802", stopped=1), contact(customer("c"), "email", "a@b.c"),
                contact(provider("b"), "phone", "+41446681809")]
    assert [(one.name, one.number) for one in numbers_to_ring(house, people, contacts)] == [
        ("Bob", "+41446681800"), ("Bob", "+41790000001")]


def test_two_households_with_the_same_number_are_told_apart(story: Story) -> None:
    move_in(story, """
customers: [{id: frei, name: Frei, people: [{id: fritz, name: Fritz, role: owner, phone: "+41446681801"}]}]
sites: [{id: frei-home, customer: frei}]
""")
    with story.gw.store.read() as session:
        owners = {str(one.owner) for one in session.exec(select(Contact).where(Contact.address == "+41446681801"))}
        frei = household_at(session, session.get_one(Site, "frei-home"))
    assert owners == {"customer/arber", "person/erna", "person/fritz"}
    assert [(one.name, one.number) for one in frei.telephones] == [("Fritz", "+41446681801")]
