"""Once a year, whoever asked for it hears that all is well: when it is true, and never otherwise."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.flow.gateway import Gateway
from gateway.model import (
    DAY,
    HOUR,
    Contact,
    Notification,
    NotificationState,
    Preference,
    Reason,
    ReasonKind,
    Ticket,
    from_iso,
    local,
)
from gateway.notifications.preferences.links import preferences_token
from gateway.store import Store
from gateway.tickets.actions import LeaveSite
from tests.drivers.web_driver import WebStory, read, web_story

FORM = {"act": "choose", "amount": "now", "digest_at": "18:00", "quiet": "household", "groups": ["faults", "visits"]}
ZURICH = "Europe/Zurich"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def page_of(there: WebStory, who: str = "alice") -> str:
    contact = there.one(Contact, Contact.owner_id == who, Contact.channel == "email")
    choice = next(iter(there.all(Preference, Preference.owner_id == who)), None)
    return f"/m/{preferences_token(there.secret, contact, choice)}"


def asks(there: WebStory, web: httpx.Client, wants: bool = True) -> Preference:
    answer = web.post(page_of(there), data=FORM | ({"yearly": "yes"} if wants else {}))
    assert answer.status_code == 303
    return there.one(Preference)


def is_due(there: WebStory, hours: float = 0) -> None:
    """A year has passed, and the device has spoken all the time."""
    there.says("alice-pump", flow_temp=40.0)
    there.change(there.one(Preference), well_at=there.now + round(hours * HOUR))
    there.wait(seconds=1)


def is_repaired(there: WebStory) -> None:
    """And the ticket is closed a day later."""
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    there.keep_saying("alice-pump", 60 * 26, flow_temp=40.0)


def told(there: WebStory) -> list[NotificationState]:
    rows = there.all(Notification, Notification.topic == "all_is_well")
    return [row.state for row in sorted(rows, key=lambda row: row.created_at)]


def test_who_ticks_the_box_hears_it_in_a_year_and_who_asks_again_keeps_their_day(there: WebStory, web: httpx.Client
                                                                                ) -> None:
    assert 'name="yearly" value="yes">' in web.get(page_of(there)).text
    choice = asks(there, web)
    assert choice.well_at is not None
    assert local(choice.well_at, ZURICH).isoformat() == "2027-11-23T10:00:00+01:00"
    assert 'name="yearly" value="yes" checked>' in web.get(page_of(there)).text
    there.wait(minutes=60)
    assert asks(there, web).well_at == choice.well_at
    assert any("once a year that all is well: looked at next on Tue 23 Nov 2027 10:00:00" in line
               for line in there.explained("alice", "wish"))
    assert asks(there, web, wants=False).well_at is None
    assert not [line for line in there.explained("alice", "wish") if "once a year" in line]


def test_it_says_what_is_watched_how_often_we_acted_and_when_it_was_heard(there: WebStory, web: httpx.Client) -> None:
    there.break_down()
    is_repaired(there)
    asks(there, web)
    is_due(there)
    assert told(there) == ["sent"]
    message = there.messages[-1]
    assert (message.to, message.subject) == ("alice@example.com", "All is well at your home (alice)")
    assert "This is what we watch for you: Heat pump." in message.text
    assert "Faults that were settled in the last twelve months: 1." in message.text
    assert re.search(r"Heard from least recently: Heat pump, \d\d:\d\d today", message.text)
    assert page_of(there) in message.text


def test_it_goes_once_a_year_whatever_restarts(there: WebStory, web: httpx.Client) -> None:
    asks(there, web)
    is_due(there)
    there.gw = Gateway(there.gw.settings, there.gw.store, there.gw.profiles, there.gw.channels)
    there.wait(seconds=1)
    assert told(there) == ["sent"]
    for _ in range(3):  # whoever moves the clock or the row: not again within the year
        is_due(there)
    assert told(there) == ["sent"]
    choice = there.one(Preference)
    assert choice.well_at is not None
    assert local(choice.well_at, ZURICH).isoformat() == "2027-11-23T10:00:00+01:00"
    row = there.one(Notification, Notification.topic == "all_is_well")
    there.change(row, created_at=there.now - 366 * DAY, done_at=there.now - 366 * DAY, occurrence="customer/alice/1")
    is_due(there)
    assert told(there) == ["sent", "sent"]


def test_on_a_leap_day_it_is_the_28th_of_the_next_year(there: WebStory, web: httpx.Client) -> None:
    there.now = from_iso("2028-02-29T11:00:00+01:00")
    choice = asks(there, web)
    assert choice.well_at is not None
    assert local(choice.well_at, ZURICH).isoformat() == "2029-02-28T10:00:00+01:00"


def test_while_something_is_open_it_is_put_off_by_a_week_and_again(there: WebStory, web: httpx.Client) -> None:
    asks(there, web)
    there.break_down()
    for _ in range(2):
        is_due(there)
        choice = there.one(Preference)
        assert choice.well_at is not None
        assert 6 * DAY < choice.well_at - there.now <= 7 * DAY
    assert told(there) == []
    is_repaired(there)
    is_due(there)
    assert told(there) == ["sent"]


def test_nothing_is_said_where_nothing_was_ever_heard(there: WebStory, web: httpx.Client) -> None:
    asks(there, web)
    there.change(there.one(Preference), well_at=there.now)
    there.wait(seconds=1)
    assert told(there) == []


def test_what_breaks_before_it_leaves_makes_it_untrue_and_it_comes_later(there: WebStory, web: httpx.Client) -> None:
    asks(there, web)
    there.now = from_iso("2026-11-23T23:30:00+01:00")  # in her quiet hours
    is_due(there)
    assert told(there) == ["held"]
    there.break_down()
    there.now = from_iso("2026-11-24T07:00:01+01:00")
    there.wait(seconds=1)
    row = there.one(Notification, Notification.topic == "all_is_well")
    assert (row.state, row.reason) == (NotificationState.DROPPED, Reason(ReasonKind.NOT_WELL))
    choice = there.one(Preference)
    assert choice.well_at is not None
    assert choice.well_at < there.now + 7 * DAY, "and it is looked at again"
    assert any("it would not be true" in line for line in there.explained("alice", "untold"))


def test_one_click_ends_it_and_what_waits_does_not_go(there: WebStory, web: httpx.Client) -> None:
    asks(there, web)
    there.now = from_iso("2026-11-23T23:30:00+01:00")
    is_due(there)
    stop = f"{page_of(there)}/stop/well"
    assert "once a year" in read(web.get(stop))
    assert there.one(Preference).yearly, "looking at the page changes nothing"
    assert web.post(stop).status_code == 200
    choice = there.one(Preference)
    assert (choice.yearly, choice.well_at, choice.muted) == (False, None, ["surveys", "maintenance"])
    there.now = from_iso("2026-11-24T07:00:01+01:00")
    there.wait(seconds=1)
    assert told(there) == ["dropped"]


def test_who_has_moved_out_hears_nothing(there: WebStory, web: httpx.Client) -> None:
    asks(there, web)
    there.act(LeaveSite("alice-home"))
    is_due(there)
    choice = there.one(Preference)
    assert (told(there), choice.yearly, choice.well_at) == ([], False, None)


def test_nobody_rings_because_it_could_not_be_told(there: WebStory, web: httpx.Client) -> None:
    asks(there, web)
    with there.gw.store.write() as session:
        for row in there.all(Contact, Contact.owner_id == "alice"):
            session.get_one(Contact, row.id).stopped_at = there.now
    is_due(there)
    assert told(there) == ["failed"]
    assert not there.notifications("undeliverable")
    assert not there.all(Ticket)
