"""Plans a raised or cleared alarm: its ticket, the offer to a provider, the notification to the customer."""

from typing import Any

from gateway.detection.device_state import SILENT, Cleared, Raised
from gateway.model import (
    MINUTE,
    SECOND,
    Actor,
    Alarm,
    EntryKind,
    Instant,
    LinkState,
    Outage,
    OutageState,
    Reason,
    ReasonKind,
    ResolvedBy,
    Subject,
    SubjectKind,
    SuppressedBy,
    Suppressor,
    Ticket,
)
from gateway.model.row import unwatched
from gateway.model.states import worst
from gateway.tickets.alarms import remote_fix
from gateway.tickets.alarms.suppression import RECHECK_AFTER, hub, recheck_suppressed_by, suppressor_of
from gateway.tickets.closing import drop_jobs_for, is_settled_by_devices, prove_resolved, resolve
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.lifecycle import UNASSIGNED, UNSETTLED, end_alarm
from gateway.tickets.new_rows import entry
from gateway.tickets.opening import add_to_ticket, is_on_ticket
from gateway.tickets.visits.household import ask_whether_needed

GROUP_WAIT = 5 * SECOND  # an outage of the area, or of the hub, is known by then
OTHERS_WAIT = 10 * MINUTE  # in a power cut: the rest of the home may be found silent only later
HUB_WAIT = MINUTE  # a hub is often found silent a little after what speaks through it
MOST_DOUBLED = 4  # times that `service.settle_seconds` is doubled: from 1 to 16 minutes


def plan_raised(raised: Raised, context: PlanningContext, online: bool, policy: Policy, now: Instant) -> None:
    """Opens the alarm, and a ticket unless one is open for the same problem or a remote fix is tried first."""
    if raised.rule in context.alarms:
        _raised_again(context.alarms[raised.rule], raised, context, policy, now)
        return
    alarm = new_alarm(raised, context, policy, now)
    context.alarms[raised.rule] = alarm
    context.draft.add(alarm)
    sends = raised.action == "ticket" and not raised.dry_run
    hold = _suppression_of(alarm, context, policy, now) if sends else None
    if hold is not None:
        alarm.suppress(*hold)
    elif sends:
        if raised.remote_fix is not None and not is_on_ticket(raised.rule, context):
            remote_fix.begin(alarm, raised.remote_fix, context, online, policy, now)
        if alarm.try_until is None:
            add_to_ticket(alarm, context, policy, now)
    if raised.rule == SILENT:  # whatever was tried from afar, the device has gone
        for trying in [alarm for alarm in context.alarms.values() if alarm.try_until is not None]:
            plan_remote_fix_over(trying, context, False, policy, now)


def new_alarm(raised: Raised, context: PlanningContext, policy: Policy, now: Instant) -> Alarm:
    """The Alarm row of a raised verdict; nothing follows from it yet."""
    why = raised.why | {"cause": raised.cause}
    if raised.depends_on:
        why["depends_on"] = list(raised.depends_on)
    if raised.dry_run:
        why["would"] = raised.action
    return unwatched(
        Alarm, id=policy.new_id("A"), device_id=context.device.id, site_id=context.device.site_id, rule=raised.rule,
        severity=raised.severity, cause=raised.cause.get("en", raised.rule), skill=raised.skill, evidence=why,
        opened_at=min(raised.at, now), known_at=now, latch=raised.latch, dry_run=raised.dry_run,
        flapping=raised.flapping, danger=raised.danger)


