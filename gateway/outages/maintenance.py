"""Plans maintenance windows: announced in advance, expected while they last, an outage when power stays off."""

from collections.abc import Iterable

from gateway.model import HOUR, MINUTE, Actor, EntryKind, Instant, MaintenanceWindow, customer
from gateway.model.plan import Draft, Plan
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy
from gateway.tickets.new_rows import entry, notify

AHEAD = 48 * HOUR  # how long before it begins people are told
RECONNECT_TIME = 5 * MINUTE  # after its end homes may take so long to be heard; then the watch looks who is not
BACK_AFTER = 10 * MINUTE  # and then each silent device speaks for itself


def plan_maintenance(window: MaintenanceWindow, who: Actor, now: Instant) -> Plan:
    """A new one: it is announced two days ahead, or at once."""
    window.next_at = max(now, window.from_at - AHEAD)
    window.created_at, window.created_by = now, str(who)
    return Plan([window, entry(window, now, EntryKind.MAINTENANCE_PLANNED, who=who)])


def plan_maintenance_due(window: MaintenanceWindow, area: str, customers: Iterable[str], draft: Draft, policy: Policy,
                         now: Instant) -> bool:
    """Returns whether the watch shall look again at the homes that went dark in it."""
    if window.announced_at is None and now < window.until_at:
        facts = {"area": area, "window_from": window.from_at, "window_until": window.until_at, "cause": window.words}
        notified = [notify(policy, customer(one), TopicName.MAINTENANCE, window, 1, now,
                           facts=facts) for one in customers]
        window.announced_at, window.next_at = now, window.until_at + RECONNECT_TIME
        draft.add(*notified, entry(window, now, EntryKind.MAINTENANCE_ANNOUNCED, customers=len(notified)))
        return False
    if now < window.until_at + BACK_AFTER:
        window.next_at = window.until_at + BACK_AFTER
        draft.add(entry(window, now, EntryKind.MAINTENANCE_OVER))
    else:
        window.next_at = None
    return True


def lost_outside_maintenance(windows: Iterable[MaintenanceWindow], area_ids: frozenset[str], lost_at: Instant,
                             now: Instant) -> Instant | None:
    """When a home of these areas counts as lost; None: not now, because planned work explains it.

    A home that lost power during a window counts as lost at its end, once RECONNECT_TIME has passed since.
    """
    for window in windows:
        if window.area_id in area_ids and window.from_at <= lost_at <= window.until_at:
            return window.until_at if now >= window.until_at + RECONNECT_TIME else None
    return lost_at
