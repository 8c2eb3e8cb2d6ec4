"""Adds up every device's backtest result into a report, for people and as JSON."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from gateway.backtest.data_types import Outcome, SimulatedAlarm, SimulatedTicket
from gateway.backtest.differences import Difference
from gateway.backtest.ground_truth import RuleScore
from gateway.model import Instant, to_iso


@dataclass(frozen=True)
class RuleLine:
    """How one rule behaved. Spans are ms; an alarm that is still open counts to the end of the history."""

    rule: str
    alarms: int
    devices: int
    still_open: int
    shortest: int
    median: int
    longest: int


@dataclass
class Report:
    """What one set of rules makes of the whole history."""

    readings: int = 0
    devices: int = 0
    rules: list[RuleLine] = field(default_factory=list)
    alarms: list[SimulatedAlarm] = field(default_factory=list)
    tickets: list[SimulatedTicket] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)  # customer → how many; also those who would hear nothing
    broken: dict[str, str] = field(default_factory=dict)  # rule → why, of the first device where it broke

    @property
    def truck_rolls(self) -> int:
        return sum(trip.visits for trip in self.tickets)

    @property
    def reopened(self) -> int:
        return sum(trip.rounds - 1 for trip in self.tickets)

    @property
    def message_counts(self) -> list[int]:
        """Number of messages of each customer who would get any, ascending."""
        return sorted(count for count in self.messages.values() if count)


def build_report(outcomes: Iterable[Outcome], until: Instant) -> Report:
    """`until`: the end of the history."""
    report = Report()
    for outcome in outcomes:
        report.readings += outcome.readings
        report.devices += 1
        report.alarms += outcome.alarms
        report.tickets += outcome.tickets
        report.messages[outcome.customer] += outcome.messages
        report.broken = outcome.broken | report.broken
    report.alarms.sort(key=lambda seen: (seen.raised, seen.device, seen.rule))
    report.rules = [_line(rule, [seen for seen in report.alarms if seen.rule == rule], until)
                    for rule in sorted({seen.rule for seen in report.alarms})]
    return report


def _line(rule: str, alarms: Sequence[SimulatedAlarm], until: Instant) -> RuleLine:
    spans = [(until if seen.cleared is None else seen.cleared) - seen.since for seen in alarms]
    return RuleLine(rule, len(alarms), len({seen.device for seen in alarms}),
                    sum(seen.cleared is None for seen in alarms), min(spans), round(median(spans)), max(spans))


def as_json(report: Report, old: Report | None, differences: Sequence[Difference], scores: Sequence[RuleScore] | None
            ) -> dict[str, Any]:
    """Times as RFC 3339, spans in ms; `differs` null: there were no rules in force to compare with."""
    return {
        **_figures(report),
        "in_force": None if old is None else _figures(old),
        "differs": None if old is None else [
            {"what": one.what, "old": _seen(one.old), "new": _seen(one.new)} for one in differences],
        "truth": None if scores is None else [_score(one) for one in scores],
    }


def _figures(report: Report) -> dict[str, Any]:
    return {
        "readings": report.readings, "devices": report.devices, "alarms": len(report.alarms),
        "rules": [vars(line) for line in report.rules], "tickets": len(report.tickets), "reopened": report.reopened,
        "truck_rolls": report.truck_rolls, "customers": len(report.messages),
        "customers_told": len(report.message_counts),
        "messages_median": median(report.message_counts) if report.message_counts else 0,
        "messages_max": max(report.message_counts, default=0),
        "broken": report.broken,
    }


def _seen(seen: SimulatedAlarm | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {**seen._asdict(), "since": to_iso(seen.since), "raised": to_iso(seen.raised),
            "cleared": None if seen.cleared is None else to_iso(seen.cleared)}


def _score(one: RuleScore) -> dict[str, Any]:
    return {"rule": one.rule, "episodes": one.episodes, "found": one.found, "false": one.false,
            "repeats": one.repeats, "excused": one.excused, "precision": one.precision, "recall": one.recall,
            "delay_p50_ms": one.delay(0.5), "delay_p95_ms": one.delay(0.95)}
