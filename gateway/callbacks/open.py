"""Opens a callback of a site, joins the open one, or ends it: the promised time, the message, who is paged at once."""

from typing import Any, NamedTuple

from gateway.calendars.desk_hours import desk_hours
from gateway.calendars.opening_hours import is_open
from gateway.calendars.working_time import promise_after
from gateway.callbacks.lifecycle import WAITING
from gateway.config.settings import Service
from gateway.model import (
    DAY,
    GATEWAY,
    MINUTE,
    Actor,
    Callback,
    CallbackKind,
    CallbackOrigin,
    DueKind,
    Entry,
    EntryKind,
    Instant,
    LinkPurpose,
    PageReason,
    Responsible,
    customer,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import end_due, set_due
from gateway.tickets.new_rows import FOLLOW_FOR, entry, link, notify, show_time
from gateway.tickets.on_call.pages import page_dispatcher
from gateway.tickets.promises import cancel_promises
from gateway.tickets.promises.promised_times import call_by


class Wish(NamedTuple):
    """That somebody at a site is to be rung."""

    kind: CallbackKind
    origin: CallbackOrigin
    urgent: bool = False
    device_id: str | None = None  # the button that was pressed
    press: str = ""  # the kind of the press
    words: str = ""  # what it is about, in a person's words
    ring_from: Instant | None = None  # their slot begins; None: as soon as we can
    by: Instant | None = None  # somebody has rung by then; None: as the settings say
    who: Actor = GATEWAY


def promised_time(wish: Wish, service: Service, now: Instant) -> Instant:
    """By when we promise to call: an urgent one so many minutes from now, any other within so much time of the desk."""
    if wish.by is not None:
        return wish.by
    if wish.ring_from is not None:
        return wish.ring_from + service.callback_slot_minutes * MINUTE
    if wish.urgent:
        return now + service.callback_minutes_urgent * MINUTE
    return promise_after(desk_hours(service), now, service.callback_minutes * MINUTE)


def wish_call(wish: Wish, work: SiteWork, policy: Policy, now: Instant) -> Callback:
    """The site's open callback of that kind, which the wish opens or joins."""
    known = work.callbacks.get(wish.kind)
    if known is None:
        return _open(wish, work, policy, now)
    if known.customer_id != work.customer.id:
        _hand_over(wish, known, work, policy, now)
    _join(wish, known, work, policy, now)
    return known


def promise_call(callback: Callback, by: Instant, work: SiteWork, policy: Policy, now: Instant, **corrects: Any
                 ) -> None:
    """Row, deadline and promise name the same time; whom we ring of our own accord is promised nothing."""
    callback.promised_by = by
    set_due(callback, DueKind.CALL_BY, by, Responsible.DISPATCHER, work, policy)
    if callback.kind is not CallbackKind.CHECK:
        show_time(call_by(callback), work, policy, now, **corrects)


def end_call(callback: Callback, work: SiteWork, now: Instant) -> None:
    """It is over: nothing of it is waited for, and its page stays for a day."""
    work.callbacks.pop(callback.kind, None)
    end_due(callback, work)
    cancel_promises(work.promises.get(callback.id, []), now)
    if callback.id in work.follow:
        work.follow[callback.id].expires_at = now + DAY


def call_facts(callback: Callback, work: SiteWork) -> dict[str, Any]:
    """What every message about a promised call keeps."""
    times = {} if callback.ring_from is None else {"ring_from": callback.ring_from}
    return {"callback_by": callback.promised_by, "site": work.site.address} | times


def _open(wish: Wish, work: SiteWork, policy: Policy, now: Instant) -> Callback:
    callback = Callback(
        id=policy.new_id("C"), site_id=work.site.id, customer_id=work.customer.id, kind=wish.kind, origin=wish.origin,
        device_id=wish.device_id, wish=wish.words, urgent=wish.urgent, presses=int(bool(wish.press)),
        requested_at=now, ring_from=wish.ring_from, promised_by=promised_time(wish, policy.service, now))
    work.callbacks[wish.kind] = callback
    work.follow[callback.id] = follow = link(policy, LinkPurpose.FOLLOW, callback, now, now + FOLLOW_FOR)
    work.draft.add(callback, follow, _wish_entry(callback, wish, now))
    promise_call(callback, callback.promised_by, work, policy, now)  # a device shows it at once
    if wish.kind is not CallbackKind.CHECK:
        _confirm(callback, 1, work, policy, now)
    _page_at_night(callback, work, policy, now)
    return callback


def _join(wish: Wish, callback: Callback, work: SiteWork, policy: Policy, now: Instant) -> None:
    became = None
    callback.presses += bool(wish.press)
    callback.device_id = wish.device_id or callback.device_id
    sooner = wish.urgent and not callback.urgent
    if sooner:
        became, callback.urgent = "urgent", True
    if (sooner or wish.ring_from is not None) and callback.state in WAITING:  # else somebody is speaking with them
        by = promised_time(wish, policy.service, now)
        callback.ring_from = wish.ring_from
        if wish.ring_from is not None or callback.promised_by <= now or by < callback.promised_by:
            promise_call(callback, by, work, policy, now)
        _confirm(callback, "urgent" if sooner else f"slot-{now}-{wish.ring_from}", work, policy, now)
        _page_at_night(callback, work, policy, now)
    elif wish.by is not None and wish.by < callback.promised_by and callback.state in WAITING:
        promise_call(callback, wish.by, work, policy, now)
    work.draft.add(
        entry(callback, now, EntryKind.PRESSED_AGAIN, who=wish.who, press=wish.press, became=became) if wish.press
        else entry(callback, now, EntryKind.CALL_WISHED_AGAIN, who=wish.who, wish=wish.words, ring_from=wish.ring_from))


def _hand_over(wish: Wish, callback: Callback, work: SiteWork, policy: Policy, now: Instant) -> None:
    """A call for help of those who lived there before is still open: whoever lives there now is rung from now on, and
    hears of it as for the first time."""
    callback.customer_id = work.customer.id
    work.follow[callback.id] = follow = link(policy, LinkPurpose.FOLLOW, callback, now, now + FOLLOW_FOR)
    work.draft.add(follow, entry(callback, now, EntryKind.HOUSEHOLD_MOVED_IN, who=wish.who))
    if callback.state in WAITING:
        promise_call(callback, promised_time(wish, policy.service, now), work, policy, now)
    _confirm(callback, f"moved-in-{work.site.household_since}", work, policy, now)


def _wish_entry(callback: Callback, wish: Wish, now: Instant) -> Entry:
    if wish.press:
        return entry(callback, now, EntryKind.PRESSED, press=wish.press, who=wish.who)
    return entry(callback, now, EntryKind.CALL_REQUESTED, who=wish.who, origin=wish.origin, wish=wish.words,
                 ring_from=wish.ring_from)


def _confirm(callback: Callback, occurrence: str | int, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Somebody asked a moment ago and waits for this answer: no quiet hours."""
    work.draft.add(notify(policy, customer(work.customer.id), TopicName.CALLBACK_SCHEDULED, callback, occurrence, now,
                          facts=call_facts(callback, work), link_id=work.follow_id(callback.id), heard_at=now))


def _page_at_night(callback: Callback, work: SiteWork, policy: Policy, now: Instant) -> None:
    """An urgent call is not seen by anybody while the desk is empty; of a call for help others are told at any hour."""
    desk = desk_hours(policy.service)
    if callback.urgent and not callback.emergency and desk is not None and not is_open(desk, now):
        page_dispatcher(work.draft, policy, callback, PageReason.CALL_URGENT, now, urgent=True,
                        facts=call_facts(callback, work), heard_at=now)
