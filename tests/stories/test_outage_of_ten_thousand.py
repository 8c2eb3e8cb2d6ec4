"""Ten thousand homes of one feeder dark within ten seconds: one outage, one ticket, and everybody told once."""

import time
from typing import Any

import orjson
import pytest
from sqlalchemy import insert
from sqlmodel import SQLModel, col, func, select

from gateway.detection.batch import MqttMessage
from gateway.flow.receive import receive
from gateway.flow.sweep import sweep
from gateway.flow.watch import watch
from gateway.model import (
    MINUTE,
    SECOND,
    Area,
    Callback,
    Customer,
    Device,
    DeviceState,
    Need,
    Notification,
    Outage,
    OutageMember,
    Person,
    PersonSite,
    Site,
    SiteArea,
    Ticket,
)
from gateway.store import Store
from tests.drivers.story import NOON, Story, begin

HOMES, HEALTHY, BATCH = 10_000, 2_000, 500
UNITS = 50  # homes on a lateral


def populate(story: Story) -> None:
    """10,000 homes on laterals of one feeder, and 2,000 elsewhere; all were heard a moment ago."""
    names = [f"h{number}" for number in range(HOMES + HEALTHY)]
    laterals = [f"lateral-{number}" for number in range(HOMES // UNITS)]
    rows: dict[type[SQLModel], list[dict[str, Any]]] = {
        Area: [{"id": "big", "name": "Big feeder", "kind": "feeder", "parent_id": None},
               {"id": "town", "name": "Town", "kind": "place", "parent_id": None}],
        Customer: [{"id": name, "name": name, "locale": "en", "timezone": "UTC", "quiet_from": None,
                    "quiet_until": None} for name in names],
        Site: [{"id": name, "customer_id": name, "name": name, "street": "", "postcode": "", "town": "", "lat": None,
                "lon": None, "timezone": "UTC", "access": ""} for name in names],
        SiteArea: [{"site_id": name, "area_id": "town"} for name in names]
        + [{"site_id": name, "area_id": laterals[number // UNITS]} for number, name in enumerate(names[:HOMES])],
        Device: [{"id": name, "key": f"native:{name}", "profile": "heat-pump", "site_id": name, "name": "Pump",
                  "via": None, "retired_at": None} for name in names],
        DeviceState: [{"device_id": name, "link": "online", "link_at": NOON - MINUTE, "seen_at": NOON - MINUTE,
                       "data_at": NOON - MINUTE, "due_at": NOON + 4 * MINUTE, "signals": "{}", "memory": "{}"}
                      for name in names],
    }
    with story.gw.store.write() as session:
        for table, values in rows.items():
            session.connection().execute(insert(table), values)
            if table is Area:
                session.connection().execute(insert(Area), [
                    {"id": name, "name": name, "kind": "feeder", "parent_id": "big"} for name in laterals])


def count(story: Story, table: type, *where: object) -> int:
    with story.gw.store.read() as session:
        return session.exec(select(func.count()).select_from(table).where(*where)).one()  # type: ignore[arg-type]


def move_in_those_who_need_power(story: Story, homes: int) -> None:
    """In every hundredth home, `homes` in all, somebody depends on power, and a neighbour helps."""
    sites = [f"h{number * HOMES // homes}" for number in range(homes)]
    with story.gw.store.write() as session:
        for role, needs in (("owner", [Need.POWER_DEPENDENT]), ("helper", [])):
            session.connection().execute(insert(Person), [
                {"id": f"{role}-{site}", "customer_id": site, "name": role, "role": role, "needs": needs,
                 "position": 0, "listed": False} for site in sites])
            session.connection().execute(insert(PersonSite), [
                {"id": f"{role}-{site}", "person_id": f"{role}-{site}", "site_id": site} for site in sites])


@pytest.mark.slow
@pytest.mark.parametrize("needy", [0, 100])
def test_ten_thousand_homes_are_one_outage_and_are_told_once(both_stores: Store, needy: int) -> None:
    story = begin(both_stores)
    populate(story)
    if needy:
        move_in_those_who_need_power(story, needy)
    payload = orjson.dumps({"state": "lost"})
    began, busy = story.now, 0.0
    worst = 0.0
    for start in range(0, HOMES, BATCH):
        story.now = began + start * 10 * SECOND // HOMES
        story.listen()
        receive(story.gw, [MqttMessage(f"devices/h{number}/status", payload, True) for number in range(start,
                                                                                                       start + BATCH)],
                story.now)
        if (story.now - began) % SECOND:
            continue  # the watch looks once a second
        started = time.perf_counter()
        watch(story.gw, story.now)
        worst = max(worst, time.perf_counter() - started)
        busy += time.perf_counter() - started
    last, before = story.now, busy
    for _ in range(5):
        story.now += SECOND
        story.listen()
        started = time.perf_counter()
        while sweep(story.gw, story.now) + watch(story.gw, story.now):
            pass
        worst = max(worst, time.perf_counter() - started)
        busy += time.perf_counter() - started
    [outage] = story.all(Outage, Outage.state == "confirmed")
    print(f"\n{HOMES} homes: {busy:.1f} s in all, {busy - before:.1f} s of it after the last loss, "
          f"slowest look {worst:.2f} s, confirmed {(outage.confirmed_at or 0) - began} ms after the first, "
          f"last loss at {last - began} ms")
    assert outage.name == "Big feeder"
    assert (outage.homes, outage.dark) == (HOMES, HOMES)
    assert outage.confirmed_at is not None
    assert outage.confirmed_at - last <= 5 * SECOND
    assert count(story, Ticket, col(Ticket.closed_at).is_(None)) == 1
    assert count(story, Notification, Notification.topic == "outage") == HOMES
    assert busy - before <= 10.0
    assert count(story, Callback, Callback.kind == "check", Callback.state == "requested") == needy
    for _ in range(3):  # a minute later every home's own silence is found, and explained
        story.now += 30 * SECOND
        story.listen()
        with story.gw.store.write() as session:
            session.connection().exec_driver_sql(
                f"UPDATE device_state SET seen_at = {story.now} WHERE link = 'online'")
        while sweep(story.gw, story.now) + watch(story.gw, story.now):
            pass
    assert count(story, Ticket, col(Ticket.closed_at).is_(None)) == 1
    online = orjson.dumps({"state": "online"})
    started = time.perf_counter()
    for start in range(0, HOMES, BATCH):
        receive(story.gw, [MqttMessage(f"devices/h{number}/status", online, True) for number in range(start,
                                                                                                      start + BATCH)],
                story.now)
        watch(story.gw, story.now)
    print(f"all back in {time.perf_counter() - started:.1f} s")
    assert story.one(Outage, Outage.id == outage.id).state == "restored"
    assert count(story, OutageMember, OutageMember.state == "restored") == HOMES
    assert count(story, Notification, Notification.topic == "outage_over") == HOMES
    assert count(story, Callback, Callback.kind == "check", Callback.state == "cancelled") == needy
