"""The content of the console's page of one ticket: how it stands, what to do next, and everything that hangs on it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup

from gateway.access.rights import may_act
from gateway.calendars.arrival_windows import parse_local
from gateway.config.settings import Settings
from gateway.devices.profiles import Profile
from gateway.explain.facts import TicketFacts
from gateway.explain.next_actions import WordedAction, word_action
from gateway.explain.notifications import OUTCOMES
from gateway.model import (
    GATEWAY,
    ActorKind,
    Alarm,
    Attempt,
    AttemptOutcome,
    Entry,
    EntryKind,
    Instant,
    Need,
    Notification,
    Offer,
    OnCallPage,
    PageState,
    Promise,
    Role,
    SlaClock,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.states import Responsible
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.entries import actor_name, entry_sentence, in_language
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import number, price
from gateway.notifications.messages import topic_name
from gateway.notifications.reasons import reason_sentence, resolution_sentence
from gateway.store.views.console_ticket import ConsoleTicket
from gateway.tickets import actions
from gateway.tickets.actions import Act
from gateway.tickets.desk.next_action import next_action
from gateway.tickets.desk.possible_acts import mergeable_into, possible_acts
from gateway.tickets.desk.ticket_version import TicketVersion, version_of
from gateway.tickets.lifecycle import DUTIES
from gateway.tickets.sla.clock import used
from gateway.web.console.drawing.chart import ChartFacts, Span, Threshold, draw
from gateway.web.console.ticket_forms import (
    BY_NAME,
    CUSTOMER,
    FIRMS,
    FORMS,
    NOTES,
    TICKET,
    Field,
    FormContext,
    name_of,
    values_of,
)
from gateway.web.pages.alarm_details import evidence_rows, spaced
from gateway.web.pages.maps import map_address

_AFTER_A_CALL = (actions.AssignTo, actions.ReportDelay, actions.ReportOverrun)  # what they say there is written down
LINES = 200  # of the timeline, the newest
_NAMED = 5  # firms in one line
_MESSAGES = (EntryKind.TOLD, EntryKind.NOT_TOLD, EntryKind.MAYBE_TOLD, EntryKind.COULD_NOT_TELL)
_RESPONSIBLE = {
    Responsible.DISPATCHER: "A dispatcher", Responsible.GATEWAY: "The gateway", Responsible.PROVIDER: "The firm",
    Responsible.TECHNICIAN: "The technician", Responsible.CUSTOMER: "The customer"}
FILTERS: Mapping[str, str] = {"": "All", "people": "People", "notes": "Notes", "messages": "Messages",
                              "gateway": "Automatic"}


class ActForm(NamedTuple):
    """One act with its form, as far as this role may do it now."""

    name: str  # e.g. "hold_ticket"
    target: str
    title: str
    group: str
    fields: Sequence[Field]
    tone: str = ""
    hint: str = ""
    wrong: str = ""  # why what was sent cannot be used
    is_open: bool = False  # shown at once: somebody has typed in it

    @property
    def id(self) -> str:
        return f"{self.name}-{self.target}"


class Suggestion(NamedTuple):
    """The next best action, with the form that does it; none for a role that may not."""

    worded: WordedAction
    form: ActForm | None
    at_once: bool  # one click does it: nothing has to be asked first
    phone: str  # whom to ring first


class MessageLine(NamedTuple):
    row: Notification
    whom: str
    topic: str
    why: str
    attempts: Sequence[tuple[Attempt, str]]  # each with its outcome in words


class OfferLine(NamedTuple):
    row: Offer
    name: str
    phone: str
    place: str  # in the ranking, e.g. "First of 3"
    reasons: Sequence[str]
    others: Sequence[tuple[str, str]]  # who came after them, and why they might have come
    refused: Sequence[tuple[str, str]]  # who was not asked, and why not
    forms: Sequence[ActForm]


class VisitLine(NamedTuple):
    row: Visit
    name: str  # of the firm
    phone: str
    how: Sequence[str]  # what went otherwise than promised, and how it ended
    forms: Sequence[ActForm]


class AlarmLine(NamedTuple):
    row: Alarm
    cause: str
    evidence: Sequence[tuple[str, str]]
    form: ActForm | None


class ClockLine(NamedTuple):
    row: SlaClock
    name: str
    percent: int  # of the target, used
    state: str
    tone: str


class PromiseLine(NamedTuple):
    row: Promise
    what: str
    how: str  # by which message, or the page
    late: bool  # open, and past


class TimelineLine(NamedTuple):
    at: Instant
    what: str
    who: str
    kind: str  # note | people | messages | gateway


@dataclass(frozen=True)
class TicketPage:
    """All that the page shows, worded."""

    ticket: Ticket
    facts: ConsoleTicket
    version: str
    cause: str
    said: Sequence[str]  # what people have said is wrong, besides
    who_next: str
    next_at: Instant | None
    until: str  # what should have happened by then
    pages: Sequence[tuple[OnCallPage, str]]  # each with its reasons
    map: str
    price: str
    resolution: str
    suggestion: Suggestion | None
    promises: Sequence[PromiseLine]
    clocks: Sequence[ClockLine]
    timeline: Sequence[TimelineLine]
    more_lines: int
    chosen: str  # of FILTERS
    chart: Markup | None
    chart_name: str
    alarms: Sequence[AlarmLine]
    offers: Sequence[OfferLine]
    visits: Sequence[VisitLine]
    messages: Sequence[MessageLine]
    forms: Mapping[str, Sequence[ActForm]]  # group → what can be done with the ticket itself
    note: ActForm | None
    unmerge: Mapping[str, ActForm]  # ticket id → form that separates it again
    merge: Sequence[Ticket]  # others of the home that it may be carried on with; none for a role that may not
    names: Mapping[str, str]  # provider id → name
    bad: int = 0  # messages that did not arrive

    @property
    def all_forms(self) -> list[ActForm]:
        """Each once, wherever it stands on the page."""
        alone = [self.note, *(alarm.form for alarm in self.alarms), *self.unmerge.values()]
        return [form for forms in (*self.forms.values(), *(offer.forms for offer in self.offers),
                                   *(visit.forms for visit in self.visits)) for form in forms] + [
            form for form in alone if form is not None]


@dataclass(frozen=True)
class Typed:
    """What somebody has sent that could not be done, and is shown again."""

    name: str
    target: str
    fields: Mapping[str, str]
    wrong: str = ""


class _Builder:
    """Words one ticket for one role."""

    def __init__(self, facts: ConsoleTicket, settings: Settings, profile: Profile | None, role: Role, say: TimeFormat,
                 typed: Typed | None) -> None:
        self.facts, self.settings, self.profile, self.role, self.say = facts, settings, profile, role, say
        self.typed, self.words, self.story = typed, say.catalogue, facts.story
        self.names = {key: one.name for key, one in facts.providers.items()}
        self.phones = {key: one.phone for key, one in facts.providers.items()}
        ticket = self.story.ticket
        self.possible = [(one.act, one.subject) for one in possible_acts(facts.desk.now_is, say.now)]
        if ticket.closed_at is None and ticket.outage_id is None:
            self.possible.append((actions.OpenCallback, Subject(SubjectKind.TICKET, ticket.site_id)))
        self.possible = [one for one in self.possible if one[0] in FORMS and may_act(role, one[0])]

    def form(self, act: type[Act], subject: Subject, begin: Mapping[str, str] | None = None) -> ActForm:
        spec, name = FORMS[act], name_of(act)
        fields = spec.fields(FormContext(self.facts, self.words, self.say.now, self.settings.service.arrival_hours,
                                         subject))
        typed = self.typed if self.typed is not None and (self.typed.name, self.typed.target) == (
            name, subject.id) else None
        values = dict(begin or {}) if typed is None else typed.fields
        fields = [one._replace(value=values.get(one.name, one.value if typed is None else "")) for one in fields]
        return ActForm(name, subject.id, spec.title, spec.group, fields, spec.tone, spec.hint,
                       typed.wrong if typed is not None else "", typed is not None)

    def forms_of(self, subject_id: str) -> list[ActForm]:
        order = list(FORMS)
        mine = sorted((one for one in self.possible if one[1].id == subject_id), key=lambda one: order.index(one[0]))
        return [self.form(act, subject) for act, subject in mine]


def ticket_page(facts: ConsoleTicket, settings: Settings, profile: Profile | None, role: Role, say: TimeFormat,
                chosen: str = "", typed: Typed | None = None) -> TicketPage:
    """`say`: at the site's hours; `chosen`: of FILTERS."""
    build = _Builder(facts, settings, profile, role, say, typed)
    story, now_is, ticket, words = facts.story, facts.desk.now_is, facts.story.ticket, say.catalogue
    due = next(iter(now_is.due), None)
    duty = DUTIES.get(ticket.state)
    responsible = due.responsible if due is not None else duty.responsible if duty is not None else None
    lines = _timeline(story, words, say)
    shown = [line for line in lines if _is_chosen(line, chosen)]
    own = [form for form in (*build.forms_of(ticket.id), *build.forms_of(ticket.site_id))
           if not form.name.startswith("unmerge") or now_is.survivor is not None]
    messages = [_message(row, attempts, story, words) for row, attempts in reversed(story.history.notifications)]
    return TicketPage(
        ticket, facts, version_of(ticket, now_is.jobs, now_is.visit).written(), cause_of(story, words),
        [said for said in ticket.reported if said != cause_of(story, words)],
        _who(responsible, build), None if due is None else due.at, duty.until if duty is not None else "",
        [(page, ", ".join(words(f"page_reason.{reason}") for reason in page.reasons)) for page in now_is.pages],
        map_address(story.site), "" if ticket.price is None else price(ticket.price, words.locale),
        resolution_sentence(ticket, words), _suggestion(build), _promises(story, words, say), [*_clocks(story, say)],
        shown[:LINES], max(0, len(shown) - LINES), chosen, *_chart(facts, profile, words, say),
        alarms=[AlarmLine(alarm, in_language(alarm.cause_texts, words), evidence_rows(alarm, profile, words, say),
                          next(iter(build.forms_of(alarm.id)), None)) for alarm in reversed(story.alarms)],
        offers=[*_offers(build)], visits=[_visit(visit, build) for visit in reversed(story.visits)], messages=messages,
        forms=_grouped(own), note=next((form for form in own if form.group == NOTES), None),
        unmerge={one.id: form for one in now_is.merged for form in build.forms_of(one.id)},
        merge=mergeable_into(now_is) if may_act(role, actions.MergeTickets) else [], names=build.names,
        bad=sum(one.row.state in ("failed", "unknown") for one in messages))


