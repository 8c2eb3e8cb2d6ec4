"""What hangs on a ticket, worded line by line: promises, clocks, timeline, messages, offers, visits and the chart."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from gateway.explain.facts import TicketFacts
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
    Promise,
    PromiseState,
    SlaClock,
    Visit,
)
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.entries import actor_name, entry_sentence, in_language
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.messages import topic_name
from gateway.notifications.reasons import reason_sentence
from gateway.tickets.sla.clock import used
from gateway.tickets.visits.undo import undo_until
from gateway.web.console.ticket_forms import (
    Field,
)

FIRMS_NAMED = 5  # firms in one line
_MESSAGES = (EntryKind.TOLD, EntryKind.TOLD_TOO, EntryKind.TOLD_TOGETHER, EntryKind.NOT_TOLD, EntryKind.MAYBE_TOLD,
             EntryKind.COULD_NOT_TELL, EntryKind.WOULD_HAVE_TOLD)


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


class Known(Protocol):
    """What lines need to know of the ticket's page."""

    story: TicketFacts
    names: Mapping[str, str]  # provider id → name
    phones: Mapping[str, str]
    say: TimeFormat
    words: Catalogue

    def forms_of(self, subject_id: str) -> list[ActForm]:
        """What this role may do with it now."""
        ...


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


def cause_of(story: TicketFacts, words: Catalogue) -> str:
    """What is wrong, in the reader's language."""
    ticket = story.ticket
    if story.outage is not None:
        return words("message.outage.cause", area=story.outage.name)
    alarm = next((one for one in reversed(story.alarms) if one.rule == ticket.cause_key), None)
    return ticket.cause if alarm is None else in_language(alarm.cause_texts, words)


def promise_lines(story: TicketFacts, words: Catalogue, say: TimeFormat) -> list[PromiseLine]:
    """The newest first."""
    topics = {row.id: row.topic for row, _ in story.history.notifications}
    found = []
    for one in reversed(story.promises):
        told = topics.get(one.notification_id or "")
        how = " and ".join([*([f"“{_topic(told, words)}”"] if told else []),
                            *(["their page"] if one.shown_at is not None else [])])
        found.append(PromiseLine(one, capital(words(f"promise.{one.kind}")), how,
                                 one.state is PromiseState.OPEN and one.due_at < say.now))
    return found


def clock_lines(story: TicketFacts, say: TimeFormat) -> Iterator[ClockLine]:
    for clock, policy in story.sla:
        spent = used(clock, policy.calendar(story.ticket.severity), say.now)
        percent = min(100, round(100 * spent / clock.target_ms)) if clock.target_ms else 100
        name = capital(say.catalogue(f"sla.{clock.kind}"))
        if clock.missed_at is not None and not clock.inherited:
            state, tone = f"Missed {say.when(clock.due_at or clock.missed_at)}", "bad"
        elif clock.ended_at is not None:
            state, tone = "Met", "good"
        elif clock.due_at is None:
            state, tone = "Paused", "quiet"
        elif clock.due_at <= say.now:
            state, tone = "Overdue", "bad"
        else:
            near = percent >= clock.warn_percent
            state, tone = f"{say.duration(clock.due_at - say.now)} left", "alert" if near else "moving"
        yield ClockLine(clock, name, percent, state, tone)


def timeline_lines(story: TicketFacts, words: Catalogue, say: TimeFormat) -> list[TimelineLine]:
    """The newest first."""
    return [TimelineLine(entry.at, capital(entry_sentence(entry, words, say.zone)),
                         "" if entry.by == GATEWAY else actor_name(entry.by, words), _kind_of(entry))
            for entry in reversed(story.history.entries)]


def _kind_of(entry: Entry) -> str:
    if entry.kind in (EntryKind.NOTED, EntryKind.CUSTOMER_WROTE, EntryKind.CUSTOMER_SENT_PHOTOS,
                      EntryKind.CUSTOMER_CALLED_OFF):
        return "note"
    if entry.kind in _MESSAGES:
        return "messages"
    return "gateway" if entry.by_kind in (ActorKind.GATEWAY, ActorKind.DEVICE) else "people"


def is_chosen(line: TimelineLine, chosen: str) -> bool:
    wanted = {"people": ("people", "note"), "notes": ("note",)}.get(chosen, (chosen,))
    return chosen == "" or line.kind in wanted


def message_line(row: Notification, attempts: Iterable[Attempt], story: TicketFacts, words: Catalogue) -> MessageLine:
    why = "" if row.reason is None else capital(reason_sentence(row.reason.stored(), words))
    said = [(one, "Handed over" if one.outcome is AttemptOutcome.SENT else capital(
        OUTCOMES.get(one.outcome, str(one.outcome)))) for one in attempts]
    return MessageLine(row, story.history.names.get(row.recipient, str(row.recipient)), _topic(row.topic, words), why,
                       said)


def _topic(topic: str, words: Catalogue) -> str:
    try:
        return topic_name(topic, words)
    except KeyError:  # written by a newer gateway
        return topic.replace("_", " ")


def offer_lines(build: Known) -> Iterator[OfferLine]:
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
        more = f" and {len(ids) - FIRMS_NAMED} more" if len(ids) > FIRMS_NAMED else ""
        yield ", ".join(names.get(one, one) for one in ids[:FIRMS_NAMED]) + more, str(elsewhere["reason"])


def visit_line(visit: Visit, build: Known) -> VisitLine:
    say, how = build.say, []
    if visit.eta is not None and visit.done_at is None:
        how.append(f"Expected {say.when(visit.eta)}")
    if visit.en_route_at is not None:
        how.append(f"Set out {say.when(visit.en_route_at)}")
    if visit.on_site_at is not None:
        how.append(f"There {say.when(visit.on_site_at)}")
    if visit.reported_at is not None and (until := undo_until(visit)) is not None:
        how.append(f"Said how it ended {say.when(visit.reported_at)}, may take it back until {say.time(until)}")
    if visit.done_at is not None:
        how.append(f"{'Over' if visit.outcome is None else capital(str(visit.outcome))} {say.when(visit.done_at)}")
    if visit.handed_back_at is not None:
        how.append(f"Handed back {say.when(visit.handed_back_at)}")
    if visit.incomplete is not None:
        how.append(capital(build.words(f"incomplete.{visit.incomplete}")))
    if visit.fix:
        how.append(f"Fixed by: {visit.fix}")
    if visit.used:
        how.append(f"Used: {', '.join(visit.used)}")
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
