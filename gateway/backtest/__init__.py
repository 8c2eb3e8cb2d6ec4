"""Backtesting: rules tried on recorded readings, through the same `step` and planners as the running gateway."""

from gateway.backtest.comparing import Difference, compare
from gateway.backtest.deafness import gaps
from gateway.backtest.replay import replay
from gateway.backtest.summing import Report, RuleLine, as_json, build_report
from gateway.backtest.truth import BadTruth, Episode, RuleScore, read_truth, score_rules
from gateway.backtest.values import Outcome, Place, Row, SimulatedAlarm, SimulatedTicket

__all__ = [
    "BadTruth", "Difference", "Episode", "Outcome", "Place", "Report", "Row", "RuleLine", "RuleScore",
    "SimulatedAlarm", "SimulatedTicket",
    "as_json", "compare", "gaps", "read_truth", "replay", "score_rules", "build_report",
]
