"""What a customer saw when they filled in a form: another state meanwhile, and what they meant may be wrong."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from gateway.model import LATEST, CustomerAct, Instant, PendingAct, Ticket, Visit
from gateway.tickets.households.customer_acts import DECIDES

_LONGEST = 500  # characters of a version as a form carries it


class PageVersion(NamedTuple):
    """What the page says and others may change; not how far a technician has driven, nor what was written."""

    state: str
    visit_id: str
    window_from: Instant
    window_until: Instant
    asked: str  # the id of what somebody of the household has just asked for

    def written(self) -> str:
        """As a form carries it."""
        return json.dumps(self, separators=(",", ":"))


class PageChanged(Exception):
    """Somebody else was first: a dispatcher, a firm, or another person of the household."""

    def __init__(self, base: PageVersion | None) -> None:
        super().__init__(base)
        self.base = base  # as it was when the page was made; None: the form does not say


def version_of(ticket: Ticket, visit: Visit | None, pending: Iterable[PendingAct]) -> PageVersion:
    """`visit`: the ticket's current one; `pending`: what waits to be done."""
    asked = next((one.id for one in pending if one.kind in DECIDES and one.closed_at is None), "")
    if visit is None:
        return PageVersion(str(ticket.state), "", 0, 0, asked)
    return PageVersion(str(ticket.state), visit.id, visit.window_from, visit.window_until, asked)


def read_version(text: str) -> PageVersion | None:
    """What `written` gave; None for anything else."""
    try:
        read = PageVersion(*json.loads(text[:_LONGEST]))
    except (ValueError, TypeError):
        return None
    numbers = all(isinstance(one, int) and abs(one) <= LATEST for one in (read.window_from, read.window_until))
    return read if numbers and all(isinstance(one, str) for one in (read.state, read.visit_id, read.asked)) else None


def check_version(given: str, now: PageVersion) -> None:
    """Raises PageChanged when the form was made from another state; a form that does not say is taken as it is."""
    if given and given != now.written():
        raise PageChanged(read_version(given))


def check_unchanged(row: PendingAct, now: PageVersion) -> None:
    """When the minute is over; raises PageChanged when others have decided something within it. Calling off what was
    just agreed anew would be wrong; that it is not fixed stays true, and somebody else may have moved it as wished."""
    moved_so = row.kind is CustomerAct.MOVE and (row.window_from, row.window_until) == (
        now.window_from, now.window_until)
    if row.kind is not CustomerAct.NOT_FIXED and not moved_so:
        check_version(row.version, now)
