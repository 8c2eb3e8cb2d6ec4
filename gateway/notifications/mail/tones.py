"""What each kind of message is to its reader at first sight, in a word and in a colour."""

from collections.abc import Mapping
from enum import StrEnum

from gateway.notifications.topics import TopicName


class Tone(StrEnum):
    """At the top of a mail: a word, a sign and a colour that say the same."""

    PROBLEM = "problem"
    """Something does not work."""
    CHANGE = "change"
    """It does not go as we said."""
    MOVING = "moving"
    """Somebody is at it."""
    GOOD = "good"
    """It is over, and well."""
    ANSWER = "answer"
    """The reader is asked something."""
    TO_DO = "to_do"
    """One of us, or of those who work for us, has to see to it."""
    QUIET = "quiet"
    """Good to know."""


_TOPICS: Mapping[Tone, tuple[TopicName, ...]] = {
    Tone.PROBLEM: (TopicName.FAULT_FOUND, TopicName.WORSE, TopicName.OUTAGE, TopicName.BUTTON_DEAD,
                   TopicName.GATEWAY_FAULT, TopicName.RULE_BROKEN, TopicName.WORDING_BROKEN, TopicName.CONTACT_GONE),
    Tone.CHANGE: (TopicName.OUTAGE_LONGER, TopicName.VISIT_LATE, TopicName.VISIT_MISSED, TopicName.VISIT_CHANGED,
                  TopicName.VISIT_CALLED_OFF, TopicName.CALLBACK_LATE, TopicName.CALLBACK_CANCELLED,
                  TopicName.OFFER_WITHDRAWN, TopicName.FAULT_ADDED),
    Tone.MOVING: (TopicName.TECHNICIAN_ASSIGNED, TopicName.ON_THE_WAY, TopicName.STILL_LOOKING, TopicName.PRICE_AGREED,
                  TopicName.CALLBACK_SCHEDULED, TopicName.CALLBACK_TRIED, TopicName.VISIT_INCOMPLETE,
                  TopicName.NEXT_VISIT, TopicName.WATCHING),
    Tone.GOOD: (TopicName.RESOLVED, TopicName.ALL_IS_WELL, TopicName.OUTAGE_OVER, TopicName.OUTAGE_FALSE,
                TopicName.BUTTON_WORKS,
                TopicName.BUTTON_TEST_HEARD, TopicName.GATEWAY_FAULT_OVER),
    Tone.ANSWER: (TopicName.PRICE_QUESTION, TopicName.WORKS_AGAIN, TopicName.SURVEY, TopicName.OFFER,
                  TopicName.TECHNICIAN_ASKED, TopicName.BUTTON_TEST_ASKED),
    Tone.TO_DO: (TopicName.PLEASE_LOOK, TopicName.EMERGENCY_PRESS, TopicName.VISIT_PROBLEM, TopicName.SLA_WARNING,
                 TopicName.SLA_MISSED, TopicName.UNDELIVERABLE, TopicName.UNDELIVERED_LIST,
                 TopicName.TOO_MANY_MESSAGES, TopicName.GOODWILL_WAITS, TopicName.CONTACTS_GONE),
    Tone.QUIET: (TopicName.MAINTENANCE, TopicName.PRICE_DECLINED, TopicName.CALLBACK_EXPIRED, TopicName.CUSTOMER_WROTE,
                 TopicName.OFFER_TAKEN, TopicName.JOB_TAKEN, TopicName.VISIT_INVITE, TopicName.PAGE_LINK,
                 TopicName.HOUSEHOLD_LINK, TopicName.APOLOGY, TopicName.GOODWILL, TopicName.DAILY,
                 TopicName.CONTACT_CODE, TopicName.TEST),
}
TONES: Mapping[str, Tone] = {topic: tone for tone, topics in _TOPICS.items() for topic in topics}
SIGNS: Mapping[Tone, str] = {Tone.PROBLEM: "!", Tone.CHANGE: "!", Tone.MOVING: "\u2192", Tone.GOOD: "\u2713",
                             Tone.ANSWER: "?", Tone.TO_DO: "!", Tone.QUIET: "i"}
COMES = frozenset({TopicName.TECHNICIAN_ASSIGNED, TopicName.ON_THE_WAY, TopicName.VISIT_CHANGED, TopicName.VISIT_LATE})
"""They say who comes: the mail shows who that is."""


_ALERT, _MOVING = (("#8a4b00", "#fdf0da"), ("#ffc778", "#3a2a10")), (("#0b5b74", "#e0f0f5"), ("#8bd8ea", "#0f323d"))
COLOURS: Mapping[Tone, tuple[tuple[str, str], tuple[str, str]]] = {  # (ink, ground): light, dark; as page.css has them
    Tone.PROBLEM: _ALERT, Tone.CHANGE: _ALERT, Tone.TO_DO: _ALERT, Tone.MOVING: _MOVING, Tone.ANSWER: _MOVING,
    Tone.GOOD: (("#1d6334", "#e2f3e5"), ("#8fdca4", "#14331e")),
    Tone.QUIET: (("#444f55", "#e9ecea"), ("#c3cdd1", "#273135")),
}