def _raised_again(alarm: Alarm, raised: Raised, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The fault is back while its alarm waits for somebody to acknowledge it, or whether it stays away: the same alarm
    goes on."""
    if alarm.cleared_at is None:
        return
    settling = alarm.suppressed_until is not None
    if settling:
        alarm.evidence = alarm.evidence | {"came_back": alarm.evidence.get("came_back", 0) + 1}
    alarm.cleared_at = alarm.suppressed_until = None
    alarm.severity = worst(alarm.severity, raised.severity)
    hold = _suppression_of(alarm, context, policy, now) if raised.action == "ticket" else None
    if hold is not None:
        alarm.suppress(*hold)
    elif raised.action == "ticket" and not (settling and _is_dealt_with(alarm, context)):
        add_to_ticket(alarm, context, policy, now)


def plan_remote_fix_over(alarm: Alarm, context: PlanningContext, online: bool, policy: Policy, now: Instant) -> None:
    """The remote fix has had its time and the fault is still there: now somebody is sent, with the evidence."""
    remote_fix.close_failed(alarm, context, online)
    add_to_ticket(alarm, context, policy, now)


def plan_suppression_over(alarm: Alarm, context: PlanningContext, online: bool, policy: Policy, now: Instant) -> None:
    """It has waited for something larger that may explain it: either that is known by now, or it is dealt with as a
    fresh fault is: tried from afar first where the profile says so, else somebody is sent. One that had cleared has
    stayed away long enough: it is over."""
    if alarm.cleared_at is not None:
        del context.alarms[alarm.rule]
        close(alarm, {"cleared_at": alarm.cleared_at}, context, policy, context.by_device, now)
        return
    hold = _suppression_of(alarm, context, policy, now)
    if hold is not None:
        alarm.suppress(*hold)
    else:
        alarm.suppressed_until = None
        if alarm.try_until is None:  # else it is being tried already
            _handle_as_new(alarm, context, online, policy, now)


def _handle_as_new(alarm: Alarm, context: PlanningContext, online: bool, policy: Policy, now: Instant) -> None:
    kind, other = alarm.suppressed_by or (None, "")
    ours = context.carrier_outage is not None and context.carrier_outage.id == other  # of which no customer has heard
    context.after_outage = kind is SuppressedBy.OUTAGE and not ours
    first = remote_fix.remote_fix_of(policy.profiles.get(context.device.profile), alarm.rule)
    if first is not None and not is_on_ticket(alarm.rule, context):
        remote_fix.begin(alarm, first, context, online, policy, now)
    if alarm.try_until is None:
        add_to_ticket(alarm, context, policy, now)
    if kind is SuppressedBy.RULE:
        context.draft.add(entry(_subject(alarm), now, EntryKind.OTHER_FAULT_OVER, rule=other))


def plan_cleared(cleared: Cleared, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """Closes the alarm; a ticket that nobody has set out for is resolved by the device's own word."""
    alarm = context.alarms.get(cleared.rule)
    if alarm is None:
        return
    who = context.by_device
    if alarm.try_until is None and _needs_acknowledgement(alarm):
        _latched(alarm, cleared, context, policy, who, now)
        return
    wait = _settling_time(alarm, context, policy)
    if wait:
        _settle(alarm, wait, context, policy, now)
        return
    del context.alarms[cleared.rule]
    if alarm.try_until is not None:
        remote_fix.over(alarm, cleared, context, now)
        return
    close(alarm, cleared.why, context, policy, who, now)
    if cleared.rule == SILENT:
        reconsider_suppressed(context, policy, now)


def _is_dealt_with(alarm: Alarm, context: PlanningContext) -> bool:
    ticket = context.work.tickets.get(alarm.ticket_id or "")
    return ticket is not None and ticket.state in UNSETTLED


def _needs_acknowledgement(alarm: Alarm) -> bool:
    return alarm.latch and alarm.acknowledged_at is None and not alarm.dry_run


def _settling_time(alarm: Alarm, context: PlanningContext, policy: Policy) -> Instant:
    """How long (ms) a fault must stay away until its ticket is resolved: a rule that flaps would else tell customer and
    provider "broken" and "fixed" by turns. Longer each time that it did come back after all; 0: nobody was told."""
    ticket = context.work.tickets.get(alarm.ticket_id or "")
    if ticket is None or ticket.state not in UNASSIGNED:
        return 0
    return policy.service.settle_seconds * SECOND << min(ticket.round - 1, MOST_DOUBLED)


def _settle(alarm: Alarm, wait: Instant, context: PlanningContext, policy: Policy, now: Instant) -> None:
    if alarm.cleared_at is None:
        alarm.cleared_at, alarm.suppressed_until = max(now, alarm.opened_at), now + wait
        recheck_suppressed_by(alarm.rule, context, now)
        if alarm.rule == SILENT:
            reconsider_suppressed(context, policy, now)


def reconsider_suppressed(context: PlanningContext, policy: Policy, now: Instant) -> None:
    """The hub is back, or nobody watches it any more: what spoke through it has its chance to speak again."""
    for child in context.children:
        if child.closed_at is None:
            child.suppressed_until = now + policy.service.nested_minutes * MINUTE


def _latched(alarm: Alarm, cleared: Cleared, context: PlanningContext, policy: Policy, who: Actor, now: Instant
             ) -> None:
    """The condition is over, and somebody has to look all the same."""
    if alarm.cleared_at is not None:
        return
    alarm.cleared_at, alarm.suppressed_until = max(now, alarm.opened_at), None
    recheck_suppressed_by(alarm.rule, context, now)
    if alarm.ticket_id is not None:
        context.draft.add(entry(_subject(alarm), now, EntryKind.WAITS_FOR_ACKNOWLEDGEMENT, who=who,
                                evidence=cleared.why))
        ticket = context.work.tickets.get(alarm.ticket_id)
        if ticket is not None:
            _works_again(ticket, context, policy, now)


def _works_again(ticket: Ticket, context: PlanningContext, policy: Policy, now: Instant) -> None:
    """No fault of it holds any more: whoever waits for a visit is asked, and what a technician said is proved."""
    if not context.work.faults_of(ticket):
        ask_whether_needed(ticket, context.work, policy, now)
        prove_resolved(ticket, context.work, policy, now)


def close(alarm: Alarm, why: dict[str, Any], context: PlanningContext, policy: Policy, who: Actor,
          now: Instant) -> None:
    """The alarm is over for good, and so is its ticket unless somebody has set out or it is settled already."""
    end_alarm(alarm, now)
    if alarm.cleared_at is None:
        alarm.cleared_at = alarm.closed_at
    recheck_suppressed_by(alarm.rule, context, now)
    ticket = context.work.tickets.get(alarm.ticket_id or "")
    if ticket is None or alarm.dry_run:
        return
    if is_settled_by_devices(ticket, context.work):
        resolve(ticket, ResolvedBy.TELEMETRY, Reason(ReasonKind.BACK_TO_NORMAL), context.work, policy, now, who=who)
    else:
        context.draft.add(entry(ticket, now, EntryKind.BACK_TO_NORMAL, who=who, evidence=why))
        drop_jobs_for(alarm, ticket, context.work, policy, now)
        _works_again(ticket, context, policy, now)


def _suppression_of(alarm: Alarm, context: PlanningContext, policy: Policy, now: Instant
                    ) -> tuple[Suppressor | None, Instant | None] | None:
    """(what explains it, until when it waits; None = until that is over), or None: nothing does."""
    explained = suppressor_of(alarm, context, now)
    if explained is not None or alarm.rule != SILENT:
        return explained
    if context.hub_silent:
        return hub(context), None
    if context.outage_id is not None:
        return Suppressor(SuppressedBy.OUTAGE, context.outage_id), None
    if context.carrier_outage is not None and _may_come_back(alarm, context, context.carrier_outage, policy, now):
        return Suppressor(SuppressedBy.OUTAGE, context.carrier_outage.id), now + RECHECK_AFTER
    planned = next((until for begins, until in context.planned if begins <= now < until), None)
    if planned is not None:
        return Suppressor(SuppressedBy.MAINTENANCE), planned
    if context.known_outage is not None and now < alarm.opened_at + OTHERS_WAIT:
        return None, now + RECHECK_AFTER
    wait = HUB_WAIT if context.device.via is not None else GROUP_WAIT if context.area_ids else 0
    # the watch has known of a lost link ever since the broker said so, of any other silence only since now
    known = alarm.evidence.get("link_at") if alarm.evidence.get("link") == LinkState.LOST else now
    until = (known or now) + wait
    return (None, until) if alarm.suppressed_until is None and now < until else None


def _may_come_back(alarm: Alarm, context: PlanningContext, carrier: Outage, policy: Policy, now: Instant) -> bool:
    """Whether it may have been lost with its carrier. The rest of the home speaks another way, so the home is no member
    of that outage; like a member it has a while to come back after the last of the others."""
    if context.nested:
        return False
    over_at = carrier.restored_at if carrier.state == OutageState.RESTORED else None
    return over_at is None or alarm.opened_at < over_at <= now < over_at + policy.service.nested_minutes * MINUTE


def _subject(alarm: Alarm) -> Subject:
    """Where its story is told: in its ticket's timeline once it has one."""
    if alarm.ticket_id is not None:
        return Subject(SubjectKind.TICKET, alarm.ticket_id)
    return Subject(SubjectKind.ALARM, alarm.id)
