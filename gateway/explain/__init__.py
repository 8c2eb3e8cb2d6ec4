"""Explains an alarm, outage, ticket, callback, device or SLA policy in plain sentences. Pure: facts in, lines out."""

from gateway.devices.profiles import Profile
from gateway.explain.alarms import explain_alarm
from gateway.explain.devices import explain_device
from gateway.explain.facts import (
    AlarmFacts,
    CallbackFacts,
    DeviceFacts,
    Facts,
    NotificationCount,
    OutageFacts,
    SlaPolicyFacts,
    SubjectHistory,
    TicketFacts,
)
from gateway.explain.format import Explanation, Line
from gateway.explain.outages import explain_outage
from gateway.explain.sla import explain_sla_policy
from gateway.explain.tickets_and_callbacks import explain_callback, explain_ticket
from gateway.model import Instant
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat

__all__ = ["AlarmFacts", "CallbackFacts", "DeviceFacts", "Explanation", "Facts", "NotificationCount", "Line",
           "OutageFacts", "SlaPolicyFacts", "SubjectHistory", "TicketFacts", "explain"]


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
