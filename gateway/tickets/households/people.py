"""Plans what an agent writes down about the people of a household, and how each of them is reached."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.model import (
    Actor,
    ConsentSource,
    Contact,
    Customer,
    EntryKind,
    Instant,
    Need,
    Person,
    PersonRole,
    PersonSite,
    Subject,
    SubjectKind,
    person,
)
from gateway.model.plan import Draft, NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.tickets.new_rows import entry

TAKEN_BACK = "removed by an agent"


@dataclass(frozen=True)
class Needs:
    """What has to be thought of first, as the person agreed to it."""

    kinds: tuple[Need, ...] = ()
    consent_on: str | None = None  # 2026-11-28
    review_on: str | None = None


@dataclass(frozen=True)
class GivenPerson:
    """A person as an agent describes them."""

    name: str
    role: PersonRole
    locale: str | None = None
    needs: Needs = Needs()


def subject_of_person(person_id: str) -> Subject:
    """What an entry about a person is about."""
    return Subject(SubjectKind.PERSON, person_id)


def plan_add(person_id: str, given: GivenPerson, household: Customer, site_ids: Sequence[str], position: int,
             draft: Draft, who: Actor, now: Instant) -> Person:
    """A new person of the household, who lives or helps at these sites of theirs."""
    row = Person(id=person_id, customer_id=household.id, name=given.name, role=given.role, position=position)
    _describe(row, given)
    draft.add(row, *(PersonSite(id=f"{person_id}/{site}", person_id=person_id, site_id=site) for site in site_ids),
              entry(subject_of_person(person_id), now, EntryKind.PERSON_ADDED, who=who, role=given.role))
    return row


def plan_change(row: Person, given: GivenPerson, draft: Draft, who: Actor, now: Instant) -> None:
    """Raises Refused when they have left: nothing is kept of them any more."""
    _still_there(row)
    _describe(row, given)
    draft.add(entry(subject_of_person(row.id), now, EntryKind.PERSON_CHANGED, who=who))


def plan_add_contact(row: Person, contacts: Sequence[Contact], contact_id: str, channel: str, address: str,
                     draft: Draft, who: Actor, now: Instant) -> list[Contact]:
    """The last to be tried; one that was stopped is used again. `contacts`: theirs, as copies of the draft. Returns all
    of theirs."""
    _still_there(row)
    known = next((one for one in contacts if one.id == contact_id), None)
    if known is not None and known.stopped_at is None:
        return [*contacts]
    added = []
    if known is not None:
        known.stopped_at, known.stopped_why = None, None
        known.consent_by, known.consent_at, known.consent_who = ConsentSource.AGENT, now, who.name
    else:
        owner = person(row.id)
        added = [Contact(id=contact_id, owner_kind=owner.kind, owner_id=owner.id, channel=channel, address=address,
                         position=max((one.position for one in contacts), default=-1) + 1,
                         consent_by=ConsentSource.AGENT, consent_at=now, consent_who=who.name)]
    draft.add(*added, entry(subject_of_person(row.id), now, EntryKind.CONTACT_ADDED, who=who, channel=channel))
    return [*contacts, *added]


def plan_remove_contact(row: Person, contacts: Sequence[Contact], contact_id: str, draft: Draft, who: Actor,
                        now: Instant) -> None:
    """It is used no more. Raises NoSuch for a contact that is not theirs: nobody touches another's."""
    known = next((one for one in contacts if one.id == contact_id), None)
    if known is None:
        raise NoSuch(f"person {row.id} has no contact {contact_id}")
    if known.stopped_at is None:
        known.stopped_at, known.stopped_why = now, TAKEN_BACK
        draft.add(entry(subject_of_person(row.id), now, EntryKind.CONTACT_REMOVED, who=who, channel=known.channel))


def _describe(row: Person, given: GivenPerson) -> None:
    row.name, row.role, row.locale = given.name, given.role, given.locale
    row.needs = [Need(one) for one in given.needs.kinds]
    row.needs_consent_on, row.needs_review_on = given.needs.consent_on, given.needs.review_on


def _still_there(row: Person) -> None:
    if row.left_at is not None:
        raise Refused(RefusedReason.PERSON_LEFT, id=row.id)
