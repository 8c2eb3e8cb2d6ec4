"""Homes that go dark while the gateway itself is away: what it hears when it is back may be half of the story."""

from collections.abc import Callable

import pytest

from gateway.model import MINUTE, Instant
from gateway.store import Store
from tests.fixtures.outage_fleet import OutageStory, begin_outage_story


@pytest.fixture
def quarter(both_stores: Store) -> OutageStory:
    return begin_outage_story(both_stores)


def away(quarter: OutageStory, minutes: float) -> Instant:
    """The gateway is killed and started again. Since when it listens."""
    quarter.now += round(minutes * MINUTE)
    quarter.wait(since=quarter.now)
    return quarter.now


def told_now(quarter: OutageStory, *homes: str) -> None:
    """The broker brings the wills that were left meanwhile."""
    for home in homes:
        quarter.receive(f"devices/{home}-pump/status", {"state": "lost"}, retained=True)
        quarter.dark.add(home)


def living_on(quarter: OutageStory, since: Instant, minutes: float, until: Callable[[], bool] = lambda: False) -> None:
    """Ten seconds at a time, in which the living speak."""
    for _ in range(round(minutes * 6)):
        if until():
            return
        quarter.living_speak()
        quarter.wait(seconds=10, since=since)


def test_a_street_that_went_dark_meanwhile_is_one_outage_and_nobody_hears_of_a_fault_of_their_own(
        quarter: OutageStory) -> None:
    since = away(quarter, minutes=10)
    told_now(quarter, "a0", "a1")
    quarter.dark |= {"a2", "a3"}  # their wills were lost with the broker's memory: silence alone tells of them
    living_on(quarter, since, minutes=20)
    outage = quarter.outage
    assert (outage.area_id, outage.confirmed_at is not None) == ("feeder-9a", True)
    assert quarter.members("affected") == {"a0", "a1", "a2", "a3"}
    assert [len(quarter.told_to(f"{home}@example.com")) for home in ("a0", "a1")] == [1, 1]
    assert {ticket.site_id for ticket in quarter.tickets if ticket.outage_id is None} <= {"a2", "a3"}


def test_whom_we_find_lost_when_we_are_back_has_a_heartbeat_of_grace(quarter: OutageStory) -> None:
    since = away(quarter, minutes=10)
    told_now(quarter, "c3")
    living_on(quarter, since, minutes=5.5)
    assert quarter.alarms == []
    living_on(quarter, since, minutes=1)
    assert quarter.ticket.site_id == "c3"
    assert quarter.alarms[0].opened_at == since + 6 * MINUTE  # link: 5m, and then lost: 60s


def test_whom_we_lose_when_we_have_long_been_back_is_judged_as_ever(quarter: OutageStory) -> None:
    since = away(quarter, minutes=10)
    living_on(quarter, since, minutes=1)
    told_now(quarter, "c3")
    lost = quarter.now
    living_on(quarter, since, minutes=5, until=lambda: bool(quarter.alarms))
    assert quarter.alarms[0].opened_at == lost + MINUTE
