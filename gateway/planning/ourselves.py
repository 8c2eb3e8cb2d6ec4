"""Our own faults: no broker is heard, or not all of it, or our clock jumped. Only the operator is told of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.model import DISPATCHER, SECOND, EntryKind, Instant, Notification, Outage
from gateway.notifications.topics import TopicName
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import entry, tell
from gateway.planning.situation import Rules

ASK_AGAIN = 5 * SECOND  # a broker that restarts is back sooner
NO_BEAT = 8 * SECOND  # since a listener's last word: four beats; told a second later at most, so within ten
NOBODY_LOOKED = 4 * SECOND  # when it was due: a suspicion from before we ended proves nothing, and is asked anew
STILL_MISSING = 20 * SECOND  # a broker that hung up on us is asked again by then
NAMED = 5  # dialects, and filters of each, in a message
LOOK_TWICE = 2 * SECOND  # after a pause of the whole machine the listener has its chance to speak first


def plan_deaf(standing: Outage | None, quiet_since: Instant | None, rules: Rules, now: Instant,
              missing: Mapping[str, Sequence[str]] | None = None) -> Plan:
    """We hear no broker since `quiet_since` (None: we do): suspected at once, told to the operator a little later, over
    when we hear it again. `missing`: what a broker that is there does not let us hear, as below."""
    listening = quiet_since is None
    if standing is None:
        if quiet_since is None:
            return Plan()
        due = now + ASK_AGAIN if quiet_since == now else max(quiet_since + NO_BEAT, now + LOOK_TWICE)
        row = Outage(id=rules.fresh("X"), key="!deaf", kind="gateway", began_at=quiet_since, last_at=quiet_since,
                     suspected_at=now, next_at=due, why={"listening": False})
        return Plan(add=[row])
    expecting: dict[str, Any] = {"state": standing.state}
    if listening:
        state = "closed" if standing.state == "confirmed" else "dismissed"
        plan = Plan([entry(standing, now, EntryKind.BROKER_HEARD_AGAIN)], [Change(
            Outage, standing.id, {"state": state, "closed_at": now, "restored_at": now, "next_at": None}, expecting)])
        if state == "closed":
            plan.add.append(_operator(standing, TopicName.OWN_FAULT_OVER, rules, now))
        return plan
    if standing.state == "suspected" and now - (standing.next_at or now) > NOBODY_LOOKED:
        anew = {"began_at": quiet_since, "next_at": now + ASK_AGAIN}
        return Plan(change=[Change(Outage, standing.id, anew, expecting)])
    if standing.state == "suspected" and (standing.next_at or now) <= now:
        return Plan([entry(standing, now, EntryKind.BROKER_NOT_HEARD),
                     _operator(standing, TopicName.OWN_FAULT, rules, now, **_words(missing or {}))],
                    [Change(Outage, standing.id, {"state": "confirmed", "confirmed_at": now, "next_at": None},
                            expecting)])
    return Plan()


def plan_unheard(standing: Outage | None, missing: Mapping[str, Sequence[str]], rules: Rules, now: Instant) -> Plan:
    """We hear our broker, and it does not let us hear `missing` (dialect → filters): told to the operator when that
    lasts, again when a further dialect is among them, over when there is nothing left."""
    if standing is None:
        if not missing:
            return Plan()
        return Plan(add=[Outage(
            id=rules.fresh("X"), key="!unheard", kind="gateway", began_at=now, last_at=now, suspected_at=now,
            next_at=now + STILL_MISSING, why={"unheard_filters": {}})])
    expecting: dict[str, Any] = {"state": standing.state}
    if not missing:
        state = "closed" if standing.state == "confirmed" else "dismissed"
        plan = Plan([entry(standing, now, EntryKind.TOPICS_HEARD_AGAIN)], [Change(
            Outage, standing.id, {"state": state, "closed_at": now, "restored_at": now, "next_at": None}, expecting)])
        if state == "closed":
            plan.add.append(_operator(standing, TopicName.OWN_FAULT_OVER, rules, now))
        return plan
    if (standing.state == "suspected" and (standing.next_at or now) <= now) or not fits(standing, missing):
        why = standing.why | {"unheard_filters": {name: list(missing[name])[:NAMED] for name in sorted(missing)}}
        words = _words(missing)
        told = _operator(standing, TopicName.OWN_FAULT, rules, now, "+".join(sorted(missing))[:60], **words)
        return Plan([entry(standing, now, EntryKind.TOPICS_NOT_HEARD, filters=words["filters"]), told],
                    [Change(Outage, standing.id, {"state": "confirmed", "confirmed_at": standing.confirmed_at or now,
                                                  "next_at": None, "why": why}, expecting)])
    return Plan()


def fits(standing: Outage | None, missing: Mapping[str, Sequence[str]]) -> bool:
    """Whether nothing new is to be said of what we do not hear."""
    if standing is None or not missing:
        return standing is None and not missing
    return standing.state == "suspected" or missing.keys() <= standing.why.get("unheard_filters", {}).keys()


def _words(missing: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """`missing` and `filters` of a message; {} when nothing is missing."""
    if not missing:
        return {}
    names = sorted(missing)
    few = [f"{name} ({', '.join(missing[name][:NAMED])}{' …' if len(missing[name]) > NAMED else ''})"
           for name in names[:NAMED]]
    more = " …" if len(names) > NAMED else ""
    return {"what": "unheard", "missing": ", ".join(names[:NAMED]) + more, "filters": ", ".join(few) + more}


def plan_jump(by: int, rules: Rules, now: Instant) -> Plan:
    """Our own clock jumped by `by` ms: told, over at once, and everybody gets their time anew."""
    row = Outage(id=rules.fresh("X"), key="!clock", kind="gateway", state="closed", began_at=now, last_at=now,
                 suspected_at=now, confirmed_at=now, closed_at=now, why={"jumped_ms": by})
    return Plan([row, entry(row, now, EntryKind.CLOCK_JUMPED, seconds=round(by / SECOND)),
                 _operator(row, TopicName.OWN_FAULT, rules, now, seconds=round(by / SECOND))])


def _operator(outage: Outage, topic: TopicName, rules: Rules, now: Instant, occasion: str | int = 1, **about: Any
              ) -> Notification:
    what = {"!clock": "clock", "!unheard": "unheard"}.get(outage.key, "deaf")
    return tell(rules, DISPATCHER, topic, outage, occasion, now, critical=True, heard_at=now,
                about={"what": what, "area": "", "homes": 0, **about})
