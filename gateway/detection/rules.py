"""Evaluates threshold rules on telemetry: pending, firing, cleared, with `for`, hysteresis and flapping.

Where a rule stands is its RuleState (RulePhase has a sentence for each); a healthy rule has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.calendars.rule_hours import active_until, is_active, next_active
from gateway.detection import hit_counts
from gateway.detection.device_state import (
    ClaimedDevice,
    Cleared,
    Escalated,
    Flapping,
    MissedAlarm,
    Raised,
    RuleFailed,
    Verdict,
)
from gateway.detection.memory import History, HitCounts, RuleState, changed
from gateway.detection.rule_prefilter import RulePrefilter, prefilter_of
from gateway.detection.window_functions import evaluate_window_calls, view_of
from gateway.devices.profiles import Condition, EvaluationError, HitLimit, Profile, Rule
from gateway.model import SECOND, Instant, Severity
from gateway.model.signals import Value
from gateway.model.states import RulePhase

LATE = 15 * SECOND  # data older than this is a backlog: what it shows may be over already
BACKLOG_WAIT = 2 * SECOND  # how long we wait for the rest of a backlog
_LONGEST_WHY = 200
_NO_HITS = HitCounts()


@dataclass(slots=True)
class RuleEvaluation:
    """One judgement: all rules are judged on the same values at the same time."""

    state: ClaimedDevice  # its own copy: moved on while it is judged
    values: Mapping[str, Value]
    at: Instant  # of the data
    now: Instant
    counts: bool  # a message came: it is one more of "3 of 5"
    verdicts: list[Verdict]

    @property
    def late(self) -> bool:
        return self.at < self.now - LATE


def judge_rules(rules: Sequence[Rule], ready: RulePrefilter, state: ClaimedDevice, at: Instant, now: Instant,
                verdicts: list[Verdict], counts: bool) -> None:
    """Judges these rules on the newest signals, taken at `at`. `counts` is False for a message that came twice."""
    values: Mapping[str, Value] = state.signals
    if any(rule.name in ready.window_rules for rule in rules):
        values = evaluate_window_calls(view_of(values, state.history, at), ready.window_calls)
    evaluation = RuleEvaluation(state, values, at, now, counts, verdicts)
    for rule in rules:
        _judge(rule, evaluation)


def fire_due(profile: Profile, state: ClaimedDevice, listening_since: Instant, now: Instant,
             verdicts: list[Verdict]) -> None:
    """Time has passed without a message that says otherwise: `for`, keep_firing_for, hours, ages come to their end."""
    values: Mapping[str, Value] = state.signals
    timed: tuple[Rule, ...] = ()
    ready = prefilter_of(profile)
    if profile.past is not None:
        values = evaluate_window_calls(view_of(values, state.history, now, listening_since), ready.window_calls)
        if state.history is not None and _is_due(state.history.due, now):
            timed = profile.past.timed
    for rule in profile.rules:
        rule_state = state.memory.rules.get(rule.name)
        while rule_state is not None and rule_state.due is not None and rule_state.due <= now:
            _fire(rule, rule_state, RuleEvaluation(state, values, rule_state.due, now, False, verdicts))
            before, rule_state = rule_state, state.memory.rules.get(rule.name)
            if rule_state == before:
                break
        if rule in timed:
            _judge(rule, RuleEvaluation(state, values, now, now, False, verdicts))
    if ready.next_change is not None and state.history is not None:
        last, windows, _ = state.history
        state.history = History(last, windows, ready.next_change(last, windows, now))
    _forget_gone(profile, state, now)


def _is_due(due: Instant | None, now: Instant) -> bool:
    return due is not None and due <= now


def _forget_gone(profile: Profile, state: ClaimedDevice, now: Instant) -> None:
    """What waits for a rule that the profile no longer has."""
    if state.history is not None and _is_due(state.history.due, now):
        state.history = state.history._replace(due=None)
    for name, rule_state in state.memory.rules.items():
        if _is_due(rule_state.due, now) and not any(rule.name == name for rule in profile.rules):
            state.set_rule(name, rule_state._replace(due=None))


def _judge(rule: Rule, evaluation: RuleEvaluation) -> None:
    rule_state = evaluation.state.memory.rules.get(rule.name)
    if rule_state is not None and rule_state.dry_run and not rule.dry_run:  # it counts from now on
        _clear(rule, evaluation, evaluation.at)
        rule_state = None
    try:
        bad = _is_bad(rule, rule_state, evaluation)
        if bad is None:
            return
        if rule.flapping is not None and evaluation.counts:
            _watch_changes(rule, bad, evaluation)
        if rule_state is None or rule_state.phase == RulePhase.WAITING:
            if bad:
                _begin(rule, evaluation)
            elif rule_state is not None:
                evaluation.state.set_rule(rule.name, None)
        elif rule_state.phase == RulePhase.ACTIVE:
            _go_on(rule, rule_state, bad, evaluation)
        elif bad:
            _ripen(rule, rule_state, evaluation)
        else:
            _drop(rule, rule_state, evaluation)
    except EvaluationError as broken:
        _record_rule_error(rule.name, str(broken), evaluation)
    else:
        broken_before = evaluation.state.memory.broken
        if rule.name in broken_before:
            evaluation.state.remember(broken=changed(broken_before, rule.name, None))


def _is_bad(rule: Rule, rule_state: RuleState | None, evaluation: RuleEvaluation) -> bool | None:
    """What the rule says of these values, its hits counted: before it is sure by `when`, then until `clear`.

    Unknown is neither: without the signals that prove it, an alarm neither begins nor ends.
    """
    if rule_state is not None and (rule_state.phase == RulePhase.RIPE
                               or (rule_state.phase == RulePhase.ACTIVE and rule_state.ended_at is None)):
        over = _is_over(rule, evaluation.values)
        if over is None or rule.clear_hits is None:
            return None if over is None else not over
        return not _counted(rule, "clear", over, rule.clear_hits, evaluation)
    holds = rule.when.holds(evaluation.values)
    if holds is None or rule.hits is None:
        return holds
    return _counted(rule, "when", holds, rule.hits, evaluation)


def _is_over(rule: Rule, values: Mapping[str, Value]) -> bool | None:
    if rule.clear is not None:
        return rule.clear.holds(values)
    holds = rule.when.holds(values)
    return None if holds is None else not holds


def _counted(rule: Rule, which: Literal["when", "clear"], bit: bool, hits: HitLimit,
             evaluation: RuleEvaluation) -> bool:
    counts = _hits(rule, evaluation)
    bits = counts.when if which == "when" else counts.clear
    if evaluation.counts:
        bits = hit_counts.push_hit(bits, bit, hits.of)
        _set_hits(rule, evaluation, counts._replace(when=bits) if which == "when" else counts._replace(clear=bits))
    return hit_counts.has_enough_hits(bits, hits)


def _hits(rule: Rule, evaluation: RuleEvaluation) -> HitCounts:
    return evaluation.state.memory.hits.get(rule.name) or _NO_HITS


def _set_hits(rule: Rule, evaluation: RuleEvaluation, counts: HitCounts) -> None:
    hits = evaluation.state.memory.hits
    if hits.get(rule.name) != counts:
        evaluation.state.remember(hits=changed(hits, rule.name, counts))


def _watch_changes(rule: Rule, bad: bool, evaluation: RuleEvaluation) -> None:
    assert rule.flapping is not None
    before = _hits(rule, evaluation)
    bits = hit_counts.push_hit(before.judgements, bad, hit_counts.LOOKS_BACK)
    is_flapping = hit_counts.is_flapping(bits, before.flapping, rule.flapping)
    _set_hits(rule, evaluation, before._replace(judgements=bits, flapping=is_flapping))
    if is_flapping != before.flapping:
        why = {"change_percent": round(hit_counts.change_percent(bits), 1), "above": rule.flapping.above,
               "below": rule.flapping.below, "judgements": hit_counts.LOOKS_BACK}
        evaluation.verdicts.append(Flapping(rule.name, is_flapping, evaluation.at, why))


def _flaps(rule: Rule, evaluation: RuleEvaluation) -> bool:
    return rule.flapping is not None and _hits(rule, evaluation).flapping


def _begin(rule: Rule, evaluation: RuleEvaluation) -> None:
    """`when` has become true, or the rule's hours have begun while it was."""
    at = evaluation.at
    if rule.scheduled:
        opens = next_active(rule, evaluation.state.zone, at)
        if opens > at:
            evaluation.state.set_rule(rule.name, RuleState(RulePhase.WAITING, at, opens))
            return
    due = at + rule.for_ms
    if rule.for_ms == 0:
        _ripen(rule, RuleState(RulePhase.PENDING, at, due), evaluation)
        return
    if rule.scheduled:
        due = active_until(rule, evaluation.state.zone, at, due)
    evaluation.state.set_rule(rule.name, _waiting_for_more(RuleState(RulePhase.PENDING, at, due), evaluation))