def _grouped(forms: Iterable[ActForm]) -> dict[str, list[ActForm]]:
    """Each group has its list."""
    shown = list(forms)
    return {group: [form for form in shown if form.group == group] for group in (FIRMS, CUSTOMER, TICKET)}


def cause_of(story: TicketFacts, words: Catalogue) -> str:
    """What is wrong, in the reader's language."""
    ticket = story.ticket
    if story.outage is not None:
        return words("message.outage.cause", area=story.outage.name)
    alarm = next((one for one in reversed(story.alarms) if one.rule == ticket.cause_key), None)
    return ticket.cause if alarm is None else in_language(alarm.cause_texts, words)


def _who(responsible: Responsible | None, build: _Builder) -> str:
    """By name where one is known."""
    now_is, facts = build.facts.desk.now_is, build.facts
    match responsible:
        case None:
            return ""
        case Responsible.PROVIDER if now_is.pending:
            names = [build.names.get(one.provider_id, one.provider_id) for one in now_is.pending]
            return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        case Responsible.PROVIDER | Responsible.TECHNICIAN if now_is.visit is not None:
            firm = build.names.get(now_is.visit.provider_id, now_is.visit.provider_id)
            technician = now_is.visit.technician
            return f"{technician} ({firm})" if technician and technician != firm else firm
        case Responsible.CUSTOMER:
            return facts.customer.name
    seen_to = next((page.acknowledged_by for page in now_is.pages if page.state is PageState.ACKNOWLEDGED), None)
    if responsible is Responsible.DISPATCHER and seen_to:
        return seen_to
    return _RESPONSIBLE[responsible]


