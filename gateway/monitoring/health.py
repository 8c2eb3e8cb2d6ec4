"""The health status that /readyz and the log report."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Health:
    """`ready`: the gateway listens to its broker, to every topic that its fleet needs, and can write to the
    database."""

    ready: bool
    broker: list[str] = field(default_factory=list)  # what the start-up probe found, good and bad
    problems: list[str] = field(default_factory=list)  # why it is not ready, and which topics it cannot subscribe to
    degraded: list[str] = field(default_factory=list)  # what fails without stopping the gateway
    losses: list[str] = field(default_factory=list)  # of `broker`, what it would lose: for the operator to set right
    details: dict[str, Any] = field(default_factory=dict)  # plain JSON; no secrets, no personal data
