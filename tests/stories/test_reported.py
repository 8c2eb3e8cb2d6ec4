"""A person reports that something is wrong: with or without a device, again, beside an alarm, and until it is done."""

import pytest

from gateway.model import Severity, TicketState, VisitOutcome, customer
from gateway.store import Store
from gateway.tickets.actions import Arrive, Depart, Finish, OpenTicket
from tests.drivers.story import Story, begin

COLD = OpenTicket("alice-home", "No hot water since this morning.", "heating", Severity.MAJOR, note="a baby is there")


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def come_and_finish(story: Story, note: str = "New thermostat") -> None:
    """The technician who has accepted sets out, is there, and says that it is done."""
    visit_id = story.ticket.visit_id or ""
    for act in (Depart(visit_id, 20), Arrive(visit_id), Finish(visit_id, note, VisitOutcome.COMPLETE)):
        story.wait(5)
        story.act(act, "technician Karin Kunz")
    story.wait(1)


def test_a_report_without_a_device_is_offered_visited_done_and_closed(story: Story) -> None:
    story.act(COLD)
    ticket = story.ticket
    assert (ticket.device_id, ticket.subject, ticket.skill, ticket.opened_by) == (
        None, "heating", "heating", "agent Anna")
    assert ticket.state is TicketState.OFFERED
    story.wait(1)
    story.accept()
    story.wait(1)
    come_and_finish(story)
    assert (story.ticket.state, story.ticket.unproven) == (TicketState.RESOLVED, False)
    story.wait(24 * 60)
    assert story.ticket.state is TicketState.CLOSED
    assert story.heard(customer("alice")) == ["fault_found", "technician_assigned", "on_the_way", "resolved"]
