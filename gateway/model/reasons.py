"""Why something ended, waits or was not done: named reasons with parameters, worded when they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ReasonKind(StrEnum):
    """One named reason; the catalogues say it, in `reason.<kind>`."""

    RETIRED = "retired"
    """The device was retired."""
    RULE_REMOVED = "rule_removed"
    """Its profile has lost the rule."""
    PART_OF_OUTAGE = "part_of_outage"
    """It belongs to `outage`."""
    BACK_TO_NORMAL = "back_to_normal"
    """The device itself says that all is normal."""
    POWER_BACK = "power_back"
    """The homes of an outage say that they have power."""
    SMALLER_AREA = "smaller_area"
    """A smaller `area` explains an outage better."""
    BACK_ALREADY = "back_already"
    """`back` of `homes` homes have come back before an outage was sure."""
    BROKER_JUST_HEARD = "broker_just_heard"
    """Our own connection has only just come back."""
    NOBODY_ELSE_HEARD = "nobody_else_heard"
    """No other home has been heard since, so the fault may be ours."""
    NOT_NEEDED = "not_needed"
    """A command: the fault was over before it was sent."""
    TIME_OVER = "time_over"
    """A command: its time was over."""
    NOT_SENT_IN_TIME = "not_sent_in_time"
    """A command: it could not be sent in time."""
    NOT_CONFIRMED_IN_TIME = "not_confirmed_in_time"
    """A command: the device has not confirmed it in time."""
    CONFIRMS_NOTHING = "confirms_nothing"
    """A command: such a device confirms none."""
    NOT_DONE = "not_done"
    """A command: the device says that it could not do it."""


@dataclass(frozen=True)
class Reason:
    """A named reason with what its sentence needs: plain values."""

    kind: ReasonKind
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As it stands in JSON: {"reason": kind, and its parameters}."""
        return {"reason": str(self.kind), **self.parameters}

    @staticmethod
    def read(stored: Mapping[str, Any]) -> "Reason":
        """What `stored` gave."""
        return Reason(ReasonKind(stored["reason"]), {name: value for name, value in stored.items() if name != "reason"})
