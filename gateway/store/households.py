"""Queries for households: who lives or helps at a site, how each is reached, and where messages to them go."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, bindparam, or_
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from gateway.callbacks.numbers.telephones import Telephone, numbers_of, numbers_to_ring
from gateway.model import (
    RESIDENTS,
    Callback,
    Contact,
    Customer,
    Device,
    Link,
    LinkPurpose,
    Need,
    Notification,
    Outage,
    OutageMember,
    Person,
    PersonSite,
    Provider,
    Recipient,
    RecipientKind,
    Site,
    SubjectKind,
    Ticket,
    customer,
    person,
)
from gateway.model.plan import Draft
from gateway.store.customers import pending_acts
from gateway.store.customers.preferences import choices_of
from gateway.store.plain_rows import is_one_of, plain_row, plain_rows, rows_by_id
from gateway.tickets.context import HomeContext

Whose = tuple[Recipient, str | None]
"""A recipient, and the site that it is about (None: any of theirs)."""

_CONTACTS = select(Contact).where(is_one_of(Contact.owner_id)).order_by(col(Contact.position), col(Contact.id))
# only at sites that are still their household's: one that has gone to others tells them nothing more
_PEOPLE = (select(Person, PersonSite.site_id).join(PersonSite, col(PersonSite.person_id) == Person.id)
           .join(Site, (col(Site.id) == PersonSite.site_id) & (col(Site.customer_id) == Person.customer_id))
           .where(is_one_of(Person.customer_id), col(Person.left_at).is_(None), col(PersonSite.left_at).is_(None))
           .order_by(col(Person.position), col(Person.id)))
_MEMBERS = select(OutageMember).where(is_one_of(OutageMember.outage_id), is_one_of(OutageMember.customer_id, "to"))
_SITE: BindParameter[Any] = bindparam("site")
_LINKS = select(Link).where(
    col(Link.revoked_at).is_(None),
    col(Link.purpose).in_((LinkPurpose.FOLLOW, LinkPurpose.SURVEY, LinkPurpose.HOUSEHOLD)), or_(
        col(Link.subject_id).in_(select(Site.customer_id).where(col(Site.id) == _SITE)),
        col(Link.site_id) == _SITE, col(Link.subject_id).in_(select(Ticket.id).where(
            col(Ticket.site_id) == _SITE, col(Ticket.outage_id).is_(None))),
        col(Link.subject_id).in_(select(Callback.id).where(col(Callback.site_id) == _SITE))))
_NEEDS = (select_columns(col(PersonSite.site_id), col(Person.needs), col(Person.role))
          .join(Person, col(Person.id) == PersonSite.person_id)
          .where(is_one_of(PersonSite.site_id), col(PersonSite.left_at).is_(None), col(Person.left_at).is_(None)))


class Household(NamedTuple):
    """Whoever lives or helps at a site of a customer, or at any, and how they are reached."""

    customer: Customer
    people: list[Person]  # in the household's order
    contacts: list[Contact]  # the customer's and theirs, each owner's in their order, stopped ones too

    @property
    def telephones(self) -> list[Telephone]:
        """The numbers to ring, the first to be rung first."""
        return numbers_to_ring(self.customer, self.people, self.contacts)

    @property
    def residents(self) -> list[Person]:
        """Those who are told what their household is told."""
        return [one for one in self.people if one.role in RESIDENTS]

    @property
    def for_messages(self) -> list[Contact]:
        """Where messages to the household go, in this order, on whatever channel: the customer's, then its residents'.
        """
        told = {customer(self.customer.id), *(person(one.id) for one in self.residents)}
        return [one for one in self.contacts if one.owner in told]


def households(session: Session, whose: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str | None], Household]:
    """(customer, site or None) → the household; a fixed number of queries however many there are."""
    wanted = set(whose)
    ids = sorted({customer_id for customer_id, _ in wanted})
    if not ids:
        return {}
    customers = rows_by_id(session, Customer, ids)
    at: defaultdict[tuple[str, str | None], dict[str, Person]] = defaultdict(dict)
    for *values, site_id in session.connection().execute(_PEOPLE, {"ids": ids}):
        who = plain_row(Person, values)
        for key in ((who.customer_id, site_id), (who.customer_id, None)):
            if key in wanted:
                at[key][who.id] = who
    contacts = contacts_of(session, {customer(one) for one in customers} | {
        person(one) for people in at.values() for one in people})
    return {key: Household(customers[key[0]], list(at[key].values()), [
        contact for owner in (customer(key[0]), *map(person, at[key])) for contact in contacts[owner]])
        for key in wanted if key[0] in customers}


def needs_at(session: Session, site_ids: Iterable[str]) -> dict[str, frozenset[Need]]:
    """Site → what those who live there need, of the sites where somebody needs anything."""
    found: defaultdict[str, set[Need]] = defaultdict(set)
    ids = list(site_ids)
    for site_id, needs, role in session.connection().execute(_NEEDS, {"ids": ids}) if ids else ():
        if role in RESIDENTS:
            found[site_id] |= {Need(one) for one in needs}
    return {site_id: frozenset(needs) for site_id, needs in found.items() if needs}


def household_at(session: Session, site: Site) -> Household:
    """Who lives or helps there now."""
    return households(session, [(site.customer_id, site.id)])[site.customer_id, site.id]


def contacts_of(session: Session, owners: Collection[Recipient]) -> defaultdict[Recipient, list[Contact]]:
    """Each owner's own, in their order, stopped ones too."""
    found: defaultdict[Recipient, list[Contact]] = defaultdict(list)
    if owners:
        for contact in plain_rows(session, Contact, _CONTACTS, {"ids": sorted({owner.id for owner in owners})}):
            owner = contact.owner
            if owner in owners:
                found[owner].append(contact)
    return found


