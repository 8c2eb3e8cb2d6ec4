"""The content of the console's page of one ticket: how it stands, what to do next, and everything that hangs on it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from gateway.access.audit import action_name, target_of
from gateway.access.rights import Right, may, may_act
from gateway.calendars.arrival_windows import parse_local
from gateway.config.settings import Settings
from gateway.devices.profiles import Profile
from gateway.explain.next_actions import WordedAction, word_action
from gateway.model import (
    Instant,
    NotificationState,
    OnCallPage,
    PageState,
    Role,
    Subject,
    SubjectKind,
    Ticket,
)
from gateway.model.states import Responsible
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.entries import in_language
from gateway.notifications.format_times import TimeFormat
from gateway.notifications.format_values import price
from gateway.notifications.reasons import resolution_sentence
from gateway.store.views.console_ticket import ConsoleTicket
from gateway.tickets import actions
from gateway.tickets.actions import Act
from gateway.tickets.desk.next_action import next_action
from gateway.tickets.desk.possible_acts import mergeable_into, possible_acts
from gateway.tickets.desk.ticket_version import TicketVersion, version_of
from gateway.tickets.lifecycle import DUTIES
from gateway.web.console.surveys import AnswerLine, answer_line
from gateway.web.console.ticket_forms import (
    BY_NAME,
    CUSTOMER,
    FIRMS,
    FORMS,
    NOTES,
    TICKET,
    FormContext,
    values_of,
)
from gateway.web.console.ticket_lines import (
    FIRMS_NAMED,
    ActForm,
    AlarmLine,
    ClockLine,
    MessageLine,
    OfferLine,
    PromiseLine,
    TimelineLine,
    VisitLine,
    cause_of,
    clock_lines,
    fault_chart,
    is_chosen,
    message_line,
    offer_lines,
    promise_lines,
    timeline_lines,
    visit_line,
)
from gateway.web.pages.alarm_details import evidence_rows
from gateway.web.pages.maps import map_address

_AFTER_A_CALL = (actions.AssignTo, actions.ReportDelay, actions.ReportOverrun)  # what they say there is written down
LINES = 200  # of the timeline, the newest
_RESPONSIBLE = {
    Responsible.DISPATCHER: "A dispatcher", Responsible.GATEWAY: "The gateway", Responsible.PROVIDER: "The firm",
    Responsible.TECHNICIAN: "The technician", Responsible.CUSTOMER: "The customer"}
_NOT_ARRIVED = (NotificationState.FAILED, NotificationState.UNKNOWN)
FILTERS: Mapping[str, str] = {"": "All", "people": "People", "notes": "Notes", "messages": "Messages",
                              "gateway": "Automatic"}


class Suggestion(NamedTuple):
    """The next best action, with the form that does it; none for a role that may not."""

    worded: WordedAction
    form: ActForm | None
    at_once: bool  # one click does it: nothing has to be asked first
    phone: str  # whom to ring first


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
    access: str = ""  # how to get in; empty for a role that may only look
    bad: int = 0  # messages that did not arrive
    may_send: bool = False  # those that failed, once more
    survey: AnswerLine | None = None  # what the customer said once it was closed

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
        self.names: Mapping[str, str] = {key: one.name for key, one in facts.providers.items()}
        self.phones: Mapping[str, str] = {key: one.phone for key, one in facts.providers.items()
                                          if may(role, Right.READ_PHONES)}
        ticket = self.story.ticket
        self.possible = [(one.act, one.subject) for one in possible_acts(facts.desk.now_is, say.now)]
        if ticket.closed_at is None and ticket.outage_id is None:
            self.possible.append((actions.OpenCallback, Subject(SubjectKind.TICKET, ticket.site_id)))
        self.possible = [one for one in self.possible if one[0] in FORMS and may_act(role, one[0])]

    def form(self, act: type[Act], subject: Subject, begin: Mapping[str, str] | None = None) -> ActForm:
        spec, name = FORMS[act], action_name(act)
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
    lines = timeline_lines(story, words, say)
    shown = [line for line in lines if is_chosen(line, chosen)]
    own = [form for form in (*build.forms_of(ticket.id), *build.forms_of(ticket.site_id))
           if not form.name.startswith("unmerge") or now_is.survivor is not None]
    messages = [message_line(row, attempts, story, words) for row, attempts in reversed(story.history.notifications)]
    return TicketPage(
        ticket, facts, version_of(ticket, now_is.jobs, now_is.visit).written(), cause_of(story, words),
        [said for said in ticket.reported if said != cause_of(story, words)],
        _who(responsible, build), None if due is None else due.at, duty.until if duty is not None else "",
        [(page, ", ".join(words(f"page_reason.{reason}") for reason in page.reasons)) for page in now_is.pages],
        map_address(story.site), "" if ticket.price is None else price(ticket.price, words.locale),
        resolution_sentence(ticket, words), _suggestion(build), promise_lines(story, words, say),
        [*clock_lines(story, say)],
        shown[:LINES], max(0, len(shown) - LINES), chosen, *fault_chart(facts, profile, words, say),
        alarms=[AlarmLine(alarm, in_language(alarm.cause_texts, words), evidence_rows(alarm, profile, words, say),
                          next(iter(build.forms_of(alarm.id)), None)) for alarm in reversed(story.alarms)],
        offers=[*offer_lines(build)], visits=[visit_line(visit, build) for visit in reversed(story.visits)],
        messages=messages,
        forms=_grouped(own), note=next((form for form in own if form.group == NOTES), None),
        unmerge={one.id: form for one in now_is.merged for form in build.forms_of(one.id)},
        merge=mergeable_into(now_is) if may_act(role, actions.MergeTickets) else [], names=build.names,
        access=(story.site.access or "") if may(role, Right.READ_PHONES) else "",
        bad=sum(one.row.state in _NOT_ARRIVED for one in messages), may_send=may(role, Right.WORK_TICKETS),
        survey=None if facts.survey is None or facts.survey.answered_at is None else answer_line(facts.survey, None))


def _grouped(forms: Iterable[ActForm]) -> dict[str, list[ActForm]]:
    """Each group has its list."""
    shown = list(forms)
    return {group: [form for form in shown if form.group == group] for group in (FIRMS, CUSTOMER, TICKET)}


def _who(responsible: Responsible | None, build: _Builder) -> str:
    """By name where one is known."""
    now_is, facts = build.facts.desk.now_is, build.facts
    match responsible:
        case None:
            return ""
        case Responsible.PROVIDER if now_is.pending:
            names = [build.names.get(one.provider_id, one.provider_id) for one in now_is.pending]
            more = len(names) - FIRMS_NAMED
            return ", ".join(names[:FIRMS_NAMED]) + (f" and {more} more" if more > 0 else "")
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
    _, target = target_of(worded.act)
    subject = next((subject for act, subject in build.possible if act is type(worded.act) and subject.id == target),
                   None)
    if subject is None:
        return Suggestion(worded, None, at_once=False, phone="")
    form = build.form(type(worded.act), subject, values_of(worded.act, build.say.zone))
    at_once = not isinstance(worded.act, _AFTER_A_CALL) and all(one.value or not one.required for one in form.fields)
    return Suggestion(worded, form, at_once, build.phones.get(found.parameters.get("provider", ""), "")
                      if isinstance(worded.act, _AFTER_A_CALL) else "")


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
        known.append(("Continues as", version.merged_into))
    if version.price_answer:
        known.append(("Price", str(version.price_answer)))
    return known
