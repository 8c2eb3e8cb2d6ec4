"""What people need orders what is done first."""

from collections.abc import Collection, Iterable
from typing import Any

from gateway.model import Job, Need, Notification, RecipientKind, Severity
from gateway.model.plan import Draft
from gateway.notifications.topics import before_equals
from gateway.tickets.context import SiteWork
from gateway.tickets.dispatch.provider_ranking import URGENT

FIRST, SECOND, LAST = 0, 1, 2


def needs_first(needs: Iterable[Need], has_emergency_button: bool) -> int:
    """The rank of a home when several wait for the same: 0 whose people depend on power, 1 who have an emergency
    button or other needs, 2 all others. `needs`: of everybody who lives there."""
    known = set(needs)
    if Need.POWER_DEPENDENT in known:
        return FIRST
    return SECOND if has_emergency_button or known else LAST


def who_comes_first(works: Iterable[SiteWork]) -> set[str]:
    """Ids of the customers at whose homes somebody needs anything."""
    return {work.customer.id for work in works if work.needs}


def send_first(draft: Draft, customers: Collection[str]) -> None:
    """What these customers are told leaves before what others are told of the same kind."""
    for row, before in draft.rows(Notification) if customers else ():
        if before is None and row.recipient_kind is RecipientKind.CUSTOMER and row.recipient_id in customers:
            row.priority = before_equals(row.priority)


def is_urgent(job: Job, work: SiteWork) -> bool:
    """Whether providers are asked about it at any hour, in shorter waves: for its severity, or because whoever lives
    there depends on power."""
    return work.severity_of(job) in URGENT or bool(why_urgent(job, work))


def why_urgent(job: Job, work: SiteWork) -> dict[str, Any]:
    """As evidence: the need that makes a lesser fault, but no mere warning, urgent."""
    severity = work.severity_of(job)
    if Need.POWER_DEPENDENT not in work.needs or severity in URGENT or severity is Severity.WARNING:
        return {}
    return {"urgent_because": str(Need.POWER_DEPENDENT)}
