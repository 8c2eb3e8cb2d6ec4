"""Moves area outages through suspected, confirmed, restoring, restored and closed. Pure."""

from collections.abc import Mapping, Sequence

from gateway.model import (
    GATEWAY,
    MINUTE,
    SECOND,
    EntryKind,
    Instant,
    MemberState,
    Outage,
    OutageKind,
    OutageState,
    Reason,
    ReasonKind,
    customer,
)
from gateway.model.plan import Plan
from gateway.notifications.topics import TopicName
from gateway.outages import Candidate, DarkSite, Limits, Verdict, estimate_restoration
from gateway.outages.changes import RESTORED_AFTER, OutageChanges
from gateway.outages.context import CUSTOMER_KINDS, OutageContext
from gateway.outages.homes.calls import answer_calls, link_calls, move_calls, unlink_calls
from gateway.outages.homes.devices import Power, has_working_button, power_of
from gateway.outages.homes.rung_first import look_at_returned
from gateway.outages.homes.still_out import open_by_word
from gateway.outages.lifecycle import DECIDING, Action, MemberAction, move, move_member
from gateway.outages.restoration_estimate import LEAD
from gateway.outages.ticket import (
    cancel_ticket,
    open_ticket,
    reopen_ticket,
    resolve_ticket,
    update_cause,
    update_estimate,
)
from gateway.tickets.context import Policy, Surroundings
from gateway.tickets.new_rows import notify
from gateway.tickets.promises import cancel_promises
from gateway.tickets.sla.follow import complete

UNSURE = 10 * MINUTE  # how long a suspicion may wait for proof that we still hear anybody
RETRY_AFTER = 5 * SECOND
RECOVERS = 2 * MINUTE  # a fleet is back on its broker by then (devices wait up to a minute or so before they try again)


def plan_watch(verdicts: Sequence[Verdict], joining: Mapping[str, Sequence[DarkSite]], context: OutageContext,
               limits: Limits, policy: Policy, now: Instant) -> Plan:
    """Everything that follows from one run of the watch, as one plan.

    `verdicts`: new and growing outages; `joining`: outage id → homes that join it.
    """
    changes = OutageChanges(context, policy, limits, now)
    loaded = list(context.outages.values())  # what it takes to decide on a new one is loaded for the next run
    _record_returns(changes)
    look_at_returned(changes)
    for verdict in verdicts:
        _apply_verdict(changes, verdict)
    for outage_id, homes in joining.items():
        outage = context.outages.get(outage_id)
        if outage is not None and outage.state in DECIDING:
            _add_dark_homes(changes, outage, homes)
    link_calls(changes)
    for outage in loaded:
        if outage.next_at is not None and outage.next_at <= now and outage.closed_at is None:
            _handle_deadline(changes, outage)
    return complete(context.draft, policy, now, first=context.needy_customers)


def _record_returns(changes: OutageChanges) -> None:
    """Homes that prove by themselves that they are back, and homes that can no longer say."""
    for outage in list(changes.context.outages.values()):
        back = 0
        for site, member in changes.context.members.get(outage.id, {}).items():
            proof = changes.context.proofs.get(site, "dark")
            if member.back_at is not None or proof == "dark":
                continue
            counted = member.state is MemberState.AFFECTED
            if counted and member.by_word:
                continue  # what speaks there now spoke when they said so
            move_member(member, MemberAction.RETURN if proof == "live" else MemberAction.LEAVE, changes.now)
            back += counted
            if proof == "live" and counted:  # a nested one has a ticket, which says it
                _notify_restored(changes, outage, member.customer_id)
        if outage.closed_at is None and back:
            outage.dark -= back
            _update_progress(changes, outage)


def _notify_restored(changes: OutageChanges, outage: Outage, customer_id: str) -> None:
    if outage.confirmed_at is None or outage.kind not in CUSTOMER_KINDS:
        return
    recipient = customer_id
    said = changes.context.notified.setdefault(f"over/{outage.id}", {})
    if recipient not in said:
        back = notify(changes.policy, customer(customer_id), TopicName.OUTAGE_OVER, outage, changes.now, changes.now,
                      facts={"area": outage.name})
        # it may be back only for a moment, or another home of theirs be dark still
        back.due_at = changes.now + RESTORED_AFTER
        said[recipient] = back
        changes.context.draft.add(back)