def telephones(session: Session, whose: Collection[Whose]) -> Mapping[Whose, list[Telephone]]:
    """The numbers to ring each of them, the first to be rung first; a firm's begin with the one of its office."""
    homes = households(session, ((to.id, site) for to, site in whose if to.kind is RecipientKind.CUSTOMER))
    others = {to for to, _ in whose if to.kind is not RecipientKind.CUSTOMER}
    contacts = contacts_of(session, others)
    firms = rows_by_id(session, Provider, [one.id for one in others if one.kind is RecipientKind.PROVIDER])
    found: dict[Whose, list[Telephone]] = {}
    for to, site in whose:
        if to.kind is RecipientKind.CUSTOMER:
            found[to, site] = homes[to.id, site].telephones if (to.id, site) in homes else []
        else:
            firm = firms.get(to.id) if to.kind is RecipientKind.PROVIDER else None
            found[to, site] = numbers_of(firm.name if firm else "", firm.phone if firm else "", contacts[to])
    return found


def members(session: Session, outage_ids: Iterable[str], customer_ids: Iterable[str]
            ) -> dict[tuple[str, Recipient], list[OutageMember]]:
    """(outage, recipient) → the homes of theirs that are or were in it."""
    ids = list(outage_ids)
    if not ids:
        return {}
    # who is back is sorted out later: asked for the dark, PostgreSQL may read all of them for these few
    found: defaultdict[tuple[str, Recipient], list[OutageMember]] = defaultdict(list)
    for row in plain_rows(session, OutageMember, _MEMBERS, {"ids": ids, "to": list(customer_ids)}):
        found[row.outage_id, customer(row.customer_id)].append(row)
    return found


def homes_of(row: Notification, work: Ticket | Callback | Device | None,
             members: Mapping[tuple[str, Recipient], Sequence[OutageMember]], sites: Mapping[str, Site],
             page: Link | None) -> tuple[Site, ...] | None:
    """The homes of which a message tells: of an outage those in it, or the one near it for which its `page` was made.
    """
    if work is not None:
        return (sites[work.site_id],)
    if row.subject_kind is SubjectKind.OUTAGE:
        ids = [one.site_id for one in members.get((row.subject_id, row.recipient), ())]
        return tuple(sites[one] for one in ids or ([page.site_id] if page is not None and page.site_id else []))
    return None


def numbers_of_person(who: Person, contacts: Iterable[Contact]) -> list[Telephone]:
    """The numbers at which they are rung."""
    return numbers_of(who.name, "", contacts, who)


def numbers_of_household(whose: Customer, contacts: Iterable[Contact]) -> list[Telephone]:
    """Its own, at which nobody in particular answers."""
    return numbers_of(whose.name, "", contacts)


def sites_of(session: Session, customer_id: str) -> list[str]:
    """Ids of the sites that are theirs."""
    return list(session.exec(select(Site.id).where(Site.customer_id == customer_id).order_by(col(Site.id))))


