"""PlanningContext and SiteWork: the rows that a planner decides on, loaded by the store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.config.settings import Goodwill, OnCall, Service
from gateway.devices.profiles import Profile
from gateway.model import (
    Actor,
    ActorKind,
    Alarm,
    ButtonTest,
    Callback,
    CallbackKind,
    Command,
    Contact,
    Customer,
    Device,
    Due,
    DueKind,
    Entry,
    Instant,
    Job,
    JobTicket,
    Link,
    LinkState,
    MaintenanceWindow,
    Need,
    Offer,
    Outage,
    OutageMember,
    OutageState,
    PendingAct,
    Person,
    PersonSite,
    Preference,
    PressRecord,
    Promise,
    Provider,
    Severity,
    Site,
    SlaClock,
    SlaKind,
    Subject,
    SubjectKind,
    Survey,
    Technician,
    Ticket,
    TicketState,
    Visit,
)
from gateway.model.plan import Draft
from gateway.model.states import worst
from gateway.notifications.catalogue import Catalogues
from gateway.tickets.dispatch.territory import Place
from gateway.tickets.dispatch.workload import ProviderLoad
from gateway.tickets.lifecycle import UNSETTLED
from gateway.tickets.sla.policy import SlaPolicies

NewId = Callable[[str], str]
"""prefix → a new id, e.g. new_id("T") = "T-4F7QK2M9"."""


@dataclass(frozen=True)
class AskedBefore:
    """What decides whether a customer is asked how it went."""

    last_asked: Instant | None = None  # the customer, about anything
    surveyed: frozenset[str] = frozenset()  # ids of tickets
    broken: frozenset[str] = frozenset()  # ids of tickets and jobs, of which we have broken a promise


@dataclass
class SiteWork:
    """What there is to do at one site: its open tickets, their jobs, offers and visits, and the deadlines that run.

    The rows are copies that `draft` handed out: planners change them, and add new ones to it.
    """

    draft: Draft
    site: Site
    customer: Customer
    area_ids: frozenset[str] = frozenset()  # the site's areas and all above them
    devices: dict[str, "PlanningContext"] = field(default_factory=dict)  # device id → context, of those that matter
    tickets: dict[str, Ticket] = field(default_factory=dict)  # ticket id → open, merged into such, or of a visit
    jobs: dict[str, Job] = field(default_factory=dict)  # job id → job of those tickets, open or not
    job_tickets: list[JobTicket] = field(default_factory=list)
    offers: dict[str, list[Offer]] = field(default_factory=dict)  # job id → every offer of it, oldest first
    visits: dict[str, Visit] = field(default_factory=dict)  # visit id → visit of a job
    due: dict[tuple[DueKind, str], Due] = field(default_factory=dict)  # (kind, subject id) → deadline
    sla_clocks: dict[str, dict[SlaKind, SlaClock]] = field(default_factory=dict)  # ticket id → clocks, ended ones too
    follow: dict[str, Link] = field(default_factory=dict)  # ticket or callback id → the customer's link to it
    offer_links: dict[str, list[Link]] = field(default_factory=dict)  # offer id → links
    visit_links: dict[str, list[Link]] = field(default_factory=dict)  # visit id → links, those of its offer too
    promises: dict[str, list[Promise]] = field(default_factory=dict)  # ticket, job or callback id → open promises
    # ticket id → rule of each of its alarms, closed ones too → its cause in every locale
    causes: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    callbacks: dict[CallbackKind, Callback] = field(default_factory=dict)  # open ones
    button_tests: dict[str, ButtonTest] = field(default_factory=dict)  # device id → its open test
    reached_by_message: bool = True  # False: the household can only be rung; known where a button test is due
    asked_before: AskedBefore = AskedBefore()  # known where a ticket may be closed
    outages: dict[str, Outage] = field(default_factory=dict)  # outage id → outage of a ticket
    # (provider id, name) → id of a technician whose own contacts are known, of those who go there
    technicians: dict[tuple[str, str], str] = field(default_factory=dict)
    provider_loads: ProviderLoad = field(default_factory=ProviderLoad)
    needs: frozenset[Need] = frozenset()  # of whoever lives there; known where the providers are

    @property
    def place(self) -> Place:
        """Where somebody has to come."""
        return Place(self.site.postcode, self.site.lat, self.site.lon, self.area_ids)

    def follow_id(self, subject_id: str) -> str | None:
        """The id of the customer's link to that ticket or callback, if there is one."""
        link = self.follow.get(subject_id)
        return None if link is None else link.id

    def provider_name(self, provider_id: str) -> str:
        """Its id where the providers were left out."""
        directory = self.provider_loads.directory
        return directory[provider_id].name if provider_id in directory else provider_id

    def jobs_of(self, ticket: Ticket) -> list[Job]:
        """Every job of the ticket, open or not, oldest first."""
        return [self.jobs[one.job_id] for one in self.job_tickets if one.ticket_id == ticket.id]

    def tickets_of(self, job: Job) -> list[Ticket]:
        """The tickets that the job is to settle, or has settled, oldest first."""
        mine = [self.tickets[one.ticket_id] for one in self.job_tickets
                if one.job_id == job.id and one.ticket_id in self.tickets
                and self.tickets[one.ticket_id].state is not TicketState.MERGED]
        return sorted(mine, key=lambda ticket: (ticket.opened_at, ticket.id))

    def named_ticket(self, job: Job) -> Ticket:
        """The oldest unsettled ticket of the job (else the oldest): the number that messages about the job name."""
        mine = self.tickets_of(job)
        return next((ticket for ticket in mine if ticket.state in UNSETTLED), mine[0])

    def subject_of_messages(self, of: Offer | Visit) -> Ticket | Subject:
        """Whose number the messages about the offer or visit name: the ticket, or that of one that is over already."""
        return self.tickets.get(of.ticket_id) or Subject(SubjectKind.TICKET, of.ticket_id)

    def severity_of(self, job: Job) -> Severity:
        """That of its most severe ticket."""
        return worst(*(ticket.severity for ticket in self.tickets_of(job)))

    def visit_of(self, job: Job) -> Visit | None:
        """The job's current visit."""
        return None if job.visit_id is None else self.visits.get(job.visit_id)

    def pending_offers(self, job: Job) -> list[Offer]:
        return [offer for offer in self.offers.get(job.id, []) if offer.closed_at is None]

    def alarms_of(self, ticket: Ticket) -> list[Alarm]:
        """The open alarms that hang on the ticket, the most severe first."""
        mine = [alarm for context in self.devices.values() for alarm in context.alarms.values()
                if alarm.ticket_id == ticket.id and not alarm.dry_run]
        return sorted(mine, key=lambda alarm: (-alarm.severity.rank, alarm.opened_at, alarm.rule))

    def faults_of(self, ticket: Ticket) -> list[Alarm]:
        """Those of `alarms_of` whose condition still holds."""
        return [alarm for alarm in self.alarms_of(ticket) if alarm.cleared_at is None]

    def device_of(self, ticket: Ticket) -> "PlanningContext | None":
        """None: an outage's ticket has no device, nor has what a person reported without one."""
        return None if ticket.device_id is None else self.devices.get(ticket.device_id)

    def ticket_of_device(self, device_id: str) -> Ticket | None:
        """The device's open ticket, or the one that carries it on since they were merged."""
        return self._still_open(one for one in self.tickets.values() if one.device_id == device_id)

    def ticket_of_subject(self, subject: str) -> Ticket | None:
        """The same of what a person reported without a device."""
        return self._still_open(one for one in self.tickets.values() if one.subject == subject)

    def reports_of(self, ticket: Ticket) -> list[str]:
        """What people have said is wrong, in their words, those of the tickets too that were merged into it."""
        merged = [one for one in self.tickets.values() if one.merged_into == ticket.id]
        return list(dict.fromkeys(words for one in (ticket, *merged) for words in one.reported))

    def _still_open(self, tickets: Iterable[Ticket]) -> Ticket | None:
        mine = list(tickets)
        for ticket in mine:
            if ticket.closed_at is None:
                return ticket
        for ticket in mine:
            if ticket.merged_into in self.tickets and self.tickets[ticket.merged_into].closed_at is None:
                return self.tickets[ticket.merged_into]
        return None


