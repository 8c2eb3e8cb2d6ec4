"""Queries for the customer's page of an outage: how it stands, and which of their homes are in it."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from gateway.model import (
    Alarm,
    Customer,
    Instant,
    Link,
    LinkPurpose,
    MemberState,
    Outage,
    OutageMember,
    OutageState,
    Promise,
    PromiseKind,
    PromiseState,
    SavedAnswer,
    Site,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
)
from gateway.outages.homes.call_off import CALLED_OFF
from gateway.store.after.credit_pages import credit_shown_until
from gateway.store.contexts.suppression import home_devices
from gateway.store.views.desk.saved_answers import saved_answers
from gateway.store.views.pages import FollowedTicket, followed_ticket
from gateway.tickets.closing import PAGE_AFTER_CLOSE
from gateway.tickets.context import HomeDevice

ENDED = (TicketState.CANCELLED, TicketState.MERGED)  # nobody comes for it any more


class FollowedOutage(NamedTuple):
    outage: Outage
    customer: Customer
    site: Site  # that the link was made for
    homes: list[tuple[OutageMember, Site]]  # the customer's own, by name; none when only the neighbours are dark
    work: FollowedTicket | None  # the one ticket for all: it stands at somebody's home, of which nothing may be shown
    etr: Instant | None  # the estimated end, as it is told now
    longer: bool  # it takes longer than an estimate that was told
    own_ticket: str | None  # id of the live link to the ticket of a home that stayed dark
    devices: list[HomeDevice]  # of the home that the link was made for
    answers: Sequence[SavedAnswer] = ()  # that agents have given, and meant for this page


def followed_outage(session: Session, outage_id: str, site_id: str, now: Instant) -> FollowedOutage | None:
    """What the link in an outage's message shows to one home. None before the outage is confirmed, and a day after it
    is closed, or a week after they were credited something: ten thousand links end with one row, none is written."""
    chain = _chain(session, outage_id)
    site = session.get(Site, site_id)
    if site is None or not chain:
        return None
    outage = chain[-1]
    none = outage.state is OutageState.DISMISSED and CALLED_OFF not in outage.evidence
    if outage.confirmed_at is None or outage.state is OutageState.SUSPECTED or none:
        return None
    if outage.closed_at is not None and max(
            outage.closed_at + PAGE_AFTER_CLOSE, credit_shown_until(session, outage.id, site_id)) <= now:
        return None
    member = session.get(OutageMember, f"{outage_id}/{site_id}")
    customer = session.get(Customer, member.customer_id if member is not None else site.customer_id)
    if customer is None:
        return None
    homes = _homes(session, [row.id for row in chain], customer.id)
    told = _estimates(session, outage)
    return FollowedOutage(
        outage, customer, site, homes,
        work=followed_ticket(session, outage.ticket_id) if outage.ticket_id else None,
        etr=outage.etr_at if any(one.due_at == outage.etr_at for one in told) else None,
        longer=any(one.state in (PromiseState.BROKEN, PromiseState.CORRECTED) for one in told),
        own_ticket=_own_ticket(session, outage, customer, homes, now),
        devices=home_devices(session, [site_id])[site_id],
        answers=[one for one in saved_answers(session, Subject(SubjectKind.OUTAGE, outage.id)) if one.for_page])


def _chain(session: Session, outage_id: str) -> list[Outage]:
    """The outage, then the larger ones that absorbed it, one after the other."""
    found: list[Outage] = []
    wanted: str | None = outage_id
    while wanted is not None and wanted not in [row.id for row in found]:
        row = session.get(Outage, wanted)
        if row is None:
            break
        found.append(row)
        wanted = row.evidence.get("absorbed_by")
    return found


def _homes(session: Session, outage_ids: list[str], customer_id: str) -> list[tuple[OutageMember, Site]]:
    rows = session.execute(
        select(OutageMember, Site).join(Site, col(Site.id) == OutageMember.site_id)
        .where(col(OutageMember.outage_id).in_(outage_ids), col(OutageMember.customer_id) == customer_id,
               col(Site.customer_id) == customer_id, col(Site.household_left_at).is_(None)))
    latest: dict[str, tuple[OutageMember, Site]] = {}
    for member, site in sorted(rows, key=lambda row: outage_ids.index(row[0].outage_id)):
        latest[site.id] = (member, site)
    return sorted(latest.values(), key=lambda home: (home[1].name, home[1].id))


def _estimates(session: Session, outage: Outage) -> list[Promise]:
    """The times at which it should have ended, as customers were told."""
    told = select(Promise).where(col(Promise.subject_id) == outage.id, col(Promise.kind) == PromiseKind.ETR)
    return list(session.scalars(told))


def _own_ticket(session: Session, outage: Outage, customer: Customer, homes: list[tuple[OutageMember, Site]],
                now: Instant) -> str | None:
    """The link to the ticket of a home that stayed dark; its alarm names the outage that suppressed it."""
    nested = [site.id for member, site in homes if member.state == MemberState.NESTED]
    if not nested:
        return None
    query = (
        select(col(Link.id)).join(Ticket, col(Ticket.id) == Link.subject_id)
        .join(Alarm, col(Alarm.ticket_id) == Ticket.id)
        .where(col(Alarm.site_id).in_(nested), col(Alarm.suppressed_by_id) == outage.id,
               col(Ticket.customer_id) == customer.id,
               col(Link.purpose) == LinkPurpose.FOLLOW, col(Link.revoked_at).is_(None), col(Link.expires_at) > now)
        .order_by(col(Link.created_at).desc()).limit(1)
    )
    found: str | None = session.scalars(query).first()
    return found
