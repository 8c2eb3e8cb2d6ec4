"""It works again before anybody came, or the technician says so and the device does not."""

import pytest

from gateway.model import (
    DISPATCHER,
    HOUR,
    MINUTE,
    Alarm,
    DueKind,
    Offer,
    TicketState,
    Visit,
    VisitState,
    customer,
    provider,
)
from gateway.model.plan import Refused
from gateway.model.reasons import ReasonKind, RefusedReason
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.tickets.actions import (
    AcceptOffer,
    Arrive,
    CancelTicket,
    Depart,
    DropVisit,
    Finish,
    KeepVisit,
)
from tests.drivers.story import HOURLY, NOON, Story, begin

ALICE, KUNZ, SEEBLICK = customer("alice"), provider("kunz"), provider("seeblick")
KARIN, HERSELF = "technician Karin Kunz", "customer Alice Keller"
MINOR = {"flow_temp": 40.0, "pressure": 0.4}  # for ten minutes: somebody should come, some time
WELL = {"flow_temp": 40.0, "pressure": 1.6}


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, HOURLY)


def assigned(story: Story, technician: str = "Karin Kunz") -> Visit:
    """Whoever is asked accepts, for the next four hours."""
    story.wait(seconds=1)
    offer = story.one(Offer, Offer.state == "pending")
    story.act(AcceptOffer(offer.id, technician), "provider")
    story.wait(seconds=1)
    return story.one(Visit, Visit.offer_id == offer.id)


def low_pressure(story: Story) -> Visit:
    """A fault that is not dangerous, and somebody who comes for it."""
    story.says("alice-pump", **MINOR)
    story.keep_saying("alice-pump", 12, **MINOR)
    return assigned(story)


def overheating(story: Story) -> Visit:
    """A dangerous fault, and somebody who comes for it."""
    story.says("alice-pump", flow_temp=80.0)
    return assigned(story)


def test_it_clears_while_a_firm_is_asked_and_nobody_needs_to_come(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=1)
    story.says("alice-pump", **WELL)
    story.wait(seconds=1)
    assert story.ticket.state == TicketState.RESOLVED
    assert story.heard(ALICE) == [TopicName.FAULT_FOUND, TopicName.RESOLVED]
    assert story.heard(KUNZ) == [TopicName.OFFER, TopicName.OFFER_WITHDRAWN]


def test_it_clears_while_somebody_is_to_come_and_the_customer_does_not_need_them(story: Story) -> None:
    visit = low_pressure(story)
    firm = provider(visit.provider_id)
    story.says("alice-pump", **WELL)
    story.wait(seconds=1)
    asked = story.last_told(ALICE, TopicName.WORKS_AGAIN)
    assert (asked.facts["keeps"], asked.facts["technician"]) == (False, "Karin Kunz")
    assert story.heard(firm)[-1] == TopicName.WORKS_AGAIN
    assert story.ticket.state == TicketState.ASSIGNED
    story.act(DropVisit(story.ticket.id), HERSELF)
    story.wait(seconds=1)
    assert (story.ticket.state, story.ticket.resolved_by) == (TicketState.RESOLVED, "telemetry")
    assert story.heard(ALICE)[-1] == TopicName.RESOLVED
    assert story.heard(firm)[-1] == TopicName.OFFER_WITHDRAWN
    said = story.timeline(story.ticket.id)
    assert any("does not need the visit any more" in line for line in said)
    story.act(DropVisit(story.ticket.id), HERSELF)  # a second tap
    assert story.timeline(story.ticket.id) == said
    with pytest.raises(Refused, match=RefusedReason.NOTHING_TO_ANSWER):
        story.act(KeepVisit(story.ticket.id), HERSELF)


def test_it_clears_and_the_customer_wants_the_visit_all_the_same(story: Story) -> None:
    visit = low_pressure(story)
    story.says("alice-pump", **WELL)
    story.act(KeepVisit(story.ticket.id), HERSELF)
    story.keep_saying("alice-pump", 60, **WELL)
    assert story.one(Visit).state == VisitState.PLANNED
    assert story.heard(DISPATCHER) == []
    story.act(Depart(visit.id, 20), KARIN)
    story.wait(seconds=1)
    assert story.heard(ALICE)[-1] == TopicName.ON_THE_WAY


def test_without_an_answer_a_dispatcher_decides_about_a_harmless_fault(story: Story) -> None:
    visit = low_pressure(story)
    story.says("alice-pump", **WELL)
    story.keep_saying("alice-pump", 48, **WELL)
    assert story.last_told(DISPATCHER, TopicName.VISIT_PROBLEM).facts["why"]["reason"] == (
        ReasonKind.STILL_NEEDED_UNKNOWN)
    assert story.one(Visit, Visit.id == visit.id).state == VisitState.PLANNED
    assert {due.kind for due in story.due(visit.id) if due.at is not None} >= {DueKind.WINDOW_END}


