"""What somebody does for a customer from their page: people and contacts, moving, tickets, callbacks, their link."""

from collections.abc import Callable
from typing import Annotated

from fastapi import HTTPException, Request
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session

from gateway.access.rights import Right
from gateway.calendars import arrival_windows
from gateway.config.field_types import LOCALES
from gateway.flow import people
from gateway.flow.after.goodwill import give_gesture
from gateway.flow.households.links import end_household_link, send_household_link
from gateway.model import (
    Contact,
    Customer,
    Need,
    Person,
    PersonRole,
    RecipientKind,
    Severity,
    Site,
    Subject,
    SubjectKind,
    local,
)
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.reasons import refusal_sentence
from gateway.notifications.wording.plain_values import plain_text
from gateway.store import Conflict, households
from gateway.store.views import reports
from gateway.tickets.actions import LeaveSite, MoveIn, OpenCallback, OpenTicket
from gateway.tickets.households.people import GivenPerson, Needs
from gateway.web.api.households.models import ContactBody
from gateway.web.api.households.people import check_contact
from gateway.web.console.customers import PATH, Typed, customer_answer
from gateway.web.console.goodwill import is_money
from gateway.web.console.pages import WORDS, go_on
from gateway.web.console.session import TOKEN, User, needs
from gateway.web.dependencies import or_404
from gateway.web.routes import Routes

router = Routes()
_ONE = f"{PATH}/{{customer_id}}"
Edits = Annotated[User, needs(Right.EDIT_HOUSEHOLDS)]
Reports = Annotated[User, needs(Right.REPORT)]
Works = Annotated[User, needs(Right.WORK_TICKETS)]
NAME, LINE, WORDS_MOST = 80, 200, 2000  # characters


class Wrong(Exception):
    """Something that was typed cannot be used; the text says why."""


class Filled:
    """The form as it came: every field is text and may be missing."""

    def __init__(self, request: Request) -> None:
        self.all = {name: value for name, value in request.state.form.multi_items()
                    if isinstance(value, str) and name != TOKEN}
        self._form = request.state.form

    def __call__(self, name: str, most: int = LINE) -> str:
        return " ".join(plain_text(self.all.get(name, ""), is_name=True).split())[:most]

    def words(self, name: str) -> str:
        return plain_text(self.all.get(name, ""), is_name=False).strip()[:WORDS_MOST]

    def many(self, name: str) -> list[str]:
        return [value for value in self._form.getlist(name) if isinstance(value, str)]


def _do(request: Request, user: User, customer_id: str, form: str, act: Callable[[Filled], None], anchor: str = "",
        ) -> Response:
    """Does it, and shows the page again: with what was typed and why it was not done, where it was not. `form`: its id
    on the page."""
    given = Filled(request)
    with user.gw.store.read() as session:
        zone = or_404(session.get(Customer, customer_id), "customer").timezone
    try:
        act(given)
    except Wrong as wrong:
        return customer_answer(request, user, customer_id, status=422, typed=Typed(form, given.all, str(wrong)))
    except Refused as refused:
        said = refusal_sentence(refused, WORDS, zone)
        return customer_answer(request, user, customer_id, status=409, typed=Typed(form, given.all, said))
    except Conflict:
        said = "Somebody else was first. This is how it is now."
        return customer_answer(request, user, customer_id, status=409, typed=Typed(form, given.all, said))
    except NoSuch as none:
        raise HTTPException(404, str(none)[:200].capitalize()) from None
    return go_on(f"{PATH}/{customer_id}{anchor}")


@router.post(f"{_ONE}/page-link")
def send_link(request: Request, user: Works, customer_id: str) -> Response:
    """The link to a page of theirs, on the first contact of theirs that is in use."""
    def act(given: Filled) -> None:
        kind, _, subject_id = given("page").partition("/")
        if kind not in tuple(SubjectKind):
            raise Wrong("Choose which page to send.")
        people.send_page_link(user.gw, customer_id, Subject(SubjectKind(kind), subject_id), user.who, user.now)

    return _do(request, user, customer_id, "send-page", act, "?sent=1#messages")


@router.post(f"{_ONE}/household-link")
def send_home_link(request: Request, user: Works, customer_id: str) -> Response:
    """The link to all that is open at their home, on the first contact of theirs that is in use."""
    def act(given: Filled) -> None:
        send_household_link(user.gw, customer_id, user.who, user.now)

    return _do(request, user, customer_id, "home-link", act, "?sent=1#messages")


@router.post(f"{_ONE}/household-link/end")
def end_home_link(request: Request, user: Edits, customer_id: str) -> Response:
    """It opens nothing any more."""
    return _do(request, user, customer_id, "home-link",
               lambda given: end_household_link(user.gw, customer_id, user.who, user.now))


