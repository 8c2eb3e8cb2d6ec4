"""What somebody at the desk should do next about an open ticket, or for a customer at risk, and why. Only a suggestion:
nothing is ever done by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    DueKind,
    HoldReason,
    Instant,
    Notification,
    NotificationState,
    Outage,
    PageState,
    PriceAnswer,
    Promise,
    PromiseKind,
    PromiseState,
    Severity,
    SlaClock,
    SlaKind,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
    Visit,
    VisitState,
)
from gateway.model.states import Responsible
from gateway.tickets import actions
from gateway.tickets.actions import Act
from gateway.tickets.desk.possible_acts import TicketNow
from gateway.tickets.lifecycle import NOBODY_COMES, UNSETTLED
from gateway.tickets.visits.changes import is_missed

LAPSES_SOON = 15 * MINUTE  # an offer's or a promise's end: in time to ring somebody first
SLA_SOON = 30 * MINUTE
CONTACTS, CONTACTS_WITHIN = 3, 7 * DAY  # whoever has to ask a third time is losing patience
# without any news
SILENCE = {Severity.CRITICAL: 4 * HOUR, Severity.MAJOR: 12 * HOUR, Severity.MINOR: 2 * DAY, Severity.WARNING: 4 * DAY}
TRUST_LOST_FOR = 2 * DAY  # after a broken promise
HOLD_FOR_OUTAGE = 2 * HOUR  # while nobody knows how long the outage lasts


class NextActionKind(StrEnum):
    """What to do next. The catalogues say it, in `next_action.<kind>`, and its reason in `next_action.<kind>.why`."""

    TAKE_PAGE = "take_page"
    """Say that one sees to it: everybody else is being paged."""
    RECORD_PRICE = "record_price"
    """Ring the customer about the price, and write down what they say."""
    RESCUE_OFFER = "rescue_offer"
    """Ring the firm whose offer is about to lapse."""
    REPLACE_NO_SHOW = "replace_no_show"
    """Nobody came: ask others."""
    RING_TECHNICIAN = "ring_technician"
    """Nobody is on the way, or they should be there: ring whoever is to come."""
    RING_WORKER = "ring_worker"
    """The work takes longer than expected: ask until when."""
    WAIT_FOR_OUTAGE = "wait_for_outage"
    """The home is dark because of an outage: nobody can mend that there."""
    FIND_PROVIDER = "find_provider"
    """Nobody is left to be asked: ask again, or somebody by hand."""
    GO_ON = "go_on"
    """What it waited for should be there."""
    ASK_CUSTOMER = "ask_customer"
    """The customer has not said whether somebody shall still come."""
    RING_UNREACHED = "ring_unreached"
    """A message did not reach the customer: tell them by telephone."""
    ADMIT_BROKEN = "admit_broken"
    """A promise was broken: ring before they do."""
    CORRECT_PROMISE = "correct_promise"
    """A promise is about to be broken: say so first."""
    ANSWER_AGAIN = "answer_again"
    """They have asked several times within days: ring them, and take it in hand."""
    GIVE_NEWS = "give_news"
    """They have heard nothing for long."""
    MEET_SLA = "meet_sla"
    """A target is about to be missed."""


@dataclass(frozen=True)
class NextAction:
    """A suggestion: what, why, and the act that a form proposes."""

    kind: NextActionKind
    parameters: Mapping[str, Any]  # of the reason: ids, counts, instants; worded at the rim
    act: Act
    subject: Subject  # the ticket or customer that it is about


@dataclass(frozen=True)
class DeskFacts:
    """What is known of an open ticket, or of a customer."""

    now_is: TicketNow
    promises: Sequence[Promise] = ()
    clocks: Sequence[SlaClock] = ()
    undelivered: Sequence[Notification] = ()  # to the customer, newest first
    contacts: Sequence[Instant] = ()  # by the customer: calls, presses, reports; any order
    told_at: Instant | None = None  # when the customer last heard anything about it
    outage: Outage | None = None  # open, which the home is dark in
    callback_open: bool = False  # somebody is to ring the home anyway


@dataclass(frozen=True)
class CustomerFacts:
    """What is known of a customer with something open."""

    customer_id: str
    site_id: str  # where somebody should ring
    promises: Sequence[Promise] = ()
    contacts: Sequence[Instant] = ()
    told_at: Instant | None = None
    open_tickets: Sequence[Ticket] = field(default=())
    callback_open: bool = False


_Rule = Callable[[DeskFacts, Instant], NextAction | None]


def next_action(facts: DeskFacts, now: Instant) -> NextAction | None:
    """The most pressing one; None: it takes its course, or it is over."""
    ticket = facts.now_is.ticket
    if ticket.closed_at is not None:
        return None
    for rule in RULES:
        found = rule(facts, now)
        if found is not None:
            return found
    return None


def customer_at_risk(facts: CustomerFacts, now: Instant) -> NextAction | None:
    """For somebody who has reason to be angry: a promise was broken, they ask again and again, or they hear nothing."""
    if facts.callback_open:
        return None
    subject = Subject(SubjectKind.PERSON, facts.customer_id)

    def ring(kind: NextActionKind, **parameters: Any) -> NextAction:
        return NextAction(kind, parameters, _ring(facts.site_id), subject)

    broken = _newest_broken(facts.promises, now)
    if broken is not None:
        return ring(NextActionKind.ADMIT_BROKEN, promised=str(broken.kind), due=broken.due_at)
    recent = _recent(facts.contacts, now)
    if len(recent) >= CONTACTS:
        return ring(NextActionKind.ANSWER_AGAIN, count=len(recent), since=min(recent))
    for ticket in sorted(facts.open_tickets, key=lambda one: (-one.severity.rank, one.opened_at)):
        silent_since = max(facts.told_at or 0, ticket.opened_at)
        if ticket.state in UNSETTLED and now - silent_since >= SILENCE[ticket.severity]:
            return ring(NextActionKind.GIVE_NEWS, since=silent_since)
    return None


def _page(facts: DeskFacts, now: Instant) -> NextAction | None:
    for page in facts.now_is.pages:
        if page.closed_at is None and page.state is PageState.PAGING:
            return _suggest(facts, NextActionKind.TAKE_PAGE,
                            actions.AcknowledgePage(Subject(SubjectKind.TICKET, facts.now_is.ticket.id)),
                            reasons=list(page.reasons), since=page.opened_at)
    return None


def _price(facts: DeskFacts, now: Instant) -> NextAction | None:
    """Only when they have had their time to answer by themselves."""
    ticket, due = facts.now_is.ticket, facts.now_is.deadline(DueKind.HOLD_UNTIL)
    if ticket.price_answer is not PriceAnswer.ASKED or ticket.state not in UNSETTLED or due is None:
        return None
    if due.responsible is Responsible.CUSTOMER and due.at is not None and due.at > now:
        return None
    return _suggest(facts, NextActionKind.RECORD_PRICE, actions.AgreeToPrice(ticket.id), price=str(ticket.price or ""))


def _lapsing(facts: DeskFacts, now: Instant) -> NextAction | None:
    """One call may save a whole round; while several are asked the others may still say yes."""
    pending = [offer for offer in facts.now_is.pending if offer.expires_at > now]
    last = max((offer.expires_at for offer in pending), default=0)
    if not pending or last - now > LAPSES_SOON:
        return None
    first = min(pending, key=lambda offer: (offer.rank, offer.wave, offer.id))
    return _suggest(facts, NextActionKind.RESCUE_OFFER, actions.AssignTo(
        facts.now_is.ticket.id, first.provider_id, "", now, now + 4 * HOUR), provider=first.provider_id,
        expires=last)


def _no_show(facts: DeskFacts, now: Instant) -> NextAction | None:
    for visit in facts.now_is.current_visits:
        if is_missed(visit, now):
            return _suggest(facts, NextActionKind.REPLACE_NO_SHOW, actions.AskAgain(facts.now_is.ticket.id),
                            provider=visit.provider_id, until=visit.window_until)
    return None


def _silent_technician(facts: DeskFacts, now: Instant) -> NextAction | None:
    for visit in facts.now_is.current_visits:
        late = visit.eta if visit.state is VisitState.EN_ROUTE and visit.eta is not None else visit.window_until
        if visit.state is VisitState.ON_SITE:
            continue
        if visit.asks > 0 or late <= now:
            return _suggest(facts, NextActionKind.RING_TECHNICIAN, actions.ReportDelay(visit.id, 30),
                            provider=visit.provider_id, technician=visit.technician, asks=visit.asks,
                            until=visit.window_until)
    return None


def _overrun(facts: DeskFacts, now: Instant) -> NextAction | None:
    for visit in facts.now_is.current_visits:
        if visit.state is VisitState.ON_SITE and visit.asks > 0:
            return _suggest(facts, NextActionKind.RING_WORKER, actions.ReportOverrun(visit.id, 60),
                            provider=visit.provider_id, technician=visit.technician,
                            since=visit.on_site_at or visit.window_from)
    return None


def _in_outage(facts: DeskFacts, now: Instant) -> NextAction | None:
    """A home that is dark with its whole street: who drives there finds nothing to mend."""
    outage, ticket = facts.outage, facts.now_is.ticket
    if outage is None or outage.closed_at is not None or ticket.outage_id is not None:
        return None
    if ticket.state not in NOBODY_COMES:
        return None
    until = max(outage.etr_at or 0, now + HOLD_FOR_OUTAGE)
    return _suggest(facts, NextActionKind.WAIT_FOR_OUTAGE, actions.HoldTicket(ticket.id, HoldReason.OTHER, until,
                    f"Power cut {outage.id}"), outage=outage.id, area=outage.name, until=until)


def _nobody_left(facts: DeskFacts, now: Instant) -> NextAction | None:
    """When the next one opens soon the gateway asks them by itself."""
    ticket, due = facts.now_is.ticket, facts.now_is.deadline(DueKind.ASK_AGAIN)
    if not any(job.state is TicketState.NEW for job in facts.now_is.unfinished):
        return None
    if due is not None and due.responsible is Responsible.GATEWAY and ticket.severity is not Severity.CRITICAL:
        return None
    return _suggest(facts, NextActionKind.FIND_PROVIDER, actions.AskAgain(ticket.id), since=ticket.opened_at,
                    severity=str(ticket.severity))


def _hold_over(facts: DeskFacts, now: Instant) -> NextAction | None:
    for job in facts.now_is.unfinished:
        if job.state is TicketState.ON_HOLD and job.hold_until is not None and job.hold_until <= now + LAPSES_SOON:
            if facts.now_is.ticket.price_answer is PriceAnswer.ASKED:
                continue
            return _suggest(facts, NextActionKind.GO_ON, actions.AskAgain(facts.now_is.ticket.id),
                            waits_for=str(job.hold_reason or HoldReason.OTHER), until=job.hold_until)
    return None


def _answer_overdue(facts: DeskFacts, now: Instant) -> NextAction | None:
    due = facts.now_is.deadline(DueKind.CUSTOMER_ANSWER)
    if due is None or due.at is None or due.at > now + LAPSES_SOON:
        return None
    return _suggest(facts, NextActionKind.ASK_CUSTOMER, actions.KeepVisit(facts.now_is.ticket.id), until=due.at)


def _broken(facts: DeskFacts, now: Instant) -> NextAction | None:
    broken = _newest_broken(facts.promises, now)
    if broken is None:
        return None
    return _ring_them(facts, NextActionKind.ADMIT_BROKEN, promised=str(broken.kind), due=broken.due_at)


def _unreached(facts: DeskFacts, now: Instant) -> NextAction | None:
    for row in facts.undelivered:
        if row.state in (NotificationState.FAILED, NotificationState.UNKNOWN):
            return _ring_them(facts, NextActionKind.RING_UNREACHED, topic=row.topic, at=row.done_at or row.created_at)
    return None


def _promise_ends(facts: DeskFacts, now: Instant) -> NextAction | None:
    """An arrival that the technician is late for is theirs to say: see `_silent_technician`."""
    for promise in sorted(facts.promises, key=lambda one: one.due_at):
        if promise.state is not PromiseState.OPEN or promise.kind is PromiseKind.NEXT_WORD:
            continue
        if promise.due_at - now <= LAPSES_SOON and not _is_there(facts.now_is.visit):
            visit = facts.now_is.visit
            known = {"promised": str(promise.kind), "due": promise.due_at}
            if visit is not None and visit.state in (VisitState.PLANNED, VisitState.EN_ROUTE):
                return _suggest(facts, NextActionKind.CORRECT_PROMISE, actions.ReportDelay(visit.id, 30), **known)
            return _ring_them(facts, NextActionKind.CORRECT_PROMISE, **known)
    return None


def _asked_often(facts: DeskFacts, now: Instant) -> NextAction | None:
    recent = _recent(facts.contacts, now)
    if len(recent) < CONTACTS:
        return None
    return _ring_them(facts, NextActionKind.ANSWER_AGAIN, count=len(recent), since=min(recent))


def _sla(facts: DeskFacts, now: Instant) -> NextAction | None:
    for clock in sorted(facts.clocks, key=lambda one: one.due_at or 0):
        if clock.ended_at is not None or clock.due_at is None or clock.due_at - now > SLA_SOON:
            continue
        known = {"clock": str(clock.kind), "due": clock.due_at}
        if clock.kind is SlaKind.UPDATE:
            return _ring_them(facts, NextActionKind.MEET_SLA, **known)
        if facts.now_is.ticket.state in NOBODY_COMES:
            return _suggest(facts, NextActionKind.MEET_SLA, actions.AskAgain(facts.now_is.ticket.id), **known) \
                if any(job.state is TicketState.NEW for job in facts.now_is.unfinished) \
                else _ring_them(facts, NextActionKind.MEET_SLA, **known)
    return None


def _no_news(facts: DeskFacts, now: Instant) -> NextAction | None:
    ticket = facts.now_is.ticket
    since = max(facts.told_at or 0, ticket.opened_at)
    if ticket.state not in UNSETTLED or now - since < SILENCE[ticket.severity]:
        return None
    return _ring_them(facts, NextActionKind.GIVE_NEWS, since=since)


RULES: tuple[_Rule, ...] = (  # the most pressing first
    _no_show, _price, _lapsing, _silent_technician, _overrun, _in_outage, _nobody_left, _hold_over, _answer_overdue,
    _page, _broken, _unreached, _promise_ends, _asked_often, _sla, _no_news)


def _suggest(facts: DeskFacts, kind: NextActionKind, act: Act, **parameters: Any) -> NextAction:
    return NextAction(kind, parameters, act, Subject(SubjectKind.TICKET, facts.now_is.ticket.id))


def _ring_them(facts: DeskFacts, kind: NextActionKind, **parameters: Any) -> NextAction | None:
    """A callback, unless somebody rings them anyway, or the ticket is a whole area's."""
    ticket = facts.now_is.ticket
    if facts.callback_open or ticket.outage_id is not None:
        return None
    return _suggest(facts, kind, _ring(ticket.site_id), **parameters)


def _ring(site_id: str) -> Act:
    """What it is about is worded at the rim, in the customer's language: they may read it."""
    return actions.OpenCallback(site_id, "")


def _newest_broken(promises: Sequence[Promise], now: Instant) -> Promise | None:
    """One after which they have been promised nothing that was kept."""
    settled = [one for one in promises if one.settled_at is not None
               and one.state in (PromiseState.BROKEN, PromiseState.KEPT)]
    last = max(settled, key=lambda one: (one.settled_at or 0, one.state is PromiseState.BROKEN), default=None)
    if last is None or last.state is not PromiseState.BROKEN or now - (last.settled_at or 0) > TRUST_LOST_FOR:
        return None
    return last


def _recent(contacts: Sequence[Instant], now: Instant) -> list[Instant]:
    return [at for at in contacts if now - CONTACTS_WITHIN < at <= now]


def _is_there(visit: Visit | None) -> bool:
    return visit is not None and visit.state is VisitState.ON_SITE
