"""Queries for what a person reports: whether site, device and skill are known, and which ticket took the report on."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from sqlmodel import Session, col, select

from gateway.config.error_messages import did_you_mean
from gateway.model import Actor, Device, Entry, EntryKind, Provider, Site, Ticket
from gateway.model.entries import REPORTS
from gateway.tickets.actions import OpenTicket
from gateway.tickets.facts import in_their_words


class Reported(NamedTuple):
    ticket_id: str
    joined: bool  # a ticket that was there already


def report_errors(session: Session, report: OpenTicket, profile_skills: Collection[str]) -> Iterator[tuple[str, str]]:
    """(field, `what — what was expected`) of each thing that the report names and nobody knows."""
    site = session.get(Site, report.site_id)
    if site is None:
        yield "site_id", f"there is no site {report.site_id!r} — expected the id of one"
    elif report.device_id is not None:
        devices = session.exec(select(Device.id).where(Device.site_id == site.id, col(Device.retired_at).is_(None)))
        here = list(devices)
        if report.device_id not in here:
            yield "device_id", (f"there is no device {report.device_id!r} at {site.id} — "
                                + (did_you_mean(report.device_id, here) if here else "expected none: it has no device"))
    skills = known_skills(session, profile_skills)
    if report.skill not in skills:
        yield "skill", f"{report.skill!r} is no skill of a provider or profile — {did_you_mean(report.skill, skills)}"


def known_skills(session: Session, profile_skills: Collection[str]) -> list[str]:
    """Of any provider or profile, by name."""
    return sorted({skill for theirs in session.exec(select(Provider.skills)) for skill in theirs} | set(profile_skills))


def reported(session: Session, report: OpenTicket, who: Actor) -> Reported | None:
    """The ticket that took on what this person has reported last in these words."""
    lines = session.exec(
        select(Entry).join(Ticket, col(Ticket.id) == Entry.subject_id)
        .where(Ticket.site_id == report.site_id, col(Entry.kind).in_(REPORTS), Entry.by_kind == who.kind,
               Entry.by_name == who.name).order_by(col(Entry.id).desc()))
    cause = in_their_words(report.cause)
    return next((Reported(line.subject_id, line.kind is not EntryKind.OPENED_BY_PERSON) for line in lines
                 if line.parameters["cause"] == cause), None)
