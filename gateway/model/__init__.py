"""The data model: every table of the gateway."""

from gateway.model.access import ApiKey, Credential, Link
from gateway.model.devices import (
    Command,
    DeadLetter,
    Device,
    DeviceState,
    Listener,
    Note,
    PressRecord,
    Price,
    Reading,
    Route,
    Unclaimed,
)
from gateway.model.entries import GATEWAY, PARAMETERS, Actor, ChangedRow, Entry, EntryKind
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
from gateway.model.notifications import (
    DISPATCHER,
    Attempt,
    Notification,
    Promise,
    Recipient,
    Subject,
    customer,
    emergency,
    provider,
)
from gateway.model.outages import Loss, MaintenanceWindow, Outage, OutageMember
from gateway.model.places import Area, Contact, Customer, Provider, Site, SiteArea, Technician
from gateway.model.reasons import Reason, ReasonKind
from gateway.model.row import new_id
from gateway.model.states import (
    ActorKind,
    ApiRole,
    AreaKind,
    AttemptOutcome,
    CallbackState,
    CommandState,
    Cover,
    DueKind,
    HoldReason,
    IncompleteReason,
    LinkPurpose,
    LinkState,
    MemberState,
    NotificationState,
    OfferState,
    OutageKind,
    OutageState,
    PressKind,
    PriceAnswer,
    PromiseKind,
    PromiseState,
    RecipientKind,
    RemoteFixOutcome,
    ResolvedBy,
    Responsible,
    Severity,
    SlaKind,
    SubjectKind,
    SuppressedBy,
    TicketState,
    VisitOutcome,
    VisitState,
    stored,
)
from gateway.model.tickets import (
    Alarm,
    Callback,
    Due,
    Job,
    JobTicket,
    Offer,
    SlaClock,
    SlaPolicyVersion,
    Suppressor,
    Ticket,
    Visit,
)

__all__ = [
    "Actor", "ActorKind", "Alarm", "ApiKey", "ApiRole", "Area", "AreaKind", "Attempt", "AttemptOutcome", "Callback",
    "CallbackState", "ChangedRow", "Command", "CommandState", "Contact", "Cover", "Credential", "Customer", "DAY",
    "DISPATCHER", "DeadLetter", "Device", "DeviceState", "Due", "DueKind", "EARLIEST", "Entry", "EntryKind",
    "GATEWAY", "HOUR", "HoldReason", "IncompleteReason", "Instant", "Job", "JobTicket", "LATEST", "Link",
    "LinkPurpose", "LinkState", "Listener", "Loss", "MINUTE", "MaintenanceWindow", "MemberState", "Note",
    "Notification", "NotificationState", "Offer", "OfferState", "Outage", "OutageKind", "OutageMember",
    "OutageState", "PARAMETERS", "PressKind", "PressRecord", "Price", "PriceAnswer", "Promise", "PromiseKind",
    "PromiseState", "Provider", "Reading", "Reason", "ReasonKind", "Recipient", "RecipientKind", "RemoteFixOutcome",
    "ResolvedBy", "Responsible", "Route", "SECOND", "Severity", "Site", "SiteArea", "SlaClock", "SlaKind",
    "SlaPolicyVersion", "Subject", "SubjectKind", "SuppressedBy", "Suppressor", "Technician", "Ticket",
    "TicketState", "Unclaimed", "Visit", "VisitOutcome", "VisitState", "customer", "emergency", "from_iso", "local",
    "new_id", "provider", "stored", "to_iso", "within_calendar",
]
