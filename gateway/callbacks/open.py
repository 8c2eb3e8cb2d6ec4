"""Plans a button press: one open callback for each site, a promised time, and an acknowledgement to the device."""

from itertools import count
from typing import Any

from gateway.calendars.desk_hours import desk_hours
from gateway.calendars.working_time import promise_after
from gateway.callbacks.button_tests import plan_test_press, reply_to_test
from gateway.callbacks.emergency_numbers import emergency_number
from gateway.callbacks.lifecycle import WAITING
from gateway.callbacks.press_replies import reply
from gateway.config.settings import Service
from gateway.detection.device_state import Pressed
from gateway.model import (
    MINUTE,
    SECOND,
    Callback,
    CallbackState,
    EntryKind,
    Instant,
    LinkPurpose,
    OnCallRole,
    Outage,
    PageReason,
    PressKind,
    PressRecord,
    Site,
    customer,
)
from gateway.model.signals import PressAnswer
from gateway.model.states import PressReply
from gateway.notifications.messages import no_rescue_service
from gateway.notifications.topics import TopicName
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify, show_time
from gateway.tickets.on_call.pages import open_page, page_dispatcher, tell_again
from gateway.tickets.promises.promised_times import call_by

SAME_FINGER = 2 * SECOND  # presses without an id of their own within this time are one press sent twice


