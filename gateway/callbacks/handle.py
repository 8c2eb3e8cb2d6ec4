"""Plans what an agent does with a callback, and what follows when it is overdue."""

from gateway.calendars.desk_hours import desk_hours
from gateway.calendars.working_time import promise_after
from gateway.callbacks.lifecycle import OPEN, WAITING, Action, move
from gateway.config.settings import Service
from gateway.model import (
    DAY,
    MINUTE,
    Actor,
    Callback,
    CallbackState,
    EntryKind,
    Instant,
    PageReason,
    Promise,
    customer,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import (
    AttemptCallback,
    CallbackAct,
    CancelCallback,
    ConnectCallback,
    FinishCallback,
    MissCallback,
)
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.new_rows import entry, notify, show_time
from gateway.tickets.on_call.pages import acknowledge, page_dispatcher, watch_outcome
from gateway.tickets.promises import break_promises, cancel_promises, settle_promises
from gateway.tickets.promises.promised_times import call_by


def plan_callback(act: CallbackAct, callback: Callback, context: PlanningContext, policy: Policy, who: Actor,
                  now: Instant) -> None:
    """Raises Refused when that is not possible now: see gateway.callbacks.lifecycle. Who rings sees to it: others are
    paged again when there is no outcome for too long."""
    promises = context.work.promises.get(callback.id, [])
    match act:
        case AttemptCallback():
            move(callback, Action.ATTEMPT, now)
            callback.attempts, callback.agent = callback.attempts + 1, str(who)
            said = entry(callback, now, EntryKind.CALLBACK_ATTEMPT, who=who, number=callback.attempts)
        case MissCallback():
            move(callback, Action.MISS, now)
            said = entry(callback, now, EntryKind.CALLBACK_NO_ANSWER, who=who)
        case ConnectCallback():
            move(callback, Action.CONNECT, now)
            callback.agent = str(who)
            said = entry(callback, now, EntryKind.CALLBACK_CONNECTED, who=who)
            settle_promises(promises, now)
        case FinishCallback(note=note):
            move(callback, Action.FINISH, now)
            callback.note = note
            said = entry(callback, now, EntryKind.CALLBACK_DONE, who=who, note=note)
        case CancelCallback(why=why):
            move(callback, Action.CANCEL, now)
            callback.note = why
            said = entry(callback, now, EntryKind.CANCELLED, who=who, reason=why)
    context.draft.add(said)
    if callback.state is CallbackState.CONNECTED:
        facts = {"callback_by": callback.promised_by, "device": context.device.name}
        watch_outcome(callback, context.draft, policy, who, now, facts)
    elif callback.state is CallbackState.ATTEMPTING:
        acknowledge(callback, context.draft, who, now)
    if callback.state not in OPEN:
        cancel_promises(promises, now)
        if callback.id in context.work.follow:
            context.work.follow[callback.id].expires_at = now + DAY


def plan_overdue(callback: Callback, missed: Promise, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The promised time has passed, and nobody has called: `missed` is broken, whoever is on call is asked to ring now,
    and the customer is told before they have to ask, with a time that is later each time that we miss it."""
    break_promises([missed], now)
    if callback.state not in WAITING:
        return
    overdue_by = callback.promised_by
    callback.promised_by = _next_time(callback, policy.service, now)
    callback.overdue_told_at = now
    show_time(call_by(callback), context.work, policy, now, corrects=missed)
    facts = {"callback_by": callback.promised_by, "missed_by": overdue_by, "device": context.device.name}
    context.draft.add(
        entry(callback, now, EntryKind.CALLBACK_OVERDUE),
        notify(policy, customer(callback.customer_id), TopicName.CALLBACK_LATE, callback, missed.id, now,
               facts=facts, link_id=context.work.follow_id(callback.id)))
    page_dispatcher(context.draft, policy, callback, PageReason.CALL_OVERDUE, now, urgent=callback.emergency,
                    facts=facts)


def _next_time(callback: Callback, service: Service, now: Instant) -> Instant:
    """As soon as an urgent call, then three times as long as they have waited already, at most a day: nobody is told
    every quarter of an hour, all night long, that we have not called."""
    wait = service.callback_minutes_urgent * MINUTE
    if callback.overdue_told_at is not None:
        wait = min(max(3 * (now - callback.requested_at), wait), DAY)
    return promise_after(None if callback.emergency else desk_hours(service), now, wait)