def _suggestion(build: _Builder) -> Suggestion | None:
    """With a form where this role may do what is suggested; what is not possible after all is not suggested."""
    found = next_action(build.facts.desk, build.say.now)
    if found is None:
        return None
    worded = word_action(found, build.names, build.say, catalogue_for(build.facts.customer.locale))
    target = _target(worded.act)
    subject = next((subject for act, subject in build.possible if act is type(worded.act) and subject.id == target),
                   None)
    if subject is None:
        return Suggestion(worded, None, at_once=False, phone="")
    form = build.form(type(worded.act), subject, values_of(worded.act, build.say.zone))
    at_once = not isinstance(worded.act, _AFTER_A_CALL) and all(one.value or not one.required for one in form.fields)
    return Suggestion(worded, form, at_once, build.phones.get(found.parameters.get("provider", ""), "")
                      if isinstance(worded.act, _AFTER_A_CALL) else "")


def _target(act: Act) -> str:
    named = vars(act)
    if "subject" in named:
        return str(named["subject"].id)
    return str(next(value for name, value in named.items() if name.endswith("_id")))


def _promises(story: TicketFacts, words: Catalogue, say: TimeFormat) -> list[PromiseLine]:
    """The newest first."""
    topics = {row.id: row.topic for row, _ in story.history.notifications}
    found = []
    for one in reversed(story.promises):
        told = topics.get(one.notification_id or "")
        how = " and ".join([*([f"“{_topic(told, words)}”"] if told else []),
                            *(["their page"] if one.shown_at is not None else [])])
        found.append(PromiseLine(one, capital(words(f"promise.{one.kind}")), how,
                                 one.state == "open" and one.due_at < say.now))
    return found


