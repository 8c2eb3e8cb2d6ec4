"""The ticket of an area outage: opened, resolved, reopened or cancelled, and the homes' own tickets cancelled."""

from typing import Any

from gateway.model import (
    GATEWAY,
    EntryKind,
    Outage,
    Reason,
    ReasonKind,
    ResolvedBy,
    Severity,
    Ticket,
    TicketState,
)
from gateway.notifications.catalogue import FALLBACK
from gateway.outages.changes import OutageChanges
from gateway.tickets.actions import CancelTicket
from gateway.tickets.alarms.raised_and_cleared import resolve
from gateway.tickets.context import PlanningContext
from gateway.tickets.dispatch.ask import dispatch, ticket_facts, withdraw_offers
from gateway.tickets.lifecycle import UNASSIGNED, UNDER_WAY, UNSETTLED, Action, move
from gateway.tickets.new_rows import entry
from gateway.tickets.promises import correct_promises, make_promise, settle_promises
from gateway.tickets.told_times import estimated_end
from gateway.tickets.visits.steps import plan_cancel


def open_ticket(changes: OutageChanges, outage: Outage) -> None:
    """A ticket at the first home that went dark, and a firm asked that can do what the settings say."""
    planning = changes.context.planning_contexts[outage.device_id or ""]
    ticket = Ticket(
        id=changes.policy.new_id("T"), site_id=planning.site.id, customer_id=planning.customer.id,
        device_id=planning.device.id, cause_key=f"outage:{outage.id}", cause=_cause(changes, outage)[FALLBACK],
        skill=changes.policy.service.outage_skill, severity=Severity.MAJOR, opened_at=changes.now, outage_id=outage.id)
    outage.ticket_id = ticket.id
    planning.tickets[ticket.cause_key] = ticket
    changes.context.draft.add(ticket, entry(ticket, changes.now, EntryKind.OUTAGE_TICKET_OPENED,
                                            evidence=outage.evidence, area=outage.name, homes=outage.dark))
    dispatch(ticket, planning, changes.policy, changes.now, _facts(changes, ticket, outage, planning))


def update_estimate(changes: OutageChanges, outage: Outage) -> None:
    """The time that was told will not be kept. The customers' pages say so at once, with another if there is one."""
    ledger = changes.context.promises.setdefault(outage.id, [])
    if outage.etr_at is None:
        correct_promises(ledger, changes.now)
    elif ledger:  # else nobody has been told yet
        make_promise(estimated_end(outage.id, outage.etr_at), ledger, changes.context.draft, changes.policy.new_id,
                     changes.now, shown=True)


def resolve_ticket(changes: OutageChanges, outage: Outage) -> None:
    """The homes say themselves that it is over; somebody who is on the way already goes on and sees."""
    settle_promises(changes.context.promises.get(outage.id, []), changes.now)
    planning, ticket = _ticket(changes, outage)
    if planning is None or ticket is None or ticket.state not in UNSETTLED:
        return
    if ticket.state in UNDER_WAY:
        changes.context.draft.add(entry(ticket, changes.now, EntryKind.OUTAGE_TICKET_POWER_BACK))
        return
    facts = _facts(changes, ticket, outage, planning)
    withdraw_offers(ticket, planning, changes.policy, changes.now, facts)
    # the outage tells its customers itself, each at their own home's proof
    resolve(ticket, ResolvedBy.TELEMETRY, Reason(ReasonKind.POWER_BACK), planning, changes.policy, changes.now, facts,
            who=GATEWAY, notify_customer=False)


def reopen_ticket(changes: OutageChanges, outage: Outage) -> None:
    """The power is gone again soon after its return: the same ticket goes on."""
    planning, ticket = _ticket(changes, outage)
    if planning is None or ticket is None or ticket.state is not TicketState.RESOLVED:
        return
    move(ticket, Action.REOPEN, changes.now)
    changes.context.draft.add(entry(ticket, changes.now, EntryKind.OUTAGE_TICKET_CAME_BACK))
    facts = _facts(changes, ticket, outage, planning)
    dispatch(ticket, planning, changes.policy, changes.now, facts)


def cancel_own_tickets(changes: OutageChanges, outage: Outage) -> int:
    """Tickets that its homes opened before it was known, unless somebody is on the way already."""
    count = 0
    for site in changes.context.members.get(outage.id, {}):
        for alarm in changes.context.alarms.get(site, []):
            planning = changes.context.planning_contexts.get(alarm.device_id)
            ticket = planning.tickets.get(alarm.rule) if planning is not None else None
            if planning is not None and ticket is not None and ticket.state in UNASSIGNED:
                why = Reason(ReasonKind.PART_OF_OUTAGE, {"outage": outage.id})
                plan_cancel(CancelTicket(ticket.id, why), ticket, planning, changes.policy, GATEWAY, changes.now)
                del planning.tickets[alarm.rule]
                count += 1
    return count


def cancel_ticket(changes: OutageChanges, outage: Outage, why: Reason) -> None:
    """The outage was part of a larger one, or none: nobody needs to go."""
    planning, ticket = _ticket(changes, outage)
    if planning is not None and ticket is not None and ticket.closed_at is None:
        plan_cancel(CancelTicket(ticket.id, why), ticket, planning, changes.policy, GATEWAY, changes.now)


def _ticket(changes: OutageChanges, outage: Outage) -> tuple[PlanningContext | None, Ticket | None]:
    planning = changes.context.planning_contexts.get(outage.device_id or "")
    return planning, planning.tickets.get(f"outage:{outage.id}") if planning is not None else None


def _facts(changes: OutageChanges, ticket: Ticket, outage: Outage, planning: PlanningContext) -> dict[str, Any]:
    """What a firm reads: the area stands where else the device does."""
    return ticket_facts(ticket, _cause(changes, outage), planning.device) | {"device": outage.name}


def _cause(changes: OutageChanges, outage: Outage) -> dict[str, str]:
    """In every language there is."""
    catalogues = changes.policy.catalogues
    return {locale: catalogues.best_for(locale)("message.outage.cause", area=outage.name)
            for locale in catalogues.locales}