def _ripen(rule: Rule, rule_state: RuleState, evaluation: RuleEvaluation) -> None:
    """It is still true. Raised when it has been for long enough and nothing newer is on its way."""
    if rule.scheduled and not is_active(rule, evaluation.state.zone, evaluation.at):
        if rule_state.phase == RulePhase.PENDING:
            _wait_for_hours(rule, evaluation)
    elif evaluation.at < rule_state.since + rule.for_ms:
        if evaluation.late:
            evaluation.state.set_rule(rule.name, _waiting_for_more(rule_state, evaluation))
    elif evaluation.late:
        evaluation.state.set_rule(rule.name, _waiting_for_more(rule_state._replace(phase=RulePhase.RIPE), evaluation))
    else:
        _raise(rule, rule_state.since, evaluation)


def _wait_for_hours(rule: Rule, evaluation: RuleEvaluation) -> None:
    opens = next_active(rule, evaluation.state.zone, evaluation.at)
    evaluation.state.set_rule(rule.name, RuleState(RulePhase.WAITING, evaluation.at, opens))


def _waiting_for_more(rule_state: RuleState, evaluation: RuleEvaluation) -> RuleState:
    """The rule's deadline moved on while the rest of a backlog may still come."""
    if not evaluation.late:
        return rule_state
    return rule_state._replace(due=max(rule_state.due or 0, evaluation.now + BACKLOG_WAIT))


