"""own_people: whom a firm sends, as it says itself: who is new, what they are called, who has left, how they look."""

from typing import NamedTuple

from sqlmodel import Session

from gateway.flow.accounts.audit import write_act
from gateway.flow.firms.own_links import firm, technician
from gateway.model import Actor, Instant, LinkPurpose, Portrait, Technician, new_id
from gateway.model.plan import Draft, Plan
from gateway.store import apply
from gateway.store.firms import links, people, portraits
from gateway.tickets.context import Policy
from gateway.tickets.sla.follow import complete

NAME = 80  # characters
MOST = 500  # technicians of one firm


class BadTechnician(Exception):
    """It cannot be done; the text is the catalogue id of the sentence that says why."""


class Picture(NamedTuple):
    """Re-encoded. `digest`: of the file as it came."""

    content: bytes
    width: int
    height: int
    digest: str


def add_technician(session: Session, provider_id: str, name: str, who: Actor, now: Instant) -> None:
    """A name that they have already adds nobody; somebody who had left is there again. Raises NoSuch and
    BadTechnician."""
    firm(session, provider_id)
    name = _usable(name)
    everybody = people.everybody(session, provider_id)
    if any(_same(one.name, name) and one.ended_at is None for one in everybody):
        return
    if sum(one.ended_at is None for one in everybody) >= MOST:
        raise BadTechnician("page.firm.people_full")
    row = next((one for one in everybody if _same(one.name, name)), None)
    if row is None:
        row = Technician(id=new_id("T"), provider_id=provider_id, name=name)
    row.ended_at = None
    session.add(row)
    write_act(session, "add_technician", ("provider", provider_id), Plan(), who, now)


def rename_technician(session: Session, provider_id: str, technician_id: str, name: str, policy: Policy, who: Actor,
                      now: Instant) -> None:
    """Whoever waits for them reads the new name from now on. Raises NoSuch, BadTechnician and Conflict."""
    row, name = technician(session, provider_id, technician_id), _usable(name)
    if row.name == name:
        return
    if any(_same(one.name, name) and one.id != row.id for one in links.technicians_of(session, provider_id)):
        raise BadTechnician("page.firm.name_taken")
    draft = Draft()
    for visit in people.visits_of(session, row):
        draft.copy(visit).technician = name
    row.name, row.renamed = name, True
    session.add(row)
    plan = complete(draft, policy, now)
    apply(session, plan)
    write_act(session, "rename_technician", ("provider", provider_id), plan, who, now)


def end_technician(session: Session, provider_id: str, technician_id: str, who: Actor, now: Instant) -> None:
    """They have left the firm: nobody is sent in their name, their calendar and portrait end. A second time is no
    other. Raises NoSuch, and BadTechnician while somebody waits for them."""
    row = session.get(Technician, technician_id)
    if row is not None and row.provider_id == provider_id and row.ended_at is not None:
        return
    row = technician(session, provider_id, technician_id)
    if people.visits_of(session, row):
        raise BadTechnician("page.firm.still_planned")
    row.ended_at, row.time_off = now, []
    session.add(row)
    links.revoke(session, LinkPurpose.CALENDAR, [row.id], now)
    portraits.remove(session, row.id)
    write_act(session, "end_technician", ("provider", provider_id), Plan(), who, now)


def keep_portrait(session: Session, provider_id: str, technician_id: str, picture: Picture, who: Actor, now: Instant
                  ) -> None:
    """In place of the one before. Raises NoSuch."""
    technician(session, provider_id, technician_id)
    row = session.get(Portrait, technician_id)
    if row is not None and row.digest == picture.digest:
        return
    given = picture._asdict() | {"created_at": now}
    if row is None:
        row = Portrait(technician_id=technician_id, **given)
    for name, value in given.items():
        setattr(row, name, value)
    session.add(row)
    write_act(session, "set_portrait", ("provider", provider_id), Plan(), who, now)


def remove_portrait(session: Session, provider_id: str, technician_id: str, who: Actor, now: Instant) -> None:
    """A second time is no other. Raises NoSuch."""
    technician(session, provider_id, technician_id)
    if portraits.remove(session, technician_id):
        write_act(session, "remove_portrait", ("provider", provider_id), Plan(), who, now)


def _usable(name: str) -> str:
    """Raises BadTechnician."""
    name = " ".join("".join(char for char in name if char.isprintable() or char.isspace()).split())
    if not name:
        raise BadTechnician("page.firm.name_needed")
    if len(name) > NAME:
        raise BadTechnician("page.firm.name_long")
    return name


def _same(one: str, other: str) -> bool:
    """Visits name them by their name, so two of one firm cannot share one."""
    return one.casefold() == other.casefold()
