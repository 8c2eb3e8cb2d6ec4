"""The content of the customer's page for a ticket or a callback."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.callbacks.numbers.emergency_numbers import emergency_number
from gateway.model import (
    MINUTE,
    IncompleteReason,
    Instant,
    PriceAnswer,
    PromiseKind,
    PromiseState,
    Provider,
    RecipientKind,
    ResolvedBy,
    Ticket,
    TicketState,
    Visit,
)
from gateway.model.tickets import REPORTED
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import price
from gateway.notifications.messages import in_danger
from gateway.notifications.template_values import payer_sentences
from gateway.store.firms.portraits import Shown as Portrait
from gateway.store.views.dispatch_page import DispatchTicket
from gateway.store.views.pages import FollowedTicket, JobDetails
from gateway.tickets.dispatch.cover import payers_of
from gateway.tickets.lifecycle import BEFORE_ARRIVAL, NOBODY_COMES, SETTLED, UNASSIGNED
from gateway.tickets.visits.watch import is_early
from gateway.web.pages.follow.history import Note, PastEvent, note_label, visit_events
from gateway.web.pages.follow.pending import PendingNews
from gateway.web.pages.follow.where import Where


class Step(NamedTuple):
    """One step of the progress line."""

    icon: str
    name: str
    status: str  # done | now | next | skipped


class Card(NamedTuple):
    """A box on the page: a title, named values, then sentences."""

    title: str
    facts: Sequence[tuple[str, str]] = ()
    lines: Sequence[str] = ()


class Question(NamedTuple):
    """What the customer is asked on the page, with a button for each answer."""

    answers: Sequence[tuple[str, str]]  # (value of `act` in the form, words); the first is the plain way on
    hint: str = ""


@dataclass(frozen=True)
class FollowPage:
    """The content of a customer's page, in their language."""

    tone: str  # alert | moving | good | quiet
    icon: str
    headline: str
    more: str
    time_name: str = ""
    time: str = ""
    is_estimate: bool = False  # no window: it moves by minutes, and nobody wants to hear each
    question: Question | None = None
    sorry: str = ""  # the sentence when we broke a promise
    in_danger: str = ""  # that we are no rescue service, and whom to ring
    rescue: str = ""  # that number
    firm: str = ""
    portrait: Portrait | None = None  # of whoever comes, or is there
    doorstep: str = ""  # the words that the technician says at the door
    steps: Sequence[Step] = ()
    past: Sequence[PastEvent] = ()
    facts: Sequence[tuple[str, str]] = ()
    number: str = ""
    own: Card | None = None  # the customer's own homes in an outage
    advice: Card | None = None
    helped: Note | None = None  # what fixed the same fault at this device before: see follow/helped_before.py
    leads_to: tuple[str, str] | None = None  # (address, words) of a page that says more
    where: Where | None = None  # where whoever comes is now, while they share it
    pending: Sequence[PendingNews] = ()  # what the customer has just done, and can take back
    change: str = ""  # words of the link to what the customer can do: see follow/acts.py
    move: str = ""  # words of the link to where they move the visit
    updates: Sequence[PastEvent] = ()  # what we have told others who asked, the newest first

    @property
    def title(self) -> str:
        """The step it is at, for the tab and for whoever hears the page; the headline when there is no step now."""
        return next((step.name for step in self.steps if step.status == "now"), self.headline)


_TICKET_STEPS = (("noticed", "bell"), ("asked", "talk"), ("assigned", "person"), ("on_the_way", "van"),
                 (TicketState.ON_SITE, "wrench"), ("fixed", "check"))


class StateStyle(NamedTuple):
    """How a page shows a state: step, tone and icon."""

    station: int  # of the progress line
    tone: str  # alert | moving | good | quiet
    icon: str


