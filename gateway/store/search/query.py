"""Finds what somebody types: by number, name, address, telephone number and device, the best first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal_column, or_, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from gateway.config.phone_numbers import for_people
from gateway.model import (
    Callback,
    Customer,
    Device,
    Offer,
    Outage,
    OutageMember,
    Person,
    PersonSite,
    RecipientKind,
    SearchEntry,
    SearchField,
    SearchTerm,
    Site,
    Ticket,
    Visit,
)
from gateway.store.search.index import numbers_of
from gateway.store.search.terms import (
    NumberRange,
    PhoneWanted,
    Range,
    Word,
    is_one_number,
    number_ends,
    numbers_wanted,
    phone_wanted,
    terms_of,
    terms_of_street,
    words_wanted,
)

SHOWN = 20  # of each group
_ENTRIES = 60  # looked at; those with the rarest word, exact before begun
_SCANNED = 3000  # terms of the rarest word; who types two words that everybody has is asked for a third
_COUNTED = 500  # terms of a word, to see which is the rarest
_HOME = (SearchField.PLACE, SearchField.RESIDENT, SearchField.DEVICE)


class Hit(NamedTuple):
    """One thing that was found, with one line about it."""

    kind: str  # ticket, callback, outage, customer, person, site or device
    id: str
    title: str
    context: str
    customer_id: str | None = None  # of people, sites and devices: whose; None: nobody lives there
    site_id: str | None = None
    grade: int = 0  # how well it fits


class Caller(NamedTuple):
    """A household that has the telephone number that was typed, or one that ends like it."""

    customer_id: str
    person_id: str | None  # whose it is; None: the household's own
    name: str
    number: str  # E.164
    context: str
    whole: bool  # it is the number that was typed, not only its end

    @property
    def shown(self) -> str:
        return for_people(self.number)


@dataclass
class Found:
    """What was found, in groups; the best of each group first."""

    jump: Hit | None = None  # nothing but its number was typed
    tickets: list[Hit] = field(default_factory=list)
    callbacks: list[Hit] = field(default_factory=list)
    outages: list[Hit] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    customers: list[Hit] = field(default_factory=list)
    people: list[Hit] = field(default_factory=list)
    sites: list[Hit] = field(default_factory=list)
    devices: list[Hit] = field(default_factory=list)
    more: bool = False  # there may be more than this

    @property
    def certain(self) -> bool:
        """Whether the number that was typed is one household's: with any other nobody may be taken for who calls."""
        return len({one.customer_id for one in self.callers}) == 1 and all(one.whole for one in self.callers)

    @property
    def count(self) -> int:
        return sum(len(one) for one in (self.tickets, self.callbacks, self.outages, self.callers, self.customers,
                                        self.people, self.sites, self.devices))


def search(session: Session, text: str, country: str, phones: bool) -> Found:
    """`phones`: whether whoever asks may see how people are reached; `country`: of numbers without a prefix."""
    found = Found()
    _find_numbers(session, text, found)
    if found.jump is not None:
        return found
    words = words_wanted(text)
    homes: set[str] = set()
    if words:
        households, more = _entries(session, words, (SearchField.HOUSEHOLD,), SearchEntry.customer_id)
        _show_households(session, households, words, found)
        homes, many = _homes(session, words)
        _show_homes(session, homes, words, found)
        found.more = more or many
    wanted = phone_wanted(text, country) if phones else None
    if wanted is not None:
        _find_callers(session, wanted, found)
    _show_outages(session, found)
    for group in (found.customers, found.people, found.sites, found.devices):
        found.more |= len(group) > SHOWN
        group.sort(key=lambda hit: (-hit.grade, hit.title, hit.id))
        del group[SHOWN:]
    _say_where(session, found)
    return found


# --- numbers


def _find_numbers(session: Session, text: str, found: Found) -> None:
    wanted: defaultdict[str, list[NumberRange]] = defaultdict(list)
    for one in numbers_wanted(text):
        wanted[one.kind].append(one)
    for offer in _numbered(session, Offer, wanted["O"]):
        ticket = session.get_one(Ticket, offer.ticket_id)
        found.tickets.append(_ticket(ticket, f"offer {offer.id}: {offer.state}"))
    for visit in _numbered(session, Visit, wanted["V"]):
        ticket = session.get_one(Ticket, visit.ticket_id)
        found.tickets.append(_ticket(ticket, f"visit {visit.id}: {_said(visit.state)}"))
    found.tickets += [_ticket(row) for row in _numbered(session, Ticket, wanted["T"])]
    found.callbacks += [_callback(row) for row in _numbered(session, Callback, wanted["C"])]
    found.outages += [_outage(row) for row in _numbered(session, Outage, wanted["X"])]
    everything = [*found.tickets, *found.callbacks, *found.outages]
    if len(everything) == 1 and is_one_number(text):
        found.jump = everything[0]


