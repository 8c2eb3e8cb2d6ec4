"""Rules over telemetry: is it true now, since when, and has it been true for long enough?"""

from gateway.detection.state import Cleared, Known, Raised, Verdict
from gateway.model import Instant
from gateway.profiles import Profile, Rule, RuleBroken


def judge_rules(profile: Profile, state: Known, at: Instant, verdicts: list[Verdict]) -> None:
    """Judges every rule on the newest signals, taken at `at`."""
    signals, memory = state.signals, state.rules
    for rule in profile.rules:
        mark = memory.get(rule.name)
        try:
            if mark is None:
                if rule.when.holds(signals):
                    _begin(rule, state, at, verdicts)
            elif mark["s"] == "pending":
                _go_on(rule, state, at, verdicts)
            elif _is_over(rule, state):
                del memory[rule.name]
                verdicts.append(Cleared(rule.name, at, _evidence(rule, state)))
        except RuleBroken as broken:
            memory.setdefault("!broken", {"s": "broken"})[rule.name] = str(broken)


def fire_pending(profile: Profile, state: Known, now: Instant, verdicts: list[Verdict]) -> None:
    """`for` has passed without a message that says otherwise."""
    for rule in profile.rules:
        mark = state.rules.get(rule.name)
        if mark is not None and mark["s"] == "pending" and mark["due"] <= now:
            _raise(rule, state, mark["at"], verdicts)


def _begin(rule: Rule, state: Known, at: Instant, verdicts: list[Verdict]) -> None:
    if rule.for_ms:
        state.rules[rule.name] = {"s": "pending", "at": at, "due": at + rule.for_ms}
    else:
        _raise(rule, state, at, verdicts)


def _go_on(rule: Rule, state: Known, at: Instant, verdicts: list[Verdict]) -> None:
    mark = state.rules[rule.name]
    holds = rule.when.holds(state.signals)
    if holds is False:
        del state.rules[rule.name]
    elif holds and at >= mark["due"]:
        _raise(rule, state, mark["at"], verdicts)


def _is_over(rule: Rule, state: Known) -> bool:
    """Unknown is not over: without the signals that prove it, an alarm stays."""
    if rule.clear is not None:
        return rule.clear.holds(state.signals) is True
    return rule.when.holds(state.signals) is False


def _raise(rule: Rule, state: Known, since: Instant, verdicts: list[Verdict]) -> None:
    state.rules[rule.name] = {"s": "active", "at": since}
    verdicts.append(Raised(rule.name, rule.severity, dict(rule.cause), rule.skill, rule.action, since,
                           _evidence(rule, state), rule.first_try))


def _evidence(rule: Rule, state: Known) -> dict[str, object]:
    clear = rule.clear
    names = rule.when.needs if clear is None else (*rule.when.needs, *clear.needs)
    return {
        "when": rule.when.source,
        "clear": clear.source if clear is not None else f"not ({rule.when.source})",
        "for_ms": rule.for_ms,
        "signals": {name: state.signals[name] for name in names if name in state.signals},
    }