def _notify_unproven(changes: OutageChanges, outage: Outage) -> None:
    """Whoever was told of it, and has no home that can prove that it is over, hears that it is over around them."""
    profiles = changes.policy.profiles
    for customer_id, (_, devices) in sorted(changes.context.unproven.get(outage.id, {}).items()):
        seen = power_of(devices, profiles, outage.began_at) is Power.ON
        over = notify(changes.policy, customer(customer_id), TopicName.OUTAGE_OVER, outage, changes.now, changes.now,
                      facts={"area": outage.name, "near": True, "seen": seen,
                             "can_press": has_working_button(devices, profiles, None)})
        over.due_at = changes.now + RESTORED_AFTER
        changes.context.draft.add(over)


def _update_progress(changes: OutageChanges, outage: Outage) -> None:
    """Fewer are dark: half of them back is restoring, all of them restored."""
    if outage.state is OutageState.SUSPECTED:
        return  # the wait decides
    if outage.dark == 0:
        _restore(changes, outage)
    elif outage.state is OutageState.RESTORING or outage.dark * 2 <= outage.homes:
        if outage.state is not OutageState.RESTORING:
            move(outage, Action.BEGIN_RESTORING, changes.now)
            changes.add_entry(outage, EntryKind.OUTAGE_RESTORING, back=outage.homes - outage.dark, homes=outage.homes)
        outage.next_at = changes.now + changes.policy.service.nested_minutes * MINUTE  # counted from the last one back


def _apply_verdict(changes: OutageChanges, verdict: Verdict) -> None:
    candidate = verdict.candidate
    outage = changes.context.outages.get(verdict.outage_id or "")
    ends = [changes.context.outages[one] for one in verdict.ends if one in changes.context.outages]
    for larger in ends:
        if larger.closed_at is None:
            _dismiss(changes, larger, Reason(ReasonKind.SMALLER_AREA,
                                             {"area": candidate.area.name if candidate.area else ""}))
    if outage is None or outage.closed_at is not None:
        outage = changes.open(candidate)
        for larger in ends:  # nobody waits longer because we thought of too large an area first
            outage.next_at = min(outage.next_at or changes.now, larger.suspected_at + changes.limits.wait)
        changes.add_homes(outage, candidate.homes)
        changes.add_entry(outage, EntryKind.OUTAGE_SUSPECTED, candidate.evidence(), dark=candidate.k,
                          homes=candidate.n, area=outage.name)
        return
    if outage.state is OutageState.SUSPECTED:
        outage.evidence = candidate.evidence()
    absorbed = [changes.context.outages[one] for one in verdict.absorbs if one in changes.context.outages]
    for other in absorbed:
        _absorb(changes, outage, other)
    if candidate.key != outage.key:
        _change_area(changes, outage, candidate)
    _add_dark_homes(changes, outage, [home for home in candidate.homes if home.outage_id != outage.id])


def _change_area(changes: OutageChanges, outage: Outage, candidate: Candidate) -> None:
    area = candidate.area
    where = (area.name or area.id) if area is not None else ""
    changes.add_entry(outage, EntryKind.OUTAGE_MOVED, candidate.evidence(), before=outage.name, area=where)
    outage.key, outage.area_id, outage.size = candidate.key, area.id if area else None, max(candidate.n, outage.size)
    outage.name, outage.kind = (where, OutageKind(area.kind)) if area is not None else ("", OutageKind.GATEWAY)
    outage.evidence = outage.evidence | candidate.evidence()
    update_cause(changes, outage)


def _absorb(changes: OutageChanges, outage: Outage, other: Outage) -> None:
    """`other` was a part of `outage` all along: its homes, its ticket and what was said of it go over."""
    homes = []
    for member in changes.context.members.get(other.id, {}).values():
        if member.back_at is None:
            move_member(member, MemberAction.LEAVE, changes.now)
            homes.append(DarkSite(member.site_id, member.died_at, frozenset()))
    notified = changes.context.notified.setdefault(outage.id, {})
    for recipient, row in changes.context.notified.get(other.id, {}).items():
        if recipient not in notified:
            notified[recipient] = row
            row.subject_id = outage.id
    joined = changes.add_homes(outage, homes)
    if joined and outage.state is OutageState.CONFIRMED and outage.kind in CUSTOMER_KINDS:
        # `other` may only have been suspected: nobody was told
        outage.untold = True
    if other.ticket_id is not None:
        cancel_ticket(changes, other, Reason(ReasonKind.PART_OF_OUTAGE, {"outage": outage.id}))
    cancel_promises(changes.context.promises.get(other.id, []), changes.now)
    move_calls(changes, outage, other)
    changes.add_entry(other, EntryKind.OUTAGE_ABSORBED, larger=outage.id)
    move(other, Action.DISMISS, changes.now)
    other.evidence = other.evidence | {"absorbed_by": outage.id}