def plan_press(pressed: Pressed, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """Opens a callback, or adds the press to the site's open one; a repeated message is no new press. Every press
    is acknowledged."""
    seen = context.presses.get(pressed.press_id) if pressed.press_id else None
    if seen is None and pressed.press_id is None and _is_echo(pressed, context):
        return
    if pressed.test and seen is not None:
        reply_to_test(pressed, seen.press_id, context, policy, now)
        return
    if seen is not None:  # the network repeated it: answer again, change nothing
        known = context.press_callbacks.get(seen.callback_id or "")
        if known is not None:
            _reply(seen.press_id, known, context, policy, now)
        return
    press_id = pressed.press_id or _generated_id(context, now)
    if pressed.test:
        plan_test_press(pressed, press_id, context, policy, now)
        return
    callback = context.callback
    if callback is None and context.known_outage is not None and not pressed.urgent and not _answered_before(context):
        callback = _answer(pressed, context, context.known_outage, policy, now)
    elif callback is None:
        callback = _open(pressed, context, policy, now)
    else:
        _join(pressed, callback, context, policy, now)
    press = PressRecord(device_id=context.device.id, press_id=press_id, kind=PressKind(pressed.kind), at=pressed.at,
                        received_at=now, callback_id=callback.id)
    context.presses[press_id] = context.last_press = press
    context.press_callbacks[callback.id] = callback
    context.draft.add(press)
    if pressed.emergency:
        _call_for_help(pressed, press_id, callback, context, policy, now)
    _reply(press_id, callback, context, policy, now)


def promised_time(service: Service, pressed: Pressed, now: Instant) -> Instant:
    """By when we promise to call, counted in the callback hours; an emergency does not wait for them."""
    minutes = service.callback_minutes_urgent if pressed.urgent else service.callback_minutes
    return promise_after(None if pressed.emergency else desk_hours(service), now, minutes * MINUTE)


def _generated_id(context: PlanningContext, now: Instant) -> str:
    """An id for a press that came without one; two at the same moment get different ids."""
    last = context.last_press.press_id if context.last_press is not None else ""
    names = (f"at-{now}" if number == 1 else f"at-{now}-{number}" for number in count(1))
    return next(name for name in names if name not in context.presses and name != last)


def _is_echo(pressed: Pressed, context: PlanningContext) -> bool:
    last = context.last_press
    return last is not None and last.kind == pressed.kind and abs(pressed.at - last.at) < SAME_FINGER


def _open(pressed: Pressed, context: PlanningContext, policy: Policy, now: Instant) -> Callback:
    by = promised_time(policy.service, pressed, now)
    callback = Callback(id=policy.new_id("C"), site_id=context.site.id, customer_id=context.customer.id,
                        device_id=context.device.id, urgent=pressed.urgent, emergency=pressed.emergency,
                        requested_at=now, promised_by=by)
    context.open_callbacks[context.site.id] = callback
    context.work.follow[callback.id] = follow = link(policy, LinkPurpose.FOLLOW, callback, now, now + FOLLOW_FOR)
    show_time(call_by(callback), context.work, policy, now)  # the device shows it at once
    context.draft.add(
        callback, follow,
        entry(callback, now, EntryKind.PRESSED, press=pressed.kind, who=context.by_device),
        # somebody pressed a moment ago and waits for this answer: no quiet hours
        notify(policy, customer(context.customer.id), TopicName.CALLBACK_SCHEDULED, callback, 1, now,
               facts=_facts(by, context), link_id=follow.id, heard_at=now))
    return callback


def _join(pressed: Pressed, callback: Callback, context: PlanningContext, policy: Policy, now: Instant) -> None:
    became = None
    if (pressed.urgent and not callback.urgent) or (pressed.emergency and not callback.emergency):
        became = "emergency" if pressed.emergency else "urgent"
        if callback.state in WAITING or pressed.emergency:  # else somebody is speaking with them
            by = promised_time(policy.service, pressed, now)
            callback.promised_by = min(callback.promised_by, by) if callback.promised_by > now else by
            show_time(call_by(callback), context.work, policy, now)
        callback.urgent, callback.emergency = True, callback.emergency or pressed.emergency
        if pressed.emergency:
            # they have been promised a call; now they must read whom to ring in danger
            context.draft.add(notify(policy, customer(context.customer.id), TopicName.CALLBACK_SCHEDULED, callback,
                                     "emergency", now, facts=_facts(callback.promised_by, context),
                                     heard_at=now, link_id=context.work.follow_id(callback.id)))
    callback.presses += 1
    context.draft.add(entry(callback, now, EntryKind.PRESSED_AGAIN, who=context.by_device,
                            press=pressed.kind, became=became))


def _call_for_help(pressed: Pressed, press_id: str, callback: Callback, context: PlanningContext, policy: Policy,
                   now: Instant) -> None:
    """Every press goes to a person at once, whatever the hours, also while somebody is on the case."""
    facts = {"pressed_at": pressed.at, **_facts(callback.promised_by, context)}
    page = open_page(context.draft, callback, OnCallRole.EMERGENCY)
    if page is None:
        page_dispatcher(context.draft, policy, callback, PageReason.CALL_FOR_HELP, now, role=OnCallRole.EMERGENCY,
                        facts=facts, heard_at=now)
    else:
        tell_again(page, callback, f"{context.device.id}/{press_id}", context.draft, policy, now, facts, heard_at=now)


def _facts(by: Instant, context: PlanningContext) -> dict[str, Any]:
    return {"callback_by": by, "device": context.device.name, "site": _where(context.site)}


def _reply(press_id: str, callback: Callback, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """Queues the acknowledgement of the press to the device; it is published only after the commit."""
    in_danger = emergency_number(context.site.country or policy.service.country) if callback.emergency else ""
    language = policy.catalogues.best_for
    notice = no_rescue_service(in_danger, language(context.customer.locale)) if callback.emergency else ""
    if callback.state is CallbackState.ANSWERED:
        reply(press_id, PressAnswer(PressReply.ANSWERED), context, policy, now)
        return
    state = PressReply.CALLBACK_SCHEDULED if callback.closed_at is None else PressReply.CALLBACK_CLOSED
    reply(press_id, PressAnswer(state, callback.promised_by, notice=notice, emergency_number=in_danger), context,
          policy, now)


def _answered_before(context: PlanningContext) -> bool:
    """Whether this outage has answered them before: who presses again wants to be called."""
    last = context.last_press
    before = context.press_callbacks.get((last.callback_id if last is not None else None) or "")
    return before is not None and context.known_outage is not None and before.outage_id == context.known_outage.id


def _answer(pressed: Pressed, context: PlanningContext, outage: Outage, policy: Policy, now: Instant) -> Callback:
    """Answers with the known outage at once, so that nobody needs to call."""
    callback = Callback(id=policy.new_id("C"), site_id=context.site.id, customer_id=context.customer.id,
                        device_id=context.device.id, state=CallbackState.ANSWERED, requested_at=now,
                        promised_by=now, closed_at=now, outage_id=outage.id)
    facts = {"area": outage.name, "homes": outage.homes, "etr": outage.etr_at, "answered": True,
             "site": _where(context.site)}
    page = link(policy, LinkPurpose.FOLLOW, outage, now, now + FOLLOW_FOR, context.site.id)
    context.draft.add(
        callback, page,
        entry(callback, now, EntryKind.PRESSED_ANSWERED, press=pressed.kind, outage=outage.id,
              who=context.by_device, evidence={"outage": outage.id}),
        entry(outage, now, EntryKind.CUSTOMER_ANSWERED, customer=context.customer.name),
        notify(policy, customer(context.customer.id), TopicName.OUTAGE, callback, "answer", now, facts=facts,
               link_id=page.id, heard_at=now))
    return callback


def _where(site: Site) -> str:
    return ", ".join(part for part in (site.street, f"{site.postcode} {site.town}".strip()) if part)
