"""When the yearly message that all is well is due, and when it would be true: plain rows in, a decision out."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.model import (
    DAY,
    HOUR,
    LinkState,
    Notification,
    NotificationState,
    Preference,
    RecipientKind,
    from_iso,
    local,
)
from gateway.notifications.preferences.all_is_well import (
    LOOK_AGAIN,
    HomeNow,
    Watched,
    a_year_after,
    plan_all_is_well,
)
from tests.fixtures.outbox_rows import note

NOON = from_iso("2026-11-23T12:00:00+01:00")
ZURICH = "Europe/Zurich"
PUMP = Watched("Heat pump", LinkState.ONLINE, NOON - HOUR)
BUTTON = Watched("Help button", LinkState.SLEEPING, NOON - 40 * DAY, battery=62)
WELL = HomeNow(lives_there=True, devices=(PUMP, BUTTON), acted=2)


def asked(**more: Any) -> Preference:
    return Preference(id="customer/alice", owner_kind=RecipientKind.CUSTOMER, owner_id="alice", yearly=True,
                      well_at=NOON, changed_at=NOON, **more)


def plan(choice: Preference, home: HomeNow = WELL, last: Notification | None = None) -> Notification | None:
    return plan_all_is_well(choice, "alice", ZURICH, home, last, "N-1", NOON)


def before(state: str, days: int) -> Notification:
    return note("N-0", "all_is_well", "customer/alice/1", NOON - days * DAY, state=NotificationState(state))


@pytest.mark.parametrize(("at", "zone", "due"), [
    ("2026-11-23T12:00:00+01:00", ZURICH, "2027-11-23T10:00:00+01:00"),
    ("2028-02-29T00:10:00+01:00", ZURICH, "2029-02-28T10:00:00+01:00"),
    ("2027-02-28T12:00:00+01:00", ZURICH, "2028-02-28T10:00:00+01:00"),
    ("2026-03-28T23:30:00+01:00", ZURICH, "2027-03-28T10:00:00+02:00"),  # that day the clocks go forward
    ("2026-11-23T23:30:00Z", "Pacific/Auckland", "2027-11-24T10:00:00+13:00"),
])
def test_a_year_later_is_the_same_day_at_ten_where_they_live(at: str, zone: str, due: str) -> None:
    assert local(a_year_after(from_iso(at), zone), zone).isoformat() == due


def test_it_names_what_is_watched_and_what_was_silent_for_the_longest() -> None:
    choice = asked()
    row = plan(choice)
    assert row is not None
    assert row.facts == {"owner": "customer/alice", "watched": ["Heat pump", "Help button"], "acted": 2,
                         "device": "Help button", "since": NOON - 40 * DAY, "battery": 62}
    assert choice.well_at == NOON + LOOK_AGAIN


@pytest.mark.parametrize("home", [
    replace(WELL, anything_open=True), replace(WELL, devices=()),
    replace(WELL, devices=(replace(PUMP, link=LinkState.LOST), BUTTON)),
    replace(WELL, devices=(replace(PUMP, link=LinkState.UNKNOWN),)),
    replace(WELL, devices=(replace(PUMP, link=LinkState.STOPPED),)),
], ids=["open", "nothing heard", "lost", "unknown", "stopped"])
def test_what_would_not_be_true_is_put_off_by_a_week(home: HomeNow) -> None:
    choice = asked()
    assert plan(choice, home) is None
    assert (choice.yearly, choice.well_at) == (True, NOON + LOOK_AGAIN)


@pytest.mark.parametrize(("last", "goes", "due"), [
    (before("sent", 7), False, NOON - 7 * DAY + 365 * DAY), (before("unknown", 329), False, None),
    (before("failed", 7), False, None), (before("shadow", 7), False, None), (before("held", 1), False, None),
    (before("dropped", 7), True, None), (before("sent", 331), True, None),
])
def test_it_goes_once_within_330_days(last: Notification, goes: bool, due: int | None) -> None:
    choice = asked()
    assert (plan(choice, last=last) is not None) is goes
    assert choice.well_at is not None
    assert choice.well_at >= NOON + LOOK_AGAIN
    if due is not None:
        assert abs(choice.well_at - due) <= DAY


def test_who_lives_nowhere_is_asked_for_no_more() -> None:
    choice = asked()
    assert plan(choice, HomeNow()) is None
    assert (choice.yearly, choice.well_at) == (False, None)
