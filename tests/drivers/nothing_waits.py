"""What must hold after each step: whatever is open has a deadline ahead, and somebody who has to act by then."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import String, and_, type_coerce, union_all
from sqlmodel import Session, col, select

from gateway.callbacks import lifecycle as callbacks
from gateway.callbacks.presses import button_test_lifecycle as button_tests
from gateway.model import (
    ButtonTest,
    Callback,
    Due,
    Instant,
    Job,
    Offer,
    OnCallPage,
    PageState,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.lifecycle import Duty
from gateway.store.views.unwatched import unwatched
from gateway.tickets.lifecycle import DUTIES, OFFER_DUTIES, VISIT_DUTIES
from tests.drivers.clock_only import overdue

# What has deadlines of its own, and what the table says of each state.
WATCHED: dict[SubjectKind, tuple[type[Any], Mapping[Any, Duty]]] = {
    SubjectKind.TICKET: (Ticket, DUTIES), SubjectKind.JOB: (Job, DUTIES), SubjectKind.OFFER: (Offer, OFFER_DUTIES),
    SubjectKind.VISIT: (Visit, VISIT_DUTIES), SubjectKind.CALLBACK: (Callback, callbacks.DUTIES),
    SubjectKind.DEVICE: (ButtonTest, button_tests.DUTIES),  # the deadlines of a test are its button's
}
_OPEN_TEST = and_(col(ButtonTest.device_id) == Due.subject_id, col(ButtonTest.closed_at).is_(None))
# Built once, for they are asked after each step.
_DEADLINES = union_all(*(
    select(Due, type_coerce(table.state, String).label("state"))
    .outerjoin(table, _OPEN_TEST if table is ButtonTest else col(table.id) == Due.subject_id)
    .where(Due.subject_kind == kind, col(Due.at).is_not(None)) for kind, (table, _) in WATCHED.items()))
_VISITS = select(Job.id, Job.state, Visit.state).join(Visit, col(Visit.id) == Job.visit_id).where(
    col(Job.closed_at).is_(None))
_PAGES = select(OnCallPage).where(col(OnCallPage.closed_at).is_(None))


def waiting(session: Session, looked_at: Instant) -> list[str]:
    """What waits without a deadline after `looked_at`, or without whoever the table names; empty unless something is
    wrong."""
    return [
        *(f"nothing runs for {one}" for one in unwatched(session)),
        *(f"nobody has looked at it: {one}" for one in overdue(session, looked_at)),
        *(f"{due.subject_id} is {due.state}: {due.kind} of the {due.responsible}"
          for due in session.connection().execute(_DEADLINES) if not _is_in_the_table(due)),
        *(f"{job_id} is {state}, and its visit {of_visit}" for job_id, state, of_visit in session.exec(_VISITS)
          if WATCHED[SubjectKind.VISIT][1].get(of_visit) is not WATCHED[SubjectKind.JOB][1][state]),
        *(f"nobody has the page {page.id} about {page.subject_id}" for page in session.exec(_PAGES)
          if (page.paged if page.state is PageState.PAGING else page.acknowledged_by) is None),
    ]


def _is_in_the_table(due: Any) -> bool:
    duty = WATCHED[due.subject_kind][1].get(due.state)
    return duty is not None and duty.may_have(due.kind, due.responsible)
