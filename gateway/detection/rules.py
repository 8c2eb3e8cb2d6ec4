"""Evaluates threshold rules on telemetry: pending, firing, cleared, with `for`, hysteresis and flapping.

Where a rule stands is its RuleState (RulePhase has a sentence for each); a healthy rule has none.
"""

from collections.abc import Mapping
from typing import Literal

from gateway.calendars.rule_hours import looks, looks_until, next_look
from gateway.detection import hit_counts, window_functions
from gateway.detection.device_state import Cleared, Escalated, Flapping, Known, MissedAlarm, Raised, Verdict
from gateway.detection.memory import History, HitCounts, RuleState, changed
from gateway.detection.rule_evaluation import SETTLE, RuleEvaluation, evidence, mark_broken, shown
from gateway.detection.rule_prefilter import Prepared, prepared
from gateway.devices.profiles import Hits, Profile, Rule, RuleBroken
from gateway.model import Instant, Severity
from gateway.model.signals import Value
from gateway.model.states import RulePhase

_NO_HITS = HitCounts()


def judge_rules(profile: Profile, ready: Prepared, state: Known, at: Instant, now: Instant, verdicts: list[Verdict],
                counts: bool) -> None:
    """Judges every rule on the newest signals, taken at `at`. `counts` is False for a message that came twice."""
    try:
        stirred = ready.stirs(state.signals, state.memory, state.history, at)
    except Exception:  # something is absent, or of another type: judging knows what that means
        stirred = profile.rules
    if stirred:
        values: Mapping[str, Value] = state.signals
        if any(rule.name in ready.asking for rule in stirred):
            values = window_functions.answers(state, at, ready.asks)
        look = RuleEvaluation(state, values, at, now, counts, verdicts)
        for rule in stirred:
            _judge(rule, look)
    if ready.moments:
        _note_moment(ready, state, at)


def fire_due(profile: Profile, state: Known, listening_since: Instant, now: Instant, verdicts: list[Verdict]) -> None:
    """Time has passed without a message that says otherwise: `for`, keep_firing_for, hours, ages come to their end."""
    values: Mapping[str, Value] = state.signals
    timed: tuple[Rule, ...] = ()
    if profile.past is not None:
        values = window_functions.answers(state, now, prepared(profile).asks, listening_since)
        if state.history is not None and _is_due(state.history.due, now):
            timed = profile.past.timed
    for rule in profile.rules:
        stands = state.memory.rules.get(rule.name)
        while stands is not None and stands.due is not None and stands.due <= now:
            _fire(rule, stands, RuleEvaluation(state, values, stands.due, now, False, verdicts))
            before, stands = stands, state.memory.rules.get(rule.name)
            if stands == before:
                break
        if rule in timed:
            _judge(rule, RuleEvaluation(state, values, now, now, False, verdicts))
    if profile.past is not None and profile.past.timed:
        _note_moment(prepared(profile), state, now)
    _forget_gone(profile, state, now)


def _is_due(due: Instant | None, now: Instant) -> bool:
    return due is not None and due <= now


def _forget_gone(profile: Profile, state: Known, now: Instant) -> None:
    """What waits for a rule that the profile no longer has."""
    if state.history is not None and _is_due(state.history.due, now):
        state.history = state.history._replace(due=None)
    for name, stands in state.memory.rules.items():
        if _is_due(stands.due, now) and not any(rule.name == name for rule in profile.rules):
            state.set_rule(name, stands._replace(due=None))


def _note_moment(ready: Prepared, state: Known, at: Instant) -> None:
    history = state.history
    if history is not None:
        moment = window_functions.next_moment(history, at, ready.moments)
        if moment != history.due:
            state.history = History(history.last, history.windows, moment)


def _judge(rule: Rule, look: RuleEvaluation) -> None:
    stands = look.state.memory.rules.get(rule.name)
    if stands is not None and stands.dry_run and not rule.monitor:  # it counts from now on
        _clear(rule, look, look.at)
        stands = None
    try:
        bad = _is_bad(rule, stands, look)
        if bad is None:
            return
        if rule.flapping is not None and look.counts:
            _watch_changes(rule, bad, look)
        if stands is None or stands.phase == RulePhase.WAITING:
            if bad:
                _begin(rule, look)
            elif stands is not None:
                look.state.set_rule(rule.name, None)
        elif stands.phase == RulePhase.ACTIVE:
            _go_on(rule, stands, bad, look)
        elif bad:
            _ripen(rule, stands, look)
        else:
            _drop(rule, stands, look)
    except RuleBroken as broken:
        mark_broken(rule.name, str(broken), look)
    else:
        broken_before = look.state.memory.broken
        if rule.name in broken_before:
            look.state.remember(broken=changed(broken_before, rule.name, None))


