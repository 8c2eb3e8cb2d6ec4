"""Words what is known about a call: what may be said to anybody who answers, and what only to whom it concerns."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.callbacks.call_context.facts import CallFacts, OpenTicket
from gateway.callbacks.call_context.questions import Question, how_to_verify, next_act, what_to_ask
from gateway.callbacks.numbers.emergency_numbers import emergency_number
from gateway.callbacks.presses.answers import outage_answer
from gateway.config.phone_numbers import LineKind
from gateway.model import (
    Alarm,
    Callback,
    Device,
    DeviceState,
    Instant,
    LinkState,
    Notification,
    NotificationState,
    Promise,
    SubjectKind,
    TicketState,
    Visit,
)
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.context import NotificationContext
from gateway.notifications.entries import in_language
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.messages import Message, MessageRenderer, no_rescue_service, topic_name
from gateway.notifications.reasons import reason_sentence
from gateway.notifications.template_values import Signature, facts_of
from gateway.tickets.context import Policy

BATTERY = "battery"  # the signal in which devices say the charge of theirs, in per cent


class Rung(NamedTuple):
    """One number to ring, in the order of the list."""

    number: str  # E.164
    shown: str
    name: str
    role: str  # in words; "" for the household's own number
    line: LineKind
    line_words: str
    needs: Sequence[str]  # in words


class Resident(NamedTuple):
    name: str
    role: str
    needs: Sequence[str]
    language: str


class Health(NamedTuple):
    """How a device is, as a person would say it."""

    id: str
    name: str
    link: LinkState
    last_heard: Instant | None
    battery: float | None  # per cent
    alarms: Sequence[str]
    words: str
    pressed: bool


class Ticketed(NamedTuple):
    id: str
    state: TicketState
    severity: str
    what: str
    device: str
    words: str  # who comes, and when


class Told(NamedTuple):
    """A message to the household, or that it was not sent, and why."""

    at: Instant
    topic: str
    state: NotificationState
    words: str
    why: str


class Past(NamedTuple):
    at: Instant
    id: str
    words: str


class Promised(NamedTuple):
    due_at: Instant
    words: str


class Said(NamedTuple):
    """A sentence, and why it is said."""

    reason: str
    words: str


@dataclass(frozen=True)
class ForAnybody:
    """What may be said to whoever answers the telephone: of an outage what everybody there is told."""

    outage_id: str | None
    state: str | None
    words: Sequence[str]


@dataclass(frozen=True)
class ForVerified:
    """What is said only to somebody of the household."""

    customer: str
    address: str
    access: str
    people: Sequence[Resident]
    devices: Sequence[Health]
    tickets: Sequence[Ticketed]
    told: Sequence[Told]
    told_last: str  # the text of the message that reached them last
    callbacks: Sequence[Past]
    visits: Sequence[Past]
    promises: Sequence[Promised]


@dataclass(frozen=True)
class CallView:
    """The whole answer, in one language; times in its sentences are the site's."""

    ring: Sequence[Rung]
    language: str  # the household's
    verify: Sequence[Said]
    ask_first: Sequence[Said]
    next: Said
    ring_now: Rung | None
    notice: str  # of a call for help: that we are no rescue service
    for_anybody: ForAnybody
    for_verified: ForVerified


class CallReader(NamedTuple):
    """For whom it is worded, and with what."""

    words: Catalogue
    messages: MessageRenderer
    signed: Signature
    policy: Policy
    now: Instant


