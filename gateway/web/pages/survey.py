"""The customer's page with three questions, once their ticket is closed."""

from typing import Annotated, NamedTuple

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel

from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, Customer, Device, Instant, LinkPurpose, Survey, SurveyMark, Ticket
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.template_values import skill_name
from gateway.store import Conflict
from gateway.store.after.surveys import survey_of
from gateway.tickets.actions import AnswerSurvey
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import LinkInvalid, Render, open_link
from gateway.web.pages.technician.form_errors import FormError
from gateway.web.pages.templates import Renderer
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
SENTENCES = 500  # characters kept of what is typed
_WORKS = {"yes": True, "no": False}


class SurveyForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    works: str = ""
    ease: str = ""
    care: str = ""
    words: str = ""


class SurveyView(NamedTuple):
    survey: Survey
    ticket: Ticket
    words: Catalogue
    about: str  # what it was about


@router.api_route("/s/{token}", methods=["GET", "HEAD"])
def survey(gw: Gw, now: Now, render: Render, token: str) -> HTMLResponse:
    return _page(render, _view(gw, token, now), SurveyForm())


@router.post("/s/{token}")
def answer(gw: Gw, now: Now, render: Render, token: str, given: Annotated[SurveyForm, Form()]) -> Response:
    """The same answer twice is one; what was typed is kept when nothing was chosen."""
    view = _view(gw, token, now)
    said = survey_answer(given, view)
    if said is None:
        return _page(render, view, given, FormError(422, view.words("page.survey.nothing"), "works"))
    try:
        act(gw, said, Actor(ActorKind.CUSTOMER), now)
    except (Refused, NoSuch, Conflict):
        return _page(render, _view(gw, token, now), given, FormError(409, view.words("page.answered_already")))
    return RedirectResponse(f"{render.root}/s/{token}", 303)


def survey_answer(given: SurveyForm, view: SurveyView) -> AnswerSurvey | None:
    """None: nothing was answered. What the device shows stands unless they say otherwise."""
    works = _WORKS.get(given.works)
    ease, care = (SurveyMark(mark) if mark in list(SurveyMark) else None for mark in (given.ease, given.care))
    words = given.words.strip()[:SENTENCES]
    if works is None and ease is None and care is None and not words:
        return None
    return AnswerSurvey(view.ticket.id, True if works is None and view.survey.proven else works, ease, care, words)


def _view(gw: Gateway, token: str, now: Instant) -> SurveyView:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.SURVEY, token, now)
        row = survey_of(session, link.subject_id)
        if row is None:
            raise LinkInvalid
        ticket = session.get_one(Ticket, row.ticket_id)
        words = catalogue_for(session.get_one(Customer, row.customer_id).locale)
        device = session.get(Device, ticket.device_id) if ticket.device_id else None
    about = device.name if device is not None else skill_name(ticket.subject or ticket.skill, words)
    return SurveyView(row, ticket, words, about)


def _page(render: Renderer, view: SurveyView, given: SurveyForm, error: FormError | None = None) -> HTMLResponse:
    status = 200 if error is None else error.status
    return render.page("survey.html", view.words, status, survey=view.survey, ticket=view.ticket, about=view.about,
                       given=given, error=error, marks=list(SurveyMark))
