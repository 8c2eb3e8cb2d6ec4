"""Plans a person's action: calls the planner for it, or refuses when it is not allowed or too late."""

from typing import TypeVar

from gateway.callbacks.handle import plan_callback, plan_open_callback
from gateway.model import (
    Actor,
    ActorKind,
    Alarm,
    CallbackState,
    EntryKind,
    Instant,
    Offer,
    Provider,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.plan import NoSuch, Plan, Refused
from gateway.model.reasons import RefusedReason
from gateway.tickets.actions import (
    AcceptOffer,
    AcknowledgeAlarm,
    AcknowledgePage,
    Act,
    AddNote,
    AgreeToPrice,
    AllowEarly,
    AnswerSurvey,
    Arrive,
    AskAgain,
    AssignTo,
    CallbackAct,
    CallOffVisit,
    CancelTicket,
    ClaimCallback,
    ContestNoAccess,
    DeclineOffer,
    DeclinePrice,
    Depart,
    DropVisit,
    Finish,
    FinishCallback,
    HandBack,
    HoldTicket,
    KeepVisit,
    LeaveOutOffer,
    LeaveOutVisit,
    LeaveSite,
    LogCall,
    MergeTickets,
    MoveIn,
    MoveVisit,
    NoteAccess,
    NotNeeded,
    OfferAct,
    OfferTo,
    OpenCallback,
    OpenTicket,
    ProposeWindow,
    ReassignVisit,
    ReportDelay,
    ReportMissed,
    ReportNotFixed,
    ReportOverrun,
    ResolveTicket,
    SiteAct,
    TakeBack,
    TellUs,
    TicketAct,
    UnmergeTicket,
    VisitAct,
)
from gateway.tickets.after.survey import plan_answer_survey
from gateway.tickets.alarms.raised_and_cleared import close
from gateway.tickets.context import ActionContext, PlanningContext, Policy, SiteWork
from gateway.tickets.dispatch.answers import plan_accept, plan_decline, plan_offer_to
from gateway.tickets.dispatch.by_hand import plan_ask_again, plan_assign, plan_hold
from gateway.tickets.dispatch.price_question import plan_agree
from gateway.tickets.dispatch.price_question import plan_decline as plan_decline_price
from gateway.tickets.households.customer_acts import plan_not_needed, plan_note_access, plan_tell_us
from gateway.tickets.households.moving import plan_leave, plan_move_in
from gateway.tickets.households.needs import who_comes_first
from gateway.tickets.households.not_fixed import plan_not_fixed
from gateway.tickets.merging import plan_merge, plan_unmerge
from gateway.tickets.new_rows import entry
from gateway.tickets.on_call.pages import plan_acknowledge
from gateway.tickets.opening import open_or_join
from gateway.tickets.same_again import is_same_again
from gateway.tickets.sla.follow import complete, plan_person_acted
from gateway.tickets.visits.changes import (
    plan_hand_back,
    plan_log_call,
    plan_propose_window,
    plan_report_delay,
    plan_report_overrun,
)
from gateway.tickets.visits.household import (
    plan_allow_early,
    plan_contest_no_access,
    plan_drop_visit,
    plan_keep_visit,
    plan_report_missed,
)
from gateway.tickets.visits.moving import plan_call_off_visit, plan_move_visit
from gateway.tickets.visits.reassign import plan_reassign
from gateway.tickets.visits.reports import plan_report
from gateway.tickets.visits.steps import plan_arrive, plan_cancel, plan_depart, plan_finish, plan_resolve
from gateway.tickets.visits.undo import plan_take_back

T = TypeVar("T")


def plan_person_action(act: Act, context: ActionContext, policy: Policy, who: Actor, now: Instant) -> Plan:
    """Raises Refused when it is not possible as things stand, NoSuch when the thing does not exist. Nothing follows
    from what the same person has just done."""
    if is_same_again(act, context, now):
        return Plan()
    work = context.work
    match act:
        case OfferAct():
            _plan_offer_act(act, _the(context.offer), _the(context.provider), work, policy, who, now)
        case VisitAct():
            _plan_visit_act(act, _the(context.visit), context, policy, who, now)
        case TicketAct():
            _plan_ticket_act(act, _the(context.ticket), context, policy, who, now)
        case OpenCallback():
            plan_open_callback(act, work, policy, who, now)
        case OpenTicket():
            open_or_join(act, work, policy, who, now)
        case NoteAccess():
            plan_note_access(act, work)
        case LeaveSite():
            plan_leave(act, _the(context.home), work, policy, who, now)
        case MoveIn():
            plan_move_in(act, _the(context.home), work, policy, who, now)
        case CallbackAct():
            plan_callback(act, _the(context.callback), context, policy, who, now)
        case AcknowledgeAlarm():
            _acknowledge(_the(context.alarm), _the(context.planning), policy, who, now)
        case AcknowledgePage():
            _acknowledge_page(context, policy, who, now)
    # whoever reports it again waits for an answer, and who only writes something down has not given one
    if who.kind is ActorKind.AGENT and not isinstance(act, SiteAct | AddNote):
        plan_person_acted(_concerned(context), isinstance(act, FinishCallback), work, policy, now)
    return complete(work.draft, policy, now, who_comes_first([work]))


def _plan_offer_act(act: OfferAct, offer: Offer, provider: Provider, work: SiteWork, policy: Policy, who: Actor,
                    now: Instant) -> None:
    match act:
        case AcceptOffer():
            plan_accept(act, offer, provider, work, policy, who, now)
        case DeclineOffer():
            plan_decline(act, offer, provider, work, policy, who, now)
        case LeaveOutOffer(why=why):
            _leave_out(offer, why, provider, work, who, now)


def _plan_visit_act(act: VisitAct, visit: Visit, context: ActionContext, policy: Policy, who: Actor, now: Instant
                    ) -> None:
    work = context.work
    if visit.reported_at is not None and not isinstance(act, Finish | TakeBack | LeaveOutVisit):
        raise Refused(RefusedReason.REPORT_WAITS)
    match act:
        case Depart():
            plan_depart(act, visit, work, policy, who, now)
        case Arrive():
            plan_arrive(visit, work, policy, who, now)
        case Finish(undoable=True) if policy.service.undo_seconds:
            plan_report(act, visit, work, policy, who, now)
        case Finish():
            plan_finish(act, visit, work, policy, who, now)
        case ReportDelay():
            plan_report_delay(act, visit, work, policy, who, now)
        case ReportOverrun():
            plan_report_overrun(act, visit, work, context.sites, policy, who, now)
        case ProposeWindow():
            plan_propose_window(act, visit, work, policy, who, now)
        case ReassignVisit():
            plan_reassign(act, visit, work, policy, who, now)
        case HandBack():
            plan_hand_back(act, visit, work, policy, who, now)
        case LogCall():
            plan_log_call(visit, work, who, now)
        case TakeBack():
            plan_take_back(visit, context.before, work, policy, who, now)
        case LeaveOutVisit(why=why):
            _leave_out(visit, why, _the(context.provider), work, who, now)


def _plan_ticket_act(act: TicketAct, ticket: Ticket, context: ActionContext, policy: Policy, who: Actor, now: Instant
                     ) -> None:
    work = context.work
    if ticket.closed_at is not None and not isinstance(
            act, UnmergeTicket | AgreeToPrice | DeclinePrice | AddNote | ReportNotFixed | AnswerSurvey):
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    match act:
        case OfferTo():
            plan_offer_to(act, _the(context.provider), ticket, work, policy, who, now)
        case AssignTo():
            plan_assign(act, _the(context.provider), ticket, work, policy, who, now)
        case AskAgain():
            plan_ask_again(ticket, work, policy, who, now)
        case HoldTicket():
            plan_hold(act, ticket, work, policy, who, now)
        case AddNote(note=note):
            work.draft.add(entry(ticket, now, EntryKind.NOTED, who=who, note=note.strip()))
        case ResolveTicket():
            plan_resolve(act, ticket, work, policy, who, now)
        case CancelTicket():
            plan_cancel(act, ticket, work, policy, who, now)
        case MergeTickets(into_id=into_id):
            plan_merge(ticket, into_id, work, policy, who, now)
        case UnmergeTicket():
            plan_unmerge(ticket, work, policy, who, now)
        case AgreeToPrice():
            plan_agree(ticket, work, policy, who, now)
        case DeclinePrice():
            plan_decline_price(ticket, work, policy, who, now)
        case AnswerSurvey():
            plan_answer_survey(act, ticket, _the(context.survey), work, policy, who, now)
        case KeepVisit():
            plan_keep_visit(ticket, work, who, now)
        case DropVisit():
            plan_drop_visit(ticket, work, policy, who, now)
        case AllowEarly():
            plan_allow_early(ticket, work, who, now)
        case ReportMissed():
            plan_report_missed(ticket, work, policy, who, now)
        case ContestNoAccess():
            plan_contest_no_access(ticket, work, policy, who, now)
        case ReportNotFixed():
            plan_not_fixed(act, ticket, work, policy, who, now)
        case NotNeeded():
            plan_not_needed(act, ticket, work, policy, who, now)
        case MoveVisit():
            plan_move_visit(act, context.visit, context.provider, context.booked, context.technician,
                            ticket, work, policy, who, now)
        case CallOffVisit():
            plan_call_off_visit(act, context.visit, ticket, work, policy, who, now)
        case TellUs():
            plan_tell_us(act, ticket, work, policy, who, now)


def _concerned(context: ActionContext) -> list[Ticket]:
    """The tickets that a person takes care of by what they do; who has called the customer back: all of theirs."""
    if context.callback is not None:
        return list(context.work.tickets.values())
    alarm = context.alarm
    ticket_id = context.ticket.id if context.ticket is not None else None if alarm is None else alarm.ticket_id
    return [ticket for ticket in context.work.tickets.values() if ticket.id == ticket_id]


def _leave_out(row: Offer | Visit, why: str, provider: Provider, work: SiteWork, who: Actor, now: Instant) -> None:
    """From the next hour on it does not count in the provider's track record."""
    left_out = f"{why.strip()} ({who})"
    if row.left_out == left_out:
        return
    row.left_out = left_out
    work.draft.add(entry(Subject(SubjectKind.TICKET, row.ticket_id), now, EntryKind.LEFT_OUT_OF_RECORD, who=who,
                         provider=provider.name, reason=why.strip()))


def _acknowledge_page(context: ActionContext, policy: Policy, who: Actor, now: Instant) -> None:
    """Who sees to a call for help has taken it."""
    callback = context.callback
    plan_acknowledge(context.ticket or _the(callback), context.work.draft, who, now)
    if callback is not None and callback.emergency and callback.state is CallbackState.REQUESTED:
        plan_callback(ClaimCallback(callback.id), callback, context, policy, who, now)


def _acknowledge(alarm: Alarm, planning: PlanningContext, policy: Policy, who: Actor, now: Instant) -> None:
    """A latched alarm whose condition is over has only waited for this."""
    if alarm.acknowledged_by == str(who):
        return
    if alarm.acknowledged_at is not None:
        raise Refused(RefusedReason.ACKNOWLEDGED, id=alarm.id, who=alarm.acknowledged_by or "")
    alarm.acknowledged_at, alarm.acknowledged_by = now, str(who)
    if alarm.ticket_id:
        planning.draft.add(entry(Subject(SubjectKind.TICKET, alarm.ticket_id), now, EntryKind.ACKNOWLEDGED, who=who,
                                 cause=alarm.cause_texts))
    if alarm.cleared_at is not None and alarm.closed_at is None:
        planning.alarms.pop(alarm.rule, None)
        close(alarm, {"acknowledged_by": str(who)}, planning, policy, who, now)


def _the(thing: T | None) -> T:
    if thing is None:
        raise NoSuch("there is no such thing")
    return thing