TICKET_LOOK = {
    TicketState.NEW: StateStyle(0, "alert", "bell"),
    TicketState.OFFERED: StateStyle(1, "alert", "talk"),
    TicketState.ASSIGNED: StateStyle(2, "moving", "person"),
    TicketState.EN_ROUTE: StateStyle(3, "moving", "van"),
    TicketState.ON_SITE: StateStyle(4, "moving", "wrench"),
    TicketState.ON_HOLD: StateStyle(1, "alert", "clock"),
    TicketState.RESOLVED: StateStyle(5, "good", "check"),
    TicketState.CLOSED: StateStyle(5, "good", "check"),
    TicketState.CANCELLED: StateStyle(5, "quiet", "cross"),
    TicketState.MERGED: StateStyle(5, "quiet", "check"),
}
SPREAD, STEP = 10 * MINUTE, 5 * MINUTE  # how far an estimate is off, and how finely a page says it
_PRICE_ASKED = StateStyle(0, "alert", "talk")


def ticket_page_content(facts: FollowedTicket, words: Catalogue, say: TimeFormat,
                        advice: Mapping[str, str] | None = None, country: str = "") -> FollowPage:
    """The content of the customer's page for a ticket at `say.now`; `advice`: what to do until somebody comes."""
    ticket, visit = facts.ticket, facts.visit
    asked = waits_for_price_answer(ticket)
    station, tone, icon = _PRICE_ASKED if asked else TICKET_LOOK[ticket.state]
    who = _who(visit, facts.provider, words)
    headline, more = _ticket_headline(facts, who, words, say)
    time_name, time = _arrival(facts, words, say)
    if asked and facts.answer_by is not None and facts.answer_by > say.now:
        time_name, time = words("page.answer_by"), capital(say.when(facts.answer_by))
    return FollowPage(
        tone, icon, headline, more, time_name, time, ticket.state is TicketState.EN_ROUTE,
        question=_question(facts, who, words, say),
        sorry=_sorry(facts, who, words, say),
        firm=_firm(facts, words) if tone == "moving" else "",
        steps=steps(_TICKET_STEPS, station, tone, _ticket_skipped(facts), words),
        doorstep=visit.doorstep or "" if visit is not None and ticket.outage_id is None else "",
        past=_ticket_past(facts, words, say),
        facts=_ticket_facts(facts, words, say),
        number=ticket.id,
        advice=_what_to_do(advice, emergency_number(facts.site.country or country), words)
        if advice and ticket.state not in SETTLED else None,
    )


def _what_to_do(advice: Mapping[str, str], rescue: str, words: Catalogue) -> Card:
    return Card(words("page.what_to_do"),
                lines=[words.choose(advice), in_danger(rescue, words)])


def waits_for_price_answer(ticket: Ticket) -> bool:
    """Whether it waits for the customer's yes to a price."""
    return ticket.price_answer is PriceAnswer.ASKED and ticket.state not in SETTLED


def is_reported(ticket: Ticket) -> bool:
    """Whether a person opened it: no device may ever say that it is over."""
    return ticket.cause_key == REPORTED


def _price_question(ticket: Ticket, words: Catalogue) -> Question:
    return Question((("agree", words("page.price_yes")), ("decline", words("page.price_no"))),
                    words("page.price_hint", price=price_of(ticket, words)))


def price_of(ticket: Ticket, words: Catalogue) -> str:
    """What the customer pays when somebody comes; "" for nothing."""
    return "" if ticket.price is None else price(ticket.price, words.locale)


def words_of(cause: dict[str, str], ticket: Ticket, words: Catalogue) -> str:
    """What is wrong in the reader's language, else in English."""
    return words.choose(cause) or ticket.cause


def cause_of(facts: JobDetails | DispatchTicket, words: Catalogue) -> str:
    """What is wrong, as whoever works on it reads it; of an outage that it is one, and where."""
    if facts.outage is not None:
        return words("message.outage.cause", area=facts.outage.name)
    return words_of(facts.cause, facts.ticket, words)


def also_said(reports: Iterable[str], cause: str, words: Catalogue) -> list[str]:
    """What people have said is wrong, besides the `cause` that whoever works on it reads already."""
    return [words("page.customer_says", words=said) for said in reports if said != cause]


