"""The content of the dispatcher's page: how things stand, who acts next, who was asked, and what can be done now."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.callbacks.lifecycle import TRANSITIONS as CALL_MOVES
from gateway.callbacks.lifecycle import Action as CallAction
from gateway.callbacks.outcomes import OUTCOMES
from gateway.callbacks.presses.replies import name_of
from gateway.config.settings import OnCall
from gateway.model import (
    GATEWAY,
    CallbackKind,
    CallbackState,
    CallOutcome,
    Instant,
    Offer,
    OfferState,
    Outage,
    PageState,
    Provider,
    TicketState,
)
from gateway.model.states import Responsible
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.entries import actor_name, entry_sentence
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.template_values import telephone_words
from gateway.store.views.dispatch_page import DispatchCallback, DispatchTicket, Whose
from gateway.tickets.lifecycle import BEFORE_ARRIVAL, DUTIES, NOBODY_COMES, OPEN, UNASSIGNED, UNDER_WAY, UNSETTLED
from gateway.tickets.visits.changes import is_missed
from gateway.web.pages.callback_view import CALL_LOOK, call_time
from gateway.web.pages.ticket_view import (
    TICKET_LOOK,
    cause_of,
    price_of,
    waits_for_price_answer,
)

_ACTS: Mapping[str, frozenset[TicketState]] = {  # act of the page → states of a job, or of the ticket, it fits
    "ask_again": frozenset((TicketState.NEW, TicketState.ON_HOLD)), "ask": NOBODY_COMES,
    "hold": UNASSIGNED | BEFORE_ARRIVAL, "resolve": UNSETTLED, "cancel": OPEN,
}
_CALL_ACTS = {
    "claim": CallAction.CLAIM, "attempt": CallAction.ATTEMPT, "miss": CallAction.MISS, "connect": CallAction.CONNECT,
    "finish": CallAction.FINISH, "cancel": CallAction.CANCEL,
}
NAMED = 5  # firms in one line


class Page(NamedTuple):
    """One role's page: why somebody is asked, and who sees to it."""

    why: list[str]
    since: Instant
    seen_to: str  # who, until when; "" while nobody does
    mine: bool  # whoever looks


class OfferLine(NamedTuple):
    """A firm and how it answered."""

    name: str
    phone: str
    how: str


class ContactLink(NamedTuple):
    """A way to reach the customer."""

    href: str
    shown: str
    icon: str


class Line(NamedTuple):
    """One line of the timeline."""

    at: Instant
    what: str
    who: str  # "" for the gateway itself


@dataclass(frozen=True)
class DispatchPage:
    """The content of the page, in the reader's language."""

    number: str
    tone: str  # alert | moving | good | quiet
    icon: str
    headline: str  # the state in words
    next_step: str  # who is responsible, until when
    what: str  # the cause, or that somebody wants to be called
    facts: Sequence[tuple[str, str]]
    pages: Sequence[Page]
    can: frozenset[str]  # the acts that are possible now
    reach: Sequence[ContactLink]
    timeline: Sequence[Line]
    severity: str = ""
    asked: Sequence[OfferLine] = ()
    passed_over: Sequence[tuple[str, str]] = ()  # firm, why not
    firms: Sequence[Provider] = ()  # whom one can ask now
    takers: Sequence[Provider] = ()  # who may have said yes on the telephone
    outcomes: Sequence[CallOutcome] = ()  # what may come of a call
    price: str = ""  # at which somebody comes, as the customer was asked


def ticket_content(facts: DispatchTicket, on_call: OnCall, me: str, words: Catalogue, say: TimeFormat) -> DispatchPage:
    """The page of a ticket at `say.now`. `me`: the name that whoever looks acts under."""
    ticket = facts.ticket
    look = TICKET_LOOK[ticket.state]
    pending = [offer for offer in facts.offers if offer.state is OfferState.PENDING]
    states = {ticket.state, *(job.state for job in facts.jobs)}
    can = {act for act, fits in _ACTS.items() if states & fits}
    if facts.visit is not None and is_missed(facts.visit, say.now):
        can |= {"ask_again", "ask"}  # nobody came
    if waits_for_price_answer(ticket):
        can = can - {"ask_again"} | {"agree", "decline"}
    asked_now = {offer.provider_id for offer in pending}
    takers = [one for one in facts.providers.values() if one.removed_at is None and "ask" in can]
    return DispatchPage(
        number=ticket.id, tone=look.tone, icon=look.icon, headline=_headline(facts, pending, words),
        next_step=_next_step(facts, words, say), what=cause_of(facts, words),
        facts=_ticket_facts(facts, words, say), pages=_pages(facts.whose, on_call, me, words, say),
        can=frozenset(can | _acknowledge(facts.whose)), reach=_reach(facts.whose, words),
        timeline=_timeline(facts.whose, words, say), severity=ticket.severity, price=price_of(ticket, words),
        asked=[OfferLine(_name(offer.provider_id, facts.providers), _phone(offer.provider_id, facts.providers),
                         _how(offer, words, say)) for offer in facts.offers],
        passed_over=[*_passed_over(facts)],
        firms=[one for one in takers if one.id not in asked_now], takers=takers)


