"""people: writes down what an agent says about households, their people, and how each of them is reached."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmodel import Session

from gateway.flow.act import act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Actor, Contact, Customer, Instant, Person, Site, person
from gateway.model.plan import Draft, NoSuch, R, Refused
from gateway.model.reasons import RefusedReason
from gateway.store import apply, households
from gateway.store.fleet import contact_id
from gateway.tickets.actions import LeaveSite
from gateway.tickets.households.people import (
    GivenPerson,
    plan_add,
    plan_add_contact,
    plan_change,
    plan_remove_contact,
)
from gateway.tickets.sla.follow import complete


def add_person(gw: Gateway, customer_id: str, given: GivenPerson, site_ids: Sequence[str] | None,
               reached: Sequence[tuple[str, str]], who: Actor, now: Instant) -> str:
    """The new person's id. Without `site_ids` they are at all sites of the household; `reached`: (channel, address), in
    their order. Raises NoSuch."""
    person_id = gw.policy.new_id("H")

    def write(session: Session, draft: Draft) -> None:
        household = _find(session, Customer, customer_id)
        sites = households.sites_of(session, customer_id)
        for site in site_ids or ():
            if site not in sites:
                raise NoSuch(f"customer {customer_id} has no site {site}")
        row = plan_add(person_id, given, household, sites if site_ids is None else list(dict.fromkeys(site_ids)),
                       households.next_position(session, customer_id), draft, who, now)
        contacts: list[Contact] = []
        for channel, address in reached:
            key = contact_id(person(person_id), channel, address)
            contacts = plan_add_contact(row, contacts, key, channel, address, draft, who, now)

    _in_one(gw, write, now)
    return person_id


def change_person(gw: Gateway, person_id: str, given: GivenPerson, who: Actor, now: Instant) -> None:
    """Raises NoSuch, and Refused when they have left."""
    _in_one(gw, lambda session, draft: plan_change(
        draft.copy(_find(session, Person, person_id)), given, draft, who, now), now)


def remove_person(gw: Gateway, person_id: str, who: Actor, now: Instant) -> None:
    """They leave every site where they live or help; with the last resident the household leaves it. Raises NoSuch."""
    with gw.store.read() as session:
        _find(session, Person, person_id)
        sites = households.sites_of_person(session, person_id)
    for site in sites:
        act(gw, LeaveSite(site, person_id), who, now)
    if not sites:
        _in_one(gw, lambda session, draft: _leave_nowhere(session, draft, person_id, now), now)


def add_contact(gw: Gateway, person_id: str, channel: str, address: str, who: Actor, now: Instant) -> str:
    """The contact's id; the same again changes nothing. Raises NoSuch, and Refused when they have left."""
    key = contact_id(person(person_id), channel, address)

    def write(session: Session, draft: Draft) -> None:
        row = draft.copy(_find(session, Person, person_id))
        plan_add_contact(row, _contacts(session, draft, person_id), key, channel, address, draft, who, now)

    _in_one(gw, write, now)
    return key


def remove_contact(gw: Gateway, person_id: str, key: str, who: Actor, now: Instant) -> None:
    """Raises NoSuch, also for a contact of somebody else."""
    _in_one(gw, lambda session, draft: plan_remove_contact(
        _find(session, Person, person_id), _contacts(session, draft, person_id), key, draft, who, now), now)


def add_customer(gw: Gateway, customer_id: str, values: Mapping[str, Any], now: Instant) -> None:
    """A household that is new here; the same again changes nothing. Raises Refused when another has that id."""

    def write(session: Session, draft: Draft) -> None:
        known = session.get(Customer, customer_id)
        if known is None:
            draft.add(Customer(id=customer_id, **values))
        elif any(getattr(known, name) != value for name, value in values.items()):
            raise Refused(RefusedReason.ID_TAKEN, id=customer_id)

    _in_one(gw, write, now)


def change_customer(gw: Gateway, customer_id: str, values: Mapping[str, Any], now: Instant) -> None:
    """Sets these columns. Raises NoSuch."""
    _in_one(gw, lambda session, draft: _set(draft.copy(_find(session, Customer, customer_id)), values), now)


def change_site(gw: Gateway, site_id: str, values: Mapping[str, Any], now: Instant) -> None:
    """Sets these columns. Raises NoSuch."""
    _in_one(gw, lambda session, draft: _set(draft.copy(_find(session, Site, site_id)), values), now)


def _in_one(gw: Gateway, write: Callable[[Session, Draft], None], now: Instant) -> None:
    def once() -> None:
        with gw.store.write() as session:
            draft = Draft()
            write(session, draft)
            session.expunge_all()
            apply(session, complete(draft, gw.policy, now))

    retry_on_conflict(once)


def _leave_nowhere(session: Session, draft: Draft, person_id: str, now: Instant) -> None:
    row = draft.copy(_find(session, Person, person_id))
    if row.left_at is None:
        row.left_at, row.listed = now, False
        for contact in _contacts(session, draft, person_id):
            contact.stopped_at = contact.stopped_at or now


def _contacts(session: Session, draft: Draft, person_id: str) -> list[Contact]:
    owner = person(person_id)
    return [draft.copy(one) for one in households.contacts_of(session, {owner})[owner]]


def _set(row: Customer | Site, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def _find(session: Session, table: type[R], key: str) -> R:
    row = session.get(table, key)
    if row is None:
        raise NoSuch(f"there is no {table.__name__.lower()} {key}")
    return row