def call_view(facts: CallFacts, reader: CallReader) -> CallView:
    """Everything about a call at `reader.now`."""
    words, now = reader.words, reader.now
    say = TimeFormat(words, facts.site.timezone, now)
    ring = _ring(facts, words)
    act = next_act(facts, now)
    rung = next((one for one in ring if act.telephone is not None and one.number == act.telephone.number), None)
    places = {"who": rung.name if rung else "", "number": rung.shown if rung else "",
              "when": say.when(act.when) if act.when is not None else ""}
    rescue = emergency_number(facts.site.country or reader.signed.country) if facts.callback.emergency else ""
    return CallView(
        ring=ring, language=facts.customer.locale,
        verify=[Said(one, words(f"call.verify.{one}")) for one in how_to_verify(facts)],
        ask_first=[_question(one, words, say) for one in what_to_ask(facts, now)],
        next=Said(act.act, words(words.variant(f"call.next.{act.act}", places), **places)), ring_now=rung,
        notice=no_rescue_service(rescue, words) if facts.callback.emergency else "",
        for_anybody=_for_anybody(facts, reader, say),
        for_verified=ForVerified(
            customer=facts.customer.name, address=facts.site.address, access=facts.site.access,
            people=[Resident(one.name, words(f"person_role.{one.role}"), _needs(one.needs, words),
                             one.locale or facts.customer.locale) for one in facts.people],
            devices=[_health(device, state, facts, words, say) for device, state in facts.devices],
            tickets=[_ticket(one, facts, words, say) for one in facts.tickets],
            told=[_message(one, words) for one in facts.told], told_last=_last_message(facts, reader),
            callbacks=[_call(one, words) for one in facts.callbacks],
            visits=[_visit(one, words) for one in facts.visits],
            promises=[_promise(one, words, say) for one in facts.promises]))


def _ring(facts: CallFacts, words: Catalogue) -> list[Rung]:
    people = {one.id: one for one in facts.people}
    return [Rung(one.number, one.shown, one.name, words(f"person_role.{one.role}") if one.role is not None else "",
                 one.line, words(f"call.line.{one.line}"),
                 _needs(people[one.person_id].needs, words) if one.person_id in people else [])
            for one in facts.telephones]


def _needs(needs: Iterable[str], words: Catalogue) -> list[str]:
    return [words(f"need.{need}") for need in needs]


def _question(question: Question, words: Catalogue, say: TimeFormat) -> Said:
    given = dict(question.places)
    if "cause" in given:
        given["cause"] = in_language(given["cause"], words)
    if "suspicion" in given:
        given["suspicion"] = words(f"call.suspicion.{given['suspicion']}")
    if "from" in given:
        given["span"] = say.span(given.pop("from"), given.pop("until"))
    if "when" in given:
        given["when"] = say.when(given["when"])
    id_ = words.variant(f"call.ask.{question.ask}", given)
    return Said(question.ask, words(id_, **given))


def _for_anybody(facts: CallFacts, reader: CallReader, say: TimeFormat) -> ForAnybody:
    """In the words in which customers read it."""
    around, words = facts.around, reader.words
    said = []
    outage = around.outage if around.form is not None else None  # else nobody knows it for sure
    if outage is not None and around.form is not None:
        row = outage_answer(outage, around.form, facts.callback, facts.site, reader.policy, reader.now, "",
                          answered=False)  # not as if they had pressed
        said.append(worded(row, facts, reader))
    if around.work is not None:
        span = say.span(around.work.from_at, around.work.until_at)
        said.append(words("call.planned", area=around.area, span=span))
    return ForAnybody(outage.id if outage else None, outage.state if outage else None,
                      said or [words("call.nothing_known")])


def worded(row: Notification, facts: CallFacts, reader: CallReader) -> str:
    """The short form of a message, in the language of whoever asks now."""
    return message_read(row, facts, reader).short


def message_read(row: Notification, facts: CallFacts, reader: CallReader) -> Message:
    """A message as its reader has read it, in the language of whoever asks now."""
    asker = facts.customer.model_copy(update={"locale": reader.words.locale})
    ticket = next((one for one in facts.tickets if one.ticket.id == row.subject_id), None)
    calls: list[Callback] = [facts.callback, *facts.callbacks]
    at = None if row.subject_kind is SubjectKind.OUTAGE else facts.site  # an outage's message is about no home
    about = NotificationContext(
        customer=asker, site=at, outage=facts.around.outage, ticket=ticket.ticket if ticket else None,
        visit=ticket.visit if ticket else None, provider=ticket.provider if ticket else None,
        callback=next((one for one in calls if one.id == row.subject_id), None),
        device=facts.device(ticket.ticket.device_id) if ticket else None)
    values = facts_of(row, about, reader.now, "", reader.signed, reader.messages.catalogues)
    return reader.messages.word(row.topic, reader.words.locale, values)


