"""Finds what somebody types: by number, name, address, telephone number and device, the best first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import Session, col, select

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
    Site,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.store.search.entries import owners_with
from gateway.store.search.found import Caller, Found, Hit
from gateway.store.search.index import device_terms, household_terms, numbers_of, place_terms
from gateway.store.search.terms import (
    NumberRange,
    PhoneWanted,
    Word,
    is_one_number,
    number_ends,
    numbers_wanted,
    phone_wanted,
    terms_of,
    words_wanted,
)
from gateway.store.search.where import say_where

SHOWN = 20  # of each group
_ROWS = 5000  # people or devices looked at: a site may have thousands
_HOME = (SearchField.PLACE, SearchField.RESIDENT, SearchField.DEVICE)


def search(session: Session, text: str, country: str, phones: bool) -> Found:
    """`phones`: whether whoever asks may see how people are reached; `country`: of numbers without a prefix."""
    found = Found()
    _find_numbers(session, text, found)
    if found.jump is not None:
        return found
    words = words_wanted(text)
    if words:
        households, more = owners_with(session, words, (SearchField.HOUSEHOLD,), SearchEntry.customer_id)
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
    say_where(session, found)
    return found


# --- numbers


def _find_numbers(session: Session, text: str, found: Found) -> None:
    wanted: defaultdict[str, list[NumberRange]] = defaultdict(list)
    for one in numbers_wanted(text):
        wanted[one.kind].append(one)
    found.tickets = [_ticket(row) for row in _numbered(session, Ticket, wanted["T"])]
    for row in (*_numbered(session, Offer, wanted["O"]), *_numbered(session, Visit, wanted["V"])):
        found.tickets.append(_ticket(session.get_one(Ticket, row.ticket_id), row.id))
    found.callbacks = [_callback(row) for row in _numbered(session, Callback, wanted["C"])]
    found.outages = [_outage(row) for row in _numbered(session, Outage, wanted["X"])]
    everything = [Subject(kind, hit.id) for kind, hits in (
        (SubjectKind.TICKET, found.tickets), (SubjectKind.CALLBACK, found.callbacks),
        (SubjectKind.OUTAGE, found.outages)) for hit in hits]
    if len(everything) == 1 and is_one_number(text):
        found.jump = everything[0]


def _numbered(session: Session, table: Any, wanted: Sequence[NumberRange]) -> list[Any]:
    rows: list[Any] = []
    whole = sorted({one.low for one in wanted if one.low == one.high})
    if whole:
        rows += session.exec(select(table).where(table.id.in_(whole)).order_by(table.id))
    for _, low, high in (one for one in wanted if one.low != one.high):
        rows += session.exec(select(table).where(table.id >= low, table.id <= high).order_by(table.id).limit(SHOWN))
    return rows


def _ticket(row: Ticket, by: str = "") -> Hit:
    return Hit(row.id, row.id, f"{by} · {row.cause}" if by else row.cause, row.customer_id, row.site_id,
               row.state, row.severity)


def _callback(row: Callback) -> Hit:
    return Hit(row.id, row.id, "", row.customer_id, row.site_id, row.state)


def _outage(row: Outage) -> Hit:
    return Hit(row.id, row.name or row.id, f"{row.id} · {row.dark} of {row.homes} homes are dark",
               state=row.state)


# --- words


def _homes(session: Session, words: Sequence[Word]) -> tuple[set[str], bool]:
    """Sites: with one word by what they are or what stands there, with more also by who lives there."""
    if len(words) > 1:
        return owners_with(session, words, _HOME, SearchEntry.site_id)
    places, more = owners_with(session, words, (SearchField.PLACE,), SearchEntry.site_id)
    devices, many = owners_with(session, words, (SearchField.DEVICE,), SearchEntry.site_id)
    return places | devices, more or many


def _grade(words: Sequence[Word], terms: Iterable[str]) -> int:
    listed = list(terms)
    return sum(word.grade(listed) for word in words)


def _show_households(session: Session, ids: set[str], words: Sequence[Word], found: Found) -> None:
    if not ids:
        return
    for row in session.exec(select(Customer).where(col(Customer.id).in_(ids))):
        if grade := _grade(words, household_terms(row.id, row.name)):
            found.customers.append(Hit(row.id, row.name, customer_id=row.id, grade=grade))
    for who in session.exec(select(Person).where(
            col(Person.customer_id).in_(ids), col(Person.left_at).is_(None)).limit(_ROWS)):
        if grade := _grade(words, terms_of(who.name)):
            found.people.append(Hit(who.id, who.name, who.role, who.customer_id, grade=grade))


def _show_homes(session: Session, ids: set[str], words: Sequence[Word], found: Found) -> None:
    """With one of the words in what a thing is itself, it is shown; whose home it is narrows down."""
    if not ids:
        return
    sites = {site.id: site for site in session.exec(select(Site).where(col(Site.id).in_(ids)))}
    graded: dict[str, tuple[Site, int]] = {}
    for site in sites.values():
        if grade := _grade(words, place_terms(site.id, site.name, site.street, site.postcode, site.town)):
            graded[site.id] = site, grade
            found.sites.append(Hit(site.id, site.address or site.name, site.name if site.address else "",
                                   _who_lives_at(site), site.id, grade=grade))
    _show_devices(session, sites, words, found)
    if len(words) > 1:
        _show_residents(session, graded, words, found)


def _show_devices(session: Session, sites: dict[str, Site], words: Sequence[Word], found: Found) -> None:
    """Of each home those that fit best: `alice pump` finds no other device of Alice's."""
    graded = [(site_id, device_id, name, _grade(words, device_terms(device_id, key, name)))
              for site_id, device_id, key, name in session.exec(
                  select(Device.site_id, Device.id, Device.key, Device.name).where(
                      col(Device.site_id).in_(sites), col(Device.retired_at).is_(None)).limit(_ROWS))]
    best: defaultdict[str, int] = defaultdict(int)
    for site_id, _, _, grade in graded:
        best[site_id] = max(best[site_id], grade)
    for site_id, device_id, name, grade in graded:
        if 0 < grade == best[site_id]:
            site = sites[site_id]
            found.devices.append(Hit(device_id, name, f"{device_id} · {site.address or site.name}",
                                     _who_lives_at(site), site_id, grade=grade))


