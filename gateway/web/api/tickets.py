"""API routes for tickets: list, read, and act as an agent."""

from typing import Annotated, Any

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from gateway.model import MINUTE, ExternalKind, HoldReason, Instant, Severity, SlaClock, Subject, SubjectKind
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.reasons import resolution_sentence
from gateway.store import external_ids
from gateway.store.contexts import sla
from gateway.store.views import api_lists, reports
from gateway.tickets.actions import (
    AcknowledgePage,
    AddNote,
    AgreeToPrice,
    AllowEarly,
    AskAgain,
    AssignTo,
    CancelTicket,
    ContestNoAccess,
    DeclinePrice,
    DropVisit,
    HoldTicket,
    KeepVisit,
    MergeTickets,
    OfferTo,
    OpenTicket,
    ReportMissed,
    ReportNotFixed,
    ResolveTicket,
    UnmergeTicket,
)
from gateway.tickets.sla.clock import used
from gateway.tickets.sla.policy import SlaPolicies, SlaPolicy
from gateway.web.api import filters, models
from gateway.web.api.models import Body, GivenTime, Id, Line, Words
from gateway.web.api.timelines import timeline_page
from gateway.web.dependencies import Gw, Merger, Now, Reporter, TicketWorker, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/tickets", tags=["tickets"])


class ReportBody(Body):
    site_id: Id = Field(examples=["lindenweg-4"])
    device_id: Id | None = Field(None, description="null: it is no device's, or nobody knows which.")
    cause: Line = Field(description="What is wrong, in the words of whoever says so. Customer and provider read them.",
                        examples=["No hot water since this morning"])
    skill: Id = Field(description="That a provider needs for it: one that a provider has, or a profile names.",
                      examples=["heating"])
    severity: Severity = Field(Severity.MINOR, description="How serious it is.")
    note: Words | None = Field(None, description="Goes into the timeline; the customer does not read it.",
                               examples=["Rang at noon; a baby in the house"])


class OfferBody(Body):
    provider_id: Id = Field(examples=["keller"])


class AssignBody(Body):
    provider_id: Id = Field(examples=["keller"])
    technician: Id | None = Field(None, description="Who comes, as the customer reads it; else the provider's name.",
                                  examples=["Karin Kunz"])
    window_from: GivenTime = Field(description="The arrival window, which the customer is promised.",
                                   examples=["2026-11-27T08:00:00Z"])
    window_until: GivenTime = Field(examples=["2026-11-27T12:00:00Z"])


class HoldBody(Body):
    reason: HoldReason = Field(description="What it waits for.", examples=["no_access"])
    until: GivenTime = Field(description="Then it goes on by itself.", examples=["2026-11-30T08:00:00Z"])
    note: Words | None = Field(None, description="Goes into the timeline.", examples=["The customer rang: not today"])


class ResolveBody(Body):
    note: Words = Field(description="How it was settled; goes into the timeline.", examples=["Reset by phone"])


class NoteBody(Body):
    note: Words = Field(examples=["Rang at noon; the key is with the neighbour"])


class MergeBody(Body):
    into: Id = Field(description="The number that carries both on.", examples=["T-4F7QK2M9"])


class CancelTicketBody(Body):
    why: Words = Field(examples=["Customer has sold the house"])


def _ticket(row: Any, clocks: list[SlaClock], names: dict[str, str], policies: SlaPolicies, now: Instant
            ) -> models.Ticket:
    ticket, site, customer, device, outage, provider, visit = row
    resolution = resolution_sentence(ticket, catalogue_for("en")) or None
    return models.Ticket(
        **ticket.model_dump() | {"resolution": resolution}, site_name=site.name, customer_name=customer.name,
        device_name=device.name if device else None, area_name=outage.name if outage else None,
        provider_name=provider.name if provider else None,
        visit=models.Visit(**visit.model_dump()) if visit else None, external_ids=names,
        sla=[_sla_clock(clock, policies.named(clock.policy_name), ticket.severity, now) for clock in clocks])


