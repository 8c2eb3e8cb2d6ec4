"""A press → one callback for the site while it is open, a promised time, and an answer to the device."""

from typing import Any

from gateway.detection.state import Pressed
from gateway.dialects import reply_to_press
from gateway.hours import add_open_time
from gateway.model import MINUTE, SECOND, Callback, Command, Instant, Outage, PressRecord, Promise, Site
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import FOLLOW_FOR, entry, link, tell
from gateway.planning.situation import Rules, Situation

SAME_FINGER = 2 * SECOND  # presses without an id of their own within this time are one press sent twice
REPLY_FOR = 10 * MINUTE  # a device that comes back later asks again by pressing


def plan_pressed(pressed: Pressed, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """One finger, one press; one site, one callback. Every press is answered."""
    seen = facts.presses.get(pressed.press_id) if pressed.press_id else None
    if seen is None and pressed.press_id is None and _is_echo(pressed, facts):
        return Plan()
    if seen is not None:  # the network repeated it: answer again, change nothing
        callback = facts.press_callbacks.get(seen.callback_id or "")
        return _reply(seen.press_id, callback, facts, rules, now) if callback else Plan()
    press_id = pressed.press_id or f"at-{now}"
    callback = facts.callback
    if callback is None and facts.known_outage is not None and not pressed.urgent and not _asked(facts):
        callback, plan = _answer(pressed, facts, facts.known_outage, rules, now)
    elif callback is None:
        callback, plan = _open(pressed, facts, rules, now)
    else:
        plan = _join(pressed, callback, facts, rules, now)
    press = PressRecord(device_id=facts.device.id, press_id=press_id, kind=pressed.kind, at=pressed.at,
                        received_at=now, callback_id=callback.id)
    facts.presses[press_id] = facts.last_press = press
    facts.press_callbacks[callback.id] = callback
    plan.add.append(press)
    plan += _reply(press_id, callback, facts, rules, now)
    return plan


def promised_time(service: Any, urgent: bool, now: Instant) -> Instant:
    """When we will have called, counted in the callback desk's open hours."""
    minutes = service.callback_minutes_urgent if urgent else service.callback_minutes
    return add_open_time(service.callback_hours, service.callback_timezone, now, minutes)


def _is_echo(pressed: Pressed, facts: Situation) -> bool:
    last = facts.last_press
    return last is not None and last.kind == pressed.kind and abs(pressed.at - last.at) < SAME_FINGER


def _open(pressed: Pressed, facts: Situation, rules: Rules, now: Instant) -> tuple[Callback, Plan]:
    by = promised_time(rules.service, pressed.urgent, now)
    callback = Callback(id=rules.fresh("C"), site_id=facts.site.id, customer_id=facts.customer.id,
                        device_id=facts.device.id, urgent=pressed.urgent, requested_at=now, promised_by=by)
    facts.open_callbacks[facts.site.id] = callback
    follow = link(rules, "follow", callback.id, now, now + FOLLOW_FOR)
    about = {"callback_by": by, "device": facts.device.name, "site": _where(facts.site)}
    return callback, Plan(add=[
        callback, follow,
        Promise(id=rules.fresh("P"), subject_id=callback.id, kind="callback_by", made_at=now, due_at=by),
        entry(callback.id, now, f"The button was pressed ({pressed.kind})", who=f"device {facts.device.id}"),
        # somebody pressed a moment ago and waits for this answer: no quiet hours
        tell(rules, f"customer/{facts.customer.id}", "callback_scheduled", callback.id, 1, now, about=about,
             critical=True, link_id=follow.id, heard_at=now),
    ])


def _join(pressed: Pressed, callback: Callback, facts: Situation, rules: Rules, now: Instant) -> Plan:
    values: dict[str, Any] = {"presses": callback.presses + 1}
    words = f"The button was pressed again ({pressed.kind})"
    if pressed.urgent and not callback.urgent:
        sooner = min(callback.promised_by, promised_time(rules.service, True, now))
        values |= {"urgent": True, "promised_by": sooner}
        callback.promised_by, callback.urgent = sooner, True
        words += ": now urgent"
    expecting = {"closed_at": None, "presses": callback.presses}
    callback.presses += 1
    return Plan(add=[entry(callback.id, now, words, who=f"device {facts.device.id}")],
                change=[Change(Callback, callback.id, values, expecting)])


def _reply(press_id: str, callback: Callback, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """Tells the device what became of its press; the row leaves only after the commit."""
    state = "callback_scheduled" if callback.closed_at is None else "callback_closed"
    command_id = rules.fresh("M")
    until = now + REPLY_FOR
    message = reply_to_press(facts.device.key, press_id, state, callback.promised_by, command_id, until)
    if message is None:
        return Plan()
    topic, payload = message
    return Plan(add=[Command(id=command_id, device_id=facts.device.id, topic=topic, payload=payload,
                             created_at=now, expires_at=until)])


def _asked(facts: Situation) -> bool:
    """Whether this outage has answered them before: who presses again wants to be called."""
    last = facts.last_press
    before = facts.press_callbacks.get((last.callback_id if last is not None else None) or "")
    return before is not None and facts.known_outage is not None and before.outage_id == facts.known_outage.id


def _answer(pressed: Pressed, facts: Situation, outage: Outage, rules: Rules, now: Instant) -> tuple[Callback, Plan]:
    """What they would ask about is known: they are told at once, and nobody needs to call."""
    callback = Callback(id=rules.fresh("C"), site_id=facts.site.id, customer_id=facts.customer.id,
                        device_id=facts.device.id, state="answered", requested_at=now, promised_by=now, closed_at=now,
                        outage_id=outage.id)
    about = {"area": outage.name, "homes": outage.homes, "etr": outage.etr_at, "answered": True,
             "site": _where(facts.site)}
    page = link(rules, "follow", f"{outage.id}/{facts.site.id}", now, now + FOLLOW_FOR)
    return callback, Plan(add=[
        callback, page,
        entry(callback.id, now, f"The button was pressed ({pressed.kind}); outage {outage.id} is the answer",
              who=f"device {facts.device.id}", why={"outage": outage.id}),
        entry(outage.id, now, f"Answered {facts.customer.name}, who pressed the button"),
        tell(rules, f"customer/{facts.customer.id}", "outage", callback.id, "answer", now, about=about, critical=True,
             link_id=page.id, heard_at=now),
    ])


def _where(site: Site) -> str:
    return ", ".join(part for part in (site.street, f"{site.postcode} {site.town}".strip()) if part)
