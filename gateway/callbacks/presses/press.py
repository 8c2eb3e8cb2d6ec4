"""Plans a button press: it opens or joins the site's callback of its kind, and the device hears what follows."""

from typing import Any

from gateway.callbacks.open import Wish, call_facts, wish_call
from gateway.callbacks.presses.answers import answer_press, answer_to_press, link_call, outage_here
from gateway.callbacks.presses.button_tests import plan_test_press, reply_to_test, requested_test
from gateway.callbacks.presses.records import earlier_press, is_echo, keep_press
from gateway.callbacks.presses.replies import answer_of, reply
from gateway.detection.device_state import Pressed
from gateway.model import (
    SECOND,
    Callback,
    CallbackKind,
    CallbackOrigin,
    Instant,
    OnCallRole,
    PageReason,
)
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.on_call.pages import open_page, page_dispatcher, tell_again

SAME_PAGE = 10 * SECOND  # presses within this time of a page are told by it, with their number


def plan_press(pressed: Pressed, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """A press opens a callback, or joins the site's open one of its kind; a repeated message is no new press. Every
    press is answered."""
    if is_echo(pressed, context, now):
        return
    seen = earlier_press(pressed, context, now)
    if seen is not None:  # answer again, change nothing
        known = context.press_callbacks.get(seen.callback_id or "")
        if pressed.test:
            reply_to_test(pressed, seen.press_id, context, policy, now)
        elif known is not None:
            _reply(seen.press_id, known, context, policy, now)
        return
    press = keep_press(pressed, context, now)
    if pressed.test:
        plan_test_press(pressed, press.press_id, context, policy, now)
        return
    callback = _call_for(pressed, context, policy, now)
    press.callback_id = callback.id
    context.press_callbacks[callback.id] = callback
    if pressed.emergency:
        _call_for_help(pressed, press.press_id, callback, context, policy, now)
    _reply(press.press_id, callback, context, policy, now)


def _call_for(pressed: Pressed, context: PlanningContext, policy: Policy, now: Instant) -> Callback:
    kind = CallbackKind.EMERGENCY if pressed.emergency else CallbackKind.ORDINARY
    if kind is CallbackKind.ORDINARY and kind not in context.work.callbacks and not pressed.urgent:
        answer = answer_to_press(context, policy, now)
        if answer is not None:
            return answer_press(pressed, answer, context, policy, now)
    callback = wish_call(Wish(kind, CallbackOrigin.PRESS, pressed.urgent or pressed.emergency, context.device.id,
                              pressed.kind, who=context.by_device), context.work, policy, now)
    outage = outage_here(context)
    if outage is not None and callback.outage_id is None:
        link_call(callback, outage, context.work, now)
    return callback


def _call_for_help(pressed: Pressed, press_id: str, callback: Callback, context: PlanningContext, policy: Policy,
                   now: Instant) -> None:
    """Every press goes to a person at once, whatever the hours, also while somebody is on the case."""
    facts: dict[str, Any] = {"pressed_at": pressed.at, "presses": callback.presses, "device": context.device.name,
                             **_doubts(pressed, context), **call_facts(callback, context.work)}
    page = open_page(context.draft, callback, OnCallRole.EMERGENCY)
    if page is None:
        page_dispatcher(context.draft, policy, callback, PageReason.CALL_FOR_HELP, now, role=OnCallRole.EMERGENCY,
                        facts=facts, heard_at=now)
    elif now - page.told_at >= SAME_PAGE:
        tell_again(page, callback, f"{context.device.id}/{press_id}", context.draft, policy, now, facts, heard_at=now)


def _doubts(pressed: Pressed, context: PlanningContext) -> dict[str, Any]:
    """What whoever is paged has to know, and must not be led by: perhaps nobody pressed, or it is the test that they
    were asked for."""
    doubts: dict[str, Any] = {} if pressed.suspicion is None else {"suspicion": pressed.suspicion}
    test = requested_test(context.device.id, context.work)
    return doubts if test is None else {**doubts, "test_asked_at": test.asked_at}


def _reply(press_id: str, callback: Callback, context: PlanningContext, policy: Policy, now: Instant) -> None:
    reply(press_id, answer_of(callback, context, policy), context, policy, now)
