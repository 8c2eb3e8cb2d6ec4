"""A fault that comes and goes: nobody is told "broken" and "fixed" by turns."""

import pytest

from gateway.model import (
    SECOND,
    Alarm,
    Attempt,
    Contact,
    Entry,
    EntryKind,
    Notification,
    Offer,
    OfferState,
    TicketState,
)
from gateway.notifications.topics import TopicName
from gateway.store import Store
from tests.drivers.story import NOON, Story, begin

ALICE, KUNZ, DESK = "alice@example.com", "office@kunz.example", "desk@example.com"
HOT, WELL = 80.0, 50.0


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, settle_seconds=60)


def flap(story: Story, times: int, seconds: float = 0.25) -> None:
    """Hot and well by turns, `seconds` each."""
    for _ in range(times):
        for heat in (HOT, WELL):
            story.says("alice-pump", flow_temp=heat)
            story.wait(seconds=seconds)


def state(story: Story) -> TicketState:
    return story.ticket.state


def topics(story: Story, to: str) -> list[tuple[str, int]]:
    """(topic, seconds since noon) of each message that `to` (an address) got, in order."""
    contacts = {contact.id for contact in story.all(Contact, Contact.address == to)}
    told = {row.id: row for row in story.all(Notification)}
    sent = sorted((row for row in story.all(Attempt) if row.contact_id in contacts), key=lambda row: row.started_at)
    return [(told[row.notification_id].topic, (row.started_at - NOON) // SECOND) for row in sent]


def test_a_rule_that_flaps_tells_the_customer_and_the_firm_once_and_at_once(story: Story) -> None:
    flap(story, times=6)  # three seconds
    assert topics(story, ALICE) == [(TopicName.FAULT_FOUND, 0)]
    assert topics(story, KUNZ) == [(TopicName.OFFER, 0)]
    assert topics(story, DESK) == []
    assert (story.ticket.state, story.ticket.round) == (TicketState.OFFERED, 1)
    alarm = story.one(Alarm)
    assert alarm.cleared_at is not None
    assert alarm.closed_at is None
    assert alarm.evidence["came_back"] == 5
    assert story.all(Entry, Entry.kind == EntryKind.REPORTED_AGAIN) == []


def test_when_it_has_stayed_away_for_a_minute_both_are_told_that_it_is_over(story: Story) -> None:
    flap(story, times=2)
    story.wait(seconds=59)
    assert state(story) == TicketState.OFFERED
    story.wait(seconds=2)
    assert state(story) == TicketState.RESOLVED
    assert [topic for topic, _ in topics(story, ALICE)] == [TopicName.FAULT_FOUND, TopicName.RESOLVED]
    assert [topic for topic, _ in topics(story, KUNZ)] == [TopicName.OFFER, TopicName.OFFER_WITHDRAWN]


def test_each_return_doubles_the_time_that_it_must_stay_away(story: Story) -> None:
    flap(story, times=1)
    story.wait(seconds=61)
    assert state(story) == TicketState.RESOLVED
    flap(story, times=1)
    assert (story.ticket.state, story.ticket.round) == (TicketState.OFFERED, 2)
    story.wait(seconds=110)
    assert state(story) == TicketState.OFFERED
    story.wait(seconds=11)
    assert state(story) == TicketState.RESOLVED
    flap(story, times=18, seconds=100)  # an hour
    told = [topic for topic, _ in topics(story, ALICE) if topic != TopicName.STILL_LOOKING]
    assert len(told) == 5  # told once more that it is back; that it goes on and off is no news


def test_who_accepts_while_it_is_quiet_comes_all_the_same(story: Story) -> None:
    flap(story, times=2)
    story.accept()
    story.wait(seconds=61)
    assert state(story) == TicketState.ASSIGNED
    assert story.one(Alarm).closed_at is not None
    assert len(story.all(Entry, Entry.kind == EntryKind.BACK_TO_NORMAL)) == 1


def test_a_device_that_reports_and_withdraws_a_code_by_turns_is_treated_alike(story: Story) -> None:
    for _ in range(5):
        for active in (True, False):
            story.now += 300
            story.receive("devices/alice-pump/fault", {"code": "E7", "active": active, "ts": story.now})
            story.wait()
    assert [topic for topic, _ in topics(story, ALICE)] == [TopicName.FAULT_FOUND]
    assert [offer.state for offer in story.all(Offer)] == [OfferState.PENDING]


def test_explain_says_that_it_came_and_went_and_until_when_it_must_stay_away(story: Story) -> None:
    flap(story, times=3)
    said = story.explained(story.one(Alarm).id)
    assert "It went away and came back 2 times, each time too soon to count as over" in said
    assert any("it is over if it stays so until" in line for line in said)