def _clocks(story: TicketFacts, say: TimeFormat) -> Iterator[ClockLine]:
    for clock, policy in story.sla:
        spent = used(clock, policy.calendar(story.ticket.severity), say.now)
        percent = min(100, round(100 * spent / clock.target_ms)) if clock.target_ms else 100
        name = capital(say.catalogue(f"sla.{clock.kind}"))
        if clock.missed_at is not None and not clock.inherited:
            state, tone = f"Missed {say.when(clock.due_at or clock.missed_at)}", "bad"
        elif clock.ended_at is not None:
            state, tone = "Met", "good"
        elif clock.due_at is None:
            state, tone = "Stands still", "quiet"
        elif clock.due_at <= say.now:
            state, tone = "Overdue", "bad"
        else:
            near = percent >= clock.warn_percent
            state, tone = f"{say.duration(clock.due_at - say.now)} left", "alert" if near else "moving"
        yield ClockLine(clock, name, percent, state, tone)


def _timeline(story: TicketFacts, words: Catalogue, say: TimeFormat) -> list[TimelineLine]:
    """The newest first."""
    return [TimelineLine(entry.at, capital(entry_sentence(entry, words, say.zone)),
                         "" if entry.by == GATEWAY else actor_name(entry.by, words), _kind_of(entry))
            for entry in reversed(story.history.entries)]


def _kind_of(entry: Entry) -> str:
    if entry.kind is EntryKind.NOTED:
        return "note"
    if entry.kind in _MESSAGES:
        return "messages"
    return "gateway" if entry.by_kind in (ActorKind.GATEWAY, ActorKind.DEVICE) else "people"


def _is_chosen(line: TimelineLine, chosen: str) -> bool:
    wanted = {"people": ("people", "note"), "notes": ("note",)}.get(chosen, (chosen,))
    return chosen == "" or line.kind in wanted


