"""The nouns: every row the gateway keeps, grouped as people meet them."""

from gateway.model.devices import (
    ApiKey,
    Command,
    Credential,
    DeadLetter,
    Device,
    DeviceState,
    Link,
    Listener,
    Note,
    PressRecord,
    Reading,
    Route,
    Unclaimed,
)
from gateway.model.ids import new_id
from gateway.model.instant import (
    DAY,
    EARLIEST,
    HOUR,
    LATEST,
    MINUTE,
    SECOND,
    Instant,
    from_iso,
    local,
    to_iso,
    within_calendar,
)
from gateway.model.messages import Attempt, Entry, Notification, Promise
from gateway.model.outages import Loss, MaintenanceWindow, Outage, OutageMember
from gateway.model.places import Area, Contact, Customer, Provider, Site, SiteArea, Technician
from gateway.model.work import (
    ALARM_SEVERITIES,
    TICKET_OPEN,
    Alarm,
    Callback,
    Offer,
    Ticket,
    Visit,
)

__all__ = [
    "ALARM_SEVERITIES", "DAY", "EARLIEST", "HOUR", "LATEST", "MINUTE", "SECOND", "TICKET_OPEN",
    "Alarm", "ApiKey", "Area", "Attempt", "Callback", "Command", "Contact", "Credential", "Customer",
    "DeadLetter", "Device", "DeviceState", "Entry", "Instant", "Link", "Listener", "Loss", "MaintenanceWindow",
    "Note", "Notification", "Offer", "Outage", "OutageMember", "PressRecord", "Promise", "Provider",
    "Reading", "Route", "Site", "SiteArea", "Technician", "Ticket", "Unclaimed", "Visit", "from_iso", "local", "new_id",
    "to_iso", "within_calendar",
]
