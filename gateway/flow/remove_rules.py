"""Closes alarms whose rule was removed from its profile, or whose device has lost its profile."""

from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.model.plan import Draft
from gateway.store import Conflict, apply
from gateway.store.contexts import planning, removed_rules
from gateway.store.devices import connection_losses, device_states
from gateway.tickets.alarms.withdrawal import has_rule, plan_rule_removed
from gateway.tickets.sla.follow import complete

MOST = 500  # alarms in one transaction


def remove_rules(gw: Gateway, now: Instant) -> int:
    """Closes up to MOST alarms whose rule is gone, which could never end by themselves. Returns how many."""
    with gw.store.read() as session:
        if not removed_rules.alarms_of_removed_rules(session, lambda *which: _still_watched(gw, *which), 1):
            return 0
    try:
        return _remove(gw, now)
    except Conflict:  # somebody else moved one of them on
        return 1


def _remove(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        alarms = removed_rules.alarms_of_removed_rules(session, lambda *which: _still_watched(gw, *which), MOST)
        devices = device_states.load(session, set(alarms.values()), gw.scheduled)
        draft = Draft()
        contexts = planning.planning_contexts(session, draft, {device.device_id for device in devices.values()})
        tickets = {ticket_id for context in contexts.values() for ticket_id in context.work.tickets}
        told = removed_rules.notified_tickets(session, tickets)
        closed = 0
        for device in devices.values():
            context = contexts[device.device_id]
            for alarm in [alarm for alarm in context.alarms.values() if alarm.id in alarms]:
                device.forget(alarm.rule)  # should the rule come back, it begins anew
                plan_rule_removed(alarm, context, told, gw.policy, now)
                closed += 1
        device_states.save(session, devices.values())
        connection_losses.record_losses(session, devices.values(), gw.profiles, now)
        apply(session, complete(draft, gw.policy, now))
    return closed


def _still_watched(gw: Gateway, profile: str, rule: str) -> bool:
    """True for a profile that is not loaded: nothing is known about its rules."""
    return profile not in gw.profiles or has_rule(gw.profiles[profile], rule)
