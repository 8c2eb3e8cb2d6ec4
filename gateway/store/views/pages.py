"""Queries for the pages behind signed links: ticket, callback, area outage, offer and visit."""

from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from gateway.model import (
    Alarm,
    Callback,
    CallbackState,
    Customer,
    Device,
    Due,
    DueKind,
    HoldReason,
    Instant,
    Job,
    JobTicket,
    Link,
    LinkPurpose,
    Notification,
    Offer,
    Outage,
    OutageMember,
    PriceAnswer,
    Promise,
    Provider,
    Reading,
    Site,
    SubjectKind,
    Technician,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
)
from gateway.notifications.topics import TopicName
from gateway.store.contexts.suppression import dark_homes, home_devices
from gateway.store.customers.pending_acts import said_about
from gateway.store.views.customer.history import TicketHistory, ticket_history
from gateway.tickets.context import HomeDevice
from gateway.tickets.lifecycle import UNSETTLED

ENDED = (TicketState.CANCELLED, TicketState.MERGED)  # nobody comes for it any more


class FollowedTicket(NamedTuple):
    ticket: Ticket
    customer: Customer
    site: Site
    device: Device | None  # None: an outage, or reported without one
    provider: Provider | None
    visit: Visit | None
    asked_at: Instant | None  # when the first provider was asked, this round
    cause: dict[str, str]  # locale → words, as the customer was told; may be empty
    visits_before: int  # trips that ended without settling it
    answer_needed_by: Instant | None  # until when the customer is asked whether somebody shall still come
    last_visit: Visit | None  # the trip that ended last
    promises: list[Promise]  # times that its customer was told, oldest first
    answer_by: Instant | None = None  # until when the customer's yes to a price is waited for
    history: TicketHistory = TicketHistory()  # every visit so far


class FollowedCallback(NamedTuple):
    callback: Callback
    customer: Customer
    site: Site
    device: Device | None  # the button that was pressed last
    open_tickets: list[tuple[Ticket, dict[str, str]]]  # of this home, each with its cause by locale
    devices: list[HomeDevice]  # of this home
    dark: Instant | None  # since when it is, in an outage
    outage_page: str | None  # id of the live link to the outage that was the answer


class JobDetails(NamedTuple):
    """What a provider sees: the fault, its evidence, where, and for whom."""

    ticket: Ticket
    customer: Customer
    site: Site
    device: Device | None  # None: an outage, or reported without one
    outage: Outage | None
    provider: Provider
    alarm: Alarm | None
    cause: dict[str, str]
    tickets: list[tuple[str, Ticket]]  # that the same trip shall settle, each with its device's name
    merged: list[tuple[str, Ticket]]  # into one of those, at a price that its customer has agreed to
    reports: list[str]  # what people have said is wrong, of all of those and what was merged into them


class History(NamedTuple):
    alarms: list[Alarm]
    visits: list[Visit]


def live_link(session: Session, link_id: str, purpose: LinkPurpose, now: Instant) -> Link | None:
    """The Link row, unless it is for something else, expired or revoked."""
    link = session.get(Link, link_id)
    if link is None or link.purpose != purpose or link.revoked_at is not None or link.expires_at <= now:
        return None
    return link


def followed(session: Session, link: Link) -> FollowedTicket | FollowedCallback | None:
    """The ticket or the callback that a customer's link shows; of a merged ticket the one that carries it on."""
    if link.subject_kind == SubjectKind.CALLBACK:
        return _followed_callback(session, link.subject_id)
    found = followed_ticket(session, link.subject_id)
    while found is not None and found.ticket.merged_into is not None:
        found = followed_ticket(session, found.ticket.merged_into)
    if found is None:
        return None
    return found._replace(history=ticket_history(session, found.ticket.id, found.site.household_since or 0))


