"""Plans what an agent does with a callback: takes it, rings, speaks, writes down what came of it."""

from typing import Any

from gateway.calendars.desk_hours import desk_hours
from gateway.calendars.working_time import promise_after
from gateway.callbacks.lifecycle import IN_HAND, OPEN, WAITING, Action, move
from gateway.callbacks.open import Wish, call_facts, end_call, promise_call, wish_call
from gateway.callbacks.outcomes import plan_outcome
from gateway.callbacks.presses.button_tests import plan_test_confirmed
from gateway.callbacks.presses.replies import answer_of, reply
from gateway.callbacks.slots import check_desk_hours_are_set, check_slot
from gateway.config.settings import Service
from gateway.model import (
    MINUTE,
    Actor,
    Callback,
    CallbackKind,
    CallbackState,
    CallOutcome,
    DueKind,
    EntryKind,
    Instant,
    PageReason,
    Responsible,
    customer,
    to_iso,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.outages.homes.devices import has_working_button
from gateway.tickets.actions import (
    AttemptCallback,
    CallbackAct,
    CancelCallback,
    ClaimCallback,
    ConnectCallback,
    FinishCallback,
    MissCallback,
    OpenCallback,
    ReleaseCallback,
)
from gateway.tickets.context import ActionContext, Policy, SiteWork
from gateway.tickets.deadlines import end_due, set_due
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.on_call.pages import acknowledge, page_dispatcher, watch_outcome
from gateway.tickets.promises import settle_promises

LEASE = 5 * MINUTE  # whoever takes a call has it for so long; then others may
TRY_WITHIN = 30 * MINUTE  # desk time from the moment at which we try again, by when we promise to have tried


def plan_callback(act: CallbackAct, callback: Callback, context: ActionContext, policy: Policy, who: Actor,
                  now: Instant) -> None:
    """Raises Refused when that is not possible now: see gateway.callbacks.lifecycle. Who rings sees to it: others are
    paged again when there is no outcome for too long."""
    _refuse_if_taken(act, callback, who, now)
    work = context.work
    promises = work.promises.get(callback.id, [])
    match act:
        case ClaimCallback():
            goes_on = callback.state in IN_HAND  # they have it, and keep it: no news
            _take(callback, Action.CLAIM, work, policy, who, now)
            if not goes_on:
                work.draft.add(entry(callback, now, EntryKind.CALLBACK_CLAIMED, who=who, until=callback.claimed_until))
        case ReleaseCallback():
            move(callback, Action.RELEASE, now)
            work.draft.add(entry(callback, now, EntryKind.CALLBACK_RELEASED, who=who, agent=callback.agent or ""))
        case AttemptCallback(person=person):
            _take(callback, Action.ATTEMPT, work, policy, who, now)
            callback.attempts += 1
            work.draft.add(entry(callback, now, EntryKind.CALLBACK_ATTEMPT, who=who, number=callback.attempts,
                                 person=person))
        case MissCallback():
            _miss(callback, work, policy, who, now, _can_press(context, policy))
        case ConnectCallback():
            move(callback, Action.CONNECT, now)
            callback.agent = str(who)
            work.draft.add(entry(callback, now, EntryKind.CALLBACK_CONNECTED, who=who))
            settle_promises(promises, now)
        case FinishCallback(note=note, outcome=outcome):
            plan_outcome(act, callback, context, policy, who, now)
            move(callback, Action.FINISH, now)
            settle_promises(promises, now)
            if outcome is CallOutcome.WAS_TEST:
                plan_test_confirmed(callback, work, policy, now)
            callback.note, callback.outcome, callback.agent = note, outcome, str(who)
            work.draft.add(entry(callback, now, EntryKind.CALLBACK_DONE, who=who, call_outcome=outcome, note=note))
        case CancelCallback(why=why, they_know=they_know):
            they_wait = callback.state in WAITING and not they_know
            move(callback, Action.CANCEL, now)
            callback.note, callback.agent = why, str(who)
            work.draft.add(entry(callback, now, EntryKind.CANCELLED, who=who, reason=why))
            if they_wait:
                _tell(TopicName.CALLBACK_CANCELLED, callback, work, policy, now, can_press=_can_press(context, policy))
    if callback.state not in IN_HAND:
        end_due(callback, work, DueKind.CLAIM_ENDS)
    if callback.state is CallbackState.CONNECTED:
        end_due(callback, work)
        watch_outcome(callback, work.draft, policy, who, now, call_facts(callback, work))
    elif callback.state in IN_HAND:
        acknowledge(callback, work.draft, who, now)
        if callback.emergency:  # whoever called for help sees that somebody is coming to the telephone
            _show_at_button(callback, context, policy, now)
    elif callback.state not in OPEN:
        if callback.state is CallbackState.CANCELLED:
            _show_at_button(callback, context, policy, now)
        end_call(callback, work, now)


def plan_open_callback(act: OpenCallback, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> Callback:
    """Somebody is to be rung because a person says so. Raises Refused for a time at which nobody is at the desk, and
    where nobody lives; and for all that is not urgent while nobody knows when somebody is."""
    if work.site.household_left_at is not None:
        raise Refused(RefusedReason.NOBODY_LIVES_THERE, id=act.site_id)
    if not act.urgent:
        check_desk_hours_are_set(policy.service)
    if act.ring_from is not None:
        check_slot(act.ring_from, policy.service, now)
    return wish_call(Wish(CallbackKind.ORDINARY, act.origin, act.urgent, words=act.words, ring_from=act.ring_from,
                          who=who), work, policy, now)


def next_try(callback: Callback, service: Service, now: Instant) -> Instant:
    """When somebody is rung again who did not answer, in the hours of the desk unless it is urgent."""
    gaps = service.callback_retry_minutes
    wait = gaps[min(callback.tries, len(gaps)) - 1] * MINUTE
    return promise_after(None if callback.urgent else desk_hours(service), now, wait)


def _refuse_if_taken(act: CallbackAct, callback: Callback, who: Actor, now: Instant) -> None:
    """The second of two agents sees what the first has done. A call for help may be taken over by whoever rings. That
    nobody answered is said by who has dialled: others would tell them so while they are spoken with."""
    if callback.state is CallbackState.DONE:
        raise Refused(RefusedReason.CALL_SETTLED, id=callback.id, who=callback.agent or "",
                      outcome=str(callback.outcome), at=to_iso(callback.closed_at or now))
    dials = isinstance(act, AttemptCallback) and not callback.emergency
    alone = dials or isinstance(act, ClaimCallback | MissCallback)
    if alone and callback.state in IN_HAND and callback.agent != str(who):
        raise Refused(RefusedReason.CALL_TAKEN, id=callback.id, who=callback.agent or "",
                      until=to_iso(callback.claimed_until or now))


def _take(callback: Callback, action: Action, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    until = now + LEASE
    move(callback, action, now, claimed_until=until)
    callback.agent = str(who)
    set_due(callback, DueKind.CLAIM_ENDS, until, Responsible.DISPATCHER, work, policy)


def _miss(callback: Callback, work: SiteWork, policy: Policy, who: Actor, now: Instant, can_press: bool) -> None:
    """Nobody answered. An ordinary call is tried as often as the settings say, and they are told each time; a call for
    help, or one of our own accord, ends only when somebody has been reached."""
    callback.tries += 1
    last = callback.kind is CallbackKind.ORDINARY and callback.tries >= policy.service.callback_tries
    move(callback, Action.EXPIRE if last else Action.MISS, now)
    if last:
        settle_promises(work.promises.get(callback.id, []), now)
        work.draft.add(entry(callback, now, EntryKind.CALLBACK_NO_ANSWER, who=who, again_at=None),
                       entry(callback, now, EntryKind.CALLBACK_EXPIRED, tries=callback.tries))
        _tell(TopicName.CALLBACK_EXPIRED, callback, work, policy, now, can_press=can_press)
        return
    if not callback.emergency:
        callback.ring_from = next_try(callback, policy.service, now)
        by = promise_after(None if callback.urgent else desk_hours(policy.service), callback.ring_from, TRY_WITHIN)
        settle_promises(work.promises.get(callback.id, []), now)  # we have called
        promise_call(callback, by, work, policy, now)
        _tell(TopicName.CALLBACK_TRIED, callback, work, policy, now)
    if callback.kind is CallbackKind.CHECK and callback.tries >= policy.service.callback_tries:
        page_dispatcher(work.draft, policy, callback, PageReason.CALL_UNANSWERED, now,
                        facts=call_facts(callback, work))
    work.draft.add(entry(callback, now, EntryKind.CALLBACK_NO_ANSWER, who=who, again_at=callback.ring_from))


def _can_press(context: ActionContext, policy: Policy) -> bool:
    return has_working_button(context.around.devices, policy.profiles, context.around.dark)


def _tell(topic: TopicName, callback: Callback, work: SiteWork, policy: Policy, now: Instant, **more: Any) -> None:
    work.draft.add(notify(policy, customer(callback.customer_id), topic, callback, callback.tries, now,
                          facts=call_facts(callback, work) | {"tries": callback.tries} | more,
                          link_id=work.follow_id(callback.id)))


def _show_at_button(callback: Callback, context: ActionContext, policy: Policy, now: Instant) -> None:
    """What has become of their call is shown where it was asked for."""
    if context.planning is not None and context.last_press is not None:
        reply(context.last_press.press_id, answer_of(callback, context.planning, policy), context.planning, policy, now)
