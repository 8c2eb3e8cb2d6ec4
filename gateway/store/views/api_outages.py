"""Queries for outages and their homes in the API."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, select

from gateway.model import Customer, Outage, OutageMember, Site
from gateway.store.views.pagination import Order, Page, page


def one(session: Session, outage_id: str) -> Outage | None:
    return session.get(Outage, outage_id)


def page_of(session: Session, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """Rows are Outage, newest first."""
    query = select(Outage).where(*(_ASKED[name](value) for name, value in wanted.items()))
    return page(session, query, Order((Outage.began_at, Outage.id)), cursor, limit)


def members_of(session: Session, outage_id: str, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """Rows are (OutageMember, Site, Customer), by site."""
    query = (select(OutageMember, Site, Customer).join(Site, col(Site.id) == OutageMember.site_id)
             .join(Customer, col(Customer.id) == OutageMember.customer_id).where(OutageMember.outage_id == outage_id))
    if "state" in wanted:
        query = query.where(OutageMember.state == wanted["state"])
    return page(session, query, Order((OutageMember.id,), rising=True), cursor, limit)


_ASKED: dict[str, Any] = {
    "state": lambda value: col(Outage.state) == value,
    "area": lambda value: col(Outage.area_id) == value,
    "kind": lambda value: col(Outage.kind) == value,
    "open": lambda yes: col(Outage.closed_at).is_(None) if yes else col(Outage.closed_at).is_not(None),
    "since": lambda at: col(Outage.began_at) >= at,
    "until": lambda at: col(Outage.began_at) < at,
}
