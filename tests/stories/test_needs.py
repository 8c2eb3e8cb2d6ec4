"""What people need orders what is done first: where somebody depends on power, a lesser fault cannot wait either."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.model import MINUTE, Need, Notification, Offer, Provider
from gateway.notifications.topics import Priority
from gateway.store import Store
from gateway.tickets.actions import LeaveSite
from gateway.tickets.households.needs import needs_first
from tests.drivers.story import Story, begin
from tests.fixtures.household import ARBER, move_in


@pytest.fixture
def story(both_stores: Store) -> Story:
    there = begin(both_stores)
    move_in(there)
    return there


def lose_pressure(story: Story) -> Offer:
    """A minor fault at the Arbers': what the first firm is asked."""
    for _ in range(4):
        story.says("arber-pump", pressure=0.3, flow_temp=40.0)
        story.wait(minutes=4)
    return story.all(Offer)[0]


def test_where_somebody_depends_on_power_a_minor_fault_is_asked_about_as_urgently_as_a_major_one(story: Story) -> None:
    offer = lose_pressure(story)
    assert story.ticket.severity == "minor"
    assert offer.expires_at - offer.offered_at == 2 * 10 * MINUTE  # of urgent work: two waves of ten minutes
    assert offer.evidence["urgent_because"] == "power_dependent"
    assert any("because somebody who lives there depends on power" in line
               for line in story.explained(story.ticket.id, "provider"))


def test_where_nobody_does_or_does_so_no_more_it_waits_its_turn(story: Story) -> None:
    story.act(LeaveSite("arber-home", "erna"))
    offer = lose_pressure(story)
    assert offer.expires_at - offer.offered_at > 20 * MINUTE
    assert "urgent_because" not in offer.evidence


def test_the_need_of_a_helper_is_not_that_of_the_home(story: Story) -> None:
    move_in(story, ARBER.replace("role: owner", "role: helper"))
    assert "urgent_because" not in lose_pressure(story).evidence


def test_a_firm_that_sleeps_is_asked_about_it_all_the_same(story: Story) -> None:
    with story.gw.store.write() as session:
        for firm in ("kunz", "seeblick"):
            session.get_one(Provider, firm).quiet_from = "11:00"
            session.get_one(Provider, firm).quiet_until = "20:00"
    lose_pressure(story)
    assert story.all(Notification, Notification.topic == "offer")[0].state == "sent"


def test_what_they_are_told_leaves_before_what_others_are_told_of_the_same_fault(
        story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time = ThreadPoolExecutor(1)  # else they leave together, and any of them may arrive first
    monkeypatch.setattr("gateway.flow.deliver._pool", one_at_a_time)
    for _ in range(4):
        story.says("alice-pump", "bob-pump", "arber-pump", pressure=0.3, flow_temp=40.0)  # in one batch
        story.wait(minutes=4)
    told = {row.recipient_id: row.priority for row in story.notifications("fault_found")}
    assert told == {"alice": Priority.ORDINARY, "bob": Priority.ORDINARY, "arber": Priority.CRITICAL}
    to = [message.to for message in story.messages]
    assert to.index("arber@example.com") < min(to.index("alice@example.com"), to.index("bob@example.com"))
    one_at_a_time.shutdown()


def test_homes_are_ranked_by_what_their_people_need() -> None:
    assert needs_first([Need.SIGHT, Need.POWER_DEPENDENT], False) == 0
    assert {needs_first([], True), needs_first([Need.EMERGENCY_BUTTON], False), needs_first([Need.SIGHT], True)} == {1}
    assert needs_first([], False) == 2