def _sla_clock(clock: SlaClock, policy: SlaPolicy | None, severity: Severity, now: Instant) -> models.SlaClock:
    spent = clock.used_ms if policy is None else used(clock, policy.calendar(severity), now)
    return models.SlaClock(**clock.model_dump(), target_minutes=clock.target_ms // MINUTE,
                           used_minutes=spent // MINUTE)


def _one(gw: Gw, ticket_id: str, now: Instant) -> models.Ticket:
    with gw.store.read() as session:
        row = or_404(api_lists.ticket(session, ticket_id), "ticket")
        clocks = sla.of_tickets(session, [ticket_id])
        names = external_ids.of_rows(session, ExternalKind.TICKET, [ticket_id])
    return _ticket(row, clocks.get(ticket_id, []), names[ticket_id], gw.sla, now)


@router.get("", summary="List tickets")
def list_tickets(gw: Gw, now: Now, query: Annotated[filters.Tickets, Query()]) -> models.TicketPage:
    """Newest first."""
    with gw.store.read() as session:
        page = api_lists.tickets(session, query.wanted(), query.cursor, query.limit)
        ids = [row[0].id for row in page.rows]
        clocks, names = sla.of_tickets(session, ids), external_ids.of_rows(session, ExternalKind.TICKET, ids)
    items = [_ticket(row, clocks.get(row[0].id, []), names[row[0].id], gw.sla, now) for row in page.rows]
    return models.TicketPage(items=items, next=page.next)


def check_report(gw: Gw, report: OpenTicket, *within: str) -> None:
    """422 when it names what nobody knows; `within`: where in the body it stands."""
    profile_skills = {skill for profile in gw.profiles.values() for skill in profile.skills}
    with gw.store.read() as session:
        wrong = list(reports.report_errors(session, report, profile_skills))
    if wrong:
        raise RequestValidationError([{"loc": ("body", *within, field), "msg": what} for field, what in wrong])


@router.post("", summary="Open a ticket for what a person reports", status_code=201, responses=responses(404, 409))
def open_ticket(by: Reporter, body: ReportBody) -> models.ReportedTicket:
    """A provider is asked, and the customer is told, as for a fault that a device reports. What is open already for the
    device, or without one for the site and that skill, takes the report on: see `joined`. What was resolved a short
    time ago is opened again. A second time within ten seconds it changes nothing."""
    report = OpenTicket(body.site_id, body.cause, body.skill, body.severity, body.device_id, body.note or "")
    check_report(by.gw, report)
    by(report)
    with by.gw.store.read() as session:
        found = or_404(reports.reported(session, report, by.who), "ticket")
    return models.ReportedTicket(**dict(_one(by.gw, found.ticket_id, by.now)), joined=found.joined)


@router.get("/{ticket_id}", summary="One ticket", responses=responses(404))
def get_ticket(gw: Gw, now: Now, ticket_id: Id) -> models.Ticket:
    return _one(gw, ticket_id, now)


@router.get("/{ticket_id}/timeline", summary="Who did what, and why", responses=responses(404))
def get_ticket_timeline(gw: Gw, ticket_id: Id, query: Annotated[filters.Timeline, Query()]) -> models.EntryPage:
    """Oldest first; nothing in it is ever changed."""
    with gw.store.read() as session:
        site = or_404(api_lists.ticket(session, ticket_id), "ticket")[1]
        page = api_lists.timeline(session, ticket_id, query.cursor, query.limit)
    return timeline_page(page, query.language, site.timezone)


@router.post("/{ticket_id}/offer", summary="Ask one provider by hand", responses=responses(404, 409))
def offer_ticket(by: TicketWorker, ticket_id: Id, body: OfferBody) -> models.Ticket:
    """Out of turn, whatever the ranking says."""
    by(OfferTo(ticket_id, body.provider_id))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/acknowledge", summary="See to it, so that nobody else is paged",
             responses=responses(404, 409))
def acknowledge_ticket(by: TicketWorker, ticket_id: Id) -> models.Ticket:
    """For four hours; then everybody is asked again if its reason still holds."""
    by(AcknowledgePage(Subject(SubjectKind.TICKET, ticket_id)))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/ask-again", summary="Ask providers again now", responses=responses(404, 409))
def ask_again_ticket(by: TicketWorker, ticket_id: Id) -> models.Ticket:
    """Also those that declined. What was on hold goes on; who was to come and did not is no longer waited for."""
    by(AskAgain(ticket_id))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/assign", summary="Give it to a provider that said yes on the phone",
             responses=responses(404, 409))
def assign_ticket(by: TicketWorker, ticket_id: Id, body: AssignBody) -> models.Ticket:
    """As if they had accepted an offer: they get the link to the visit, and the customer the arrival window."""
    by(AssignTo(ticket_id, body.provider_id, body.technician or "", body.window_from, body.window_until))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/hold", summary="Let it wait until a date", responses=responses(404, 409))
