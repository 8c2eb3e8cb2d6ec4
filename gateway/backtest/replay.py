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


def replay(profile: Profile, place: Place, rows: Iterable[Row], until: Instant, service: Service, gaps: Spans = ()
           ) -> Outcome:
    """What the rules make of one device's readings: alarms, tickets, messages.

    `rows` in the order in which they arrived; the clock goes on to `until`. `gaps`: (from, until) in which the gateway
    received nothing, so that silence proves nothing.
    """
    dispatch = SimulatedDispatch(place, service, profile)
    device = ClaimedDevice(place.device_id, place.key, profile.id, zone=place.timezone)
    clock = _Clock(profile, device, dispatch, gaps)
    key, next_active, count = place.key, inf, 0
    for now, at, values in rows:
        if next_active < now:
            clock.run(next_active, now)
        count += 1
        verdicts = advance(profile, device, Telemetry(key, values, at), now)
        if verdicts:
            dispatch.apply_verdicts(device, verdicts, now)
        due = device.due_at
        next_active = dispatch.due if due is None or dispatch.due < due else due
    clock.run(next_active, until + 1)
    outcome = dispatch.outcome
    outcome.readings = count
    return outcome


class _Clock:
    """Runs the device's and its tickets' deadlines in order, as the sweep does."""

    def __init__(self, profile: Profile, device: ClaimedDevice, dispatch: SimulatedDispatch, gaps: Spans) -> None:
        self._profile, self.device, self._dispatch, self._gaps = profile, device, dispatch, gaps
        self._begins = [begins for begins, _ in gaps]

    def run(self, first: float, until: Instant) -> None:
        """Every deadline from `first` on that falls before `until`."""
        next_due, dispatch = first, self._dispatch
        while next_due < until:
            now = int(next_due)
            if dispatch.due <= now:
                dispatch.advance_to(self.device, now)
            due = self.device.due_at
            if due is not None and due <= now:
                self._tick(now)
                due = self.device.due_at
            next_due = dispatch.due if due is None or dispatch.due < due else due

    def _tick(self, now: Instant) -> None:
        place = bisect_right(self._begins, now) - 1
        since = self._gaps[place][1] if place >= 0 else 0
        if now < since:  # the gateway did not listen: judged when it does again
            self.device.due_at = since
            return
        verdicts = advance(self._profile, self.device, ClockTick(since), now)
        if verdicts:
            self._dispatch.apply_verdicts(self.device, verdicts, now)
        if self.device.due_at is not None and self.device.due_at <= now:
            self.device.due_at = now + SECOND
