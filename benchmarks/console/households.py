"""A database as a large operator has it: households with telephones and devices, a firm, and tickets at every step."""

import random
import time
from collections import defaultdict

from sqlalchemy import text

from gateway.flow.accounts import users
from gateway.flow.accounts.passwords import hash_password
from gateway.model import (
    MINUTE,
    Actor,
    ActorKind,
    Area,
    AreaKind,
    Callback,
    Contact,
    Customer,
    Device,
    DeviceState,
    Due,
    DueKind,
    Entry,
    EntryKind,
    Instant,
    Person,
    PersonRole,
    PersonSite,
    Provider,
    RecipientKind,
    Responsible,
    Role,
    Site,
    SiteArea,
    SubjectKind,
)
from gateway.store import Store
from gateway.store.fleet.tables import Values, insert_rows
from gateway.store.search.index import rebuild
from tests.fixtures.many_tickets import save_tickets

FIRST = ("Anna", "Bruno", "Carla", "Dario", "Erna", "Fatima", "Georg", "Hana", "Ivan", "Jana", "Karel", "Lena", "Maria",
         "Niklaus", "Olga", "Peter", "Quirin", "Rosa", "Simon", "Teresa", "Urs", "Věra", "Walter", "Yusuf", "Zoë")
BEGINS = ("Nov", "Mül", "Kel", "Brun", "Mei", "Hub", "Stein", "Zim", "Dvo", "Šev", "Gar", "Ros", "Bau", "Wag", "Schnei")
ENDS = ("ák", "ler", "ner", "er", "mann", "berg", "ová", "li", "ić", "der", "eli", "cía", "son", "stad", "hofer")
STREETS = ("Linden", "Haupt", "Bahnhof", "Garten", "Kirch", "Schul", "Berg", "Wald", "See", "Mühle", "Rosen", "Acker")
KINDS = ("weg", "strasse", "str.", "gasse", "platz", "allee")
TOWNS = (("8001", "Zürich"), ("8002", "Zürich"), ("3011", "Bern"), ("4051", "Basel"), ("9000", "St. Gallen"),
         ("6003", "Luzern"), ("8400", "Winterthur"), ("7000", "Chur"))
EACH_DAY = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
PASSWORD = "as good as any other of its length"
LINES = 4  # of each ticket's timeline
CALLS = 300  # that somebody waits for
_TABLES = (Customer, Site, SiteArea, Person, PersonSite, Contact, Device, DeviceState)


def settle(store: Store, count: int, loud: int, seed: int = 1) -> None:
    """`count` households, each with a home, two people, two numbers and a device, as fast as rows can be written; not
    yet in the index. The first `loud` devices are those of the load generator."""
    chance = random.Random(seed)
    with store.write() as session:
        insert_rows(session, Area, [{"id": f"area-{place}", "name": name, "kind": AreaKind.PLACE}
                                    for place, (_, name) in enumerate(TOWNS)])
        insert_rows(session, Provider, [{"id": "firm", "name": "Firm", "skills": ["heating"], "hours": EACH_DAY,
                                         "territory": {"postcodes": ["*"]}, "capacity": 100_000}])
        for start in range(0, count, 10_000):
            rows: defaultdict[type, list[Values]] = defaultdict(list)
            for number in range(start, min(start + 10_000, count)):
                _household(number, number < loud, chance, rows)
            for table in _TABLES:
                insert_rows(session, table, rows[table])


