"""Plans what follows when a deadline of a ticket, job, offer or callback has passed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.callbacks.handle import plan_overdue
from gateway.model import GATEWAY, Alarm, Callback, Due, DueKind, EntryKind, Instant, TicketState
from gateway.model.plan import Draft, Plan
from gateway.tickets.alarms.raised_and_cleared import plan_remote_fix_over, plan_suppression_over
from gateway.tickets.closing import close_ticket
from gateway.tickets.context import PlanningContext, Policy, SiteWork
from gateway.tickets.deadlines import advance
from gateway.tickets.dispatch.answers import plan_offer_expired
from gateway.tickets.dispatch.ask import dispatch
from gateway.tickets.lifecycle import Action
from gateway.tickets.on_call.pages import settle_pages
from gateway.tickets.opening import reopen


@dataclass
class DueWork:
    """Rows whose deadline is past; deadlines and callbacks are copies of the draft."""

    deadlines: list[Due] = field(default_factory=list)  # of tickets, jobs, offers and visits, the most overdue first
    callbacks: list[Callback] = field(default_factory=list)
    # alarms: (alarm id, device id, whether the device is online)
    remote_fixes: list[tuple[str, str, bool]] = field(default_factory=list)
    suppressed: list[tuple[str, str, bool]] = field(default_factory=list)

    @property
    def device_ids(self) -> set[str]:
        alarms = {device_id for _, device_id, _ in (*self.remote_fixes, *self.suppressed)}
        return alarms | {callback.device_id for callback in self.callbacks}

    @property
    def site_ids(self) -> set[str]:
        return {due.site_id for due in self.deadlines}

    def __len__(self) -> int:
        return len(self.deadlines) + len(self.callbacks) + len(self.remote_fixes) + len(self.suppressed)


def plan_deadlines(due: DueWork, contexts: Mapping[str, PlanningContext], sites: Mapping[str, SiteWork], draft: Draft,
                   policy: Policy, now: Instant) -> Plan:
    """What follows from each of them, in order. `contexts`: device id → PlanningContext, `sites`: site id → SiteWork,
    made of copies of `draft`."""
    for one in due.deadlines:
        if one.at is not None and one.at <= now:  # else something earlier in this plan has moved or ended it
            _plan_deadline(one, sites[one.site_id], policy, now)
    for callback in due.callbacks:
        plan_overdue(callback, contexts[callback.device_id], policy, now)
    for alarm_id, device_id, online in due.remote_fixes:
        alarm = _alarm(alarm_id, contexts[device_id])
        if alarm is not None and alarm.try_until is not None and alarm.try_until <= now:
            plan_remote_fix_over(alarm, contexts[device_id], online, policy, now)
    for alarm_id, device_id, online in due.suppressed:
        alarm = _alarm(alarm_id, contexts[device_id])
        if alarm is not None and alarm.suppressed_until is not None and alarm.suppressed_until <= now:
            plan_suppression_over(alarm, contexts[device_id], online, policy, now)
    settle_pages(draft, now)
    return draft.plan()


def _plan_deadline(due: Due, work: SiteWork, policy: Policy, now: Instant) -> None:
    match due.kind:
        case DueKind.OFFER_EXPIRES:
            offer = next((one for offers in work.offers.values() for one in offers if one.id == due.subject_id), None)
            if offer is not None and offer.closed_at is None:
                plan_offer_expired(offer, _provider_name(offer.provider_id, work), work, policy, now)
        case DueKind.ASK_AGAIN:
            dispatch(work.jobs[due.subject_id], work, policy, now)
        case DueKind.HOLD_UNTIL:
            job = work.jobs[due.subject_id]
            advance(job, Action.WAKE, work, now)
            dispatch(job, work, policy, now)
        case DueKind.PROOF:
            _plan_proof(due.subject_id, work, policy, now)
    if due.at is not None and due.at <= now:  # nothing has moved it: what it was for is over
        due.at = None


def _plan_proof(ticket_id: str, work: SiteWork, policy: Policy, now: Instant) -> None:
    """A resolved ticket is closed, or its fault is still there."""
    ticket = work.tickets.get(ticket_id)
    if ticket is None or ticket.state is not TicketState.RESOLVED:
        return
    faults = work.faults_of(ticket)
    if faults:
        context = work.devices.get(ticket.device_id)
        who = GATEWAY if context is None else context.by_device
        reopen(ticket, [alarm.skill for alarm in faults], EntryKind.STILL_REPORTED, who, work, policy, now)
    else:
        close_ticket(ticket, work, now)


def _provider_name(provider_id: str, work: SiteWork) -> str:
    directory = work.provider_loads.directory
    return directory[provider_id].name if provider_id in directory else provider_id


def _alarm(alarm_id: str, context: PlanningContext) -> Alarm | None:
    return next((alarm for alarm in context.alarms.values() if alarm.id == alarm_id), None)
