"""API routes for callbacks: list, read, and handle them as an agent."""

from typing import Annotated, Any, Self

from fastapi import Query
from pydantic import Field, model_validator
from sqlmodel import Session

from gateway.callbacks.numbers.emergency_numbers import emergency_number
from gateway.callbacks.queue import Waiting, due_order
from gateway.callbacks.slots import check_desk_hours_are_set, slots
from gateway.model import DAY, CallOutcome, ExternalKind, Severity, Subject, SubjectKind
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.messages import no_rescue_service
from gateway.store import external_ids
from gateway.store.devices.device_registry import sites_with
from gateway.store.households import needs_at
from gateway.store.views import api_lists
from gateway.tickets.actions import (
    AcknowledgePage,
    AttemptCallback,
    CancelCallback,
    ClaimCallback,
    ConnectCallback,
    FinishCallback,
    MissCallback,
    OpenCallback,
    OpenTicket,
    ReleaseCallback,
)
from gateway.web.api import filters, models
from gateway.web.api.models import Body, GivenTime, Id, Line, Words
from gateway.web.api.tickets import check_report
from gateway.web.api.timelines import timeline_page
from gateway.web.dependencies import CallbackWorker, Gw, Now, Reporter, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/callbacks", tags=["callbacks"])


class FaultBody(Body):
    """What somebody has to come for."""

    cause: Line = Field(description="In the customer's words: they and the provider read them.",
                         examples=["The radiators stay cold"])
    skill: Id = Field(description="That is needed.", examples=["heating"])
    severity: Severity = Field(Severity.MAJOR)
    device_id: Id | None = Field(None, description="Of that site; left out: of none, or nobody knows which.")


class FinishBody(Body):
    outcome: CallOutcome = Field(description="What came of it.", examples=["fixed"])
    note: Words = Field(description="What was said and agreed.", examples=["Heating was off; switched on together"])
    ticket_id: Id | None = Field(None, description="The open ticket that it was about. `fixed` settles it.",
                                 examples=["T-4F7QK2M9"])
    fault: FaultBody | None = Field(None, description="Of `visit_needed`: what somebody has to come for. A ticket is "
                                                      "opened for it, or the open one takes it on.")

    @model_validator(mode="after")
    def _for_what(self) -> Self:
        needed = self.outcome is CallOutcome.VISIT_NEEDED
        if needed and self.ticket_id is None and self.fault is None:
            raise ValueError("visit_needed: expected `fault` (what somebody has to come for) or `ticket_id`")
        if self.fault is not None and (not needed or self.ticket_id is not None):
            raise ValueError("fault: only with the outcome visit_needed, and without a ticket_id")
        return self


class WishBody(Body):
    site_id: Id = Field(examples=["brunner-home"])
    words: Words = Field(description="What it is about; goes into the timeline.", examples=["Asks about the invoice"])
    urgent: bool = Field(False, description="At any hour: whoever is on call rings.")
    ring_from: GivenTime | None = Field(
        None, description="The time that suits them begins, see `/callbacks/slots`; left out: as soon as we can.",
        examples=["2026-11-30T13:00:00Z"])


class AttemptBody(Body):
    person: str = Field("", max_length=200, description="Whom, by name.",
                        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$",
                        examples=["Alice Keller"])


class CancelCallbackBody(Body):
    why: Words = Field(description="Only we read it.", examples=["A child pressed the button"])
    they_know: bool = Field(False, description="They have called it off themselves, or have heard it: no message.")


def as_model(row: Any, country: str, names: dict[str, str]) -> models.Callback:
    """`row`: (Callback, Site, Customer); `country`: of sites that do not say theirs; `names`: in other systems."""
    callback, site, customer = row
    number = emergency_number(site.country or country) if callback.emergency else ""
    return models.Callback(**callback.model_dump(), site_name=site.name, customer_name=customer.name,
                           emergency_number=number or None, external_ids=names,
                           notice=no_rescue_service(number, catalogue_for("en")) if callback.emergency else None)


def _names(session: Session, *callback_ids: str) -> dict[str, dict[str, str]]:
    return external_ids.of_rows(session, ExternalKind.CALLBACK, callback_ids)


def _one(gw: Gw, callback_id: str) -> models.Callback:
    with gw.store.read() as session:
        return as_model(or_404(api_lists.callback(session, callback_id), "callback"), gw.settings.service.country,
                        _names(session, callback_id)[callback_id])


@router.get("", summary="List callbacks")
def list_callbacks(gw: Gw, query: Annotated[filters.Callbacks, Query()]) -> models.CallbackPage:
    """Newest first."""
    with gw.store.read() as session:
        page = api_lists.callbacks(session, query.wanted(), query.cursor, query.limit)
        names = _names(session, *(row[0].id for row in page.rows))
    return models.CallbackPage(items=[as_model(row, gw.settings.service.country, names[row[0].id])
                                      for row in page.rows], next=page.next)


@router.post("", summary="Somebody is to be rung", status_code=201, responses=responses(404, 409))
def open_callback(by: Reporter, body: WishBody) -> models.Callback:
    """The site's open callback takes it on, if there is one. The customer is told by when we ring. A time at which
    nobody is at the desk is refused (409) with the nearest at which somebody is. Without `service.callback_hours` only
    an urgent one is taken."""
    by(OpenCallback(body.site_id, body.words, body.urgent, body.ring_from))
    with by.gw.store.read() as session:
        found = or_404(api_lists.open_callback(session, body.site_id), "callback")
    return _one(by.gw, found[0].id)


