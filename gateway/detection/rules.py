"""Rules over telemetry: is it true now, since when, and has it been true, or over, for long enough?

A rule's mark says where it stands; a healthy rule has none.
waiting: true, but outside its hours. pending: true, and `for` is not over. ripe: long enough, seen in old data only, so
what follows is awaited. active: raised; with `end` its condition is over, and it is kept all the same.
"""

from collections.abc import Mapping
from typing import Any

from gateway.detection import asking, past, tallies
from gateway.detection.look import BROKEN, SETTLE, Look, evidence, mark_broken, shown
from gateway.detection.prepared import Prepared, prepared
from gateway.detection.schedule import looks, looks_until, next_look
from gateway.detection.state import Cleared, Flapping, Known, Passed, Raised, Rose, Verdict
from gateway.dialects.signals import Value
from gateway.model import Instant, Severity
from gateway.profiles import Hits, Profile, Rule, RuleBroken


def judge_rules(profile: Profile, ready: Prepared, state: Known, at: Instant, now: Instant, verdicts: list[Verdict],
                counts: bool) -> None:
    """Judges every rule on the newest signals, taken at `at`. `counts` is False for a message that came twice."""
    try:
        stirred = ready.stirs(state.signals, state.rules, at)
    except Exception:  # something is absent, or of another type: judging knows what that means
        stirred = profile.rules
    if stirred:
        values: Mapping[str, Value] = state.signals
        if any(rule.name in ready.asking for rule in stirred):
            values = asking.answers(state, at, ready.asks)
        look = Look(state, values, at, now, counts, verdicts)
        for rule in stirred:
            _judge(rule, look)
    if ready.moments:
        _note_moment(ready, state, at)


def fire_due(profile: Profile, state: Known, listening_since: Instant, now: Instant, verdicts: list[Verdict]) -> None:
    """Time has passed without a message that says otherwise: `for`, keep_firing_for, hours, ages come to their end."""
    memory = state.rules
    values: Mapping[str, Value] = state.signals
    timed: tuple[Rule, ...] = ()
    if profile.past is not None:
        values = asking.answers(state, now, prepared(profile).asks, listening_since)
        if memory.get(past.PAST, {}).get("due", now + 1) <= now:
            timed = profile.past.timed
    for rule in profile.rules:
        mark = memory.get(rule.name)
        while mark is not None and mark.get("due", now + 1) <= now:
            _fire(rule, mark, Look(state, values, mark["due"], now, False, verdicts))
            before, mark = mark, memory.get(rule.name)
            if mark is before:
                break
        if rule in timed:
            _judge(rule, Look(state, values, now, now, False, verdicts))
    if profile.past is not None and profile.past.timed:
        _note_moment(prepared(profile), state, now)
    _forget_gone(profile, memory, now)


def _forget_gone(profile: Profile, memory: dict[str, dict[str, Any]], now: Instant) -> None:
    """What waits for a rule that the profile no longer has."""
    left = [name for name, mark in memory.items() if mark.get("due", now + 1) <= now]
    for name in left:
        if name == past.PAST or not any(rule.name == name for rule in profile.rules):
            del memory[name]["due"]


def _note_moment(ready: Prepared, state: Known, at: Instant) -> None:
    kept = past.kept_of(state.rules)
    if kept is not None:
        moment = asking.next_moment(kept, at, ready.moments)
        if moment is None:
            kept.pop("due", None)
        else:
            kept["due"] = moment


def _judge(rule: Rule, look: Look) -> None:
    memory = look.state.rules
    mark = memory.get(rule.name)
    if mark is not None and "trial" in mark and not rule.monitor:  # it counts from now on
        _clear(rule, look, look.at)
        mark = None
    try:
        bad = _is_bad(rule, mark, look)
        if bad is None:
            return
        if rule.flapping is not None and look.counts:
            _watch_changes(rule, bad, look)
        if mark is None or mark["s"] == "waiting":
            if bad:
                _begin(rule, look)
            elif mark is not None:
                del memory[rule.name]
        elif mark["s"] == "active":
            _go_on(rule, mark, bad, look)
        elif bad:
            _ripen(rule, mark, look)
        else:
            _drop(rule, mark, look)
    except RuleBroken as broken:
        mark_broken(rule.name, str(broken), look)
    else:
        if BROKEN in memory and memory[BROKEN].pop(rule.name, None) is not None and len(memory[BROKEN]) == 1:
            del memory[BROKEN]


