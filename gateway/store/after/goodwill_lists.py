"""Lists of credits and of what they were decided on, as the API and the console show them; and the file for billing."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from gateway.model import (
    MINUTE,
    Customer,
    Goodwill,
    GoodwillCase,
    GoodwillCaseState,
    GoodwillState,
    Instant,
    Site,
    SubjectKind,
    to_iso,
)
from gateway.store import Store
from gateway.store.after.csv_lines import csv_lines
from gateway.store.views.pagination import Order, Page, page

COLUMNS = ("id", "given_at", "customer_id", "customer", "site_id", "kind", "number", "rule", "cents", "currency",
           "dark_minutes", "promise", "given_by", "approved_by", "reason")
PART = 500  # rows that are read at once
_FILTERS: dict[str, Any] = {
    "customer": lambda value: Goodwill.customer_id == value, "site": lambda value: Goodwill.site_id == value,
    "case": lambda value: Goodwill.case_id == value, "kind": lambda value: Goodwill.kind == value,
    "state": lambda value: Goodwill.state == value, "since": lambda value: col(Goodwill.created_at) >= value,
    "until": lambda value: col(Goodwill.created_at) < value,
}


def credits(session: Session, wanted: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
    """Rows are (Goodwill, Customer, Site), newest first."""
    query = (select(Goodwill, Customer, Site).join(Customer, col(Customer.id) == Goodwill.customer_id)
             .join(Site, col(Site.id) == Goodwill.site_id)
             .where(*(_FILTERS[name](value) for name, value in wanted.items())))
    return page(session, query, Order((Goodwill.created_at, Goodwill.id)), cursor, limit)


def cases(session: Session, state: GoodwillCaseState | None, cursor: str | None, limit: int) -> Page:
    """Rows are GoodwillCase that came to anything, those that were weighed last first."""
    query = select(GoodwillCase).where(col(GoodwillCase.homes) > 0)
    if state is not None:
        query = query.where(GoodwillCase.state == state)
    return page(session, query, Order((GoodwillCase.looked_at, GoodwillCase.id)), cursor, limit)


def one_case(session: Session, case_id: str) -> GoodwillCase | None:
    return session.get(GoodwillCase, case_id)


def waiting_cases(session: Session) -> list[GoodwillCase]:
    """Those that somebody has to approve, the longest waiting first."""
    return list(session.exec(select(GoodwillCase).where(col(GoodwillCase.next_at).is_not(None))
                             .order_by(col(GoodwillCase.waits_since), col(GoodwillCase.id))))


def customer_credits(session: Session, customer_id: str, most: int = 20) -> list[Goodwill]:
    """All that a household was credited, newest first."""
    return list(session.exec(select(Goodwill).where(
        Goodwill.customer_id == customer_id, Goodwill.state == GoodwillState.GIVEN)
        .order_by(col(Goodwill.given_at).desc(), col(Goodwill.id)).limit(most)))


class CreditTold(NamedTuple):
    """What a household was credited, as its page shows it."""

    at: Instant
    cents: int
    currency: str


def credits_for(session: Session, shown_as: str, customer_id: str) -> list[CreditTold]:
    """What that household was credited for the ticket, callback or outage with this number; the oldest first. What was
    credited at one moment is one."""
    rows = session.exec(select(Goodwill).where(
        Goodwill.customer_id == customer_id, Goodwill.shown_as == shown_as, Goodwill.state == GoodwillState.GIVEN)
        .order_by(col(Goodwill.given_at))).all()
    found: dict[tuple[Instant, str], int] = {}
    for row in rows:
        key = row.given_at or row.created_at, row.currency
        found[key] = found.get(key, 0) + row.cents
    return [CreditTold(at, cents, currency) for (at, currency), cents in found.items()]


def billing_file(store: Store, since: Instant | None, until: Instant | None) -> Iterator[str]:
    """All that was given in that time, as CSV, the newest first. Read in parts: whoever takes it slowly holds no
    connection to the database."""
    return csv_lines(COLUMNS, _billed(store, since, until))


def _billed(store: Store, since: Instant | None, until: Instant | None) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    query = (select(Goodwill, Customer.name, GoodwillCase.decided_by)
             .join(Customer, col(Customer.id) == Goodwill.customer_id)
             .outerjoin(GoodwillCase, col(GoodwillCase.id) == Goodwill.case_id)
             .where(Goodwill.state == GoodwillState.GIVEN))
    if since is not None:
        query = query.where(col(Goodwill.given_at) >= since)
    if until is not None:
        query = query.where(col(Goodwill.given_at) < until)
    while True:
        with store.read() as session:
            found = page(session, query, Order((Goodwill.given_at, Goodwill.id)), cursor, PART)
        for row, name, approved_by in found.rows:
            yield {"id": row.id, "given_at": to_iso(row.given_at or row.created_at), "customer_id": row.customer_id,
                   "customer": name, "site_id": row.site_id, "kind": row.kind, "number": row.shown_as,
                   "rule": row.rule, "cents": row.cents, "currency": row.currency,
                   "dark_minutes": None if row.dark_ms is None else row.dark_ms // MINUTE, "promise": row.promise,
                   "given_by": row.given_by, "approved_by": approved_by or "", "reason": row.reason}
        cursor = found.next
        if cursor is None:
            return


def page_of(case: GoodwillCase) -> str:
    """Where the console shows what it is about."""
    kinds = {SubjectKind.OUTAGE: "outages", SubjectKind.JOB: "tickets", SubjectKind.CALLBACK: "callbacks"}
    return f"/console/{kinds[case.subject_kind]}/{case.shown_as}"
