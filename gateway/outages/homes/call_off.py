"""A person says that an outage is none: nothing waits for it any more, and whoever was told of it hears so. Pure."""

from gateway.model import (
    MINUTE,
    Actor,
    EntryKind,
    Instant,
    Outage,
    Reason,
    ReasonKind,
    SuppressedBy,
    Suppressor,
    customer,
)
from gateway.model.plan import Plan, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.outages import Limits
from gateway.outages.changes import OutageChanges
from gateway.outages.context import CUSTOMER_KINDS, OutageContext
from gateway.outages.homes.calls import unlink_calls
from gateway.outages.lifecycle import OPEN, Action, MemberAction, move, move_member
from gateway.outages.ticket import cancel_ticket
from gateway.tickets.context import Policy
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.promises import cancel_promises
from gateway.tickets.sla.follow import complete

CALLED_OFF = "called_off"  # in the evidence of an outage that was none


def can_be_called_off(outage: Outage) -> bool:
    """It is confirmed, so that households were told of it, and it is not closed yet."""
    return outage.state in OPEN and outage.confirmed_at is not None and outage.kind in CUSTOMER_KINDS


def plan_call_off(outage: Outage, context: OutageContext, policy: Policy, who: Actor, now: Instant) -> Plan:
    """`outage`: a copy of the context's draft. Its homes speak for themselves again, and its ticket is cancelled. Who
    was told of it is told on the same contact, once; nobody else hears anything. Raises Refused."""
    if not can_be_called_off(outage):
        raise Refused(RefusedReason.NO_OUTAGE_TO_CALL_OFF)
    changes, why = OutageChanges(context, policy, Limits(), now), Reason(ReasonKind.NO_OUTAGE)
    context.draft.add(entry(outage, now, EntryKind.OUTAGE_DISMISSED, who=who, reason=why))
    members = context.members[outage.id]
    _release_later(changes, outage)
    unlink_calls(changes, outage)
    for member in members.values():
        if member.back_at is None:
            move_member(member, MemberAction.LEAVE, now)
    cancel_ticket(changes, outage, why)
    cancel_promises(context.promises[outage.id], now)
    for customer_id in sorted(context.notified[outage.id]):
        context.draft.add(notify(policy, customer(customer_id), TopicName.OUTAGE_FALSE, outage, outage.round, now,
                                 facts={"area": outage.name}))
    move(outage, Action.DISMISS, now)
    outage.evidence = outage.evidence | {CALLED_OFF: True}
    return complete(context.draft, policy, now)


def _release_later(changes: OutageChanges, outage: Outage) -> None:
    """Its homes speak for themselves again, after as long as a home has that comes back later than its neighbours."""
    by, until = Suppressor(SuppressedBy.OUTAGE, outage.id), changes.now + changes.policy.service.nested_minutes * MINUTE
    for site in changes.context.members[outage.id]:
        for alarm in changes.context.alarms.get(site, []):
            if alarm.suppressed_by == by and alarm.suppressed_until is None:
                alarm.suppress(by, until)
