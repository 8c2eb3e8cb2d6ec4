"""Queries for telephone numbers: those of a visit's home, who has looked before, and the wrong PINs of the bridge."""

from typing import NamedTuple

from sqlmodel import Session, col, select

from gateway.callbacks.numbers.telephones import Telephone
from gateway.callbacks.numbers.visit_calls import GUESSED, at_home, is_guessed_at
from gateway.model import (
    Actor,
    Entry,
    EntryKind,
    Instant,
    Link,
    LinkPurpose,
    PinTries,
    Provider,
    Site,
    Ticket,
    Visit,
)
from gateway.store.households import Household, household_at


class VisitCall(NamedTuple):
    """A visit, and whom its technician may ring."""

    visit: Visit
    ticket: Ticket
    firm: str
    household: Household

    @property
    def telephones(self) -> list[Telephone]:
        return at_home(self.household.telephones)

    def language_of(self, telephone: Telephone) -> str:
        people = {one.id: one for one in self.household.people}
        person = people.get(telephone.person_id or "")
        return (person.locale if person is not None else None) or self.household.customer.locale


def last_look(session: Session, subject_id: str, who: Actor) -> Entry | None:
    """When somebody last saw numbers of this ticket or callback."""
    return session.exec(
        select(Entry).where(Entry.subject_id == subject_id, Entry.kind == EntryKind.NUMBER_SEEN,
                            Entry.by_kind == who.kind, Entry.by_name == who.name)
        .order_by(col(Entry.id).desc()).limit(1)).first()


def visit_by_pin(session: Session, pin: str, now: Instant) -> VisitCall | None:
    """The visit with this PIN that is not over, as long as its technician's page can be read."""
    lives = select(Link.id).where(Link.subject_id == Visit.id, Link.purpose == LinkPurpose.VISIT,
                                  col(Link.revoked_at).is_(None), Link.expires_at > now)
    visit = session.exec(select(Visit).where(Visit.call_pin == pin, col(Visit.done_at).is_(None), lives.exists())
                         ).first()
    return None if visit is None else visit_call(session, visit)


def visit_call(session: Session, visit: Visit) -> VisitCall | None:
    """None when nobody is to be rung: it is about a whole area, or the household has moved out."""
    ticket = session.get_one(Ticket, visit.ticket_id)
    site = session.get_one(Site, ticket.site_id)
    if ticket.outage_id is not None or site.household_left_at is not None or site.customer_id != ticket.customer_id:
        return None
    firm = session.get_one(Provider, visit.provider_id).name
    return VisitCall(visit, ticket, firm, household_at(session, site))


def pin_tries(session: Session, of: str) -> PinTries:
    """Of the visit that these digits name, or ("") all. Locked: two wrong PINs at the same moment count as two."""
    query = select(PinTries).where(PinTries.id == of).with_for_update()
    return session.exec(query).first() or PinTries(id=of)


def guesses(session: Session, now: Instant) -> list[str]:
    """That somebody tries PINs, in a sentence for the operator."""
    tries = session.get(PinTries, "")
    if tries is None or not is_guessed_at(tries, now):
        return []
    return [f"bridge: {GUESSED} wrong PINs and more within an hour; visits with their right PIN are connected as ever"]


def save_tries(session: Session, tries: PinTries) -> None:
    session.merge(tries)
    session.flush()
