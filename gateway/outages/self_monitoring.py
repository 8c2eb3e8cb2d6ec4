"""Detects the gateway's own faults (no broker, missing subscriptions, clock jump); only the operator is notified."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.model import DISPATCHER, SECOND, EntryKind, Instant, Notification, Outage, OutageKind, OutageState
from gateway.model.plan import Draft, Plan
from gateway.notifications.topics import TopicName
from gateway.outages.lifecycle import Action, move
from gateway.tickets.context import Policy
from gateway.tickets.new_rows import entry, notify

ASK_AGAIN = 5 * SECOND  # a broker that restarts is back sooner
NO_BEAT = 8 * SECOND  # since a listener's last word: four beats; told a second later at most, so within ten
NOBODY_LOOKED = 4 * SECOND  # when it was due: a suspicion from before we ended proves nothing, and is asked anew
STILL_MISSING = 20 * SECOND  # a broker that hung up on us is asked again by then
NOT_LISTENING, TOPICS_MISSING = "!deaf", "!unheard"  # Outage.key of the two
OWN_OUTAGES = (NOT_LISTENING, TOPICS_MISSING)
NAMED = 5  # dialects, and filters of each, in a message
LOOK_TWICE = 2 * SECOND  # after a pause of the whole machine the listener has its chance to speak first


def plan_not_listening(standing: Outage | None, quiet_since: Instant | None, draft: Draft, rules: Policy, now: Instant,
              missing: Mapping[str, Sequence[str]] | None = None) -> None:
    """We hear no broker since `quiet_since` (None: we do): suspected at once, told to the operator a little later, over
    when we hear it again. `missing`: what a broker that is there does not let us hear, as below."""
    if quiet_since is None:
        if standing is not None:
            _heard_again(standing, EntryKind.BROKER_HEARD_AGAIN, draft, rules, now)
    elif standing is None:
        due = now + ASK_AGAIN if quiet_since == now else max(quiet_since + NO_BEAT, now + LOOK_TWICE)
        draft.add(Outage(id=rules.fresh("X"), key=NOT_LISTENING, kind=OutageKind.GATEWAY, began_at=quiet_since,
                         last_at=quiet_since, suspected_at=now, next_at=due, why={"listening": False}))
    elif standing.state is OutageState.SUSPECTED and now - (standing.next_at or now) > NOBODY_LOOKED:
        standing.began_at, standing.next_at = quiet_since, now + ASK_AGAIN
    elif standing.state is OutageState.SUSPECTED and (standing.next_at or now) <= now:
        move(standing, Action.CONFIRM, now)
        draft.add(entry(standing, now, EntryKind.BROKER_NOT_HEARD),
                  _operator(standing, TopicName.OWN_FAULT, rules, now, **_words(missing or {})))


def plan_missing_topics(standing: Outage | None, missing: Mapping[str, Sequence[str]], draft: Draft, rules: Policy,
                 now: Instant) -> None:
    """We hear our broker, and it does not let us hear `missing` (dialect → filters): told to the operator when that
    lasts, again when a further dialect is among them, over when there is nothing left."""
    if not missing:
        if standing is not None:
            _heard_again(standing, EntryKind.TOPICS_HEARD_AGAIN, draft, rules, now)
    elif standing is None:
        draft.add(Outage(
            id=rules.fresh("X"), key=TOPICS_MISSING, kind=OutageKind.GATEWAY, began_at=now, last_at=now,
            suspected_at=now,
            next_at=now + STILL_MISSING, why={"unheard_filters": {}}))
    elif (standing.state is OutageState.SUSPECTED and (standing.next_at or now) <= now) or not fits(standing, missing):
        standing.why = standing.why | {
            "unheard_filters": {name: list(missing[name])[:NAMED] for name in sorted(missing)}}
        if standing.state is OutageState.SUSPECTED:
            move(standing, Action.CONFIRM, now)
        words = _words(missing)
        draft.add(entry(standing, now, EntryKind.TOPICS_NOT_HEARD, filters=words["filters"]),
                  _operator(standing, TopicName.OWN_FAULT, rules, now, "+".join(sorted(missing))[:60], **words))


def _heard_again(standing: Outage, kind: EntryKind, draft: Draft, rules: Policy, now: Instant) -> None:
    """Over; the operator hears of it who was told."""
    told = standing.state is OutageState.CONFIRMED
    move(standing, Action.CLOSE if told else Action.DISMISS, now)
    standing.restored_at = now
    draft.add(entry(standing, now, kind))
    if told:
        draft.add(_operator(standing, TopicName.OWN_FAULT_OVER, rules, now))


def fits(standing: Outage | None, missing: Mapping[str, Sequence[str]]) -> bool:
    """Whether nothing new is to be said of what we do not hear."""
    if standing is None or not missing:
        return standing is None and not missing
    return standing.state is OutageState.SUSPECTED or missing.keys() <= standing.why.get("unheard_filters", {}).keys()


def listening_changed(standing: Mapping[str, Outage], listening: bool, missing: Mapping[str, Sequence[str]]) -> bool:
    """Whether a plan is due. `standing`: the open outages of OWN_OUTAGES by key; `missing`: dialect → filters that the
    broker does not let us hear."""
    return (NOT_LISTENING in standing) == listening or (listening and not fits(standing.get(TOPICS_MISSING), missing))


def _words(missing: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """`missing` and `filters` of a message; {} when nothing is missing."""
    if not missing:
        return {}
    names = sorted(missing)
    few = [f"{name} ({', '.join(missing[name][:NAMED])}{' …' if len(missing[name]) > NAMED else ''})"
           for name in names[:NAMED]]
    more = " …" if len(names) > NAMED else ""
    return {"what": "unheard", "missing": ", ".join(names[:NAMED]) + more, "filters": ", ".join(few) + more}


def plan_clock_jump(by: int, rules: Policy, now: Instant) -> Plan:
    """Our own clock jumped by `by` ms: told, over at once, and everybody gets their time anew."""
    row = Outage(id=rules.fresh("X"), key="!clock", kind=OutageKind.GATEWAY, state=OutageState.CLOSED, began_at=now,
                 last_at=now, suspected_at=now, confirmed_at=now, closed_at=now, why={"jumped_ms": by})
    return Plan([row, entry(row, now, EntryKind.CLOCK_JUMPED, seconds=round(by / SECOND)),
                 _operator(row, TopicName.OWN_FAULT, rules, now, seconds=round(by / SECOND))])


def _operator(outage: Outage, topic: TopicName, rules: Policy, now: Instant, occasion: str | int = 1, **about: Any
              ) -> Notification:
    what = {"!clock": "clock", "!unheard": "unheard"}.get(outage.key, "deaf")
    return notify(rules, DISPATCHER, topic, outage, occasion, now, heard_at=now,
                about={"what": what, "area": "", "homes": 0, **about})
