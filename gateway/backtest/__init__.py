"""Backtesting: rules tried on recorded readings, through the same detection and planners as the running gateway."""

from gateway.backtest.data_types import Outcome, Place, Row, SimulatedAlarm, SimulatedTicket
from gateway.backtest.differences import Difference, compare
from gateway.backtest.ground_truth import BadTruth, Episode, RuleScore, read_truth, score_rules
from gateway.backtest.listening_gaps import listening_gaps
from gateway.backtest.replay import replay
from gateway.backtest.report import Report, RuleLine, as_json, build_report

__all__ = [
    "BadTruth", "Difference", "Episode", "Outcome", "Place", "Report", "Row", "RuleLine", "RuleScore",
    "SimulatedAlarm", "SimulatedTicket",
    "as_json", "compare", "listening_gaps", "read_truth", "replay", "score_rules", "build_report",
]