@router.get("/queue", summary="Who is rung next")
def list_queue(gw: Gw, now: Now, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> models.QueuePage:
    """Open callbacks in the order of the desk: calls for help, then by the promised time; among those who were told the
    same minute those who depend on power, then other needs. Whose own time is still to come is last."""
    with gw.store.read() as session:
        rows = {row[0].id: row for row in api_lists.open_callbacks(session)}
        sites = {row[0].site_id for row in rows.values()}
        needs = needs_at(session, sites)
        names = _names(session, *rows)
        buttons = sites_with(session, sites, [key for key, one in gw.profiles.items() if one.emergency])
    order = due_order((Waiting(row[0], needs.get(row[0].site_id, frozenset()), row[0].site_id in buttons)
                       for row in rows.values()), now)
    country = gw.settings.service.country
    return models.QueuePage(next=None, items=[
        models.QueuedCallback(**dict(as_model(rows[one.callback.id], country, names[one.callback.id])),
                              needs=sorted(one.needs))
        for one in order[:limit]])


@router.get("/slots", summary="When somebody can be rung", responses=responses(409))
def list_slots(gw: Gw, now: Now, days: Annotated[int, Query(ge=1, le=28)] = 7) -> models.SlotPage:
    """Inside the hours of the desk, one after the other, for so many days. Without
    `service.callback_hours` nobody knows: 409."""
    check_desk_hours_are_set(gw.settings.service)
    found = slots(gw.settings.service, now, now + days * DAY)
    return models.SlotPage(items=[models.Slot(ring_from=begins, ring_until=ends) for begins, ends in found], next=None)


@router.get("/{callback_id}", summary="One callback", responses=responses(404))
def get_callback(gw: Gw, callback_id: Id) -> models.Callback:
    return _one(gw, callback_id)


@router.get("/{callback_id}/timeline", summary="Who did what, and why", responses=responses(404))
def get_callback_timeline(gw: Gw, callback_id: Id, query: Annotated[filters.Timeline, Query()]) -> models.EntryPage:
    """Oldest first; nothing in it is ever changed."""
    with gw.store.read() as session:
        site = or_404(api_lists.callback(session, callback_id), "callback")[1]
        page = api_lists.timeline(session, callback_id, query.cursor, query.limit)
    return timeline_page(page, query.language, site.timezone)


@router.post("/{callback_id}/acknowledge", summary="See to it, so that nobody else is paged",
             responses=responses(404, 409))
def acknowledge_callback(by: CallbackWorker, callback_id: Id) -> models.Callback:
    """For four hours, of a call for help five minutes; then everybody is asked again without an outcome."""
    by(AcknowledgePage(Subject(SubjectKind.CALLBACK, callback_id)))
    return _one(by.gw, callback_id)


@router.post("/{callback_id}/claim", summary="I take it", responses=responses(404, 409))
def claim_callback(by: CallbackWorker, callback_id: Id) -> models.Callback:
    """For five minutes nobody else may take it; again: for five more."""
    by(ClaimCallback(callback_id))
    return _one(by.gw, callback_id)


@router.post("/{callback_id}/release", summary="I let it go", responses=responses(404, 409))
def release_callback(by: CallbackWorker, callback_id: Id) -> models.Callback:
    """Others may take it at once."""
    by(ReleaseCallback(callback_id))
    return _one(by.gw, callback_id)


@router.post("/{callback_id}/attempt", summary="I am dialling now", responses=responses(404, 409))
def attempt_callback(by: CallbackWorker, callback_id: Id, body: AttemptBody = AttemptBody()) -> models.Callback:  # noqa: B008
    """Takes it, too, for five minutes."""
    by(AttemptCallback(callback_id, body.person))
    return _one(by.gw, callback_id)


@router.post("/{callback_id}/miss", summary="Nobody answered", responses=responses(404, 409))
def miss_callback(by: CallbackWorker, callback_id: Id) -> models.Callback:
    """It is tried again later, and the customer is told when; after as many tries as the settings say it is over. A
    call for help is never over without an outcome."""
    by(MissCallback(callback_id))
    return _one(by.gw, callback_id)


@router.post("/{callback_id}/connect", summary="We are talking", responses=responses(404, 409))
def connect_callback(by: CallbackWorker, callback_id: Id) -> models.Callback:
    by(ConnectCallback(callback_id))
    return _one(by.gw, callback_id)


@router.post("/{callback_id}/finish", summary="Settled", responses=responses(404, 409))
def finish_callback(by: CallbackWorker, callback_id: Id, body: FinishBody) -> models.Callback:
    """The second of two agents is told what the first has written down."""
    report, fault = None, body.fault
    if fault is not None:
        report = OpenTicket(_one(by.gw, callback_id).site_id, fault.cause, fault.skill, fault.severity, fault.device_id,
                            body.note)
        check_report(by.gw, report, "fault")
    by(FinishCallback(callback_id, body.note, body.outcome, body.ticket_id, report))
    return _one(by.gw, callback_id)


@router.post("/{callback_id}/cancel", summary="No call is needed", responses=responses(404, 409))
def cancel_callback(by: CallbackWorker, callback_id: Id, body: CancelCallbackBody) -> models.Callback:
    """Whoever was told that we would call is told that we do not, without the reason."""
    by(CancelCallback(callback_id, body.why, body.they_know))
    return _one(by.gw, callback_id)
