"""Adds to what was found whose it is, where that is, and what is open there: a fixed number of queries."""

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from gateway.model import Customer, Site, Ticket
from gateway.store.search.found import Found, Hit


class _Surroundings:
    """Names, homes and open tickets of these customers, and the sites named beside them."""

    def __init__(self, session: Session, customers: set[str], sites: set[str]) -> None:
        self._names = dict(session.exec(select(Customer.id, Customer.name).where(
            col(Customer.id).in_(customers))).all())
        self._homes = {owner: (site, count) for owner, site, count in session.connection().execute(
            select_columns(col(Site.customer_id), func.min(col(Site.id)), func.count()).where(
                col(Site.customer_id).in_(customers), col(Site.household_left_at).is_(None))
            .group_by(col(Site.customer_id)))}
        self._open = dict(session.exec(select(Ticket.customer_id, func.count()).where(
            col(Ticket.customer_id).in_(customers), col(Ticket.closed_at).is_(None))
            .group_by(col(Ticket.customer_id))).all())
        wanted = sites | {site for site, _ in self._homes.values()}
        self._sites = {row.id: row for row in session.exec(select(Site).where(col(Site.id).in_(wanted)))}

    def name(self, customer_id: str | None) -> str:
        return self._names.get(customer_id or "", "")

    def where(self, customer_id: str | None, site_id: str | None) -> str:
        """The address of that site, or of the first of theirs."""
        first, count = self._homes.get(customer_id or "", ("", 0))
        site = self._sites.get(site_id or first)
        if site is None:
            return "no home" if customer_id else ""
        return (site.address or site.name) + (f" and {count - 1} more" if count > 1 and not site_id else "")

    def trouble(self, customer_id: str | None) -> str:
        count = self._open.get(customer_id or "", 0)
        return f"{count} open ticket{'s' if count > 1 else ''}" if count else ""

    def of_work(self, hit: Hit) -> Hit:
        """A ticket, a callback or a person."""
        return hit._replace(context=_line(hit.context, self.name(hit.customer_id),
                                          self.where(hit.customer_id, hit.site_id)))

    def of_customer(self, hit: Hit) -> Hit:
        return hit._replace(context=_line(self.where(hit.id, hit.site_id), self.trouble(hit.id)))

    def of_site(self, hit: Hit) -> Hit:
        return hit._replace(context=_line(hit.context, self.name(hit.customer_id) or "nobody lives there",
                                          self.trouble(hit.customer_id)))


def say_where(session: Session, found: Found) -> None:
    """One line about each."""
    hits = (*found.tickets, *found.callbacks, *found.customers, *found.people, *found.sites)
    customers = {hit.customer_id for hit in hits if hit.customer_id} | {one.customer_id for one in found.callers}
    if not hits and not customers:
        return
    around = _Surroundings(session, customers, {hit.site_id for hit in hits if hit.site_id})
    found.tickets = [around.of_work(hit) for hit in found.tickets]
    found.callbacks = [around.of_work(hit) for hit in found.callbacks]
    found.customers = [around.of_customer(hit) for hit in found.customers]
    found.people = [around.of_work(hit) for hit in found.people]
    found.sites = [around.of_site(hit) for hit in found.sites]
    found.callers = [one._replace(context=_line(
        one.context, around.name(one.customer_id) if one.person_id else "", around.where(one.customer_id, None),
        around.trouble(one.customer_id))) for one in found.callers]


def _line(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
