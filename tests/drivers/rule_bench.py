"""A boiler with the rule that a test wants to try, and the clock that looks at it whenever it is due."""

import json
from collections.abc import Sequence
from dataclasses import replace

from gateway.detection import (
    ClaimedDevice,
    Cleared,
    ClockTick,
    Escalated,
    Flapping,
    MissedAlarm,
    Raised,
    RuleFailed,
    Verdict,
    memory,
    step,
)
from gateway.devices.profiles import Profile, compile_profile
from gateway.model import DAY, SECOND, Instant, from_iso
from gateway.model.signals import Telemetry, Value

NOON = from_iso("2026-11-23T12:00:00Z")  # a Monday


def profile(rule: str, more: str = "", silence: str = "off") -> Profile:
    """A boiler with one rule, `hot`, and perhaps others."""
    rule = "\n".join(f"    {line}" for line in rule.strip().splitlines())
    return compile_profile(f"""
profile: boiler
name: {{en: boiler}}
signals:
  temp: {{unit: °C}}
  back: {{unit: °C}}
  door: {{type: bool}}
silence: {silence}
rules:
  hot:
{rule}
    severity: major
    cause: {{en: Too hot}}
{more}""", "boiler.yaml")


class RuleBench:
    """One device and the clock that looks at it whenever it is due. `said`: (seconds, what) since the beginning."""

    def __init__(self, of: Profile, zone: str = "UTC", start: Instant = NOON) -> None:
        self.profile, self.start, self.now = of, start, start
        self.state = ClaimedDevice("boiler", "native:boiler", "boiler", zone=zone)
        self.verdicts: list[Verdict] = []
        self.said: list[tuple[float, str]] = []

    def says(self, at: float, **values: Value) -> "RuleBench":
        """`at` seconds after the beginning, taken and heard then."""
        self.passes(at)
        return self.heard(at, at, **values)

    def heard(self, at: float, taken: float, **values: Value) -> "RuleBench":
        self.now = self.start + round(at * SECOND)
        self._keep(self.steps(Telemetry("native:boiler", values, self.start + round(taken * SECOND)), self.now))
        return self

    def passes(self, until: float) -> "RuleBench":
        while self.state.due_at is not None and self.state.due_at <= self.start + until * SECOND:
            self.now = max(self.now, self.state.due_at)
            self._keep(self.steps(ClockTick(self.start - DAY), self.now))
        return self

    def restarts(self) -> "RuleBench":
        """The state goes through the database."""
        remembered, history = memory.loads(memory.dumps(self.state.memory, self.state.history))
        self.state = replace(self.state, signals=json.loads(json.dumps(self.state.signals)), memory=remembered,
                             history=history)
        return self

    def steps(self, signal: Telemetry | ClockTick, now: Instant) -> list[Verdict]:
        """One signal, or one look of the clock; no verdict is kept."""
        self.state, verdicts = step(self.profile, self.state, signal, now)
        return verdicts

    def _keep(self, verdicts: list[Verdict]) -> None:
        self.verdicts += verdicts
        for verdict in verdicts:
            passed = (self.now - self.start) / SECOND
            match verdict:
                case Raised():
                    self.said.append((passed, f"+{verdict.rule}"))
                case Cleared():
                    self.said.append((passed, f"-{verdict.rule}"))
                case Escalated():
                    self.said.append((passed, f"{verdict.rule} {verdict.severity}"))
                case Flapping():
                    self.said.append((passed, "flaps" if verdict.on else "calm"))
                case MissedAlarm():
                    self.said.append((passed, f"({verdict.raised.rule})"))
                case RuleFailed():
                    self.said.append((passed, f"!{verdict.rule}"))


def every(device: RuleBench, seconds: int, temps: Sequence[float], start: int = 0) -> RuleBench:
    for number, temp in enumerate(temps):
        device.says(start + number * seconds, temp=float(temp))
    return device
