"""A ticket ends while the technician is there: what they say then is heard, and a visit that nobody reports ends."""

import pytest

from gateway.model import Visit, VisitOutcome, VisitState
from gateway.store import Store
from gateway.tickets.actions import Arrive, CancelTicket, Finish, ResolveTicket
from tests.drivers.story import Story, begin

ON_HER_PHONE = "provider kunz"


@pytest.fixture
def story(both_stores: Store) -> Story:
    """The pump overheats, and Karin is there."""
    story = begin(both_stores)
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.accept("Karin Kunz")
    story.act(Arrive(story.one(Visit).id), ON_HER_PHONE)
    return story


def test_what_she_says_is_heard_though_the_ticket_was_cancelled(story: Story) -> None:
    story.act(CancelTicket(story.ticket.id, "Alice has sold the house"))
    story.act(Finish(story.one(Visit).id, "Pump replaced", VisitOutcome.COMPLETE), ON_HER_PHONE)
    visit = story.one(Visit)
    assert (visit.state, visit.outcome, story.ticket.state) == (VisitState.DONE, VisitOutcome.COMPLETE, "cancelled")


def test_a_visit_that_nobody_reports_ends_when_its_ticket_is_over(story: Story) -> None:
    ticket_id = story.ticket.id
    story.act(ResolveTicket(ticket_id, "Alice has pressed the button herself"))
    story.says("alice-pump", flow_temp=40.0)
    story.wait(minutes=30)
    assert (story.ticket.state, story.one(Visit).state) == ("closed", VisitState.ON_SITE)
    for _ in range(10):
        story.wait(minutes=20)
        story.says("alice-pump", flow_temp=40.0)
    visit = story.one(Visit)
    assert (visit.state, visit.outcome) == (VisitState.DONE, None)
    assert story.timeline(ticket_id)[-1] == "Nobody has said how the visit went"
