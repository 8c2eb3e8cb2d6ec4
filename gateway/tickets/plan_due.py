"""Plans what follows when a deadline of a ticket, offer or callback has passed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.callbacks.handle import plan_overdue
from gateway.model import Alarm, Callback, Instant, Offer, Provider, Ticket
from gateway.model.plan import Draft, Plan
from gateway.tickets.alarms.raised_and_cleared import plan_remote_fix_over, plan_suppression_over
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.dispatch.answers import plan_offer_expired
from gateway.tickets.on_call.pages import settle_pages
from gateway.tickets.visits.steps import plan_due


@dataclass
class DueWork:
    """Rows whose deadline is past; offers and callbacks are copies of the draft."""

    offers: list[tuple[Offer, Provider, str]] = field(default_factory=list)  # with the device id of its ticket
    tickets: list[tuple[str, str]] = field(default_factory=list)  # (ticket id, device id)
    callbacks: list[Callback] = field(default_factory=list)
    # alarms: (alarm id, device id, whether the device is online)
    remote_fixes: list[tuple[str, str, bool]] = field(default_factory=list)
    suppressed: list[tuple[str, str, bool]] = field(default_factory=list)

    @property
    def device_ids(self) -> set[str]:
        alarms = {device_id for _, device_id, _ in (*self.remote_fixes, *self.suppressed)}
        return (alarms | {device_id for *_, device_id in self.offers} | {device_id for _, device_id in self.tickets}
                | {callback.device_id for callback in self.callbacks})

    def __len__(self) -> int:
        alarms = len(self.remote_fixes) + len(self.suppressed)
        return alarms + len(self.offers) + len(self.tickets) + len(self.callbacks)


def plan_deadlines(work: DueWork, contexts: Mapping[str, PlanningContext], draft: Draft, policy: Policy,
                   now: Instant) -> Plan:
    """What follows from each of them, in order. `contexts`: device id → PlanningContext, made of copies of `draft`."""
    for offer, provider, device_id in work.offers:
        ticket = _ticket(offer.ticket_id, contexts[device_id])
        if ticket is not None and offer.closed_at is None:
            plan_offer_expired(offer, provider, ticket, contexts[device_id], policy, now)
    for ticket_id, device_id in work.tickets:
        ticket = _ticket(ticket_id, contexts[device_id])
        if ticket is not None and ticket.next_at is not None and ticket.next_at <= now:
            plan_due(ticket, contexts[device_id], policy, now)
    for callback in work.callbacks:
        plan_overdue(callback, contexts[callback.device_id], policy, now)
    for alarm_id, device_id, online in work.remote_fixes:
        alarm = _alarm(alarm_id, contexts[device_id])
        if alarm is not None and alarm.try_until is not None and alarm.try_until <= now:
            plan_remote_fix_over(alarm, contexts[device_id], online, policy, now)
    for alarm_id, device_id, online in work.suppressed:
        alarm = _alarm(alarm_id, contexts[device_id])
        if alarm is not None and alarm.suppressed_until is not None and alarm.suppressed_until <= now:
            plan_suppression_over(alarm, contexts[device_id], online, policy, now)
    settle_pages(draft, now)
    return draft.plan()


def _ticket(ticket_id: str, context: PlanningContext) -> Ticket | None:
    return next((ticket for ticket in context.tickets.values() if ticket.id == ticket_id), None)


def _alarm(alarm_id: str, context: PlanningContext) -> Alarm | None:
    return next((alarm for alarm in context.alarms.values() if alarm.id == alarm_id), None)
