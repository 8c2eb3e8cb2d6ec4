"""One problem, one ticket; one trip, one technician: several faults in one home."""

from collections.abc import Callable, Iterable

import pytest

from gateway.devices.registration import DeviceRequest
from gateway.model import Alarm, IncompleteReason, Job, Notification, Offer, RecipientKind, Ticket, Visit, VisitOutcome
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.store import Store
from gateway.store.devices import device_registry
from gateway.tickets.actions import CancelTicket, Depart, DropVisit, Finish, MergeTickets, ResolveTicket, UnmergeTicket
from tests.drivers.story import Story, begin


@pytest.fixture
def story(both_stores: Store) -> Story:
    """Alice has a second heat pump, in her cellar."""
    story = begin(both_stores)
    with both_stores.write() as session:
        device_registry.add(session, DeviceRequest(id="alice-cellar", key="native:alice-cellar", profile="heat-pump",
                                                   site="alice-home", name="Cellar pump"))
    return story


def fault(story: Story, device: str = "alice-pump", code: str = "E7", active: bool = True) -> None:
    story.receive(f"devices/{device}/fault", {"code": code, "active": active})


def to(story: Story, kind: RecipientKind) -> list[Notification]:
    """What they are told, oldest first."""
    return sorted(story.all(Notification, Notification.recipient_kind == kind), key=lambda row: row.created_at)


def test_four_faults_in_one_home_are_one_firm_one_visit_and_at_most_two_messages(story: Story) -> None:
    fault(story)
    story.says("alice-pump", flow_temp=80.0)
    fault(story, "alice-cellar")
    story.says("alice-cellar", flow_temp=81.0)
    story.wait(minutes=1)
    assert len(story.alarms) == 4
    assert {ticket.device_id for ticket in story.tickets} == {"alice-pump", "alice-cellar"}
    story.one(Job)
    offer = story.one(Offer)
    story.accept()
    story.wait(minutes=1)
    visit = story.one(Visit)
    assert {ticket.state for ticket in story.tickets} == {"assigned"}
    assert {ticket.visit_id for ticket in story.tickets} == {visit.id}
    told = to(story, RecipientKind.CUSTOMER)
    assert [(row.topic, row.recipient_id) for row in told] == [("fault_found", "alice"),
                                                               ("technician_assigned", "alice")]
    assert [cause["en"] for cause in told[1].facts["also"]] == [
        "The heat pump is overheating", "Compressor fault", "The heat pump is overheating"]
    asked = to(story, RecipientKind.PROVIDER)
    assert [(row.topic, row.recipient_id) for row in asked] == [
        ("offer", offer.provider_id), ("visit_invite", offer.provider_id)]
    assert asked[0].occurrence == offer.id
    one, other = (ticket.id for ticket in story.tickets)
    assert story.explained(one, "told")[0] == (
        f"One visit is for this and {other}: what is said about it is said once, under one of these numbers")


def test_one_visit_settles_them_all_and_the_customer_hears_it_once(story: Story) -> None:
    fault(story)
    fault(story, "alice-cellar")
    story.accept()
    visit = story.one(Visit)
    story.act(Depart(visit.id), "technician")
    for device in ("alice-pump", "alice-cellar"):
        fault(story, device, active=False)
    story.act(Finish(visit.id, "both fans replaced"), "technician")
    story.wait(minutes=1)
    assert {ticket.state for ticket in story.tickets} == {"resolved"}
    assert [row.topic for row in to(story, RecipientKind.CUSTOMER)].count("resolved") == 1
    story.wait(minutes=20)
    assert {ticket.state for ticket in story.tickets} == {"closed"}


def test_a_fault_that_the_firm_cannot_mend_is_a_second_job_of_the_same_ticket(story: Story) -> None:
    fault(story)
    story.receive("devices/alice-pump/status", {"state": "lost"})
    story.wait(minutes=2)
    ticket = story.one(Ticket)
    heating, electrical = sorted(story.all(Job), key=lambda job: job.skills, reverse=True)
    assert (heating.skills, electrical.skills) == (["heating"], ["electrical"])
    assert {offer.job_id: offer.provider_id for offer in story.all(Offer)} == {
        heating.id: "kunz", electrical.id: "seeblick"}
    assert ticket.state == "offered"


def test_the_ticket_is_where_its_least_advanced_job_is_and_resolved_when_all_are_done(story: Story) -> None:
    fault(story)
    story.receive("devices/alice-pump/status", {"state": "lost"})
    story.wait(minutes=2)
    for offer in story.all(Offer):
        story.accept_offer(offer)
    first, second = story.all(Visit)
    story.act(Depart(first.id), "technician")
    assert story.one(Ticket).state == "assigned", "the other technician has not set out"
    story.act(Finish(first.id, "done"), "technician")
    assert story.one(Ticket).state == "assigned"
    story.act(Depart(second.id), "technician")
    story.act(Finish(second.id, "wired anew"), "technician")
    assert story.one(Ticket).state == "resolved"


