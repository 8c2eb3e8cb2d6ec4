"""Whether a person does once more what they did last: a second tap has the same answer, and no second effect."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.model import (
    SECOND,
    Callback,
    CallbackState,
    EntryKind,
    Instant,
    Offer,
    OfferState,
    TicketState,
    Visit,
    VisitOutcome,
    VisitState,
)
from gateway.model.entries import REPORTS
from gateway.tickets.actions import (
    AcceptOffer,
    Act,
    AddNote,
    Arrive,
    AskAgain,
    AssignTo,
    AttemptCallback,
    CancelCallback,
    CancelTicket,
    ConnectCallback,
    DeclineOffer,
    Depart,
    DropVisit,
    Finish,
    FinishCallback,
    HandBack,
    HoldTicket,
    KeepVisit,
    MergeTickets,
    MissCallback,
    NotNeeded,
    OfferTo,
    OpenCallback,
    OpenTicket,
    ReportMissed,
    ReportNotFixed,
    ReportOverrun,
    ResolveTicket,
    TakeBack,
    TellUs,
    UnmergeTicket,
)
from gateway.tickets.context import ActionContext
from gateway.tickets.facts import in_their_words
from gateway.tickets.lifecycle import UNDER_WAY, UNSETTLED, WORKS
from gateway.tickets.visits.household import awaits_answer

MOMENT = 10 * SECOND  # the same again within it is a second tap, of what somebody may well say twice


class Trace(NamedTuple):
    """What an act leaves behind: one of these lines in the timeline, with these parameters at least."""

    kinds: frozenset[EntryKind]
    parameters: Mapping[str, Any]


def is_same_again(act: Act, context: ActionContext, now: Instant) -> bool:
    """Whether `act` is what the same person did last, and what came of it still stands."""
    trace = _trace(act, context, any(now - line.at < MOMENT for line in context.last_lines))
    return trace is not None and any(
        line.kind in trace.kinds and trace.parameters.items() <= line.parameters.items() for line in context.last_lines)


def _trace(act: Act, context: ActionContext, is_moment_ago: bool) -> Trace | None:
    """What the act has left if it was done before; None: that does not stand any more, or may well be done again."""
    if context.offer is not None:
        return _of_an_offer(act, context.offer)
    if context.visit is not None:
        return _of_a_visit(act, context.visit, is_moment_ago)
    if context.callback is not None:
        return _of_a_callback(act, context.callback, is_moment_ago)
    return _of_a_ticket(act, context, is_moment_ago)


def _of_an_offer(act: Act, offer: Offer) -> Trace | None:
    match act:
        case AcceptOffer(window_from=begins, window_until=ends) if offer.state is OfferState.ACCEPTED:
            window = {"window_from": begins, "window_until": ends}
            return Trace(frozenset((EntryKind.ACCEPTED, EntryKind.ADDED_TO_VISIT)),
                         {name: at for name, at in window.items() if at is not None})
        case DeclineOffer(why=why) if offer.state is OfferState.DECLINED:
            return _left(EntryKind.DECLINED, reason=why.strip())
    return None


def _of_a_visit(act: Act, visit: Visit, is_moment_ago: bool) -> Trace | None:
    match act:
        case Depart(minutes=minutes) if visit.state is VisitState.EN_ROUTE:
            return _left(EntryKind.EN_ROUTE, minutes=minutes)
        case Arrive() if visit.state is VisitState.ON_SITE:
            return _left(EntryKind.ON_SITE)
        case Finish() if visit.state is VisitState.DONE and _went_so(act, visit):
            return Trace(frozenset((EntryKind.RESOLVED, EntryKind.JOB_DONE, EntryKind.INCOMPLETE)), {})
        case HandBack(why=why) if visit.handed_back_at is not None:
            return _left(EntryKind.HANDED_BACK, reason=why.strip())
        case TakeBack() if is_moment_ago:
            both = visit.en_route_at is None  # else they are not there, and may not have set out either
            return Trace(frozenset((EntryKind.NOT_SET_OUT, *([EntryKind.NOT_THERE] if both else []))), {})
        case ReportOverrun(minutes=minutes) if is_moment_ago and visit.state is VisitState.ON_SITE:
            return _left(EntryKind.OVERRUN_REPORTED, minutes=minutes)
    return None


def _went_so(act: Finish, visit: Visit) -> bool:
    as_said = act.note.strip(), act.outcome
    if [*act.used] != visit.used:
        return False
    if act.outcome is not VisitOutcome.COMPLETE:
        return (*as_said, act.reason, [*act.parts], act.expected_at) == (
            visit.note, visit.outcome, visit.incomplete, visit.parts, visit.expected_at)
    return as_said == (visit.note, visit.outcome)


def _of_a_ticket(act: Act, context: ActionContext, is_moment_ago: bool) -> Trace | None:
    ticket, work = context.ticket, context.work
    if ticket is None:
        return None
    jobs = work.jobs_of(ticket)
    if isinstance(act, OpenTicket):
        return Trace(frozenset(REPORTS), {"cause": in_their_words(act.cause), "note": act.note}) if (
            is_moment_ago and ticket.state in UNSETTLED) else None
    provider = "" if context.provider is None else context.provider.name
    match act:
        case KeepVisit() if ticket.state in UNDER_WAY and not any(
                awaits_answer(visit, work) for job in jobs if (visit := work.visit_of(job)) is not None):
            return _left(EntryKind.VISIT_KEPT)
        case DropVisit() if ticket.state in WORKS:
            return _left(EntryKind.VISIT_DROPPED)
        case ReportNotFixed() if ticket.state in UNSETTLED:
            return Trace(frozenset((EntryKind.REOPENED_BY_PERSON,)), {})
        case ReportNotFixed() if ticket.state is TicketState.CLOSED:
            return Trace(frozenset((EntryKind.NOT_FIXED_GOES_ON,)), {})
        case NotNeeded() if ticket.state is TicketState.CANCELLED:
            return _left(EntryKind.CANCELLED)
        case TellUs(words=words) if is_moment_ago:
            return _left(EntryKind.CUSTOMER_WROTE, words=words.strip())
        case ReportMissed() if is_moment_ago and ticket.state in UNDER_WAY:
            return _left(EntryKind.MISSED_REPORTED)
        case AddNote(note=note) if is_moment_ago:
            return _left(EntryKind.NOTED, note=note.strip())
        case OfferTo(provider_id=key) if any(
                offer.provider_id == key for job in jobs for offer in work.pending_offers(job)):
            return _left(EntryKind.OFFERED, provider=provider)
        case AssignTo(provider_id=key) if any(job.provider_id == key and job.closed_at is None for job in jobs):
            return _left(EntryKind.ACCEPTED, provider=provider, window_from=act.window_from,
                         window_until=act.window_until)
        case AskAgain() if ticket.state is TicketState.OFFERED or (ticket.state is TicketState.NEW and is_moment_ago):
            return _left(EntryKind.ASKED_AGAIN)
        case HoldTicket() if ticket.state is TicketState.ON_HOLD:
            return _left(EntryKind.PUT_ON_HOLD, waits_for=act.reason, until=act.until, note=act.note.strip())
        case ResolveTicket(note=note) if ticket.state in WORKS:
            return _left(EntryKind.RESOLVED, resolution=note)
        case CancelTicket(why=why) if ticket.state is TicketState.CANCELLED and isinstance(why, str):
            return _left(EntryKind.CANCELLED, reason=why)
        case MergeTickets(into_id=into) if ticket.merged_into == into:
            return _left(EntryKind.MERGED_INTO, ticket=into)
        case UnmergeTicket() if ticket.state in UNSETTLED:
            return _left(EntryKind.UNMERGED)
    return None


def _of_a_callback(act: Act, callback: Callback, is_moment_ago: bool) -> Trace | None:
    match act:
        case OpenCallback(words=words, ring_from=ring_from) if is_moment_ago:
            return Trace(frozenset((EntryKind.CALL_REQUESTED, EntryKind.CALL_WISHED_AGAIN)),
                         {"wish": words, "ring_from": ring_from})
        case AttemptCallback(person=person) if callback.state is CallbackState.ATTEMPTING:
            return _left(EntryKind.CALLBACK_ATTEMPT, person=person)
        case MissCallback() if callback.state in (CallbackState.REQUESTED, CallbackState.EXPIRED):
            return _left(EntryKind.CALLBACK_NO_ANSWER)
        case ConnectCallback() if callback.state is CallbackState.CONNECTED:
            return _left(EntryKind.CALLBACK_CONNECTED)
        case FinishCallback(note=note, outcome=outcome) if callback.state is CallbackState.DONE:
            return _left(EntryKind.CALLBACK_DONE, note=note, call_outcome=outcome)
        case CancelCallback(why=why) if callback.state is CallbackState.CANCELLED:
            return _left(EntryKind.CANCELLED, reason=why)
    return None


def _left(kind: EntryKind, **parameters: Any) -> Trace:
    return Trace(frozenset((kind,)), parameters)