def test_without_an_answer_somebody_comes_for_a_dangerous_fault(story: Story) -> None:
    visit = overheating(story)
    story.says("alice-pump", **WELL)
    story.wait(seconds=1)
    assert story.last_told(ALICE, TopicName.WORKS_AGAIN).facts["keeps"] is True
    story.keep_saying("alice-pump", 48, **WELL)
    assert story.heard(DISPATCHER) == []
    assert story.one(Visit, Visit.id == visit.id).state == VisitState.PLANNED


def test_the_fault_comes_back_while_the_customer_is_asked(story: Story) -> None:
    visit = overheating(story)
    story.says("alice-pump", **WELL)
    story.wait(minutes=1)
    story.says("alice-pump", flow_temp=80.0)
    story.wait(minutes=1)
    assert all(due.at is None for due in story.due(visit.id) if due.kind is DueKind.CUSTOMER_ANSWER)
    with pytest.raises(Refused, match=RefusedReason.NOTHING_TO_ANSWER):
        story.act(DropVisit(story.ticket.id), HERSELF)


def test_it_clears_while_the_technician_drives_and_they_are_told_at_once(story: Story) -> None:
    visit = overheating(story)
    story.act(Depart(visit.id, 40), KARIN)
    story.wait(minutes=2)
    story.says("alice-pump", **WELL)
    story.wait(seconds=1)
    assert story.heard(KUNZ)[-1] == TopicName.WORKS_AGAIN
    assert story.last_told(KUNZ, TopicName.WORKS_AGAIN).created_at == story.last_told(
        ALICE, TopicName.WORKS_AGAIN).created_at
    story.act(DropVisit(story.ticket.id), HERSELF)
    story.wait(seconds=1)
    assert story.heard(KUNZ)[-1] == TopicName.VISIT_CALLED_OFF
    assert story.heard(ALICE)[-1] == TopicName.RESOLVED


def test_a_cancel_after_on_the_way_tells_everybody_who_heard_it(story: Story) -> None:
    visit = overheating(story)
    story.act(Depart(visit.id, 40), KARIN)
    story.wait(minutes=2)
    story.act(CancelTicket(story.ticket.id, "the house is empty"))
    story.wait(seconds=1)
    off = story.last_told(ALICE, TopicName.VISIT_CALLED_OFF)
    assert (off.facts["because"], off.facts["why"], off.facts["technician"]) == (
        "cancelled", "the house is empty", "Karin Kunz")
    assert story.heard(KUNZ)[-1] == TopicName.VISIT_CALLED_OFF
    assert story.one(Visit).state == VisitState.CANCELLED


def test_done_but_still_bad_is_not_called_fixed_and_whoever_was_there_is_asked_first(story: Story) -> None:
    visit = overheating(story)
    story.act(Depart(visit.id, 20), KARIN)
    story.act(Arrive(visit.id), KARIN)
    story.act(Finish(visit.id, "Pump replaced"), KARIN)
    story.wait(seconds=1)
    watching = story.last_told(ALICE, TopicName.WATCHING)
    assert (watching.facts["technician"], watching.facts["note"]) == ("Karin Kunz", "Pump replaced")
    assert watching.facts["hear_by"] - NOON <= 30 * MINUTE
    assert TopicName.RESOLVED not in story.heard(ALICE)
    story.keep_saying("alice-pump", 20, flow_temp=80.0)
    assert (story.ticket.round, story.ticket.state) == (2, TicketState.OFFERED)
    assert story.one(Offer, Offer.state == "pending").provider_id == visit.provider_id
    again = story.last_told(ALICE, TopicName.FAULT_FOUND)
    assert (again.facts["technician"], again.facts["note"]) == ("Karin Kunz", "Pump replaced")
    assert TopicName.RESOLVED not in story.heard(ALICE)


def test_done_and_proved_a_little_later_is_called_fixed_once(story: Story) -> None:
    visit = overheating(story)
    story.act(Arrive(visit.id), KARIN)
    story.act(Finish(visit.id, "Pump replaced"), KARIN)
    story.wait(minutes=3)
    story.says("alice-pump", **WELL)
    story.keep_saying("alice-pump", 20, **WELL)
    assert story.ticket.state == TicketState.CLOSED
    assert story.heard(ALICE)[-2:] == [TopicName.WATCHING, TopicName.RESOLVED]
    assert all(alarm.closed_at is not None for alarm in story.all(Alarm))
    assert story.now - NOON < HOUR