def _add_dark_homes(changes: OutageChanges, outage: Outage, homes: Sequence[DarkSite]) -> None:
    joined = changes.add_homes(outage, homes)
    if not joined:
        return
    if outage.state in (OutageState.RESTORING, OutageState.RESTORED):
        move(outage, Action.RELAPSE, changes.now)
        changes.add_entry(outage, EntryKind.OUTAGE_DARK_AGAIN, homes=len(joined))
        if outage.kind in CUSTOMER_KINDS and outage.ticket_id is not None:
            reopen_ticket(changes, outage)
    elif outage.state is OutageState.CONFIRMED:
        changes.add_entry(outage, EntryKind.OUTAGE_GREW, more=len(joined), dark=outage.dark)
    if outage.state is OutageState.CONFIRMED and outage.kind in CUSTOMER_KINDS:
        outage.untold = True


def _handle_deadline(changes: OutageChanges, outage: Outage) -> None:
    """The time that it was given is over."""
    if outage.state is OutageState.SUSPECTED:
        _decide(changes, outage)
    elif outage.state is OutageState.CONFIRMED:
        _extend_estimate(changes, outage)
    elif outage.state is OutageState.RESTORING:
        _split_remaining(changes, outage)
    elif outage.state is OutageState.RESTORED:
        move(outage, Action.CLOSE, changes.now)
        changes.add_entry(outage, EntryKind.OUTAGE_CLOSED)


def _decide(changes: OutageChanges, outage: Outage) -> None:
    """After the wait: is it still there, and is it not us who hear nobody?"""
    if outage.dark < changes.limits.fewest or outage.dark * 2 < outage.homes:
        _dismiss(changes, outage, Reason(ReasonKind.BACK_ALREADY, {
            "back": outage.homes - outage.dark, "homes": outage.homes}))
        return
    doubt = _gateway_may_be_cause(changes, outage)
    if doubt is None:
        _confirm(changes, outage)
        return
    if "doubt" not in outage.evidence:
        changes.add_entry(outage, EntryKind.OUTAGE_WAITS, reason=doubt)
        outage.evidence = outage.evidence | {"doubt": doubt.stored()}
    outage.next_at = changes.now + RETRY_AFTER


def _dismiss(changes: OutageChanges, outage: Outage, why: Reason) -> None:
    changes.add_entry(outage, EntryKind.OUTAGE_DISMISSED, reason=why)
    members = changes.context.members.get(outage.id, {})
    changes.release(outage, members, nested=False)
    unlink_calls(changes, outage)
    for member in members.values():
        if member.back_at is None:
            move_member(member, MemberAction.LEAVE, changes.now)
    cancel_promises(changes.context.promises.get(outage.id, []), changes.now)
    move(outage, Action.DISMISS, changes.now)


def _gateway_may_be_cause(changes: OutageChanges, outage: Outage) -> Reason | None:
    """Why it may still be our own doing, and must wait; None = it is not.

    After our own link was away, wills of homes that are back already are still coming in. And homes found by silence
    prove nothing while no live home speaks either; the broker's own word does.
    """
    since = changes.context.listening_since
    if since is None or changes.now < since + RECOVERS:
        return Reason(ReasonKind.BROKER_JUST_HEARD)
    if outage.kind is OutageKind.GATEWAY or changes.now - outage.suspected_at > UNSURE or changes.context.live == 0:
        return None
    by_silence = outage.evidence.get("found_by_silence", 0) * 2 > outage.evidence.get("k", 0)
    heard = changes.context.others_heard_at
    if by_silence and (heard is None or heard < outage.suspected_at):
        return Reason(ReasonKind.NOBODY_ELSE_HEARD)
    return None


