"""The technician's page: job details, and buttons for on the way, arrived and done, or what comes in between."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from gateway.calendars import arrival_windows
from gateway.callbacks.numbers.telephones import Telephone
from gateway.callbacks.numbers.visit_calls import (
    bridge_number,
    call_link,
    connects_from,
    is_connected,
    is_under_way,
    spoken,
)
from gateway.config.phone_numbers import for_people
from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.flow.telephones import write_look
from gateway.model import (
    DAY,
    Actor,
    ActorKind,
    IncompleteReason,
    Instant,
    LinkPurpose,
    Reading,
    Signature,
    Visit,
    VisitOutcome,
    VisitState,
    local,
    new_id,
)
from gateway.model.plan import NoSuch
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.charts.fault_course import Around
from gateway.notifications.format_times import TimeFormat
from gateway.store.views import pages
from gateway.store.views.telephones import VisitCall, visit_call
from gateway.store.visits import photos, signatures
from gateway.store.visits.around_fault import around_fault
from gateway.store.visits.earlier_fixes import earlier_fixes
from gateway.store.visits.same_home import OtherTicket, additions, other_tickets
from gateway.tickets.actions import (
    AcceptOffer,
    Act,
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
from gateway.tickets.visits.doorstep import doorstep_language
from gateway.tickets.visits.earlier_fixes import Fix
from gateway.tickets.visits.reports import report_of
from gateway.tickets.visits.signature import Undrawable, path_of, signed
from gateway.tickets.visits.undo import can_undo, undo_until
from gateway.tickets.visits.visit_version import visit_version
from gateway.tickets.visits.watch import is_early, nobody_there_from
from gateway.web.dependencies import Gw, Now
from gateway.web.drawing.fault_chart import fault_chart
from gateway.web.pages import alarm_details
from gateway.web.pages.links import InvalidInput, LinkInvalid, Render, open_link
from gateway.web.pages.maps import map_address
from gateway.web.pages.technician import sent_once
from gateway.web.pages.technician.form_errors import FAILURES, FormError, form_error
from gateway.web.pages.technician.history import history_lines
from gateway.web.pages.technician.in_flight import StillRunning
from gateway.web.pages.templates import Renderer
from gateway.web.pages.ticket_view import also_said, cause_of, payer_lines, words_of
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
MINUTES = (10, 20, 30, 45, 60)  # one tap each
MORE_MINUTES = (30, 60, 90, 120)
OUTCOMES = (str(VisitOutcome.COMPLETE), *(str(reason) for reason in IncompleteReason))  # how a visit can end
LONGEST = 24 * 60  # minutes on the way
NOTE, PART, PARTS = 2000, 80, 20  # characters kept, of a part or a name; and how many parts


class VisitForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    minutes: str = ""
    outcome: str = VisitOutcome.COMPLETE  # or why it is not finished
    note: str = ""
    parts: str = ""  # one a line
    part_day: str = ""  # 2026-11-27
    fix: str = ""  # what fixed it, for others
    used: str = ""  # parts, one a line
    offer: str = ""  # to settle something else by this visit too
    window_from: str = ""
    window_until: str = ""
    why: str = ""
    technician: str = ""  # who comes instead
    signed_name: str = ""
    drawing: str = ""
    key: str = ""  # random: sent twice, it is done once
    version: str = ""  # of the visit that the page showed


class VisitView(NamedTuple):
    visit: Visit
    job: pages.JobDetails
    call: VisitCall | None  # None: about a whole area, where nobody is rung
    history: pages.History
    readings: list[Reading]
    awaits_answer: bool  # the customer, whether somebody shall still come
    photos: Sequence[photos.Shown]
    signature: Signature | None
    fixes: Sequence[Fix]
    others: Sequence[OtherTicket]  # of the same household
    additions: frozenset[str]  # offers to settle some of them by this visit too, answered ones too
    around: Around | None  # what the device measured around the fault
    people: Sequence[str]  # names of the firm's technicians
    token: str = ""  # of the page's own link; "": at the console


@dataclass(frozen=True)
class Calling:
    """How the technician rings the customer from the page, now."""

    link: str = ""  # through the bridge
    bridge: str = ""  # its number, as people read it
    pin: str = ""
    opens: Instant | None = None  # when the bridge connects …
    on_the_way: bool = False  # … or once they have set out; alone: from then on the number can be shown
    shows: bool = False  # there is a button that shows the number
    numbers: Sequence[Telephone] = ()
    nobody: bool = False  # there is no number


@router.api_route("/v/{token}", methods=["GET", "HEAD"])
def visit(gw: Gw, now: Now, render: Render, token: str) -> Response:
    return visit_page(gw, render, visit_view(gw, token, now), now)


@router.post("/v/{token}")
def tap(gw: Gw, now: Now, render: Render, request: Request, token: str, given: Annotated[VisitForm, Form()]
        ) -> Response:
    view = visit_view(gw, token, now)
    if given.act == "show_number":
        return _show_number(gw, render, view, now)
    sending = sent_once.read_sending(request, gw.settings, token, given.key)
    try:
        with sent_once.alone(request, sending):
            error = _do(gw, view, given, sending, now)
    except StillRunning:
        return sent_once.still_running(catalogue_for(view.job.provider.locale))
    if error is None:
        return sent_once.done(gw, sending) if sending.by_script else RedirectResponse(f"{render.root}/v/{token}", 303)
    view = visit_view(gw, token, now)
    return sent_once.refused(error, view.visit) if sending.by_script else visit_page(
        gw, render, view, now, error, given)


def _do(gw: Gateway, view: VisitView, given: VisitForm, sending: sent_once.Sending, now: Instant) -> FormError | None:
    """None when it is done, now or before; else why not."""
    words = catalogue_for(view.job.provider.locale)
    if not sent_once.is_usable(sending.key):
        return FormError(400, words("page.not_possible"))
    try:
        act(gw, visit_act(given, view), Actor(ActorKind.TECHNICIAN, name_of(view)), now,
            sent_once.form_of(sending, given.model_dump(), view.visit, now))
    except FAILURES as failure:
        return form_error(failure, words)
    return None


def visit_view(gw: Gateway, token: str, now: Instant) -> VisitView:
    with gw.store.read() as session:
        visit_id = open_link(session, gw.settings, LinkPurpose.VISIT, token, now).subject_id
        view = load_visit(session, session.get(Visit, visit_id), now)
    if view is None:
        raise LinkInvalid
    return view._replace(token=token)


def load_visit(session: Session, row: Visit | None, now: Instant) -> VisitView | None:
    """None when it is about nothing any more."""
    job = pages.job(session, row) if row else None
    if row is None or job is None:
        return None
    return VisitView(row, job, visit_call(session, row), pages.history(session, job.ticket, row.id),
                     pages.recent_readings(session, job.device.id, job.site.household_since) if job.device else [],
                     pages.is_answer_needed(session, row), photos.shown_at_visit(session, row.id),
                     signatures.at_visit(session, row.id),
                     earlier_fixes(session, job.device, job.ticket, now), other_tickets(session, row, job.ticket, now),
                     additions(session, row, job.site.id),
                     around_fault(session, job.device, [job.alarm] if job.alarm else [], job.ticket,
                                  job.site.household_since, now),
                     pages.technicians(session, row.provider_id))


def _show_number(gw: Gateway, render: Renderer, view: VisitView, now: Instant) -> Response:
    """In the answer to this tap only: a page that is loaded again has no number in it."""
    numbers = look_at_numbers(gw, view, Actor(ActorKind.TECHNICIAN, name_of(view)), now)
    if not numbers:
        return visit_page(gw, render, view, now, form_error(NoSuch(), catalogue_for(view.job.provider.locale)))
    return visit_page(gw, render, view, now, numbers=numbers)


def look_at_numbers(gw: Gateway, view: VisitView, who: Actor, now: Instant) -> Sequence[Telephone]:
    """Whom they may ring themselves, once they have set out; that they looked is written down. Else nobody."""
    call = view.call
    if call is None or gw.settings.service.call_template or not is_under_way(view.visit):
        return ()
    with gw.store.write() as session:
        write_look(session, call.ticket, call.telephones, who, now)
    return call.telephones


def visit_act(given: VisitForm, view: VisitView) -> Act:
    """What the form asks for. Raises InvalidInput."""
    visit_id, zone = view.visit.id, view.job.site.timezone
    minutes = min(int(given.minutes), LONGEST) if given.minutes.isdecimal() else 0
    match given.act:
        case "depart":
            return Depart(visit_id, minutes or None)
        case "arrive":
            return Arrive(visit_id)
        case "delay" if minutes:
            return ReportDelay(visit_id, minutes)
        case "overrun" if minutes:
            return ReportOverrun(visit_id, minutes)
        case "undo":
            return TakeBack(visit_id)
        case "call":
            return LogCall(visit_id)
        case "add" if given.offer in view.additions:
            return AcceptOffer(given.offer, view.visit.technician)
        case "add":
            raise NoSuch
        case "hand_back":
            return HandBack(visit_id, given.why.strip()[:NOTE])
        case "reassign":
            return ReassignVisit(visit_id, given.technician.strip()[:PART])
        case "window":
            return ProposeWindow(visit_id, *_window(given, zone))
    return _finish(given, visit_id, zone)


def _window(given: VisitForm, zone: str) -> arrival_windows.Window:
    return typed_time(given, "window_from", zone), typed_time(given, "window_until", zone)


def typed_time(given: BaseModel, field: str, zone: str) -> Instant:
    """One end of an arrival window as it was typed. Raises InvalidInput."""
    try:
        return arrival_windows.parse_local(getattr(given, field), zone)
    except (ValueError, OverflowError):
        raise InvalidInput("page.window_needed", field) from None


def _finish(given: VisitForm, visit_id: str, zone: str) -> Finish:
    note, reason = given.note.strip()[:NOTE], IncompleteReason(given.outcome) if given.outcome in OUTCOMES[1:] else None
    if not note and reason is not IncompleteReason.NO_ACCESS:
        raise InvalidInput("page.note_needed", "note")
    try:
        by = signed(given.signed_name, given.drawing)
    except Undrawable:
        raise InvalidInput("page.signature.unusable", "signed_name") from None
    done = Finish(visit_id, note, used=_lines(given.used), signature=by, undoable=True)
    if reason is None:
        return replace(done, fix=given.fix.strip()[:PART])
    left, parts = replace(done, outcome=VisitOutcome.INCOMPLETE, reason=reason), _lines(given.parts)
    if reason is not IncompleteReason.PART_MISSING:
        return left
    if not parts:
        raise InvalidInput("refused.part_date_needed", "parts")
    try:
        expected_at = arrival_windows.parse_local(f"{given.part_day}T08:00", zone)
    except (ValueError, OverflowError):
        raise InvalidInput("refused.part_date_needed", "part_day") from None
    return replace(left, parts=parts, expected_at=expected_at)


def _lines(text: str) -> tuple[str, ...]:
    """Parts, one a line."""
    return tuple(part.strip()[:PART] for part in text.splitlines() if part.strip())[:PARTS]


def name_of(view: VisitView) -> str:
    return view.visit.technician or view.job.provider.name


def visit_page(gw: Gateway, render: Renderer, view: VisitView, now: Instant, error: FormError | None = None,
               given: VisitForm | None = None, numbers: Sequence[Telephone] = ()) -> Response:
    words = catalogue_for(view.job.provider.locale)
    return render.page("visit.html", words, error.status if error else 200, error=error, given=given or VisitForm(),
                       photo_root=f"{render.root}/v/{view.token}/photos",
                       **visit_content(gw, view, words, now, numbers))


def visit_content(gw: Gateway, view: VisitView, words: Catalogue, now: Instant, numbers: Sequence[Telephone] = ()
                  ) -> dict[str, Any]:
    """What whoever has accepted may know, and what they can do next."""
    job = view.job
    say = TimeFormat(words, job.site.timezone, now)
    profile = gw.profiles.get(job.device.profile) if job.device else None
    return {
        "signatures": [view.signature] if view.signature is not None and view.token else [], "path_of": path_of,
        "new_key": new_id, "version": visit_version(view.visit), "photos": view.photos if view.token else (),
        "may_add_photos": bool(view.token) and view.visit.state is not VisitState.CANCELLED,
        "view": view, "visit": view.visit, "name": name_of(view), "job": job, "say": say, "cause": cause_of(job, words),
        "why": alarm_details.evidence_rows(job.alarm, profile, words, say),
        "chart": fault_chart(view.around, [job.alarm] if job.alarm else [], None, profile, words, say, narrow=True),
        "measured": alarm_details.signal_details(view.readings, job.alarm, profile, words),
        "doorstep_locale": doorstep_language(job.customer.locale),
        "map": map_address(job.site), "payers": payer_lines(job, words),
        "history": history_lines(view.history, words),
        "others": [(one, words_of(one.cause, one.ticket, words)) for one in view.others],
        "together": [(name, words_of({}, ticket, words)) for name, ticket in job.tickets if ticket.id != job.ticket.id],
        "also": also_said(job.reports, cause_of(job, words), words),
        "calling": _calling(view, gw.settings.service.call_template, now, numbers),
        "report": None if (report := report_of(view.visit)) is None else report.finish,
        "undo_until": undo_until(view.visit) if can_undo(view.visit, now) else None,
        "minutes": MINUTES, "more_minutes": MORE_MINUTES, "outcomes": OUTCOMES,
        "nobody_there_from": nobody_there_from(view.visit), "is_early": is_early(view.visit, view.visit.eta or now),
        "tomorrow": local(now + DAY, job.site.timezone).date().isoformat()}


def _calling(view: VisitView, template: str, now: Instant, numbers: Sequence[Telephone]) -> Calling | None:
    """None when nobody is to be rung: the visit is over, or about a whole area."""
    visit, call = view.visit, view.call
    if call is None or visit.done_at is not None:
        return None
    if not call.telephones:
        return Calling(nobody=True)
    if not template:
        return Calling(numbers=numbers, shows=is_under_way(visit) and not numbers, on_the_way=not is_under_way(visit))
    if not is_connected(visit, now):
        return Calling(opens=connects_from(visit))
    pin = visit.call_pin or ""
    return Calling(link=call_link(template, pin), bridge=for_people(bridge_number(template)), pin=spoken(pin))
