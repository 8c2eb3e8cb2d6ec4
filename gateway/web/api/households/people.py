"""API routes for people: list, read, add, change and remove them, their needs and their contacts; and moving out."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from sqlmodel import Session

from gateway.config.phone_numbers import PHONE, PHONE_CHANNELS, to_e164
from gateway.flow.gateway import Gateway
from gateway.flow.people import add_contact, add_person, change_person, remove_contact, remove_person
from gateway.flow.telephones import write_look
from gateway.model import Instant, to_iso
from gateway.notifications.channels import check_address
from gateway.store import households
from gateway.store.views import api_lists
from gateway.store.views import households as views
from gateway.tickets.actions import LeaveSite
from gateway.tickets.households.people import GivenPerson, Needs, subject_of_person
from gateway.web.api import filters
from gateway.web.api.households.models import (
    ContactBody,
    LeaveBody,
    NeedsBody,
    Person,
    PersonBody,
    PersonChange,
    PersonPage,
    may_see,
    person_model,
)
from gateway.web.api.models import EntryPage, Id
from gateway.web.api.timelines import timeline_page
from gateway.web.dependencies import Gw, HouseholdEditor, Reader, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/people", tags=["households"])


@router.get("", summary="List people")
def list_people(by: Reader, query: Annotated[filters.People, Query()]) -> PersonPage:
    """By id. Addresses are in no list: read one person to see theirs."""
    with by.gw.store.read() as session:
        page = views.people(session, query.wanted(), query.cursor, query.limit)
    items = [person_model(row, by) for row in page.rows]
    return PersonPage(items=[one.model_copy(update={"contacts": [
        contact.model_copy(update={"address": "…"}) for contact in one.contacts]}) for one in items], next=page.next)


@router.get("/{person_id}", summary="One person", responses=responses(404))
def get_person(by: Reader, person_id: Id) -> Person:
    """Who sees the numbers of somebody is written in their timeline."""
    if not may_see(by):
        with by.gw.store.read() as session:
            return person_model(or_404(views.one_person(session, person_id), "person"), by)
    with by.gw.store.write() as session:
        found: views.PersonDetails = or_404(views.one_person(session, person_id), "person")
        seen = households.numbers_of_person(found.person, found.contacts)
        answer = person_model(found, by)
        write_look(session, subject_of_person(person_id), seen, by.who, by.now)
    return answer


@router.get("/{person_id}/timeline", summary="Who changed or saw what of a person", responses=responses(404))
def get_person_timeline(gw: Gw, person_id: Id, query: Annotated[filters.Timeline, Query()]) -> EntryPage:
    """Oldest first; nothing in it is ever changed."""
    with gw.store.read() as session:
        or_404(views.one_person(session, person_id), "person")
        page = api_lists.timeline(session, person_id, query.cursor, query.limit)
    return timeline_page(page, query.language, gw.settings.service.callback_timezone)


@router.post("", summary="Add a person to a household", status_code=201, responses=responses(404))
def post_person(by: HouseholdEditor, body: PersonBody) -> Person:
    with by.gw.store.read() as session:
        household = or_404(views.one_customer(session, body.customer_id), "customer")
        _raise(_wrong_sites(body.sites, household.sites))
        contacts = _checked(by.gw, session, body.contacts, household.sites)
    _raise(_wrong_needs(body.needs, by.now))
    given = GivenPerson(body.name, body.role, body.locale, body.needs.given() if body.needs else Needs())
    person_id = add_person(by.gw, body.customer_id, given, body.sites,
                           [(one.channel, one.address) for one in contacts], by.who, by.now)
    return get_person(by, person_id)


@router.patch("/{person_id}", summary="Change name, role, language or needs", responses=responses(404, 409))
def patch_person(by: HouseholdEditor, person_id: Id, body: PersonChange) -> Person:
    """What is left out stays as it is. The next import of a fleet file that names the person has the last word."""
    with by.gw.store.read() as session:
        row = or_404(views.one_person(session, person_id), "person").person
    _raise(_wrong_needs(body.needs, by.now))
    given = body.model_fields_set
    kept = Needs(tuple(row.needs), row.needs_consent_on, row.needs_review_on)
    change_person(by.gw, person_id, GivenPerson(
        body.name or row.name, body.role or row.role, body.locale if "locale" in given else row.locale,
        kept if "needs" not in given else body.needs.given() if body.needs else Needs()), by.who, by.now)
    return get_person(by, person_id)


@router.delete("/{person_id}", summary="Remove a person", responses=responses(404))
def delete_person(by: HouseholdEditor, person_id: Id) -> Person:
    """They leave every site, as with `leave`. Take them out of the fleet file too: an import that names somebody who
    has left is refused."""
    remove_person(by.gw, person_id, by.who, by.now)
    return get_person(by, person_id)


@router.post("/{person_id}/leave", summary="Somebody no longer lives or helps there", responses=responses(404, 409))
def leave_site(by: HouseholdEditor, person_id: Id, body: LeaveBody) -> Person:
    """With the last owner or tenant the household has left the site: what was theirs ends, as when another one moves
    in."""
    by(LeaveSite(body.site_id, person_id))
    return get_person(by, person_id)


@router.post("/{person_id}/contacts", summary="Add a way to reach a person", responses=responses(404, 409))
def post_contact(by: HouseholdEditor, person_id: Id, body: ContactBody) -> Person:
    """The last to be tried. The same again changes nothing; one that was removed is used again."""
    with by.gw.store.read() as session:
        found: views.PersonDetails = or_404(views.one_person(session, person_id), "person")
        [contact] = _checked(by.gw, session, [body], found.sites, several=False)
    add_contact(by.gw, person_id, contact.channel, contact.address, by.who, by.now)
    return get_person(by, person_id)


@router.delete("/{person_id}/contacts/{contact_id}", summary="Use a contact no more", responses=responses(404))
def delete_contact(by: HouseholdEditor, person_id: Id, contact_id: Id) -> Person:
    """404 for a contact of anybody else."""
    remove_contact(by.gw, person_id, contact_id, by.who, by.now)
    return get_person(by, person_id)


_Wrong = Iterator[tuple[tuple[str | int, ...], str]]
"""Where in the body, and what was expected."""


def _raise(wrong: _Wrong) -> None:
    found: list[Any] = [{"loc": ("body", *where), "msg": what} for where, what in wrong]
    if found:
        raise RequestValidationError(found)


def _wrong_sites(given: list[str] | None, theirs: list[str]) -> _Wrong:
    for index, site in enumerate(given or ()):
        if site not in theirs:
            yield ("sites", index), f"{site!r} — expected of the customer's: {', '.join(theirs) or 'there is none'}"


def _wrong_needs(needs: NeedsBody | None, now: Instant) -> _Wrong:
    today = to_iso(now)[:10]
    if needs is not None and needs.consent > today:
        yield ("needs", "consent"), f"{needs.consent} has not come — expected the day on which they agreed"
    if needs is not None and needs.review is not None and needs.review < today:
        yield ("needs", "review"), f"{needs.review} has passed — expected a day that is to come"


def _checked(gw: Gateway, session: Session, contacts: list[ContactBody], site_ids: list[str], *, several: bool = True
             ) -> list[ContactBody]:
    """The contacts with their numbers as E.164; a national one is one of their site's country. Raises
    RequestValidationError."""
    countries = {site.site.country for one in site_ids if (site := views.one_site(session, one)) is not None}
    country = countries.pop() if len(countries) == 1 else ""
    wrong, good = [], []
    for index, contact in enumerate(contacts):
        try:
            good.append(check_contact(gw, contact, country or gw.settings.service.country))
        except ValueError as error:
            field, what = error.args
            wrong.append(((*(("contacts", index) if several else ()), field), what))
    _raise(iter(wrong))
    return good


def check_contact(gw: Gateway, contact: ContactBody, country: str) -> ContactBody:
    """With its number as E.164. Raises ValueError(field, what was expected)."""
    channel, address = contact.channel, contact.address
    if channel not in {*gw.channels, PHONE}:
        raise ValueError("channel", f"{channel!r} — expected one of {', '.join(sorted({*gw.channels, PHONE}))}")
    if channel in PHONE_CHANNELS:
        try:
            address = to_e164(address, country)
        except ValueError as error:
            raise ValueError("address", f"{address!r} {error}") from None
    webhook = gw.settings.channels.webhook
    wrong = check_address(channel, address, webhook is not None and webhook.allow_private)
    if wrong:
        raise ValueError("address", wrong)
    return ContactBody(channel=channel, address=address)
