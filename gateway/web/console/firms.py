"""Local firms: the link to each one's own page, its people, the days on which it is away, and how it does."""

from typing import Annotated, Any

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.calendars.time_off import BadTimeOff
from gateway.flow.firms import own_days, own_links, own_people
from gateway.model import Provider
from gateway.model.plan import NoSuch
from gateway.store import Conflict
from gateway.store.firms import links, portraits
from gateway.store.firms.scorecard import scorecard
from gateway.store.views.console import own_work
from gateway.store.views.ticket_list import provider_names
from gateway.web.console.pages import WORDS, go_on, page
from gateway.web.console.session import User, needs
from gateway.web.dependencies import or_404
from gateway.web.pages.links import InvalidInput
from gateway.web.pages.provider.page import FirmForm, away_of, firm_act, today_of
from gateway.web.routes import Routes

router = Routes()
PATH, OWN = "/console/firms", "/console/our-work/firm"
Manages = Annotated[User, needs(Right.MANAGE_PROVIDERS)]
Works = Annotated[User, needs(Right.OWN_WORK)]
Changes = Annotated[User, needs(Right.MANAGE_PROVIDERS, proof=True)]


@router.get(PATH)
def show_firms(request: Request, user: Manages) -> Response:
    with user.gw.store.read() as session:
        firms = [(session.get_one(Provider, key), links.page_link(session, key, user.now))
                 for key, _ in provider_names(session)]
    return page(request, user, "firms.html", firms=firms)


@router.get(f"{PATH}/{{firm_id}}")
def show_firm(request: Request, user: Manages, firm_id: str) -> Response:
    return firm_page(request, user, firm_id)


@router.post(f"{PATH}/{{firm_id}}/link")
def make_link(request: Request, user: Changes, firm_id: str) -> Response:
    """The address is on this one answer, and nowhere else; the one before it no longer works."""
    try:
        with user.gw.store.write() as session:
            link = own_links.make_page_link(user.gw.settings, session, firm_id, user.who, user.now)
    except NoSuch:
        raise HTTPException(404, "There is no such firm") from None
    return firm_page(request, user, firm_id, link=link)


@router.post(f"{PATH}/{{firm_id}}/end-link")
def end_link(user: Changes, firm_id: str) -> Response:
    try:
        with user.gw.store.write() as session:
            own_links.end_page_link(session, firm_id, user.who, user.now)
    except NoSuch:
        raise HTTPException(404, "There is no such firm") from None
    return go_on(f"{PATH}/{firm_id}")


@router.post(f"{PATH}/{{firm_id}}/days")
def change_days(request: Request, user: Manages, firm_id: str, given: Annotated[FirmForm, Form()]) -> Response:
    """Technicians, days off and capacity, as the firm says on the telephone."""
    return _say(request, user, firm_id, given, f"{PATH}/{firm_id}", "firm.html")


@router.get(OWN)
def show_own_firm(request: Request, user: Works) -> Response:
    return firm_page(request, user, or_404(user.firm, "firm"), template="own_firm.html")


@router.post(OWN)
def change_own_firm(request: Request, user: Works, given: Annotated[FirmForm, Form()]) -> Response:
    """The same by the firm's own people."""
    return _say(request, user, or_404(user.firm, "firm"), given, OWN, "own_firm.html")


def _say(request: Request, user: User, firm_id: str, given: FirmForm, back: str, template: str) -> Response:
    try:
        with user.gw.store.write() as session:
            if given.act == "calendar":
                raise InvalidInput("page.not_possible")
            firm_act(session, given, own_links.firm(session, firm_id), user.gw.policy, user.who, user.now)
    except (InvalidInput, BadTimeOff, own_people.BadTechnician) as unusable:
        return firm_page(request, user, firm_id, 422, WORDS(str(unusable)), given, template=template)
    except own_days.BadCapacity:
        return firm_page(request, user, firm_id, 422, WORDS("page.firm.bad_capacity"), given, template=template)
    except Conflict:
        return firm_page(request, user, firm_id, 409, WORDS("page.not_possible"), given, template=template)
    except NoSuch:
        raise HTTPException(404, "There is no such firm") from None
    return go_on(back)


def firm_page(request: Request, user: User, firm_id: str, status: int = 200, wrong: str = "",
         given: FirmForm | None = None, link: str = "", template: str = "firm.html") -> Response:
    return page(request, user, template, status, wrong=wrong, given=given or FirmForm(), link=link,
                **_content(user, firm_id))


def _content(user: User, firm_id: str) -> dict[str, Any]:
    with user.gw.store.read() as session:
        firm: Provider = or_404(session.get(Provider, firm_id), "firm")
        people = links.technicians_of(session, firm_id)
        ahead = own_work.visits_ahead(session, firm_id, user.now)
        today = today_of(firm, user.now)
        return {"firm": firm, "people": people, "made": links.page_link(session, firm_id, user.now),
                "portraits": portraits.shown(session, [one.id for one in people]),
                "away": away_of(firm, people, ahead, WORDS, today, user.now), "today": today.isoformat(),
                "ahead": len(ahead), "card": scorecard(session, firm_id, user.now)}
