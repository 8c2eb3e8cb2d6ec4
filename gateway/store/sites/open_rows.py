"""Which sites have open tickets, callbacks, button tests and so on: one statement, as most have few of them, and each
kind takes a statement to read.

Not their alarms: SQLite would read every closed one of the site for it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import String, and_, cast, exists, select
from sqlmodel import Session, SQLModel, col

from gateway.model import (
    Alarm,
    ButtonTest,
    Callback,
    Customer,
    Device,
    MaintenanceWindow,
    OnCallPage,
    Outage,
    Person,
    PersonSite,
    Site,
    SiteArea,
    SuppressedBy,
    Ticket,
)
from gateway.model.row import columns_of, table_of
from gateway.store.plain_rows import is_one_of, plain_row

WAITS_FOR_HUB = and_(col(Alarm.suppressed_by_kind) == SuppressedBy.HUB, col(Alarm.closed_at).is_(None),
                     col(Alarm.suppressed_until).is_(None))
OPEN_WINDOW = col(MaintenanceWindow.next_at).is_not(None)  # not over, or not looked after yet


class OpenRows(NamedTuple):
    """Whose each site is, and the ids of the sites where there are such rows."""

    customers: dict[str, Customer]  # site id → whose it is
    outages: bool  # anywhere
    windows: bool  # of maintenance, anywhere
    areas: set[str]  # that it lies in
    tickets: set[str]
    callbacks: set[str]
    button_tests: set[str]
    pages: set[str]  # of people on call
    needs: set[str]  # of somebody who lives or helps there
    waiting_for_hub: set[str]  # alarms that wait for one of its devices


def open_rows_at(session: Session, site_ids: Iterable[str]) -> OpenRows:
    """What there is at these sites. Whoever decides on it has locked them."""
    ids = list(site_ids)
    rows = session.connection().execute(_OPEN, {"ids": ids}).all() if ids else []
    customers = {site_id: plain_row(Customer, values[:_WIDTH]) for site_id, *values in rows}
    flags = [row[1 + _WIDTH:] for row in rows]
    anywhere = flags[0][:2] if flags else (False, False)
    found: list[set[str]] = [set() for _ in _KINDS]
    for site_id, there in zip(customers, flags, strict=True):
        for kind, has in zip(found, there[2:], strict=True):
            if has:
                kind.add(site_id)
    return OpenRows(customers, *anywhere, *found)


def _here(kind: type[SQLModel]) -> Any:
    """Whether there is such a row that is open."""
    columns = table_of(kind).columns
    return exists().where(columns.site_id == col(Site.id), columns.closed_at.is_(None)).correlate(Site)


_KINDS = (  # as OpenRows has them
    exists().where(col(SiteArea.site_id) == col(Site.id)).correlate(Site),
    _here(Ticket), _here(Callback), _here(ButtonTest), _here(OnCallPage),
    exists().where(col(PersonSite.site_id) == col(Site.id), col(Person.id) == col(PersonSite.person_id),
                   col(PersonSite.left_at).is_(None), col(Person.left_at).is_(None),
                   cast(col(Person.needs), String) != "[]").correlate(Site),
    exists().where(col(Device.site_id) == col(Site.id), col(Alarm.suppressed_by_id) == col(Device.id), WAITS_FOR_HUB
                   ).correlate(Site),
)
_WIDTH = len(columns_of(Customer))
_OPEN = (
    select(col(Site.id), *table_of(Customer).columns,
           exists().where(col(Outage.closed_at).is_(None)), exists().where(OPEN_WINDOW), *_KINDS)
    .join(Customer, col(Customer.id) == Site.customer_id).where(is_one_of(Site.id)))
