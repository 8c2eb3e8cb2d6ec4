"""Keeps the search index as it has to be, in the transactions that write households, sites and devices."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import bindparam, column, delete, exists, insert, select, table, text
from sqlmodel import Session, SQLModel, col

from gateway.config.phone_numbers import PHONE_CHANNELS
from gateway.model import (
    Contact,
    Customer,
    Device,
    Person,
    PersonSite,
    RecipientKind,
    SearchEntry,
    SearchField,
    Site,
)
from gateway.model.plan import Plan
from gateway.model.row import kind_of
from gateway.store.chunks import chunks
from gateway.store.search.terms import phone_terms, terms_of, terms_of_street

Term = tuple[str, str]
"""(value of a SearchField, term)."""
_Row = tuple[str, str, int]
"""A term, with the entry that it is of."""
_AT_ONCE = 100_000  # terms that are written together
_HOUSEHOLD, _PLACE, _RESIDENT, _DEVICE = (one.value for one in SearchField)
# as the database has it, without the types of the model: 100,000 households have three million terms
_TERMS = table("search_term", column("field"), column("term"), column("entry_id"))
_STORED = select(_TERMS.c.entry_id, _TERMS.c.field, _TERMS.c.term).where(
    _TERMS.c.entry_id.in_(bindparam("entries", expanding=True)))
_DELETE = delete(_TERMS).where(_TERMS.c.field == bindparam("of"), _TERMS.c.term == bindparam("gone"),
                               _TERMS.c.entry_id == bindparam("entry"))
_INSERT_ARRAYS = text("""INSERT INTO search_term (field, term, entry_id) SELECT * FROM unnest(
    CAST(:fields AS varchar[]), CAST(:terms AS varchar[]), CAST(:entries AS bigint[]))""")
_INDEXED = (Customer, Person, PersonSite, Site, Contact, Device)
_HOUSEHOLDS = (RecipientKind.CUSTOMER, RecipientKind.PERSON)


def follow(session: Session, plan: Plan) -> None:
    """After the rows of a plan have been written: what it changes is found as it is now."""
    written: defaultdict[type[SQLModel], list[Mapping[str, Any]]] = defaultdict(list)
    for change in plan.change:
        if change.table in _INDEXED:
            written[change.table].append(change.row)
    for row in plan.add:
        if (kind := kind_of(row)) in _INDEXED:
            written[kind].append(row.__dict__)
    if not written:
        return
    named = {row["id"] for row in written[Customer]} | {row["customer_id"] for row in written[Person]}
    sites = {row["id"] for row in written[Site]} | {row["site_id"] for row in written[Device]}
    sites |= {row["site_id"] for row in written[PersonSite]} | _sites_of(session, named)
    reindex(session, named | _households_of(session, ((row["owner_kind"], row["owner_id"])
                                                      for row in written[Contact])), sites)


def follow_contact(session: Session, contact_id: str) -> None:
    """After one contact has been changed."""
    owner = session.connection().execute(select(col(Contact.owner_kind), col(Contact.owner_id)).where(
        col(Contact.id) == contact_id))
    reindex(session, _households_of(session, owner))


def reindex(session: Session, households: Collection[str] = (), sites: Collection[str] = ()) -> None:
    """Makes the terms of these households, by the ids of their customers, and of these sites what their rows say."""
    added: list[_Row] = []
    for owner, ids, terms_of_some in ((SearchEntry.customer_id, households, _household_terms),
                                      (SearchEntry.site_id, sites, _site_terms)):
        for some in chunks(sorted(ids)):
            added += _write(session, owner, some, terms_of_some)
            if len(added) > _AT_ONCE:
                _insert(session, added)
                added = []
    _insert(session, added)


def rebuild(session: Session) -> None:
    """The whole index anew; only what is wrong is written."""
    reindex(session, list(session.connection().scalars(select(col(Customer.id)))),
            list(session.connection().scalars(select(col(Site.id)))))


def is_empty(session: Session) -> bool:
    """Whether there are households and nothing by which they are found: a database from before there was a search, or
    one whose terms a newer gateway makes in another way and has deleted."""
    known = session.connection().scalar(select(exists(select(col(Customer.id)))))
    return bool(known) and not session.connection().scalar(select(exists(select(col(SearchEntry.id)))))


def _write(session: Session, owner: Any, ids: list[str], wanted_of: Any) -> list[_Row]:
    """Deletes what is wrong; returns what is missing."""
    connection = session.connection()
    entries = _entries(session, owner, ids)  # locked before anything is read: who comes second reads what the first did
    wanted: dict[str, set[Term]] = wanted_of(session, ids)
    stored: defaultdict[int, set[Term]] = defaultdict(set)
    if entries:
        for entry_id, kind, term in connection.execute(_STORED, {"entries": list(entries.values())}):
            stored[entry_id].add((kind, term))
    new = [one for one in wanted if one not in entries]
    if new:
        connection.execute(insert(SearchEntry), [{"customer_id": None, "site_id": None, owner.key: one} for one in new])
        entries = _entries(session, owner, ids)
    gone = [{"of": kind, "gone": term, "entry": entry_id} for one, entry_id in entries.items()
            for kind, term in sorted(stored[entry_id] - wanted.get(one, set()))]
    if gone:
        connection.execute(_DELETE, gone)
    return [(kind, term, entries[one]) for one, terms in wanted.items() for kind, term in terms - stored[entries[one]]]


def _insert(session: Session, added: list[_Row]) -> None:
    """In the order of the table, so that what is written together stands together; past what SQLAlchemy does for each
    value, and with one statement on PostgreSQL: that takes a third of the time."""
    if not added:
        return
    connection, added = session.connection(), sorted(added)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO search_term (field, term, entry_id) VALUES (?, ?, ?)", added)
    else:
        fields, terms, entries = zip(*added, strict=True)
        connection.execute(_INSERT_ARRAYS, {"fields": list(fields), "terms": list(terms), "entries": list(entries)})


def _entries(session: Session, owner: Any, ids: list[str]) -> dict[str, int]:
    rows = session.connection().execute(
        select(owner, col(SearchEntry.id)).where(owner.in_(ids)).order_by(col(SearchEntry.id)).with_for_update())
    return {row[0]: row[1] for row in rows}


def household_terms(customer_id: str, name: str) -> set[str]:
    """By which a customer is found."""
    return terms_of(customer_id, name)


def place_terms(site_id: str, name: str, street: str, postcode: str, town: str) -> set[str]:
    """By which a site is found."""
    return terms_of(site_id, postcode, town) | terms_of_street(street) | terms_of_street(name)


def device_terms(device_id: str, key: str, name: str) -> set[str]:
    """By which a device is found."""
    return terms_of(device_id, name, *key.partition(":")[::2])


def _household_terms(session: Session, ids: list[str]) -> dict[str, set[Term]]:
    """Id, name and numbers of the customer, and of everybody who has not left."""
    connection = session.connection()
    found = {key: household_terms(key, name) for key, name in connection.execute(
        select(col(Customer.id), col(Customer.name)).where(col(Customer.id).in_(ids)))}
    household_of = {}
    for key, household, name in connection.execute(
            select(col(Person.id), col(Person.customer_id), col(Person.name)).where(
                col(Person.customer_id).in_(ids), col(Person.left_at).is_(None))):
        household_of[key] = household
        found[household] |= terms_of(name)
    for some in chunks([*found, *household_of]):
        for kind, owner, number in connection.execute(numbers_of(some)):
            household = owner if kind == RecipientKind.CUSTOMER else household_of.get(owner, "")
            if household in found:
                found[household] |= phone_terms([number])
    return {key: {(_HOUSEHOLD, term) for term in terms} for key, terms in found.items()}


def numbers_of(owners: Collection[str]) -> Any:
    """Statement of (kind of owner, owner, E.164) for the numbers at which these customers and people are reached."""
    return select(col(Contact.owner_kind), col(Contact.owner_id), col(Contact.address)).where(
        col(Contact.owner_id).in_(owners), col(Contact.owner_kind).in_(_HOUSEHOLDS),
        col(Contact.channel).in_(PHONE_CHANNELS), col(Contact.stopped_at).is_(None),
        col(Contact.address).like("+%")).order_by(col(Contact.position), col(Contact.id))


def _site_terms(session: Session, ids: list[str]) -> dict[str, set[Term]]:
    """The place; whose it is and who is there, while anybody lives there; the devices in use."""
    connection = session.connection()
    found: dict[str, set[Term]] = {}
    household_of: dict[str, str] = {}
    for site, name, street, postcode, town, household_id, household, nobody in connection.execute(
            select(col(Site.id), col(Site.name), col(Site.street), col(Site.postcode), col(Site.town),
                   col(Customer.id), col(Customer.name), col(Site.household_left_at).is_not(None))
            .join(Customer, col(Customer.id) == col(Site.customer_id)).where(col(Site.id).in_(ids))):
        found[site] = {(_PLACE, term) for term in place_terms(site, name, street, postcode, town)}
        if not nobody:
            household_of[site] = household_id
            found[site] |= {(_RESIDENT, term) for term in household_terms(household_id, household)}
    at = list(connection.execute(select(col(PersonSite.site_id), col(PersonSite.person_id)).where(
        col(PersonSite.site_id).in_(household_of), col(PersonSite.left_at).is_(None))))
    people = {}  # not joined: PostgreSQL, which has not counted new rows yet, reads all people for that
    for some in chunks({person for _, person in at}):
        people.update({key: (household, name) for key, household, name in connection.execute(
            select(col(Person.id), col(Person.customer_id), col(Person.name)).where(
                col(Person.id).in_(some), col(Person.left_at).is_(None)))})
    for site, person in at:
        household, name = people.get(person, ("", ""))
        if household == household_of[site]:
            found[site] |= {(_RESIDENT, term) for term in terms_of(name)}
    for site, device, key, name in connection.execute(
            select(col(Device.site_id), col(Device.id), col(Device.key), col(Device.name)).where(
                col(Device.site_id).in_(ids), col(Device.retired_at).is_(None))):
        found[site] |= {(_DEVICE, term) for term in device_terms(device, key, name)}
    return found


def _households_of(session: Session, owners: Iterable[tuple[RecipientKind, str]]) -> set[str]:
    """Of the owners of contacts, those that are or belong to households."""
    found, people = set(), []
    for kind, owner in owners:
        if kind == RecipientKind.CUSTOMER:
            found.add(owner)
        elif kind == RecipientKind.PERSON:
            people.append(owner)
    for some in chunks(people):
        found.update(session.connection().scalars(select(col(Person.customer_id)).where(col(Person.id).in_(some))))
    return found


def _sites_of(session: Session, customers: Collection[str]) -> set[str]:
    return {site for some in chunks(customers) for site in session.connection().scalars(
        select(col(Site.id)).where(col(Site.customer_id).in_(some)))}


def snapshot(session: Session) -> Iterator[tuple[str | None, str | None, str, str]]:
    """(customer, site, field, term) of the whole index, in no order."""
    yield from session.connection().execute(select(
        col(SearchEntry.customer_id), col(SearchEntry.site_id), _TERMS.c.field, _TERMS.c.term).join(
        _TERMS, _TERMS.c.entry_id == col(SearchEntry.id)))
