"""A fault, from the device's message to a person who knows that it is fixed."""

import pytest

from gateway.model import HOUR, MINUTE, Alarm, IncompleteReason, Link, Offer, Promise, Visit, VisitOutcome
from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.channels import NotSent, Sent
from gateway.store import Store
from gateway.tickets.actions import (
    AcceptOffer,
    AcknowledgeAlarm,
    Arrive,
    CancelTicket,
    DeclineOffer,
    Depart,
    Finish,
    OfferTo,
    ResolveTicket,
)
from tests.drivers.story import Story, begin


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def test_a_heat_pump_overheats_and_everybody_who_must_know_is_told(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    assert story.ticket.state == "offered"
    assert len(story.told_to("alice@example.com")) == 1
    assert len(story.told_to("office@kunz.example")) == 1

    story.accept("Karin Kunz")
    story.wait()
    assert story.ticket.state == "assigned"
    visit = story.one(Visit)
    assert (visit.technician, visit.window_until - visit.window_from) == ("Karin Kunz", 4 * HOUR)

    story.act(Depart(visit.id, minutes=25), "provider kunz")
    story.wait()
    story.act(Arrive(visit.id), "provider kunz")
    story.says("alice-pump", flow_temp=40.0)
    story.act(Finish(visit.id, "Pump replaced"), "provider kunz")
    story.wait()
    assert (story.ticket.state, story.ticket.resolved_by) == ("resolved", "technician")
    assert len(story.told_to("alice@example.com")) == 4  # found, who comes, on the way, fixed
    assert {promise.kind: promise.state for promise in story.all(Promise)} == {
        "next_word": "kept", "arrival_window": "kept", "eta": "kept"}

    for _ in range(4):
        story.wait(minutes=4)
        story.says("alice-pump", flow_temp=40.0)
    assert story.ticket.state == "closed"


def test_the_same_fault_again_and_again_is_one_ticket(story: Story) -> None:
    for temperature in (80.0, 81.0, 82.0, 79.0):
        story.says("alice-pump", flow_temp=temperature)
        story.wait(seconds=10)
    assert len(story.tickets) == 1
    assert len(story.alarms) == 1
    assert len(story.told_to("alice@example.com")) == 1


def test_a_fault_that_goes_away_before_anybody_set_out_is_resolved_by_the_device(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=1)
    story.says("alice-pump", flow_temp=70.0)  # between the limits: still a fault
    assert story.ticket.state == "offered"
    story.says("alice-pump", flow_temp=60.0)
    story.wait()
    assert (story.ticket.state, story.ticket.resolved_by) == ("resolved", "telemetry")
    assert story.one(Offer).state == "withdrawn"
    assert len(story.told_to("office@kunz.example")) == 2  # the offer, and that it is withdrawn
    assert len(story.told_to("alice@example.com")) == 2


def test_a_fault_that_comes_back_soon_reopens_the_same_ticket(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.says("alice-pump", flow_temp=60.0)
    story.wait(minutes=4)
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    assert (story.ticket.state, story.ticket.round) == ("offered", 2)
    assert len(story.alarms) == 2


def test_raised_and_cleared_in_one_batch_leaves_a_resolved_ticket_and_no_message(story: Story) -> None:
    from gateway.detection.batch import MqttMessage
    from gateway.flow.receive import receive

    batch = [MqttMessage("devices/alice-pump/telemetry", b'{"ts":%d,"seq":%d,"values":{"flow_temp":%s}}'
                   % (story.now - 100 + number, number, value), False)
             for number, value in enumerate((b"80.0", b"50.0", b"81.0", b"50.0"))]
    receive(story.gw, batch, story.now)
    story.wait()
    assert (story.ticket.state, story.ticket.round) == ("resolved", 2)
    assert [alarm.closed_at is None for alarm in story.alarms] == [False, False]
    assert {offer.state for offer in story.all(Offer)} == {"withdrawn"}
    assert story.messages == []


def test_a_firm_that_does_not_answer_is_followed_by_the_next_and_then_by_the_dispatcher(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    first = story.one(Offer)
    assert first.expires_at - first.offered_at == 20 * MINUTE  # critical: two firms, ten minutes each
    for _ in range(2):
        story.wait(minutes=4)
        story.says("alice-pump", flow_temp=80.0)
    story.wait(minutes=2)
    offers = {offer.provider_id: offer.state for offer in story.all(Offer)}
    assert offers == {"kunz": "pending", "seeblick": "pending"}, "the second sees it too"
    story.act(DeclineOffer(story.one(Offer, Offer.provider_id == "seeblick").id, "no van today"), "provider")
    story.wait(minutes=9)
    story.says("alice-pump", flow_temp=80.0)
    assert (story.ticket.state, story.told_to("desk@example.com")) == ("offered", [])
    story.wait(minutes=1)
    assert story.ticket.state == "new"
    assert len(story.told_to("desk@example.com")) == 1
    assert any("no van today" in line for line in story.timeline(story.ticket.id))

    story.act(OfferTo(story.ticket.id, "kunz"))
    story.accept()
    assert story.ticket.state == "assigned"


def test_a_firm_that_cannot_be_reached_is_not_waited_for(story: Story) -> None:
    story.replies = lambda address: (NotSent(permanent=True, why="no such mailbox", gone=True)
                                     if address == "office@kunz.example" else Sent("ok"))
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.wait(seconds=1)
    assert {offer.provider_id: offer.state for offer in story.all(Offer)} == {"kunz": "lapsed", "seeblick": "pending"}
    assert len(story.told_to("office@seeblick.example")) == 1


def test_the_offer_says_why_this_firm(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    why = story.one(Offer).evidence
    assert why["eligible"][0]["provider_id"] == "kunz"
    assert why["eligible"][0]["reasons"]


def test_an_offer_can_be_answered_once(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    offer = story.one(Offer)
    story.accept()
    for act in (AcceptOffer(offer.id), DeclineOffer(offer.id)):
        with pytest.raises(Refused, match=RefusedReason.OFFER_ACCEPTED):
            story.act(act)
    with pytest.raises(NoSuch):
        story.act(AcceptOffer("O-NOSUCH"))


def test_an_offer_past_its_time_cannot_be_accepted_even_before_the_clock_has_looked(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    offer = story.one(Offer)
    story.now = offer.expires_at
    with pytest.raises(Refused, match=RefusedReason.OFFER_LAPSED):
        story.act(AcceptOffer(offer.id))


def test_a_visit_that_could_not_be_finished_goes_on_as_the_same_ticket(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.accept()
    visit = story.one(Visit)
    with pytest.raises(Refused, match=RefusedReason.NOT_DEPARTED):
        story.act(Finish(visit.id, "done"))
    story.act(Depart(visit.id))
    story.act(Arrive(visit.id))
    story.act(Finish(visit.id, "two people are needed", VisitOutcome.INCOMPLETE, IncompleteReason.MORE_WORK))
    assert story.ticket.state == "offered"
    assert len(story.all(Offer)) == 2
    story.accept()
    assert len(story.all(Visit)) == 2


def test_a_fault_that_outlives_its_repair_reopens_the_ticket_instead_of_closing_it(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.accept()
    visit = story.one(Visit)
    story.act(Depart(visit.id))
    story.act(Finish(visit.id, "looked fine to me"))
    for _ in range(4):
        story.wait(minutes=4)
        story.says("alice-pump", flow_temp=78.0)
    assert (story.ticket.state, story.ticket.round) == ("offered", 2)


def test_a_technicians_link_dies_with_the_visit(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.accept()
    visit = story.one(Visit)
    story.act(Depart(visit.id))
    story.act(Finish(visit.id, "done"))
    dead = story.all(Link, Link.purpose != "follow")
    assert {link.expires_at for link in dead} == {story.now + 30 * MINUTE}


def test_an_agent_can_settle_or_cancel_a_ticket_and_the_firm_hears_of_it(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.says("bob-pump", flow_temp=80.0)
    story.wait()
    alice, bob = sorted(story.tickets, key=lambda ticket: ticket.customer_id)
    story.act(ResolveTicket(alice.id, "valve opened by phone"))
    story.act(CancelTicket(bob.id, "a test installation"))
    story.wait()
    states = {ticket.customer_id: ticket.state for ticket in story.tickets}
    assert states == {"alice": "resolved", "bob": "cancelled"}
    assert {offer.state for offer in story.all(Offer)} == {"withdrawn"}
    with pytest.raises(Refused):
        story.act(CancelTicket(bob.id, "again"))


def test_an_alarm_is_acknowledged_once_and_stays_open(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    alarm = story.one(Alarm)
    story.act(AcknowledgeAlarm(alarm.id), "agent Anna")
    assert story.one(Alarm).acknowledged_by == "agent Anna"
    assert story.one(Alarm).closed_at is None
    with pytest.raises(Refused, match="agent Anna"):
        story.act(AcknowledgeAlarm(alarm.id), "agent Ben")


def test_a_device_names_its_own_fault(story: Story) -> None:
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": True, "ts": story.now})
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": True, "ts": story.now})
    assert (story.ticket.cause, story.ticket.severity) == ("Compressor fault", "critical")
    story.now += MINUTE
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": False, "ts": story.now})
    assert story.one(Alarm).closed_at is not None
    story.receive("devices/alice-pump/fault", {"code": "E7", "active": True, "ts": story.now - 30_000})  # replayed
    assert len(story.alarms) == 1