def hold_ticket(by: TicketWorker, ticket_id: Id, body: HoldBody) -> models.Ticket:
    """Offers are taken back. Who was to come, or is on the way, need not; they and the customer hear it at once. The
    same provider is asked first when it goes on."""
    by(HoldTicket(ticket_id, body.reason, body.until, body.note or ""))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/resolve", summary="Settle it without a visit", responses=responses(404, 409))
def resolve_ticket(by: TicketWorker, ticket_id: Id, body: ResolveBody) -> models.Ticket:
    by(ResolveTicket(ticket_id, body.note))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/note", summary="Write something down", responses=responses(404, 409))
def add_note(by: TicketWorker, ticket_id: Id, body: NoteBody) -> models.Ticket:
    """A line in the timeline, which the customer does not read; also of a ticket that is over."""
    by(AddNote(ticket_id, body.note))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/merge", summary="Carry it on under another ticket's number", responses=responses(404, 409))
def merge_ticket(by: Merger, ticket_id: Id, body: MergeBody) -> models.Ticket:
    """Both are one problem of one home. Either number leads to it, and it can be undone while the other is open."""
    by(MergeTickets(ticket_id, body.into))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/unmerge", summary="Separate it again", responses=responses(404, 409))
def unmerge_ticket(by: Merger, ticket_id: Id) -> models.Ticket:
    by(UnmergeTicket(ticket_id))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/cancel", summary="Close it as not needed", responses=responses(404, 409))
def cancel_ticket(by: TicketWorker, ticket_id: Id, body: CancelTicketBody) -> models.Ticket:
    by(CancelTicket(ticket_id, body.why))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/agree-to-price", summary="The customer says yes on the phone", responses=responses(404, 409))
def agree_to_price(by: TicketWorker, ticket_id: Id) -> models.Ticket:
    """Somebody is sent at the price that the customer was asked about. A second time it changes nothing."""
    by(AgreeToPrice(ticket_id))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/decline-price", summary="The customer says no on the phone", responses=responses(404, 409))
def decline_price(by: TicketWorker, ticket_id: Id) -> models.Ticket:
    """The ticket is cancelled, and the customer reads that nobody comes. A second time it changes nothing."""
    by(DeclinePrice(ticket_id))
    return _one(by.gw, ticket_id, by.now)


class StillNeededBody(Body):
    needed: bool = Field(description="true: somebody shall still come; false: nobody needs to, it works again.")


@router.post("/{ticket_id}/answer-for-customer", summary="The customer says whether somebody shall still come",
             responses=responses(404, 409))
def answer_for_customer(by: TicketWorker, ticket_id: Id, body: StillNeededBody) -> models.Ticket:
    """The device reports no fault any more, and they were asked."""
    by(KeepVisit(ticket_id) if body.needed else DropVisit(ticket_id))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/allow-early", summary="The customer agrees to an arrival before the window",
             responses=responses(404, 409))
def allow_early(by: TicketWorker, ticket_id: Id) -> models.Ticket:
    by(AllowEarly(ticket_id))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/report-missed", summary="The customer says that nobody came within the window",
             responses=responses(404, 409))
def report_missed(by: TicketWorker, ticket_id: Id) -> models.Ticket:
    by(ReportMissed(ticket_id))
    return _one(by.gw, ticket_id, by.now)


@router.post("/{ticket_id}/contest-no-access", summary="The customer says that somebody was there to open the door",
             responses=responses(404, 409))
def contest_no_access(by: TicketWorker, ticket_id: Id) -> models.Ticket:
    by(ContestNoAccess(ticket_id))
    return _one(by.gw, ticket_id, by.now)


class NotFixedBody(Body):
    words: str = Field("", max_length=2000, description="What they notice that does not work.")


@router.post("/{ticket_id}/report-not-fixed", summary="The customer says that it is not fixed",
             responses=responses(404, 409))
def report_not_fixed(by: TicketWorker, ticket_id: Id, body: NotFixedBody) -> models.Ticket:
    """A resolved ticket is open again; of one that was closed within the last seven days another ticket goes on."""
    by(ReportNotFixed(ticket_id, body.words.strip()))
    return _one(by.gw, ticket_id, by.now)
