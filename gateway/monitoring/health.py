"""The health status that /readyz and the log report."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Health:
    """`ready`: it hears its broker, all that its fleet speaks, and can write. The rest is for the operator to read."""

    ready: bool
    broker: list[str] = field(default_factory=list)  # what the start-up probe found this broker would lose
    problems: list[str] = field(default_factory=list)  # why it is not ready, and what it does not hear
    degraded: list[str] = field(default_factory=list)  # what does not work, and does not keep it from its work either
    details: dict[str, Any] = field(default_factory=dict)  # plain JSON; no secrets, no personal data
