"""Detects the gateway's own faults (no broker, missing subscriptions, clock jump); only the operator is notified."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.model import DISPATCHER, MINUTE, SECOND, EntryKind, Instant, Notification, Outage, OutageKind, OutageState
from gateway.model.plan import Draft, Plan
from gateway.notifications.topics import TopicName
from gateway.outages.lifecycle import Action, move
from gateway.tickets.context import Policy
from gateway.tickets.new_rows import entry, notify

RETRY_AFTER = 5 * SECOND  # a broker that restarts is back sooner
SILENCE_LIMIT = 8 * SECOND  # since a listener's last word: four beats; told a second later at most, so within ten
DEADLINE_MISSED = 4 * SECOND  # when it was due: a suspicion from before we ended proves nothing, and is asked anew
PAUSE = 3 * SECOND  # a watch runs each second
LONGEST_DOUBT = MINUTE  # a watch that is always slow must not put it off for ever
STILL_MISSING = 20 * SECOND  # a broker that hung up on us is asked again by then
NOT_LISTENING, TOPICS_MISSING = "!deaf", "!unheard"  # Outage.key of the two
OWN_OUTAGES = (NOT_LISTENING, TOPICS_MISSING)
NAMED = 5  # dialects, and filters of each, in a message
GRACE_AFTER_PAUSE = 2 * SECOND  # after a pause of the whole machine the listener has its chance to speak first


def plan_not_listening(open_outage: Outage | None, quiet_since: Instant | None, draft: Draft, policy: Policy,
                       now: Instant, missing: Mapping[str, Sequence[str]] | None = None,
                       watched_at: Instant | None = None) -> None:
    """We hear no broker since `quiet_since` (None: we do): suspected at once, told to the operator a little later, over
    when we hear it again. `missing`: what a broker that is there does not let us hear, as below. `watched_at`: when
    this process looked last; what became due while nobody looked (the database was away) is asked anew."""
    if quiet_since is None:
        if open_outage is not None:
            _end_fault(open_outage, EntryKind.BROKER_HEARD_AGAIN, draft, policy, now)
    elif open_outage is None:
        due = now + RETRY_AFTER if quiet_since == now else max(quiet_since + SILENCE_LIMIT, now + GRACE_AFTER_PAUSE)
        draft.add(Outage(id=policy.new_id("X"), key=NOT_LISTENING, kind=OutageKind.GATEWAY, began_at=quiet_since,
                         last_at=quiet_since, suspected_at=now, next_at=due, evidence={"listening": False}))
    elif open_outage.state is OutageState.SUSPECTED and _nobody_looked(open_outage, watched_at, now):
        open_outage.began_at, open_outage.next_at = quiet_since, now + RETRY_AFTER
    elif open_outage.state is OutageState.SUSPECTED and (open_outage.next_at or now) <= now:
        move(open_outage, Action.CONFIRM, now)
        draft.add(entry(open_outage, now, EntryKind.BROKER_NOT_HEARD),
                  _notify_operator(open_outage, TopicName.GATEWAY_FAULT, policy, now, **_message_facts(missing or {})))


def _nobody_looked(suspected: Outage, watched_at: Instant | None, now: Instant) -> bool:
    """Whether its deadline passed while no watch ran: for a while the listener could not say that it hears."""
    if (suspected.next_at or now) > now:
        return False
    paused = watched_at is not None and now - watched_at > PAUSE and now - suspected.suspected_at < LONGEST_DOUBT
    return paused or now - (suspected.next_at or now) > DEADLINE_MISSED


def plan_missing_topics(open_outage: Outage | None, missing: Mapping[str, Sequence[str]], draft: Draft, policy: Policy,
                        now: Instant) -> None:
    """We hear our broker, and it does not let us hear `missing` (dialect → filters): told to the operator when that
    lasts, again when a further dialect is among them, over when there is nothing left."""
    if not missing:
        if open_outage is not None:
            _end_fault(open_outage, EntryKind.TOPICS_HEARD_AGAIN, draft, policy, now)
    elif open_outage is None:
        draft.add(Outage(
            id=policy.new_id("X"), key=TOPICS_MISSING, kind=OutageKind.GATEWAY, began_at=now, last_at=now,
            suspected_at=now,
            next_at=now + STILL_MISSING, evidence={"unheard_filters": {}}))
    elif (open_outage.state is OutageState.SUSPECTED and (open_outage.next_at or now) <= now) or (
            not covers_missing(open_outage, missing)):
        open_outage.evidence = open_outage.evidence | {
            "unheard_filters": {name: list(missing[name])[:NAMED] for name in sorted(missing)}}
        if open_outage.state is OutageState.SUSPECTED:
            move(open_outage, Action.CONFIRM, now)
        words = _message_facts(missing)
        draft.add(entry(open_outage, now, EntryKind.TOPICS_NOT_HEARD, filters=words["filters"]),
                  _notify_operator(open_outage, TopicName.GATEWAY_FAULT, policy, now, "+".join(sorted(missing))[:60],
                                   **words))


def _end_fault(open_outage: Outage, kind: EntryKind, draft: Draft, policy: Policy, now: Instant) -> None:
    """Ends the outage; the operator is notified if they were notified of its beginning."""
    notified = open_outage.state is OutageState.CONFIRMED
    move(open_outage, Action.CLOSE if notified else Action.DISMISS, now)
    open_outage.restored_at = now
    draft.add(entry(open_outage, now, kind))
    if notified:
        draft.add(_notify_operator(open_outage, TopicName.GATEWAY_FAULT_OVER, policy, now))


def covers_missing(open_outage: Outage | None, missing: Mapping[str, Sequence[str]]) -> bool:
    """Whether the open outage already says everything of `missing` (dialect → topic filters that we cannot hear)."""
    if open_outage is None or not missing:
        return open_outage is None and not missing
    notified = open_outage.evidence.get("unheard_filters", {})
    return open_outage.state is OutageState.SUSPECTED or missing.keys() <= notified.keys()


def listening_changed(open_outages: Mapping[str, Outage], listening: bool, missing: Mapping[str, Sequence[str]]
                      ) -> bool:
    """Whether a plan is due. `open_outages`: those of OWN_OUTAGES by key; `missing`: dialect → filters that the broker
    does not let us subscribe to."""
    return (NOT_LISTENING in open_outages) == listening or (
        listening and not covers_missing(open_outages.get(TOPICS_MISSING), missing))


def _message_facts(missing: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """`missing` and `filters` of a message; {} when nothing is missing."""
    if not missing:
        return {}
    names = sorted(missing)
    few = [f"{name} ({', '.join(missing[name][:NAMED])}{' …' if len(missing[name]) > NAMED else ''})"
           for name in names[:NAMED]]
    more = " …" if len(names) > NAMED else ""
    return {"what": "unheard", "missing": ", ".join(names[:NAMED]) + more, "filters": ", ".join(few) + more}


def plan_clock_jump(by: int, policy: Policy, now: Instant) -> Plan:
    """The gateway's own clock jumped by `by` ms: an outage that is closed at once, and a message to the operator."""
    row = Outage(id=policy.new_id("X"), key="!clock", kind=OutageKind.GATEWAY, state=OutageState.CLOSED, began_at=now,
                 last_at=now, suspected_at=now, confirmed_at=now, closed_at=now, evidence={"jumped_ms": by})
    return Plan([row, entry(row, now, EntryKind.CLOCK_JUMPED, seconds=round(by / SECOND)),
                 _notify_operator(row, TopicName.GATEWAY_FAULT, policy, now, seconds=round(by / SECOND))])


def _notify_operator(outage: Outage, topic: TopicName, policy: Policy, now: Instant, occasion: str | int = 1,
                     **facts: Any) -> Notification:
    what = {"!clock": "clock", "!unheard": "unheard"}.get(outage.key, "deaf")
    return notify(policy, DISPATCHER, topic, outage, occasion, now, heard_at=now,
                  facts={"what": what, "area": "", "homes": 0, **facts})
