"""NotificationContext: the current rows that decide whether and how a notification is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.callbacks.numbers.telephones import Telephone
from gateway.model import (
    Attempt,
    ButtonTest,
    Callback,
    Contact,
    Customer,
    Device,
    Instant,
    Link,
    Notification,
    Offer,
    OnCallPage,
    Outage,
    OutageMember,
    Person,
    Preference,
    Promise,
    Provider,
    Reason,
    Recipient,
    Site,
    SlaClock,
    Ticket,
    Visit,
)


class Undelivered(NamedTuple):
    """Somebody on a list of those who could not be told."""

    name: str
    telephones: tuple[Telephone, ...]  # to be rung, in this order
    topics: tuple[str, ...]  # of what they did not get
    why: Reason | None  # of the last of them
    unsure: bool  # it may have arrived


@dataclass(frozen=True)
class NotificationContext:
    """What is true now about one notification, read in the transaction that decides."""

    ticket: Ticket | None = None
    callback: Callback | None = None
    is_promised_anew: bool = False  # that callback is over, and the home has another open one of its kind
    visit: Visit | None = None  # the visit the notification speaks of, else the ticket's current one
    offer: Offer | None = None  # the offer it speaks of
    outage: Outage | None = None
    dark_home: OutageMember | None = None  # a home of the recipient that is dark in that outage
    sla_clocks: tuple[SlaClock, ...] = ()  # the ticket's, for a notification that speaks of one
    customer: Customer | None = None
    site: Site | None = None
    homes: tuple[Site, ...] | None = None  # of a household's message: that it tells of; None: of none in particular
    device: Device | None = None
    button_test: ButtonTest | None = None  # that device's open one, for a message about a device
    provider: Provider | None = None
    link: Link | None = None
    pages: tuple[OnCallPage, ...] = ()  # open ones about the same ticket or callback
    contacts: tuple[Contact, ...] = ()  # of the recipient, in their order, on channels that are configured
    residents: Mapping[str, Person] = field(default_factory=dict)  # by id: a household's, who may have contacts
    choices: Mapping[Recipient, Preference] = field(default_factory=dict)  # by whose contacts they are about
    items: tuple[tuple[Notification, "NotificationContext"], ...] = ()  # that a daily message lists, those still true
    is_well: bool = True  # of a message that says so: nothing is open there, and all speaks
    can_be_rung: bool = False  # a household without such contacts of which a telephone number is known
    reader: Person | None = None  # whose contact it goes to, where it is one of the residents'
    telephones: tuple[Telephone, ...] = ()  # of whoever could not be told, for the dispatcher to ring
    attempts: tuple[Attempt, ...] = ()  # at this notification
    siblings: tuple[Notification, ...] = ()  # everything else on the same subject for the same recipient
    sent: frozenset[tuple[str, str]] = frozenset()  # (notification id, contact id) that were handed over
    maybe_sent: frozenset[tuple[str, str]] = frozenset()  # the same, of what is under way, or may have arrived
    knows_repeats: frozenset[str] = frozenset()  # channels whose receivers can tell that they have a message already
    paused: Mapping[str, Instant] = field(default_factory=dict)  # channels that fail → when one may go to see
    same_trip: frozenset[str] = frozenset()  # other tickets that a job of the ticket is to settle too
    promises: tuple[Promise, ...] = ()  # that are open about the same subject, to the recipient or to everybody
    undelivered: tuple[Undelivered, ...] = ()  # whom the dispatcher's list names
    in_shadow: bool = False  # it does not leave the house, so it counts what has not left before as said
    shadowed: frozenset[tuple[str, str]] = frozenset()  # as `sent`, of what did not leave in the shadow mode
    shadow_recent: tuple[Instant, ...] = ()  # as `recent`, likewise
    recent: tuple[Instant, ...] = ()  # when the recipient, a customer, was told anything in the last day; oldest first
