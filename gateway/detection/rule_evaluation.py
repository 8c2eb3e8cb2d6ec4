"""The inputs of one evaluation of a device's rules, and the evidence it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.detection.device_state import ClaimedDevice, RuleFailed, Verdict
from gateway.detection.memory import changed
from gateway.devices.profiles import Condition, Rule
from gateway.model import SECOND, Instant
from gateway.model.signals import Value

LATE = 15 * SECOND  # data older than this is a backlog: what it shows may be over already
BACKLOG_WAIT = 2 * SECOND  # how long we wait for the rest of a backlog
_LONGEST_WHY = 200


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


def record_rule_error(name: str, why: str, evaluation: RuleEvaluation) -> None:
    """Remembers that the rule could not be evaluated, and reports it to the operator once."""
    broken = evaluation.state.memory.broken
    if name not in broken:
        evaluation.verdicts.append(RuleFailed(name, why, evaluation.at))
    evaluation.state.remember(broken=changed(broken, name, why[:_LONGEST_WHY]))


def evidence(rule: Rule, evaluation: RuleEvaluation) -> dict[str, object]:
    clear = rule.clear
    return {
        "when": rule.when.source,
        "clear": clear.source if clear is not None else f"not ({rule.when.source})",
        "for_ms": rule.for_ms,
        "signals": shown((rule.when, *((clear,) if clear is not None else ())), evaluation),
    }


def shown(conditions: tuple[Condition, ...], evaluation: RuleEvaluation) -> dict[str, Value]:
    """The values behind it, each under the name that the operator wrote."""
    written = {one.name: one.written for condition in conditions for one in condition.derived}
    return {written.get(name, name): evaluation.values[name] for condition in conditions for name in condition.needs
            if name in evaluation.values}
