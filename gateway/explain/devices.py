"""Explains a device's state: its link, its deadlines, the state of each rule, and missing signals."""

from collections.abc import Iterator

from gateway.detection.device_state import FAULT
from gateway.detection.memory import RuleState
from gateway.detection.silence import deadlines
from gateway.devices.profiles import Profile, Rule, misfits
from gateway.explain.facts import DeviceFacts
from gateway.explain.format import Explanation, Line, joined_words, signals_text
from gateway.model import ButtonTestState, Instant, LinkState, Outage, OutageState
from gateway.model.states import RulePhase
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import text as plain

_LINKS: dict[str, tuple[str, str]] = {
    LinkState.UNHEARD: ("It has not been heard yet", "since"),
    LinkState.ONLINE: ("It has been connected", "since"),
    LinkState.LOST: ("Its connection was lost without notice", "on"),
    LinkState.STOPPED: ("It was switched off on purpose", "on"),
    LinkState.SLEEPING: ("It sleeps, as it announced,", "since"),
    LinkState.REMOVED: ("It was removed", "on"),
    LinkState.UNKNOWN: ("It cannot be judged, because what it speaks through is down,", "since"),
}


def explain_device(facts: DeviceFacts, profile: Profile | None, times: TimeFormat) -> Explanation:
    """Where the device stands: link, deadlines, and each rule of its profile (None: unknown profile)."""
    device, state = facts.device, facts.state
    link, word = _LINKS[state.link]
    since = f" {word} {times.ago(state.link_at)}" if state.link_at is not None else ""
    lines = [Line("what", f"{device.name} ({device.id}, {device.key}), profile {device.profile}, at {facts.site.name}"),
             Line("link", f"{link.rstrip(',') if not since else link}{since}", state.link_at)]
    if facts.via is not None:
        lines.append(Line("link", f"It speaks through {facts.via.name} ({facts.via.id})"))
    if device.retired_at is not None:
        lines.append(Line("what", f"Retired on {times.exact(device.retired_at)}: nothing is judged any more"))
    if facts.outage is not None:
        lines.append(_outage(facts.outage, times))
    lines += _clocks(facts, profile, times)
    lines += _tests(facts, times)
    if profile is None:
        lines.append(Line("rule", f"There is no profile {device.profile}: no rule can be judged"))
    else:
        if state.signals:
            lines.append(Line("rule", f"Its last values: {signals_text(state.signals, profile)}"))
        lines += _not_believed(facts, profile, times)
        for rule in profile.rules:
            lines.append(_rule(rule, facts, times))
        lines += _faults(facts, times)
    for name, why in state.memory.broken.items():
        lines.append(Line("rule", f"Rule {name} could not be judged: {why}"))
    lines += _alarms(facts, times)
    return Explanation(device.id, "device", f"Why {device.id}: {device.name}", facts.zone, lines)


def _outage(outage: Outage, times: TimeFormat) -> Line:
    which = f"{outage.id} ({outage.name or outage.kind}, {outage.state})"
    if outage.state == OutageState.RESTORED:
        return Line("waited", f"Its home was in outage {which}, and stayed dark when the others were back",
                    outage.began_at)
    return Line("waited", f"Its home is in outage {which}, which began on {times.ago(outage.began_at)}: nobody is "
                          "sent for it alone", outage.began_at)


def _clocks(facts: DeviceFacts, profile: Profile | None, times: TimeFormat) -> Iterator[Line]:
    state = facts.state
    heard = "never" if state.seen_at is None else times.ago(state.seen_at)
    data = "never" if state.data_at is None else times.ago(state.data_at)
    yield Line("clock", f"Last heard: {heard}", state.seen_at)
    yield Line("clock", f"Newest measurement: {data}", state.data_at)
    if profile is None:
        return
    link, fresh = deadlines(profile, state)
    for what, since, due in (("silent", state.memory.silent_since, link), ("stale", state.memory.stale_since, fresh)):
        if since is not None:
            yield Line("clock", f"It counts as {what} since {times.ago(since)}", since)
        elif due is not None:
            yield Line("clock", f"It would count as {what} at {times.ago(due)}", due)
        else:
            yield Line("clock", f"It cannot count as {what} as things stand")
    if state.due_at is not None:
        yield Line("clock", f"The clock looks at it next at {times.ago(state.due_at)}", state.due_at)