def sites_of_person(session: Session, person_id: str) -> list[str]:
    """Ids of the sites where they live or help."""
    return list(session.exec(select(PersonSite.site_id).where(
        PersonSite.person_id == person_id, col(PersonSite.left_at).is_(None)).order_by(col(PersonSite.site_id))))


def next_position(session: Session, customer_id: str) -> int:
    """After everybody of that household."""
    last = session.exec(select(Person.position).where(Person.customer_id == customer_id)
                        .order_by(col(Person.position).desc()).limit(1)).first()
    return 0 if last is None else last + 1


def home_context(session: Session, draft: Draft, site_id: str, newcomer: Customer | None) -> HomeContext:
    """Who is at the site, and what is theirs there, as copies of the draft."""
    stays = {row.person_id: draft.copy(row) for row in session.exec(select(PersonSite).where(
        PersonSite.site_id == site_id, col(PersonSite.left_at).is_(None)))}
    people = {row.id: draft.copy(row) for row in session.exec(select(Person).where(
        col(Person.id).in_(stays), col(Person.left_at).is_(None)).order_by(col(Person.position), col(Person.id)))}
    elsewhere = session.exec(select(PersonSite.person_id).where(
        col(PersonSite.person_id).in_(people), PersonSite.site_id != site_id, col(PersonSite.left_at).is_(None)))
    contacts = contacts_of(session, {person(one) for one in people})
    members = [draft.copy(row) for row in session.exec(select(OutageMember).join(
        Outage, col(Outage.id) == OutageMember.outage_id).where(
        OutageMember.site_id == site_id, col(OutageMember.back_at).is_(None), col(Outage.closed_at).is_(None)))]
    outages = session.exec(select(Outage).where(col(Outage.id).in_([one.outage_id for one in members])))
    links = [draft.copy(row) for row in session.exec(_LINKS, params={"site": site_id})]
    also_in = session.exec(select(OutageMember.outage_id, OutageMember.site_id).join(
        Site, col(Site.id) == OutageMember.site_id).where(
        col(OutageMember.outage_id).in_([one.subject_id for one in links if one.subject_kind is SubjectKind.OUTAGE]),
        OutageMember.customer_id == select(Site.customer_id).where(Site.id == site_id).scalar_subquery(),
        Site.customer_id == OutageMember.customer_id, OutageMember.site_id != site_id,
        col(Site.household_left_at).is_(None)).order_by(col(OutageMember.site_id).desc()))
    return HomeContext(
        people=people, stays=stays, elsewhere=frozenset(elsewhere),
        choices={owner.id: draft.copy(row)
                 for owner, row in choices_of(session, {person(one) for one in people}).items()},
        contacts={one: [draft.copy(row) for row in contacts[person(one)]] for one in people},
        links=links, pending=[draft.copy(row) for row in pending_acts.of_home(session, site_id)], dark=members,
        also_in=dict(also_in.all()),
        outages={row.id: draft.copy(row) for row in outages},
        newcomer=None if newcomer is None else draft.copy(newcomer),
        arriving={} if newcomer is None else _arriving(session, draft, site_id, newcomer.id),
        told=frozenset() if newcomer is None else _messages_to(session, newcomer.id))


def _messages_to(session: Session, customer_id: str) -> frozenset[tuple[str, str, str]]:
    """(subject id, topic, occurrence) of each message to a household: it may have lived there before."""
    return frozenset((subject, topic, occurrence) for subject, topic, occurrence in session.connection().execute(
        select_columns(col(Notification.subject_id), col(Notification.topic), col(Notification.occurrence)).where(
            col(Notification.recipient_id) == customer_id,
            col(Notification.recipient_kind) == RecipientKind.CUSTOMER)))


def _arriving(session: Session, draft: Draft, site_id: str, customer_id: str) -> dict[str, PersonSite | None]:
    """People of the customer who are at no site so far → that they were at this one before."""
    anywhere = select(PersonSite.person_id).where(col(PersonSite.left_at).is_(None))
    ids = session.exec(select(Person.id).where(
        Person.customer_id == customer_id, col(Person.left_at).is_(None), col(Person.id).not_in(anywhere))).all()
    before = {row.person_id: draft.copy(row) for row in session.exec(select(PersonSite).where(
        PersonSite.site_id == site_id, col(PersonSite.person_id).in_(ids)))}
    return {one: before.get(one) for one in ids}
