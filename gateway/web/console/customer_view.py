"""Words everything that is known of a customer: whoever reads it need not ask them again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.config.field_types import LOCALES
from gateway.config.phone_numbers import PHONE, PHONE_CHANNELS, for_people
from gateway.devices.profiles import Profile
from gateway.explain.notifications import OUTCOMES
from gateway.model import (
    RESIDENTS,
    SECOND,
    Alarm,
    Attempt,
    AttemptOutcome,
    ConsentSource,
    Contact,
    Device,
    DeviceState,
    Instant,
    LinkState,
    Need,
    Notification,
    NotificationState,
    Person,
    PersonRole,
    Promise,
    PromiseState,
    ReasonKind,
    RecipientKind,
    Site,
    SuppressedBy,
    local,
)
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.entries import actor_name, entry_sentence, in_language
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import locale_name
from gateway.notifications.messages import topic_name
from gateway.notifications.reasons import reason_sentence
from gateway.store.views.console.customer_page import (
    KnownCustomer,
    KnownDevice,
    KnownPerson,
    KnownSite,
    KnownTicket,
    KnownVisit,
)
from gateway.web.pages.maps import map_address

HIDDEN = "…"  # an address that is not shown
CHANNELS = {"email": "Email", "sms": "Text message", PHONE: "Phone", "webhook": "Their system"}
_LINKS = {LinkState.UNHEARD: ("Never heard", "alert", "warn"), LinkState.ONLINE: ("Connected", "good", "check"),
          LinkState.LOST: ("Connection lost", "bad", "cross"), LinkState.STOPPED: ("Switched off", "quiet", "pause"),
          LinkState.SLEEPING: ("Sleeps", "quiet", "pause"), LinkState.UNKNOWN: ("Not known", "alert", "warn"),
          LinkState.REMOVED: ("Removed", "quiet", "cross")}
_WHY_CHIP = {  # what became of a message, more exactly than its state
    (NotificationState.HELD, ReasonKind.QUIET_HOURS): ("Held: quiet hours", "quiet", "pause"),
    (NotificationState.HELD, ReasonKind.MANY_MESSAGES): ("Held: too many", "alert", "pause"),
    (NotificationState.DROPPED, ReasonKind.SUPERSEDED): ("Bundled into a later one", "quiet", "merge"),
    (NotificationState.DROPPED, ReasonKind.ALREADY_SPEAKING): ("Bundled into a later one", "quiet", "merge"),
    (NotificationState.DROPPED, ReasonKind.OUTAGE_TELLS): ("Told as an outage", "quiet", "bolt")}
_STATE_CHIP = {
    NotificationState.QUEUED: ("Queued", "moving", "clock"), NotificationState.SENDING: ("Sending", "moving", "mail"),
    NotificationState.SENT: ("Sent", "good", "check"), NotificationState.HELD: ("Held", "quiet", "pause"),
    NotificationState.FAILED: ("Failed", "bad", "warn"), NotificationState.DROPPED: ("Not sent", "quiet", "cross"),
    NotificationState.UNKNOWN: ("Perhaps sent", "alert", "warn"),
    NotificationState.SHADOW: ("Shadow: not sent", "quiet", "pause")}
_SUPPRESSED = ("Suppressed", "quiet", "pause")
_TRY_CHIP = {AttemptOutcome.SENT: ("Handed over", "good"), AttemptOutcome.STARTED: ("Under way", "moving"),
             AttemptOutcome.REFUSED: ("Refused", "bad"), AttemptOutcome.FAILED: ("Failed", "bad"),
             AttemptOutcome.POSTPONED: ("Put off", "quiet"), AttemptOutcome.UNKNOWN: ("Not known", "alert"),
             AttemptOutcome.SHADOW: ("Not sent", "quiet")}
_BATTERY = "battery"  # per cent
_LOW = 20

ChipWords = tuple[str, ...]


class ContactLine(NamedTuple):
    row: Contact
    consent: str  # from whom we have it
    name: str  # of the channel
    shown: str  # the address
    dial: str  # tel: or mailto:, where there is one


LANGUAGES = {locale: locale_name(locale, "en") for locale in LOCALES}


class PersonLine(NamedTuple):
    row: Person
    role: str
    language: str
    sites: str
    needs: Sequence[str]
    review_due: bool  # the day on which they are asked whether their needs still hold has come
    contacts: Sequence[ContactLine]


class SiteLine(NamedTuple):
    row: Site
    areas: str
    map: str
    devices: Sequence["DeviceLine"]
    outages: Sequence[tuple[str, str, str]]  # (its id, what it is, its state)


class DeviceLine(NamedTuple):
    row: Device
    link: ChipWords
    link_at: Instant | None
    seen_at: Instant | None  # anything at all
    data_at: Instant | None  # measured
    battery: str
    low: bool
    kind: str
    alarms: Sequence[tuple[Alarm, str]]


class TicketLine(NamedTuple):
    known: KnownTicket
    cause: str
    who: str  # comes, and when


class VisitLine(NamedTuple):
    row: KnownVisit
    how: str


class PromiseLine(NamedTuple):
    row: Promise
    what: str
    late: bool


class TryLine(NamedTuple):
    """One try to send a message."""

    row: Attempt
    chip: tuple[str, str]
    whom: str
    channel: str
    delay: str  # from when it was written until it was handed over
    why: str
    language: str  # of what they read


class MessageLine(NamedTuple):
    """A message, or that there was none, and why."""

    id: str
    at: Instant
    what: str
    chip: ChipWords
    why: str
    about: str  # id
    path: str  # of the page of what it is about
    whom: str = ""
    tries: Sequence[TryLine] = ()
    until: Instant | None = None  # held
    said: str = ""  # as they read it
    language: str = ""
    failed: bool = False  # it can be sent again


@dataclass(frozen=True)
class CustomerPage:
    """All that the page shows."""

    known: KnownCustomer
    contacts: Sequence[ContactLine]
    people: Sequence[PersonLine]
    sites: Sequence[SiteLine]
    open_tickets: Sequence[TicketLine]
    past_tickets: Sequence[TicketLine]
    promises: Sequence[PromiseLine]
    visits: Sequence[VisitLine]
    messages: Sequence[MessageLine]
    timeline: Sequence[tuple[Instant, str, str]]
    kept: int
    broken: int
    language: str
    languages: Sequence[tuple[str, str]] = tuple(LANGUAGES.items())  # to choose from


def customer_page(known: KnownCustomer, profiles: Mapping[str, Profile], shows_reach: bool, say: TimeFormat
                  ) -> CustomerPage:
    """`shows_reach`: with the addresses at which they are reached."""
    words, today = say.catalogue, local(say.now, say.zone).date().isoformat()
    names = {site.site.id: site.site.name for site in known.sites}
    tickets = [_ticket(one, say) for one in known.tickets]
    states = [one.state for one in known.promises]
    lines = sorted((*_messages(known, say), *_held_back(known, say)), key=lambda one: -one.at)
    return CustomerPage(
        known, [_contact(one, shows_reach) for one in known.contacts],
        [_person(one, known, names, today, shows_reach, words) for one in known.people],
        [_site(one, known, profiles, say) for one in known.sites],
        [one for one in tickets if one.known.ticket.closed_at is None],
        [one for one in tickets if one.known.ticket.closed_at is not None],
        [PromiseLine(one, capital(words(f"promise.{one.kind}")),
                     one.state is PromiseState.OPEN and one.due_at < say.now)
         for one in known.promises],
        [_visit(one, words) for one in known.visits], lines,
        [(one.at, entry_sentence(one, words, say.zone), actor_name(one.by, words)) for one in known.lines],
        states.count(PromiseState.KEPT), states.count(PromiseState.BROKEN),
        locale_name(known.customer.locale, "en"))


def _contact(row: Contact, shows: bool) -> ContactLine:
    is_number = row.channel in PHONE_CHANNELS
    shown = HIDDEN if not shows else for_people(row.address) if is_number else row.address
    scheme = "tel:" if is_number else "mailto:" if row.channel == "email" else ""
    return ContactLine(row, _consent(row), CHANNELS.get(row.channel, row.channel.capitalize()), shown,
                       f"{scheme}{row.address}" if shows and scheme and row.stopped_at is None else "")


def _consent(row: Contact) -> str:
    match row.consent_by:
        case ConsentSource.AGENT:
            return f"entered by {row.consent_who or 'an agent'}"
        case ConsentSource.THEMSELVES:
            return "typed by them, with the code that we sent there"
        case ConsentSource.IMPORTED:
            return "from the fleet file"


def _person(one: KnownPerson, known: KnownCustomer, names: Mapping[str, str], today: str, shows: bool, words: Catalogue
            ) -> PersonLine:
    row = one.person
    everywhere = len(one.sites) == len(names)
    sites = "" if everywhere else ", ".join(names.get(site, site) for site in one.sites) or "at no site now"
    review = row.needs_review_on
    return PersonLine(row, capital(words(f"person_role.{row.role}")),
                      locale_name(row.locale or known.customer.locale, "en"), sites,
                      [words(f"need.{need}") for need in row.needs], bool(row.needs and review and review <= today),
                      [_contact(contact, shows) for contact in one.contacts])


def _site(one: KnownSite, known: KnownCustomer, profiles: Mapping[str, Profile], say: TimeFormat) -> SiteLine:
    return SiteLine(
        one.site, ", ".join(one.areas), map_address(one.site) if one.site.street or one.site.lat is not None else "",
        [_device(device, profiles, say) for device in known.devices if device.device.site_id == one.site.id],
        [(outage.id, f"{outage.name}, since {say.when(member.died_at)}",
          outage.state if member.back_at is None else "restored")
         for outage, site, member in known.outages if site.id == one.site.id])


def _device(one: KnownDevice, profiles: Mapping[str, Profile], say: TimeFormat) -> DeviceLine:
    state = one.state or DeviceState(device_id=one.device.id)
    charge: Any = json.loads(state.signals).get(_BATTERY)
    known = isinstance(charge, int | float) and not isinstance(charge, bool)
    profile = profiles.get(one.device.profile)
    kind = in_language(profile.names, say.catalogue) if profile is not None else one.device.profile
    return DeviceLine(one.device, _LINKS[state.link], state.link_at, state.seen_at, state.data_at,
                      f"{charge:.0f} %" if known else "", known and charge <= _LOW, kind,
                      [(alarm, in_language(alarm.cause_texts, say.catalogue)) for alarm in one.alarms])


def _ticket(one: KnownTicket, say: TimeFormat) -> TicketLine:
    visit, firm = one.visit, one.provider.name if one.provider is not None else ""
    who = ""
    if visit is not None and visit.done_at is None:
        name = visit.technician if visit.technician not in ("", firm) else ""
        who = f"{f'{name}, ' if name else ''}{firm}, {say.span(visit.window_from, visit.window_until)}"
    return TicketLine(one, in_language(one.cause or {"en": one.ticket.cause}, say.catalogue), who)


def _visit(one: KnownVisit, words: Catalogue) -> VisitLine:
    row = one.visit
    if row.outcome is not None:
        return VisitLine(one, capital(words(f"page.outcome.{row.incomplete or 'complete'}")))
    if row.done_at is not None:
        return VisitLine(one, words("page.visit_handed_back" if row.handed_back_at else "page.visit_cancelled"))
    return VisitLine(one, "")


def _messages(known: KnownCustomer, say: TimeFormat) -> Iterator[MessageLine]:
    words = say.catalogue
    people = {one.person.id: one.person for one in known.people}
    for row, attempts in known.messages:
        tries = [_try(row, one, known, people, say) for one in attempts]
        read = next((one for one in reversed(tries) if one.row.said), None)
        why = "" if row.reason is None else capital(reason_sentence(row.reason.stored(), words))
        whom = known.customer.name
        if row.recipient_kind is RecipientKind.PERSON and row.recipient_id in people:
            whom = people[row.recipient_id].name
        yield MessageLine(
            row.id, row.created_at, _topic(row.topic, words), _chip(row), why, row.subject_id,
            _path(row.subject_kind, row.subject_id), read.whom if read is not None and read.whom else whom, tries,
            row.due_at if row.state is NotificationState.HELD else None, read.row.said if read is not None else "",
            read.language if read is not None else "", row.state is NotificationState.FAILED)


def _chip(row: Notification) -> ChipWords:
    exact = _WHY_CHIP.get((row.state, row.reason.kind)) if row.reason is not None else None
    return exact or _STATE_CHIP[row.state]


def _try(row: Notification, one: Attempt, known: KnownCustomer, people: Mapping[str, Person], say: TimeFormat
         ) -> TryLine:
    contact = known.reached.get(one.contact_id)
    owner = people.get(contact.owner_id) if contact is not None else None
    end = one.finished_at if one.finished_at is not None else one.started_at
    delay = say.duration(max(SECOND, (end - row.created_at) // SECOND * SECOND))
    why = one.why or ("" if one.outcome is AttemptOutcome.SENT else OUTCOMES.get(one.outcome, ""))
    return TryLine(one, _TRY_CHIP[one.outcome], owner.name if owner is not None else known.customer.name,
                   CHANNELS.get(one.channel, one.channel), delay, why,
                   (owner.locale if owner is not None else None) or known.customer.locale)


def _held_back(known: KnownCustomer, say: TimeFormat) -> Iterator[MessageLine]:
    """Faults of which nobody was told anything, because something explains them."""
    names = {one.device.id: one.device.name for one in known.devices}
    for alarm in known.held_back:
        by = alarm.suppressed_by
        if by is None:
            continue
        device = names.get(by.id, by.id)
        why = {SuppressedBy.OUTAGE: f"Explained by the outage {by.id}, of which they are told instead.",
               SuppressedBy.HUB: f"Explained by {device}, through which it speaks and which is silent itself.",
               SuppressedBy.MAINTENANCE: "Explained by planned work, which was announced to them.",
               SuppressedBy.RULE: f"Explained by another fault of the same device: {by.id}."}[by.kind]
        cause = in_language(alarm.cause_texts, say.catalogue)
        what = f"{names.get(alarm.device_id, alarm.device_id)}: {cause}"
        yield MessageLine(alarm.id, alarm.known_at or alarm.opened_at, what,
                          _SUPPRESSED, why, alarm.id, "")


def _topic(topic: str, words: Catalogue) -> str:
    try:
        return capital(topic_name(topic, words))
    except KeyError:  # written by a newer gateway
        return topic.replace("_", " ").capitalize()


def _path(kind: str, row_id: str) -> str:
    places = {"ticket": "tickets", "callback": "callbacks", "outage": "outages"}
    return f"/console/{places[kind]}/{row_id}" if kind in places else ""


TOLD = RESIDENTS  # what their household is told
ROLES = [(role, role.capitalize()) for role in PersonRole]


def needs_offered(words: Catalogue) -> list[tuple[str, str]]:
    return [(need, capital(words(f"need.{need}"))) for need in Need]
