"""OutageContext: the rows that are decided on when area outages are watched, loaded by the store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.model import (
    Alarm,
    Callback,
    Instant,
    Need,
    Notification,
    Outage,
    OutageKind,
    OutageMember,
    Person,
    Promise,
)
from gateway.model.plan import Draft
from gateway.tickets.context import HomeDevice, SiteWork

CUSTOMER_KINDS = (OutageKind.PLACE, OutageKind.FEEDER)  # customers are notified of these; of others, the operator


class NeedyHome(NamedTuple):
    """A home where somebody depends on power or relies on an emergency button, or that was to be rung."""

    needs: frozenset[Need]  # of those who live there
    devices: Sequence[HomeDevice]
    helpers: Sequence[Person]  # who have agreed to look in
    telephone: str  # the first number to ring, as people read it; "" for none
    check: Callback | None = None  # the newest call that an outage was the reason for
    told_dead: bool = False  # its helpers that the button is dead …
    told_works: bool = False  # … and that it works again


@dataclass
class OutageContext:
    """What is decided on. Its rows are copies that `draft` handed out: planners change them and add new ones to it."""

    draft: Draft
    outages: dict[str, Outage] = field(default_factory=dict)  # open ones, and those of the members below
    members: dict[str, dict[str, OutageMember]] = field(default_factory=dict)  # outage id → site → member
    proofs: dict[str, str] = field(default_factory=dict)  # site → live | dark | mute, where something has changed
    customers: dict[str, str] = field(default_factory=dict)  # site → customer
    alarms: dict[str, list[Alarm]] = field(default_factory=dict)  # site → its open alarms of silence
    sites: dict[str, SiteWork] = field(default_factory=dict)  # where tickets may have to be opened or changed
    notified: dict[str, dict[str, Notification]] = field(default_factory=dict)  # outage id → customer → told of it
    callers: dict[str, Sequence[HomeDevice]] = field(default_factory=dict)  # site that waits for a call → its devices
    reported: dict[str, Sequence[HomeDevice]] = field(default_factory=dict)  # site without power by a person's word
    answered: dict[str, list[Callback]] = field(default_factory=dict)  # outage id → presses that it was the answer to
    needy: dict[str, NeedyHome] = field(default_factory=dict)  # site → home that somebody rings first, or was to
    # outage id → customer who was told, though no home of theirs can prove that it is over → their site and its devices
    unproven: dict[str, dict[str, tuple[str, Sequence[HomeDevice]]]] = field(default_factory=dict)
    promises: dict[str, list[Promise]] = field(default_factory=dict)  # outage id → open promises, of its end
    earlier_durations: dict[str, list[int]] = field(default_factory=dict)  # outage id → of such outages, ms
    still_dark: dict[str, set[str]] = field(default_factory=dict)  # outage id → homes that are dark as one area
    others_heard_at: Instant | None = None  # when a live home was last heard
    live: int = 0  # homes
    listening_since: Instant | None = None  # None: the gateway hears no broker

    @property
    def needy_customers(self) -> set[str]:
        """Who is seen to first."""
        return {member.customer_id for members in self.members.values() for site, member in members.items()
                if site in self.needy}
