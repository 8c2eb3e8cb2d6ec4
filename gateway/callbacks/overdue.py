"""Plans what follows when the time of a callback has passed: nobody has called, or whoever took it says nothing."""

from gateway.calendars.desk_hours import desk_hours
from gateway.calendars.working_time import promise_after
from gateway.callbacks.lifecycle import IN_HAND, WAITING, Action, move
from gateway.callbacks.open import call_facts, promise_call
from gateway.config.settings import Service
from gateway.model import (
    DAY,
    MINUTE,
    Callback,
    CallbackKind,
    Due,
    DueKind,
    EntryKind,
    Instant,
    PageReason,
    PromiseKind,
    customer,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.on_call.pages import page_dispatcher
from gateway.tickets.promises import break_promises
from gateway.tickets.promises.ledger import of_kind


def plan_call_due(due: Due, work: SiteWork, policy: Policy, now: Instant) -> None:
    """A deadline of an open callback has passed."""
    callback = next((one for one in work.callbacks.values() if one.id == due.subject_id), None)
    if callback is None:
        return
    if due.kind is DueKind.CLAIM_ENDS and callback.state in IN_HAND:
        work.draft.add(entry(callback, now, EntryKind.CALLBACK_RELEASED, agent=callback.agent or ""))
        move(callback, Action.RELEASE, now)
    elif due.kind is DueKind.CALL_BY and callback.state in WAITING:
        _overdue(callback, work, policy, now)


def _overdue(callback: Callback, work: SiteWork, policy: Policy, now: Instant) -> None:
    """The promised time has passed, and nobody has called: whoever is on call is asked to ring now, and the customer is
    told before they have to ask, with a time that is later each time that we miss it."""
    missed = next(iter(of_kind(work.promises.get(callback.id, []), PromiseKind.CALLBACK_BY)), None)
    break_promises([] if missed is None else [missed], now)
    overdue_by = callback.promised_by
    callback.ring_from = None
    by = _next_time(callback, policy.service, now)
    callback.overdue_told_at = now
    promise_call(callback, by, work, policy, now, corrects=missed)
    facts = {**call_facts(callback, work), "missed_by": overdue_by}
    work.draft.add(entry(callback, now, EntryKind.CALLBACK_OVERDUE))
    if callback.kind is not CallbackKind.CHECK:
        work.draft.add(notify(policy, customer(callback.customer_id), TopicName.CALLBACK_LATE, callback, overdue_by,
                              now, facts=facts, link_id=work.follow_id(callback.id)))
    page_dispatcher(work.draft, policy, callback, PageReason.CALL_OVERDUE, now, urgent=callback.emergency, facts=facts)


def _next_time(callback: Callback, service: Service, now: Instant) -> Instant:
    """As soon as an urgent call, then three times as long as they have waited already, at most a day: nobody is told
    every quarter of an hour, all night long, that we have not called. Who cannot wait is not put off until Monday."""
    wait = service.callback_minutes_urgent * MINUTE
    if callback.overdue_told_at is not None:
        wait = min(max(3 * (now - callback.requested_at), wait), DAY)
    return promise_after(None if callback.urgent else desk_hours(service), now, wait)
