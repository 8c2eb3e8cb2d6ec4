"""One device whose state goes on from signal to signal; no step may change the state that it is given."""

from copy import deepcopy

from gateway.detection import ClaimedDevice, ClockTick, Verdict, step
from gateway.devices.profiles import Profile
from gateway.model import Instant
from gateway.model.signals import Signal


class DeviceStepper:
    """`state`: as the last step has left it."""

    def __init__(self, state: ClaimedDevice) -> None:
        self.state = state

    def step(self, profile: Profile, signal: Signal | ClockTick, now: Instant, retained: bool = False) -> list[Verdict]:
        before, as_it_was = self.state, deepcopy(self.state)
        self.state, verdicts = step(profile, before, signal, now, retained)
        assert before == as_it_was
        return verdicts