def callback_content(facts: DispatchCallback, on_call: OnCall, me: str, words: Catalogue, say: TimeFormat
                     ) -> DispatchPage:
    """The page of a callback at `say.now`."""
    callback = facts.callback
    look = CALL_LOOK[callback.state]
    device = facts.whose.device.name if facts.whose.device else ""
    wants = "help" if callback.emergency else "call_soon" if callback.urgent else "call"
    if callback.kind is CallbackKind.CHECK:
        wants = "check"
    of_our_own = callback.kind is CallbackKind.CHECK  # nobody was promised it
    span = "call_between" if callback.ring_from is not None else "ring_by" if of_our_own else "call_by"
    idle = of_our_own and callback.state is CallbackState.REQUESTED
    who = name_of(callback.agent) or words("page.dispatch.somebody")
    return DispatchPage(
        number=callback.id, tone="alert" if say.now > callback.promised_by else look.tone, icon=look.icon,
        headline=words("page.dispatch.call_of_our_own") if idle else words(
            f"page.dispatch.call.{callback.state}", who=who),
        next_step=words(f"page.dispatch.{span}", when=call_time(callback, say)),
        what=words(f"page.dispatch.wants_{wants}"),
        facts=[*([(words("page.device"), device)] if device else []),
               (words("page.since"), capital(say.when(callback.requested_at))),
               *([(words("page.dispatch.presses"), str(callback.presses))] if callback.presses else [])],
        pages=_pages(facts.whose, on_call, me, words, say),
        can=frozenset({act for act, action in _CALL_ACTS.items() if (callback.state, action) in CALL_MOVES}
                      | _acknowledge(facts.whose)),
        reach=_reach(facts.whose, words), timeline=_timeline(facts.whose, words, say),
        outcomes=OUTCOMES[callback.kind])


def _acknowledge(whose: Whose) -> set[str]:
    return {"acknowledge"} if whose.pages else set()


def _headline(facts: DispatchTicket, pending: list[Offer], words: Catalogue) -> str:
    ticket, visit = facts.ticket, facts.visit
    firm = _name(ticket.provider_id or "", facts.providers)
    firms = ", ".join(_name(offer.provider_id, facts.providers) for offer in pending)
    technician = visit.technician if visit is not None else ""
    who = technician or firm
    if technician and firm and technician != firm:
        who = f"{technician} ({firm})"
    return words(f"page.dispatch.state.{ticket.state}", who=firms if ticket.state is TicketState.OFFERED else who)


def _next_step(facts: DispatchTicket, words: Catalogue, say: TimeFormat) -> str:
    """Who has to do something next, and until when."""
    duty, due = DUTIES.get(facts.ticket.state), facts.next_due
    if due is not None:
        return _responsible(due.responsible, due.at, words, say)
    return _responsible(duty.responsible, None, words, say) if duty is not None else ""


def _responsible(who: Responsible, until: Instant | None, words: Catalogue, say: TimeFormat) -> str:
    name = words(f"page.dispatch.responsible.{who}")
    if until is None:
        return words("page.dispatch.next", who=name)
    return words("page.dispatch.next_overdue" if until < say.now else "page.dispatch.next_until", who=name,
                 when=say.when(until))


