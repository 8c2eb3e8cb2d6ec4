"""Explains an alarm, outage, ticket, callback, device, SLA policy, message, household or firm in plain sentences. Pure:
facts in, lines out."""

from gateway.devices.profiles import Profile
from gateway.explain.alarms import explain_alarm
from gateway.explain.devices import explain_device
from gateway.explain.facts import (
    AlarmFacts,
    CallbackFacts,
    DeviceFacts,
    NotificationCount,
    OutageFacts,
    SlaPolicyFacts,
    SubjectHistory,
    TicketFacts,
)
from gateway.explain.format import Explanation, Line
from gateway.explain.outages import explain_outage
from gateway.explain.people.facts import CustomerFacts, NotificationFacts, ProviderFacts
from gateway.explain.people.firm import explain_provider
from gateway.explain.people.household import explain_customer
from gateway.explain.people.message import explain_notification
from gateway.explain.sla import explain_sla_policy
from gateway.explain.tickets_and_callbacks import explain_callback, explain_ticket
from gateway.model import Instant
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat

__all__ = ["AlarmFacts", "CallbackFacts", "CustomerFacts", "DeviceFacts", "Explanation", "Facts", "Line",
           "NotificationCount", "NotificationFacts", "OutageFacts", "ProviderFacts", "SlaPolicyFacts",
           "SubjectHistory", "TicketFacts", "explain"]

Facts = (AlarmFacts | TicketFacts | CallbackFacts | OutageFacts | DeviceFacts | SlaPolicyFacts | NotificationFacts
         | CustomerFacts | ProviderFacts)


def explain(facts: Facts, profile: Profile | None, catalogue: Catalogue, now: Instant) -> Explanation:
    """`profile`: the device's, when it is known; `catalogue`: the English one. Times are the site's."""
    times = TimeFormat(catalogue, facts.zone, now)
    match facts:
        case AlarmFacts():
            return explain_alarm(facts, profile, times)
        case TicketFacts():
            return explain_ticket(facts, profile, times)
        case CallbackFacts():
            return explain_callback(facts, times)
        case OutageFacts():
            return explain_outage(facts, times)
        case DeviceFacts():
            return explain_device(facts, profile, times)
        case SlaPolicyFacts():
            return explain_sla_policy(facts, times)
        case NotificationFacts():
            return explain_notification(facts, times)
        case CustomerFacts():
            return explain_customer(facts, times)
        case ProviderFacts():
            return explain_provider(facts, times)
