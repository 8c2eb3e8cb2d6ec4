"""people: writes down what an agent says about households, their people, and how each of them is reached; sends them
their page while they are on the telephone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmodel import Session

from gateway.access.audit import Target
from gateway.flow.accounts.audit import write_act
from gateway.flow.act import act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import (
    MINUTE,
    Actor,
    ConsentSource,
    Contact,
    Customer,
    EntryKind,
    Instant,
    Link,
    LinkPurpose,
    Person,
    RecipientKind,
    Site,
    Subject,
    SubjectKind,
    customer,
    person,
)
from gateway.model.plan import Draft, NoSuch, Plan, R, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.store import apply, households
from gateway.store.customers.preferences import forget_choices
from gateway.store.fleet import contact_id
from gateway.store.views.console import customer_page
from gateway.store.views.console.customer_page import OwnPage
from gateway.tickets.actions import LeaveSite
from gateway.tickets.households.people import (
    TAKEN_BACK,
    GivenPerson,
    plan_add,
    plan_add_contact,
    plan_change,
    plan_remove_contact,
)
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify
from gateway.tickets.sla.follow import complete

ONCE_IN = MINUTE  # their page is sent at most


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

    _in_one(gw, "add_person", ("person", person_id), write, who, now)
    return person_id


def change_person(gw: Gateway, person_id: str, given: GivenPerson, who: Actor, now: Instant) -> None:
    """Raises NoSuch, and Refused when they have left."""
    _in_one(gw, "change_person", ("person", person_id), lambda session, draft: plan_change(
        draft.copy(_find(session, Person, person_id)), given, draft, who, now), who, now)


def remove_person(gw: Gateway, person_id: str, who: Actor, now: Instant) -> None:
    """They leave every site where they live or help; with the last resident the household leaves it. Raises NoSuch."""
    with gw.store.read() as session:
        _find(session, Person, person_id)
        sites = households.sites_of_person(session, person_id)
    for site in sites:
        act(gw, LeaveSite(site, person_id), who, now)
    if not sites:
        _in_one(gw, "remove_person", ("person", person_id),
                lambda session, draft: _leave_nowhere(session, draft, person_id, now), who, now)


def add_contact(gw: Gateway, person_id: str, channel: str, address: str, who: Actor, now: Instant) -> str:
    """The contact's id; the same again changes nothing. Raises NoSuch, and Refused when they have left."""
    key = contact_id(person(person_id), channel, address)

    def write(session: Session, draft: Draft) -> None:
        row = draft.copy(_find(session, Person, person_id))
        plan_add_contact(row, _contacts(session, draft, person_id), key, channel, address, draft, who, now)

    _in_one(gw, "add_contact", ("person", person_id), write, who, now)
    return key


def remove_contact(gw: Gateway, person_id: str, key: str, who: Actor, now: Instant) -> None:
    """Raises NoSuch, also for a contact of somebody else."""
    _in_one(gw, "remove_contact", ("person", person_id), lambda session, draft: plan_remove_contact(
        _find(session, Person, person_id), _contacts(session, draft, person_id), key, draft, who, now), who, now)


def stop_contact(gw: Gateway, key: str, who: Actor, now: Instant) -> None:
    """Nothing is sent there any more. Raises NoSuch, also for one of ours or a provider's."""
    contact = _contact(gw, key)
    if contact.owner_kind is RecipientKind.PERSON:
        remove_contact(gw, contact.owner_id, key, who, now)
        return

    def write(session: Session, draft: Draft) -> None:
        row = draft.copy(_find(session, Contact, key))
        if row.stopped_at is None:
            row.stopped_at, row.stopped_why = now, TAKEN_BACK
            draft.add(entry(Subject(SubjectKind.CUSTOMER, row.owner_id), now, EntryKind.CONTACT_REMOVED, who=who,
                            channel=row.channel))

    _in_one(gw, "remove_contact", ("customer", contact.owner_id), write, who, now)


def restart_contact(gw: Gateway, key: str, who: Actor, now: Instant) -> None:
    """It is used again. Raises NoSuch as `stop_contact`, and Refused when they have left."""
    contact = _contact(gw, key)
    if contact.owner_kind is RecipientKind.PERSON:
        add_contact(gw, contact.owner_id, contact.channel, contact.address, who, now)
        return

    def write(session: Session, draft: Draft) -> None:
        row = draft.copy(_find(session, Contact, key))
        if row.stopped_at is not None:
            row.stopped_at, row.stopped_why = None, None
            row.consent_by, row.consent_at, row.consent_who = ConsentSource.AGENT, now, who.name
            draft.add(entry(Subject(SubjectKind.CUSTOMER, row.owner_id), now, EntryKind.CONTACT_ADDED, who=who,
                            channel=row.channel))

    _in_one(gw, "add_contact", ("customer", contact.owner_id), write, who, now)


