"""PlanningContext: the rows that a planner decides on, loaded by the store."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.config.settings import OnCall, Service
from gateway.devices.profiles import Profile
from gateway.model import (
    Actor,
    ActorKind,
    Alarm,
    Callback,
    Command,
    Customer,
    Device,
    Instant,
    Link,
    Offer,
    Outage,
    PressRecord,
    Promise,
    Provider,
    Site,
    Ticket,
    Visit,
)
from gateway.model.plan import Draft
from gateway.notifications.catalogue import Catalogues
from gateway.tickets.lifecycle import UNDER_WAY

NewId = Callable[[str], str]
"""prefix → a new id, e.g. new_id("T") = "T-4F7QK2M9"."""


@dataclass
class ProviderLoad:
    """The providers, and how many jobs each of them held before this transaction."""

    providers: list[Provider] = field(default_factory=list)
    jobs_before: Mapping[str, int] = field(default_factory=dict)

    def open_jobs(self, draft: Draft) -> Mapping[str, int]:
        """Provider id → jobs it holds or is being asked to take, with all that `draft` has moved on until now."""
        jobs = Counter(self.jobs_before)
        for ticket, before in draft.rows(Ticket):
            if before is not None and before["provider_id"] is not None and before["state"] in UNDER_WAY:
                jobs[before["provider_id"]] -= 1
            if ticket.provider_id is not None and ticket.state in UNDER_WAY:
                jobs[ticket.provider_id] += 1
        for offer, before in draft.rows(Offer):
            if before is not None and before["closed_at"] is None:
                jobs[offer.provider_id] -= 1
            if offer.closed_at is None:
                jobs[offer.provider_id] += 1
        return jobs


@dataclass
class PlanningContext:
    """The rows of one device, its site and its customer.

    They are copies that `draft` handed out: planners change them, and add new ones to it.
    """

    draft: Draft

    device: Device
    site: Site
    customer: Customer
    area_ids: frozenset[str] = frozenset()  # the site's areas and all above them
    alarms: dict[str, Alarm] = field(default_factory=dict)  # rule → the device's open alarm
    last_remote_fixes: dict[str, Alarm] = field(default_factory=dict)  # rule → its newest alarm with a remote fix
    commands: dict[str, Command] = field(default_factory=dict)  # command id → command of `last_remote_fixes`
    tickets: dict[str, Ticket] = field(default_factory=dict)  # cause_key → the device's open ticket
    offers: dict[str, list[Offer]] = field(default_factory=dict)  # ticket id → every offer of it, oldest first
    open_callbacks: dict[str, Callback] = field(default_factory=dict)  # site id → its open callback; one dict for all
    presses: dict[str, PressRecord] = field(default_factory=dict)  # press id → press of this device
    last_press: PressRecord | None = None
    press_callbacks: dict[str, Callback] = field(default_factory=dict)  # callback id → callback of `presses`
    visits: dict[str, Visit] = field(default_factory=dict)  # ticket id → its current visit
    follow: dict[str, Link] = field(default_factory=dict)  # ticket or callback id → the customer's link to it
    offer_links: dict[str, list[Link]] = field(default_factory=dict)  # offer id → links
    visit_links: dict[str, list[Link]] = field(default_factory=dict)  # visit id → links, those of its offer too
    promises: dict[str, list[Promise]] = field(default_factory=dict)  # ticket or callback id → open promises
    causes: dict[str, dict[str, str]] = field(default_factory=dict)  # ticket id → its cause in every locale
    provider_loads: ProviderLoad = field(default_factory=ProviderLoad)
    hub_silent: bool = False  # the device that it speaks through is silent itself
    children: list[Alarm] = field(default_factory=list)  # open ones that wait for this device
    outage_id: str | None = None  # the open one that this home is in
    carrier_outage: Outage | None = None  # the open one of its carrier, or of the gateway itself
    nested: bool = False  # this home is dark in an outage for a reason of its own
    known_outage: Outage | None = None  # of an area that the site lies in, confirmed, and told to customers
    planned: list[tuple[Instant, Instant]] = field(default_factory=list)  # (from, until): maintenance, and coming back
    after_outage: bool = False  # what is planned now follows an outage that is over for everybody else

    @property
    def by_device(self) -> Actor:
        """The device, as whose doing the timeline shows what it says."""
        return Actor(ActorKind.DEVICE, self.device.id)

    def fault(self, rule: str) -> Alarm | None:
        """The open alarm of a fault that still holds."""
        alarm = self.alarms.get(rule)
        return alarm if alarm is not None and alarm.cleared_at is None and not alarm.dry_run else None

    def follow_id(self, subject_id: str) -> str | None:
        """The id of the customer's link to that ticket or callback, if there is one."""
        link = self.follow.get(subject_id)
        return None if link is None else link.id

    @property
    def callback(self) -> Callback | None:
        """The site's open callback, also when another device of the same batch has just asked for it."""
        return self.open_callbacks.get(self.site.id)


@dataclass(frozen=True)
class Policy:
    """What every planner is given besides its context: the operator's service settings, where new ids come from, the
    profiles (for what was put off and is decided anew), the sentences of every language, and who is on call."""

    service: Service
    new_id: NewId
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    catalogues: Catalogues = field(default_factory=Catalogues)  # for what a device shows to people
    on_call: OnCall = field(default_factory=OnCall)