@router.post(f"{_ONE}/ticket")
def open_ticket(request: Request, user: Reports, customer_id: str) -> Response:
    """For what they say is wrong."""
    def act(given: Filled) -> None:
        site_id = _site(user, customer_id, given("site_id")).id
        if not given("cause"):
            raise Wrong("Say what is wrong, in their words.")
        severity = Severity(given("severity")) if given("severity") in tuple(Severity) else Severity.MINOR
        report = OpenTicket(site_id, given("cause"), given("skill"), severity, given("device_id") or None,
                            given.words("note"))
        known = {skill for profile in user.gw.profiles.values() for skill in profile.skills}
        with user.gw.store.read() as session:
            errors = [what for _, what in reports.report_errors(session, report, known)]
        if errors:
            raise Wrong(f"{errors[0].capitalize()}.")
        user(report)

    return _do(request, user, customer_id, "open-ticket", act, "#tickets")


@router.post(f"{_ONE}/callback")
def open_callback(request: Request, user: Reports, customer_id: str) -> Response:
    """Somebody is to ring them."""
    def act(given: Filled) -> None:
        site = _site(user, customer_id, given("site_id"))
        if not given.words("words"):
            raise Wrong("Say what the call is about.")
        ring_from = None
        if given("ring_from"):
            try:
                ring_from = arrival_windows.parse_local(given("ring_from"), _zone(user, customer_id))
            except (ValueError, OverflowError):
                raise Wrong("Say from when, as a day and a time.") from None
        user(OpenCallback(site.id, given.words("words"), given("urgent") == "true", ring_from))

    return _do(request, user, customer_id, "open-callback", act, "#callbacks")


@router.post(f"{_ONE}/household")
def change_household(request: Request, user: Edits, customer_id: str) -> Response:
    """Name, language and quiet hours."""
    def act(given: Filled) -> None:
        quiet = given("quiet_from"), given("quiet_until")
        if not given("name") or given("locale") not in LOCALES:
            raise Wrong("A household has a name and a language.")
        if bool(quiet[0]) != bool(quiet[1]) or (quiet[0] and quiet[0] == quiet[1]):
            raise Wrong("Quiet hours have a beginning and an end, or neither.")
        people.change_customer(user.gw, customer_id, {
            "name": given("name", NAME), "locale": given("locale"), "quiet_from": _hour(quiet[0]),
            "quiet_until": _hour(quiet[1])}, user.who, user.now)

    return _do(request, user, customer_id, "change-household", act, "#people")


@router.post(f"{_ONE}/people")
def add_person(request: Request, user: Edits, customer_id: str) -> Response:
    def act(given: Filled) -> None:
        person = _person(given, user)
        reached = [_reached(user, customer_id, given)] if given("address") else []
        people.add_person(user.gw, customer_id, person, None, reached, user.who, user.now)

    return _do(request, user, customer_id, "add-person", act, "#people")


@router.post(f"{_ONE}/people/{{person_id}}")
def change_person(request: Request, user: Edits, customer_id: str, person_id: str) -> Response:
    """Name, role, language and needs."""
    def act(given: Filled) -> None:
        _theirs(user, customer_id, person_id)
        people.change_person(user.gw, person_id, _person(given, user), user.who, user.now)

    return _do(request, user, customer_id, f"change-{person_id}", act, f"#person-{person_id}")


@router.post(f"{_ONE}/people/{{person_id}}/leave")
def person_leaves(request: Request, user: Edits, customer_id: str, person_id: str) -> Response:
    """One site, or all of them."""
    def act(given: Filled) -> None:
        _theirs(user, customer_id, person_id)
        if given("site_id"):
            user(LeaveSite(_site(user, customer_id, given("site_id")).id, person_id))
        else:
            people.remove_person(user.gw, person_id, user.who, user.now)

    return _do(request, user, customer_id, f"leave-{person_id}", act, "#people")


@router.post(f"{_ONE}/people/{{person_id}}/contacts")
def add_contact(request: Request, user: Edits, customer_id: str, person_id: str) -> Response:
    def act(given: Filled) -> None:
        _theirs(user, customer_id, person_id)
        people.add_contact(user.gw, person_id, *_reached(user, customer_id, given), user.who, user.now)

    return _do(request, user, customer_id, f"contact-{person_id}", act, f"#person-{person_id}")


@router.post(f"{_ONE}/contacts/{{contact_id}}")
def stop_or_restart(request: Request, user: Edits, customer_id: str, contact_id: str) -> Response:
    """Nothing is sent there any more, or it is again."""
    def act(given: Filled) -> None:
        with user.gw.store.read() as session:
            if not _is_contact_of(session, customer_id, contact_id):
                raise NoSuch(f"there is no such contact of {customer_id}")
        if given("act") == "restart":
            people.restart_contact(user.gw, contact_id, user.who, user.now)
        else:
            people.stop_contact(user.gw, contact_id, user.who, user.now)

    return _do(request, user, customer_id, f"contact-{contact_id}", act, "#people")