def _message(row: Notification, attempts: Iterable[Attempt], story: TicketFacts, words: Catalogue) -> MessageLine:
    why = "" if row.reason is None else capital(reason_sentence(row.reason.stored(), words))
    said = [(one, "Arrived at the channel" if one.outcome is AttemptOutcome.SENT else capital(
        OUTCOMES.get(one.outcome, str(one.outcome)))) for one in attempts]
    return MessageLine(row, story.history.names.get(row.recipient, str(row.recipient)), _topic(row.topic, words), why,
                       said)


def _topic(topic: str, words: Catalogue) -> str:
    try:
        return topic_name(topic, words)
    except KeyError:  # written by a newer gateway
        return topic.replace("_", " ")


def _offers(build: _Builder) -> Iterator[OfferLine]:
    """The newest first. The ranking is told where it was made: with the first that were asked by it."""
    for offer in reversed(build.story.offers):
        evidence = offer.evidence
        ranked = evidence.get("eligible", [])
        count = evidence.get("of", len(ranked))
        mine = next((one for one in ranked if one["provider_id"] == offer.provider_id), None)
        place = "" if mine is None else "First" if mine["rank"] == 1 else f"Number {mine['rank']}"
        place += f" of {count}" if place else ""
        if "by" in evidence:
            place = f"Chosen by {evidence['by']}"
        elif not offer.wave:
            place = "Asked before all others: they know it, or come there anyway"
        reasons = list(mine["reasons"]) if mine is not None else []
        if evidence.get("urgent_because") == Need.POWER_DEPENDENT:
            reasons.append("urgent, because somebody who lives there depends on power")
        others = [(build.names.get(one["provider_id"], one["provider_id"]), "; ".join(one["reasons"]))
                  for one in ranked if one["provider_id"] != offer.provider_id]
        yield OfferLine(offer, build.names.get(offer.provider_id, offer.provider_id),
                        build.phones.get(offer.provider_id, ""), place, reasons, others,
                        [*_refused(evidence, build.names)], build.forms_of(offer.id))