def payer_lines(job: JobDetails, words: Catalogue) -> list[str]:
    """Who pays, as the provider reads it: a line for each device."""
    return payer_sentences(payers_of(job.tickets + job.merged), RecipientKind.PROVIDER, words).splitlines()


def _who(visit: Visit | None, provider: Provider | None, words: Catalogue) -> str:
    return (visit.technician if visit else "") or (provider.name if provider else "") or words("page.somebody")


def _firm(facts: FollowedTicket, words: Catalogue) -> str:
    """The provider's name beside the technician's; "" when the technician is unknown."""
    if facts.provider is None or facts.visit is None or facts.visit.technician in ("", facts.provider.name):
        return ""
    return words("page.from_firm", firm=facts.provider.name)


def _question(facts: FollowedTicket, who: str, words: Catalogue, say: TimeFormat) -> Question | None:
    """What the customer can answer with a tap as things stand."""
    ticket, visit = facts.ticket, facts.visit
    if waits_for_price_answer(ticket):
        return _price_question(ticket, words)
    if visit is not None and ticket.state in BEFORE_ARRIVAL:
        if facts.answer_needed_by is not None:
            return Question((("keep", words("page.keep_visit")), ("drop", words("page.drop_visit"))))
        if say.now >= visit.window_until:
            return Question((("missed", words("page.report_missed")),), words("page.report_missed_hint"))
        if visit.eta is not None and is_early(visit, visit.eta):
            hint = words("page.early_hint", span=say.span(visit.window_from, visit.window_until))
            return Question((("early", words("page.allow_early")),), hint)
        return Question((), words("page.early_agreed")) if visit.early_ok_at is not None else None
    if ticket.state is TicketState.ON_SITE:  # they say that they are there: perhaps at another door
        return Question((("missed", words("page.report_missed")),), words("page.report_missed_hint"))
    last = facts.last_visit
    if last is None or last.incomplete is not IncompleteReason.NO_ACCESS or ticket.state not in UNASSIGNED:
        return None
    if last.contested_at is not None:
        return Question((), words("page.contested"))
    hint = words("page.contest_hint", who=last.technician or words("page.somebody"))
    return Question((("contest", words("page.contest")),), hint)


def _ticket_headline(facts: FollowedTicket, who: str, words: Catalogue, say: TimeFormat) -> tuple[str, str]:
    state = facts.ticket.state
    if facts.answer_needed_by is not None and state in BEFORE_ARRIVAL:
        by = say.when(facts.answer_needed_by)
        return words("page.ticket.works_again"), words("page.ticket.works_again_more", who=who, by=by)
    if state is TicketState.RESOLVED and facts.ticket.unproven:
        return words("page.ticket.watching", who=who), words("page.ticket.watching_more")
    key = {TicketState.CLOSED: "resolved"}.get(state, state)
    if state is TicketState.ON_HOLD and facts.last_visit is not None and facts.last_visit.incomplete is not None:
        key = f"on_hold_{facts.last_visit.incomplete}"
    if key in NOBODY_COMES and facts.visits_before:
        key = "again"
    elif key == TicketState.NEW and is_reported(facts.ticket):
        key = "new_reported"
    if waits_for_price_answer(facts.ticket):
        key = "waits_for_yes"
    elif key == TicketState.CANCELLED and facts.ticket.price_answer is PriceAnswer.DECLINED:
        key = "declined_reported" if is_reported(facts.ticket) else "declined"
    if key == TicketState.RESOLVED and facts.ticket.resolved_by in (ResolvedBy.TELEMETRY, ResolvedBy.AGENT):
        key = f"resolved_{facts.ticket.resolved_by}"
    elif state is TicketState.RESOLVED and facts.ticket.reported:
        key = "resolved_said"
    if key == "waits_for_yes" and facts.answer_by is not None and facts.answer_by <= say.now:
        key = "waits_for_call"
    amount = price_of(facts.ticket, words)
    return words(f"page.ticket.{key}", who=who, price=amount), words(
        f"page.ticket.{key}_more", who=who, merged_into=facts.ticket.merged_into or "")