def _numbered(session: Session, table: Any, wanted: Sequence[NumberRange]) -> list[Any]:
    rows: list[Any] = []
    whole = sorted({one.low for one in wanted if one.low == one.high})
    if whole:
        rows += session.exec(select_rows(table).where(table.id.in_(whole)).order_by(table.id))
    for _, low, high in (one for one in wanted if one.low != one.high):
        rows += session.exec(select_rows(table).where(table.id >= low, table.id <= high).order_by(table.id)
                             .limit(SHOWN))
    return rows


def _ticket(row: Ticket, why: str = "") -> Hit:
    said = " · ".join(part for part in (why, _said(row.state), row.severity, row.cause) if part)
    return Hit("ticket", row.id, row.id, said, row.customer_id, row.site_id)


def _callback(row: Callback) -> Hit:
    return Hit("callback", row.id, row.id, f"{_said(row.state)} · {_said(row.kind)}", row.customer_id, row.site_id)


def _outage(row: Outage) -> Hit:
    return Hit("outage", row.id, row.name or row.id, f"{_said(row.state)} · {row.dark} of {row.homes} homes are dark")


def _said(state: str) -> str:
    return state.replace("_", " ")


# --- words


def _homes(session: Session, words: Sequence[Word]) -> tuple[set[str], bool]:
    """Sites: with one word by what they are or what stands there, with more also by who lives there."""
    if len(words) > 1:
        return _entries(session, words, _HOME, SearchEntry.site_id)
    places, more = _entries(session, words, (SearchField.PLACE,), SearchEntry.site_id)
    devices, many = _entries(session, words, (SearchField.DEVICE,), SearchEntry.site_id)
    return places | devices, more or many


def _entries(session: Session, words: Sequence[Word], fields: Sequence[SearchField], owner: Any
             ) -> tuple[set[str], bool]:
    """The customers or sites in whose entries all these words are, and whether there may be more."""
    first = _rarest(session, words, fields)
    if first is None:
        return set(), False
    others = [one for one in words if one is not first]
    found: dict[int, None] = {}
    more = False
    for kind in fields:
        for part in first.ranges:
            rows = session.connection().execute(_with_all(kind, part, others)).all()
            more |= len(rows) == _ENTRIES
            found.update((entry_id, None) for (entry_id,) in rows)
    if not found:
        return set(), False
    owners = session.connection().scalars(select(owner).where(col(SearchEntry.id).in_(list(found)[:2 * _ENTRIES])))
    return set(owners), more


def _rarest(session: Session, words: Sequence[Word], fields: Sequence[SearchField]) -> Word | None:
    """The word with the fewest terms; None when one of them has none at all."""
    parts = [(word, kind, part) for word in words for kind in fields for part in word.ranges]
    counts = session.connection().execute(select(*(
        select(func.count()).select_from(select(literal_column("1")).select_from(SearchTerm)
                                         .where(_within(kind, part)).limit(_COUNTED).subquery()).scalar_subquery()
        for _, kind, part in parts))).one()
    total: defaultdict[Word, int] = defaultdict(int)
    for (word, _, _), count in zip(parts, counts, strict=True):
        total[word] += count
    return min(words, key=lambda word: total[word]) if all(total[word] for word in words) else None


def _with_all(kind: SearchField, part: Range, others: Sequence[Word]) -> Select[tuple[int]]:
    """Entries with a term of this range and one of each other word. What it reads is bounded: the terms of the range,
    and for each a few steps down an index. A plain EXISTS might be turned into a join that reads all of a common word.
    """
    driving = (select(col(SearchTerm.entry_id), col(SearchTerm.term)).where(_within(kind, part))
               .order_by(col(SearchTerm.term), col(SearchTerm.entry_id)).limit(_SCANNED if others else _ENTRIES)
               .subquery("driving"))
    query = select(driving.c.entry_id).order_by(driving.c.term, driving.c.entry_id).limit(_ENTRIES)
    for word in others:
        query = query.where(or_(*(
            select(literal_column("1")).select_from(SearchTerm).where(
                col(SearchTerm.entry_id) == driving.c.entry_id, *_between(one)).limit(1).scalar_subquery().is_not(None)
            for one in word.ranges)))
    return query