def followed_ticket(session: Session, ticket_id: str) -> FollowedTicket | None:
    """The ticket as its customer's page shows it."""
    newest = (
        select(col(Job.id)).join(JobTicket, col(JobTicket.job_id) == Job.id)
        .where(col(JobTicket.ticket_id) == Ticket.id).order_by(col(Job.opened_at).desc(), col(Job.id)).limit(1)
        .correlate(Ticket).scalar_subquery()
    )
    asked = (
        select(func.min(Offer.offered_at)).where(col(Offer.job_id) == newest).correlate(Ticket).scalar_subquery()
    )
    before = (
        select(func.count()).select_from(Visit).join(JobTicket, col(JobTicket.job_id) == Visit.job_id)
        .where(col(JobTicket.ticket_id) == Ticket.id,
               col(Visit.outcome) == VisitOutcome.INCOMPLETE)
        .correlate(Ticket).scalar_subquery()
    )
    needed_by = (
        select(col(Due.at)).where(col(Due.subject_id) == Ticket.visit_id, col(Due.kind) == DueKind.CUSTOMER_ANSWER)
        .correlate(Ticket).scalar_subquery()
    )
    answer_by = (
        select(func.max(Job.hold_until)).join(JobTicket, col(JobTicket.job_id) == col(Job.id))
        .where(col(JobTicket.ticket_id) == Ticket.id, col(Job.hold_reason) == HoldReason.CUSTOMER_YES)
        .correlate(Ticket).scalar_subquery()
    )
    row = session.execute(
        select(Ticket, Customer, Site, Device, Provider, Visit, asked, before, needed_by, answer_by)
        .join(Customer, col(Customer.id) == Ticket.customer_id)
        .join(Site, col(Site.id) == Ticket.site_id)
        .outerjoin(Device, col(Device.id) == Ticket.device_id)
        .outerjoin(Provider, col(Provider.id) == Ticket.provider_id)
        .outerjoin(Visit, col(Visit.id) == Ticket.visit_id)
        .where(col(Ticket.id) == ticket_id)
    ).first()
    if row is None:
        return None
    *facts, visits_before, answer_needed_by, answer_by = tuple(row)
    last = session.scalars(
        select(Visit).join(JobTicket, col(JobTicket.job_id) == Visit.job_id)
        .where(col(JobTicket.ticket_id) == ticket_id, col(Visit.outcome).is_not(None))
        .order_by(col(Visit.done_at).desc()).limit(1)).first()
    moved_in = facts[2].household_since or 0  # what was before is others'
    if last is not None and (last.done_at or 0) < moved_in:
        last, visits_before = None, 0
    mine = select(col(JobTicket.job_id)).where(col(JobTicket.ticket_id) == ticket_id)
    promises = session.scalars(select(Promise).where(
        or_(col(Promise.subject_id) == ticket_id, col(Promise.subject_id).in_(mine)),
        col(Promise.in_shadow).is_(False), col(Promise.made_at) >= moved_in).order_by(col(Promise.made_at))).all()
    return FollowedTicket._make([*facts, causes_in_messages(session, [ticket_id]).get(ticket_id, {}), visits_before,
                                 answer_needed_by, last, promises, answer_by, TicketHistory()])


def _followed_callback(session: Session, callback_id: str) -> FollowedCallback | None:
    row = session.execute(
        select(Callback, Customer, Site, Device)
        .join(Customer, col(Customer.id) == Callback.customer_id)
        .join(Site, col(Site.id) == Callback.site_id)
        .outerjoin(Device, col(Device.id) == Callback.device_id)
        .where(col(Callback.id) == callback_id)
    ).first()
    if row is None:
        return None
    still_open = select(Ticket).where(
        col(Ticket.site_id) == row[0].site_id, col(Ticket.closed_at).is_(None), col(Ticket.outage_id).is_(None),
        col(Ticket.state) != TicketState.RESOLVED)
    open_here = list(session.scalars(still_open.order_by(col(Ticket.opened_at))))
    causes = causes_in_messages(session, [ticket.id for ticket in open_here])
    site_id, dark = row[0].site_id, session.scalars(dark_homes().where(col(OutageMember.site_id) == row[0].site_id))
    return FollowedCallback._make([
        *tuple(row), [(ticket, causes.get(ticket.id, {})) for ticket in open_here],
        home_devices(session, [site_id])[site_id], min((one.died_at for one in dark), default=None),
        _outage_page(session, row[0])])


def _outage_page(session: Session, callback: Callback) -> str | None:
    if callback.state != CallbackState.ANSWERED:
        return None
    page = select(col(Link.id)).where(
        col(Link.purpose) == LinkPurpose.FOLLOW, col(Link.subject_id) == callback.outage_id,
        col(Link.site_id) == callback.site_id, col(Link.revoked_at).is_(None)).order_by(col(Link.created_at).desc())
    return session.scalars(page.limit(1)).first()


def causes_in_messages(session: Session, ticket_ids: list[str]) -> dict[str, dict[str, str]]:
    """Ticket id → locale → the cause, as the first message about it said it."""
    told = select(col(Notification.subject_id), col(Notification.facts)).where(
        col(Notification.subject_id).in_(ticket_ids),
        col(Notification.topic).in_((TopicName.FAULT_FOUND, TopicName.PRICE_QUESTION)))
    found: dict[str, dict[str, str]] = {}
    for subject_id, facts in session.execute(told.order_by(col(Notification.created_at).desc())):
        if isinstance(facts.get("cause"), dict):
            found[subject_id] = facts["cause"]
    return found


