"""What an agent does with a callback, and what the clock does when its promise is missed."""

from typing import Any

from gateway.model import DAY, DISPATCHER, Callback, Entry, EntryKind, Instant, Link
from gateway.notifications.topics import TopicName
from gateway.planning.acts import (
    AttemptCallback,
    CancelCallback,
    ConnectCallback,
    FinishCallback,
    MissCallback,
    Refused,
)
from gateway.planning.plan import Change, Plan
from gateway.planning.promises import call_off, miss, settle
from gateway.planning.rows import entry, on_call, tell
from gateway.planning.situation import Rules, Situation

CallbackAct = AttemptCallback | MissCallback | ConnectCallback | FinishCallback | CancelCallback

_FROM: dict[type, tuple[str, ...]] = {
    AttemptCallback: ("requested",),
    MissCallback: ("attempting",),
    ConnectCallback: ("requested", "attempting"),
    FinishCallback: ("connected",),
    CancelCallback: ("requested", "attempting", "connected"),
}


def plan_callback(act: CallbackAct, callback: Callback, facts: Situation, who: str, now: Instant) -> Plan:
    """requested → attempting → connected → done; a miss goes back to requested; cancel from anywhere open."""
    if callback.state not in _FROM[type(act)]:
        raise Refused(f"Callback {callback.id} is {callback.state}: that is not possible now.")
    values, said = _moved(act, callback, who, now)
    plan = Plan(add=[said],
                change=[Change(Callback, callback.id, values, {"state": callback.state})])
    if isinstance(act, ConnectCallback):
        plan += settle(facts.promises.get(callback.id, []), now)
    if values.get("closed_at"):
        plan += call_off(facts.promises.get(callback.id, []), now)
        if callback.id in facts.follow:
            plan.change.append(Change(Link, facts.follow[callback.id], {"expires_at": now + DAY}))
    return plan


def plan_overdue(callback: Callback, facts: Situation, rules: Rules, now: Instant) -> Plan:
    """We said we would have called by now: the promise is broken and the dispatcher hears of it, once."""
    return Plan(
        add=[
            entry(callback, now, EntryKind.CALLBACK_OVERDUE),
            *(tell(rules, recipient, TopicName.CALLBACK_OVERDUE, callback, 1, now, critical=True,
                   about={"callback_by": callback.promised_by, "device": facts.device.name})
              for recipient in dict.fromkeys((DISPATCHER, *(on_call(rules) if callback.emergency else ())))),
        ],
        change=[Change(Callback, callback.id, {"overdue_told_at": now}, {"overdue_told_at": None}),
                *miss(facts.promises.get(callback.id, []), now).change],
    )


def _moved(act: CallbackAct, callback: Callback, who: str, now: Instant) -> tuple[dict[str, Any], Entry]:
    match act:
        case AttemptCallback():
            return ({"state": "attempting", "attempts": callback.attempts + 1, "agent": who},
                    entry(callback, now, EntryKind.CALLBACK_ATTEMPT, who=who, number=callback.attempts + 1))
        case MissCallback():
            return {"state": "requested"}, entry(callback, now, EntryKind.CALLBACK_NO_ANSWER, who=who)
        case ConnectCallback():
            return {"state": "connected", "agent": who}, entry(callback, now, EntryKind.CALLBACK_CONNECTED, who=who)
        case FinishCallback(note=note):
            return ({"state": "done", "note": note, "closed_at": now},
                    entry(callback, now, EntryKind.CALLBACK_DONE, who=who, note=note))
        case CancelCallback(why=why):
            return ({"state": "cancelled", "note": why, "closed_at": now},
                    entry(callback, now, EntryKind.CANCELLED, who=who, reason=why))
