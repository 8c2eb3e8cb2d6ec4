"""Queries for the dispatcher's page: everything about one ticket or callback that whoever is on call needs to act."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlmodel import Session, col, select

from gateway.model import (
    Alarm,
    Callback,
    Customer,
    Device,
    Due,
    Entry,
    Job,
    JobTicket,
    Offer,
    OnCallPage,
    Outage,
    Provider,
    Site,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.store.households import Household, households

ENTRIES = 60  # of the timeline, the newest


class Whose(NamedTuple):
    """What a page about a ticket and one about a callback both show."""

    customer: Customer
    site: Site
    device: Device | None  # None: an outage, or reported without one
    household: Household  # of the customer at that site
    pages: list[OnCallPage]  # the open ones
    timeline: list[Entry]  # the newest first


class DispatchTicket(NamedTuple):
    ticket: Ticket
    whose: Whose
    outage: Outage | None  # that it is about
    cause: dict[str, str]  # locale → words; may be empty
    visit: Visit | None  # the current one
    jobs: list[Job]  # the open ones, the oldest first
    offers: list[Offer]  # of all its jobs, the newest first
    next_due: Due | None  # the deadline that comes first
    providers: dict[str, Provider]  # all of them, by name


class DispatchCallback(NamedTuple):
    callback: Callback
    whose: Whose


def load(session: Session, subject: Subject) -> DispatchTicket | DispatchCallback | None:
    """What the page about this ticket or callback shows, of a merged ticket the one that carries it on; None when there
    is no such thing."""
    if subject.kind is SubjectKind.CALLBACK:
        callback = session.get(Callback, subject.id)
        return None if callback is None else DispatchCallback(callback, _whose(session, callback))
    ticket = session.get(Ticket, subject.id)
    while ticket is not None and ticket.merged_into is not None:
        ticket = session.get(Ticket, ticket.merged_into)
    if ticket is None:
        return None
    jobs = list(session.exec(select(Job).join(JobTicket, col(JobTicket.job_id) == Job.id)
                             .where(JobTicket.ticket_id == ticket.id).order_by(col(Job.opened_at), col(Job.id))))
    offers = list(session.exec(select(Offer).where(col(Offer.job_id).in_([job.id for job in jobs]))
                               .order_by(col(Offer.offered_at).desc(), col(Offer.id))))
    still_open = [job for job in jobs if job.closed_at is None]
    with_deadlines = [ticket.id, *(job.id for job in still_open), *(job.visit_id or "" for job in still_open),
                      *(offer.id for offer in offers if offer.closed_at is None)]
    return DispatchTicket(
        ticket, _whose(session, ticket),
        outage=session.get(Outage, ticket.outage_id) if ticket.outage_id else None, cause=_cause(session, ticket),
        visit=session.get(Visit, ticket.visit_id) if ticket.visit_id else None,
        jobs=still_open, offers=offers,
        next_due=session.exec(select(Due).where(col(Due.subject_id).in_(with_deadlines), col(Due.at).is_not(None))
                              .order_by(col(Due.at)).limit(1)).first(),
        providers={one.id: one for one in session.exec(select(Provider).order_by(Provider.name))})


def _whose(session: Session, row: Ticket | Callback) -> Whose:
    return Whose(
        customer=session.get_one(Customer, row.customer_id), site=session.get_one(Site, row.site_id),
        device=session.get(Device, row.device_id) if row.device_id else None,
        household=households(session, [(row.customer_id, row.site_id)])[row.customer_id, row.site_id],
        pages=list(session.exec(select(OnCallPage).where(
            OnCallPage.subject_id == row.id, col(OnCallPage.closed_at).is_(None)).order_by(OnCallPage.role))),
        timeline=list(session.exec(select(Entry).where(Entry.subject_id == row.id)
                                   .order_by(col(Entry.id).desc()).limit(ENTRIES))))


def _cause(session: Session, ticket: Ticket) -> dict[str, str]:
    """Of the fault that opened it."""
    found: Iterable[Alarm] = session.exec(select(Alarm).where(Alarm.ticket_id == ticket.id)
                                          .order_by(col(Alarm.rule) != ticket.cause_key, col(Alarm.opened_at).desc()))
    return next((alarm.evidence["cause"] for alarm in found if isinstance(alarm.evidence.get("cause"), dict)), {})
