"""Customers: the list by name, and one page of each on which everything is that they have told us once."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from sqlmodel import Session

from gateway.access.rights import Right, may, may_act
from gateway.callbacks.presses.replies import name_of
from gateway.config.phone_numbers import PHONE
from gateway.explain.next_actions import WordedAction, word_action
from gateway.flow.gateway import Gateway
from gateway.flow.telephones import write_look
from gateway.model import Customer, Instant, Role, Severity, Subject, SubjectKind
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store import households
from gateway.store.after.goodwill_lists import customer_credits
from gateway.store.views import console_ticket
from gateway.store.views.console import customer_page
from gateway.store.views.console.customer_page import KnownCustomer
from gateway.store.views.customer import household
from gateway.store.views.pagination import BadCursor
from gateway.tickets.actions import OpenCallback, OpenTicket
from gateway.tickets.desk.next_action import customer_at_risk
from gateway.tickets.households.people import subject_of_person
from gateway.web.console import customer_view
from gateway.web.console.goodwill import amount
from gateway.web.console.live import follow_main
from gateway.web.console.pages import WORDS, Viewer, go_on, live_page, main_of, page, version_of
from gateway.web.console.session import User, needs
from gateway.web.dependencies import or_404
from gateway.web.live import View
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/customers"
Reads = Annotated[User, needs(Right.READ)]
PAGE, MESSAGES, NAME = 50, 40, 80


class Typed(NamedTuple):
    """A form that could not be done, and is shown again with what was typed."""

    form: str = ""  # its id
    fields: Mapping[str, str] = {}
    wrong: str = ""

    def value(self, form: str, name: str, otherwise: Any = "") -> Any:
        return self.fields.get(name, "") if form == self.form else otherwise


NOTHING_TYPED = Typed()


@router.get(PATH)
def show_customers(request: Request, user: Reads, begins: str = "", cursor: str = "") -> Response:
    begins = begins.strip()[:NAME].replace("\0", "")
    with user.gw.store.read() as session:
        try:
            found = customer_page.in_list(session, begins, cursor or None, PAGE, user.now)
        except BadCursor:
            raise HTTPException(422, "This page of the list does not exist; go to its first one") from None
    further = {"begins": begins, "cursor": found.next}
    return page(request, user, "customers.html", rows=found.rows, begins=begins, later=bool(cursor),
                next=f"{PATH}?{urlencode({name: value for name, value in further.items() if value})}"
                if found.next else "")


@router.get(f"{PATH}/{{customer_id}}")
def show_customer(request: Request, user: Reads, customer_id: str, reach: bool = False, older: str = "",
                  sent: bool = False) -> Response:
    """`reach`: with how each of them is reached, which is written down; `older`: messages before that cursor."""
    return customer_answer(request, user, customer_id, reach, older, sent=sent)


@router.get("/console/sites/{site_id}")
def show_site(user: Reads, site_id: str) -> Response:
    """A part of its household's page."""
    with user.gw.store.read() as session:
        customer_id = or_404(customer_page.customer_of_site(session, site_id), "site")
    return go_on(f"{PATH}/{customer_id}#site-{site_id}")


@router.get("/console/devices/{device_id}")
def show_device(user: Reads, device_id: str) -> Response:
    """A part of the page of the household where it is."""
    with user.gw.store.read() as session:
        customer_id = or_404(customer_page.customer_of_device(session, device_id), "device")
    return go_on(f"{PATH}/{customer_id}#device-{device_id}")


def customer_answer(request: Request, user: User, customer_id: str, reach: bool = False, older: str = "",
                    status: int = 200, typed: Typed = NOTHING_TYPED, sent: bool = False) -> Response:
    """The page. It follows what happens, unless it shows what is one's own: numbers, older messages, what was typed."""
    gw, shows = user.gw, reach and user.may(Right.READ_PHONES)
    facts = _facts(gw, user.role, customer_id, user.now, shows, older, typed)
    if shows:
        _write_looks(user, facts["page"].known)
    if shows or older or typed.form:
        return page(request, user, "customer.html", status, **facts | {"sent": sent, "follows": False})
    if sent:  # of that its stream knows nothing
        version = _view(request, gw, Viewer(user.role, user.now), facts).version
        return page(request, user, "customer.html", status, **facts | {"sent": True, "version": version})
    return live_page(request, user, "customer.html", status, **facts)