def _refused(evidence: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for one in evidence.get("refused", []):
        yield names.get(one["provider_id"], one["provider_id"]), str(one["reason"])
    elsewhere = evidence.get("elsewhere") or {}
    ids = elsewhere.get("providers", [])
    if ids:
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        yield ", ".join(names.get(one, one) for one in ids[:_NAMED]) + more, str(elsewhere["reason"])


def _visit(visit: Visit, build: _Builder) -> VisitLine:
    say, how = build.say, []
    if visit.eta is not None and visit.done_at is None:
        how.append(f"Expected {say.when(visit.eta)}")
    if visit.en_route_at is not None:
        how.append(f"Set out {say.when(visit.en_route_at)}")
    if visit.on_site_at is not None:
        how.append(f"There {say.when(visit.on_site_at)}")
    if visit.done_at is not None:
        how.append(f"{'Over' if visit.outcome is None else capital(str(visit.outcome))} {say.when(visit.done_at)}")
    if visit.handed_back_at is not None:
        how.append(f"Handed back {say.when(visit.handed_back_at)}")
    if visit.incomplete is not None:
        how.append(capital(build.words(f"incomplete.{visit.incomplete}")))
    if visit.parts:
        how.append(f"Missing: {', '.join(visit.parts)}")
    if visit.expected_at is not None:
        how.append(f"Goes on {say.when(visit.expected_at)}")
    if visit.asks and visit.done_at is None:
        how.append(f"{visit.asks} question{'s' if visit.asks > 1 else ''} without an answer")
    if visit.called_at is not None:
        how.append(f"Rang at the door {say.when(visit.called_at)}, no answer")
    if visit.contested_at is not None:
        how.append("The customer says that somebody was there")
    if visit.left_out:
        how.append(f"Does not count in their record: {visit.left_out}")
    return VisitLine(visit, build.names.get(visit.provider_id, visit.provider_id),
                     build.phones.get(visit.provider_id, ""), how, build.forms_of(visit.id))


def _chart(facts: ConsoleTicket, profile: Profile | None, words: Catalogue, say: TimeFormat
           ) -> tuple[Markup | None, str]:
    """Of the signal that an alarm judged, else the first that was measured; with its name."""
    around, story = facts.around, facts.story
    if around is None or not around.readings:
        return None, ""
    courses: dict[str, list[tuple[Instant, float]]] = {}
    for reading in around.readings:
        for name, value in json.loads(reading.signals).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                courses.setdefault(name, []).append((reading.at, value))
    judged = [name for alarm in story.alarms for name in alarm.evidence.get("signals", {})]
    for name in dict.fromkeys((*judged, *sorted(courses))):
        course = courses.get(name, [])
        if len(course) < 2:
            continue
        unit = profile.signals[name].unit if profile is not None and name in profile.signals else ""
        low, high = min(value for _, value in course), max(value for _, value in course)
        title = (f"{spaced(name)} from {say.when(around.since)} to {say.when(around.until)}, "
                 f"between {number(low, words.locale)} and {number(high, words.locale)} {unit}").strip()
        spans = [Span("alarm", in_language(alarm.cause_texts, words), alarm.opened_at,
                      alarm.cleared_at or alarm.closed_at) for alarm in story.alarms]
        outage = facts.desk.outage
        if outage is not None:
            spans.append(Span("outage", f"Outage {outage.id}", outage.began_at, outage.restored_at))
        svg = draw(ChartFacts(title, unit, course, around.since, around.until, say.zone,
                              [*_thresholds(story.alarms, name, unit, words)], spans))
        if svg is not None:
            return svg, capital(spaced(name))
    return None, ""


def _thresholds(alarms: Iterable[Alarm], signal: str, unit: str, words: Catalogue) -> Iterator[Threshold]:
    """The constants that a rule compares this signal with."""
    seen = set()
    for alarm in alarms:
        pattern = rf"\b{re.escape(signal)}\s*([<>]=?)\s*(-?\d+(?:\.\d+)?)\b"
        for sign, limit in re.findall(pattern, str(alarm.evidence.get("when", ""))):
            if (sign, limit) not in seen:
                seen.add((sign, limit))
                said = f"{sign} {number(float(limit), words.locale)} {unit}".strip()
                yield Threshold(float(limit), f"Alarm {said}")


def typed_words(typed: Typed, facts: ConsoleTicket, settings: Settings, role: Role, say: TimeFormat
                ) -> list[tuple[str, str]]:
    """What somebody has typed into a form, by the names of its fields."""
    form = _Builder(facts, settings, None, role, say, typed).form(
        BY_NAME[typed.name], Subject(SubjectKind.TICKET, typed.target))
    found = []
    for one in form.fields:
        value = dict(one.options).get(one.value, one.value)
        if one.kind == "datetime-local" and value:
            with suppress(ValueError, OverflowError):
                value = say.when(parse_local(value, say.zone))
        found.append((one.label, value))
    return [pair for pair in found if pair[1]]


def version_words(version: TicketVersion, facts: ConsoleTicket, say: TimeFormat) -> list[tuple[str, str]]:
    """A state of the ticket as people compare it with another one."""
    words = say.catalogue
    known = [("State", words(f"ticket_state.{version.state}") if words.has(f"ticket_state.{version.state}")
              else str(version.state))]
    known.append(("Firm", facts.providers[version.provider_id].name if version.provider_id in facts.providers
                  else "nobody"))
    if version.window_from is not None and version.window_until is not None:
        known.append(("Arrival", say.span(version.window_from, version.window_until)))
    if version.hold_until is not None:
        known.append(("On hold until", say.when(version.hold_until)))
    if version.merged_into:
        known.append(("Goes on as", version.merged_into))
    if version.price_answer:
        known.append(("Price", str(version.price_answer)))
    return known

