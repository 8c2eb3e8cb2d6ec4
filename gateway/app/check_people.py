"""The part of `gateway check` that looks at people: who cannot be reached, and needs that somebody should ask about."""

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from gateway.config.fleet_file import Fleet
from gateway.config.fleet_rows import Customer, Person
from gateway.config.phone_numbers import PHONE
from gateway.model import RESIDENTS, Need

SHOWN = 5  # names in one line


def people_warnings(file: Path, fleet: Fleet, today: str) -> Iterator[str]:
    """What is probably a mistake; `today`: 2026-11-28."""
    people = [(person, household) for household in fleet.customers for person in household.people]
    yield from _say(file, "customers", (one.id for one in fleet.customers if not _written_to(one) and not _rung(one)),
                    "no contact, so nothing can be told to them — expected one at least")
    yield from _say(file, "customers", (one.id for one in fleet.customers if not _written_to(one) and _rung(one)
                                        and not any(_needs(who, Need.LANDLINE_ONLY) for who in one.people)),
                    "nothing but a telephone, so somebody has to ring them with all news — expected a contact for "
                    f"messages, or the need {Need.LANDLINE_ONLY} with whoever has no other")
    yield from _say(file, "people", (who.id for who, household in people if _out_of_reach(who, household)),
                    "neither phone nor contact, so they cannot be reached — expected one at least")
    yield from _say(file, "people", (who.id for who, _ in people if _wants(who, lambda review, _: review is None)),
                    "needs without a review, so nobody asks whether they still hold — expected review: a day")
    yield from _say(file, "people", (who.id for who, _ in people
                                     if _wants(who, lambda review, _: review is not None and review < today)),
                    "the day on which their needs were to be reviewed has passed — ask them, and write the next")
    yield from _say(file, "people", (who.id for who, _ in people if _wants(who, lambda _, consent: consent > today)),
                    "consent to keeping their needs on a day that has not come — expected the day on which they agreed")


def _written_to(household: Customer) -> bool:
    """Whether there is an address for messages to the household."""
    contacts = household.contacts + [one for who in household.people if who.role in RESIDENTS for one in who.contacts]
    return any(contact.channel != PHONE for contact in contacts)


def _rung(one: Customer | Person) -> bool:
    residents = [who for who in one.people if who.role in RESIDENTS] if isinstance(one, Customer) else []
    return bool(one.phone) or any(contact.channel == PHONE for contact in one.contacts) or any(map(_rung, residents))


def _out_of_reach(who: Person, household: Customer) -> bool:
    """A resident without phone and contact of their own is reached by the household's."""
    if who.phone or who.contacts:
        return False
    return who.role not in RESIDENTS or not (_written_to(household) or _rung(household))


def _needs(who: Person, need: Need) -> bool:
    return who.needs is not None and need in who.needs.kinds


def _wants(who: Person, when: Callable[[str | None, str], bool]) -> bool:
    return who.needs is not None and when(who.needs.review, who.needs.consent or "")


def _say(file: Path, section: str, names: Iterable[str], words: str) -> Iterator[str]:
    found = list(names)
    if found:
        yield f"{file}: {section} {some(found)}: {words}"


def some(names: Collection[str]) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(list(names)[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
