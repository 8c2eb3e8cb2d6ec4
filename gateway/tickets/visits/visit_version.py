"""Which appointment a technician acts on: another one meanwhile, and what they meant may be wrong."""

import hashlib

from gateway.model import Visit, VisitState


class VisitChanged(Exception):
    """Somebody else has moved, cancelled or reassigned the visit since the page was loaded."""


def visit_version(visit: Visit) -> str:
    """Of what others change: not how far the technician is, so that "on my way", "here" and "done" may all have been
    tapped on one page, without network."""
    cancelled = visit.state is VisitState.CANCELLED
    parts = (visit.id, visit.technician, visit.window_from, visit.window_until, visit.handed_back_at, cancelled)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def check_visit(given: str, visit: Visit | None) -> None:
    """Raises VisitChanged when the act was meant for the visit as it was before."""
    if visit is not None and given != visit_version(visit):
        raise VisitChanged
