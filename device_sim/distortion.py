"""Distorts a device's messages on their way out: bad sensors, wrong clocks, duplicates, backlogs, noise."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from device_sim.device_kinds import Value, Values
from device_sim.dialects import Message

_RUBBISH = (b"", b"{", b"null", b"[[[[[[", b'{"values":}', b"\xff\xfe\x00rubbish",
            b'{"ts":"yesterday","values":{"a":[1]}}', b"NaN", b'{"values":{"flow_temp":NaN}}',
            b"<html>502 Bad Gateway</html>", b'{"values":' * 40)
_FEW = 6  # reports between two messages that swap places, at most


@dataclass(slots=True)
class Distortion:
    """All of it off is a device without fault. Rates are shares of its messages."""

    rng: random.Random
    stuck: dict[str, Value] = field(default_factory=dict)  # value → what it shows for ever
    drift: float = 0.0  # per simulated hour
    drifting_since: float = 0.0
    skew: int | None = None  # ms its clock is off
    reset_at: int | None = None  # wall ms when its clock began at 1970 again
    hushed: bool = False
    fahrenheit: bool = False  # new firmware, wrong unit
    renamed: bool = False  # new firmware, other field names
    repeats: float = 0.0
    swaps: float = 0.0
    garbles: float = 0.0
    holding: bool = False
    _held: list[Message] = field(default_factory=list)
    _behind: list[Message] = field(default_factory=list)
    _late: bool = False

    def clock(self, now: int) -> int:
        """What its clock says at wall time `now`, ms."""
        if self.reset_at is not None:
            return max(0, now - self.reset_at)
        return now + (self.skew or 0)

    def values(self, seen: Values, main: str, t: float) -> Values:
        if self.drift and main:
            seen[main] = round(seen[main] + self.drift * (t - self.drifting_since) / 3600, 2)
        seen.update(self.stuck)
        if self.fahrenheit and main:
            seen[main] = round(seen[main] * 1.8 + 32, 1)
        return {f"v2_{name}": value for name, value in seen.items()} | _kept(seen) if self.renamed else seen

    def out(self, messages: Iterable[Message]) -> list[Message]:
        """What really goes out now."""
        said: list[Message] = []
        for meant in messages:
            message = self._garbled(meant) if self.garbles and self.rng.random() < self.garbles else meant
            if self.holding:
                self._held.append(message)
            elif self.swaps and not self._late and len(self._behind) < _FEW and self.rng.random() < self.swaps:
                self._behind.append(message)
                self._late = True  # never two in a row: what overtakes is not silence
            else:
                self._late = False
                said += [message, message] if self.repeats and self.rng.random() < self.repeats else [message]
                if self._behind and self.rng.random() < 0.5:
                    said += self.in_disorder()
        return said

    def in_disorder(self) -> list[Message]:
        """What was held back to come late."""
        behind, self._behind = self._behind, []
        self.rng.shuffle(behind)
        return behind

    def release(self) -> list[Message]:
        """Everything that was queued, oldest first."""
        held, self._held, self.holding = self._held, [], False
        return held

    def _garbled(self, message: Message) -> Message:
        if self.rng.random() < 0.5 and len(message.payload) > 2:
            return message._replace(payload=message.payload[: self.rng.randrange(1, len(message.payload) - 1)])
        return message._replace(payload=self.rng.choice(_RUBBISH))


def _kept(seen: Values) -> Values:
    """Tasmota's energy total has its place whatever the firmware."""
    return {"energy": seen["energy"]} if "energy" in seen else {}