class HomeDevice(NamedTuple):
    """A device of a home as far as we know it now."""

    id: str
    profile: str
    via: str | None  # the device that it speaks through
    link: LinkState
    lost: bool  # gone without a word
    seen_at: Instant | None
    pressed: bool = False  # somebody has pressed it, now or before


@dataclass(frozen=True)
class Surroundings:
    """What may be the answer to a press: outages and planned work of the home's areas, and what its devices say."""

    members: Mapping[str, OutageMember] = field(default_factory=dict)  # outage id → this home in it
    works: Sequence[tuple[MaintenanceWindow, str]] = ()  # planned in its areas, each with its area's name
    devices: Sequence[HomeDevice] = ()  # of the home; empty where neither is known
    outages: Sequence[Outage] = ()  # open ones of its areas, where somebody has told an agent about the home
    told: frozenset[tuple[str, str]] = frozenset()  # (outage id, occurrence) that the household was told of
    last_answer: Callback | None = None  # the home's newest press that one of them was the answer to

    @property
    def dark(self) -> Instant | None:
        """When the home went dark, if it is."""
        return max((one.died_at for one in self.members.values() if one.dark), default=None)


class Booking(NamedTuple):
    """When one of a firm's people is to be somewhere."""

    technician: str
    window_from: Instant
    window_until: Instant


