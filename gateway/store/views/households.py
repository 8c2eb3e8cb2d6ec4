"""Queries for the API's lists of customers, sites and people, and for one of each."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from gateway.model import Contact, Customer, ExternalKind, Person, PersonSite, Site, customer, person
from gateway.store import external_ids
from gateway.store.households import contacts_of
from gateway.store.views.pagination import Order, Page, page


class PersonDetails(NamedTuple):
    person: Person
    sites: list[str]  # ids, where they live or help now
    contacts: list[Contact]  # in their order, stopped ones too
    external_ids: dict[str, str]  # system → what it calls them


class CustomerDetails(NamedTuple):
    customer: Customer
    sites: list[str]
    people: list[str]  # ids of those who have not left, in the household's order
    contacts: list[Contact]
    external_ids: dict[str, str]


class SiteDetails(NamedTuple):
    site: Site
    people: list[str]
    external_ids: dict[str, str]


def _called(kind: ExternalKind, column: Any, wanted: Mapping[str, Any]) -> list[Any]:
    return [external_ids.is_called(kind, column, *wanted["external_id"])] if "external_id" in wanted else []


def customers(session: Session, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """Rows are CustomerDetails, by id; `wanted`: external_id (system, id there)."""
    query = select(Customer).where(*_called(ExternalKind.CUSTOMER, Customer.id, wanted))
    found = page(session, query, Order((Customer.id,), rising=True), cursor, limit)
    return Page(_customers(session, found.rows), found.next)


def one_customer(session: Session, customer_id: str) -> CustomerDetails | None:
    row = session.get(Customer, customer_id)
    return None if row is None else _customers(session, [row])[0]


def sites(session: Session, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """Rows are SiteDetails, by id; `wanted`: customer, external_id."""
    query = select(Site).where(*_called(ExternalKind.SITE, Site.id, wanted))
    if "customer" in wanted:
        query = query.where(Site.customer_id == wanted["customer"])
    found = page(session, query, Order((Site.id,), rising=True), cursor, limit)
    return Page(_sites(session, found.rows), found.next)


def one_site(session: Session, site_id: str) -> SiteDetails | None:
    row = session.get(Site, site_id)
    return None if row is None else _sites(session, [row])[0]


def people(session: Session, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """Rows are PersonDetails, by id; `wanted`: customer, site, left (whether they have), external_id."""
    query = select(Person).where(*_called(ExternalKind.PERSON, Person.id, wanted))
    if "customer" in wanted:
        query = query.where(Person.customer_id == wanted["customer"])
    if "site" in wanted:
        query = query.where(col(Person.id).in_(select(PersonSite.person_id).where(
            PersonSite.site_id == wanted["site"], col(PersonSite.left_at).is_(None))))
    if "left" in wanted:
        gone = col(Person.left_at)
        query = query.where(gone.is_not(None) if wanted["left"] else gone.is_(None))
    found = page(session, query, Order((Person.id,), rising=True), cursor, limit)
    return Page(_people(session, found.rows), found.next)


def one_person(session: Session, person_id: str) -> PersonDetails | None:
    row = session.get(Person, person_id)
    return None if row is None else _people(session, [row])[0]


def _customers(session: Session, rows: list[Customer]) -> list[CustomerDetails]:
    ids = [row.id for row in rows]
    places: defaultdict[str, list[str]] = defaultdict(list)
    for owner, site in session.exec(select(Site.customer_id, Site.id).where(col(Site.customer_id).in_(ids))
                                    .order_by(col(Site.id))):
        places[owner].append(site)
    members: defaultdict[str, list[str]] = defaultdict(list)
    for owner, who in session.exec(
            select(Person.customer_id, Person.id).where(col(Person.customer_id).in_(ids), col(Person.left_at).is_(None))
            .order_by(col(Person.position), col(Person.id))):
        members[owner].append(who)
    contacts = contacts_of(session, {customer(one) for one in ids})
    elsewhere = external_ids.of_rows(session, ExternalKind.CUSTOMER, ids)
    return [CustomerDetails(row, places[row.id], members[row.id], contacts[customer(row.id)], elsewhere[row.id])
            for row in rows]


def _sites(session: Session, rows: list[Site]) -> list[SiteDetails]:
    members: defaultdict[str, list[str]] = defaultdict(list)
    for site, who in session.exec(
            select(PersonSite.site_id, PersonSite.person_id).join(Person, col(Person.id) == PersonSite.person_id)
            .where(col(PersonSite.site_id).in_([row.id for row in rows]), col(PersonSite.left_at).is_(None))
            .order_by(col(Person.position), col(Person.id))):
        members[site].append(who)
    elsewhere = external_ids.of_rows(session, ExternalKind.SITE, [row.id for row in rows])
    return [SiteDetails(row, members[row.id], elsewhere[row.id]) for row in rows]


def _people(session: Session, rows: list[Person]) -> list[PersonDetails]:
    ids = [row.id for row in rows]
    places: defaultdict[str, list[str]] = defaultdict(list)
    for who, site in session.exec(
            select(PersonSite.person_id, PersonSite.site_id).where(
                col(PersonSite.person_id).in_(ids), col(PersonSite.left_at).is_(None))
            .order_by(col(PersonSite.site_id))):
        places[who].append(site)
    contacts = contacts_of(session, {person(one) for one in ids})
    elsewhere = external_ids.of_rows(session, ExternalKind.PERSON, ids)
    return [PersonDetails(row, places[row.id], contacts[person(row.id)], elsewhere[row.id]) for row in rows]