def _arrival(facts: FollowedTicket, words: Catalogue, say: TimeFormat) -> tuple[str, str]:
    """Only a time that is written down as told: whatever stands here is a promise."""
    ticket, visit = facts.ticket, facts.visit
    told = {(promise.kind, promise.due_at) for promise in facts.promises}
    if visit is not None and ticket.state == TicketState.EN_ROUTE and (PromiseKind.ETA, visit.eta) in told:
        return words("page.arrives_between"), capital(say.span(*rounded_arrival(visit, visit.eta or 0)))
    if visit is not None and ticket.state in BEFORE_ARRIVAL and (
            PromiseKind.ARRIVAL_WINDOW, visit.window_until) in told:
        return words("page.arrives"), capital(say.span(visit.window_from, visit.window_until))
    word = _next_word(facts, say.now)
    if word is not None and ticket.state in UNASSIGNED:
        return words("page.hear_by"), capital(say.when(word))
    return "", ""


def _next_word(facts: FollowedTicket, now: Instant) -> Instant | None:
    """By when they hear from us, as we told them."""
    return next((promise.due_at for promise in facts.promises if promise.kind == PromiseKind.NEXT_WORD
                 and promise.state == PromiseState.OPEN and promise.due_at > now), None)


def _sorry(facts: FollowedTicket, who: str, words: Catalogue, say: TimeFormat) -> str:
    """That somebody comes later than promised, or may: what they have been told is here too; "" when all is well."""
    late, word = is_late(facts.ticket, facts.visit, say.now), _next_word(facts, say.now)
    if facts.visit is None or facts.ticket.state not in BEFORE_ARRIVAL or facts.answer_needed_by is not None:
        return ""
    if word is None:
        return words("page.late") if late else ""
    return words("page.late_hear_by" if late else "page.perhaps_late", who=who, by=say.when(word))


def rounded_arrival(visit: Visit, eta: Instant) -> tuple[Instant, Instant]:
    """Ten minutes each way, in steps of five minutes: nobody knows the minute. Within the promised window,
    when the estimate is."""
    eta = eta // MINUTE * MINUTE
    begin, end = (eta - SPREAD) // STEP * STEP, -(-(eta + SPREAD) // STEP) * STEP
    if visit.window_from <= eta <= visit.window_until:
        return max(begin, visit.window_from), min(end, visit.window_until)
    return begin, end


def is_late(ticket: Ticket, visit: Visit | None, now: Instant) -> bool:
    """Whether the arrival window has passed, or the ETA lies after its end."""
    if visit is None or ticket.state not in BEFORE_ARRIVAL:
        return False
    return max(now, visit.eta or 0) > visit.window_until


def steps(names: Sequence[tuple[str, str]], at: int, tone: str, left_out: frozenset[str], words: Catalogue
          ) -> list[Step]:
    """The progress line with step number `at` as the current one (done, when the tone is good)."""

    def status(number: int, name: str) -> str:
        if name in left_out:
            return "skipped"
        if number < at or (number == at and tone == "good"):
            return "done"
        return "now" if number == at else "next"

    return [Step(icon, words(f"page.step.{name}"), status(number, name)) for number, (name, icon) in enumerate(names)]


def _ticket_skipped(facts: FollowedTicket) -> frozenset[str]:
    """Names of the steps that a settled ticket never reached."""
    return steps_not_reached(facts) if facts.ticket.state in SETTLED else frozenset()


def steps_not_reached(facts: FollowedTicket) -> frozenset[str]:
    """Names of the steps that a ticket has not reached so far."""
    visit = facts.visit
    passed = {"asked": facts.asked_at, TicketState.ASSIGNED: visit, "on_the_way": visit and visit.en_route_at,
              TicketState.ON_SITE: visit and visit.on_site_at, "fixed": facts.ticket.resolved_at}
    return frozenset(name for name, at in passed.items() if at is None)


