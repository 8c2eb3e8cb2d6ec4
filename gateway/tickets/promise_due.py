"""Plans what follows when a promise is about to lapse, or has lapsed: we say so before the customer has to ask."""

from gateway.callbacks.handle import plan_overdue
from gateway.model import Entry, EntryKind, Instant, OfferState, Promise, PromiseKind, PromiseState, Ticket
from gateway.notifications.topics import TopicName
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.lifecycle import NOBODY_COMES, OPEN
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.promises import break_promises, cancel_promises, lapses_at
from gateway.tickets.visits.steps import visit_facts


def plan_promise_due(promise: Promise, context: PlanningContext | None, policy: Policy, now: Instant) -> None:
    """`context`: of its ticket or callback; None when that is over, or it is about a whole area."""
    if promise.state is not PromiseState.OPEN or promise.watch_at > now:
        return
    lapsed = now >= lapses_at(promise.kind, promise.due_at)
    callback = context.callback if context is not None else None
    if promise.kind is PromiseKind.CALLBACK_BY and callback is not None and callback.id == promise.subject_id:
        assert context is not None
        plan_overdue(callback, promise, context, policy, now)
        return
    ticket = _ticket(promise, context)
    if promise.kind is PromiseKind.NEXT_WORD and context is not None and ticket is not None:
        _next_word(promise, lapsed, ticket, context, policy, now)
    elif promise.kind is PromiseKind.NEXT_WORD:
        cancel_promises([promise], now)  # it is over, and nobody waits for a word
    elif lapsed:
        break_promises([promise], now)
        if context is not None:
            context.draft.add(_missed(promise, now))


def _next_word(promise: Promise, lapsed: bool, ticket: Ticket, context: PlanningContext, policy: Policy, now: Instant
               ) -> None:
    """They hear what is true before the time has passed; when that could not be, as soon as it can."""
    written = promise.watch_at == promise.due_at  # the last time that the clock looked; it waits, or is under way
    promise.watch_at = promise.due_at
    if lapsed:
        break_promises([promise], now)
        context.draft.add(_missed(promise, now))
    if ticket.state not in NOBODY_COMES or written:
        return  # who comes and when is on its way to them
    offers = [offer for offer in context.offers.get(ticket.id, []) if offer.round == ticket.round]
    context.draft.add(notify(
        policy, promise.recipient, TopicName.STILL_LOOKING, ticket, promise.id, now,
        link_id=context.follow_id(ticket.id),
        facts=visit_facts(ticket, context) | {
            "asked": len({offer.provider_id for offer in offers}), "opens_at": ticket.next_at,
            "open_offers": sum(offer.state is OfferState.PENDING for offer in offers), "word_by": promise.due_at}))


def _ticket(promise: Promise, context: PlanningContext | None) -> Ticket | None:
    known = context.tickets.values() if context is not None else ()
    return next((ticket for ticket in known if ticket.id == promise.subject_id and ticket.state in OPEN), None)


def _missed(promise: Promise, now: Instant) -> Entry:
    return entry(promise.subject, now, EntryKind.PROMISE_BROKEN, promised=promise.kind, due=promise.due_at)