def _is_bad(rule: Rule, mark: dict[str, Any] | None, look: Look) -> bool | None:
    """What the rule says of these values, its hits counted: before it is sure by `when`, then until `clear`.

    Unknown is neither: without the signals that prove it, an alarm neither begins nor ends.
    """
    if mark is not None and (mark["s"] == "ripe" or (mark["s"] == "active" and "end" not in mark)):
        over = _is_over(rule, look.values)
        if over is None or rule.clear_hits is None:
            return None if over is None else not over
        return not _counted(rule.name, 1, over, rule.clear_hits, look)
    holds = rule.when.holds(look.values)
    if holds is None or rule.hits is None:
        return holds
    return _counted(rule.name, 0, holds, rule.hits, look)


def _is_over(rule: Rule, values: Mapping[str, Value]) -> bool | None:
    if rule.clear is not None:
        return rule.clear.holds(values)
    holds = rule.when.holds(values)
    return None if holds is None else not holds


def _counted(name: str, which: int, bit: bool, hits: Hits, look: Look) -> bool:
    tally = tallies.of(look.state.rules, name)
    if look.counts:
        tally[which] = tallies.push(tally[which], bit, hits.of)
    return tallies.enough(tally[which], hits)


def _watch_changes(rule: Rule, bad: bool, look: Look) -> None:
    assert rule.flapping is not None
    tally = tallies.of(look.state.rules, rule.name)
    tally[2] = tallies.push(tally[2], bad, tallies.LOOKS_BACK)
    flaps = tallies.flaps(tally[2], bool(tally[3]), rule.flapping)
    if flaps != bool(tally[3]):
        tally[3] = int(flaps)
        why = {"change_percent": round(tallies.change(tally[2]), 1), "above": rule.flapping.above,
               "below": rule.flapping.below, "judgements": tallies.LOOKS_BACK}
        look.verdicts.append(Flapping(rule.name, flaps, look.at, why))


def _flaps(rule: Rule, look: Look) -> bool:
    return rule.flapping is not None and bool(tallies.of(look.state.rules, rule.name)[3])


def _begin(rule: Rule, look: Look) -> None:
    """`when` has become true, or the rule's hours have begun while it was."""
    memory, at = look.state.rules, look.at
    if rule.scheduled:
        opens = next_look(rule, look.state.zone, at)
        if opens > at:
            memory[rule.name] = {"s": "waiting", "at": at, "due": opens}
            return
    mark: dict[str, Any] = {"s": "pending", "at": at, "due": at + rule.for_ms}
    if rule.for_ms == 0:
        _ripen(rule, mark, look)
        return
    if rule.scheduled:
        mark["due"] = looks_until(rule, look.state.zone, at, mark["due"])
    memory[rule.name] = mark
    _wait_for_more(mark, look)


def _ripen(rule: Rule, mark: dict[str, Any], look: Look) -> None:
    """It is still true. Raised when it has been for long enough and nothing newer is on its way."""
    memory = look.state.rules
    if rule.scheduled and not looks(rule, look.state.zone, look.at):
        if mark["s"] == "pending":
            memory[rule.name] = {"s": "waiting", "at": look.at, "due": next_look(rule, look.state.zone, look.at)}
        return
    if look.at < mark["at"] + rule.for_ms:
        _wait_for_more(mark, look)
    elif look.late:
        mark["s"], memory[rule.name] = "ripe", mark
        _wait_for_more(mark, look)
    else:
        _raise(rule, mark["at"], look)


