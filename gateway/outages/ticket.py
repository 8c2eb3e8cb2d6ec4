"""The ticket of an area outage: opened, resolved, reopened or cancelled, and the homes' own tickets cancelled."""

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
from gateway.tickets.closing import cancel, resolve
from gateway.tickets.context import SiteWork
from gateway.tickets.deadlines import end_due
from gateway.tickets.dispatch.ask import dispatch
from gateway.tickets.jobs import job_for
from gateway.tickets.lifecycle import UNASSIGNED, UNDER_WAY, UNSETTLED, Action, move
from gateway.tickets.new_rows import entry
from gateway.tickets.promises import correct_promises, make_promise, settle_promises
from gateway.tickets.promises.promised_times import estimated_end


def open_ticket(changes: OutageChanges, outage: Outage) -> None:
    """A ticket at the first home that went dark, of no device, and a firm asked that can do what the settings say."""
    work, skill = changes.context.sites[outage.site_id or ""], changes.policy.service.outage_skill
    work.outages[outage.id] = outage
    ticket = Ticket(
        id=changes.policy.new_id("T"), site_id=work.site.id, customer_id=work.customer.id,
        cause_key=f"outage:{outage.id}", cause=_cause(changes, outage), skill=skill, severity=Severity.MAJOR,
        opened_at=changes.now, outage_id=outage.id)
    outage.ticket_id = ticket.id
    work.tickets[ticket.id] = ticket
    changes.context.draft.add(ticket, entry(ticket, changes.now, EntryKind.OUTAGE_TICKET_OPENED,
                                            evidence=outage.evidence, area=outage.name, homes=outage.dark))
    dispatch(job_for(ticket, skill, work, changes.policy, changes.now), work, changes.policy, changes.now)


def update_cause(changes: OutageChanges, outage: Outage) -> None:
    """It is the outage of another area than was thought: its ticket says so."""
    _, ticket = _ticket(changes, outage)
    if ticket is not None:
        ticket.cause = _cause(changes, outage)


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
    work, ticket = _ticket(changes, outage)
    if work is None or ticket is None or ticket.state not in UNSETTLED:
        return
    if ticket.state in UNDER_WAY:
        changes.context.draft.add(entry(ticket, changes.now, EntryKind.OUTAGE_TICKET_POWER_BACK))
        return
    # the outage tells its customers itself, each at their own home's proof
    resolve(ticket, ResolvedBy.TELEMETRY, Reason(ReasonKind.POWER_BACK), work, changes.policy, changes.now,
            who=GATEWAY, notify_customer=False)


def reopen_ticket(changes: OutageChanges, outage: Outage) -> None:
    """The power is gone again soon after its return: the same ticket goes on."""
    work, ticket = _ticket(changes, outage)
    if work is None or ticket is None or ticket.state is not TicketState.RESOLVED:
        return
    end_due(ticket, work)
    move(ticket, Action.REOPEN, changes.now)
    changes.context.draft.add(entry(ticket, changes.now, EntryKind.OUTAGE_TICKET_CAME_BACK))
    dispatch(job_for(ticket, ticket.skill, work, changes.policy, changes.now), work, changes.policy, changes.now)


def cancel_own_tickets(changes: OutageChanges, outage: Outage) -> int:
    """Tickets that these homes of it opened before it was known, unless somebody is on the way already, they have
    another fault, or a person has reported something."""
    count = 0
    for site in changes.context.members.get(outage.id, {}):
        work = changes.context.sites.get(site)
        for alarm in changes.context.alarms.get(site, []):
            ticket = work.tickets.get(alarm.ticket_id or "") if work is not None else None
            if work is None or ticket is None or ticket.state not in UNASSIGNED or work.reports_of(ticket):
                continue
            if all(one.rule == alarm.rule for one in work.alarms_of(ticket)):
                why = Reason(ReasonKind.PART_OF_OUTAGE, {"outage": outage.id})
                cancel(ticket, why, GATEWAY, work, changes.policy, changes.now)
                count += 1
    return count


def cancel_ticket(changes: OutageChanges, outage: Outage, why: Reason) -> None:
    """The outage was part of a larger one, or none: nobody needs to go."""
    work, ticket = _ticket(changes, outage)
    if work is not None and ticket is not None and ticket.closed_at is None:
        cancel(ticket, why, GATEWAY, work, changes.policy, changes.now)


def _ticket(changes: OutageChanges, outage: Outage) -> tuple[SiteWork | None, Ticket | None]:
    work = changes.context.sites.get(outage.site_id or "")
    return work, None if work is None else work.tickets.get(outage.ticket_id or "")


def _cause(changes: OutageChanges, outage: Outage) -> str:
    return changes.policy.catalogues.best_for(FALLBACK)("message.outage.cause", area=outage.name)
