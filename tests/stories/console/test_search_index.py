"""The search index is after any change what a rebuild would make of it, and no search reads a whole table."""

import random
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import delete, event, text
from sqlmodel import Session, col, select

from gateway.config.fleet_file import read_fleet
from gateway.devices.registration import DeviceChecks, DeviceRequest
from gateway.flow import administer, people
from gateway.model import (
    GATEWAY,
    Contact,
    Customer,
    Device,
    Person,
    PersonRole,
    SearchEntry,
    SearchTerm,
    Site,
)
from gateway.model.plan import NoSuch, Refused
from gateway.store import Store, outbox
from gateway.store.migrations import upgrade
from gateway.store.search.index import rebuild, snapshot
from gateway.store.search.query import search
from gateway.tickets.actions import LeaveSite, MoveIn
from gateway.tickets.households.people import GivenPerson
from tests.drivers.story import Story, begin
from tests.fixtures.sample_fleet import SAMPLE_FLEET

pytestmark = pytest.mark.slow
NAMES = ("Anna Nováková", "Bruno Müller", "Carla O'Neil", "Ømer Şahin", "Ольга Іваненко", "Meier-Huber")
STREETS = ("Hauptstraße 5", "Lindenweg 12 a", "", "Karl-Marx-Str. 1")


@pytest.fixture
def town(both_stores: Store) -> Story:
    return begin(both_stores)


def kept(session: Session) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in snapshot(session)}


class Chance:
    """Does one thing after another to the town, whatever is possible."""

    def __init__(self, town: Story, seed: int) -> None:
        self.town, self.dice, self.count = town, random.Random(seed), 0
        self.steps: tuple[Callable[[], object], ...] = (
            self.add_customer, self.rename_customer, self.add_person, self.add_person, self.change_person,
            self.remove_person, self.add_contact, self.add_contact, self.remove_contact, self.refuse_contact,
            self.change_site, self.leave, self.move_in, self.claim, self.retire, self.import_fleet)

    def step(self) -> None:
        self.count += 1
        with suppress(NoSuch, Refused):  # e.g. of somebody who has left
            self.dice.choice(self.steps)()

    def one(self, table: Any) -> str:
        with self.town.gw.store.read() as session:
            return str(self.dice.choice(sorted(session.exec(select(table.id)))))

    def add_customer(self) -> None:
        people.add_customer(self.town.gw, f"k-{self.count}", {"name": self.dice.choice(NAMES)}, GATEWAY,
                            self.town.now)

    def rename_customer(self) -> None:
        people.change_customer(self.town.gw, self.one(Customer), {"name": self.dice.choice(NAMES)}, GATEWAY,
                            self.town.now)

    def given(self) -> GivenPerson:
        return GivenPerson(self.dice.choice(NAMES), self.dice.choice(list(PersonRole)))

    def add_person(self) -> None:
        people.add_person(self.town.gw, self.one(Customer), self.given(), None, (), GATEWAY, self.town.now)

    def change_person(self) -> None:
        people.change_person(self.town.gw, self.a_person(), self.given(), GATEWAY, self.town.now)

    def remove_person(self) -> None:
        people.remove_person(self.town.gw, self.a_person(), GATEWAY, self.town.now)

    def a_person(self) -> str:
        self.add_person()
        return self.one(Person)

    def add_contact(self) -> None:
        number = f"+4144{self.dice.randrange(2_000_000, 9_999_999)}"
        people.add_contact(self.town.gw, self.a_person(), "phone", number, GATEWAY, self.town.now)

    def remove_contact(self) -> None:
        contact = self.a_contact()
        people.remove_contact(self.town.gw, contact.owner_id, contact.id, GATEWAY, self.town.now)

    def refuse_contact(self) -> None:
        contact = self.a_contact()
        with self.town.gw.store.write() as session:
            outbox.stop_contact(session, contact.id, self.town.now, "no such number")

    def a_contact(self) -> Contact:
        self.add_contact()
        with self.town.gw.store.read() as session:
            return self.dice.choice(sorted(session.exec(select(Contact).where(
                col(Contact.channel) == "phone")), key=lambda one: one.id))

    def change_site(self) -> None:
        people.change_site(self.town.gw, self.one(Site), {"street": self.dice.choice(STREETS)}, GATEWAY,
                           self.town.now)

    def leave(self) -> None:
        self.town.act(LeaveSite(self.one(Site)), "agent")

    def move_in(self) -> None:
        self.town.act(MoveIn(self.one(Site), self.one(Customer)), "agent")

    def claim(self) -> None:
        wanted = DeviceRequest(f"d-{self.count}", f"native:new-{self.count}", "heat-pump", self.one(Site),
                               self.dice.choice(NAMES))
        with self.town.gw.store.write() as session:
            administer.claim(session, wanted, DeviceChecks(self.town.gw.profiles, ("native",)))

    def retire(self) -> None:
        self.claim()
        with self.town.gw.store.write() as session:
            administer.retire(session, f"d-{self.count}", self.town.gw.policy, True, GATEWAY, self.town.now)

    def import_fleet(self) -> None:
        """The file has the last word: a pump that stood at Bob's stands at Alice's, and back. A file need not name
        where it stood."""
        content = SAMPLE_FLEET
        if self.dice.random() < 0.5:
            content = content.replace("{id: bob-pump, profile: heat-pump, site: bob-home",
                                      "{id: bob-pump, profile: heat-pump, site: alice-home")
            content = re.sub(r"  - \{id: bob-home.*\n.*\n", "", content)
        with self.town.gw.store.write() as session:
            administer.import_fleet(session, read_fleet(content, "fleet"), self.town.gw.policy, GATEWAY, self.town.now)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_change_the_index_is_what_a_rebuild_would_make_of_it(town: Story, seed: int) -> None:
    chance = Chance(town, seed)
    for number in range(60):
        chance.step()
        town.wait(minutes=1)
        if number % 5 == 4:
            with town.gw.store.read() as session:  # rolled back
                stands = kept(session)
                rebuild(session)
                assert kept(session) == stands, number


