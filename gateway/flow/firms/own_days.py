"""own_days: the days on which a firm or one of its people is away, and how much it takes on one day, as it says."""

from datetime import date

from sqlmodel import Session

from gateway.calendars.time_off import REASON, TimeOff, with_entry, without_entry
from gateway.flow.accounts.audit import write_act
from gateway.flow.firms.own_links import firm, technician
from gateway.model import Actor, Instant, Provider, Technician, local, new_id
from gateway.model.plan import Plan

MOST_VISITS = 200  # that a firm may say it takes on one day


class BadCapacity(Exception):
    """It is no number of visits that a firm can take."""


def enter_time_off(session: Session, provider_id: str, technician_id: str, first: date, last: date, reason: str,
                   who: Actor, now: Instant) -> None:
    """From now on nothing is offered to the firm, or this technician not counted on, on those days. Raises NoSuch and
    BadTimeOff."""
    row, today = _whose(session, provider_id, technician_id, now)
    given = TimeOff(new_id("A"), first, last, " ".join(reason.split())[:REASON])
    _set(session, row, with_entry(row.time_off, given, today), "enter_time_off", provider_id, who, now)


def end_time_off(session: Session, provider_id: str, technician_id: str, entry_id: str, who: Actor, now: Instant
                 ) -> None:
    """They are there after all; a second time is no other. Raises NoSuch."""
    row, today = _whose(session, provider_id, technician_id, now)
    _set(session, row, without_entry(row.time_off, entry_id, today), "end_time_off", provider_id, who, now)


def set_capacity(session: Session, provider_id: str, visits: int | None, who: Actor, now: Instant) -> None:
    """How many visits it takes on one day; None: as agreed when it was added. Raises NoSuch and BadCapacity."""
    if visits is not None and not 1 <= visits <= MOST_VISITS:
        raise BadCapacity
    row = firm(session, provider_id)
    if row.own_capacity != visits:
        row.own_capacity = visits
        session.add(row)
        write_act(session, "set_capacity", ("provider", provider_id), Plan(), who, now)


def set_invites(session: Session, provider_id: str, wanted: bool, who: Actor, now: Instant) -> None:
    """Whether visits come by mail, for the calendars of the firm and its technicians. Raises NoSuch."""
    row = firm(session, provider_id)
    if row.invites != wanted:
        row.invites = wanted
        session.add(row)
        write_act(session, "set_invites", ("provider", provider_id), Plan(), who, now)


def _whose(session: Session, provider_id: str, technician_id: str, now: Instant
           ) -> tuple[Provider | Technician, date]:
    row = firm(session, provider_id)
    today = local(now, row.timezone).date()
    return (technician(session, provider_id, technician_id) if technician_id else row), today


def _set(session: Session, row: Provider | Technician, entries: list[dict[str, str]], action: str, provider_id: str,
         who: Actor, now: Instant) -> None:
    if entries != row.time_off:
        row.time_off = entries
        session.add(row)
        write_act(session, action, ("provider", provider_id), Plan(), who, now)