def _drop(rule: Rule, rule_state: RuleState, evaluation: RuleEvaluation) -> None:
    """Over before it was raised: forgotten, or written down when it had been there for long enough."""
    evaluation.state.set_rule(rule.name, None)
    if rule_state.phase == RulePhase.RIPE:
        evaluation.verdicts.append(MissedAlarm(_raised(rule, rule_state.since, evaluation, rule.severity),
                                               evaluation.at, _evidence(rule, evaluation)))


def _raise(rule: Rule, since: Instant, evaluation: RuleEvaluation) -> None:
    severity = _severity(rule, rule.severity, evaluation)
    evaluation.state.set_rule(rule.name, RuleState(RulePhase.ACTIVE, since, dry_run=rule.dry_run,
                                                   level=severity if severity != rule.severity else None))
    if rule.clear_hits is not None:
        _set_hits(rule, evaluation, _hits(rule, evaluation)._replace(clear=1))
    evaluation.verdicts.append(_raised(rule, since, evaluation, severity))


def _raised(rule: Rule, since: Instant, evaluation: RuleEvaluation, severity: Severity) -> Raised:
    return Raised(rule.name, severity, dict(rule.cause), rule.skill, rule.action, since, _evidence(rule, evaluation),
                  rule.remote_fix, rule.depends_on, rule.latch, rule.dry_run, _flaps(rule, evaluation),
                  rule.danger)


def _severity(rule: Rule, current: Severity, evaluation: RuleEvaluation) -> Severity:
    """The most severe that holds now, never less than `current`."""
    for severity, condition in rule.rises:
        if severity.rank <= current.rank:
            break
        try:
            if condition.holds(evaluation.values):
                return severity
        except EvaluationError as broken:  # the rule itself still holds
            _record_rule_error(f"{rule.name}.rises.{severity}", str(broken), evaluation)
    return current


