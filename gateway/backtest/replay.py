"""Replays one device's readings through detection, with the sweep at each of its deadlines."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf

from gateway.backtest.data_types import Outcome, Place, Row
from gateway.backtest.simulated_dispatch import SimulatedDispatch
from gateway.config.settings import Service
from gateway.detection import ClaimedDevice, ClockTick, advance
from gateway.devices.profiles import Profile
from gateway.model import SECOND, Instant
from gateway.model.signals import Telemetry

Spans = Sequence[tuple[Instant, Instant]]


def replay(profile: Profile, place: Place, rows: Iterable[Row], until: Instant, service: Service, deaf: Spans = ()
           ) -> Outcome:
    """`rows` in the order in which they were heard; the clock goes on to `until`. `deaf`: when nobody listened."""
    desk = SimulatedDispatch(place, service, profile)
    known = ClaimedDevice(place.device_id, place.key, profile.id, place.site_id, zone=place.timezone)
    clock = _Clock(profile, known, desk, deaf)
    key, next_active, count = place.key, inf, 0
    for now, at, values in rows:
        if next_active < now:
            clock.run(next_active, now)
        count += 1
        verdicts = advance(profile, known, Telemetry(key, values, at), now)
        if verdicts:
            desk.take(known, verdicts, now)
        due = known.due_at
        next_active = desk.due if due is None or desk.due < due else due
    clock.run(next_active, until + 1)
    outcome = desk.outcome
    outcome.readings = count
    return outcome


class _Clock:
    """Looks at the device and its work at every deadline, as the sweep does."""

    def __init__(self, profile: Profile, known: ClaimedDevice, desk: SimulatedDispatch, deaf: Spans) -> None:
        self._profile, self.known, self._desk, self._deaf = profile, known, desk, deaf
        self._ends = [begins for begins, _ in deaf]

    def run(self, first: float, until: Instant) -> None:
        """Every look from `first` on that falls before `until`."""
        look, desk = first, self._desk
        while look < until:
            now = int(look)
            if desk.due <= now:
                desk.look(self.known, now)
            due = self.known.due_at
            if due is not None and due <= now:
                self._tick(now)
                due = self.known.due_at
            look = desk.due if due is None or desk.due < due else due

    def _tick(self, now: Instant) -> None:
        place = bisect_right(self._ends, now) - 1
        since = self._deaf[place][1] if place >= 0 else 0
        if now < since:  # nobody listened: judged when they do again
            self.known.due_at = since
            return
        verdicts = advance(self._profile, self.known, ClockTick(since), now)
        if verdicts:
            self._desk.take(self.known, verdicts, now)
        if self.known.due_at is not None and self.known.due_at <= now:
            self.known.due_at = now + SECOND