def _is_bad(rule: Rule, stands: RuleState | None, look: RuleEvaluation) -> bool | None:
    """What the rule says of these values, its hits counted: before it is sure by `when`, then until `clear`.

    Unknown is neither: without the signals that prove it, an alarm neither begins nor ends.
    """
    if stands is not None and (stands.phase == RulePhase.RIPE
                               or (stands.phase == RulePhase.ACTIVE and stands.ended_at is None)):
        over = _is_over(rule, look.values)
        if over is None or rule.clear_hits is None:
            return None if over is None else not over
        return not _counted(rule, "clear", over, rule.clear_hits, look)
    holds = rule.when.holds(look.values)
    if holds is None or rule.hits is None:
        return holds
    return _counted(rule, "when", holds, rule.hits, look)


def _is_over(rule: Rule, values: Mapping[str, Value]) -> bool | None:
    if rule.clear is not None:
        return rule.clear.holds(values)
    holds = rule.when.holds(values)
    return None if holds is None else not holds


def _counted(rule: Rule, which: Literal["when", "clear"], bit: bool, hits: Hits, look: RuleEvaluation) -> bool:
    counts = _hits(rule, look)
    bits = counts.when if which == "when" else counts.clear
    if look.counts:
        bits = hit_counts.push(bits, bit, hits.of)
        _set_hits(rule, look, counts._replace(when=bits) if which == "when" else counts._replace(clear=bits))
    return hit_counts.enough(bits, hits)


def _hits(rule: Rule, look: RuleEvaluation) -> HitCounts:
    return look.state.memory.hits.get(rule.name) or _NO_HITS


def _set_hits(rule: Rule, look: RuleEvaluation, counts: HitCounts) -> None:
    hits = look.state.memory.hits
    if hits.get(rule.name) != counts:
        look.state.remember(hits=changed(hits, rule.name, counts))


def _watch_changes(rule: Rule, bad: bool, look: RuleEvaluation) -> None:
    assert rule.flapping is not None
    before = _hits(rule, look)
    bits = hit_counts.push(before.judgements, bad, hit_counts.LOOKS_BACK)
    flaps = hit_counts.flaps(bits, before.flapping, rule.flapping)
    _set_hits(rule, look, before._replace(judgements=bits, flapping=flaps))
    if flaps != before.flapping:
        why = {"change_percent": round(hit_counts.change(bits), 1), "above": rule.flapping.above,
               "below": rule.flapping.below, "judgements": hit_counts.LOOKS_BACK}
        look.verdicts.append(Flapping(rule.name, flaps, look.at, why))


def _flaps(rule: Rule, look: RuleEvaluation) -> bool:
    return rule.flapping is not None and _hits(rule, look).flapping


def _begin(rule: Rule, look: RuleEvaluation) -> None:
    """`when` has become true, or the rule's hours have begun while it was."""
    at = look.at
    if rule.scheduled:
        opens = next_look(rule, look.state.zone, at)
        if opens > at:
            look.state.set_rule(rule.name, RuleState(RulePhase.WAITING, at, opens))
            return
    due = at + rule.for_ms
    if rule.for_ms == 0:
        _ripen(rule, RuleState(RulePhase.PENDING, at, due), look)
        return
    if rule.scheduled:
        due = looks_until(rule, look.state.zone, at, due)
    look.state.set_rule(rule.name, _waiting_for_more(RuleState(RulePhase.PENDING, at, due), look))


def _ripen(rule: Rule, stands: RuleState, look: RuleEvaluation) -> None:
    """It is still true. Raised when it has been for long enough and nothing newer is on its way."""
    if rule.scheduled and not looks(rule, look.state.zone, look.at):
        if stands.phase == RulePhase.PENDING:
            _wait_for_hours(rule, look)
    elif look.at < stands.since + rule.for_ms:
        if look.late:
            look.state.set_rule(rule.name, _waiting_for_more(stands, look))
    elif look.late:
        look.state.set_rule(rule.name, _waiting_for_more(stands._replace(phase=RulePhase.RIPE), look))
    else:
        _raise(rule, stands.since, look)


def _wait_for_hours(rule: Rule, look: RuleEvaluation) -> None:
    opens = next_look(rule, look.state.zone, look.at)
    look.state.set_rule(rule.name, RuleState(RulePhase.WAITING, look.at, opens))


def _waiting_for_more(stands: RuleState, look: RuleEvaluation) -> RuleState:
    """With time for the rest of a backlog."""
    return stands._replace(due=max(stands.due or 0, look.now + SETTLE)) if look.late else stands


