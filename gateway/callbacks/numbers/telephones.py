"""Which numbers a person at the desk may ring about a home, and in which order."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.config.phone_numbers import PHONE, LineKind, for_people, line_kind
from gateway.model import RESIDENTS, Callback, Contact, Customer, Person, PersonRole, Recipient, Site, customer, person

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class Telephone(NamedTuple):
    """A number to ring, and who answers there."""

    number: str  # E.164
    name: str
    role: PersonRole | None  # None: the household's own number
    line: LineKind
    person_id: str | None = None

    @property
    def shown(self) -> str:
        """As people read it."""
        return for_people(self.number)


def numbers_to_ring(household: Customer, people: Sequence[Person], contacts: Sequence[Contact]) -> list[Telephone]:
    """Each number once: who lives there, the household's own number, relatives, then helpers.

    `people`: those who live or help at the home, in the household's order; `contacts`: theirs and the household's, in
    their owners' order. Of each the numbers to ring come before those for messages; what is stopped is left out.
    """
    ranked = sorted(people, key=lambda one: (_RANK[one.role], one.position, one.id))
    residents = [one for one in ranked if one.role in RESIDENTS]
    found = [number for one in residents for number in _of(person(one.id), one, one.name, contacts)]
    found += _of(customer(household.id), None, household.name, contacts)
    found += [number for one in ranked if one not in residents
              for number in _of(person(one.id), one, one.name, contacts)]
    return _each_once(found)


def had_left(callback: Callback, site: Site) -> bool:
    """Whether nobody lived there any more when the call was asked for: the numbers of before are others' business."""
    return site.household_left_at is not None and callback.requested_at >= site.household_left_at


def numbers_of(name: str, phone: str, contacts: Iterable[Contact], who: Person | None = None) -> list[Telephone]:
    """Each number once, of one person or firm: `phone` first, where there is one."""
    first = [Telephone(phone, name, None, line_kind(phone))] if _E164.fullmatch(phone) else []
    return _each_once([*first, *_rung(contacts, name, who)])


_RANK = {PersonRole.OWNER: 0, PersonRole.TENANT: 0, PersonRole.RELATIVE: 1, PersonRole.HELPER: 2}


def _of(owner: Recipient, who: Person | None, name: str, contacts: Iterable[Contact]) -> list[Telephone]:
    return _rung([one for one in contacts if one.owner == owner], name, who)


def _rung(contacts: Iterable[Contact], name: str, who: Person | None) -> list[Telephone]:
    usable = [one for one in contacts if one.stopped_at is None and _E164.fullmatch(one.address)]
    usable.sort(key=lambda one: (one.channel != PHONE, one.position, one.id))
    return [Telephone(one.address, name, who.role if who else None, line_kind(one.address), who.id if who else None)
            for one in usable]


def _each_once(found: Iterable[Telephone]) -> list[Telephone]:
    first: dict[str, Telephone] = {}
    for one in found:
        first.setdefault(one.number, one)
    return list(first.values())