def _go_on(rule: Rule, rule_state: RuleState, bad: bool, evaluation: RuleEvaluation) -> None:
    """An open alarm: it rises, ends, comes back within keep_firing_for, or is kept while it flaps."""
    if bad:
        _still_bad(rule, rule_state, evaluation)
        return
    if rule_state.ended_at is None and rule.hits is not None:
        _set_hits(rule, evaluation, _hits(rule, evaluation)._replace(when=1))
    ended_at = evaluation.at if rule_state.ended_at is None else rule_state.ended_at
    due = None
    if not _flaps(rule, evaluation):
        due = ended_at + rule.keep_ms
        if evaluation.late:
            due = max(due, evaluation.now + BACKLOG_WAIT)
        elif due <= evaluation.at:
            _clear(rule, evaluation, due)
            return
    evaluation.state.set_rule(rule.name, rule_state._replace(ended_at=ended_at, due=due))


def _still_bad(rule: Rule, rule_state: RuleState, evaluation: RuleEvaluation) -> None:
    before = rule_state
    if rule_state.ended_at is not None:
        rule_state = rule_state._replace(ended_at=None, due=None)
        if rule.clear_hits is not None:
            _set_hits(rule, evaluation, _hits(rule, evaluation)._replace(clear=1))
    if rule.rises:
        rule_state = (rule_state._replace(due=evaluation.now + BACKLOG_WAIT) if evaluation.late
                      else _risen(rule, rule_state._replace(due=None), evaluation))
    if rule_state != before:
        evaluation.state.set_rule(rule.name, rule_state)


def _risen(rule: Rule, rule_state: RuleState, evaluation: RuleEvaluation) -> RuleState:
    before = Severity(rule_state.level or rule.severity)
    severity = _severity(rule, before, evaluation)
    if severity == before:
        return rule_state
    condition = dict(rule.rises)[severity]
    why = {"when": condition.source, "from": before, "signals": _shown((condition,), evaluation)}
    evaluation.verdicts.append(Escalated(rule.name, severity, evaluation.at, why))
    return rule_state._replace(level=severity)


def _clear(rule: Rule, evaluation: RuleEvaluation, at: Instant) -> None:
    evaluation.state.set_rule(rule.name, None)
    evaluation.verdicts.append(Cleared(rule.name, at, _evidence(rule, evaluation)))


def _fire(rule: Rule, rule_state: RuleState, evaluation: RuleEvaluation) -> None:
    """The clock has come to the end of what was waited for; `evaluation.at` is when that was."""
    try:
        match rule_state.phase:
            case RulePhase.ACTIVE if rule_state.ended_at is not None:
                _clear(rule, evaluation, rule_state.ended_at + rule.keep_ms)
            case RulePhase.ACTIVE:
                evaluation.state.set_rule(rule.name, _risen(rule, rule_state._replace(due=None), evaluation))
            case RulePhase.WAITING:
                evaluation.state.set_rule(rule.name, None)
                if rule.when.holds(evaluation.values):
                    _begin(rule, evaluation)
            case RulePhase.PENDING if rule.scheduled and not is_active(rule, evaluation.state.zone, evaluation.at):
                _wait_for_hours(rule, evaluation)
            case _:
                _raise(rule, rule_state.since, evaluation)
    except EvaluationError as broken:
        evaluation.state.set_rule(rule.name, None)
        _record_rule_error(rule.name, str(broken), evaluation)


def _record_rule_error(name: str, why: str, evaluation: RuleEvaluation) -> None:
    """Remembers that the rule could not be evaluated, and reports it to the operator once."""
    broken = evaluation.state.memory.broken
    if name not in broken:
        evaluation.verdicts.append(RuleFailed(name, why, evaluation.at))
    evaluation.state.remember(broken=changed(broken, name, why[:_LONGEST_WHY]))


def _evidence(rule: Rule, evaluation: RuleEvaluation) -> dict[str, object]:
    clear = rule.clear
    return {
        "when": rule.when.source,
        "clear": clear.source if clear is not None else f"not ({rule.when.source})",
        "for_ms": rule.for_ms,
        "signals": _shown((rule.when, *((clear,) if clear is not None else ())), evaluation),
    }


def _shown(conditions: tuple[Condition, ...], evaluation: RuleEvaluation) -> dict[str, Value]:
    """The values behind it, each under the name that the operator wrote."""
    written = {one.name: one.written for condition in conditions for one in condition.derived}
    return {written.get(name, name): evaluation.values[name] for condition in conditions for name in condition.needs
            if name in evaluation.values}
