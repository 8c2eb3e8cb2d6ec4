"""Plans what follows when a promise is about to lapse, or has lapsed: we say so before the customer has to ask."""

from gateway.model import DueKind, EntryKind, Instant, Promise, PromiseKind, PromiseState, Ticket, TicketState
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.facts import ticket_facts
from gateway.tickets.lifecycle import OPEN, UNASSIGNED
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.promises.ledger import break_promises, cancel_promises, lapses_at


def plan_promise_due(promise: Promise, work: SiteWork | None, policy: Policy, now: Instant) -> None:
    """`work`: of its site; None: it is about a whole area."""
    if promise.state is not PromiseState.OPEN or promise.watch_at > now:
        return  # something earlier in this plan has moved or ended it
    ticket = work.tickets.get(promise.subject_id) if work is not None else None
    if promise.kind is PromiseKind.NEXT_WORD and work is not None and ticket is not None and ticket.state in OPEN:
        _next_word(promise, ticket, work, policy, now)
    elif promise.kind is PromiseKind.NEXT_WORD:
        cancel_promises([promise], now)  # it is over, and nobody waits for a word
    else:
        break_promises([promise], now)  # gateway/tickets/visits/overdue.py says it, callbacks/overdue.py, or the outage


def _next_word(promise: Promise, ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> None:
    """They hear what is true before the time has passed; when that could not be, as soon as it can."""
    lapses = lapses_at(promise.kind, promise.due_at)
    written = promise.watch_at == lapses  # when the clock looked last; it waits, or is under way
    promise.watch_at = lapses
    if now >= lapses:
        break_promises([promise], now)
        if promise.state is PromiseState.BROKEN:  # not when nobody was told
            work.draft.add(entry(ticket, now, EntryKind.PROMISE_BROKEN, promised=promise.kind, due=promise.due_at))
    if written:
        return
    if ticket.state not in UNASSIGNED or _goes_on_before(lapses, ticket, work):
        promise.watch_at = lapses + 1  # what they hear then is written by whoever moves it on; it is looked at again
        return
    work.draft.add(notify(policy, promise.recipient, TopicName.STILL_LOOKING, ticket, promise.id, now,
                          link_id=work.follow_id(ticket.id),
                          facts=ticket_facts(ticket, work, policy) | _search(ticket, work) | {
                              "word_by": promise.due_at}))


def _goes_on_before(lapses: Instant, ticket: Ticket, work: SiteWork) -> bool:
    """Whether what it waits for ends in time: they hear then how it goes on."""
    return ticket.state is TicketState.ON_HOLD and any(
        job.hold_until is not None and job.hold_until < lapses for job in work.jobs_of(ticket))


def _search(ticket: Ticket, work: SiteWork) -> dict[str, int | None]:
    """How far the search for a provider has come, of the job that is least advanced."""
    jobs = [job for job in work.jobs_of(ticket) if job.state is ticket.state]
    offers = [offer for job in jobs for offer in work.offers.get(job.id, []) if offer.round == job.round]
    asks = [due.at for (kind, subject_id), due in work.due.items()
            if kind is DueKind.ASK_AGAIN and due.at is not None and subject_id in {job.id for job in jobs}]
    holds = [job.hold_until for job in jobs if job.hold_until is not None]
    return {"asked": len({offer.provider_id for offer in offers}),
            "open_offers": sum(offer.closed_at is None for offer in offers),
            "opens_at": min(asks, default=None), "held_until": min(holds, default=None)}


