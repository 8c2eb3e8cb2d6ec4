"""Everything that is known about the home that a callback is about, as it was read: nothing from before its household.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.callbacks.numbers.telephones import Telephone
from gateway.callbacks.presses.answers import Form
from gateway.model import (
    Alarm,
    Callback,
    Customer,
    Device,
    DeviceState,
    Instant,
    MaintenanceWindow,
    Notification,
    Outage,
    Person,
    Promise,
    Provider,
    Reading,
    Severity,
    Site,
    Ticket,
    Visit,
)
from gateway.model.states import GhostSign

A_WEEK_BACK = 7  # days: whoever calls again within them has waited for too long
OFTEN = 3  # contacts within them


@dataclass(frozen=True)
class OpenTicket:
    """A fault of the home that is not over, and who comes for it."""

    ticket: Ticket
    cause: Mapping[str, str]  # locale → words, as they were told
    visit: Visit | None = None
    provider: Provider | None = None


@dataclass(frozen=True)
class Around:
    """What may explain a call: an outage that the home is in, or that is around it, and planned work."""

    outage: Outage | None = None
    form: Form | None = None  # what it means to the home; None: nobody knows for sure yet
    work: MaintenanceWindow | None = None
    area: str = ""  # of the planned work


@dataclass(frozen=True)
class CallFacts:
    callback: Callback
    site: Site
    customer: Customer
    people: Sequence[Person]  # in the household's order
    telephones: Sequence[Telephone]  # to ring, in this order
    devices: Sequence[tuple[Device, DeviceState]]
    around: Around = Around()
    alarms: Sequence[Alarm] = ()  # open ones, the newest first
    tickets: Sequence[OpenTicket] = ()  # the worst first
    callbacks: Sequence[Callback] = ()  # earlier ones, the newest first
    told: Sequence[Notification] = ()  # messages to the household, the newest first
    visits: Sequence[Visit] = ()  # that are over, the newest first
    promises: Sequence[Promise] = ()  # that are open, the first to fall due first
    charted: str = ""  # id of the device that is in trouble, else that was pressed
    readings: Sequence[Reading] = ()  # of that one, around its fault, the oldest first
    test_asked_at: Instant | None = None  # when a test of the emergency button was asked for that is not over
    suspicion: GhostSign | None = None  # why perhaps nobody pressed

    def device(self, device_id: str | None) -> Device | None:
        return next((device for device, _ in self.devices if device.id == device_id), None)

    def alarms_of(self, device: Device) -> list[Alarm]:
        return [one for one in self.alarms if one.device_id == device.id]

    @property
    def worst(self) -> OpenTicket | None:
        """The fault that matters most."""
        return self.tickets[0] if self.tickets else None

    @property
    def is_critical(self) -> bool:
        return self.worst is not None and self.worst.ticket.severity is Severity.CRITICAL