def _wait_for_more(mark: dict[str, Any], look: Look) -> None:
    if look.late:
        mark["due"] = max(mark["due"], look.now + SETTLE)


def _drop(rule: Rule, mark: dict[str, Any], look: Look) -> None:
    """Over before it was raised: forgotten, or written down when it had been there for long enough."""
    del look.state.rules[rule.name]
    if mark["s"] == "ripe":
        look.verdicts.append(Passed(_raised(rule, mark["at"], look, rule.severity), look.at, evidence(rule, look)))


def _raise(rule: Rule, since: Instant, look: Look) -> None:
    severity = _severity(rule, rule.severity, look)
    mark = look.state.rules[rule.name] = {"s": "active", "at": since}
    if severity != rule.severity:
        mark["level"] = severity
    if rule.monitor:
        mark["trial"] = True
    if rule.clear_hits is not None:
        tallies.of(look.state.rules, rule.name)[1] = 1
    look.verdicts.append(_raised(rule, since, look, severity))


def _raised(rule: Rule, since: Instant, look: Look, severity: Severity) -> Raised:
    return Raised(rule.name, severity, dict(rule.cause), rule.skill, rule.action, since, evidence(rule, look),
                  rule.first_try, rule.depends_on, rule.latch, rule.monitor, _flaps(rule, look))


def _severity(rule: Rule, current: Severity, look: Look) -> Severity:
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


def _go_on(rule: Rule, mark: dict[str, Any], bad: bool, look: Look) -> None:
    """An open alarm: it rises, ends, comes back within keep_firing_for, or is kept while it flaps."""
    if bad:
        if mark.pop("end", None) is not None:
            mark.pop("due", None)
            if rule.clear_hits is not None:
                tallies.of(look.state.rules, rule.name)[1] = 1
        if rule.rises and look.late:
            mark["due"] = look.now + SETTLE
        elif rule.rises:
            mark.pop("due", None)
            _rise(rule, mark, look)
        return
    if "end" not in mark:
        mark["end"] = look.at
        if rule.hits is not None:
            tallies.of(look.state.rules, rule.name)[0] = 1
    if _flaps(rule, look):
        mark.pop("due", None)
        return
    mark["due"] = mark["end"] + rule.keep_ms
    if look.late:
        mark["due"] = max(mark["due"], look.now + SETTLE)
    elif mark["due"] <= look.at:
        _clear(rule, look, mark["due"])


def _rise(rule: Rule, mark: dict[str, Any], look: Look) -> None:
    before = Severity(mark.get("level", rule.severity))
    severity = _severity(rule, before, look)
    if severity != before:
        mark["level"] = severity
        condition = dict(rule.rises)[severity]
        why = {"when": condition.source, "from": before, "signals": shown((condition,), look)}
        look.verdicts.append(Rose(rule.name, severity, look.at, why))


def _clear(rule: Rule, look: Look, at: Instant) -> None:
    del look.state.rules[rule.name]
    look.verdicts.append(Cleared(rule.name, at, evidence(rule, look)))


def _fire(rule: Rule, mark: dict[str, Any], look: Look) -> None:
    """The clock has come to the end of what `mark` waited for; `look.at` is when that was."""
    try:
        if mark["s"] == "active" and "end" in mark:
            _clear(rule, look, mark["end"] + rule.keep_ms)
        elif mark["s"] == "active":
            del mark["due"]
            _rise(rule, mark, look)
        elif mark["s"] == "ripe":
            _raise(rule, mark["at"], look)
        elif mark["s"] == "waiting":
            del look.state.rules[rule.name]
            if rule.when.holds(look.values):
                _begin(rule, look)
        elif rule.scheduled and not looks(rule, look.state.zone, look.at):
            look.state.rules[rule.name] = {"s": "waiting", "at": look.at,
                                           "due": next_look(rule, look.state.zone, look.at)}
        else:
            _raise(rule, mark["at"], look)
    except RuleBroken as broken:
        look.state.rules.pop(rule.name, None)
        mark_broken(rule.name, str(broken), look)