def _drop(rule: Rule, stands: RuleState, look: RuleEvaluation) -> None:
    """Over before it was raised: forgotten, or written down when it had been there for long enough."""
    look.state.set_rule(rule.name, None)
    if stands.phase == RulePhase.RIPE:
        look.verdicts.append(MissedAlarm(_raised(rule, stands.since, look, rule.severity), look.at,
                                         evidence(rule, look)))


def _raise(rule: Rule, since: Instant, look: RuleEvaluation) -> None:
    severity = _severity(rule, rule.severity, look)
    look.state.set_rule(rule.name, RuleState(RulePhase.ACTIVE, since, dry_run=rule.monitor,
                                             level=severity if severity != rule.severity else None))
    if rule.clear_hits is not None:
        _set_hits(rule, look, _hits(rule, look)._replace(clear=1))
    look.verdicts.append(_raised(rule, since, look, severity))


def _raised(rule: Rule, since: Instant, look: RuleEvaluation, severity: Severity) -> Raised:
    return Raised(rule.name, severity, dict(rule.cause), rule.skill, rule.action, since, evidence(rule, look),
                  rule.first_try, rule.depends_on, rule.latch, rule.monitor, _flaps(rule, look))


def _severity(rule: Rule, current: Severity, look: RuleEvaluation) -> Severity:
    """The most severe that holds now, never less than `current`."""
    for severity, condition in rule.rises:
        if severity.rank <= current.rank:
            break
        try:
            if condition.holds(look.values):
                return severity
        except RuleBroken as broken:  # the rule itself still holds
            mark_broken(f"{rule.name}.rises.{severity}", str(broken), look)
    return current


def _go_on(rule: Rule, stands: RuleState, bad: bool, look: RuleEvaluation) -> None:
    """An open alarm: it rises, ends, comes back within keep_firing_for, or is kept while it flaps."""
    if bad:
        _still_bad(rule, stands, look)
        return
    if stands.ended_at is None and rule.hits is not None:
        _set_hits(rule, look, _hits(rule, look)._replace(when=1))
    ended_at = look.at if stands.ended_at is None else stands.ended_at
    due = None
    if not _flaps(rule, look):
        due = ended_at + rule.keep_ms
        if look.late:
            due = max(due, look.now + SETTLE)
        elif due <= look.at:
            _clear(rule, look, due)
            return
    look.state.set_rule(rule.name, stands._replace(ended_at=ended_at, due=due))


def _still_bad(rule: Rule, stands: RuleState, look: RuleEvaluation) -> None:
    before = stands
    if stands.ended_at is not None:
        stands = stands._replace(ended_at=None, due=None)
        if rule.clear_hits is not None:
            _set_hits(rule, look, _hits(rule, look)._replace(clear=1))
    if rule.rises:
        stands = stands._replace(due=look.now + SETTLE) if look.late else _risen(rule, stands._replace(due=None), look)
    if stands != before:
        look.state.set_rule(rule.name, stands)


def _risen(rule: Rule, stands: RuleState, look: RuleEvaluation) -> RuleState:
    before = Severity(stands.level or rule.severity)
    severity = _severity(rule, before, look)
    if severity == before:
        return stands
    condition = dict(rule.rises)[severity]
    why = {"when": condition.source, "from": before, "signals": shown((condition,), look)}
    look.verdicts.append(Escalated(rule.name, severity, look.at, why))
    return stands._replace(level=severity)


def _clear(rule: Rule, look: RuleEvaluation, at: Instant) -> None:
    look.state.set_rule(rule.name, None)
    look.verdicts.append(Cleared(rule.name, at, evidence(rule, look)))


def _fire(rule: Rule, stands: RuleState, look: RuleEvaluation) -> None:
    """The clock has come to the end of what was waited for; `look.at` is when that was."""
    try:
        match stands.phase:
            case RulePhase.ACTIVE if stands.ended_at is not None:
                _clear(rule, look, stands.ended_at + rule.keep_ms)
            case RulePhase.ACTIVE:
                look.state.set_rule(rule.name, _risen(rule, stands._replace(due=None), look))
            case RulePhase.WAITING:
                look.state.set_rule(rule.name, None)
                if rule.when.holds(look.values):
                    _begin(rule, look)
            case RulePhase.PENDING if rule.scheduled and not looks(rule, look.state.zone, look.at):
                _wait_for_hours(rule, look)
            case _:
                _raise(rule, stands.since, look)
    except RuleBroken as broken:
        look.state.set_rule(rule.name, None)
        mark_broken(rule.name, str(broken), look)
