"""The provider's page: accept or decline one job."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import Form
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from gateway.calendars import arrival_windows
from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import DAY, Actor, ActorKind, Instant, Job, LinkPurpose, Offer, OfferState
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store.views import pages
from gateway.store.visits.earlier_fixes import earlier_fixes
from gateway.tickets.actions import AcceptOffer, Act, DeclineOffer
from gateway.tickets.dispatch.provider_ranking import URGENT
from gateway.tickets.dispatch.working_times import opening_calendar
from gateway.tickets.visits.earlier_fixes import Fix
from gateway.web.dependencies import Gw, Now
from gateway.web.pages import alarm_details
from gateway.web.pages.links import InvalidInput, LinkInvalid, Render, address, open_link
from gateway.web.pages.technician.form_errors import FAILURES, form_error
from gateway.web.pages.technician.visit import typed_time
from gateway.web.pages.templates import Renderer
from gateway.web.pages.ticket_view import also_said, cause_of, payer_lines
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
REASONS = ("no_time", "wrong_trade", "too_far", "other_reason")
OTHER = "other"  # than the windows that are proposed: typed
CHOSEN_NEAR = 14 * DAY  # a window that is shown again because it was chosen
NAME, SENTENCE = 80, 500  # characters kept of what is typed


class OfferForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    act: str = ""
    technician: str = ""
    window: str = ""  # "<from>-<until>", one of the choices
    window_from: str = ""  # typed, when `window` is "other"
    window_until: str = ""
    confirmed: str = ""  # "yes": they mean a window that is far away
    reason: str = ""
    words: str = ""


class OfferView(NamedTuple):
    offer: Offer
    job: pages.JobDetails
    technicians: list[str]
    visit_link: str | None  # id of the link to the visit that came of it
    taken: bool  # another provider was faster
    fixes: Sequence[Fix]


@router.api_route("/o/{token}", methods=["GET", "HEAD"])
def offer(gw: Gw, now: Now, render: Render, token: str) -> Response:
    view = _offer_view(gw, token, now)
    if view.visit_link:
        return RedirectResponse(address(render, LinkPurpose.VISIT, view.visit_link), 303)
    return _page(gw, render, view, now)


@router.post("/o/{token}")
def answer(gw: Gw, now: Now, render: Render, token: str, given: Annotated[OfferForm, Form()]) -> Response:
    view = _offer_view(gw, token, now)
    try:
        act(gw, offer_act(given, view, now), Actor(ActorKind.PROVIDER, view.job.provider.name), now)
    except FAILURES as failure:
        return _page(gw, render, _offer_view(gw, token, now), now, failure, given)
    visit_link = _offer_view(gw, token, now).visit_link
    onwards = address(render, LinkPurpose.VISIT, visit_link) if visit_link else f"{render.root}/o/{token}"
    return RedirectResponse(onwards, 303)


def _offer_view(gw: Gateway, token: str, now: Instant) -> OfferView:
    with gw.store.read() as session:
        offer_id = open_link(session, gw.settings, LinkPurpose.OFFER, token, now).subject_id
        view = load_offer(session, session.get(Offer, offer_id), now)
    if view is None:
        raise LinkInvalid
    return view


def _with_chosen(windows: Sequence[arrival_windows.Window], chosen: str, now: Instant
                 ) -> Sequence[arrival_windows.Window]:
    """One that was on the page a while ago stays there, once it was chosen."""
    ends = re.fullmatch(r"([0-9]{1,15})-([0-9]{1,15})", chosen)
    if ends is None:
        return windows
    window = int(ends[1]), int(ends[2])
    near = now - CHOSEN_NEAR < window[0] < window[1] < now + CHOSEN_NEAR
    return sorted({*windows, window}) if near else windows


def load_offer(session: Session, row: Offer | None, now: Instant) -> OfferView | None:
    """None when it is about nothing any more."""
    job = pages.job(session, row) if row else None
    if row is None or job is None:
        return None
    visit = pages.visit_link(session, row, now) if row.state == OfferState.ACCEPTED else None
    comes = session.get_one(Job, row.job_id).provider_id
    taken = row.state is OfferState.WITHDRAWN and comes not in (None, row.provider_id)
    return OfferView(row, job, pages.technicians(session, row.provider_id), visit.id if visit else None, taken,
                     earlier_fixes(session, job.device, job.ticket, now))


def offer_act(given: OfferForm, view: OfferView, now: Instant) -> Act:
    """What the form asks for. Raises InvalidInput."""
    if given.act == "decline":
        reason = catalogue_for("en")(f"page.reason.{given.reason}") if given.reason in REASONS else ""
        said = given.words.strip()[:SENTENCE]
        return DeclineOffer(view.offer.id, ": ".join(part for part in (reason, said) if part))
    start, end = _window(given, view.job.site.timezone)
    if end <= max(start, now):
        raise InvalidInput("page.bad_window", "window_until" if given.window == OTHER else "window")
    return AcceptOffer(view.offer.id, given.technician.strip()[:NAME], start, end, given.confirmed == "yes")


def _window(given: OfferForm, zone: str) -> arrival_windows.Window:
    if given.window == OTHER:
        return typed_time(given, "window_from", zone), typed_time(given, "window_until", zone)
    try:
        start, end = given.window.split("-")
        return int(start), int(end)
    except (ValueError, OverflowError):
        raise InvalidInput("page.window_needed", "window") from None


def _page(gw: Gateway, render: Renderer, view: OfferView, now: Instant, failure: Exception | None = None,
          given: OfferForm | None = None) -> Response:
    words = catalogue_for(view.job.provider.locale)
    content = offer_content(gw, view, words, now, failure, given)
    return render.page("offer.html", words, status_of(content),
                       visit=address(render, LinkPurpose.VISIT, view.visit_link) if view.visit_link else "", **content)


def status_of(content: Mapping[str, Any]) -> int:
    return content["error"].status if content["error"] else 200


def offer_content(gw: Gateway, view: OfferView, words: Catalogue, now: Instant, failure: Exception | None = None,
                  given: OfferForm | None = None) -> dict[str, Any]:
    """What a provider may know before it has accepted, and what it can answer; `given`: what it has filled in, which
    `failure` says cannot be done."""
    job = view.job
    say = TimeFormat(words, job.site.timezone, now)
    profile = gw.profiles.get(job.device.profile) if job.device else None
    night = (job.customer.quiet_from, job.customer.quiet_until)
    windows = arrival_windows.proposed_windows(
        now, gw.settings.service.arrival_hours, opening_calendar(job.provider), job.site.timezone, night,
        job.ticket.severity in URGENT)
    goes = [*view.technicians, job.provider.name][0]
    form = given if given and given.act != "decline" else OfferForm(technician=goes)
    error = form_error(failure, words) if failure else None
    if error and error.field == "window_until" and form.window != OTHER:
        error = error._replace(field="window")
    return {
        "given": form, "declined": given or OfferForm(reason=REASONS[0]), "error": error,
        # after a mistake nobody accepts a window that they have not chosen
        "chosen": form.window if form is given else "{}-{}".format(*windows[0]) if windows else OTHER,
        "windows": _with_chosen(windows, form.window, now),
        "view": view, "job": job, "say": say, "reasons": REASONS, "cause": cause_of(job, words),
        "is_open": view.offer.state == OfferState.PENDING and view.offer.expires_at > now,
        "why": alarm_details.evidence_rows(job.alarm, profile, words, say),
        "payers": payer_lines(job, words), "also": also_said(job.reports, cause_of(job, words), words)}
