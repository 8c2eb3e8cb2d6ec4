"""Queries for the console's customers: the list by name, and everything about one, in a fixed number of queries."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from gateway.model import (
    Alarm,
    Area,
    Attempt,
    Callback,
    Contact,
    Customer,
    Device,
    DeviceState,
    Entry,
    Instant,
    JobTicket,
    Link,
    LinkPurpose,
    Notification,
    Outage,
    OutageMember,
    OutageState,
    Person,
    PersonSite,
    Promise,
    PromiseState,
    Provider,
    Recipient,
    RecipientKind,
    Site,
    SiteArea,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
    customer,
    person,
)
from gateway.outages.context import CUSTOMER_KINDS
from gateway.store.households import contacts_of
from gateway.store.views.pages import causes_in_messages
from gateway.store.views.pagination import Order, Page, page

DEVICES, TICKETS_OVER, CALLS, VISITS, PROMISES, HELD_BACK, LINES = 200, 10, 10, 10, 30, 20, 80  # shown at most
_SAID_OF_AN_OUTAGE = (OutageState.SUSPECTED, OutageState.DISMISSED)  # nothing is


class InList(NamedTuple):
    """A customer in the list."""

    customer: Customer
    places: Sequence[Site]
    tickets: int  # that are open
    calls: int
    promises: int  # that are open
    late: int  # of them, past


class OwnPage(NamedTuple):
    """A page of theirs that a link can lead to."""

    subject: Subject
    title: str  # what it is about, in English
    site_id: str = ""  # of an outage: whose home it shows


class KnownPerson(NamedTuple):
    person: Person
    sites: Sequence[str]  # ids
    contacts: Sequence[Contact]  # in their order, stopped ones too


class KnownSite(NamedTuple):
    site: Site
    areas: Sequence[str]  # by name


class KnownDevice(NamedTuple):
    device: Device
    state: DeviceState | None
    alarms: Sequence[Alarm]  # that are open


class KnownTicket(NamedTuple):
    ticket: Ticket
    visit: Visit | None
    provider: Provider | None
    cause: Mapping[str, str]  # locale → words, as they were told


class KnownVisit(NamedTuple):
    visit: Visit
    firm: str


@dataclass(frozen=True)
class KnownCustomer:
    """Everything about one household since it lives where it lives."""

    customer: Customer
    contacts: Sequence[Contact]  # of the household itself
    people: Sequence[KnownPerson]
    sites: Sequence[KnownSite]
    devices: Sequence[KnownDevice]
    tickets: Sequence[KnownTicket] = ()  # open ones first, the newest first
    callbacks: Sequence[Callback] = ()  # the same
    outages: Sequence[tuple[Outage, Site, OutageMember]] = ()  # that are open, with the home that is or was in it
    promises: Sequence[Promise] = ()  # the newest first
    visits: Sequence[KnownVisit] = ()  # the newest first
    messages: Sequence[tuple[Notification, Sequence[Attempt]]] = ()  # to the household and its people, newest first
    older: str | None = None  # cursor of the messages before those
    held_back: Sequence[Alarm] = ()  # faults of which nobody was told anything, the newest first
    lines: Sequence[Entry] = ()  # of all their timelines, the newest first
    reached: Mapping[str, Contact] = field(default_factory=dict)  # id → contact, also of who has left


def in_list(session: Session, begins: str, cursor: str | None, limit: int, now: Instant) -> Page:
    """Rows are InList, by name; `begins`: from there on."""
    query = select(Customer)
    if begins:
        query = query.where(Customer.name >= begins)
    found = page(session, query, Order((Customer.name, Customer.id), rising=True), cursor, limit)
    ids = [row.id for row in found.rows]
    places: dict[str, list[Site]] = {}
    for site in session.exec(select(Site).where(col(Site.customer_id).in_(ids)).order_by(col(Site.id))):
        places.setdefault(site.customer_id, []).append(site)
    tickets = _count(session, select(Ticket.customer_id, func.count()).where(
        col(Ticket.customer_id).in_(ids), col(Ticket.closed_at).is_(None), col(Ticket.outage_id).is_(None))
        .group_by(col(Ticket.customer_id)))
    calls = _count(session, select(Callback.customer_id, func.count()).where(
        col(Callback.customer_id).in_(ids), col(Callback.closed_at).is_(None)).group_by(col(Callback.customer_id)))
    promised: dict[str, list[Instant]] = {}
    for owner, due_at in session.exec(select(Promise.recipient_id, Promise.due_at).where(
            col(Promise.recipient_id).in_(ids), Promise.recipient_kind == RecipientKind.CUSTOMER,
            Promise.state == PromiseState.OPEN)):
        promised.setdefault(owner, []).append(due_at)
    return Page([InList(row, places.get(row.id, ()), tickets.get(row.id, 0), calls.get(row.id, 0),
                        len(promised.get(row.id, ())), sum(due < now for due in promised.get(row.id, ())))
                 for row in found.rows], found.next)


def _count(session: Session, query: Any) -> dict[str, int]:
    return dict(session.execute(query).all())


def load(session: Session, customer_id: str, cursor: str | None, limit: int) -> KnownCustomer | None:
    """None: there is no such customer. `cursor`, `limit`: of the messages."""
    row = session.get(Customer, customer_id)
    if row is None:
        return None
    sites = list(session.exec(select(Site).where(Site.customer_id == customer_id).order_by(col(Site.name), col(Site.id))
                              ))
    since = {site.id: site.household_since or 0 for site in sites}
    people = _people(session, row)
    contacts = list(contacts_of(session, {customer(customer_id)})[customer(customer_id)])
    devices = _devices(session, since)
    tickets = _tickets(session, customer_id)
    callbacks = _callbacks(session, customer_id)
    outages = _outages(session, sites)
    recipients = [customer(customer_id), *(person(one.person.id) for one in people)]
    messages = page(session, select(Notification).where(_is_to(recipients)),
                    Order((Notification.created_at, Notification.id)), cursor, limit)
    tries = _attempts(session, [one.id for one in messages.rows])
    subjects = [customer_id, *(one.person.id for one in people), *(one.ticket.id for one in tickets),
                *(one.id for one in callbacks)]
    known = {one.id: one for owner in people for one in owner.contacts} | {one.id: one for one in contacts}
    return KnownCustomer(
        row, contacts, people, _areas(session, sites), devices, tickets, callbacks, outages,
        _promises(session, row, tickets, outages), _visits(session, customer_id, since),
        [(one, tries.get(one.id, [])) for one in messages.rows], messages.next, _held_back(session, since),
        list(session.exec(select(Entry).where(col(Entry.subject_id).in_(subjects)).order_by(col(Entry.id).desc())
                          .limit(LINES))),
        known | _others(session, [one.contact_id for of in tries.values() for one in of if one.contact_id not in known])
    )


def _people(session: Session, row: Customer) -> list[KnownPerson]:
    people = list(session.exec(select(Person).where(Person.customer_id == row.id, col(Person.left_at).is_(None))
                               .order_by(col(Person.position), col(Person.id))))
    at: dict[str, list[str]] = {}
    for person_id, site_id in session.exec(select(PersonSite.person_id, PersonSite.site_id).where(
            col(PersonSite.person_id).in_([one.id for one in people]), col(PersonSite.left_at).is_(None))):
        at.setdefault(person_id, []).append(site_id)
    contacts = contacts_of(session, {person(one.id) for one in people})
    return [KnownPerson(one, sorted(at.get(one.id, ())), contacts[person(one.id)]) for one in people]


def _areas(session: Session, sites: Sequence[Site]) -> list[KnownSite]:
    names: dict[str, list[str]] = {}
    for site_id, name in session.exec(
            select(SiteArea.site_id, Area.name).join(Area, col(Area.id) == SiteArea.area_id)
            .where(col(SiteArea.site_id).in_([site.id for site in sites])).order_by(col(Area.name))):
        names.setdefault(site_id, []).append(name)
    return [KnownSite(site, names.get(site.id, ())) for site in sites]


def _devices(session: Session, since: Mapping[str, Instant]) -> list[KnownDevice]:
    rows = list(session.exec(
        select(Device, DeviceState).outerjoin(DeviceState, col(DeviceState.device_id) == Device.id)
        .where(col(Device.site_id).in_(list(since)), col(Device.retired_at).is_(None))
        .order_by(col(Device.site_id), col(Device.name), col(Device.id)).limit(DEVICES)))
    alarms: dict[str, list[Alarm]] = {}
    for alarm in session.exec(select(Alarm).where(
            col(Alarm.device_id).in_([device.id for device, _ in rows]), col(Alarm.closed_at).is_(None),
            col(Alarm.dry_run).is_(False)).order_by(col(Alarm.opened_at).desc(), col(Alarm.id))):
        alarms.setdefault(alarm.device_id, []).append(alarm)
    return [KnownDevice(device, state, alarms.get(device.id, ())) for device, state in rows]


def _tickets(session: Session, customer_id: str) -> list[KnownTicket]:
    """An outage's may be opened at their home, and is everybody's."""
    query = (select(Ticket, Visit, Provider).outerjoin(Visit, col(Visit.id) == Ticket.visit_id)
             .outerjoin(Provider, col(Provider.id) == Ticket.provider_id)
             .where(Ticket.customer_id == customer_id, col(Ticket.outage_id).is_(None))
             .order_by(col(Ticket.opened_at).desc(), col(Ticket.id)))
    rows = [*session.exec(query.where(col(Ticket.closed_at).is_(None))),
            *session.exec(query.where(col(Ticket.closed_at).is_not(None)).limit(TICKETS_OVER))]
    causes = causes_in_messages(session, [ticket.id for ticket, _, _ in rows]) if rows else {}
    return [KnownTicket(ticket, visit, firm, causes.get(ticket.id, {})) for ticket, visit, firm in rows]


def _callbacks(session: Session, customer_id: str) -> list[Callback]:
    query = select(Callback).where(Callback.customer_id == customer_id).order_by(
        col(Callback.requested_at).desc(), col(Callback.id))
    return [*session.exec(query.where(col(Callback.closed_at).is_(None))),
            *session.exec(query.where(col(Callback.closed_at).is_not(None)).limit(CALLS))]


def _outages(session: Session, sites: Sequence[Site]) -> list[tuple[Outage, Site, OutageMember]]:
    open_ones = {one.id: one for one in session.exec(select(Outage).where(
        col(Outage.closed_at).is_(None), col(Outage.kind).in_(CUSTOMER_KINDS)))}
    homes = {site.id: site for site in sites if site.household_left_at is None}
    ids = [f"{outage_id}/{site_id}" for outage_id in open_ones for site_id in homes]
    if not ids:
        return []
    members = session.exec(select(OutageMember).where(col(OutageMember.id).in_(ids)).order_by(col(OutageMember.id)))
    return [(open_ones[one.outage_id], homes[one.site_id], one) for one in members]


def _promises(session: Session, row: Customer, tickets: Sequence[KnownTicket],
              outages: Sequence[tuple[Outage, Site, OutageMember]]) -> list[Promise]:
    """Those that they were told, and those that anybody may read on a page that is theirs."""
    ids = [one.ticket.id for one in tickets]
    jobs = session.exec(select(JobTicket.job_id).where(col(JobTicket.ticket_id).in_(ids))) if ids else ()
    shown = [*ids, *jobs, *(outage.id for outage, *_ in outages)]
    found = {one.id: one for one in session.exec(select(Promise).where(
        Promise.recipient_id == row.id, Promise.recipient_kind == RecipientKind.CUSTOMER)
        .order_by(col(Promise.made_at).desc()).limit(PROMISES))}
    if shown:
        found |= {one.id: one for one in session.exec(select(Promise).where(
            col(Promise.subject_id).in_(shown), Promise.recipient_id == "").limit(PROMISES))}
    return sorted(found.values(), key=lambda one: (one.state is not PromiseState.OPEN, -one.made_at, one.id))


def _visits(session: Session, customer_id: str, since: Mapping[str, Instant]) -> list[KnownVisit]:
    rows = session.exec(
        select(Visit, Provider.name, Ticket.site_id).join(Ticket, col(Ticket.id) == Visit.ticket_id)
        .join(Provider, col(Provider.id) == Visit.provider_id)
        .where(Ticket.customer_id == customer_id, col(Ticket.outage_id).is_(None))
        .order_by(col(Visit.created_at).desc(), col(Visit.id)).limit(VISITS))
    return [KnownVisit(visit, firm) for visit, firm, site_id in rows
            if visit.done_at is None or visit.done_at >= since.get(site_id, 0)]


def _held_back(session: Session, since: Mapping[str, Instant]) -> list[Alarm]:
    rows = session.exec(
        select(Alarm).join(Device, col(Device.id) == Alarm.device_id)
        .where(col(Device.site_id).in_(list(since)), col(Alarm.ticket_id).is_(None),
               col(Alarm.suppressed_by_kind).is_not(None), col(Alarm.dry_run).is_(False))
        .order_by(col(Alarm.opened_at).desc(), col(Alarm.id)).limit(HELD_BACK))
    return [one for one in rows if one.opened_at >= since.get(one.site_id, 0)]


def _is_to(recipients: Collection[Recipient]) -> Any:
    people = [one.id for one in recipients if one.kind is RecipientKind.PERSON]
    households = [one.id for one in recipients if one.kind is RecipientKind.CUSTOMER]
    return or_(and_(col(Notification.recipient_id).in_(households),
                    col(Notification.recipient_kind) == RecipientKind.CUSTOMER),
               and_(col(Notification.recipient_id).in_(people),
                    col(Notification.recipient_kind) == RecipientKind.PERSON))


def _attempts(session: Session, ids: Sequence[str]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    if ids:
        for one in session.exec(select(Attempt).where(col(Attempt.notification_id).in_(ids))
                                .order_by(col(Attempt.started_at), col(Attempt.id))):
            found.setdefault(one.notification_id, []).append(one)
    return found


def _others(session: Session, ids: Sequence[str]) -> dict[str, Contact]:
    return {one.id: one for one in session.exec(select(Contact).where(col(Contact.id).in_(ids)))} if ids else {}


def own_pages(session: Session, customer_id: str) -> list[OwnPage]:
    """Where a link of theirs can lead now: the worst first."""
    found = outage_pages(session, list(session.exec(select(Site).where(Site.customer_id == customer_id))))
    tickets = session.exec(select(Ticket).where(
        Ticket.customer_id == customer_id, col(Ticket.closed_at).is_(None), col(Ticket.outage_id).is_(None)))
    for ticket in sorted(tickets, key=lambda one: (-one.severity.rank, one.opened_at, one.id)):
        found.append(OwnPage(Subject(SubjectKind.TICKET, ticket.id), f"{ticket.id}: {ticket.cause}"))
    callbacks = session.exec(select(Callback).where(Callback.customer_id == customer_id,
                                                    col(Callback.closed_at).is_(None)))
    for one in sorted(callbacks, key=lambda one: (one.promised_by, one.id)):
        found.append(OwnPage(Subject(SubjectKind.CALLBACK, one.id), f"{one.id}: their callback"))
    return found


def outage_pages(session: Session, sites: Sequence[Site]) -> list[OwnPage]:
    """The open outages that these homes are in, and that customers are told of."""
    return [OwnPage(Subject(SubjectKind.OUTAGE, outage.id), f"Outage: {outage.name}", site.id)
            for outage, site, _ in _outages(session, sites)
            if outage.confirmed_at is not None and outage.state not in _SAID_OF_AN_OUTAGE]


def live_page(session: Session, of: OwnPage, now: Instant) -> Link | None:
    """The newest link that leads there and works."""
    return session.exec(select(Link).where(
        Link.subject_id == of.subject.id, Link.purpose == LinkPurpose.FOLLOW, Link.site_id == of.site_id,
        col(Link.revoked_at).is_(None), Link.expires_at > now).order_by(col(Link.created_at).desc())).first()


def sent_since(session: Session, customer_id: str, topic: str, since: Instant) -> bool:
    """Whether they were told that, or are being told it, after `since`."""
    return session.exec(select(Notification.id).where(
        Notification.recipient_kind == RecipientKind.CUSTOMER, Notification.recipient_id == customer_id,
        Notification.topic == topic, Notification.created_at > since)).first() is not None


def skills(session: Session) -> set[str]:
    """That providers have."""
    return {skill for theirs in session.exec(select(Provider.skills).where(col(Provider.removed_at).is_(None)))
            for skill in theirs}


def customer_of_site(session: Session, site_id: str) -> str | None:
    return session.exec(select(Site.customer_id).where(Site.id == site_id)).first()


def customer_of_device(session: Session, device_id: str) -> str | None:
    return session.exec(select(Site.customer_id).join(Device, col(Device.site_id) == Site.id)
                        .where(Device.id == device_id)).first()
