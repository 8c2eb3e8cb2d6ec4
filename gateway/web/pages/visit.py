"""The technician's page: job details, and buttons for on the way, arrived and done."""

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, Instant, LinkPurpose, Reading, Visit, VisitOutcome
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store import Conflict
from gateway.store.views import pages
from gateway.tickets.actions import Act, Arrive, Depart, Finish
from gateway.web.dependencies import Gw, Now
from gateway.web.pages import alarm_details
from gateway.web.pages.links import InvalidInput, LinkInvalid, Render, open_link
from gateway.web.pages.maps import map_address
from gateway.web.pages.templates import Renderer
from gateway.web.pages.ticket_view import words_of

router = APIRouter(include_in_schema=False)
MINUTES = (10, 20, 30, 45, 60)  # one tap each
OUTCOMES = tuple(VisitOutcome)
LONGEST = 24 * 60  # minutes on the way
NOTE = 2000  # characters kept


class VisitForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    minutes: str = ""
    outcome: str = VisitOutcome.COMPLETE
    note: str = ""


class VisitView(NamedTuple):
    visit: Visit
    job: pages.JobDetails
    history: pages.History
    readings: list[Reading]


@router.api_route("/v/{token}", methods=["GET", "HEAD"])
def visit(gw: Gw, now: Now, render: Render, token: str) -> Response:
    return _page(gw, render, _visit_view(gw, token, now), now)


@router.post("/v/{token}")
def tap(gw: Gw, now: Now, render: Render, token: str, given: Annotated[VisitForm, Form()]) -> Response:
    view = _visit_view(gw, token, now)
    try:
        act(gw, _act(given, view.visit.id), Actor(ActorKind.TECHNICIAN, _name(view)), now)
    except InvalidInput as unusable:
        return _page(gw, render, view, now, status=422, note=str(unusable), given=given)
    except (Refused, NoSuch, Conflict):
        return _page(gw, render, _visit_view(gw, token, now), now, status=409, note="page.not_possible", given=given)
    return RedirectResponse(f"{render.root}/v/{token}", 303)


def _visit_view(gw: Gateway, token: str, now: Instant) -> VisitView:
    with gw.store.read() as session:
        row = session.get(Visit, open_link(session, gw.settings, LinkPurpose.VISIT, token, now).subject_id)
        job = pages.job(session, row.ticket_id, row.provider_id) if row else None
        if row is None or job is None:
            raise LinkInvalid
        return VisitView(row, job, pages.history(session, job.ticket, row.id),
                         pages.recent_readings(session, job.device.id))


def _act(given: VisitForm, visit_id: str) -> Act:
    if given.act == "depart":
        minutes = int(given.minutes) if given.minutes.isdecimal() else 0
        return Depart(visit_id, min(minutes, LONGEST) or None)
    if given.act == "arrive":
        return Arrive(visit_id)
    note = given.note.strip()[:NOTE]
    outcome = VisitOutcome(given.outcome) if given.outcome in OUTCOMES else VisitOutcome.COMPLETE
    if outcome == VisitOutcome.COMPLETE and not note:
        raise InvalidInput("page.note_needed")
    return Finish(visit_id, note, outcome)


def _name(view: VisitView) -> str:
    return view.visit.technician or view.job.provider.name


def _page(gw: Gateway, render: Renderer, view: VisitView, now: Instant, status: int = 200, note: str = "",
          given: VisitForm | None = None) -> Response:
    job, words = view.job, catalogue_for(view.job.provider.locale)
    say = TimeFormat(words, job.site.timezone, now)
    profile = gw.profiles.get(job.device.profile)
    return render.page(
        "visit.html", words, status, note=words(note) if note else "", view=view, visit=view.visit, name=_name(view),
        job=job, say=say, cause=words_of(job.cause, job.ticket, words),
        why=alarm_details.evidence_rows(job.alarm, profile, words, say),
        measured=alarm_details.signal_details(view.readings, job.alarm, profile, words), map=map_address(job.site),
        minutes=MINUTES, outcomes=OUTCOMES, given=given or VisitForm())
