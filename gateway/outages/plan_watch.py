"""Moves area outages through suspected, confirmed, restoring, restored and closed. Pure."""

from collections.abc import Mapping, Sequence

from gateway.model import (
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
from gateway.outages import Candidate, DarkSite, Limits, Verdict, estimate
from gateway.outages.changes import SETTLE, OutageChanges
from gateway.outages.context import CUSTOMER_KINDS, OutageContext
from gateway.outages.lifecycle import DECIDING, Action, MemberAction, move, move_member
from gateway.outages.ticket import (
    cancel_own_tickets,
    cancel_ticket,
    open_ticket,
    reopen_ticket,
    resolve_ticket,
    update_estimate,
)
from gateway.tickets.context import Policy
from gateway.tickets.new_rows import notify

UNSURE = 10 * MINUTE  # how long a suspicion may wait for proof that we still hear anybody
ASK_AGAIN = 5 * SECOND
RECOVERS = 2 * MINUTE  # a fleet is back on its broker by then (devices wait up to a minute or so before they try again)


def plan_watch(verdicts: Sequence[Verdict], joining: Mapping[str, Sequence[DarkSite]], board: OutageContext,
               limits: Limits,
               rules: Policy, now: Instant) -> Plan:
    """Everything that follows from one look, as one plan."""
    look = OutageChanges(board, rules, limits, now)
    _returns(look)
    for verdict in verdicts:
        _stands(look, verdict)
    for outage_id, homes in joining.items():
        outage = board.outages.get(outage_id)
        if outage is not None and outage.state in DECIDING:
            _grow(look, outage, homes)
    for outage in list(board.outages.values()):
        if outage.next_at is not None and outage.next_at <= now and outage.closed_at is None:
            _due(look, outage)
    return board.draft.plan()


def _returns(look: OutageChanges) -> None:
    """Homes that prove by themselves that they are back, and homes that can no longer say."""
    for outage in list(look.board.outages.values()):
        back = 0
        for site, member in look.board.members.get(outage.id, {}).items():
            proof = look.board.proofs.get(site, "dark")
            if member.back_at is not None or proof == "dark":
                continue
            counted = member.state is MemberState.AFFECTED
            move_member(member, MemberAction.RETURN if proof == "live" else MemberAction.LEAVE, look.now)
            back += counted
            if proof == "live" and counted:  # a nested one has a ticket, which says it
                _say_back(look, outage, member.customer_id)
        if outage.closed_at is None and back:
            outage.dark -= back
            _progress(look, outage)


def _say_back(look: OutageChanges, outage: Outage, customer_id: str) -> None:
    if outage.confirmed_at is None or outage.kind not in CUSTOMER_KINDS:
        return
    recipient = customer_id
    said = look.board.told.setdefault(f"over/{outage.id}", {})
    if recipient not in said:
        back = notify(look.rules, customer(customer_id), TopicName.OUTAGE_OVER, outage, look.now, look.now,
                    facts={"area": outage.name})
        back.due_at = look.now + SETTLE  # it may be back only for a moment, or another home of theirs be dark still
        said[recipient] = back
        look.board.draft.add(back)


def _progress(look: OutageChanges, outage: Outage) -> None:
    """Fewer are dark: half of them back is restoring, all of them restored."""
    if outage.state is OutageState.SUSPECTED:
        return  # the wait decides
    if outage.dark == 0:
        _restored(look, outage)
    elif outage.state is OutageState.RESTORING or outage.dark * 2 <= outage.homes:
        if outage.state is not OutageState.RESTORING:
            move(outage, Action.BEGIN_RESTORING, look.now)
            look.say(outage, EntryKind.OUTAGE_RESTORING, back=outage.homes - outage.dark, homes=outage.homes)
        outage.next_at = look.now + look.rules.service.nested_minutes * MINUTE  # counted from the last one back


def _stands(look: OutageChanges, verdict: Verdict) -> None:
    found = verdict.found
    outage = look.board.outages.get(verdict.outage_id or "")
    ends = [look.board.outages[one] for one in verdict.ends if one in look.board.outages]
    for larger in ends:
        if larger.closed_at is None:
            _dismiss(look, larger, Reason(ReasonKind.SMALLER_AREA, {"area": found.zone.name if found.zone else ""}))
    if outage is None or outage.closed_at is not None:
        outage = look.open(found)
        for larger in ends:  # nobody waits longer because we thought of too large an area first
            outage.next_at = min(outage.next_at or look.now, larger.suspected_at + look.limits.wait)
        look.add_homes(outage, found.homes)
        look.say(outage, EntryKind.OUTAGE_SUSPECTED, found.evidence(), dark=found.k, homes=found.n, area=outage.name)
        return
    if outage.state is OutageState.SUSPECTED:
        outage.evidence = found.evidence()
    absorbed = [look.board.outages[one] for one in verdict.absorbs if one in look.board.outages]
    for other in absorbed:
        _absorb(look, outage, other)
    if found.key != outage.key:
        _move(look, outage, found)
    _grow(look, outage, [home for home in found.homes if home.outage_id != outage.id])


def _move(look: OutageChanges, outage: Outage, found: Candidate) -> None:
    zone = found.zone
    where = (zone.name or zone.id) if zone is not None else ""
    look.say(outage, EntryKind.OUTAGE_MOVED, found.evidence(), before=outage.name, area=where)
    outage.key, outage.area_id, outage.size = found.key, zone.id if zone else None, max(found.n, outage.size)
    outage.name, outage.kind = (where, OutageKind(zone.kind)) if zone is not None else ("", OutageKind.GATEWAY)
    outage.evidence = outage.evidence | found.evidence()


def _absorb(look: OutageChanges, outage: Outage, other: Outage) -> None:
    """`other` was a part of `outage` all along: its homes, its ticket and what was said of it go over."""
    homes = []
    for member in look.board.members.get(other.id, {}).values():
        if member.back_at is None:
            move_member(member, MemberAction.LEAVE, look.now)
            homes.append(DarkSite(member.site_id, member.died_at, frozenset()))
    told = look.board.told.setdefault(outage.id, {})
    for recipient, row in look.board.told.get(other.id, {}).items():
        if recipient not in told:
            told[recipient] = row
            row.subject_id = outage.id
    joined = look.add_homes(outage, homes)
    # `other` may only have been suspected: nobody was told
    if outage.state is OutageState.CONFIRMED and outage.kind in CUSTOMER_KINDS:
        look.notify_customers(outage, joined)
        cancel_own_tickets(look, outage)
    if other.ticket_id is not None:
        cancel_ticket(look, other, Reason(ReasonKind.PART_OF_OUTAGE, {"outage": outage.id}))
    look.say(other, EntryKind.OUTAGE_ABSORBED, larger=outage.id)
    move(other, Action.DISMISS, look.now)
    other.evidence = other.evidence | {"absorbed_by": outage.id}


def _grow(look: OutageChanges, outage: Outage, homes: Sequence[DarkSite]) -> None:
    joined = look.add_homes(outage, homes)
    if not joined:
        return
    if outage.state in (OutageState.RESTORING, OutageState.RESTORED):
        move(outage, Action.RELAPSE, look.now)
        look.say(outage, EntryKind.OUTAGE_DARK_AGAIN, homes=len(joined))
        if outage.kind in CUSTOMER_KINDS and outage.ticket_id is not None:
            reopen_ticket(look, outage)
    elif outage.state is OutageState.CONFIRMED:
        look.say(outage, EntryKind.OUTAGE_GREW, more=len(joined), dark=outage.dark)
    if outage.state is OutageState.CONFIRMED and outage.kind in CUSTOMER_KINDS:
        look.notify_customers(outage, joined)
        cancel_own_tickets(look, outage)


def _due(look: OutageChanges, outage: Outage) -> None:
    """The time that it was given is over."""
    if outage.state is OutageState.SUSPECTED:
        _decide(look, outage)
    elif outage.state is OutageState.CONFIRMED:
        _takes_longer(look, outage)
    elif outage.state is OutageState.RESTORING:
        _who_is_left(look, outage)
    elif outage.state is OutageState.RESTORED:
        move(outage, Action.CLOSE, look.now)
        look.say(outage, EntryKind.OUTAGE_CLOSED)


def _decide(look: OutageChanges, outage: Outage) -> None:
    """After the wait: is it still there, and is it not us who hear nobody?"""
    if outage.dark < look.limits.fewest or outage.dark * 2 < outage.homes:
        _dismiss(look, outage, Reason(ReasonKind.BACK_ALREADY, {
            "back": outage.homes - outage.dark, "homes": outage.homes}))
        return
    doubt = _may_be_us(look, outage)
    if doubt is None:
        _confirm(look, outage)
        return
    if "doubt" not in outage.evidence:
        look.say(outage, EntryKind.OUTAGE_WAITS, reason=doubt)
        outage.evidence = outage.evidence | {"doubt": doubt.stored()}
    outage.next_at = look.now + ASK_AGAIN


def _dismiss(look: OutageChanges, outage: Outage, why: Reason) -> None:
    look.say(outage, EntryKind.OUTAGE_DISMISSED, reason=why)
    members = look.board.members.get(outage.id, {})
    look.release(outage, members, nested=False)
    for member in members.values():
        if member.back_at is None:
            move_member(member, MemberAction.LEAVE, look.now)
    move(outage, Action.DISMISS, look.now)


def _may_be_us(look: OutageChanges, outage: Outage) -> Reason | None:
    """Why it may still be our own doing, and must wait; None = it is not.

    After our own link was away, wills of homes that are back already are still coming in. And homes found by silence
    prove nothing while no live home speaks either; the broker's own word does.
    """
    since = look.board.listening_since
    if since is None or look.now < since + RECOVERS:
        return Reason(ReasonKind.BROKER_JUST_HEARD)
    if outage.kind is OutageKind.GATEWAY or look.now - outage.suspected_at > UNSURE or look.board.live == 0:
        return None
    by_silence = outage.evidence.get("found_by_silence", 0) * 2 > outage.evidence.get("k", 0)
    heard = look.board.others_heard
    if by_silence and (heard is None or heard < outage.suspected_at):
        return Reason(ReasonKind.NOBODY_ELSE_HEARD)
    return None


def _confirm(look: OutageChanges, outage: Outage) -> None:
    move(outage, Action.CONFIRM, look.now)
    if outage.kind not in CUSTOMER_KINDS:
        look.say(outage, EntryKind.OUTAGE_CONFIRMED_OURS, dark=outage.dark)
        look.notify_operator(outage, TopicName.GATEWAY_FAULT, what=_what(outage))
        return
    outage.etr_at = estimate(look.board.took.get(outage.id, []), outage.began_at, look.now)
    outage.next_at = outage.etr_at
    open_ticket(look, outage)
    dark = [member for member in look.board.members[outage.id].values() if member.back_at is None]
    count = look.notify_customers(outage, dark)
    held = cancel_own_tickets(look, outage)
    outage.evidence = outage.evidence | {"held_back": {"tickets_cancelled": held, "homes": outage.dark}}
    look.say(outage, EntryKind.OUTAGE_CONFIRMED, outage.evidence, dark=outage.dark, customers=count,
             ticket=outage.ticket_id)


def _what(outage: Outage) -> str:
    """What the operator is told is wrong."""
    return "carrier" if outage.kind is OutageKind.NETWORK else "everything"


def _takes_longer(look: OutageChanges, outage: Outage) -> None:
    """The estimate has passed: what was told is no longer true, so a new one is told, or that there is none."""
    outage.etr_at = estimate(look.board.took.get(outage.id, []), outage.began_at, look.now)
    outage.next_at = outage.etr_at
    update_estimate(look, outage)
    customers = {member.customer_id for member in look.board.members[outage.id].values() if member.back_at is None}
    for one in sorted(customers):
        look.board.draft.add(notify(look.rules, customer(one), TopicName.OUTAGE_LONGER, outage, look.now, look.now,
                                  facts={"area": outage.name, "etr": outage.etr_at}))
    look.say(outage, EntryKind.OUTAGE_LONGER, customers=len(customers))


def _who_is_left(look: OutageChanges, outage: Outage) -> None:
    """Nobody else has come back for a while: a part of the area that is dark as one waits on, any other home is
    nested: dark for a reason of its own."""
    together = look.board.still_out.get(outage.id, set())
    left = [member for member in look.board.members.get(outage.id, {}).values() if member.back_at is None]
    nested = [member for member in left if member.site_id not in together and member.state is MemberState.AFFECTED]
    for member in nested:
        move_member(member, MemberAction.NEST, look.now)
        outage.dark -= 1
    look.release(outage, [member.site_id for member in nested], nested=True)
    if nested:
        look.say(outage, EntryKind.OUTAGE_NESTED, {"sites": [member.site_id for member in nested][:100]},
                 homes=len(nested))
    if together:
        outage.next_at = look.now + look.rules.service.nested_minutes * MINUTE
        look.say(outage, EntryKind.OUTAGE_STILL_OUT, dark=outage.dark)
    else:
        _restored(look, outage)


def _restored(look: OutageChanges, outage: Outage) -> None:
    move(outage, Action.RESTORE, look.now)
    outage.next_at = look.now + look.rules.service.recurrence_minutes * MINUTE
    look.say(outage, EntryKind.OUTAGE_RESTORED, homes=outage.homes)
    if outage.kind not in CUSTOMER_KINDS:
        look.notify_operator(outage, TopicName.GATEWAY_FAULT_OVER, what=_what(outage))
        return
    resolve_ticket(look, outage)
