"""Plans a button press: one open callback for each site, a promised time, and an acknowledgement to the device."""

from itertools import count
from typing import Any

from gateway.calendars.opening_hours import add_open_time
from gateway.callbacks.emergency_numbers import emergency_number
from gateway.detection.device_state import Pressed
from gateway.devices.dialects import reply_to_press
from gateway.model import (
    MINUTE,
    SECOND,
    Callback,
    CallbackState,
    Command,
    EntryKind,
    Instant,
    LinkPurpose,
    Outage,
    PressKind,
    PressRecord,
    Promise,
    PromiseKind,
    Site,
    customer,
)
from gateway.notifications.messages import no_rescue_service
from gateway.notifications.topics import TopicName
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, on_call, tell

SAME_FINGER = 2 * SECOND  # presses without an id of their own within this time are one press sent twice
REPLY_FOR = 10 * MINUTE  # a device that comes back later asks again by pressing


def plan_pressed(pressed: Pressed, facts: PlanningContext, rules: Policy, now: Instant) -> None:
    """One finger, one press; one site, one callback. Every press is answered."""
    seen = facts.presses.get(pressed.press_id) if pressed.press_id else None
    if seen is None and pressed.press_id is None and _is_echo(pressed, facts):
        return
    if seen is not None:  # the network repeated it: answer again, change nothing
        known = facts.press_callbacks.get(seen.callback_id or "")
        if known is not None:
            _reply(seen.press_id, known, facts, rules, now)
        return
    press_id = pressed.press_id or _own_id(facts, now)
    callback = facts.callback
    if callback is None and facts.known_outage is not None and not pressed.urgent and not _asked(facts):
        callback = _answer(pressed, facts, facts.known_outage, rules, now)
    elif callback is None:
        callback = _open(pressed, facts, rules, now)
    else:
        _join(pressed, callback, facts, rules, now)
    press = PressRecord(device_id=facts.device.id, press_id=press_id, kind=PressKind(pressed.kind), at=pressed.at,
                        received_at=now, callback_id=callback.id)
    facts.presses[press_id] = facts.last_press = press
    facts.press_callbacks[callback.id] = callback
    facts.draft.add(press)
    if pressed.emergency:
        _call_for_help(pressed, press_id, callback, facts, rules, now)
    _reply(press_id, callback, facts, rules, now)


def promised_time(service: Any, pressed: Pressed, now: Instant) -> Instant:
    """When we will have called, counted in the callback desk's open hours; a call for help waits for none."""
    minutes = service.callback_minutes_urgent if pressed.urgent else service.callback_minutes
    hours = None if pressed.emergency else service.callback_hours
    return add_open_time(hours, service.callback_timezone, now, minutes)


def _own_id(facts: PlanningContext, now: Instant) -> str:
    """An id for a press that came without one; two of one moment are two."""
    last = facts.last_press.press_id if facts.last_press is not None else ""
    names = (f"at-{now}" if number == 1 else f"at-{now}-{number}" for number in count(1))
    return next(name for name in names if name not in facts.presses and name != last)


def _is_echo(pressed: Pressed, facts: PlanningContext) -> bool:
    last = facts.last_press
    return last is not None and last.kind == pressed.kind and abs(pressed.at - last.at) < SAME_FINGER


def _open(pressed: Pressed, facts: PlanningContext, rules: Policy, now: Instant) -> Callback:
    by = promised_time(rules.service, pressed, now)
    callback = Callback(id=rules.fresh("C"), site_id=facts.site.id, customer_id=facts.customer.id,
                        device_id=facts.device.id, urgent=pressed.urgent, emergency=pressed.emergency,
                        requested_at=now, promised_by=by)
    facts.open_callbacks[facts.site.id] = callback
    facts.follow[callback.id] = follow = link(rules, LinkPurpose.FOLLOW, callback, now, now + FOLLOW_FOR)
    promise = Promise(id=rules.fresh("P"), subject_id=callback.id, kind=PromiseKind.CALLBACK_BY, made_at=now, due_at=by)
    facts.promises.setdefault(callback.id, []).append(promise)
    facts.draft.add(
        callback, follow, promise,
        entry(callback, now, EntryKind.PRESSED, press=pressed.kind, who=facts.by_device),
        # somebody pressed a moment ago and waits for this answer: no quiet hours
        tell(rules, customer(facts.customer.id), TopicName.CALLBACK_SCHEDULED, callback, 1, now,
             about=_about(by, facts), link_id=follow.id, heard_at=now))
    return callback


