"""Plans what follows when a deadline of a ticket, job, offer or callback has passed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.callbacks.overdue import plan_call_due
from gateway.callbacks.presses.button_tests import plan_test_due
from gateway.model import Alarm, Due, DueKind, EntryKind, Instant, Promise, SlaClock, SubjectKind, TicketState
from gateway.model.plan import Draft, Plan
from gateway.tickets.after.survey import ask_how_it_went
from gateway.tickets.alarms.raised_and_cleared import plan_remote_fix_over, plan_suppression_over
from gateway.tickets.closing import close_ticket
from gateway.tickets.context import PlanningContext, Policy, SiteWork
from gateway.tickets.dispatch.answers import plan_offer_expired
from gateway.tickets.dispatch.ask import dispatch
from gateway.tickets.dispatch.price_question import held_job, plan_no_answer
from gateway.tickets.households.needs import who_comes_first
from gateway.tickets.new_rows import entry
from gateway.tickets.opening import reopen
from gateway.tickets.promises.lapse import plan_promise_due
from gateway.tickets.sla.follow import complete
from gateway.tickets.sla.watch import plan_sla_due
from gateway.tickets.visits.household import wake
from gateway.tickets.visits.overdue import plan_visit_due
from gateway.tickets.visits.reports import plan_report_counts


@dataclass
class DueWork:
    """Rows whose deadline is past; deadlines and promises are copies of the draft."""

    deadlines: list[Due] = field(default_factory=list)  # of tickets, jobs, offers, visits, callbacks; the oldest first
    promises: list[Promise] = field(default_factory=list)
    # alarms: (alarm id, device id, whether the device is online)
    remote_fixes: list[tuple[str, str, bool]] = field(default_factory=list)
    suppressed: list[tuple[str, str, bool]] = field(default_factory=list)
    sla_clocks: list[tuple[SlaClock, str]] = field(default_factory=list)  # (copy of the draft, site id)

    @property
    def device_ids(self) -> set[str]:
        return {device_id for _, device_id, _ in (*self.remote_fixes, *self.suppressed)} | self.tested_devices

    @property
    def tested_devices(self) -> set[str]:
        """Buttons of which a test is due."""
        return {due.subject_id for due in self.deadlines if due.subject_kind is SubjectKind.DEVICE}

    @property
    def site_ids(self) -> set[str]:
        promised = {promise.site_id for promise in self.promises if promise.site_id is not None}
        return promised | {due.site_id for due in self.deadlines} | {site_id for _, site_id in self.sla_clocks}

    @property
    def visit_ids(self) -> set[str]:
        return {due.subject_id for due in self.deadlines if due.subject_kind is SubjectKind.VISIT}

    @property
    def overrun_visits(self) -> set[str]:
        """Visits that last longer than expected: others wait for the same technician."""
        return {due.subject_id for due in self.deadlines if due.kind is DueKind.WORK_OVERRUN}

    @property
    def proofs(self) -> set[str]:
        """Site ids where a ticket may be closed."""
        return {due.site_id for due in self.deadlines if due.kind is DueKind.PROOF}

    def __len__(self) -> int:
        alarms = len(self.remote_fixes) + len(self.suppressed)
        return len(self.deadlines) + len(self.promises) + len(self.sla_clocks) + alarms


def plan_deadlines(due: DueWork, contexts: Mapping[str, PlanningContext], sites: Mapping[str, SiteWork], draft: Draft,
                   policy: Policy, now: Instant) -> Plan:
    """What follows from each of them, in order. `contexts`: device id → PlanningContext, `sites`: site id → SiteWork,
    made of copies of `draft`."""
    for one in due.deadlines:
        if one.at is not None and one.at <= now:  # else something earlier in this plan has moved or ended it
            plan_deadline(one, sites[one.site_id], sites, policy, now)
    for alarm_id, device_id, online in due.remote_fixes:
        alarm = _alarm(alarm_id, contexts[device_id])
        if alarm is not None and alarm.try_until is not None and alarm.try_until <= now:
            plan_remote_fix_over(alarm, contexts[device_id], online, policy, now)
    for alarm_id, device_id, online in due.suppressed:
        alarm = _alarm(alarm_id, contexts[device_id])
        if alarm is not None and alarm.suppressed_until is not None and alarm.suppressed_until <= now:
            plan_suppression_over(alarm, contexts[device_id], online, policy, now)
    for promise in due.promises:  # after all that could keep them
        plan_promise_due(promise, sites.get(promise.site_id or ""), policy, now)
    for clock, site_id in due.sla_clocks:
        plan_sla_due(clock, sites[site_id], policy, now)
    return complete(draft, policy, now, who_comes_first(sites.values()))


def plan_deadline(due: Due, work: SiteWork, sites: Mapping[str, SiteWork], policy: Policy, now: Instant) -> None:
    """A deadline of a ticket, job, offer, visit or callback has passed: WHEN_DUE of its life cycle says what may
    follow."""
    match due.kind:
        case DueKind.OFFER_EXPIRES:
            offer = next((one for offers in work.offers.values() for one in offers if one.id == due.subject_id), None)
            if offer is not None and offer.closed_at is None:
                plan_offer_expired(offer, work.provider_name(offer.provider_id), work, policy, now)
        case DueKind.ASK_AGAIN:
            dispatch(work.jobs[due.subject_id], work, policy, now)
        case DueKind.NEXT_WAVE:
            dispatch(work.jobs[due.subject_id], work, policy, now, due=True)
        case DueKind.HOLD_UNTIL:
            job = work.jobs[due.subject_id]
            if any(held_job(ticket, work) is job for ticket in work.tickets_of(job)):
                plan_no_answer(job, work, policy, now)
            else:
                wake(job, work, policy, now)
        case DueKind.PROOF:
            _plan_proof(due.subject_id, work, policy, now)
        case DueKind.CALL_BY | DueKind.CLAIM_ENDS:
            plan_call_due(due, work, policy, now)
        case DueKind.TEST_ASK | DueKind.TEST_ANSWER:
            plan_test_due(due, work, policy, now)
        case DueKind.REPORT_COUNTS:
            plan_report_counts(work.visits[due.subject_id], work, policy, now)
        case _:
            plan_visit_due(due, work, sites, policy, now)
    if due.at is not None and due.at <= now:  # nothing has moved it: what it was for is over
        due.at = None


def _plan_proof(ticket_id: str, work: SiteWork, policy: Policy, now: Instant) -> None:
    """A resolved ticket is closed, or its fault is still there."""
    ticket = work.tickets.get(ticket_id)
    if ticket is None or ticket.state is not TicketState.RESOLVED:
        return
    faults = work.faults_of(ticket)
    if faults:
        again = entry(ticket, now, EntryKind.STILL_REPORTED, who=work.devices[faults[0].device_id].by_device)
        reopen(ticket, [alarm.skill for alarm in faults], again, work, policy, now)
    else:
        close_ticket(ticket, work, now)
        ask_how_it_went(ticket, work, policy, now)


def _alarm(alarm_id: str, context: PlanningContext) -> Alarm | None:
    return next((alarm for alarm in context.alarms.values() if alarm.id == alarm_id), None)