def _health(device: Device, state: DeviceState, facts: CallFacts, words: Catalogue, say: TimeFormat) -> Health:
    alarms = facts.alarms_of(device)
    causes = [in_language(one.cause_texts, words) for one in alarms]
    charge = json.loads(state.signals).get(BATTERY)
    battery = float(charge) if isinstance(charge, int | float) and not isinstance(charge, bool) else None
    said = _state_in_words(state, alarms, words, say)
    if battery is not None:
        said = f"{said} {words('call.health.battery', percent=f'{battery:.0f}')}"
    return Health(device.id, device.name, state.link, state.seen_at, battery, causes, said,
                  device.id == facts.callback.device_id)


def _state_in_words(state: DeviceState, alarms: Sequence[Alarm], words: Catalogue, say: TimeFormat) -> str:
    if state.seen_at is None:
        return words("call.health.never")
    if state.link in (LinkState.LOST, LinkState.UNKNOWN):
        return words(f"call.health.{state.link}", when=say.when(state.seen_at))
    if alarms:
        return words("call.health.fault", cause=in_language(alarms[0].cause_texts, words),
                     when=say.when(alarms[0].opened_at))
    return words("call.health.well", when=say.when(state.seen_at))


def _ticket(one: OpenTicket, facts: CallFacts, words: Catalogue, say: TimeFormat) -> Ticketed:
    ticket, visit = one.ticket, one.visit
    device = facts.device(ticket.device_id)
    firm = one.provider.name if one.provider is not None else ""
    who = (visit.technician if visit is not None else "") or firm or words("page.somebody")
    said = words(f"page.dispatch.state.{ticket.state}", who=who)
    if visit is not None and visit.done_at is None:
        said = f"{said} {capital(say.span(visit.window_from, visit.window_until))}."
    return Ticketed(ticket.id, ticket.state, ticket.severity, in_language(one.cause or {"en": ticket.cause}, words),
                    device.name if device is not None else "", said)


def _message(row: Notification, words: Catalogue) -> Told:
    why = reason_sentence(row.reason.stored(), words) if row.reason is not None else ""
    return Told(row.done_at or row.created_at, row.topic, row.state,
                words(f"call.told.{row.state}", topic=topic_name(row.topic, words)), why)


def _last_message(facts: CallFacts, reader: CallReader) -> str:
    """Of a message about something that is still open; what is over is not said again."""
    subjects = {facts.callback.id, *(one.ticket.id for one in facts.tickets)}
    outage = facts.around.outage
    for row in facts.told:
        known = row.subject_id in subjects or (outage is not None and row.subject_id == outage.id)
        if row.state is NotificationState.SENT and known and row.subject_kind in (
                SubjectKind.TICKET, SubjectKind.CALLBACK, SubjectKind.OUTAGE):
            return worded(row, facts, reader)
    return ""


def _call(one: Callback, words: Catalogue) -> Past:
    said = words(f"callback_state.{one.state}")
    if one.outcome is not None:
        said = words(f"call_outcome.{one.outcome}")
    note = f": {one.note}" if one.note else ""
    return Past(one.requested_at, one.id, words("call.past", what=words(f"call.kind.{one.kind}"), how=said) + note)


def _visit(one: Visit, words: Catalogue) -> Past:
    how = words(f"page.outcome.{one.incomplete or 'complete'}") if one.outcome is not None else words(
        "page.visit_cancelled")
    note = f": {one.note}" if one.note else ""
    return Past(one.done_at or one.window_from, one.id,
                words("call.past", what=one.technician or words("page.somebody"), how=how) + note)


def _promise(one: Promise, words: Catalogue, say: TimeFormat) -> Promised:
    return Promised(one.due_at, words("call.promise", what=words(f"promise.{one.kind}"), when=say.when(one.due_at)))