@dataclass(frozen=True)
class BeforeArrival:
    """What the arrival of a technician has ended at a visit, and is as before if they are not there after all."""

    promises: Sequence[Promise] = ()  # that it has settled
    asked_at: Instant | None = None  # whether somebody shall still come; None: not, or it is answered


@dataclass
class PlanningContext:
    """The rows of one device, and what there is to do at its site (`work`, shared by the devices of the site).

    They are copies that `draft` handed out: planners change them, and add new ones to it.
    """

    work: SiteWork

    device: Device
    alarms: dict[str, Alarm] = field(default_factory=dict)  # rule → the device's open alarm
    last_remote_fixes: dict[str, Alarm] = field(default_factory=dict)  # rule → its newest alarm with a remote fix
    commands: dict[str, Command] = field(default_factory=dict)  # command id → command of `last_remote_fixes`
    presses: dict[str, PressRecord] = field(default_factory=dict)  # press id → press of this device
    last_press: PressRecord | None = None  # known where a press came without an id
    unsent_replies: dict[str, Command] = field(default_factory=dict)  # press id → its answer that has not left
    press_callbacks: dict[str, Callback] = field(default_factory=dict)  # callback id → callback of `presses`
    hub_silent: bool = False  # the device that it speaks through is silent itself
    children: list[Alarm] = field(default_factory=list)  # open ones that wait for this device
    outage_id: str | None = None  # the open one that this home is in
    carrier_outage: Outage | None = None  # the open one of its carrier, or of the gateway itself
    nested: bool = False  # this home is dark in an outage for a reason of its own
    area_outages: list[Outage] = field(default_factory=list)  # open ones of places and feeders that the site lies in
    planned: list[tuple[Instant, Instant]] = field(default_factory=list)  # (from, until): maintenance, and coming back
    around: Surroundings = Surroundings()  # known where a button was pressed
    after_outage: bool = False  # what is planned now follows an outage that is over for everybody else

    @property
    def known_outage(self) -> Outage | None:
        """The one of its area that is confirmed, so that customers are told."""
        return next((one for one in self.area_outages if one.state is OutageState.CONFIRMED), None)

    @property
    def draft(self) -> Draft:
        return self.work.draft

    @property
    def site(self) -> Site:
        return self.work.site

    @property
    def customer(self) -> Customer:
        return self.work.customer

    @property
    def area_ids(self) -> frozenset[str]:
        return self.work.area_ids

    @property
    def by_device(self) -> Actor:
        """The device, as whose doing the timeline shows what it says."""
        return Actor(ActorKind.DEVICE, self.device.id)

    @property
    def ticket(self) -> Ticket | None:
        """The device's open ticket, or the one that carries it on since they were merged."""
        return self.work.ticket_of_device(self.device.id)

    def fault(self, rule: str) -> Alarm | None:
        """The open alarm of a fault that still holds."""
        alarm = self.alarms.get(rule)
        return alarm if alarm is not None and alarm.cleared_at is None and not alarm.dry_run else None