def job(session: Session, of: Offer | Visit) -> JobDetails | None:
    """A job as the provider of an offer or visit sees it, with the newest alarm of the ticket that it is shown by."""
    ticket_id = _shown_by(session, of)
    row = session.execute(
        select(Ticket, Customer, Site, Device, Outage, Provider, Alarm)
        .join(Customer, col(Customer.id) == Ticket.customer_id)
        .join(Site, col(Site.id) == Ticket.site_id)
        .outerjoin(Device, col(Device.id) == Ticket.device_id)
        .outerjoin(Outage, col(Outage.id) == Ticket.outage_id)
        .join(Provider, col(Provider.id) == of.provider_id)
        .outerjoin(Alarm, col(Alarm.ticket_id) == Ticket.id)
        .where(col(Ticket.id) == ticket_id)
        .order_by(col(Alarm.opened_at).desc()).limit(1)
    ).first()
    if row is None:
        return None
    tickets = session.execute(
        select(func.coalesce(Device.name, ""), Ticket).select_from(Ticket)
        .outerjoin(Device, col(Device.id) == Ticket.device_id)
        .join(JobTicket, col(JobTicket.ticket_id) == Ticket.id)
        .where(col(JobTicket.job_id) == of.job_id, col(Ticket.state).not_in(ENDED))
        .order_by(col(Ticket.opened_at), col(Ticket.id)))
    together = [(name, ticket) for name, ticket in tickets]
    merged = [(name, ticket) for name, ticket in session.execute(
        select(func.coalesce(Device.name, ""), Ticket).select_from(Ticket)
        .outerjoin(Device, col(Device.id) == Ticket.device_id)
        .where(col(Ticket.merged_into).in_([ticket.id for _, ticket in together]))
        .order_by(col(Ticket.opened_at), col(Ticket.id)))]
    reports = said_about(session, [ticket for _, ticket in [*together, *merged]], row[2], comes=isinstance(of, Visit))
    return JobDetails._make([*tuple(row), causes_in_messages(session, [ticket_id]).get(ticket_id, {}), together,
                             [(name, ticket) for name, ticket in merged if ticket.price_answer is PriceAnswer.AGREED],
                             reports])


def _shown_by(session: Session, of: Offer | Visit) -> str:
    """The id of the ticket that the messages name; of another one that the job is for when that is over."""
    unsettled = (select(col(Ticket.id)).join(JobTicket, col(JobTicket.ticket_id) == Ticket.id)
                 .where(col(JobTicket.job_id) == of.job_id, col(Ticket.state).in_(UNSETTLED))
                 .order_by(col(Ticket.id) != of.ticket_id, col(Ticket.opened_at), col(Ticket.id)).limit(1))
    return session.scalars(unsettled).first() or of.ticket_id


def history(session: Session, ticket: Ticket, visit_id: str) -> History:
    """The device's last five alarms except this ticket's, and its last three visits except this one, since those who
    live there have moved in; without a device the visits at the site for the same subject; of an outage none."""
    if ticket.outage_id is not None:
        return History([], [])
    moved_in = session.get_one(Site, ticket.site_id).household_since or 0
    same = [col(Ticket.device_id) == ticket.device_id] if ticket.device_id is not None else [
        col(Ticket.site_id) == ticket.site_id, col(Ticket.subject) == ticket.subject]
    alarms = session.scalars(
        select(Alarm)
        .where(col(Alarm.device_id) == ticket.device_id, func.coalesce(Alarm.ticket_id, "") != ticket.id,
               col(Alarm.dry_run).is_(False), col(Alarm.opened_at) >= moved_in)
        .order_by(col(Alarm.opened_at).desc()).limit(5)
    )
    visits = session.scalars(
        select(Visit).join(Ticket, col(Ticket.id) == Visit.ticket_id)
        .where(*same, col(Visit.id) != visit_id, col(Visit.done_at) >= moved_in)
        .order_by(col(Visit.done_at).desc()).limit(3)
    )
    return History(list(alarms), list(visits))


def recent_readings(session: Session, device_id: str, since: Instant | None = None, count: int = 60) -> list[Reading]:
    """The device's newest readings, oldest first, since those who live there have moved in (`since`)."""
    newest = select(Reading).where(col(Reading.device_id) == device_id, col(Reading.at) >= (since or 0))
    found = session.scalars(newest.order_by(col(Reading.at).desc(), col(Reading.seq).desc()).limit(count))
    return list(found)[::-1]


def is_answer_needed(session: Session, visit: Visit) -> bool:
    """Whether the customer is being asked if somebody shall still come."""
    asked = select(col(Due.id)).where(col(Due.subject_id) == visit.id, col(Due.kind) == DueKind.CUSTOMER_ANSWER,
                                      col(Due.at).is_not(None))
    return session.execute(asked).first() is not None


def technicians(session: Session, provider_id: str) -> list[str]:
    """The provider's people by name."""
    names = select(col(Technician.name)).where(col(Technician.provider_id) == provider_id,
                                                 col(Technician.ended_at).is_(None))
    return list(session.scalars(names.order_by(col(Technician.name))))


def visit_link(session: Session, offer: Offer, now: Instant) -> Link | None:
    """The valid link to the visit that followed from `offer`, if there is one."""
    query = select(Link).join(Visit, col(Visit.id) == Link.subject_id).where(
        col(Link.purpose) == LinkPurpose.VISIT, col(Visit.offer_id) == offer.id,
        col(Link.revoked_at).is_(None), col(Link.expires_at) > now)
    return session.scalars(query).first()