def test_the_firm_that_comes_anyway_is_asked_first_to_add_it_to_its_visit(story: Story) -> None:
    fault(story)
    story.accept()
    visit = story.one(Visit)
    fault(story, "alice-cellar")
    offer = story.one(Offer, Offer.state == "pending")
    assert (offer.provider_id, offer.adds_to_visit) == (visit.provider_id, visit.id)
    story.accept()
    story.one(Visit)
    story.wait(minutes=1)
    cellar = story.one(Ticket, Ticket.device_id == "alice-cellar")
    assert (cellar.state, cellar.visit_id) == ("assigned", visit.id)
    told = {row.topic for row in to(story, RecipientKind.CUSTOMER) if row.subject_id == cellar.id}
    assert told == {"fault_found", "technician_assigned"}
    story.act(Depart(visit.id), "technician")
    assert {ticket.state for ticket in story.tickets} == {"en_route"}


def test_a_ticket_of_which_the_visit_settles_more_and_more_is_told_once_who_comes(story: Story) -> None:
    fault(story)
    story.receive("devices/alice-pump/status", {"state": "lost"})
    story.wait(minutes=2)
    heating, electrical = (story.one(Offer, Offer.provider_id == firm) for firm in ("kunz", "seeblick"))
    story.accept_offer(heating)
    visit = story.one(Visit)
    with story.gw.store.write() as session:  # as if whoever comes could do both
        session.get_one(Offer, electrical.id).adds_to_visit = visit.id
    story.accept_offer(electrical)
    story.wait(minutes=1)
    assert story.one(Visit).id == visit.id
    told = [row for row in to(story, RecipientKind.CUSTOMER) if row.topic == "technician_assigned"]
    assert [row.facts["visit_id"] for row in told] == [visit.id]


