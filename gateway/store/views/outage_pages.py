"""Queries for the customer's page of an area outage."""

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
    Site,
    Ticket,
)
from gateway.store.views.pages import FollowedTicket, followed_ticket
from gateway.tickets.visits import PAGE_AFTER_CLOSE


class FollowedOutage(NamedTuple):
    outage: Outage
    customer: Customer
    site: Site  # that the link was made for
    homes: list[tuple[OutageMember, Site]]  # the customer's own, by name; none when only the neighbours are dark
    work: FollowedTicket | None  # the one ticket for all: it stands at somebody's home, of which nothing may be shown
    longer: bool  # an estimate that was told has passed
    own_ticket: str | None  # id of the live link to the ticket of a home that stayed dark


def followed_outage(session: Session, outage_id: str, site_id: str, now: Instant) -> FollowedOutage | None:
    """What the link of an outage's message shows, as one home sees it; None before it is confirmed, and a day after it
    is closed.

    Ten thousand links die with one row: nothing is written to them.
    """
    chain = _chain(session, outage_id)
    site = session.get(Site, site_id)
    if site is None or not chain:
        return None
    outage = chain[-1]
    if outage.confirmed_at is None or outage.state in (OutageState.SUSPECTED, OutageState.DISMISSED):
        return None
    if outage.closed_at is not None and outage.closed_at + PAGE_AFTER_CLOSE <= now:
        return None
    member = session.get(OutageMember, f"{outage_id}/{site_id}")
    customer = session.get(Customer, member.customer_id if member is not None else site.customer_id)
    if customer is None:
        return None
    homes = _homes(session, [row.id for row in chain], customer.id)
    return FollowedOutage(
        outage, customer, site, homes,
        work=followed_ticket(session, outage.ticket_id) if outage.ticket_id else None,
        longer=_missed(session, outage), own_ticket=_own_ticket(session, outage, customer, homes, now))


def _chain(session: Session, outage_id: str) -> list[Outage]:
    """The outage, and what it turned out to be a part of."""
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
        .where(col(OutageMember.outage_id).in_(outage_ids), col(OutageMember.customer_id) == customer_id))
    latest: dict[str, tuple[OutageMember, Site]] = {}
    for member, site in sorted(rows, key=lambda row: outage_ids.index(row[0].outage_id)):
        latest[site.id] = (member, site)
    return sorted(latest.values(), key=lambda home: (home[1].name, home[1].id))


def _missed(session: Session, outage: Outage) -> bool:
    broken = select(col(Promise.id)).where(
        col(Promise.subject_id) == outage.ticket_id, col(Promise.kind) == PromiseKind.ETR,
        col(Promise.state) == PromiseState.BROKEN)
    return outage.ticket_id is not None and session.execute(broken.limit(1)).first() is not None


def _own_ticket(session: Session, outage: Outage, customer: Customer, homes: list[tuple[OutageMember, Site]],
                now: Instant) -> str | None:
    """Alarms of nested homes name the outage that they were held back for."""
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