def _confirm(changes: OutageChanges, outage: Outage) -> None:
    move(outage, Action.CONFIRM, changes.now)
    if outage.kind not in CUSTOMER_KINDS:
        changes.add_entry(outage, EntryKind.OUTAGE_CONFIRMED_OURS, dark=outage.dark)
        changes.notify_operator(outage, TopicName.GATEWAY_FAULT, what=_operator_cause(outage))
        return
    outage.etr_at = estimate_restoration(changes.context.earlier_durations.get(outage.id, []), outage.began_at,
                                         changes.now)
    outage.next_at = outage.etr_at - LEAD if outage.etr_at is not None else None
    open_ticket(changes, outage)
    dark = [member for member in changes.context.members[outage.id].values() if member.back_at is None]
    answer_calls(changes, outage)
    customers = {member.customer_id for member in dark} - changes.context.notified.get(outage.id, {}).keys()
    outage.untold = True
    outage.evidence = outage.evidence | {"held_back": {"homes": outage.dark}}
    changes.add_entry(outage, EntryKind.OUTAGE_CONFIRMED, outage.evidence, dark=outage.dark, customers=len(customers),
                      ticket=outage.ticket_id)


def _operator_cause(outage: Outage) -> str:
    """What the operator is told is wrong."""
    return "carrier" if outage.kind is OutageKind.NETWORK else "everything"


def _extend_estimate(changes: OutageChanges, outage: Outage) -> None:
    """The estimate is about to pass: a new one is told before that, or that there is none."""
    outage.etr_at = estimate_restoration(changes.context.earlier_durations.get(outage.id, []), outage.began_at,
                                         changes.now)
    outage.next_at = outage.etr_at - LEAD if outage.etr_at is not None else None
    update_estimate(changes, outage)
    customers = {member.customer_id for member in changes.context.members[outage.id].values() if member.back_at is None}
    near = changes.context.unproven.get(outage.id, {}).keys() - customers
    for one in sorted(customers | near):
        changes.context.draft.add(notify(
            changes.policy, customer(one), TopicName.OUTAGE_LONGER, outage, changes.now, changes.now,
            facts={"area": outage.name, "etr": outage.etr_at, "near": one in near}))
    changes.add_entry(outage, EntryKind.OUTAGE_LONGER, customers=len(customers) + len(near))


def _split_remaining(changes: OutageChanges, outage: Outage) -> None:
    """Nobody else has come back for a while: a part of the area that is dark as one waits on, any other home is
    nested: dark for a reason of its own."""
    together = changes.context.still_dark.get(outage.id, set())
    left = [member for member in changes.context.members.get(outage.id, {}).values() if member.back_at is None]
    nested = [member for member in left if member.site_id not in together and member.state is MemberState.AFFECTED]
    for member in nested:
        move_member(member, MemberAction.NEST, changes.now)
        outage.dark -= 1
    changes.release(outage, [member.site_id for member in nested], nested=True)
    for member in nested:
        work = changes.context.sites.get(member.site_id)
        if member.reported_at is not None and work is not None and not changes.context.alarms.get(member.site_id):
            around = Surroundings(devices=changes.context.reported.get(member.site_id, ()))
            open_by_word(around, work, changes.policy, GATEWAY, changes.now)
    if nested:
        changes.add_entry(outage, EntryKind.OUTAGE_NESTED, {"sites": [member.site_id for member in nested][:100]},
                          homes=len(nested))
    if together:
        outage.next_at = changes.now + changes.policy.service.nested_minutes * MINUTE
        changes.add_entry(outage, EntryKind.OUTAGE_STILL_OUT, dark=outage.dark)
    else:
        _restore(changes, outage)


def _restore(changes: OutageChanges, outage: Outage) -> None:
    move(outage, Action.RESTORE, changes.now)
    outage.next_at = changes.now + changes.policy.service.recurrence_minutes * MINUTE
    changes.add_entry(outage, EntryKind.OUTAGE_RESTORED, homes=outage.homes)
    if outage.kind not in CUSTOMER_KINDS:
        changes.notify_operator(outage, TopicName.GATEWAY_FAULT_OVER, what=_operator_cause(outage))
        return
    resolve_ticket(changes, outage)
    _notify_unproven(changes, outage)