@router.post(f"{_ONE}/gesture")
def give_customer_gesture(request: Request, user: Annotated[User, needs(Right.GIVE_GESTURE)], customer_id: str
                          ) -> Response:
    """A small credit, within the limits; they are told."""
    def act(given: Filled) -> None:
        site = _site(user, customer_id, given("site_id"))
        cents = is_money(given("amount"))
        if not cents:
            raise Wrong("Write the amount as 5 or 7.50.")
        if not given("reason"):
            raise Wrong("Say why: colleagues read it, they do not.")
        give_gesture(user.gw, site.id, cents, given("reason"), user.who, user.now)

    return _do(request, user, customer_id, "gesture", act, "#goodwill")


@router.post(f"{_ONE}/sites/{{site_id}}/access")
def change_access(request: Request, user: Edits, customer_id: str, site_id: str) -> Response:
    """How to get in, for whoever goes there."""
    def act(given: Filled) -> None:
        people.change_site(user.gw, _site(user, customer_id, site_id).id, {"access": given.words("access")}, user.who,
                           user.now)

    return _do(request, user, customer_id, f"access-{site_id}", act, f"#site-{site_id}")


@router.post(f"{_ONE}/sites/{{site_id}}/moving")
def move(request: Request, user: Edits, customer_id: str, site_id: str) -> Response:
    """The household leaves, or another one moves in."""
    def act(given: Filled) -> None:
        _site(user, customer_id, site_id)
        newcomer = given("newcomer", NAME)
        if given("sure") != "true":
            raise Wrong("Tick that you mean it: links, promises and access notes of whoever leaves end at once.")
        if newcomer:
            with user.gw.store.read() as session:
                if session.get(Customer, newcomer) is None:
                    raise Wrong(f"There is no household with the id {newcomer}: look for it under Customers.")
        user(MoveIn(site_id, newcomer) if newcomer else LeaveSite(site_id))

    return _do(request, user, customer_id, f"move-{site_id}", act, "#sites")


def _zone(user: User, customer_id: str) -> str:
    """In which the page shows and takes times: as they read them."""
    with user.gw.store.read() as session:
        return session.get_one(Customer, customer_id).timezone


def _site(user: User, customer_id: str, site_id: str) -> Site:
    """Raises NoSuch for what is not theirs."""
    with user.gw.store.read() as session:
        row = session.get(Site, site_id)
    if row is None or row.customer_id != customer_id:
        raise NoSuch(f"customer {customer_id} has no such site")
    return row


def _theirs(user: User, customer_id: str, person_id: str) -> None:
    """Raises NoSuch for somebody who is not of the household."""
    with user.gw.store.read() as session:
        row = session.get(Person, person_id)
    if row is None or row.customer_id != customer_id:
        raise NoSuch(f"customer {customer_id} has no such person")


def _is_contact_of(session: Session, customer_id: str, contact_id: str) -> bool:
    row = session.get(Contact, contact_id)
    if row is None:
        return False
    if row.owner_kind is RecipientKind.CUSTOMER:
        return row.owner_id == customer_id
    owner = session.get(Person, row.owner_id) if row.owner_kind is RecipientKind.PERSON else None
    return owner is not None and owner.customer_id == customer_id


def _person(given: Filled, user: User) -> GivenPerson:
    today = local(user.now, user.gw.settings.service.callback_timezone).date().isoformat()
    if not given("name") or given("role") not in tuple(PersonRole):
        raise Wrong("Somebody has a name and a role.")
    kinds = tuple(Need(one) for one in given.many("needs") if one in tuple(Need))
    consent, review = given("consent"), given("review")
    if kinds and not (_is_day(consent) and consent <= today):
        raise Wrong("Needs are kept only with their consent: say on which day they agreed.")
    if kinds and review and not (_is_day(review) and review >= today):
        raise Wrong("The day on which they are asked again is still to come.")
    language = given("locale") if given("locale") in LOCALES else None
    return GivenPerson(given("name", NAME), PersonRole(given("role")), language,
                       Needs(kinds, consent, review or None) if kinds else Needs())


def _reached(user: User, customer_id: str, given: Filled) -> tuple[str, str]:
    """(channel, address), as it is kept."""
    with user.gw.store.read() as session:
        countries = {session.get_one(Site, one).country for one in households.sites_of(session, customer_id)}
    country = (countries.pop() if len(countries) == 1 else "") or user.gw.settings.service.country
    try:
        good = check_contact(user.gw, ContactBody(channel=given("channel"), address=given("address")), country)
    except ValidationError:
        raise Wrong("Say how they are reached, and where.") from None
    except ValueError as error:
        raise Wrong(f"{error.args[-1]}.") from None
    return good.channel, good.address


def _is_day(text: str) -> bool:
    try:
        arrival_windows.parse_local(f"{text}T12:00", "UTC")
    except (ValueError, OverflowError):
        return False
    return len(text) == len("2026-11-28")


def _hour(text: str) -> str | None:
    """Raises Wrong for what is no time of the day."""
    if not text:
        return None
    try:
        arrival_windows.parse_local(f"2026-11-28T{text}", "UTC")
    except (ValueError, OverflowError):
        raise Wrong("A time of the day is written as 21:00.") from None
    return text[:5]
