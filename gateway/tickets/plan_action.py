"""Plans a person's action: calls the planner for it, or refuses when it is not allowed or too late."""

from dataclasses import dataclass
from typing import TypeVar

from gateway.callbacks.handle import plan_callback
from gateway.model import (
    Actor,
    Alarm,
    Callback,
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
    Arrive,
    AskAgain,
    AttemptCallback,
    CancelCallback,
    CancelTicket,
    ConnectCallback,
    DeclineOffer,
    Depart,
    Finish,
    FinishCallback,
    HoldTicket,
    MergeTickets,
    MissCallback,
    OfferTo,
    ResolveTicket,
    UnmergeTicket,
)
from gateway.tickets.alarms.raised_and_cleared import close
from gateway.tickets.context import PlanningContext, Policy, SiteWork
from gateway.tickets.dispatch.answers import plan_accept, plan_decline, plan_offer_to
from gateway.tickets.dispatch.by_hand import plan_ask_again, plan_hold
from gateway.tickets.merging import plan_merge, plan_unmerge
from gateway.tickets.new_rows import entry
from gateway.tickets.on_call.pages import plan_acknowledge, settle_pages
from gateway.tickets.visits.steps import plan_arrive, plan_cancel, plan_depart, plan_finish, plan_resolve

T = TypeVar("T")


@dataclass(frozen=True)
class ActionContext:
    """The rows that an action concerns, as copies of the draft in `work`; None where it concerns none."""

    work: SiteWork
    planning: PlanningContext | None = None  # of the device that an alarm or a callback is about
    ticket: Ticket | None = None
    offer: Offer | None = None
    provider: Provider | None = None
    visit: Visit | None = None
    callback: Callback | None = None
    alarm: Alarm | None = None


def plan_person_action(act: Act, context: ActionContext, policy: Policy, who: Actor, now: Instant) -> Plan:
    """Raises Refused when it is not possible as things stand, NoSuch when the thing does not exist."""
    work = context.work
    match act:
        case AcceptOffer():
            plan_accept(act, _the(context.offer), _the(context.provider), work, policy, who, now)
        case DeclineOffer():
            plan_decline(act, _the(context.offer), _the(context.provider), work, policy, who, now)
        case OfferTo():
            plan_offer_to(act, _the(context.provider), _open(context), work, policy, who, now)
        case Depart():
            plan_depart(act, _the(context.visit), work, policy, who, now)
        case Arrive():
            plan_arrive(_the(context.visit), work, who, now)
        case Finish():
            plan_finish(act, _the(context.visit), work, policy, who, now)
        case ResolveTicket():
            plan_resolve(act, _open(context), work, policy, who, now)
        case CancelTicket():
            plan_cancel(act, _open(context), work, policy, who, now)
        case MergeTickets(into_id=into_id):
            plan_merge(_open(context), into_id, work, policy, who, now)
        case UnmergeTicket():
            plan_unmerge(_the(context.ticket), work, policy, who, now)
        case AcknowledgeAlarm():
            _acknowledge(_the(context.alarm), _the(context.planning), policy, who, now)
        case AttemptCallback() | MissCallback() | ConnectCallback() | FinishCallback() | CancelCallback():
            plan_callback(act, _the(context.callback), _the(context.planning), policy, who, now)
        case AskAgain():
            plan_ask_again(_open(context), work, policy, who, now)
        case HoldTicket():
            plan_hold(act, _open(context), work, policy, who, now)
        case AcknowledgePage():
            plan_acknowledge(context.ticket or _the(context.callback), work.draft, who, now)
    settle_pages(work.draft, now)
    return work.draft.plan()


def _acknowledge(alarm: Alarm, planning: PlanningContext, policy: Policy, who: Actor, now: Instant) -> None:
    """A latched alarm whose condition is over has only waited for this."""
    if alarm.acknowledged_at is not None:
        raise Refused(RefusedReason.ACKNOWLEDGED, id=alarm.id, who=alarm.acknowledged_by or "")
    alarm.acknowledged_at, alarm.acknowledged_by = now, str(who)
    if alarm.ticket_id:
        planning.draft.add(entry(Subject(SubjectKind.TICKET, alarm.ticket_id), now, EntryKind.ACKNOWLEDGED, who=who,
                                 cause=alarm.evidence.get("cause", {"en": alarm.cause})))
    if alarm.cleared_at is not None and alarm.closed_at is None:
        planning.alarms.pop(alarm.rule, None)
        close(alarm, {"acknowledged_by": str(who)}, planning, policy, who, now)


def _open(context: ActionContext) -> Ticket:
    ticket = _the(context.ticket)
    if ticket.closed_at is not None:
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    return ticket


def _the(thing: T | None) -> T:
    if thing is None:
        raise NoSuch("there is no such thing")
    return thing
