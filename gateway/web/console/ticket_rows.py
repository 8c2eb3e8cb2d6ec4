"""A row of the list of tickets: what it says, and its HTML, the same on the page and in its stream."""

import hashlib
from typing import Any, NamedTuple

from gateway.access.rights import Right, may
from gateway.flow.gateway import Gateway
from gateway.model import Instant, Responsible, Role, TicketState
from gateway.store.views.ticket_list import TicketRow, is_at_risk
from gateway.tickets.desk.ticket_version import TicketVersion, version_of
from gateway.tickets.lifecycle import DUTIES, UNDER_WAY
from gateway.web.console.pages import WORDS, time_format
from gateway.web.pages.templates import Renderer

_NAMES = {Responsible.GATEWAY: "Gateway", Responsible.DISPATCHER: "Dispatcher", Responsible.PROVIDER: "Providers asked",
          Responsible.TECHNICIAN: "Technician", Responsible.CUSTOMER: "Customer"}


class RowView(NamedTuple):
    """What a row says."""

    number: str
    version: str  # short: of the state that whoever ticks it has seen
    cause: str
    device: str
    state: TicketState
    severity: str
    round: int
    customer: str
    customer_id: str
    place: str
    opened_at: Instant
    responsible: str
    until: str  # what should have happened by then
    owner: str  # who sees to it
    paged: bool  # somebody is paged, and nobody sees to it
    due_at: Instant | None
    promise_at: Instant | None
    promise_at_risk: bool
    provider: str


def row_view(row: TicketRow, now: Instant) -> RowView:
    """At `now`."""
    ticket, duty = row.ticket, DUTIES.get(row.ticket.state)
    responsible = row.due.responsible if row.due is not None else duty.responsible if duty is not None else None
    owners = [page.acknowledged_by for page in row.pages if page.acknowledged_by]
    promised = row.promise.due_at if row.promise is not None else None
    provider = row.provider.name if row.provider is not None else ""
    return RowView(
        number=ticket.id, version=short_version(row), cause=cause_of(row), device=row.device.name if row.device else "",
        state=ticket.state, severity=ticket.severity, round=ticket.round, customer=row.customer.name,
        customer_id=row.customer.id, place=row.site.address or row.site.name, opened_at=ticket.opened_at,
        responsible=_who_acts(row, responsible, provider) if responsible is not None else "",
        until=duty.until if duty is not None else "",
        owner=owners[0] if owners else "", paged=bool(row.pages) and not owners,
        due_at=row.due.at if row.due is not None else None, promise_at=promised,
        promise_at_risk=row.promise is not None and is_at_risk(row.promise, now), provider=provider)


def cause_of(row: TicketRow) -> str:
    if row.outage is not None:
        return WORDS("message.outage.cause", area=row.outage.name)
    return row.ticket.cause


def full_version(row: TicketRow) -> TicketVersion:
    return version_of(row.ticket, row.jobs, row.visit)


def short_version(row: TicketRow) -> str:
    """As a tick box carries it."""
    return hashlib.sha256(full_version(row).written().encode()).hexdigest()[:10]


def row_html(renderer: Renderer, gw: Gateway, row: TicketRow, role: Role, now: Instant) -> str:
    """The <tr> as anybody of this role sees it."""
    rows: Any = renderer.environment.get_template("console/_rows.html").module
    html: str = rows.ticket_row(row_view(row, now), time_format(gw, now), renderer.root, may(role, Right.WORK_TICKETS))
    return html.strip()


def _who_acts(row: TicketRow, responsible: Responsible, provider: str) -> str:
    """By name where one is known."""
    if responsible is Responsible.TECHNICIAN and row.visit is not None:
        return row.visit.technician or provider
    if responsible is Responsible.PROVIDER and row.ticket.state in UNDER_WAY and provider:
        return provider
    return _NAMES[responsible]
