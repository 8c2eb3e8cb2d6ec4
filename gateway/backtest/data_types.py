"""The input and output types of a backtest: a device's place, and its alarms, tickets and messages."""

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.model import Instant
from gateway.model.signals import Value

Row = tuple[Instant, Instant, dict[str, Value]]
"""(when the gateway heard it, when the device took it, signals in the device's own names); numbers are floats."""


class Place(NamedTuple):
    """A device, and whose it is."""

    device_id: str
    profile: str
    site_id: str
    customer_id: str
    key: str
    name: str = ""
    timezone: str = "UTC"


class SimulatedAlarm(NamedTuple):
    """One alarm that the rules raised."""

    device: str
    rule: str
    severity: str
    since: Instant  # when the condition began
    raised: Instant  # when the gateway knew
    cleared: Instant | None = None  # None: still open when the history ended


class SimulatedTicket(NamedTuple):
    """One ticket."""

    id: str
    device: str
    customer: str
    rule: str
    opened: Instant
    rounds: int = 1  # 2 when the fault came back before the ticket was closed, …
    visits: int = 0  # how often somebody would have had to come


@dataclass
class Outcome:
    """What the rules make of one device's readings."""

    device: str
    customer: str
    readings: int = 0
    alarms: list[SimulatedAlarm] = field(default_factory=list)
    tickets: list[SimulatedTicket] = field(default_factory=list)
    messages: int = 0  # to the customer
    broken: dict[str, str] = field(default_factory=dict)  # rule → why it could not be judged
