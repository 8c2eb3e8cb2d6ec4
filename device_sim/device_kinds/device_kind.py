"""The base of every simulated device: physics in steps of simulated seconds, and what can go wrong with it."""

from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple, Protocol

Value = float | bool
Values = dict[str, Value]


class Fault(NamedTuple):
    """Something that goes wrong: what it is called in the truth, and what a good detector makes of it.

    `shows` says whether a detector with the shipped profile could see it in these values; what never showed is not
    expected to be found.
    """

    kind: str
    rule: str
    expect: str  # ticket | alarm
    undo: str
    shows: Callable[[Values], bool]


class SensorFault(NamedTuple):
    """What a good detector makes of a sensor that shows what is not so; `shows` as in a Deed."""

    rule: str
    expect: str
    shows: Callable[[Values], bool] = lambda seen: True


class DeviceKind(Protocol):
    """`do` returns True when the device has something to say at once, and so does `step`."""

    faults: ClassVar[Mapping[str, Fault]]
    acts: ClassVar[tuple[str, ...]]  # everything that `do` understands
    main: ClassVar[str]  # the value that a broken sensor falsifies; "" when there is none
    # how it is falsified (kind in the truth), if that profile can find it
    sensor_faults: ClassVar[Mapping[str, SensorFault]]
    profile: ClassVar[str]  # of the gateway's shipped ones, for the fleet file
    missed: ClassVar[bool]  # that profile notices within the hour when it is gone
    heard_within: ClassVar[float]  # seconds of silence after which that profile misses it; 0: it may say nothing
    stale: ClassVar[bool]  # that profile notices when messages come without the values it knows

    @property
    def codes(self) -> tuple[str, ...]: ...  # faults that the device itself names

    def step(self, seconds: float, outside: float) -> bool: ...
    def rest(self, seconds: float) -> None: ...  # time passes without power
    def do(self, act: str) -> bool: ...
    def values(self) -> Values: ...
