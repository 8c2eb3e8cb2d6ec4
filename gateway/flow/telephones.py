"""Shows the telephone numbers of customers, finds who has one, and connects technicians with them: each look is written
down with it."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session

from gateway.callbacks.call_context.facts import CallFacts
from gateway.callbacks.call_context.view import CallReader, CallView, call_view
from gateway.callbacks.numbers.looks import is_same_look, looked_at
from gateway.callbacks.numbers.telephones import Telephone
from gateway.callbacks.numbers.visit_calls import (
    after_wrong,
    counted,
    is_connected,
    is_guessed_at,
    named_by,
    seconds_locked,
)
from gateway.config.phone_numbers import line_kind
from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Actor, ActorKind, Callback, EntryKind, Instant, PinTries, Subject, Ticket, Visit
from gateway.model.plan import Plan
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.template_values import Signature
from gateway.store import apply
from gateway.store.search.found import Caller, Found
from gateway.store.search.query import search
from gateway.store.views import telephones
from gateway.store.views.call_context import call_facts
from gateway.tickets.households.people import subject_of_person
from gateway.tickets.new_rows import subject_of

log = logging.getLogger(__name__)


class Connected(NamedTuple):
    """Whom the bridge connects with."""

    number: str  # E.164
    name: str
    language: str


class Locked(Exception):
    """Too many wrong PINs of this visit came; `seconds` from now the next one is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def write_look(session: Session, about: Ticket | Callback | Subject, seen: Sequence[Telephone], who: Actor, now: Instant
               ) -> None:
    """In the transaction that reads the numbers; the same person within ten minutes looks once."""
    before = telephones.last_look(session, about.id, who)
    if seen and not (before is not None and is_same_look(before, seen, now)):
        apply(session, Plan([looked_at(about, seen, EntryKind.NUMBER_SEEN, who, now)]))
        if who.account:
            subject = subject_of(about)
            write_act(session, "see_numbers", (subject.kind, subject.id), Plan(), who, now)


def find(gw: Gateway, text: str, phones: bool, who: Actor, now: Instant) -> Found:
    """What somebody at the desk types into the search box. `phones`: whether they may see how people are reached; whose
    numbers they see is written down before they do."""
    with gw.store.read() as session:
        found = search(session, text, gw.settings.service.country, phones)
    if found.callers:
        retry_on_conflict(lambda: _write_looks(gw, found.callers, who, now))
    return found


def _write_looks(gw: Gateway, callers: Sequence[Caller], who: Actor, now: Instant) -> None:
    with gw.store.write() as session:
        for household in sorted({one.customer_id for one in callers if one.person_id is None}):
            write_act(session, "see_numbers", ("customer", household), Plan(), who, now)
        for one in callers:
            if one.person_id is not None:
                seen = Telephone(one.number, one.name, None, line_kind(one.number), one.person_id)
                write_look(session, subject_of_person(one.person_id), [seen], who, now)


def call_to_make(gw: Gateway, callback_id: str, words: Catalogue, who: Actor, now: Instant
                 ) -> tuple[CallFacts, CallView] | None:
    """What an agent has to know for this call, in their language; that they saw the numbers is written down. None when
    there is no such callback."""
    with gw.store.write() as session:
        callback = session.get(Callback, callback_id)
        if callback is None:
            return None
        facts = call_facts(session, callback, gw.profiles, now)
        write_look(session, callback, facts.telephones, who, now)
    return facts, word_call(gw, facts, words, now)


def word_call(gw: Gateway, facts: CallFacts, words: Catalogue, now: Instant) -> CallView:
    """The same facts in the language of whoever rings."""
    return call_view(facts, reader_in(gw, words, now))


def reader_in(gw: Gateway, words: Catalogue, now: Instant) -> CallReader:
    service = gw.settings.service
    signed = Signature(service.name, service.phone, service.callback_timezone, service.country, gw.settings.branding)
    return CallReader(words, gw.messages, signed, gw.policy, now)


def connect(gw: Gateway, key: Actor, pin: str, now: Instant) -> Connected | None:
    """Whom the visit with this PIN connects with; None for every other PIN. Raises Locked."""

    def once() -> Connected | None:
        with gw.store.write() as session:
            tries = telephones.pin_tries(session, named_by(pin))
            if wait := seconds_locked(tries, now):
                raise Locked(wait)
            found = telephones.visit_by_pin(session, pin, now)
            if found is None or not found.telephones or not is_connected(found.visit, now):
                _note_wrong(session, tries, key, now)
                return None
            first = found.telephones[0]
            who = Actor(ActorKind.TECHNICIAN, _technician(found.visit, found.firm))
            apply(session, Plan([looked_at(found.ticket, [first], EntryKind.NUMBER_DIALLED, who, now)]))
            return Connected(first.number, first.name, found.language_of(first))

    return retry_on_conflict(once)


def _technician(visit: Visit, firm: str) -> str:
    return visit.technician or firm


def _note_wrong(session: Session, tries: PinTries, key: Actor, now: Instant) -> None:
    """The visit that its first digits name is locked after some: whoever guesses keeps nobody else from ringing."""
    telephones.save_tries(session, after_wrong(tries, now))
    before = telephones.pin_tries(session, "")
    after = counted(before, now)
    telephones.save_tries(session, after)
    if is_guessed_at(after, now) and not is_guessed_at(before, now):
        log.warning("somebody guesses PINs of the bridge: %d wrong ones within an hour, the last with the key %s (%s)",
                    len(after.wrong), key.account, key.name)
