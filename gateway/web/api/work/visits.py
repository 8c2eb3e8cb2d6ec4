"""API routes for visits: list, read, and say for a technician on the phone what they would tap on their page."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from fastapi import Query
from pydantic import Field, StringConstraints, model_validator
from sqlmodel import Session

from gateway.flow.gateway import Gateway
from gateway.model import ExternalKind, IncompleteReason, VisitOutcome
from gateway.store import external_ids
from gateway.store.views import api_lists
from gateway.tickets.actions import (
    Arrive,
    Depart,
    Finish,
    HandBack,
    LogCall,
    ProposeWindow,
    ReassignVisit,
    ReportDelay,
    ReportOverrun,
    TakeBack,
)
from gateway.web.api import filters
from gateway.web.api.models import Body, GivenTime, Id, Line, Words
from gateway.web.api.work.models import VisitDetail, VisitPage, visit_model
from gateway.web.dependencies import Gw, TicketWorker, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/visits", tags=["offers and visits"])
LONGEST = 24 * 60
Minutes = Annotated[int, Field(ge=1, le=LONGEST, examples=[20])]
Part = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80,
                                        pattern=r"^[^\x00-\x1f]+$")]


class DepartBody(Body):
    minutes: Minutes | None = Field(None, description="So long they will drive; left out: as far as it is.",
                                    examples=[20])


class MinutesBody(Body):
    minutes: Minutes = Field(description="From now on.", examples=[20])


class VisitWindowBody(Body):
    window_from: GivenTime = Field(description="When they can come instead.", examples=["2026-11-27T13:00:00Z"])
    window_until: GivenTime = Field(examples=["2026-11-27T17:00:00Z"])


class TechnicianBody(Body):
    technician: Line = Field(description="Who comes instead, as the customer reads it.",
                             examples=["Sara Keller"])


class HandBackBody(Body):
    why: Words = Field(description="As they said it.", examples=["The van broke down"])


class FinishVisitBody(Body):
    note: Words | None = Field(None, description="What was done, or why not. Only where nobody opened the door it may "
                                                 "be left out.", examples=["Replaced the diverter valve"])
    incomplete: IncompleteReason | None = Field(None, description="Why something is left to do; null: nothing is.",
                                                examples=[None])
    parts: list[Part] = Field(default_factory=list, max_length=20, description="That are missing.", examples=[[]])
    expected_at: GivenTime | None = Field(None, description="When the missing parts should be there.",
                                          examples=[None])
    fix: Annotated[str, Field(max_length=80)] = Field(
        "", description="What fixed it, in a few words. Technicians of other firms read it when a device of this kind "
                        "has the same fault: no names, no addresses.", examples=["Diverter valve replaced"])
    used: list[Part] = Field(default_factory=list, max_length=20, description="Parts that went into it.", examples=[[]])

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.note is None and self.incomplete is not IncompleteReason.NO_ACCESS:
            raise ValueError("note: expected what was done, or why not")
        if self.expected_at is None and self.incomplete is IncompleteReason.PART_MISSING:
            raise ValueError("expected_at: expected when the missing parts should be there")
        if (self.parts or self.expected_at is not None) and self.incomplete is not IncompleteReason.PART_MISSING:
            raise ValueError("parts, expected_at: only where a part is missing")
        return self


def _models(session: Session, rows: Sequence[Any]) -> list[VisitDetail]:
    names = external_ids.of_rows(session, ExternalKind.VISIT, [row[0].id for row in rows])
    tickets = api_lists.tickets_of_job(session, [row[0].job_id for row in rows])
    return [visit_model(row, tickets, names) for row in rows]


def _one(gw: Gateway, visit_id: str) -> VisitDetail:
    with gw.store.read() as session:
        return _models(session, [or_404(api_lists.visit(session, visit_id), "visit")])[0]


@router.get("", summary="List visits")
def list_visits(gw: Gw, query: Annotated[filters.Visits, Query()]) -> VisitPage:
    """The latest arrival window first."""
    with gw.store.read() as session:
        page = api_lists.visits(session, query.wanted(), query.cursor, query.limit)
        return VisitPage(items=_models(session, page.rows), next=page.next)


@router.get("/{visit_id}", summary="One visit", responses=responses(404))
def get_visit(gw: Gw, visit_id: Id) -> VisitDetail:
    return _one(gw, visit_id)


@router.post("/{visit_id}/depart", summary="They have set out", responses=responses(404, 409))
def depart_visit(by: TicketWorker, visit_id: Id, body: DepartBody) -> VisitDetail:
    """The customer is told when they will be there."""
    by(Depart(visit_id, body.minutes))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/arrive", summary="They are there", responses=responses(404, 409))
def arrive_visit(by: TicketWorker, visit_id: Id) -> VisitDetail:
    by(Arrive(visit_id))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/delay", summary="They come later", responses=responses(404, 409))
def delay_visit(by: TicketWorker, visit_id: Id, body: MinutesBody) -> VisitDetail:
    """There in so many minutes; the customer is told."""
    by(ReportDelay(visit_id, body.minutes))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/overrun", summary="They work on", responses=responses(404, 409))
def overrun_visit(by: TicketWorker, visit_id: Id, body: MinutesBody) -> VisitDetail:
    """For so many minutes more; nobody asks them meanwhile."""
    by(ReportOverrun(visit_id, body.minutes))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/window", summary="They cannot keep the arrival window, and come within another",
             responses=responses(404, 409))
def move_visit(by: TicketWorker, visit_id: Id, body: VisitWindowBody) -> VisitDetail:
    by(ProposeWindow(visit_id, body.window_from, body.window_until))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/technician", summary="Somebody else of the same firm comes", responses=responses(404, 409))
def reassign_visit(by: TicketWorker, visit_id: Id, body: TechnicianBody) -> VisitDetail:
    """Within the same arrival window; the customer is told who comes instead."""
    by(ReassignVisit(visit_id, body.technician))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/hand-back", summary="They cannot come after all", responses=responses(404, 409))
def hand_back_visit(by: TicketWorker, visit_id: Id, body: HandBackBody) -> VisitDetail:
    """Others are asked, and the customer is told."""
    by(HandBack(visit_id, body.why))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/call", summary="They have rung the customer at the door, and nobody answered",
             responses=responses(404, 409))
def log_visit_call(by: TicketWorker, visit_id: Id) -> VisitDetail:
    by(LogCall(visit_id))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/take-back", summary="They have tapped on the way, here, or how it ended, by mistake",
             responses=responses(404, 409))
def take_back_visit(by: TicketWorker, visit_id: Id) -> VisitDetail:
    """Within two minutes. Whoever was told that somebody comes hears that they do not yet; how it ended nobody has
    heard yet. What `finish` says takes effect at once and cannot be taken back."""
    by(TakeBack(visit_id))
    return _one(by.gw, visit_id)


@router.post("/{visit_id}/finish", summary="They have finished, or can do no more today", responses=responses(404, 409))
def finish_visit(by: TicketWorker, visit_id: Id, body: FinishVisitBody) -> VisitDetail:
    outcome = VisitOutcome.COMPLETE if body.incomplete is None else VisitOutcome.INCOMPLETE
    by(Finish(visit_id, body.note or "", outcome, body.incomplete, tuple(body.parts), body.expected_at,
              body.fix, tuple(body.used)))
    return _one(by.gw, visit_id)