def test_a_second_fault_of_the_device_is_told_to_the_firm_that_comes_and_not_to_the_customer(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.accept()
    before = len(to(story, RecipientKind.CUSTOMER))
    fault(story)
    story.wait(minutes=1)
    assert [row.topic for row in to(story, RecipientKind.PROVIDER)].count("fault_added") == 1
    assert len(to(story, RecipientKind.CUSTOMER)) == before
    story.one(Visit)


def test_a_second_fault_that_is_worse_is_told_to_everybody(story: Story) -> None:
    story.says("alice-pump", pressure=0.2)
    story.wait(minutes=11)
    assert story.one(Ticket).severity == "minor"
    fault(story)
    story.wait(minutes=1)
    assert story.one(Ticket).severity == "critical"
    assert to(story, RecipientKind.CUSTOMER)[-1].topic == "worse"


def test_one_fault_that_is_over_does_not_settle_the_other(story: Story) -> None:
    fault(story)
    story.says("alice-pump", flow_temp=80.0)
    fault(story, active=False)
    assert story.one(Ticket).state == "offered"
    story.says("alice-pump", flow_temp=50.0)
    assert story.one(Ticket).state == "resolved"


def test_another_fault_than_the_one_that_was_put_right_is_another_ticket(story: Story) -> None:
    fault(story)
    fault(story, active=False)
    story.says("alice-pump", flow_temp=80.0)
    first, second = sorted(story.tickets, key=lambda ticket: ticket.opened_at)
    assert (first.state, second.state) == ("closed", "offered")


def test_two_tickets_of_one_home_are_merged_and_separated_again(story: Story) -> None:
    fault(story)
    story.accept()
    fault(story, "alice-cellar")
    cellar, pump = (story.one(Ticket, Ticket.device_id == device) for device in ("alice-cellar", "alice-pump"))
    story.act(MergeTickets(cellar.id, pump.id))
    cellar = story.one(Ticket, Ticket.id == cellar.id)
    assert (cellar.state, cellar.merged_into) == ("merged", pump.id)
    assert {alarm.ticket_id for alarm in story.all(Alarm)} == {pump.id}
    story.says("alice-cellar", flow_temp=80.0)
    assert len(story.tickets) == 2, "what the device says now belongs to the other number too"
    story.act(UnmergeTicket(cellar.id))
    cellar = story.one(Ticket, Ticket.id == cellar.id)
    assert (cellar.merged_into, cellar.closed_at) == (None, None)
    assert {alarm.ticket_id for alarm in story.all(Alarm, Alarm.device_id == "alice-cellar")} == {cellar.id}


def three_faults(story: Story, devices: Iterable[str] = ("alice-pump", "alice-cellar", "alice-attic")) -> list[str]:
    """A third heat pump stands in the attic; each has a fault. The ids of their tickets."""
    with story.gw.store.write() as session:
        device_registry.add(session, DeviceRequest(id="alice-attic", key="native:alice-attic", profile="heat-pump",
                                                   site="alice-home", name="Attic pump"))
    for device in devices:
        fault(story, device)
    return [story.one(Ticket, Ticket.device_id == device).id for device in devices]


def test_a_ticket_that_shares_the_trip_of_a_merged_one_is_still_offered(story: Story) -> None:
    fault(story, "alice-cellar")
    story.accept()
    cellar, pump, attic = three_faults(story, ("alice-cellar", "alice-pump", "alice-attic"))
    story.act(MergeTickets(pump, cellar))
    assert story.one(Ticket, Ticket.id == attic).state == "offered"
    story.accept()
    assert story.one(Ticket, Ticket.id == attic).state == "assigned"


def test_what_was_merged_goes_on_with_the_ticket_that_carries_it_on(story: Story) -> None:
    pump, cellar, attic = three_faults(story)
    story.act(MergeTickets(pump, cellar))
    story.act(MergeTickets(cellar, attic))
    assert {ticket.merged_into for ticket in story.tickets} == {None, attic}
    story.says("alice-pump", flow_temp=80.0)
    assert len(story.tickets) == 3, "what the first device says now belongs to the last number"
    story.act(CancelTicket(attic, "sold"))
    assert story.one(Offer).state == "withdrawn"


def test_a_trip_for_two_tickets_is_called_off_with_the_second_when_the_first_is_over_already(story: Story) -> None:
    fault(story)
    fault(story, "alice-cellar")
    story.accept()
    story.wait(minutes=1)
    first, second = sorted(story.tickets, key=lambda ticket: ticket.opened_at)
    story.act(CancelTicket(first.id, "sold"))
    assert story.one(Visit).state == "planned"
    story.act(CancelTicket(second.id, "sold too"))
    assert story.one(Visit).state == "cancelled"
    story.wait(minutes=1)
    assert to(story, RecipientKind.PROVIDER)[-1].topic == "offer_withdrawn"
    assert to(story, RecipientKind.PROVIDER)[-1].state == "sent"


def test_an_offer_for_two_tickets_is_taken_back_with_the_second_when_the_first_is_over_already(story: Story) -> None:
    fault(story)
    fault(story, "alice-cellar")
    story.wait(minutes=1)
    for ticket in sorted(story.tickets, key=lambda ticket: ticket.opened_at):
        assert story.one(Offer).state == "pending"
        story.act(CancelTicket(ticket.id, "sold"))
    story.wait(minutes=1)
    assert story.one(Offer).state == "withdrawn"
    assert [row.state for row in to(story, RecipientKind.PROVIDER)] == ["sent", "sent"]


def test_the_customer_drops_a_visit_whose_other_ticket_an_agent_has_settled(story: Story) -> None:
    fault(story)
    fault(story, "alice-cellar")
    story.accept()
    pump, cellar = (story.one(Ticket, Ticket.device_id == device).id for device in ("alice-pump", "alice-cellar"))
    fault(story, active=False)
    story.act(ResolveTicket(pump, "reset by telephone"))
    fault(story, "alice-cellar", active=False)
    assert story.notifications("works_again")
    story.act(DropVisit(cellar), "customer Alice Keller")
    assert {ticket.state for ticket in story.tickets} == {"resolved"}
    assert story.one(Visit).state == "cancelled"


@pytest.mark.parametrize("which", [lambda mine, other: MergeTickets(mine, mine),
                                   MergeTickets,
                                   lambda mine, other: MergeTickets(mine, "T-NOSUCH"),
                                   lambda mine, other: UnmergeTicket(mine)])
def test_what_cannot_be_merged_or_separated_is_refused_and_nothing_changes(
        story: Story, which: Callable[[str, str], MergeTickets | UnmergeTicket]) -> None:
    fault(story)
    fault(story, "bob-pump")
    mine, other = (story.one(Ticket, Ticket.device_id == device).id for device in ("alice-pump", "bob-pump"))
    with pytest.raises(Refused) as refused:
        story.act(which(mine, other))
    assert refused.value.reason in (RefusedReason.NOT_MERGEABLE, RefusedReason.NOT_MERGED)
    assert {ticket.state for ticket in story.tickets} == {"offered"}


def test_a_visit_that_did_not_settle_it_is_followed_by_the_same_firm_first(story: Story) -> None:
    fault(story)
    story.accept()
    visit = story.one(Visit)
    story.act(Depart(visit.id), "technician")
    story.act(Finish(visit.id, "two more hours of work", VisitOutcome.INCOMPLETE, IncompleteReason.MORE_WORK),
              "technician")
    assert story.one(Offer, Offer.state == "pending").provider_id == visit.provider_id
