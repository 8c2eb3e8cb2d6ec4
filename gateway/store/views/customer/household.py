"""Queries for the page of a household: what is open at its homes now, what was settled lately, and its link."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from gateway.model import (
    DAY,
    Callback,
    Customer,
    Instant,
    Link,
    LinkPurpose,
    Site,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
)
from gateway.store.views.console.customer_page import OwnPage, live_page, outage_pages

SETTLED_FOR = 30 * DAY  # that long what is over is still listed
MOST_OPEN, MOST_SETTLED = 20, 10  # lines: nobody reads more, and the page stays small


class Household(NamedTuple):
    """Who lives where now, and what is theirs there."""

    customer: Customer
    sites: Sequence[Site]  # where they live
    open: Sequence[tuple[Link, bool]]  # to what is open, the most urgent first; whether that link works by itself
    settled: Sequence[tuple[Ticket, Link | None]]  # the newest first, with the link to its page while there is one


def household_page(session: Session, customer_id: str, now: Instant) -> Household | None:
    """None when they live nowhere any more."""
    row = session.get(Customer, customer_id)
    sites = _homes(session, customer_id)
    if row is None or not sites:
        return None
    pages = _open_pages(session, customer_id, sites)[:MOST_OPEN]
    return Household(row, sites, [_link_to(session, one, now) for one in pages],
                     [(ticket, live_page(session, OwnPage(Subject(SubjectKind.TICKET, ticket.id), ""), now))
                      for ticket in _settled(session, customer_id, sites, now)])


def lives_somewhere(session: Session, customer_id: str) -> bool:
    return bool(_homes(session, customer_id))


def household_link(session: Session, customer_id: str, now: Instant) -> Link | None:
    """The one that works now."""
    return session.exec(select(Link).where(
        Link.purpose == LinkPurpose.HOUSEHOLD, Link.subject_id == customer_id, col(Link.revoked_at).is_(None),
        Link.expires_at > now).order_by(col(Link.created_at).desc(), col(Link.id))).first()


def links_to_end(session: Session, customer_id: str) -> list[Link]:
    """All of theirs that have not been ended."""
    return list(session.exec(select(Link).where(
        Link.purpose == LinkPurpose.HOUSEHOLD, Link.subject_id == customer_id, col(Link.revoked_at).is_(None))))


def household_of_ticket(session: Session, ticket_id: str) -> str | None:
    """Whose ticket it is, while they live where it is."""
    return session.exec(select(Ticket.customer_id).join(Site, col(Site.id) == Ticket.site_id).where(
        Ticket.id == ticket_id, Site.customer_id == Ticket.customer_id, col(Site.household_left_at).is_(None),
        col(Ticket.outage_id).is_(None))).first()


def _homes(session: Session, customer_id: str) -> Sequence[Site]:
    return session.exec(select(Site).where(
        Site.customer_id == customer_id, col(Site.household_left_at).is_(None)).order_by(col(Site.id))).all()


def _open_pages(session: Session, customer_id: str, sites: Sequence[Site]) -> list[OwnPage]:
    """Calls for help, outages, tickets by severity, other calls by when they are promised."""
    ids = [site.id for site in sites]
    tickets = session.exec(select(Ticket).where(
        Ticket.customer_id == customer_id, col(Ticket.site_id).in_(ids), col(Ticket.closed_at).is_(None),
        col(Ticket.outage_id).is_(None)))
    calls = sorted(session.exec(select(Callback).where(
        Callback.customer_id == customer_id, col(Callback.site_id).in_(ids), col(Callback.closed_at).is_(None))),
        key=lambda one: (one.promised_by, one.id))
    for_help, others = ([OwnPage(Subject(SubjectKind.CALLBACK, one.id), "") for one in calls if one.emergency is urgent]
                        for urgent in (True, False))
    return [*for_help, *outage_pages(session, sites),
            *(OwnPage(Subject(SubjectKind.TICKET, one.id), "")
              for one in sorted(tickets, key=lambda one: (-one.severity.rank, one.opened_at, one.id))), *others]


def _link_to(session: Session, page: OwnPage, now: Instant) -> tuple[Link, bool]:
    """The link of its own page; where that has ended, one that is kept nowhere and only says what it shows."""
    found = live_page(session, page, now)
    if found is not None:
        return found, True
    return Link(id="", purpose=LinkPurpose.FOLLOW, subject_kind=page.subject.kind, subject_id=page.subject.id,
                site_id=page.site_id, created_at=now, expires_at=now), False


def _settled(session: Session, customer_id: str, sites: Sequence[Site], now: Instant) -> list[Ticket]:
    moved_in = {site.id: site.household_since or 0 for site in sites}
    rows = session.exec(select(Ticket).where(
        Ticket.customer_id == customer_id, col(Ticket.site_id).in_(list(moved_in)), col(Ticket.outage_id).is_(None),
        col(Ticket.closed_at) > now - SETTLED_FOR, Ticket.state != TicketState.MERGED)
        .order_by(col(Ticket.closed_at).desc(), col(Ticket.id)))
    return [one for one in rows if (one.closed_at or 0) >= moved_in[one.site_id]][:MOST_SETTLED]
