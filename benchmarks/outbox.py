"""Fills the outbox of a benchmark: homes with web hooks, and a power cut of which they are to be told."""

import time
from typing import Any

from sqlalchemy import insert
from sqlmodel import SQLModel

from gateway.model import Area, Contact, Customer, Notification, Outage, OutageMember, Site
from gateway.notifications.topics import Priority
from gateway.store import Store

SECRET = "whsec_" + "YmVuY2htYXJrLXNlY3JldC1mb3ItdGhpcy1iZW5jaA=="
LEFT = "SELECT count(*) FROM notification WHERE due_at IS NOT NULL AND topic = 'outage'"


def fill_outbox(store: Store, sink: str, count: int) -> None:
    """A power cut of which `count` homes are to be told, all of them now, by web hooks at `sink`."""
    now = round(time.time() * 1000)
    names = [f"dark-{number:05d}" for number in range(count)]
    about = {"topic": "outage", "subject_kind": "outage", "subject_id": "O-1", "occurrence": "1", "created_at": now,
             "recipient_kind": "customer", "critical": False, "priority": Priority.ORDINARY, "state": "queued",
             "due_at": now, "facts": {"area": "Big feeder", "homes": count}}
    member = {"outage_id": "O-1", "state": "affected", "round": 1, "died_at": now, "joined_at": now}
    move_in(store, sink, names, [
        (Area, [{"id": "big", "name": "Big feeder", "kind": "feeder"}]),
        (Outage, [{"id": "O-1", "key": "big", "area_id": "big", "name": "Big feeder", "kind": "feeder",
                   "state": "confirmed", "round": 1, "homes": count, "dark": count, "size": count, "began_at": now,
                   "last_at": now, "suspected_at": now, "confirmed_at": now, "evidence": {}}]),
        (OutageMember, [member | {"id": f"O-1/{name}", "site_id": name, "customer_id": name} for name in names]),
        (Notification, [about | {"id": f"N-{name}", "recipient_id": name} for name in names])])


def move_in(store: Store, sink: str, names: list[str],
            more: list[tuple[type[SQLModel], list[dict[str, Any]]]]) -> None:
    """A customer with a web hook and a site for each name, and `more` rows, in one transaction."""
    rows: list[tuple[type[SQLModel], list[dict[str, Any]]]] = [
        (Customer, [{"id": name, "name": f"Family {name}", "locale": "en", "timezone": "UTC"} for name in names]),
        (Contact, [{"id": f"K-{name}", "owner_kind": "customer", "owner_id": name, "channel": "webhook", "position": 0,
                    "address": f"{sink}/{name}"} for name in names]),
        (Site, [{"id": name, "customer_id": name, "name": name, "street": "Main Street 1", "postcode": "8001",
                 "town": "Town", "timezone": "UTC", "access": ""} for name in names])]
    with store.write() as session:
        for table, values in rows + more:
            if values:
                session.connection().execute(insert(table), values)
