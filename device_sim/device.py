"""One simulated device: its physics, its dialect, and its present faults."""

import random

from device_sim.client import Client
from device_sim.device_kinds import KINDS, DeviceKind, Values
from device_sim.device_kinds.weather import outside
from device_sim.dialects import DIALECTS, Message
from device_sim.distortion import Distortion
from device_sim.ground_truth import Episode
from device_sim.population import DeviceSpec

REPEAT = 10_000  # ms of wall time after which an unanswered press is sent again, with its own id


class Device:
    """`t` is simulated seconds, `now` wall ms. `absent`: why it has no link; `unpowered`: why it stands still."""

    __slots__ = (
        "_boot",
        "_codes",
        "_presses",
        "_seed",
        "_stepped",
        "absent",
        "client",
        "dialect",
        "distortion",
        "due",
        "episodes",
        "name",
        "number",
        "physics",
        "spec",
        "unpowered",
        "waiting",
    )

    def __init__(self, spec: DeviceSpec, client: Client, seed: int, boot: str) -> None:
        self.spec, self.client = spec, client
        self.name = spec.name
        self.dialect = DIALECTS[spec.dialect]
        self._seed = seed
        rng = random.Random(f"{seed}/{spec.id}")
        self.physics: DeviceKind = KINDS[spec.kind](rng)
        self.distortion = Distortion(rng)
        self.due = rng.uniform(0, min(spec.every, 60))  # simulated seconds: devices do not speak in chorus
        self.number = 0  # of its place in the schedule: what stands there under another number is void
        self.absent: set[str] = set()
        self.unpowered: set[str] = set()
        self.episodes: dict[str, Episode] = {}
        self.waiting: dict[str, tuple[list[Message], int]] = {}  # press id → the message, when to repeat it
        self._boot = boot  # its press ids begin with it
        self._presses = 0
        self._codes: tuple[str, ...] = ()
        self._stepped = 0.0

    @property
    def there(self) -> bool:
        return not self.absent and not self.unpowered

    def dice(self, t: float) -> random.Random:
        """For what is decided at `t`: the same whatever it has measured until then, which depends on the broker too."""
        return random.Random(f"{self._seed}/{self.spec.id}/{t}")

    def now(self, wall: int) -> int:
        """What its own clock says."""
        return self.distortion.clock(wall)

    def seen(self) -> Values:
        """What its sensors show."""
        return self.distortion.values(self.physics.values(), self.physics.main, self._stepped)

    def live(self, t: float) -> bool:
        """Lets time pass until `t`; True when it has something to say at once."""
        passed, self._stepped = t - self._stepped, t
        if passed <= 0:
            return False
        if self.unpowered:
            self.physics.rest(passed)
            return False
        return self.physics.step(passed, outside(t))

    def report(self, now: int) -> None:
        """Says what it measures, and its own faults that have come or gone."""
        held = self.distortion.holding and not self.unpowered
        if self.distortion.hushed or (not held and not (self.there and self.client.born)):
            return
        values = self.seen()
        said = self.distortion.out(self._messages(values, self.now(now)))
        if not held:
            self.client.say(said)
            self._show(values)

    def _messages(self, values: Values, at: int) -> list[Message]:
        wire, codes = self.client.wire, self.physics.codes
        said = wire.telemetry(self.name, values, at)
        for code in (*codes, *self._codes):
            if (code in codes) != (code in self._codes):
                said += wire.fault(self.name, code, code in codes, at)
        self._codes = codes
        return said

    def _show(self, values: Values) -> None:
        for name, episode in self.episodes.items():
            wrong = self.physics.faults.get(name) or self.physics.sensor_faults.get(name)
            if not episode.shown and wrong is not None and not self.distortion.renamed:
                episode.shown = wrong.shows(values)

    def press(self, kind: str, now: int) -> str:
        """Somebody presses it; returns the press's id."""
        self._presses += 1
        press_id = f"{self._boot}-{self._presses:04d}"
        messages = self.client.wire.press(self.name, press_id, kind, self.now(now))
        if self.dialect.ANSWERED:
            self.waiting[press_id] = (messages, now + REPEAT)
        self.client.say(messages)
        return press_id

    def insist(self, now: int) -> None:
        """Sends again what nobody has answered."""
        for press_id, (messages, due) in self.waiting.items():
            if due <= now and self.there:
                self.waiting[press_id] = (messages, now + REPEAT)
                self.client.say(messages)