def _ticket_facts(facts: DispatchTicket, words: Catalogue, say: TimeFormat) -> list[tuple[str, str]]:
    ticket, visit = facts.ticket, facts.visit
    known = [(words("page.device"), facts.whose.device.name)] if facts.whose.device else []
    known += [(words("page.dispatch.reported"), said) for said in ticket.reported if said != cause_of(facts, words)]
    known.append((words("page.since"), capital(say.when(ticket.opened_at))))
    known += _outage_facts(facts.outage, words, say) if facts.outage is not None else []
    if visit is not None and ticket.state in UNDER_WAY:
        known.append((words("page.arrival"), capital(say.span(visit.window_from, visit.window_until))))
        if visit.eta is not None:
            known.append((words("page.arrives_about"), capital(say.when(visit.eta))))
    for job in facts.jobs:
        if job.hold_until is not None and job.hold_reason is not None:
            known.append((words("page.dispatch.hold_for"), words("page.dispatch.held", until=say.when(job.hold_until),
                          waits_for=words(f"page.dispatch.hold.{job.hold_reason}"))))
    if ticket.resolution:
        known.append((words("page.what_was_done"), ticket.resolution))
    return known


def _outage_facts(outage: Outage, words: Catalogue, say: TimeFormat) -> list[tuple[str, str]]:
    """Where it is, how many homes are in it, and until when it may last."""
    known = [(words("page.dispatch.area"), outage.name), (words("page.dispatch.outage"), outage.id),
             (words("page.homes_affected"), words("page.dispatch.homes", homes=outage.homes, dark=outage.dark))]
    if outage.etr_at is not None and outage.restored_at is None:
        known.append((words("page.etr"), capital(say.when(outage.etr_at))))
    return known


def _pages(whose: Whose, on_call: OnCall, me: str, words: Catalogue, say: TimeFormat) -> list[Page]:
    phones = {person.name: person.phone for person in on_call.people.values()}
    found = []
    for page in whose.pages:
        seen_to = ""
        if page.state is PageState.ACKNOWLEDGED:
            name = page.acknowledged_by or words("page.dispatch.somebody")
            who = " ".join(part for part in (name, phones.get(name)) if part)
            seen_to = words("page.dispatch.seen_to", who=who, when=say.when(page.next_at or say.now))
        found.append(Page([capital(words(f"page_reason.{reason}")) for reason in page.why], page.opened_at, seen_to,
                          page.acknowledged_by == me and bool(seen_to)))
    return found


def _how(offer: Offer, words: Catalogue, say: TimeFormat) -> str:
    answered = say.when(offer.closed_at) if offer.closed_at is not None else ""
    said = words(f"page.dispatch.offer.{offer.state}", at=say.when(offer.offered_at), until=say.when(offer.expires_at),
                 answered=answered)
    return f"{said}{words.colon}{offer.answer}" if offer.answer else said


def _passed_over(facts: DispatchTicket) -> Iterator[tuple[str, str]]:
    """(firm, why not) of the newest ranking; who was asked this round is in the list above. Those that do not go there
    come last and together: there may be hundreds."""
    asked = {offer.provider_id for offer in facts.offers if offer.round == facts.ticket.round}
    rankings: Iterator[Mapping[str, Any]] = (entry.evidence for entry in facts.whose.timeline
                                             if "refused" in entry.evidence)
    ranking = next(rankings, {})
    for refused in ranking.get("refused", []):
        if refused["provider_id"] not in asked:
            yield _name(refused["provider_id"], facts.providers), str(refused["reason"])
    elsewhere = ranking.get("elsewhere") or {"providers": []}
    names = [_name(key, facts.providers) for key in elsewhere["providers"][:NAMED]]
    if names:
        more = len(elsewhere["providers"]) - len(names)
        yield ", ".join(names) + (f" … (+{more})" if more else ""), str(elsewhere["reason"])


def _reach(whose: Whose, words: Catalogue) -> list[ContactLink]:
    """By telephone, the first to be rung first, or by mail; other channels are for machines."""
    home = whose.household
    mails = dict.fromkeys(contact.address for contact in home.for_messages if contact.stopped_at is None)
    return [ContactLink(f"tel:{one.number}", telephone_words([one], home.customer.name, words), "phone")
            for one in home.telephones] + [
        ContactLink(f"mailto:{one}", one, "talk") for one in mails if re.fullmatch(r"[^\s@:/?]+@[^\s@:/?]+", one)]


def _timeline(whose: Whose, words: Catalogue, say: TimeFormat) -> list[Line]:
    return [Line(entry.at, capital(entry_sentence(entry, words, say.zone)),
                 "" if entry.by == GATEWAY else actor_name(entry.by, words)) for entry in whose.timeline]


def _name(provider_id: str, providers: Mapping[str, Provider]) -> str:
    return providers[provider_id].name if provider_id in providers else provider_id


def _phone(provider_id: str, providers: Mapping[str, Provider]) -> str:
    return providers[provider_id].phone if provider_id in providers else ""