def _who_lives_at(site: Site) -> str | None:
    return None if site.household_left_at is not None else site.customer_id


def _show_residents(session: Session, graded: dict[str, tuple[Site, int]], words: Sequence[Word], found: Found) -> None:
    """`novak lindenweg`: the household too, once, and who of it is there."""
    at = {site.customer_id: (site.id, grade) for site, grade in graded.values() if site.household_left_at is None}
    known = {hit.id for hit in found.customers} | {hit.id for hit in found.people}
    if not at:
        return
    for row in session.exec(select(Customer).where(col(Customer.id).in_(at))):
        if (grade := _grade(words, household_terms(row.id, row.name))) and row.id not in known:
            site_id, more = at[row.id]
            found.customers.append(Hit(row.id, row.name, "", row.id, site_id, grade=grade + more))
    for who, site_id in session.exec(
            select(Person, PersonSite.site_id).join(PersonSite, col(PersonSite.person_id) == Person.id)
            .where(col(PersonSite.site_id).in_([site_id for site_id, _ in at.values()]),
                   col(PersonSite.left_at).is_(None), col(Person.left_at).is_(None)).limit(_ROWS)):
        if who.customer_id in at and who.id not in known and (grade := _grade(words, terms_of(who.name))):
            found.people.append(Hit(who.id, who.name, who.role, who.customer_id, site_id,
                                    grade=grade + at[who.customer_id][1]))


# --- who calls, and what is out where they live


def _find_callers(session: Session, wanted: PhoneWanted, found: Found) -> None:
    """Everybody who has the number: who of them calls, a person has to find out."""
    ids, more = owners_with(session, (wanted.word, *wanted.beside), (SearchField.HOUSEHOLD,), SearchEntry.customer_id)
    if not ids:
        return
    households = {row.id: row for row in session.exec(select(Customer).where(col(Customer.id).in_(ids)))}
    people = {row.id: row for row in session.exec(
        select(Person).where(col(Person.customer_id).in_(ids), col(Person.left_at).is_(None)))}
    callers: dict[tuple[str, str | None, str], Caller] = {}
    for kind, owner, number in session.connection().execute(numbers_of([*households, *people])):
        person = people.get(owner) if kind == RecipientKind.PERSON else None
        household = households.get(person.customer_id if person is not None else owner)
        if household is not None and number_ends(number, wanted):
            person_id = person.id if person is not None else None
            callers[household.id, person_id, number] = Caller(
                household.id, person_id, person.name if person is not None else household.name, number,
                person.role if person is not None else "", number == wanted.whole)
    ranked = sorted(callers.values(), key=lambda one: (not one.whole, one.name, one.customer_id, one.person_id or ""))
    found.callers, found.more = ranked[:SHOWN], found.more or more or len(ranked) > SHOWN


def _show_outages(session: Session, found: Found) -> None:
    """Who types the street of a home that is dark sees the outage."""
    sites = {hit.site_id for hit in (*found.sites, *found.customers, *found.people) if hit.site_id is not None}
    if not sites:
        return
    dark = session.exec(select(OutageMember.outage_id).where(
        col(OutageMember.site_id).in_(sites), col(OutageMember.back_at).is_(None)).distinct())
    known = {hit.id for hit in found.outages}
    rows = session.exec(select(Outage).where(
        col(Outage.id).in_([one for one in dark if one not in known]), col(Outage.closed_at).is_(None)))
    found.outages += [_outage(row) for row in rows][:SHOWN]