def test_a_database_from_before_there_was_a_search_is_filled_by_the_migration(town: Story) -> None:
    with town.gw.store.read() as session:
        stands = kept(session)
    with town.gw.store.write() as session:
        session.connection().execute(delete(SearchTerm))
        session.connection().execute(delete(SearchEntry))
    assert upgrade(town.gw.store) == []
    with town.gw.store.read() as session:
        assert kept(session) == stands != set()


def test_an_import_without_a_change_writes_nothing_to_the_index(town: Story) -> None:
    written: list[str] = []
    event.listen(town.gw.store.engine, "before_cursor_execute",
                 lambda _connection, _cursor, statement, *_: written.append(statement))
    with town.gw.store.write() as session:
        administer.import_fleet(session, read_fleet(SAMPLE_FLEET, "fleet"), town.gw.policy, GATEWAY, town.now)
    assert [one for one in written if "search_term" in one and not one.startswith("SELECT")] == []


TYPED = ("T-4F7QK2M9", "T-4F7Q", "novakova", "keller lindenweg", "anna 8001 hauptstr 5", "044 668 18 00", "1800",
         "pump", "zz lindenweg 1800", "bob 1")


@pytest.mark.parametrize("typed", TYPED)
def test_no_search_reads_a_whole_table(town: Story, typed: str) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(town.gw.store.engine, "before_cursor_execute", note)
    with town.gw.store.read() as session:
        search(session, typed, "CH", phones=True)
    event.remove(town.gw.store.engine, "before_cursor_execute", note)
    assert asked
    with town.gw.store.read() as session:
        for statement, parameters in asked:
            assert whole_tables(session, town.gw.store, statement, parameters) == [], statement


def whole_tables(session: Session, store: Store, statement: str, parameters: Any) -> list[str]:
    """Lines of the plan that read a table from its beginning to its end."""
    if store.sqlite:
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [str(row[3]) for row in plan]
        return [step for step in steps if step.startswith("SCAN ") and step.split()[1].split(".")[0] in TABLES]
    session.connection().execute(text("SET LOCAL enable_seqscan = off"))  # what is left has no index
    steps = [str(row[0]) for row in session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters)]
    return [step for step in steps if "Seq Scan" in step]


TABLES = {table.__tablename__ for table in (Customer, Person, Site, Contact, Device, SearchEntry, SearchTerm)} | {
    "person_site", "ticket", "callback", "outage", "outage_member", "offer", "visit"}
