"""Imports the people of the fleet file's households, and where each of them lives or helps."""

from collections import defaultdict

from sqlalchemy import select, update
from sqlmodel import Session, col

from gateway.config import fleet_rows as file
from gateway.config.fleet_file import BadFleet, Fleet
from gateway.model import Instant, Person, PersonSite, Site, to_iso
from gateway.store.changes import record_rows
from gateway.store.chunks import chunks
from gateway.store.customers.preferences import forget_choices
from gateway.store.fleet.tables import Count, Values, upsert


def who_has_left(session: Session, fleet: Fleet) -> None:
    """Raises BadFleet for people of the file who have moved out since: they would be told of what is others' now."""
    listed = {row.id for row in fleet.people}
    found = session.connection().execute(select(col(Person.id), col(Person.left_at)).where(
        col(Person.left_at).is_not(None), col(Person.listed).is_(False)))
    left = [f"people: {one!r} has moved out on {to_iso(at or 0)[:10]} — expected them out of the file, or another id "
            "for who is meant" for one, at in found if one in listed]
    if left:
        raise BadFleet(left)


def save_people(session: Session, fleet: Fleet, now: Instant) -> Count:
    """Whom an earlier file listed and this one does not has left the household."""
    rows = [_person(row, number, household.id) for household in fleet.customers
            for number, row in enumerate(household.people)]
    count = upsert(session, Person, rows)
    left = _no_longer_listed(session, fleet)
    for some in chunks(left):
        session.connection().execute(update(Person).where(
            col(Person.id).in_(some), col(Person.left_at).is_(None)).values(left_at=now))
        forget_choices(session, some)
    record_rows(session, Person, ({"id": one, "customer_id": household} for one, household in left.items()))
    return count._replace(gone=len(left))


def _person(row: file.Person, position: int, customer_id: str) -> Values:
    needs = row.needs
    return {"id": row.id, "customer_id": customer_id, "name": row.name, "role": row.role, "locale": row.locale,
            "needs": [str(need) for need in needs.kinds] if needs else [],
            "needs_consent_on": needs.consent if needs else None, "needs_review_on": needs.review if needs else None,
            "position": position, "listed": True, "left_at": None}


def _no_longer_listed(session: Session, fleet: Fleet) -> dict[str, str]:
    """Person → customer."""
    listed = {person.id for household in fleet.customers for person in household.people}
    found = session.connection().execute(select(col(Person.id), col(Person.customer_id)).where(
        col(Person.listed), col(Person.left_at).is_(None)))
    households = {household.id for household in fleet.customers}
    return {person_id: household for person_id, household in found
            if household in households and person_id not in listed}


def save_person_sites(session: Session, fleet: Fleet, now: Instant) -> Count:
    """A person lives or helps at all sites of the household, or at those that the file names."""
    sites: defaultdict[str, list[str]] = defaultdict(list)
    for site, household in session.connection().execute(select(col(Site.id), col(Site.customer_id))):
        sites[household].append(site)
    people = {row.id: sites[owner.id] if row.sites is None else row.sites
              for owner in fleet.customers for row in owner.people}
    wanted: list[Values] = [
        {"id": f"{person_id}/{site}", "person_id": person_id, "site_id": site, "left_at": None}
        for person_id, theirs in people.items() for site in theirs]
    count = upsert(session, PersonSite, wanted)
    ids = {row["id"] for row in wanted}
    left = session.connection().execute(select(col(PersonSite.id), col(PersonSite.person_id), col(Person.left_at)).join(
        Person, col(Person.id) == PersonSite.person_id).where(col(PersonSite.left_at).is_(None)))
    gone = [one for one, person_id, left_at in left
            if one not in ids and (person_id in people or left_at is not None)]
    for some in chunks(gone):
        session.connection().execute(update(PersonSite).where(col(PersonSite.id).in_(some)).values(left_at=now))
    return count._replace(gone=len(gone))
