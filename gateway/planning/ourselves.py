"""Our own faults: we hear no broker, or our clock jumped. The operator is told; no customer ever is."""

from typing import Any

from gateway.model import SECOND, Instant, Notification, Outage
from gateway.planning.plan import Change, Plan
from gateway.planning.rows import entry, tell
from gateway.planning.situation import Rules

ASK_AGAIN = 5 * SECOND  # a broker that restarts is back sooner
NO_BEAT = 8 * SECOND  # since a listener's last word: four beats; told a second later at most, so within ten
NOBODY_LOOKED = 4 * SECOND  # when it was due: a suspicion from before we ended proves nothing, and is asked anew
LOOK_TWICE = 2 * SECOND  # after a pause of the whole machine the listener has its chance to speak first


def plan_deaf(standing: Outage | None, quiet_since: Instant | None, rules: Rules, now: Instant) -> Plan:
    """We hear no broker since `quiet_since` (None: we do): suspected at once, told to the operator a little later, over
    when we hear it again."""
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
        plan = Plan([entry(standing.id, now, "The gateway hears its broker again")], [Change(
            Outage, standing.id, {"state": state, "closed_at": now, "restored_at": now, "next_at": None}, expecting)])
        if state == "closed":
            plan.add.append(_operator(standing, "own_fault_over", rules, now))
        return plan
    if standing.state == "suspected" and now - (standing.next_at or now) > NOBODY_LOOKED:
        anew = {"began_at": quiet_since, "next_at": now + ASK_AGAIN}
        return Plan(change=[Change(Outage, standing.id, anew, expecting)])
    if standing.state == "suspected" and (standing.next_at or now) <= now:
        return Plan([entry(standing.id, now, "The gateway hears no broker: nobody is judged meanwhile"),
                     _operator(standing, "own_fault", rules, now)],
                    [Change(Outage, standing.id, {"state": "confirmed", "confirmed_at": now, "next_at": None},
                            expecting)])
    return Plan()


def plan_jump(by: int, rules: Rules, now: Instant) -> Plan:
    """Our own clock jumped by `by` ms: told, over at once, and everybody gets their time anew."""
    row = Outage(id=rules.fresh("X"), key="!clock", kind="gateway", state="closed", began_at=now, last_at=now,
                 suspected_at=now, confirmed_at=now, closed_at=now, why={"jumped_ms": by})
    return Plan([row, entry(row.id, now, f"Our own clock jumped by {by / SECOND:.0f} s: nobody is judged by it"),
                 _operator(row, "own_fault", rules, now, seconds=round(by / SECOND))])


def _operator(outage: Outage, topic: str, rules: Rules, now: Instant, **about: Any) -> Notification:
    what = "clock" if outage.key == "!clock" else "deaf"
    return tell(rules, "dispatcher", topic, outage.id, 1, now, critical=True, heard_at=now,
                about={"what": what, "area": "", "homes": 0, **about})