def _join(pressed: Pressed, callback: Callback, facts: PlanningContext, rules: Policy, now: Instant) -> None:
    became = None
    if (pressed.urgent and not callback.urgent) or (pressed.emergency and not callback.emergency):
        became = "emergency" if pressed.emergency else "urgent"
        callback.promised_by = min(callback.promised_by, promised_time(rules.service, pressed, now))
        callback.urgent, callback.emergency = True, callback.emergency or pressed.emergency
        if pressed.emergency:
            # they have been promised a call; now they must read whom to ring in danger
            facts.draft.add(tell(rules, customer(facts.customer.id), TopicName.CALLBACK_SCHEDULED, callback,
                                 "emergency", now, about=_about(callback.promised_by, facts),
                                 heard_at=now, link_id=facts.follow_id(callback.id)))
    callback.presses += 1
    facts.draft.add(entry(callback, now, EntryKind.PRESSED_AGAIN, who=facts.by_device,
                          press=pressed.kind, became=became))


def _call_for_help(pressed: Pressed, press_id: str, callback: Callback, facts: PlanningContext, rules: Policy,
                   now: Instant
                   ) -> None:
    """Every press goes to a person at once, whatever the hours, also while somebody is on the case."""
    for recipient in on_call(rules):
        facts.draft.add(tell(rules, recipient, TopicName.EMERGENCY_PRESS, callback, f"{facts.device.id}/{press_id}",
                             now, about={"pressed_at": pressed.at, **_about(callback.promised_by, facts)},
                             heard_at=now))


def _about(by: Instant, facts: PlanningContext) -> dict[str, Any]:
    return {"callback_by": by, "device": facts.device.name, "site": _where(facts.site)}


def _reply(press_id: str, callback: Callback, facts: PlanningContext, rules: Policy, now: Instant) -> None:
    """Tells the device what became of its press; the row leaves only after the commit."""
    state = "callback_scheduled" if callback.closed_at is None else "callback_closed"
    command_id = rules.fresh("M")
    until = now + REPLY_FOR
    in_danger = emergency_number(facts.site.country or rules.service.country) if callback.emergency else ""
    language = rules.catalogues.best_for
    notice = no_rescue_service(in_danger, language(facts.customer.locale)) if callback.emergency else ""
    message = reply_to_press(facts.device.key, press_id, state, callback.promised_by, command_id, until, notice,
                             in_danger)
    if message is not None:
        topic, payload = message
        facts.draft.add(Command(id=command_id, device_id=facts.device.id, topic=topic, payload=payload, created_at=now,
                                expires_at=until))


def _asked(facts: PlanningContext) -> bool:
    """Whether this outage has answered them before: who presses again wants to be called."""
    last = facts.last_press
    before = facts.press_callbacks.get((last.callback_id if last is not None else None) or "")
    return before is not None and facts.known_outage is not None and before.outage_id == facts.known_outage.id


def _answer(pressed: Pressed, facts: PlanningContext, outage: Outage, rules: Policy, now: Instant) -> Callback:
    """What they would ask about is known: they are told at once, and nobody needs to call."""
    callback = Callback(id=rules.fresh("C"), site_id=facts.site.id, customer_id=facts.customer.id,
                        device_id=facts.device.id, state=CallbackState.ANSWERED, requested_at=now,
                        promised_by=now, closed_at=now, outage_id=outage.id)
    about = {"area": outage.name, "homes": outage.homes, "etr": outage.etr_at, "answered": True,
             "site": _where(facts.site)}
    page = link(rules, LinkPurpose.FOLLOW, outage, now, now + FOLLOW_FOR, facts.site.id)
    facts.draft.add(
        callback, page,
        entry(callback, now, EntryKind.PRESSED_ANSWERED, press=pressed.kind, outage=outage.id,
              who=facts.by_device, why={"outage": outage.id}),
        entry(outage, now, EntryKind.CUSTOMER_ANSWERED, customer=facts.customer.name),
        tell(rules, customer(facts.customer.id), TopicName.OUTAGE, callback, "answer", now, about=about,
             link_id=page.id, heard_at=now))
    return callback


def _where(site: Site) -> str:
    return ", ".join(part for part in (site.street, f"{site.postcode} {site.town}".strip()) if part)