@dataclass
class HomeContext:
    """Who is at a site, and what is theirs there: what a household takes with it when it moves. Copies of the draft."""

    people: dict[str, Person] = field(default_factory=dict)  # person id → whoever lives or helps there
    stays: dict[str, PersonSite] = field(default_factory=dict)  # person id → that they do
    elsewhere: frozenset[str] = frozenset()  # ids of those who live or help at another site too
    contacts: dict[str, list[Contact]] = field(default_factory=dict)  # person id → contacts
    choices: dict[str, Preference] = field(default_factory=dict)  # person id → what they have chosen to be sent
    links: list[Link] = field(default_factory=list)  # the customers' that open anything of this home
    pending: list[PendingAct] = field(default_factory=list)  # what waits for its minute, and what they wrote before
    dark: list[OutageMember] = field(default_factory=list)  # of open outages
    outages: dict[str, Outage] = field(default_factory=dict)  # outage id → one of `dark`
    also_in: dict[str, str] = field(default_factory=dict)  # outage id → another home of theirs that is or was in it
    newcomer: Customer | None = None  # who moves in …
    arriving: dict[str, PersonSite | None] = field(default_factory=dict)  # … with these people, who were there before
    told: frozenset[tuple[str, str, str]] = frozenset()  # (subject id, topic, occurrence) of all that they were told


@dataclass(frozen=True)
class ActionContext:
    """The rows that a person's action concerns, as copies of the draft in `work`; None where it concerns none."""

    work: SiteWork
    planning: PlanningContext | None = None  # of the device that an alarm is about, or that was pressed
    ticket: Ticket | None = None
    offer: Offer | None = None
    provider: Provider | None = None
    visit: Visit | None = None
    callback: Callback | None = None
    survey: Survey | None = None  # of the ticket, where it is answered
    last_press: PressRecord | None = None  # of the callback
    around: Surroundings = Surroundings()  # of the callback: outages that its home is dark in, and its devices
    alarm: Alarm | None = None
    home: HomeContext | None = None  # of whoever moves out or in
    sites: Mapping[str, SiteWork] = field(default_factory=dict)  # site id → work, where the same technician goes next
    booked: Sequence[Booking] = ()  # what else the firm has to do whose visit is moved
    before: BeforeArrival = BeforeArrival()  # of the visit, where a tap is taken back
    technician: Technician | None = None  # who goes to it, where the firm has named them
    last_lines: tuple[Entry, ...] = ()  # that the same person left last in the timeline, at one moment


@dataclass(frozen=True)
class Policy:
    """What every planner is given besides its context: the operator's service settings, where new ids come from, the
    profiles (for what was put off and is decided anew), the sentences of every language, the SLA policies, who is on
    call, and what is credited for harm."""

    service: Service
    new_id: NewId
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    catalogues: Catalogues = field(default_factory=Catalogues)  # for what a device shows to people
    sla: SlaPolicies = field(default_factory=SlaPolicies)
    on_call: OnCall = field(default_factory=OnCall)
    goodwill: Goodwill = field(default_factory=Goodwill)
