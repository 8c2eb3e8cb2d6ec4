"""The form of each act on a ticket: its title, its fields with what they begin with, and the act that it makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.access.audit import action_name
from gateway.calendars import arrival_windows
from gateway.model import (
    HOUR,
    MINUTE,
    HoldReason,
    IncompleteReason,
    Instant,
    Subject,
    SubjectKind,
    Visit,
    VisitOutcome,
    round_up,
)
from gateway.notifications.catalogue import Catalogue
from gateway.store.views.console_ticket import ConsoleTicket
from gateway.tickets import actions
from gateway.tickets.actions import Act

NAME, NOTE = 80, 2000  # characters kept
PART, PARTS = 80, 20  # of a part; and how many parts
HALF = 30 * MINUTE


class Unusable(Exception):
    """What somebody typed cannot be used; the text says why, and names the field."""


class Field(NamedTuple):
    """One field of a form."""

    name: str
    label: str
    kind: str = "text"  # text | area | number | datetime-local | select | tick
    value: str = ""
    options: Sequence[tuple[str, str]] = ()
    required: bool = False
    hint: str = ""


@dataclass(frozen=True)
class FormContext:
    """What fields begin with."""

    facts: ConsoleTicket
    words: Catalogue
    now: Instant
    arrival_hours: int
    subject: Subject

    @property
    def zone(self) -> str:
        return self.facts.story.zone

    @property
    def visit(self) -> Visit | None:
        """The one that it is done to."""
        return next((one for one in self.facts.story.visits if one.id == self.subject.id), None)

    def local(self, at: Instant) -> str:
        return arrival_windows.written_local(at, self.zone)


@dataclass(frozen=True)
class Given:
    """What somebody has typed into one form."""

    fields: Mapping[str, str]
    target: str
    page: str  # the id of the ticket whose page it is on
    zone: str

    def text(self, name: str, longest: int = NOTE) -> str:
        return self.fields.get(name, "").strip()[:longest]

    def needed(self, name: str, label: str) -> str:
        text = self.text(name)
        if not text:
            raise Unusable(f"{label}: please write something.")
        return text

    def time(self, name: str, label: str) -> Instant:
        try:
            return arrival_windows.parse_local(self.text(name), self.zone)
        except (ValueError, OverflowError):
            raise Unusable(f"{label}: a date and a time, please.") from None

    def minutes(self, name: str, label: str) -> int:
        text = self.text(name, 9)
        if not text.isdecimal() or not 1 <= int(text) <= 24 * 60:
            raise Unusable(f"{label}: between 1 and 1440, please.")
        return int(text)


Fields = Callable[[FormContext], list[Field]]


class FormSpec(NamedTuple):
    """How one act is offered."""

    title: str
    group: str  # FIRMS, CUSTOMER, …
    make: Callable[[Given], Act]
    fields: Fields = lambda context: []
    tone: str = ""  # of its button: danger | ""
    hint: str = ""
    appends: bool = False  # it decides nothing: it may come from a form that is out of date


def _note(label: str, name: str = "note", required: bool = True, hint: str = "", value: str = "") -> Field:
    return Field(name, label, "area", value, required=required, hint=hint)


def _window(context: FormContext) -> list[Field]:
    """From the next half hour on; of a visit: as it is promised now."""
    begins, visit = round_up(context.now, HALF), context.visit
    ends = begins + context.arrival_hours * HOUR
    if visit is not None and visit.window_until > context.now:
        begins, ends = visit.window_from, visit.window_until
    return [Field("window_from", "From", "datetime-local", context.local(begins), required=True),
            Field("window_until", "Until", "datetime-local", context.local(ends), required=True)]


def _firm(asked_too: bool) -> Fields:
    """Which firm; `asked_too`: also one that is being asked already."""

    def fields(context: FormContext) -> list[Field]:
        asked = {offer.provider_id for offer in context.facts.desk.now_is.pending}
        firms = [(one.id, one.name) for one in context.facts.providers.values()
                 if one.removed_at is None and (asked_too or one.id not in asked)]
        first = next((key for key, _ in firms if key in asked), firms[0][0] if firms else "")
        return [Field("provider_id", "Firm", "select", first, firms, required=True)]

    return fields


def _accept(given: Given) -> Act:
    return actions.AcceptOffer(given.target, given.text("technician", NAME), given.time("window_from", "From"),
                               given.time("window_until", "Until"), confirmed=True)


def _assign(given: Given) -> Act:
    return actions.AssignTo(given.target, given.needed("provider_id", "Firm"), given.text("technician", NAME),
                            given.time("window_from", "From"), given.time("window_until", "Until"))


def _hold(given: Given) -> Act:
    return actions.HoldTicket(given.target, _one_of(HoldReason, given.text("reason"), "Waiting for"),
                              given.time("until", "Until"), given.text("note"))


def _finish(given: Given) -> Act:
    """Complete, or what is left: one choice."""
    outcome = given.text("outcome")
    parts, used = _between_commas(given.text("parts")), _between_commas(given.text("used"))
    expected = given.time("expected_at", "Expected") if given.text("expected_at") else None
    if outcome == VisitOutcome.COMPLETE:
        return actions.Finish(given.target, given.text("note"), fix=given.text("fix", PART), used=used)
    return actions.Finish(given.target, given.text("note"), VisitOutcome.INCOMPLETE,
                          _one_of(IncompleteReason, outcome, "How it went"), parts, expected, used=used)


def _between_commas(text: str) -> tuple[str, ...]:
    return tuple(part.strip()[:PART] for part in text.split(",") if part.strip())[:PARTS]


def _one_of(members: Any, value: str, label: str) -> Any:
    if value not in tuple(members):
        raise Unusable(f"{label}: please choose.")
    return members(value)


def _technician(context: FormContext) -> list[Field]:
    return [Field("technician", "Who comes", hint="As the customer will read it; empty: the firm’s name")]


def _hold_fields(context: FormContext) -> list[Field]:
    return [Field("reason", "Waiting for", "select", options=[
                (str(one), context.words(f"page.dispatch.hold.{one}")) for one in HoldReason], required=True),
            Field("until", "Until", "datetime-local", context.local(round_up(context.now, HALF) + 24 * HOUR),
                  required=True), _note("Note", required=False)]


def _finish_fields(context: FormContext) -> list[Field]:
    outcomes = [(str(VisitOutcome.COMPLETE), "It is done")] + [
        (str(one), f"Not done: {context.words(f'incomplete.{one}')}") for one in IncompleteReason]
    return [Field("outcome", "How it went", "select", options=outcomes, required=True),
            _note("What was done, or why not"),
            Field("fix", "What fixed it, in a few words",
                  hint="Only when it is done. Technicians of other firms read it: no names, no addresses"),
            Field("used", "Parts used", hint="With commas in between"),
            Field("parts", "Parts that are missing", hint="With commas in between"),
            Field("expected_at", "Expected", "datetime-local", hint="When the parts are there, or it can go on")]


_REASON = "Why it should not count in their record"
FIRMS, CUSTOMER, TICKET, VISIT, NOTES = "firms", "customer", "ticket", "visit", "notes"  # groups of the page

FORMS: dict[type[Act], FormSpec] = {
    actions.AssignTo: FormSpec("Assign", FIRMS, _assign, lambda context: [
        *_firm(asked_too=True)(context), *_technician(context), *_window(context)],
        hint="They have agreed on the phone. They get the link to the visit, the customer the arrival window."),
    actions.OfferTo: FormSpec("Ask a firm", FIRMS, lambda given: actions.OfferTo(
        given.target, given.needed("provider_id", "Firm")), _firm(asked_too=False),
        hint="Out of turn; whoever is being asked now is told that they are not needed any more."),
    actions.AskAgain: FormSpec("Ask again", FIRMS, lambda given: actions.AskAgain(given.target),
                               hint="Firms are ranked again, those that declined too. What was on hold continues."),
    actions.AcceptOffer: FormSpec("They accept", FIRMS, _accept, lambda context: [
        *_technician(context), *_window(context)]),
    actions.DeclineOffer: FormSpec("They decline", FIRMS, lambda given: actions.DeclineOffer(
        given.target, given.text("why")), lambda context: [_note("Why", "why", required=False)]),
    actions.LeaveOutOffer: FormSpec("Leave out of their record", FIRMS, lambda given: actions.LeaveOutOffer(
        given.target, given.needed("why", "Why")), lambda context: [_note(_REASON, "why")], appends=True),
    actions.Depart: FormSpec("They are on the way", VISIT, lambda given: actions.Depart(
        given.target, given.minutes("minutes", "Minutes") if given.text("minutes") else None),
        lambda context: [Field("minutes", "Minutes until they arrive", "number", hint="Empty: they have not said")]),
    actions.Arrive: FormSpec("They have arrived", VISIT, lambda given: actions.Arrive(given.target)),
    actions.ReportDelay: FormSpec("They are late", VISIT, lambda given: actions.ReportDelay(
        given.target, given.minutes("minutes", "Minutes")),
        lambda context: [Field("minutes", "Minutes until they arrive", "number", "30", required=True)]),
    actions.ReportOverrun: FormSpec("It takes longer", VISIT, lambda given: actions.ReportOverrun(
        given.target, given.minutes("minutes", "Minutes")),
        lambda context: [Field("minutes", "More minutes needed", "number", "60", required=True)]),
    actions.ProposeWindow: FormSpec("Another time", VISIT, lambda given: actions.ProposeWindow(
        given.target, given.time("window_from", "From"), given.time("window_until", "Until")), _window,
        hint="The customer is told at once."),
    actions.ReassignVisit: FormSpec("Somebody else of them comes", VISIT, lambda given: actions.ReassignVisit(
        given.target, given.text("technician", NAME)), _technician, hint="The customer is told who comes instead."),
    actions.Finish: FormSpec("They are done", VISIT, _finish, _finish_fields),
    actions.LogCall: FormSpec("Nobody is home, nobody answers the phone", VISIT,
                              lambda given: actions.LogCall(given.target)),
    actions.TakeBack: FormSpec("That was tapped by mistake", VISIT, lambda given: actions.TakeBack(given.target),
                               hint="They are where they were before; who was told that somebody comes hears it."),
    actions.HandBack: FormSpec("They cannot come", VISIT, lambda given: actions.HandBack(
        given.target, given.text("why")), lambda context: [_note("Why", "why", required=False)], tone="danger",
        hint="The customer is told at once, and others are asked."),
    actions.LeaveOutVisit: FormSpec("Leave out of their record", VISIT, lambda given: actions.LeaveOutVisit(
        given.target, given.needed("why", "Why")), lambda context: [_note(_REASON, "why")], appends=True),
    actions.AgreeToPrice: FormSpec("They agree to the price", CUSTOMER,
                                   lambda given: actions.AgreeToPrice(given.target)),
    actions.DeclinePrice: FormSpec("They decline the price", CUSTOMER,
                                   lambda given: actions.DeclinePrice(given.target), tone="danger",
                                   hint="The ticket is cancelled; the customer reads that nobody comes."),
    actions.KeepVisit: FormSpec("They still want the visit", CUSTOMER, lambda given: actions.KeepVisit(given.target)),
    actions.DropVisit: FormSpec("Nobody needs to come", CUSTOMER, lambda given: actions.DropVisit(given.target)),
    actions.AllowEarly: FormSpec("Earlier is fine", CUSTOMER, lambda given: actions.AllowEarly(given.target)),
    actions.ReportMissed: FormSpec("They say that nobody came", CUSTOMER,
                                   lambda given: actions.ReportMissed(given.target)),
    actions.ContestNoAccess: FormSpec("They say that they were there", CUSTOMER,
                                      lambda given: actions.ContestNoAccess(given.target)),
    actions.ReportNotFixed: FormSpec("They say that it is not fixed", CUSTOMER, lambda given: actions.ReportNotFixed(
        given.target, given.text("words")), lambda context: [_note("What they notice", "words", required=False)],
        hint="It is open again, and firms are asked at once."),
    actions.OpenCallback: FormSpec("Call them back", CUSTOMER, lambda given: actions.OpenCallback(
        given.target, given.needed("words", "About what"), bool(given.text("urgent"))),
        lambda context: [_note("About what", "words", hint="The customer may read it on their page"),
                         Field("urgent", "It is urgent", "tick")], appends=True),
    actions.AcknowledgePage: FormSpec("I see to it", TICKET, lambda given: actions.AcknowledgePage(
        Subject(SubjectKind.TICKET, given.target)), hint="Nobody else is paged for four hours.", appends=True),
    actions.AcknowledgeAlarm: FormSpec("Acknowledge", TICKET, lambda given: actions.AcknowledgeAlarm(given.target),
                                       appends=True),
    actions.AddNote: FormSpec("Add a note", NOTES, lambda given: actions.AddNote(
        given.target, given.needed("note", "Note")), lambda context: [_note("Note")], appends=True),
    actions.HoldTicket: FormSpec("Put on hold", TICKET, _hold, _hold_fields,
                                 hint="Whoever was coming is called off; they and the customer are told at once."),
    actions.ResolveTicket: FormSpec("Resolve", TICKET, lambda given: actions.ResolveTicket(
        given.target, given.needed("note", "What solved it")),
        lambda context: [_note("What solved it", hint="The customer reads that it is done")]),
    actions.UnmergeTicket: FormSpec("Separate again", TICKET, lambda given: actions.UnmergeTicket(given.target)),
    actions.CancelTicket: FormSpec("Cancel", TICKET, lambda given: actions.CancelTicket(
        given.target, given.needed("why", "Why")), lambda context: [_note("Why nobody needs to come", "why")],
        tone="danger"),
}
BY_NAME: dict[str, type[Act]] = {action_name(act): act for act in FORMS}


def values_of(act: Act, zone: str) -> dict[str, str]:
    """What a form begins with that proposes this act."""
    values: dict[str, str] = {}
    for name, value in vars(act).items():
        if name in ("window_from", "window_until", "until", "expected_at") and value is not None:
            values[name] = arrival_windows.written_local(value, zone)
        elif isinstance(value, bool):
            values[name] = "true" if value else ""
        elif isinstance(value, str | int):
            values[name] = str(value)
    return values
