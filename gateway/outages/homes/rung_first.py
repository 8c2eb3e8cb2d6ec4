"""Homes that somebody rings first: they depend on power, or their emergency button is as dead as the home."""

from collections.abc import Iterable
from typing import Any

from gateway.calendars.desk_hours import desk_hours
from gateway.calendars.opening_hours import is_open
from gateway.callbacks.lifecycle import Action, move
from gateway.callbacks.open import Wish, end_call, wish_call
from gateway.model import (
    MINUTE,
    Callback,
    CallbackKind,
    CallbackOrigin,
    CallbackState,
    EntryKind,
    Instant,
    Need,
    Outage,
    OutageMember,
    PageReason,
    Person,
    Reason,
    ReasonKind,
    person,
)
from gateway.notifications.topics import TopicName
from gateway.outages.changes import OutageChanges
from gateway.outages.context import NeedyHome
from gateway.outages.homes.devices import emergency_button_is_dead, is_rung_first
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.households.needs import needs_first
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.on_call.pages import page_dispatcher

PAGED_AGAIN = 10 * MINUTE  # whoever was paged about an outage sees in the queue what joins it meanwhile
LISTED = 20  # homes that one page names


def ring_first(changes: OutageChanges, outage: Outage, members: Iterable[OutageMember]) -> None:
    """The desk rings these homes before others; outside its hours whoever is on call is paged, once for all of them.
    Their helpers hear that the button is dead."""
    dark = [(member, changes.context.needy[member.site_id]) for member in members
            if member.back_at is None and member.site_id in changes.context.needy]
    found = [(member, home) for member, home in dark
             if is_rung_first(home.needs, home.devices, changes.policy.profiles, member.died_at)]
    found.sort(key=lambda one: (_rank(one[1], changes.policy), one[0].died_at, one[0].site_id))
    calls = [_ring(changes, outage, member, home) for member, home in found]
    if calls:
        changes.add_entry(outage, EntryKind.OUTAGE_RUNG_FIRST, homes=len(calls))
        _page(changes, outage, calls, [home for _, home in found])


def look_at_returned(changes: OutageChanges) -> None:
    """Of homes that somebody was to be rung at, whatever has changed there: what works again needs no call, and whoever
    was told that a button is dead hears that it works."""
    for site_id, home in sorted(changes.context.needy.items()):
        check, work = home.check, changes.context.sites[site_id]
        if check is None or any(site_id in homes and homes[site_id].dark for homes in changes.context.members.values()):
            continue
        if emergency_button_is_dead(home.needs, home.devices, changes.policy.profiles, None):
            continue
        if home.told_dead and not home.told_works:
            changes.context.draft.add(*(_tell(changes.policy, TopicName.BUTTON_WORKS, who, check, home, work,
                                              changes.now) for who in home.helpers))
        call = work.callbacks.get(CallbackKind.CHECK)
        if (call is not None and call.id == check.id and call.state is CallbackState.REQUESTED
                and changes.context.proofs.get(site_id) == "live"):
            move(call, Action.CANCEL, changes.now)
            changes.context.draft.add(entry(call, changes.now, EntryKind.CANCELLED,
                                            reason=Reason(ReasonKind.HOME_BACK)))
            end_call(call, work, changes.now)


def _rank(home: NeedyHome, policy: Policy) -> int:
    return needs_first(home.needs, any(
        one.profile in policy.profiles and policy.profiles[one.profile].emergency for one in home.devices))


def _ring(changes: OutageChanges, outage: Outage, member: OutageMember, home: NeedyHome) -> Callback:
    work, policy, now = changes.context.sites[member.site_id], changes.policy, changes.now
    by = now + policy.service.callback_minutes_urgent * MINUTE
    callback = wish_call(Wish(CallbackKind.CHECK, CallbackOrigin.OUTAGE, by=by), work, policy, now)
    callback.outage_id = callback.outage_id or outage.id
    told = home.told_dead and home.check is not None and home.check.id == callback.id
    if emergency_button_is_dead(home.needs, home.devices, policy.profiles, member.died_at) and not told:
        changes.context.draft.add(*(_tell(policy, TopicName.BUTTON_DEAD, who, callback, home, work, now)
                                    for who in home.helpers))
    return callback


def _tell(policy: Policy, topic: TopicName, who: Person, callback: Callback, home: NeedyHome, work: SiteWork,
          now: Instant) -> Any:
    facts = {"site": work.site.address or work.site.name, "household": work.customer.name, "ring": home.telephone,
             "reader": who.name, "reader_locale": who.locale or work.customer.locale,
             "reader_zone": work.customer.timezone}
    return notify(policy, person(who.id), topic, callback, 1, now, facts=facts, heard_at=now)


def _page(changes: OutageChanges, outage: Outage, calls: list[Callback], homes: list[NeedyHome]) -> None:
    desk, now = desk_hours(changes.policy.service), changes.now
    paged_at = outage.evidence.get("paged_at")
    if desk is None or is_open(desk, now) or (paged_at is not None and now - paged_at < PAGED_AGAIN):
        return
    outage.evidence = outage.evidence | {"paged_at": now}
    listed = []
    for call, home in list(zip(calls, homes, strict=True))[:LISTED]:
        work = changes.context.sites[call.site_id]
        listed.append({"name": work.customer.name, "place": work.site.address or work.site.name,
                       "telephone": home.telephone, "power": Need.POWER_DEPENDENT in home.needs})
    page_dispatcher(changes.context.draft, changes.policy, calls[0], PageReason.RING_HOMES, now, urgent=True,
                    facts={"area": outage.name, "to_ring": listed, "homes": len(calls), "callback_by":
                           calls[0].promised_by}, heard_at=now)
