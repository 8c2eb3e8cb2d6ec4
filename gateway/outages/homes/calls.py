"""Calls that were promised to homes of an outage: linked when it is suspected, answered when it is confirmed."""

from gateway.callbacks.open import end_call
from gateway.callbacks.presses.answers import answer_call, form_for, link_call, outage_answer, unlink_call
from gateway.model import (
    MINUTE,
    Callback,
    CallbackKind,
    CallbackOrigin,
    CallbackState,
    Outage,
    OutageMember,
    OutageState,
)
from gateway.outages.changes import OutageChanges
from gateway.outages.context import CUSTOMER_KINDS
from gateway.outages.homes.devices import dark_since, has_working_button, power_of
from gateway.outages.lifecycle import DECIDING
from gateway.tickets.context import SiteWork

BEFORE = 10 * MINUTE  # somebody may press so long before the first home is gone: the light flickers


def link_calls(changes: OutageChanges) -> None:
    """Calls that somebody there has pressed for since just before it began may be about the outage."""
    outages = [one for one in changes.context.outages.values() if one.state in DECIDING and one.kind in CUSTOMER_KINDS]
    for work, callback in _waiting(changes):
        outage = next((one for one in outages if one.area_id in work.area_ids
                       and callback.requested_at >= one.began_at - BEFORE), None)
        if outage is not None and callback.outage_id is None:
            link_call(callback, outage, work, changes.now)
            if outage.state is OutageState.CONFIRMED:
                _answer(changes, outage, callback, work)


def answer_calls(changes: OutageChanges, outage: Outage) -> None:
    """It is confirmed: nobody need ring whoever has asked for nothing else."""
    for work, callback in _waiting(changes):
        if callback.outage_id == outage.id:
            _answer(changes, outage, callback, work)


def unlink_calls(changes: OutageChanges, outage: Outage) -> None:
    """It was none: nothing is lost, they are called as promised."""
    for work, callback in _waiting(changes):
        if callback.outage_id == outage.id:
            unlink_call(callback, work, changes.now)


def move_calls(changes: OutageChanges, outage: Outage, other: Outage) -> None:
    """`other` was a part of `outage` all along."""
    for work, callback in _waiting(changes):
        if callback.outage_id == other.id:
            link_call(callback, outage, work, changes.now)
            if outage.state is OutageState.CONFIRMED:
                _answer(changes, outage, callback, work)
    for callback in changes.context.answered.get(other.id, []):
        callback.outage_id = outage.id


def _waiting(changes: OutageChanges) -> list[tuple[SiteWork, Callback]]:
    works = [changes.context.sites[site] for site in sorted(changes.context.callers)]
    return [(work, work.callbacks[CallbackKind.ORDINARY]) for work in works if CallbackKind.ORDINARY in work.callbacks]


def _answer(changes: OutageChanges, outage: Outage, callback: Callback, work: SiteWork) -> None:
    """Not an urgent one, one at an agreed time, or one that an agent has taken: those are called, by somebody who sees
    the outage."""
    if (callback.state is not CallbackState.REQUESTED or callback.urgent or callback.ring_from is not None
            or callback.origin is not CallbackOrigin.PRESS):
        return
    context, policy, now = changes.context, changes.policy, changes.now
    member: OutageMember | None = context.members.get(outage.id, {}).get(work.site.id)
    devices = context.callers[work.site.id]
    form = form_for(outage, member, power_of(devices, policy.profiles, outage.began_at, callback.device_id))
    if form is None:
        return
    answer_call(callback, outage, work, now)
    end_call(callback, work, now)
    notified = context.notified.setdefault(outage.id, {})
    page = changes.page_link(notified.get(work.customer.id), outage, work.site.id)
    row = outage_answer(outage, form, callback, work.site, policy, now, page, promised=True,
                      can_press=has_working_button(devices, policy.profiles, dark_since(member)))
    notified.setdefault(work.customer.id, row)
    context.draft.add(row)