@router.get(f"{PATH}/{{customer_id}}/stream")
async def stream_customer(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)],
                          customer_id: str, version: str = "") -> StreamingResponse:
    """The page's content whenever it has changed; rendered once for all of a role."""
    now: Callable[[], Instant] = request.app.state.now
    gw, role = user.gw, user.role

    def load() -> View:
        at = now()
        return _view(request, gw, Viewer(role, at), _facts(gw, role, customer_id, at))

    return await follow_main(request, user, f"{PATH}/{customer_id}/{role}", load, version)


def _view(request: Request, gw: Gateway, viewer: Viewer, facts: dict[str, Any]) -> View:
    html = main_of(request, gw, viewer, "customer.html", **facts)
    version = version_of(html)
    known: KnownCustomer = facts["page"].known
    about = {known.customer.id, *(one.person.id for one in known.people), *(one.site.id for one in known.sites),
             *(one.ticket.id for one in known.tickets), *(one.id for one in known.callbacks),
             *(outage.id for outage, *_ in known.outages), *(one.visit.id for one in known.visits)}
    return View(version, html.replace('data-version=""', f'data-version="{version}"', 1), frozenset(about))


def _facts(gw: Gateway, role: Role, customer_id: str, now: Instant, shows: bool = False, older: str = "",
           typed: Typed = NOTHING_TYPED) -> dict[str, Any]:
    """What the page shows to somebody of this role. `shows`: how they are reached."""
    with gw.store.read() as session:
        try:
            known: KnownCustomer = or_404(customer_page.load(session, customer_id, older or None, MESSAGES), "customer")
        except BadCursor:
            raise HTTPException(422, "These messages do not exist; go to the newest") from None
        pages = customer_page.own_pages(session, customer_id)
        lives_here = household.lives_somewhere(session, customer_id)
        has_link = household.household_link(session, customer_id, now) is not None
        say = TimeFormat(WORDS, known.customer.timezone, now)  # as they read them
        suggestion = _suggestion(session, known.customer, say)
        of_firms = customer_page.skills(session)
        credits = customer_credits(session, customer_id)
    skills = sorted({*of_firms, *(skill for profile in gw.profiles.values() for skill in profile.skills)} - {""})
    told = [*known.contacts, *(contact for who in known.people for contact in who.contacts
                               if who.person.role in customer_view.TOLD)]
    return {
        "page": customer_view.customer_page(known, gw.profiles, shows, say), "say": say, "reach": shows, "older": older,
        "pages": pages, "lives_here": lives_here, "has_home_link": has_link,
        "suggestion": suggestion, "typed": typed, "sent": False, "version": "", "follows": True,
        "sendable": any(one.channel in gw.channels and one.stopped_at is None for one in told),
        "skills": [(one, one.capitalize()) for one in skills],
        "severities": [(one, one.capitalize()) for one in Severity], "roles": customer_view.ROLES,
        "needs": customer_view.needs_offered(WORDS),
        "channels": [(one, customer_view.CHANNELS.get(one, one)) for one in (PHONE, *sorted(gw.channels))],
        "may_edit": may(role, Right.EDIT_HOUSEHOLDS), "may_report": may_act(role, OpenTicket),
        "may_ring": may_act(role, OpenCallback), "may_send": may(role, Right.WORK_TICKETS),
        "may_see": may(role, Right.READ_PHONES), "name_of": name_of,
        "may_give": may(role, Right.GIVE_GESTURE) and gw.settings.goodwill.gestures.most > 0,
        "currency": gw.settings.goodwill.currency,
        "credits": [(row, amount(row.cents, row.currency)) for row in credits]}


def _suggestion(session: Session, customer: Customer, say: TimeFormat) -> WordedAction | None:
    """For a customer at risk."""
    facts = console_ticket.customer_facts(session, customer.id, say.now)
    found = None if facts is None else customer_at_risk(facts, say.now)
    return None if found is None else word_action(found, {}, say, catalogue_for(customer.locale))


def _write_looks(user: User, known: KnownCustomer) -> None:
    """Whose numbers they see, in the timeline of each."""
    with user.gw.store.write() as session:
        own = [one for one in known.contacts if one.stopped_at is None]
        about = Subject(SubjectKind.CUSTOMER, known.customer.id)
        write_look(session, about, households.numbers_of_household(known.customer, own), user.who, user.now)
        for one in known.people:
            write_look(session, subject_of_person(one.person.id),
                       households.numbers_of_person(one.person, one.contacts), user.who, user.now)
