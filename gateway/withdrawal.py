"""withdraw: closes what a profile's lost rule, or a device's lost profile, has left open."""

from gateway.flow import Gateway
from gateway.model import Instant
from gateway.model.plan import Draft
from gateway.planning.withdrawal import plan_withdrawn, watches
from gateway.store import Conflict, apply, gather, hot, losses, withdrawing

MOST = 500  # alarms in one transaction


def withdraw(gw: Gateway, now: Instant) -> int:
    """Closes alarms that can never end by themselves. Returns how many; there may be more."""
    with gw.store.read() as session:
        if not withdrawing.orphans(session, lambda *which: _watched(gw, *which), 1):
            return 0
    try:
        return _withdraw(gw, now)
    except Conflict:  # somebody else moved one of them on
        return 1


def _withdraw(gw: Gateway, now: Instant) -> int:
    with gw.store.write() as session:
        orphans = withdrawing.orphans(session, lambda *which: _watched(gw, *which), MOST)
        known = hot.load(session, set(orphans.values()), gw.scheduled)
        draft = Draft()
        facts = gather.situations(session, draft, {device.device_id for device in known.values()})
        told = withdrawing.told_of(session, [ticket.id for here in facts.values() for ticket in here.tickets.values()])
        closed = 0
        for device in known.values():
            here = facts[device.device_id]
            for alarm in [alarm for alarm in here.alarms.values() if alarm.id in orphans]:
                device.forget(alarm.rule)  # should the rule come back, it begins anew
                plan_withdrawn(alarm, here, told, gw.rules, now)
                closed += 1
        hot.save(session, known.values())
        losses.note(session, known.values(), gw.profiles, now)
        apply(session, draft.plan())
    return closed


def _watched(gw: Gateway, profile: str, rule: str) -> bool:
    """Of a profile that we do not know, nothing can be said."""
    return profile not in gw.profiles or watches(gw.profiles[profile], rule)
