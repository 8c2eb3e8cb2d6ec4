"""A local firm's own work: what it is asked, whom it visits, and what it did; nothing of any other firm."""

from typing import Annotated, NoReturn

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.model import Provider
from gateway.model.plan import NoSuch
from gateway.store.views.console import own_work
from gateway.store.views.console.own_work import OwnVisit
from gateway.store.views.pagination import BadCursor
from gateway.web.console.pages import WORDS, go_on, page
from gateway.web.console.session import User, needs
from gateway.web.dependencies import or_404
from gateway.web.pages.offer import OfferForm, OfferView, load_offer, offer_act, offer_content, status_of
from gateway.web.pages.provider.work import Job, day_lines, offered_job, visited_job
from gateway.web.pages.technician.form_errors import FAILURES, FormError, form_error
from gateway.web.pages.technician.visit import (
    VisitForm,
    VisitView,
    load_visit,
    look_at_numbers,
    visit_act,
    visit_content,
)
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/our-work"
Works = Annotated[User, needs(Right.OWN_WORK)]
OVER = 30  # visits that are over, on a page


@router.get(PATH)
def show_work(request: Request, user: Works, cursor: str = "") -> Response:
    firm = _firm(user)
    with user.gw.store.read() as session:
        offers = own_work.open_offers(session, firm, user.now)
        ahead = own_work.visits_ahead(session, firm, user.now)
        try:
            over = own_work.visits_over(session, firm, cursor or None, OVER, user.now)
        except BadCursor:
            raise HTTPException(422, "This page of the list does not exist; go to its first one") from None
        provider = session.get_one(Provider, firm)
        name, zone = provider.name, provider.timezone
    jobs = [_visit(one, user) for one in ahead]
    return page(request, user, "work.html", firm=name, offers=[offered_job(one, WORDS, user.now) for one in offers],
                days=day_lines(jobs, ahead, zone, WORDS, user.now), zone=zone, ahead=jobs,
                over=[_visit(one, user) for one in over.rows], next=over.next, later=bool(cursor))


@router.get(f"{PATH}/offers/{{offer_id}}")
def show_offer(request: Request, user: Works, offer_id: str) -> Response:
    return _offer_page(request, user, _offer_view(user, offer_id, "show_offer"))


@router.post(f"{PATH}/offers/{{offer_id}}")
def answer_offer(request: Request, user: Works, offer_id: str, given: Annotated[OfferForm, Form()]) -> Response:
    view = _offer_view(user, offer_id, "answer_offer")
    try:
        user(offer_act(given, view, user.now))
    except FAILURES as failure:
        return _offer_page(request, user, _offer_view(user, offer_id, "answer_offer"), failure, given)
    visit_id = _visit_of(user, offer_id)
    return go_on(f"{PATH}/visits/{visit_id}" if visit_id else f"{PATH}/offers/{offer_id}")


@router.get(f"{PATH}/visits/{{visit_id}}")
def show_visit(request: Request, user: Works, visit_id: str) -> Response:
    return _visit_page(request, user, _visit_view(user, visit_id, "show_visit"))


@router.post(f"{PATH}/visits/{{visit_id}}")
def go_visit(request: Request, user: Works, visit_id: str, given: Annotated[VisitForm, Form()]) -> Response:
    """On the way, there, done, or what comes in between."""
    view = _visit_view(user, visit_id, "go_visit")
    if given.act == "show_number":
        return _show_number(request, user, view)
    try:
        user(visit_act(given, view))
    except FAILURES as failure:
        return _visit_page(request, user, _visit_view(user, visit_id, "go_visit"), given, form_error(failure, WORDS))
    return go_on(f"{PATH}/visits/{visit_id}")


def _firm(user: User) -> str:
    found: str = or_404(user.firm, "firm")
    return found


def _offer_view(user: User, offer_id: str, action: str) -> OfferView:
    with user.gw.store.read() as session:
        row = own_work.offer_of(session, _firm(user), offer_id)
        view = load_offer(session, row, user.now)
    return view or _not_theirs(user, action, "offer", offer_id)


def _visit_view(user: User, visit_id: str, action: str) -> VisitView:
    with user.gw.store.read() as session:
        row = own_work.visit_of(session, _firm(user), visit_id, user.now)
        view = load_visit(session, row, user.now)
    return view or _not_theirs(user, action, "visit", visit_id)


def _visit(one: OwnVisit, user: User) -> Job:
    return visited_job(one, WORDS, user.gw.settings.service.callback_timezone, user.now)


def _not_theirs(user: User, action: str, kind: str, row_id: str) -> NoReturn:
    user.deny_other(action, (kind, row_id[:80]))


def _visit_of(user: User, offer_id: str) -> str | None:
    with user.gw.store.read() as session:
        return own_work.visit_from(session, _firm(user), offer_id, user.now)


def _show_number(request: Request, user: User, view: VisitView) -> Response:
    """In this answer only: a page that is loaded again has no number in it."""
    numbers = look_at_numbers(user.gw, view, user.who, user.now)
    if not numbers:
        return _visit_page(request, user, view, error=form_error(NoSuch(), WORDS))
    return page(request, user, "work_visit.html", error=None, given=VisitForm(),
                **visit_content(user.gw, view, WORDS, user.now, numbers))


def _offer_page(request: Request, user: User, view: OfferView, failure: Exception | None = None,
                given: OfferForm | None = None) -> Response:
    visit_id = _visit_of(user, view.offer.id) if view.visit_link else None
    content = offer_content(user.gw, view, WORDS, user.now, failure, given)
    return page(request, user, "work_offer.html", status_of(content), visit_id=visit_id, **content)


def _visit_page(request: Request, user: User, view: VisitView, given: VisitForm | None = None,
                error: FormError | None = None) -> Response:
    return page(request, user, "work_visit.html", error.status if error else 200, error=error,
                given=given or VisitForm(), **visit_content(user.gw, view, WORDS, user.now))
