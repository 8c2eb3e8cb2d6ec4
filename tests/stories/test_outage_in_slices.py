"""A large outage is written down a few homes at a time: whoever presses meanwhile is answered in between, and a crash
between two of them loses nothing and doubles nothing."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import insert
from sqlmodel import SQLModel, col, func, select

from gateway.detection.batch import MqttMessage
from gateway.flow.deliver import deliver
from gateway.flow.receive import receive
from gateway.flow.watch import JOINING, TOLD, watch
from gateway.model import (
    MINUTE,
    SECOND,
    Area,
    Callback,
    Customer,
    Device,
    DeviceState,
    Entry,
    Link,
    Notification,
    Outage,
    OutageMember,
    Site,
    SiteArea,
    Ticket,
)
from gateway.store import Store
from tests.drivers.story import NOON, Story, begin

HOMES, HEALTHY = 2 * JOINING + 100, 300
DARK = [f"h{number}" for number in range(HOMES)]


class Killed(BaseException):
    """The process ends here."""


def move_in(story: Story) -> None:
    """So many homes on one feeder, and a few elsewhere; all were heard a moment ago."""
    names = [f"h{number}" for number in range(HOMES + HEALTHY)]
    rows: dict[type[SQLModel], list[dict[str, Any]]] = {
        Area: [{"id": "big", "name": "Big feeder", "kind": "feeder", "parent_id": None}],
        Customer: [{"id": name, "name": name, "locale": "en", "timezone": "UTC"} for name in names],
        Site: [{"id": name, "customer_id": name, "name": name, "street": "", "postcode": "", "town": "",
                "timezone": "UTC", "access": ""} for name in names],
        SiteArea: [{"site_id": name, "area_id": "big"} for name in DARK],
        Device: [{"id": name, "key": f"native:{name}", "profile": "heat-pump", "site_id": name, "name": "Pump"}
                 for name in names],
        DeviceState: [{"device_id": name, "link": "online", "link_at": NOON - MINUTE, "seen_at": NOON - MINUTE,
                       "data_at": NOON - MINUTE, "due_at": NOON + 4 * MINUTE, "signals": "{}", "memory": "{}"}
                      for name in names],
    }
    with story.gw.store.write() as session:
        for table, values in rows.items():
            session.connection().execute(insert(table), values)


def count(story: Story, table: type[SQLModel], *where: Any) -> int:
    with story.gw.store.read() as session:
        return session.exec(select(func.count()).select_from(table).where(*where)).one()


@pytest.fixture
def story(both_stores: Store) -> Story:
    """All of them have been lost a moment ago."""
    story = begin(both_stores)
    move_in(story)
    story.listen()
    says(story, "lost")
    return story


def says(story: Story, state: str) -> None:
    payload = json.dumps({"state": state}).encode()
    receive(story.gw, [MqttMessage(f"devices/{name}/status", payload, True) for name in DARK], story.now)


def pass_time(story: Story, seconds: float) -> None:
    story.now += round(seconds * SECOND)
    story.listen()


def until_nothing_is_left(story: Story, look: Callable[[], Any]) -> None:
    """The second passes in which it is suspected, then the wait."""
    for _ in range(6):
        look()
        pass_time(story, 1)


def all_told(story: Story) -> None:
    [outage] = story.all(Outage)
    assert (outage.state, outage.homes, outage.dark, outage.untold) == ("confirmed", HOMES, HOMES, False)
    assert count(story, OutageMember, col(OutageMember.told)) == HOMES
    assert count(story, Notification, Notification.topic == "outage") == HOMES
    assert count(story, Link, Link.subject_id == outage.id) == HOMES
    assert count(story, Ticket, Ticket.outage_id == outage.id) == 1
    assert count(story, Entry, Entry.subject_id == outage.id, Entry.kind == "outage_confirmed") == 1


def test_no_transaction_takes_on_more_than_a_few_homes(story: Story) -> None:
    seen: list[tuple[int, int, int]] = []

    def note() -> None:
        seen.append((count(story, OutageMember), count(story, Notification),
                     count(story, OutageMember, col(OutageMember.back_at).is_not(None))))

    story.gw.store.on_change.append(note)
    until_nothing_is_left(story, lambda: watch(story.gw, story.now))
    all_told(story)
    says(story, "online")
    watch(story.gw, story.now)
    story.gw.store.on_change.remove(note)
    assert count(story, Notification, Notification.topic == "outage_over") == HOMES
    assert story.one(Outage).state == "restored"
    steps = [tuple(after - before for before, after in zip(one, other, strict=True))
             for one, other in zip([(0, 0, 0), *seen], seen, strict=False)]
    assert max(joined for joined, _, _ in steps) == JOINING
    assert max(told for _, told, back in steps if not back) <= TOLD + 2  # and the offer of the ticket
    assert 0 < max(back for _, _, back in steps) < HOMES


def test_whoever_presses_between_two_slices_is_answered_before_the_rest_are_told(story: Story) -> None:
    watch(story.gw, story.now)  # it is suspected
    pass_time(story, 4)
    found: list[int] = []

    def press() -> None:
        told = count(story, Notification, Notification.topic == "outage")
        if told and not found:
            found.append(told)
            story.press("alice-button", "one")
            assert count(story, Callback) == 1

    story.gw.store.on_change.append(press)
    watch(story.gw, story.now)
    story.gw.store.on_change.remove(press)
    assert found == [TOLD]
    all_told(story)


def test_a_kill_after_every_slice_loses_nothing_and_doubles_nothing(story: Story) -> None:
    kills: list[int] = []

    def die() -> None:
        kills.append(1)
        raise Killed

    def look() -> None:
        for _ in range(100):
            with suppress(Killed):
                watch(story.gw, story.now)
                return

    story.gw.store.on_change.append(die)
    until_nothing_is_left(story, look)
    story.gw.store.on_change.remove(die)
    assert len(kills) >= HOMES // TOLD
    all_told(story)


def test_who_is_back_before_being_told_is_told_nothing(story: Story) -> None:
    watch(story.gw, story.now)
    pass_time(story, 4)

    def die() -> None:
        raise Killed

    story.gw.store.on_change.append(die)
    with suppress(Killed):
        watch(story.gw, story.now)
    story.gw.store.on_change.remove(die)
    assert story.one(Outage).untold
    assert count(story, Notification, Notification.topic == "outage") == 0
    says(story, "online")
    for seconds in (1, 70):
        watch(story.gw, story.now)
        pass_time(story, seconds)
        while deliver(story.gw, story.now):
            pass
    assert story.one(Outage).state == "restored"
    assert not story.one(Outage).untold
    assert count(story, Notification, Notification.topic == "outage", Notification.state == "sent") == 0
    assert count(story, Notification, Notification.topic == "outage_over", Notification.state == "sent") == 0
