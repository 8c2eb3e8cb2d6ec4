"""A firm's visits for calendars: those of the last weeks and all that are ahead, called off or not."""

from sqlmodel import Session, col

from gateway.model import DAY, Instant, Visit
from gateway.store.views.console.own_work import OwnVisit, visits_where

BEHIND = 30 * DAY  # so long a visit stays in a calendar after its window
MOST = 400  # visits in one calendar


def calendar_visits(session: Session, provider_id: str, technician: str | None, now: Instant) -> list[OwnVisit]:
    """`technician`: only those of somebody of this name; None: all of the firm's."""
    conditions = [col(Visit.window_until) > now - BEHIND]
    if technician is not None:
        conditions.append(col(Visit.technician) == technician)
    return visits_where(session, provider_id, conditions, MOST, now)
