"""Queries for the console's page of one ticket, and for what to do next about a ticket or a customer."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import Session, col, select

from gateway.explain import TicketFacts
from gateway.model import (
    ActorKind,
    Callback,
    CallbackKind,
    Customer,
    Due,
    EntryKind,
    Instant,
    Job,
    JobTicket,
    NotificationState,
    OnCallPage,
    Outage,
    OutageMember,
    Promise,
    Provider,
    RecipientKind,
    Site,
    Survey,
    Ticket,
)
from gateway.model.notifications import Notification
from gateway.notifications.charts.fault_course import Around
from gateway.store.after.surveys import survey_of
from gateway.store.views.explain import ticket_facts
from gateway.store.visits.around_fault import around_fault
from gateway.tickets.desk.next_action import CONTACTS_WITHIN, CustomerFacts, DeskFacts
from gateway.tickets.desk.possible_acts import TicketNow


class ConsoleTicket(NamedTuple):
    """All that the page of one ticket shows."""

    story: TicketFacts
    desk: DeskFacts
    customer: Customer
    providers: dict[str, Provider]  # all of them by name, removed ones too
    callbacks: list[Callback]  # open ones of the home
    around: Around | None  # None: it has no device
    survey: Survey | None = None  # what the customer was asked once it was closed


def load(session: Session, ticket_id: str, now: Instant) -> ConsoleTicket | None:
    """None: there is no such ticket."""
    story = ticket_facts(session, ticket_id)
    if story is None:
        return None
    callbacks = _open_callbacks(session, [story.ticket.site_id])
    return ConsoleTicket(
        story, _desk_facts(session, story, callbacks, now), session.get_one(Customer, story.ticket.customer_id),
        {one.id: one for one in session.exec(select(Provider).order_by(Provider.name))},
        callbacks,
        around_fault(session, story.device, story.alarms, story.ticket, story.site.household_since, now),
        survey_of(session, ticket_id))


def desk_facts(session: Session, ticket_id: str, now: Instant) -> tuple[TicketFacts, DeskFacts] | None:
    """What is known of one ticket; None: there is no such one."""
    story = ticket_facts(session, ticket_id)
    if story is None:
        return None
    return story, _desk_facts(session, story, _open_callbacks(session, [story.ticket.site_id]), now)


def customer_facts(session: Session, customer_id: str, now: Instant) -> CustomerFacts | None:
    """What is known of one customer; None: there is no such one, or nothing is open and they have no home."""
    tickets = list(session.exec(select(Ticket).where(
        Ticket.customer_id == customer_id, col(Ticket.closed_at).is_(None), col(Ticket.outage_id).is_(None))))
    sites = [one.site_id for one in tickets] or list(session.exec(
        select(Site.id).where(Site.customer_id == customer_id).order_by(Site.id).limit(1)))
    if not sites:
        return None
    calls = session.exec(select(Callback.id).where(
        Callback.customer_id == customer_id, col(Callback.requested_at) > now - CONTACTS_WITHIN))
    jobs = session.exec(select(JobTicket.job_id).where(col(JobTicket.ticket_id).in_([one.id for one in tickets])))
    promises = session.exec(select(Promise).where(
        col(Promise.subject_id).in_([*calls, *jobs, *(one.id for one in tickets)])))
    told = session.exec(select(func.max(Notification.done_at)).where(
        Notification.recipient_kind == RecipientKind.CUSTOMER, Notification.recipient_id == customer_id,
        Notification.state == NotificationState.SENT, col(Notification.subject_id).in_([one.id for one in tickets]))
        ).one() if tickets else None
    return CustomerFacts(
        customer_id, sites[0], list(promises), _calls(session, customer_id, now), told, tickets,
        callback_open=bool(_open_callbacks(session, set(sites))))


def _desk_facts(session: Session, story: TicketFacts, callbacks: list[Callback], now: Instant) -> DeskFacts:
    ticket = story.ticket
    said = [entry.at for entry in story.history.entries if entry.by_kind is ActorKind.CUSTOMER]
    spoken = [entry.at for entry in story.history.entries if entry.kind is EntryKind.SPOKE_ABOUT]
    mine = [row for row, _ in story.history.notifications if row.recipient_kind is RecipientKind.CUSTOMER]
    told = [row.done_at for row in mine if row.state is NotificationState.SENT and row.done_at is not None]
    return DeskFacts(
        _stands(session, story), story.promises, [clock for clock, _ in story.sla], _undelivered(mine, spoken),
        [*_calls(session, ticket.customer_id, now), *dict.fromkeys(said)], max([*told, *spoken], default=None),
        _outage_of(session, ticket), callback_open=bool(callbacks))


def _undelivered(rows: Iterable[Notification], spoken: list[Instant]) -> list[Notification]:
    """What has not reached them since somebody last spoke with them, newest first."""
    since = max(spoken, default=0)
    return [row for row in rows if row.created_at > since][::-1]


def _stands(session: Session, story: TicketFacts) -> TicketNow:
    ticket = story.ticket
    jobs = list(session.exec(select(Job).join(JobTicket, col(JobTicket.job_id) == Job.id)
                             .where(JobTicket.ticket_id == ticket.id).order_by(col(Job.opened_at), col(Job.id))))
    about = [ticket.id, *(job.id for job in jobs), *(visit.id for visit in story.visits),
             *(offer.id for offer in story.offers)]
    return TicketNow(
        ticket, jobs, story.offers, story.visits, story.alarms,
        pages=list(session.exec(select(OnCallPage).where(
            OnCallPage.subject_id == ticket.id, col(OnCallPage.closed_at).is_(None)).order_by(OnCallPage.role))),
        due=list(session.exec(select(Due).where(col(Due.subject_id).in_(about), col(Due.at).is_not(None))
                              .order_by(col(Due.at)))),
        beside=list(session.exec(select(Ticket).where(
            Ticket.site_id == ticket.site_id, col(Ticket.closed_at).is_(None), Ticket.id != ticket.id)
            .order_by(col(Ticket.opened_at), Ticket.id))),
        merged=list(session.exec(select(Ticket).where(Ticket.merged_into == ticket.id).order_by(
            col(Ticket.opened_at), Ticket.id))),
        survivor=None if ticket.merged_into is None else session.get(Ticket, ticket.merged_into))


def _outage_of(session: Session, ticket: Ticket) -> Outage | None:
    """The open one that it is about, or that its home is dark in."""
    if ticket.outage_id is not None:
        return session.get(Outage, ticket.outage_id)
    return session.exec(select(Outage).join(OutageMember, col(OutageMember.outage_id) == Outage.id).where(
        OutageMember.site_id == ticket.site_id, col(OutageMember.back_at).is_(None), col(Outage.closed_at).is_(None))
        .order_by(col(Outage.began_at).desc())).first()


def _open_callbacks(session: Session, site_ids: Iterable[str]) -> list[Callback]:
    return list(session.exec(select(Callback).where(col(Callback.site_id).in_(list(site_ids)),
                                                    col(Callback.closed_at).is_(None))
                             .order_by(col(Callback.promised_by))))


def _calls(session: Session, customer_id: str, now: Instant) -> list[Instant]:
    """When they asked to be rung within the last days, or rang; not what we wanted of them ourselves."""
    return list(session.exec(select(Callback.requested_at).where(
        Callback.customer_id == customer_id, Callback.kind != CallbackKind.CHECK,
        col(Callback.requested_at) > now - CONTACTS_WITHIN)))


def provider_names(session: Session) -> dict[str, str]:
    """Provider id → name."""
    return dict(session.exec(select(Provider.id, Provider.name)).all())