def _contact(gw: Gateway, key: str) -> Contact:
    with gw.store.read() as session:
        row = _find(session, Contact, key)
    if row.owner_kind not in (RecipientKind.PERSON, RecipientKind.CUSTOMER):
        raise NoSuch(f"there is no contact {key} of a household")
    return row


def add_customer(gw: Gateway, customer_id: str, values: Mapping[str, Any], who: Actor, now: Instant) -> None:
    """A household that is new here; the same again changes nothing. Raises Refused when another has that id."""

    def write(session: Session, draft: Draft) -> None:
        known = session.get(Customer, customer_id)
        if known is None:
            draft.add(Customer(id=customer_id, **values))
        elif any(getattr(known, name) != value for name, value in values.items()):
            raise Refused(RefusedReason.ID_TAKEN, id=customer_id)

    _in_one(gw, "add_customer", ("customer", customer_id), write, who, now)


def change_customer(gw: Gateway, customer_id: str, values: Mapping[str, Any], who: Actor, now: Instant) -> None:
    """Sets these columns. Raises NoSuch."""
    _in_one(gw, "change_customer", ("customer", customer_id),
            lambda session, draft: _set(draft.copy(_find(session, Customer, customer_id)), values), who, now)


def change_site(gw: Gateway, site_id: str, values: Mapping[str, Any], who: Actor, now: Instant) -> None:
    """Sets these columns. Raises NoSuch."""
    _in_one(gw, "change_site", ("site", site_id),
            lambda session, draft: _set(draft.copy(_find(session, Site, site_id)), values), who, now)


def send_page_link(gw: Gateway, customer_id: str, about: Subject, who: Actor, now: Instant) -> str:
    """To the first contact of theirs that is in use, as every other message: its id. Raises NoSuch for what is not
    theirs or is over, and Refused when nothing can be sent to them, or it was sent within the last minute."""

    def once() -> str:
        with gw.store.write() as session:
            if session.get(Customer, customer_id) is None:
                raise NoSuch(f"there is no customer {customer_id}")
            page = next((one for one in customer_page.own_pages(session, customer_id) if one.subject == about), None)
            if page is None:
                raise NoSuch(f"customer {customer_id} has no open {about.kind} {about.id}")
            check_contacts(gw, session, customer_id)
            if customer_page.sent_since(session, customer_id, TopicName.PAGE_LINK, now - ONCE_IN):
                raise Refused(RefusedReason.PAGE_JUST_SENT)
            row = customer_page.live_page(session, page, now)
            added = [] if row is not None else [_new_link(gw, page, now)]
            notification = notify(gw.policy, customer(customer_id), TopicName.PAGE_LINK, about, now // ONCE_IN, now,
                                  facts={}, link_id=(row or added[0]).id)
            plan = Plan([*added, notification])
            apply(session, plan)
            write_act(session, "send_page_link", ("customer", customer_id), plan, who, now)
        return notification.id

    sent = retry_on_conflict(once)
    gw.outbox_filled.set()
    return sent


def _new_link(gw: Gateway, page: OwnPage, now: Instant) -> Link:
    return link(gw.policy, LinkPurpose.FOLLOW, page.subject, now, now + FOLLOW_FOR, page.site_id)


def check_contacts(gw: Gateway, session: Session, customer_id: str) -> None:
    home = households.households(session, [(customer_id, None)])[customer_id, None]
    if not any(one.channel in gw.channels and one.stopped_at is None for one in home.for_messages):
        raise Refused(RefusedReason.NOTHING_TO_SEND_TO)


def _in_one(gw: Gateway, action: str, target: Target, write: Callable[[Session, Draft], None], who: Actor, now: Instant
            ) -> None:
    def once() -> None:
        with gw.store.write() as session:
            draft = Draft()
            write(session, draft)
            session.expunge_all()
            plan = complete(draft, gw.policy, now)
            apply(session, plan)
            write_act(session, action, target, plan, who, now)

    retry_on_conflict(once)


def _leave_nowhere(session: Session, draft: Draft, person_id: str, now: Instant) -> None:
    row = draft.copy(_find(session, Person, person_id))
    if row.left_at is None:
        row.left_at, row.listed = now, False
        forget_choices(session, [person_id])
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
