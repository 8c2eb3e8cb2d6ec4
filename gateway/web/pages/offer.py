"""The provider's page: accept or decline one job."""

from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from gateway.calendars import arrival_windows
from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, Instant, Job, LinkPurpose, Offer, OfferState
from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store import Conflict
from gateway.store.views import pages
from gateway.tickets.actions import AcceptOffer, Act, DeclineOffer
from gateway.tickets.dispatch.provider_ranking import URGENT, opening_calendar
from gateway.web.dependencies import Gw, Now
from gateway.web.pages import alarm_details
from gateway.web.pages.links import InvalidInput, LinkInvalid, Render, address, open_link
from gateway.web.pages.templates import Renderer
from gateway.web.pages.ticket_view import also_said, cause_of, payer_lines

router = APIRouter(include_in_schema=False)
REASONS = ("no_time", "wrong_trade", "too_far", "other_reason")
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
    except InvalidInput as unusable:
        return _page(gw, render, view, now, 422, str(unusable))
    except Refused as refused:
        far = given if refused.reason is RefusedReason.WINDOW_FAR_AWAY else None
        note = "page.window_far" if far else "page.not_possible"
        return _page(gw, render, _offer_view(gw, token, now), now, 409, note, far)
    except (NoSuch, Conflict):
        return _page(gw, render, _offer_view(gw, token, now), now, 409, "page.not_possible")
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


def load_offer(session: Session, row: Offer | None, now: Instant) -> OfferView | None:
    """None when it is about nothing any more."""
    job = pages.job(session, row) if row else None
    if row is None or job is None:
        return None
    visit = pages.visit_link(session, row, now) if row.state == OfferState.ACCEPTED else None
    comes = session.get_one(Job, row.job_id).provider_id
    taken = row.state is OfferState.WITHDRAWN and comes not in (None, row.provider_id)
    return OfferView(row, job, pages.technicians(session, row.provider_id), visit.id if visit else None, taken)


def offer_act(given: OfferForm, view: OfferView, now: Instant) -> Act:
    """What the form asks for. Raises InvalidInput."""
    if given.act == "decline":
        reason = catalogue_for("en")(f"page.reason.{given.reason}") if given.reason in REASONS else ""
        said = given.words.strip()[:SENTENCE]
        return DeclineOffer(view.offer.id, ": ".join(part for part in (reason, said) if part))
    start, end = _window(given, view.job.site.timezone)
    if end <= max(start, now):
        raise InvalidInput("page.bad_window")
    return AcceptOffer(view.offer.id, given.technician.strip()[:NAME], start, end, given.confirmed == "yes")


def _window(given: OfferForm, zone: str) -> arrival_windows.Window:
    try:
        if given.window == "other":
            return (arrival_windows.parse_local(given.window_from, zone),
                    arrival_windows.parse_local(given.window_until, zone))
        start, end = given.window.split("-")
        return int(start), int(end)
    except (ValueError, OverflowError):
        raise InvalidInput("page.window_needed") from None


def _page(gw: Gateway, render: Renderer, view: OfferView, now: Instant, status: int = 200, note: str = "",
          far: OfferForm | None = None) -> Response:
    """`far`: what was filled in, when its window is so far away that we ask back."""
    words = catalogue_for(view.job.provider.locale)
    return render.page("offer.html", words, status, note=words(note) if note else "", far=far, now=now,
                       visit=address(render, LinkPurpose.VISIT, view.visit_link) if view.visit_link else "",
                       **offer_content(gw, view, words, now))


def offer_content(gw: Gateway, view: OfferView, words: Catalogue, now: Instant) -> dict[str, Any]:
    """What a provider may know before it has accepted, and what it can answer."""
    job = view.job
    say = TimeFormat(words, job.site.timezone, now)
    profile = gw.profiles.get(job.device.profile) if job.device else None
    night = (job.customer.quiet_from, job.customer.quiet_until)
    return {
        "view": view, "job": job, "say": say, "reasons": REASONS, "cause": cause_of(job, words),
        "is_open": view.offer.state == OfferState.PENDING and view.offer.expires_at > now,
        "why": alarm_details.evidence_rows(job.alarm, profile, words, say),
        "payers": payer_lines(job, words), "also": also_said(job.reports, cause_of(job, words), words),
        "windows": arrival_windows.proposed_windows(
            now, gw.settings.service.arrival_hours, opening_calendar(job.provider), job.site.timezone, night,
            job.ticket.severity in URGENT)}
