"""Compiles a profile's rules, and checks what concerns several fields or rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gateway.calendars.opening_hours import DAYS, Hours, check_hours
from gateway.config.error_messages import did_you_mean
from gateway.config.yaml_lines import Path, dotted_path
from gateway.devices.profiles.profile import TYPES, Condition, HistoryNeeds, Limits, RemoteFixSpec, Rule, frozen
from gateway.devices.profiles.schema import HoursSection, RuleSection
from gateway.model import DAY, Instant, Severity
from gateway.rules.cel import BadExpression
from gateway.rules.compile import compile_condition
from gateway.rules.consistency import Ranges, check_clear, check_rise, check_units, check_when
from gateway.rules.durations import format_duration, parse_duration
from gateway.rules.functions import LAST, PASSING, Derived

Conditions = dict[Path, Condition]
Wrong = tuple[Path, str]
ALWAYS = ("via", "silent", "stale")  # what a rule may depend on beside other rules


def section(value: Any) -> dict[str, Any]:
    """`value` when it is a section of the file, else {}: its error is reported elsewhere."""
    return value if isinstance(value, dict) else {}


def read_conditions(data: dict[str, Any]) -> tuple[Conditions, list[Wrong]]:
    """Every expression compiled, however wrong the rest of the file is: the operator gets all errors at once."""
    signals = section(data.get("signals"))
    types = {name: TYPES.get(str(section(signal).get("type", "number")), float) for name, signal in signals.items()}
    units = {name: str(section(signal).get("unit") or "") for name, signal in signals.items()}
    ranges = {name: ends for name, signal in signals.items() if (ends := _range(section(signal).get("range")))}
    conditions: Conditions = {}
    wrong: list[Wrong] = []
    for name, rule in section(data.get("rules")).items():
        for path, source in _sources(name, section(rule)):
            try:
                conditions[path] = condition = compile_condition(name, source, types)
                check_units(condition, units)
                _check_sense(path, conditions, section(rule), ranges)
            except BadExpression as bad:
                wrong.append((path, f"{dotted_path(path)}: {bad}"))
    return conditions, wrong


def _sources(name: str, rule: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for key in ("when", "clear"):
        if isinstance(rule.get(key), str):
            yield ("rules", name, key), rule[key]
    for severity, source in section(rule.get("rises")).items():
        if isinstance(source, str):
            yield ("rules", name, "rises", severity), source


def _range(value: Any) -> tuple[float, float] | None:
    """None when it is no range: that has its own error."""
    match value:
        case [float() | int() as low, float() | int() as high] if low < high:
            return float(low), float(high)
    return None


def _check_sense(path: Path, conditions: Conditions, rule: dict[str, Any], ranges: Ranges) -> None:
    condition, when = conditions[path], conditions.get((*path[:2], "when"))
    if path[2] == "when":
        check_when(condition, None if rule.get("clear") is None else condition, ranges)
    elif path[2] == "rises":
        check_rise(condition, ranges)
    elif when is not None:
        check_clear(when, condition, ranges)


def cross_checks(data: dict[str, Any], conditions: Conditions, retention_ms: int | None) -> Iterator[Wrong]:
    """`retention_ms`: how long readings are kept, when that is known."""
    rules = section(data.get("rules"))
    fresh_for = parse_duration(section(data.get("silence")).get("data"))
    for name in rules:
        path, rule = ("rules", name), section(rules[name])
        yield from _too_patient((*path, "for"), rule, fresh_for)
        yield from _no_rise(path, rule)
        yield from _bad_hours(path, rule)
        if rule.get("latch") is True and rule.get("first_try") is not None:
            yield (*path, "latch"), (
                f"{dotted_path((*path, 'latch'))}: a person must look, and first_try is there so that nobody has to — "
                "expected one of the two")
        yield from _bad_dependencies((*path, "depends_on"), name, rules)
    for at, condition in conditions.items():
        for one in condition.derived:
            if retention_ms is not None and one.window_ms > retention_ms:
                yield at, (f"{dotted_path(at)}: {one.written} looks further back than readings are kept "
                           f"({format_duration(retention_ms)}) — expected a shorter window, or more readings_days")


def _too_patient(path: Path, rule: dict[str, Any], fresh_for: Instant | None) -> Iterator[Wrong]:
    """Data older than `silence.data` is stale: it proves nothing any more."""
    wait = parse_duration(rule.get("for"))
    if wait and fresh_for and wait > fresh_for:
        most = format_duration(fresh_for)
        yield path, (f"{dotted_path(path)}: {rule['for']!r} is longer than data counts as fresh, silence.data: "
                     f"{most} — expected at most {most}, or silence.data of {rule['for']} or more")


def _no_rise(path: Path, rule: dict[str, Any]) -> Iterator[Wrong]:
    lowest = rule.get("severity")
    rising = [str(one) for one in Severity]
    for severity in section(rule.get("rises")):
        if lowest in rising and severity in rising and rising.index(severity) <= rising.index(lowest):
            higher = rising[rising.index(lowest) + 1:]
            yield (*path, "rises", severity), (
                f"{dotted_path((*path, 'rises', severity))}: no rise from {lowest} — expected "
                f"{' or '.join(higher) or 'a lower severity to begin with'}")


def _bad_hours(path: Path, rule: dict[str, Any]) -> Iterator[Wrong]:
    for key in ("only_during", "never_during"):
        rows = rule.get(key)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            continue
        week = _week((row.get("days", list(DAYS)), row.get("from"), row.get("until")) for row in rows)
        wrong = check_hours(week)
        yield from (((*path, key), f"{dotted_path((*path, key))}: {said}") for said in wrong)
        if key == "only_during" and not wrong and (longest := _longest(week)) < (parse_duration(rule.get("for")) or 0):
            yield (*path, "for"), (
                f"{dotted_path((*path, 'for'))}: {rule['for']!r} is longer than only_during ever lasts — "
                f"expected at most {format_duration(longest)}")


def _longest(week: Mapping[str, list[list[str]]]) -> int:
    """The longest span; days that follow each other without a gap are no limit."""
    if any(times == ["00:00", "24:00"] for spans in week.values() for times in spans):
        return 366 * DAY
    return max(((_minutes(until) - _minutes(begins)) % (24 * 60) or 24 * 60) * 60_000
               for spans in week.values() for begins, until in spans)


def _minutes(time: str) -> int:
    hours, _, minutes = time.partition(":")
    return int(hours) * 60 + int(minutes)


def _week(rows: Iterable[tuple[Any, Any, Any]]) -> dict[str, list[list[str]]]:
    week: dict[str, list[list[str]]] = {}
    for days, begins, until in rows:
        for day in days if isinstance(days, list) else ():
            week.setdefault(str(day), []).append([begins, until])
    return week


def _bad_dependencies(path: Path, name: str, rules: Mapping[str, Any]) -> Iterator[Wrong]:
    wanted = section(rules[name]).get("depends_on")
    for other in wanted if isinstance(wanted, list) else ():
        if isinstance(other, str) and other.startswith("fault:"):
            continue
        if other == name:
            yield path, f"{dotted_path(path)}: {name!r} would explain itself — expected another rule"
        elif other not in rules and other not in ALWAYS:
            hint = did_you_mean(str(other), [*rules, *ALWAYS])
            yield path, f"{dotted_path(path)}: {other!r} is no rule of this profile — {hint}"
        elif name in _behind(str(other), rules, set()):
            yield path, (f"{dotted_path(path)}: {other!r} depends on {name!r} in turn — expected one of them to "
                         "explain the other")


def _behind(name: str, rules: Mapping[str, Any], seen: set[str]) -> set[str]:
    """Every rule that `name` depends on, however far."""
    wanted = section(rules.get(name)).get("depends_on")
    for other in wanted if isinstance(wanted, list) else ():
        if isinstance(other, str) and other not in seen:
            seen.add(other)
            _behind(other, rules, seen)
    return seen


def build_rule(name: str, one: RuleSection, conditions: Conditions, remote_fix: RemoteFixSpec | None) -> Rule:
    """The compiled rule of one section; `conditions` by their path in the file."""
    rises = sorted(((severity, conditions["rules", name, "rises", severity]) for severity in one.rises),
                   key=lambda rise: -rise[0].rank)
    return Rule(
        name=name, when=conditions["rules", name, "when"], clear=conditions.get(("rules", name, "clear")),
        for_ms=one.for_, severity=one.severity, cause=frozen(one.cause), skill=one.skill, action=one.action,
        remote_fix=remote_fix, keep_ms=one.keep_firing_for, hits=one.hits, clear_hits=one.clear_hits,
        rises=tuple(rises), latch=one.latch, only_during=_hours(one.only_during),
        never_during=_hours(one.never_during),
        flapping=None if one.flapping is None else Limits(one.flapping.above, one.flapping.below),
        depends_on=tuple(one.depends_on), dry_run=one.monitor, danger=one.danger,
        counts=bool(one.hits or one.flapping),
        advice=frozen(one.advice) if one.advice else None)


def _hours(rows: Sequence[HoursSection] | None) -> Hours | None:
    if rows is None:
        return None
    week = _week((row.days, row.from_, row.until) for row in rows)
    return frozen({day: tuple(tuple(times) for times in spans) for day, spans in week.items()})


def explainers_first(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """What explains another is judged before it, so that one message that shows both opens one ticket."""
    named = {rule.name: rule for rule in rules}
    order: dict[str, Rule] = {}

    def add(rule: Rule) -> None:
        for other in rule.depends_on:
            if other in named and other not in order:
                add(named[other])
        order.setdefault(rule.name, rule)

    for rule in named.values():
        add(rule)
    return tuple(order.values())


def past_of(rules: Sequence[Rule]) -> HistoryNeeds | None:
    """What must be remembered for these rules."""
    asked: dict[str, Derived] = {}
    for one in (one for rule in rules for condition in rule.conditions for one in condition.derived):
        known = asked.get(one.name, one)
        asked[one.name] = one._replace(limits=tuple(sorted({*known.limits, *one.limits})), key=known.key)
    if not asked:
        return None
    figures: dict[tuple[str, int, str], str] = {}
    for one in sorted(asked.values(), key=lambda one: -len(one.figures)):  # a mean's two first: a count is one of them
        window = (one.signal, one.window_ms, one.key)
        if one.window_ms and one.figures not in figures.get(window, ""):
            figures[window] = figures.get(window, "") + one.figures
    # the figures are in the key: a profile that asks for others begins a new window
    keys = {window: f"{window[2]}:{of}" for window, of in figures.items()}
    derived = tuple(one if not one.window_ms else one._replace(
        key=keys[one.signal, one.window_ms, one.key]) for one in asked.values())
    timed = tuple(rule for rule in rules if any(one.function in PASSING for condition in rule.conditions
                                                for one in condition.derived))
    last = {one.signal: any(other.function != "age" for other in derived if other.signal == one.signal
                            and not other.window_ms) for one in derived if one.function in LAST}
    return HistoryNeeds(derived=derived, last=frozen(last),
                        windows=tuple((*window[:2], keys[window], of) for window, of in figures.items()), timed=timed,
                        moments=tuple(one for one in derived if one.function in PASSING))
