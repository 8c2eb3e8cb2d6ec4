"""What is said of an outage beforehand: work that is planned, and an end that is estimated."""

import pytest

from gateway.flow.act import add_maintenance
from gateway.model import HOUR, MINUTE, Actor, ActorKind, MaintenanceWindow, Promise
from gateway.model.plan import NoSuch, Refused
from gateway.store import Store
from tests.fixtures.outage_fleet import LEFT, RIGHT, OutageStory, begin_outage_story

pytestmark = pytest.mark.slow


@pytest.fixture
def quarter(both_stores: Store) -> OutageStory:
    return begin_outage_story(both_stores)


def plan_work(quarter: OutageStory, hours: float = 1.0) -> MaintenanceWindow:
    """Work on lateral 9a that begins in an hour."""
    window = MaintenanceWindow(id="W-1", area_id="feeder-9a", from_at=quarter.now + HOUR, created_at=quarter.now,
                               until_at=quarter.now + HOUR + round(hours * HOUR),
                               words={"en": "a new transformer", "de": "ein neuer Transformator"})
    add_maintenance(quarter.gw, window, Actor(ActorKind.AGENT, "Anna"), quarter.now)
    quarter.wait(seconds=1)
    return window


def test_planned_work_is_announced_expected_and_over_without_another_word(quarter: OutageStory) -> None:
    plan_work(quarter)
    told = quarter.customers_told()
    assert {home: len(said) for home, said in told.items()} == dict.fromkeys(LEFT, 1)
    assert told["a0"][0].startswith("Planned power cut in Lateral 9a: 13:00–14:00 today")
    assert "a new transformer" in quarter.messages[0].text
    quarter.live(minutes=62, step=2)
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=40, step=4)
    assert quarter.outages == []
    assert quarter.tickets == []
    assert {str(alarm.suppressed_by) for alarm in quarter.alarms} == {"maintenance"}
    quarter.back(*LEFT)
    quarter.live(minutes=40, step=4)
    assert quarter.tickets == []
    assert quarter.customers_told() == told


def test_a_home_that_stays_dark_after_planned_work_gets_its_ticket(quarter: OutageStory) -> None:
    plan_work(quarter)
    quarter.live(minutes=62, step=2)
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=50, step=2)
    quarter.back(*LEFT[1:])
    quarter.live(minutes=24, step=1)
    assert [ticket.site_id for ticket in quarter.tickets] == ["a0"]
    assert quarter.outages == []


def test_planned_work_that_does_not_end_in_time_is_an_outage(quarter: OutageStory) -> None:
    window = plan_work(quarter)
    quarter.live(minutes=62, step=2)
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=80, step=1)
    assert quarter.now > window.until_at
    assert (quarter.outage.state, quarter.outage.name) == ("confirmed", "Lateral 9a")
    assert len(quarter.tickets) == 1
    assert {home: len(said) for home, said in quarter.customers_told().items()} == dict.fromkeys(LEFT, 2)


def test_another_lateral_is_not_excused_by_planned_work(quarter: OutageStory) -> None:
    plan_work(quarter)
    quarter.live(minutes=62, step=2)
    quarter.lose(*RIGHT, seconds=1)
    quarter.live(minutes=2)
    assert quarter.outage.name == "Lateral 9b"


def test_planned_work_must_make_sense(quarter: OutageStory) -> None:
    for area, length, error in (("feeder-9a", -2.0, Refused), ("nowhere", 1.0, NoSuch)):
        window = MaintenanceWindow(id="W-2", area_id=area, from_at=quarter.now + HOUR, created_at=0,
                                   until_at=quarter.now + HOUR + round(length * HOUR))
        with pytest.raises(error):
            add_maintenance(quarter.gw, window, Actor(ActorKind.AGENT, "Anna"), quarter.now)


def test_an_estimate_comes_from_how_long_it_took_before(quarter: OutageStory) -> None:
    for _ in range(3):
        quarter.lose(*LEFT, seconds=1)
        quarter.live(minutes=60, step=4)
        quarter.back(*LEFT)
        quarter.live(minutes=28, step=4)
        assert "not known yet" in [message.text for message in quarter.messages if "Probably" in message.subject][-1]
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=1)
    outage = next(row for row in quarter.outages if row.state == "confirmed")
    assert outage.etr_at is not None
    assert 60 * MINUTE <= outage.etr_at - outage.began_at <= 75 * MINUTE
    last = [message.text for message in quarter.messages if message.to == "a0@example.com"][-1]
    assert "we estimate that it will be over by" in last
    assert "This is an estimate, not a promise" in last
    assert quarter.one(Promise, Promise.kind == "etr").state == "open"
    quarter.live(minutes=28, step=4)
    quarter.back(*LEFT)
    quarter.live(minutes=2)
    assert quarter.one(Promise, Promise.kind == "etr").state == "kept"


def test_an_estimate_that_has_passed_is_corrected_before_anybody_asks(quarter: OutageStory) -> None:
    for minutes in (40, 40, 40, 120):
        quarter.lose(*LEFT, seconds=1)
        quarter.live(minutes=minutes, step=4)
        quarter.back(*LEFT)
        quarter.live(minutes=28, step=4)
    assert [promise.state for promise in quarter.all(Promise, Promise.kind == "etr")] == ["corrected"]
    assert len(quarter.notifications("outage_longer")) == 5
    texts = [message.text for message in quarter.messages if message.to == "a0@example.com"]
    assert "we would only be guessing" in texts[-2]
    assert "we hear" in quarter.told_to("a0@example.com")[-1]
