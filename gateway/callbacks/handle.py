"""Plans what an agent does with a callback, and what follows when it is overdue."""

from gateway.callbacks.lifecycle import OPEN, Action, move
from gateway.model import DAY, Actor, Callback, CallbackState, EntryKind, Instant, PageReason
from gateway.tickets.actions import AttemptCallback, CancelCallback, ConnectCallback, FinishCallback, MissCallback
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.new_rows import entry
from gateway.tickets.on_call.pages import acknowledge, page_dispatcher, watch_outcome
from gateway.tickets.promises import cancel_promises, mark_broken, settle_promises

CallbackAct = AttemptCallback | MissCallback | ConnectCallback | FinishCallback | CancelCallback


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


def plan_overdue(callback: Callback, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The promised time has passed: marks the promise as broken and pages the dispatcher, once."""
    callback.overdue_told_at = now
    mark_broken(context.work.promises.get(callback.id, []), now)
    context.draft.add(entry(callback, now, EntryKind.CALLBACK_OVERDUE))
    page_dispatcher(context.draft, policy, callback, PageReason.CALL_OVERDUE, now, urgent=callback.emergency,
                    facts={"callback_by": callback.promised_by, "device": context.device.name})