def _within(kind: SearchField, part: Range) -> ColumnElement[bool]:
    return and_(col(SearchTerm.field) == kind, *_between(part))


def _between(part: Range) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The values travel beside the statement: nothing that is typed is ever a part of it."""
    return (col(SearchTerm.term) >= bindparam(None, part.low), col(SearchTerm.term) < bindparam(None, part.high))


def _grade(words: Sequence[Word], terms: Iterable[str]) -> int:
    listed = list(terms)
    return sum(word.grade(listed) for word in words)


# --- what is shown of households, homes and callers


def _show_households(session: Session, ids: set[str], words: Sequence[Word], found: Found) -> None:
    if not ids:
        return
    for row in session.exec(select_rows(Customer).where(col(Customer.id).in_(ids))):
        if grade := _grade(words, terms_of(row.id, row.name)):
            found.customers.append(Hit("customer", row.id, row.name, "", row.id, None, grade))
    for who in session.exec(select_rows(Person).where(col(Person.customer_id).in_(ids), col(Person.left_at).is_(None))):
        if grade := _grade(words, terms_of(who.name)):
            found.people.append(Hit("person", who.id, who.name, who.role, who.customer_id, None, grade))


def _show_homes(session: Session, ids: set[str], words: Sequence[Word], found: Found) -> None:
    """With one of the words in what a thing is itself, it is shown; whose home it is narrows down."""
    if not ids:
        return
    graded: dict[str, tuple[Site, int]] = {}
    for site in session.exec(select_rows(Site).where(col(Site.id).in_(ids))):
        grade = _grade(words, _place_terms(site))
        graded[site.id] = site, grade
        if grade:
            found.sites.append(Hit("site", site.id, site.address or site.name, site.name if site.address else "",
                                   None if site.household_left_at is not None else site.customer_id, site.id, grade))
    for device in session.exec(select_rows(Device).where(
            col(Device.site_id).in_(ids), col(Device.retired_at).is_(None)).order_by(col(Device.id)).limit(500)):
        site, _ = graded[device.site_id]
        if grade := _grade(words, terms_of(device.id, device.name, *device.key.partition(":")[::2])):
            lives_there = None if site.household_left_at is not None else site.customer_id
            found.devices.append(Hit("device", device.id, device.name, f"{device.id} · {site.address or site.name}",
                                     lives_there, site.id, grade))
    _show_residents(session, graded, words, found)


def _place_terms(site: Site) -> set[str]:
    return terms_of(site.id, site.postcode, site.town) | terms_of_street(site.street) | terms_of_street(site.name)


def _show_residents(session: Session, graded: dict[str, tuple[Site, int]], words: Sequence[Word], found: Found) -> None:
    """`novak lindenweg`: the household too, once, and who of it is there."""
    at = {site.customer_id: (site, grade) for site, grade in graded.values()
          if site.household_left_at is None and 0 < grade}
    known = {hit.id for hit in found.customers} | {hit.id for hit in found.people}
    if len(words) < 2 or not at:
        return
    for row in session.exec(select_rows(Customer).where(col(Customer.id).in_(at))):
        if (grade := _grade(words, terms_of(row.id, row.name))) and row.id not in known:
            found.customers.append(Hit("customer", row.id, row.name, "", row.id, at[row.id][0].id,
                                       grade + at[row.id][1]))
    for who, site_id in session.exec(
            select_rows(Person, PersonSite.site_id).join(PersonSite, col(PersonSite.person_id) == Person.id)
            .where(col(PersonSite.site_id).in_([site.id for site, _ in at.values()]),
                   col(PersonSite.left_at).is_(None), col(Person.left_at).is_(None))):
        if who.customer_id in at and (grade := _grade(words, terms_of(who.name))) and who.id not in known:
            found.people.append(Hit("person", who.id, who.name, who.role, who.customer_id, site_id,
                                    grade + at[who.customer_id][1]))


def _find_callers(session: Session, wanted: PhoneWanted, found: Found) -> None:
    """Everybody who has the number: who of them calls, a person has to find out."""
    ids, more = _entries(session, (wanted.word, *wanted.beside), (SearchField.HOUSEHOLD,), SearchEntry.customer_id)
    found.more |= more
    if not ids:
        return
    households = {row.id: row for row in session.exec(select_rows(Customer).where(col(Customer.id).in_(ids)))}
    people = {row.id: row for row in session.exec(
        select_rows(Person).where(col(Person.customer_id).in_(ids), col(Person.left_at).is_(None)))}
    callers: dict[tuple[str, str | None, str], Caller] = {}
    for kind, owner, number in session.connection().execute(numbers_of([*households, *people])):
        person = people.get(owner) if kind == RecipientKind.PERSON else None
        household = households.get(person.customer_id if person is not None else owner)
        if household is not None and number_ends(number, wanted):
            callers[household.id, person.id if person else None, number] = Caller(
                household.id, person.id if person else None, person.name if person else household.name, number,
                person.role if person else "", number == wanted.whole)
    ranked = sorted(callers.values(), key=lambda one: (not one.whole, one.name, one.customer_id, one.person_id or ""))
    found.callers, found.more = ranked[:SHOWN], found.more or len(ranked) > SHOWN


def _show_outages(session: Session, found: Found) -> None:
    """Who types the street of a home that is dark sees the outage."""
    sites = {hit.site_id for hit in (*found.sites, *found.customers, *found.people) if hit.site_id is not None}
    if not sites:
        return
    dark = session.exec(select_rows(OutageMember.outage_id).where(
        col(OutageMember.site_id).in_(sites), col(OutageMember.back_at).is_(None)).distinct())
    known = {hit.id for hit in found.outages}
    rows = session.exec(select_rows(Outage).where(
        col(Outage.id).in_([one for one in dark if one not in known]), col(Outage.closed_at).is_(None)))
    found.outages += [_outage(row) for row in rows][:SHOWN]


def _say_where(session: Session, found: Found) -> None:
    """Each household's address, and how many tickets of it are open; the name of whose a site is."""
    hits = (*found.tickets, *found.callbacks, *found.customers, *found.people, *found.sites)
    ids = {hit.customer_id for hit in hits if hit.customer_id} | {one.customer_id for one in found.callers}
    if not ids:
        return
    names = dict(session.exec(select_rows(Customer.id, Customer.name).where(col(Customer.id).in_(ids))).all())
    first = {owner: (site, count) for owner, site, count in session.connection().execute(
        select(col(Site.customer_id), func.min(col(Site.id)), func.count()).where(
            col(Site.customer_id).in_(ids), col(Site.household_left_at).is_(None)).group_by(col(Site.customer_id)))}
    wanted = {site for site, _ in first.values()} | {hit.site_id for hit in hits if hit.site_id}
    sites = {row.id: row for row in session.exec(select_rows(Site).where(col(Site.id).in_(wanted)))}
    open_tickets = {owner: count for owner, count in session.connection().execute(
        select(col(Ticket.customer_id), func.count()).where(
            col(Ticket.customer_id).in_(ids), col(Ticket.closed_at).is_(None)).group_by(col(Ticket.customer_id)))}

    def where(customer_id: str, site_id: str | None) -> str:
        site, count = first.get(customer_id, (None, 0))
        row = sites.get(site_id or site or "")
        if row is None:
            return "no home"
        return (row.address or row.name) + (f" and {count - 1} more" if count > 1 and not site_id else "")

    def trouble(customer_id: str) -> str:
        count = open_tickets.get(customer_id, 0)
        return f"{count} open ticket{'s' if count > 1 else ''}" if count else ""

    def said(*parts: str) -> str:
        return " · ".join(part for part in parts if part)

    for number, hit in enumerate(found.tickets):
        found.tickets[number] = hit._replace(context=said(hit.context, names.get(hit.customer_id or "", ""),
                                                          where(hit.customer_id or "", hit.site_id)))
    for number, hit in enumerate(found.callbacks):
        found.callbacks[number] = hit._replace(context=said(hit.context, names.get(hit.customer_id or "", ""),
                                                            where(hit.customer_id or "", hit.site_id)))
    for number, hit in enumerate(found.customers):
        found.customers[number] = hit._replace(context=said(where(hit.id, hit.site_id), trouble(hit.id)))
    for number, hit in enumerate(found.people):
        found.people[number] = hit._replace(context=said(
            hit.context, names.get(hit.customer_id or "", ""), where(hit.customer_id or "", hit.site_id)))
    for number, hit in enumerate(found.sites):
        owner = hit.customer_id or ""
        found.sites[number] = hit._replace(context=said(names.get(owner, "nobody lives there"), trouble(owner)))
    for number, one in enumerate(found.callers):
        found.callers[number] = one._replace(context=said(
            one.context, names.get(one.customer_id, "") if one.person_id else "", where(one.customer_id, None),
            trouble(one.customer_id)))
