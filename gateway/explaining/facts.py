"""What an explanation is made of: rows as the store found them."""

from dataclasses import dataclass, field

from gateway.detection import Known
from gateway.model import (
    Alarm,
    Attempt,
    Callback,
    Command,
    Device,
    Entry,
    Notification,
    Offer,
    Outage,
    Promise,
    Site,
    Ticket,
    Visit,
)


@dataclass
class Story:
    """What happened around one ticket, callback, alarm or outage. `names`: recipient or provider id → its name."""

    told: list[tuple[Notification, list[Attempt]]] = field(default_factory=list)  # oldest first
    entries: list[Entry] = field(default_factory=list)  # oldest first
    names: dict[str, str] = field(default_factory=dict)


@dataclass
class AlarmFacts:
    alarm: Alarm
    device: Device
    site: Site
    ticket: Ticket | None = None
    command: Command | None = None  # that was tried first
    held_by: Outage | Device | None = None  # what explains it
    story: Story = field(default_factory=Story)  # of its ticket, else its own

    @property
    def zone(self) -> str:
        return self.site.timezone


@dataclass
class TicketFacts:
    ticket: Ticket
    device: Device
    site: Site
    alarms: list[Alarm] = field(default_factory=list)  # oldest first
    offers: list[Offer] = field(default_factory=list)  # oldest first
    visits: list[Visit] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    story: Story = field(default_factory=Story)

    @property
    def zone(self) -> str:
        return self.site.timezone


@dataclass
class CallbackFacts:
    callback: Callback
    device: Device
    site: Site
    promises: list[Promise] = field(default_factory=list)
    story: Story = field(default_factory=Story)

    @property
    def zone(self) -> str:
        return self.site.timezone


@dataclass
class OutageFacts:
    outage: Outage
    zone: str
    members: dict[str, int] = field(default_factory=dict)  # state → homes
    nested: list[str] = field(default_factory=list)  # names of homes that are still dark on their own account
    held_alarms: int = 0
    story: Story = field(default_factory=Story)


@dataclass
class DeviceFacts:
    device: Device
    site: Site
    known: Known
    via: Device | None = None
    alarms: list[Alarm] = field(default_factory=list)  # newest first

    @property
    def zone(self) -> str:
        return self.site.timezone


Facts = AlarmFacts | TicketFacts | CallbackFacts | OutageFacts | DeviceFacts