def _ticket_past(facts: FollowedTicket, words: Catalogue, say: TimeFormat) -> list[PastEvent]:
    ticket = facts.ticket
    alone = ticket.resolved_by in (ResolvedBy.TELEMETRY, ResolvedBy.AGENT)
    fixed = f"page.past_fixed_{ticket.resolved_by}" if alone else "page.past_fixed"
    answer = {PriceAnswer.AGREED: "page.past_price_agreed", PriceAnswer.DECLINED: "page.past_price_declined"}.get(
        ticket.price_answer) if ticket.price_answer is not None else None
    moments: list[tuple[Instant | None, str]] = [
        (ticket.opened_at, words("page.past_reported" if is_reported(ticket) else "page.past_noticed")),
        (ticket.opened_at if ticket.price_answer is not None else None,
         words("page.past_price_asked", price=price_of(ticket, words))),
        (ticket.price_answered_at, words(answer) if answer else ""),
        (facts.asked_at if ticket.round > 1 else None, words("page.past_back")),
        (facts.asked_at, words("page.past_asked")),
    ]
    said_done = any(trip.visit.done_at == ticket.resolved_at for trip in facts.history.trips) and not alone
    settled = [(ticket.resolved_at if not said_done else None, words(fixed)),
               (ticket.closed_at if ticket.state == TicketState.CANCELLED else None, words("page.past_cancelled"))]
    past = [*(PastEvent(at, what) for at, what in moments if at is not None),
            *visit_events(facts.history, words, say),
            *(PastEvent(at, what) for at, what in settled if at is not None)]
    moved_in = facts.site.household_since or 0  # what was before is others'
    return sorted((event for event in past if event.at >= moved_in), key=lambda event: event.at)


def _ticket_facts(facts: FollowedTicket, words: Catalogue, say: TimeFormat) -> list[tuple[str, str]]:
    ticket = facts.ticket
    device = facts.device.name if facts.device is not None else ""
    moved_in = facts.site.household_since or 0
    known = [(words("page.cause"), words_of(facts.cause, ticket, words)),
             *([(words("page.device"), device)] if device else []),
             (words("page.since"), capital(say.when(max(ticket.opened_at, moved_in))))]
    payer = payer_sentences(payers_of([(device, ticket)]), RecipientKind.CUSTOMER, words)
    theirs = ticket.price_answered_at is None or ticket.price_answered_at >= moved_in
    if payer and theirs and not waits_for_price_answer(ticket) and ticket.state is not TicketState.CANCELLED:
        known.append((words("page.who_pays"), payer))
    if facts.visit is not None and facts.provider is not None:
        people = dict.fromkeys(name for name in (facts.visit.technician, facts.provider.name) if name)
        known.append((words("page.who_came" if facts.visit.on_site_at else "page.who_comes"), ", ".join(people)))
    known += _unfinished(facts, words, say) if ticket.state not in SETTLED else []
    if ticket.resolution and ticket.resolved_by in (ResolvedBy.TECHNICIAN, ResolvedBy.AGENT):
        known.append((words("page.what_was_done"), ticket.resolution))
    return known


def _unfinished(facts: FollowedTicket, words: Catalogue, say: TimeFormat) -> list[tuple[str, str]]:
    """Why the visit that ended last did not settle it, and what it waits for."""
    last = facts.last_visit
    if last is None or last.incomplete is None:
        return []
    rows = [(words("page.why_unfinished"), capital(words(f"incomplete.{last.incomplete}")))]
    if last.note:
        provider = next((trip.provider for trip in facts.history.trips if trip.visit.id == last.id), None)
        label = f"{note_label(last, provider, words)} " if provider is not None else ""
        rows.append((words("page.found_there"), label + last.note))
    if last.parts:
        rows.append((words("page.missing_parts"), ", ".join(last.parts)))
    if last.expected_at is not None:
        rows.append((words("page.part_expected"), capital(say.when(last.expected_at))))
    return rows