def _household(number: int, loud: bool, chance: random.Random, rows: defaultdict[type, list[Values]]) -> None:
    key, family = customer_id(number), chance.choice(BEGINS) + chance.choice(ENDS)
    site, place = site_id(number), chance.randrange(len(TOWNS))
    rows[Customer].append({"id": key, "name": f"Family {family}"})
    street = f"{chance.choice(STREETS)}{chance.choice(KINDS)} {chance.randint(1, 140)}"
    rows[Site].append({"id": site, "customer_id": key, "name": street, "street": street, "postcode": TOWNS[place][0],
                       "town": TOWNS[place][1]})
    rows[SiteArea].append({"site_id": site, "area_id": f"area-{place}"})
    for position in range(2):
        person = f"{key}-{position}"
        rows[Person].append({"id": person, "customer_id": key, "name": f"{chance.choice(FIRST)} {family}",
                             "role": PersonRole.OWNER, "position": position})
        rows[PersonSite].append({"id": f"{person}/{site}", "person_id": person, "site_id": site})
        rows[Contact].append({"id": f"C-{person}", "owner_kind": RecipientKind.PERSON, "owner_id": person,
                              "channel": "phone", "address": f"+4144{chance.randint(2_000_000, 9_999_999)}"})
    device, address = device_id(number), f"zigbee2mqtt:0x{chance.getrandbits(64):016x}"
    if loud:
        device = f"load-{number + 1:05d}"
        address = f"native:{device}"
    rows[Device].append({"id": device, "key": address, "profile": "bench", "site_id": site,
                         "name": "Heat pump in the cellar"})
    rows[DeviceState].append({"device_id": device})


def customer_id(number: int) -> str:
    return f"K-{100_000 + number}"


def site_id(number: int) -> str:
    return f"site-{number}"


def device_id(number: int) -> str:
    """But for the load generator's."""
    return f"dev-{number:06d}"


def make_index(store: Store) -> float:
    """By which the households are found; processor seconds of this process. PostgreSQL counts its rows afterwards, as
    it would do by itself within a minute."""
    began = time.process_time()
    with store.write() as session:
        rebuild(session)
    took = time.process_time() - began
    if not store.sqlite:
        with store.write() as session:
            session.connection().execute(text("ANALYZE"))
    return took


def make_work(store: Store, households: int, still_open: int, over: int, now: Instant) -> None:
    """Tickets, one a home from the last one on, with the lines of their timelines; and people who wait for a call."""
    homes = [(customer_id(number), site_id(number)) for number in range(households - 1, -1, -1)]
    save_tickets(store, still_open, over, now, homes, "firm")
    with store.write() as session:
        for start in range(0, still_open, 2_000):
            insert_rows(session, Entry, [
                {"id": 1 + number * LINES + line, "subject_kind": SubjectKind.TICKET, "subject_id": ticket_id(number),
                 "at": now - (LINES - line) * MINUTE, "kind": EntryKind.NOTED, "parameters": {"note": f"Note {line}"},
                 "by_kind": ActorKind.AGENT, "by_name": "Dana Meier"}
                for number in range(start, min(start + 2_000, still_open)) for line in range(LINES)])
        if not store.sqlite:
            session.connection().execute(text("SELECT setval('entry_id_seq', (SELECT max(id) FROM entry))"))
        insert_rows(session, Callback, [
            {"id": f"C-0A{number:06}", "site_id": site, "customer_id": customer, "requested_at": now - number * MINUTE,
             "promised_by": now + (60 + number) * MINUTE} for number, (customer, site) in enumerate(homes[:CALLS])])
        insert_rows(session, Due, [
            {"id": f"D-C{number:07}", "kind": DueKind.CALL_BY, "subject_kind": SubjectKind.CALLBACK,
             "subject_id": f"C-0A{number:06}", "site_id": site, "responsible": Responsible.DISPATCHER,
             "at": now + (60 + number) * MINUTE} for number, (_, site) in enumerate(homes[:CALLS])])


def ticket_id(number: int) -> str:
    """The newest is 0."""
    return f"T-0A{number:06}"


def add_agents(store: Store, count: int, now: Instant) -> list[str]:
    """The emails of so many people who may sign in with PASSWORD."""
    hashed, emails = hash_password(PASSWORD), [f"agent-{number}@example.com" for number in range(count)]
    with store.write() as session:
        for number, email in enumerate(emails):
            row = users.add_user(session, f"Agent {number}", email, Role.AGENT, None, Actor(ActorKind.OPERATOR), now)
            row.password = hashed
            session.add(row)
    return emails
