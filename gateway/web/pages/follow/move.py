"""Where a customer moves the visit: the windows that are really free, or how to have it moved when it is too late."""

from contextlib import suppress
from typing import Annotated

from fastapi import Form
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from gateway.calendars.arrival_windows import Window, nearest, parse_local, written_local
from gateway.calendars.desk_hours import names_hours
from gateway.flow.customers.pending_acts import ask
from gateway.flow.gateway import Gateway
from gateway.model import DAY, HOUR, CustomerAct, Instant, PendingAct, from_iso
from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.format_times import TimeFormat
from gateway.store import Conflict
from gateway.store.contexts.visits import booked, technician_of
from gateway.tickets.households.customer_acts import WORDS
from gateway.tickets.households.page_version import PageChanged
from gateway.tickets.visits.moving import Movable, free_windows, may_call_off_visit, may_move
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.follow.acts import Shown, load, possible, why_not
from gateway.web.pages.links import Render
from gateway.web.pages.technician.form_errors import FormError
from gateway.web.pages.templates import Renderer
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
CHOICES = 6  # windows to choose from; any other is typed


class MoveForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    version: str = ""  # of what the person saw
    window: str = ""  # "<from>-<until>", one of the choices, or "other"
    act: str = ""  # "other_time": none of them
    suits: str = ""  # when it does suit them
    wanted: str = ""  # typed, when it is "other": 2026-11-24T10:00


@router.api_route("/f/{token}/move", methods=["GET", "HEAD"])
def move(gw: Gw, now: Now, render: Render, token: str) -> Response:
    return _page(gw, render, token, load(gw, token, now), now)


@router.post("/f/{token}/move")
def do(gw: Gw, now: Now, render: Render, token: str, given: Annotated[MoveForm, Form()]) -> Response:
    """A time that cannot be had is answered with the nearest that can; what was chosen stays chosen."""
    shown = load(gw, token, now)
    if given.act == CustomerAct.OTHER_TIME:
        return _other_time(gw, render, token, shown, given, now)
    window = _window(given, _free(gw, shown, now), shown.facts.site.timezone)
    if window is None:
        wrong = FormError(422, shown.words("page.move.choose"), "wanted" if given.window == "other" else "window")
        return _page(gw, render, token, shown, now, wrong, given)
    wanted = PendingAct(id="", kind=CustomerAct.MOVE, ticket_id=shown.facts.ticket.id, window_from=window[0],
                        window_until=window[1], asked_at=now, due_at=now)
    try:
        ask(gw, wanted, given.version, now)
    except (Refused, NoSuch, Conflict, PageChanged) as refused:
        shown = load(gw, token, now)
        instead = _nearest(refused) if isinstance(refused, Refused) else None
        if instead is not None:
            given.window = f"{instead[0]}-{instead[1]}"
        wrong = FormError(409, why_not(refused, shown, now), "window" if instead is not None else "")
        return _page(gw, render, token, shown, now, wrong, given)
    return RedirectResponse(f"{render.root}/f/{token}", 303)


def _other_time(gw: Gateway, render: Renderer, token: str, shown: Shown, given: MoveForm, now: Instant) -> Response:
    """The visit is called off, and the job goes on."""
    wanted = PendingAct(id="", kind=CustomerAct.OTHER_TIME, ticket_id=shown.facts.ticket.id,
                        words=given.suits.strip()[:WORDS], asked_at=now, due_at=now)
    try:
        ask(gw, wanted, given.version, now)
    except (Refused, NoSuch, Conflict, PageChanged) as refused:
        missing = isinstance(refused, Refused) and refused.reason is RefusedReason.SUITS_NEEDED
        shown = load(gw, token, now)
        wrong = FormError(422 if missing else 409, why_not(refused, shown, now), "suits" if missing else "")
        return _page(gw, render, token, shown, now, wrong, given)
    return RedirectResponse(f"{render.root}/f/{token}", 303)


def _nearest(refused: Refused) -> Window | None:
    if refused.reason not in (RefusedReason.WINDOW_TAKEN, RefusedReason.WINDOW_PAST):
        return None
    return from_iso(refused.parameters["nearest"]), from_iso(refused.parameters["nearest_until"])


def _window(given: MoveForm, free: list[Window], zone: str) -> Window | None:
    """The one that was chosen, or the one that the time typed lies in; None for what is no time."""
    with suppress(ValueError, OverflowError):
        if given.window == "other":
            at = parse_local(given.wanted, zone)
            near = nearest(at, free)
            return near if near is not None and near[0] <= at < near[1] else (at, at + HOUR)
        begins, ends = given.window.split("-")
        return int(begins), int(ends)
    return None


def _free(gw: Gateway, shown: Shown, now: Instant) -> list[Window]:
    facts = shown.facts
    if facts.visit is None or facts.provider is None or not may_move(facts.visit, gw.settings.service, now):
        return []
    with gw.store.read() as session:
        of = Movable(facts.visit, facts.provider, facts.customer, facts.site, booked(session, facts.visit, now),
                     technician_of(session, facts.visit))
    return free_windows(of, gw.settings.service, now)


def _page(gw: Gateway, render: Renderer, token: str, shown: Shown, now: Instant, error: FormError | None = None,
          given: MoveForm | None = None) -> Response:
    facts, words = shown.facts, shown.words
    if (not possible(facts, gw, now).move or facts.visit is None) and error is None:
        return RedirectResponse(f"{render.root}/f/{token}", 303)
    given = given or MoveForm()
    zone, free = facts.site.timezone, _free(gw, shown, now)
    choices = [(f"{begins}-{ends}", (begins, ends)) for begins, ends in free]
    may_call_off = facts.visit is not None and may_call_off_visit(facts.visit, facts.ticket, gw.settings.service, now)
    if error is not None and not (may_call_off if error.field == "suits" else choices):
        error = error._replace(field="")  # that form is not there any more
    some = choices[:CHOICES] + [one for one in choices[CHOICES:] if one[0] == given.window]
    say = TimeFormat(words, zone, now)
    return render.page(
        "move.html", words, 200 if error is None else error.status, token=token, ticket=facts.ticket, given=given,
        version=shown.version, visit=facts.visit, windows=some, say=say, call=names_hours(gw.settings.service),
        may_call_off=may_call_off, most=WORDS, error=error,
        earliest=written_local(now, zone), latest=written_local(now + 14 * DAY, zone),
        about=words("page.move.about", span=say.span(facts.visit.window_from, facts.visit.window_until))
        if facts.visit is not None else "")
