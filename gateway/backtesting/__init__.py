"""Rules tried on readings that were really heard: rows in, through the very same `step` and planners, result out."""

from gateway.backtesting.comparing import Difference, compare
from gateway.backtesting.deafness import gaps
from gateway.backtesting.replay import replay
from gateway.backtesting.summing import Report, RuleLine, as_json, summed
from gateway.backtesting.truth import BadTruth, Episode, RuleScore, read_truth, scored
from gateway.backtesting.values import Outcome, Place, Row, Seen, Trip

__all__ = [
    "BadTruth", "Difference", "Episode", "Outcome", "Place", "Report", "Row", "RuleLine", "RuleScore", "Seen", "Trip",
    "as_json", "compare", "gaps", "read_truth", "replay", "scored", "summed",
]
