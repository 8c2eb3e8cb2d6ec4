"""The registry of topics: every kind of message that the gateway sends, by name."""

from enum import StrEnum


class TopicName(StrEnum):
    """One kind of message."""

    FAULT_FOUND = "fault_found"
    TECHNICIAN_ASSIGNED = "technician_assigned"
    ON_THE_WAY = "on_the_way"
    RESOLVED = "resolved"
    CALLBACK_SCHEDULED = "callback_scheduled"
    WORSE = "worse"
    OUTAGE = "outage"
    OUTAGE_LONGER = "outage_longer"
    OUTAGE_OVER = "outage_over"
    MAINTENANCE = "maintenance"
    OFFER = "offer"
    OFFER_WITHDRAWN = "offer_withdrawn"
    EMERGENCY_PRESS = "emergency_press"
    NOBODY_LEFT = "nobody_left"
    CALLBACK_OVERDUE = "callback_overdue"
    UNDELIVERABLE = "undeliverable"
    TOO_MANY_MESSAGES = "too_many_messages"
    OWN_FAULT = "own_fault"
    OWN_FAULT_OVER = "own_fault_over"
    RULE_BROKEN = "rule_broken"
    TEST = "test"