def _tests(facts: DeviceFacts, times: TimeFormat) -> Iterator[Line]:
    """When an emergency button last proved itself, and when it is to do so again."""
    for test in facts.tests:
        if test.state is ButtonTestState.PLANNED:
            yield Line("next", f"The household is asked to test it at {times.ago(test.planned_for)} ({test.id})",
                       test.planned_for)
        elif test.state is ButtonTestState.ASKED and test.asked_at is not None:
            how = f" by telephone ({test.callback_id})" if test.callback_id is not None else ""
            yield Line("next", f"The household was asked{how} to test it at {times.ago(test.asked_at)}, by "
                               f"{times.exact(test.answer_by or test.asked_at)} ({test.id})", test.asked_at)
        elif test.state is ButtonTestState.MISSED and test.closed_at is not None:
            yield Line("history", f"{times.exact(test.closed_at)} It missed its test ({test.id}): {test.callback_id} "
                                  "asks why", test.closed_at)
    passed = [test for test in facts.tests if test.state is ButtonTestState.PASSED]
    if passed:
        battery = f", battery {passed[0].battery} %" if passed[0].battery is not None else ""
        yield Line("clock", f"Last tested at {times.ago(passed[0].closed_at or 0)}{battery}", passed[0].closed_at)
    elif facts.tests:
        yield Line("clock", "It has never been tested")


def _rule(rule: Rule, facts: DeviceFacts, times: TimeFormat) -> Line:
    stands = facts.state.memory.rules.get(rule.name)
    name = f"Rule {rule.name} ({rule.when.source})"
    if stands is not None:
        return Line("rule", f"{name}: {_rule_state(stands, rule, times)}", stands.since)
    missing = _missing(rule, facts)
    if missing:
        return Line("rule", f"{name}: cannot be judged, {joined_words(missing)} has not been measured yet")
    return Line("rule", f"{name}: all is well")


def _not_believed(facts: DeviceFacts, profile: Profile, times: TimeFormat) -> Iterator[Line]:
    """Values that it sends and no rule is given: their newest one has the wrong type or is out of range."""
    settled: set[str] = set()
    doubted: dict[str, tuple[str, Instant]] = {}
    for at, sent in facts.readings:
        for name, given in sent.items():
            if name in settled:
                continue
            wrong = misfits(profile, {name: given})
            if wrong:
                doubted[name] = (doubted.get(name, (wrong[0], at))[0], at)
            else:
                settled.add(name)
    for said, since in doubted.values():
        yield Line("rule", f"Not believed: {said}; not used since {times.ago(since)}", since)


def _missing(rule: Rule, facts: DeviceFacts) -> list[str]:
    """Signals that the condition needs and that have not come; what it asks of the past hangs on its signal."""
    asked = {one.name: one.signal for one in rule.when.derived}
    return sorted({asked.get(name, name) for name in rule.when.needs} - facts.state.signals.keys())


def _rule_state(stands: RuleState, rule: Rule, times: TimeFormat) -> str:
    since, due = times.ago(stands.since), stands.due
    match stands.phase:
        case RulePhase.PENDING:
            return (f"true since {since}, and has to last {times.duration(rule.for_ms)}"
                    + (f": alarm at {times.ago(due)}" if due is not None else ""))
        case RulePhase.WAITING:
            return "true, outside its hours" + (f"; it is judged from {times.ago(due)} on" if due else "")
        case RulePhase.RIPE:
            return f"true since {since}, in old readings only: what follows them is awaited"
        case RulePhase.ACTIVE if stands.ended_at is not None:
            kept = f", and is kept until {times.ago(due)}" if due is not None else ", and is kept while it flaps"
            return f"alarm since {since}; its condition is over since {times.ago(stands.ended_at)}{kept}"
        case RulePhase.ACTIVE:
            level = f", risen to {stands.level}" if stands.level is not None else ""
            return f"alarm since {since}{level}"


def _faults(facts: DeviceFacts, times: TimeFormat) -> Iterator[Line]:
    for code, fault in sorted(facts.state.memory.faults.items()):
        word = "reported by the device" if fault.active else "reported as over"
        yield Line("rule", f"{FAULT}{code}: {word} since {times.ago(fault.at)}", fault.at)
    fingers = facts.state.memory.fingers
    if fingers is not None and fingers.stuck_since is not None:
        yield Line("rule", f"The button sticks, since {times.ago(fingers.stuck_since)}", fingers.stuck_since)
    excess = facts.state.memory.many_faults
    if excess is not None:
        more = " and more" if excess.more else ""
        yield Line("rule", f"Many faults at once since {times.ago(excess.at)}; without an alarm of their own: "
                           f"{plain(', '.join(excess.codes))}{more}", excess.at)


def _alarms(facts: DeviceFacts, times: TimeFormat) -> Iterator[Line]:
    if not facts.alarms:
        yield Line("history", "No alarm so far")
    for alarm in facts.alarms:
        ended = ("still open" if alarm.closed_at is None
                 else f"over after {times.duration(alarm.closed_at - alarm.opened_at)}")
        ticket = (f", ticket {alarm.ticket_id}" if alarm.ticket_id is not None
                  else f", held back for {alarm.suppressed_by}" if alarm.suppressed_by is not None else "")
        what = f"{times.exact(alarm.opened_at)} {alarm.cause} ({alarm.id}, {alarm.rule})"
        yield Line("history", f"{what}: {ended}{ticket}", alarm.opened_at)
