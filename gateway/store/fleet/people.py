"""Imports the people of the fleet file's households, and where each of them lives or helps."""

from collections import defaultdict

from sqlalchemy import select, update
from sqlmodel import Session, col

from gateway.config import fleet_rows as file
from gateway.config.fleet_file import Fleet
from gateway.model import Instant, Person, PersonSite, Site
from gateway.store.chunks import chunks
from gateway.store.fleet.tables import Count, Values, upsert, write_links


def save_people(session: Session, fleet: Fleet, now: Instant) -> Count:
    """Whom an earlier file listed and this one does not has left the household."""
    rows = [_person(row, number, household.id) for household in fleet.customers
            for number, row in enumerate(household.people)]
    count = upsert(session, Person, rows)
    left = _no_longer_listed(session, fleet)
    for some in chunks(left):
        session.connection().execute(update(Person).where(
            col(Person.id).in_(some), col(Person.left_at).is_(None)).values(left_at=now))
    return count._replace(gone=len(left))


def _person(row: file.Person, position: int, customer_id: str) -> Values:
    needs = row.needs
    return {"id": row.id, "customer_id": customer_id, "name": row.name, "role": row.role, "locale": row.locale,
            "needs": [str(need) for need in needs.kinds] if needs else [],
            "needs_consent_on": needs.consent if needs else None, "needs_review_on": needs.review if needs else None,
            "position": position, "listed": True, "left_at": None}


def _no_longer_listed(session: Session, fleet: Fleet) -> list[str]:
    listed = {person.id for household in fleet.customers for person in household.people}
    found = session.connection().execute(select(col(Person.id), col(Person.customer_id)).where(
        col(Person.listed), col(Person.left_at).is_(None)))
    households = {household.id for household in fleet.customers}
    return [person_id for person_id, household in found if household in households and person_id not in listed]


def save_person_sites(session: Session, fleet: Fleet) -> Count:
    """A person lives or helps at all sites of the household, or at those that the file names."""
    sites: defaultdict[str, list[str]] = defaultdict(list)
    for site, household in session.connection().execute(select(col(Site.id), col(Site.customer_id))):
        sites[household].append(site)
    people = [(row, owner.id) for owner in fleet.customers for row in owner.people]
    wanted = {(row.id, site) for row, owner_id in people
              for site in (sites[owner_id] if row.sites is None else row.sites)}
    gone = session.connection().scalars(select(col(Person.id)).where(col(Person.left_at).is_not(None)))
    return write_links(session, PersonSite, {row.id for row, _ in people} | set(gone), wanted)
