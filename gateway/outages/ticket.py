"""The ticket of an area outage: opened, resolved, reopened or cancelled, and the homes' own tickets cancelled."""

from typing import Any

from gateway.model import (
    GATEWAY,
    EntryKind,
    Outage,
    Promise,
    PromiseKind,
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
from gateway.tickets.alarms.raised import resolve
from gateway.tickets.context import PlanningContext
from gateway.tickets.dispatch import about_ticket, dispatch, withdraw_offers
from gateway.tickets.lifecycle import UNASSIGNED, UNDER_WAY, UNSETTLED, Action, move
from gateway.tickets.new_rows import entry
from gateway.tickets.promises import mark_broken, settle_promises
from gateway.tickets.visits import plan_cancel


def open_ticket(look: OutageChanges, outage: Outage) -> None:
    """A ticket at the first home that went dark, and a firm asked that can do what the settings say."""
    facts = look.board.facts[outage.device_id or ""]
    ticket = Ticket(
        id=look.rules.fresh("T"), site_id=facts.site.id, customer_id=facts.customer.id, device_id=facts.device.id,
        cause_key=f"outage:{outage.id}", cause=_cause(look, outage)[FALLBACK], skill=look.rules.service.outage_skill,
        severity=Severity.MAJOR, opened_at=look.now, outage_id=outage.id)
    outage.ticket_id = ticket.id
    facts.tickets[ticket.cause_key] = ticket
    look.board.draft.add(ticket, entry(ticket, look.now, EntryKind.OUTAGE_TICKET_OPENED, why=outage.why,
                                       area=outage.name, homes=outage.dark))
    dispatch(ticket, facts, look.rules, look.now, _about(look, ticket, outage, facts))
    _promise(look, outage)


def update_estimate(look: OutageChanges, outage: Outage) -> None:
    """The time that was told has passed, and another may take its place."""
    facts, ticket = _ticket(look, outage)
    if facts is not None and ticket is not None:
        mark_broken([one for one in facts.promises.get(ticket.id, []) if one.kind is PromiseKind.ETR], look.now)
    _promise(look, outage)


def _promise(look: OutageChanges, outage: Outage) -> None:
    if outage.etr_at is not None and outage.ticket_id is not None:
        look.board.draft.add(Promise(id=look.rules.fresh("P"), subject_id=outage.ticket_id, kind=PromiseKind.ETR,
                                     made_at=look.now, due_at=outage.etr_at))


def resolve_ticket(look: OutageChanges, outage: Outage) -> None:
    """The homes say themselves that it is over; somebody who is on the way already goes on and sees."""
    facts, ticket = _ticket(look, outage)
    if facts is None or ticket is None or ticket.state not in UNSETTLED:
        return
    settle_promises([one for one in facts.promises.get(ticket.id, []) if one.kind is PromiseKind.ETR], look.now)
    if ticket.state in UNDER_WAY:
        look.board.draft.add(entry(ticket, look.now, EntryKind.OUTAGE_TICKET_POWER_BACK))
        return
    about = _about(look, ticket, outage, facts)
    withdraw_offers(ticket, facts, look.rules, look.now, about)
    # the outage tells its customers itself, each at their own home's proof
    resolve(ticket, ResolvedBy.TELEMETRY, Reason(ReasonKind.POWER_BACK), facts, look.rules, look.now, about,
            who=GATEWAY, tell_customer=False)


def reopen_ticket(look: OutageChanges, outage: Outage) -> None:
    facts, ticket = _ticket(look, outage)
    if facts is None or ticket is None or ticket.state is not TicketState.RESOLVED:
        return
    move(ticket, Action.REOPEN, look.now)
    look.board.draft.add(entry(ticket, look.now, EntryKind.OUTAGE_TICKET_CAME_BACK))
    about = _about(look, ticket, outage, facts)
    dispatch(ticket, facts, look.rules, look.now, about)


def cancel_own_tickets(look: OutageChanges, outage: Outage) -> int:
    """Tickets that its homes opened before it was known, unless somebody is on the way already."""
    count = 0
    for site in look.board.members.get(outage.id, {}):
        for alarm in look.board.alarms.get(site, []):
            facts = look.board.facts.get(alarm.device_id)
            ticket = facts.tickets.get(alarm.rule) if facts is not None else None
            if facts is not None and ticket is not None and ticket.state in UNASSIGNED:
                why = Reason(ReasonKind.PART_OF_OUTAGE, {"outage": outage.id})
                plan_cancel(CancelTicket(ticket.id, why), ticket, facts, look.rules, GATEWAY, look.now)
                del facts.tickets[alarm.rule]
                count += 1
    return count


def cancel_ticket(look: OutageChanges, outage: Outage, why: Reason) -> None:
    facts, ticket = _ticket(look, outage)
    if facts is not None and ticket is not None and ticket.closed_at is None:
        plan_cancel(CancelTicket(ticket.id, why), ticket, facts, look.rules, GATEWAY, look.now)


def _ticket(look: OutageChanges, outage: Outage) -> tuple[PlanningContext | None, Ticket | None]:
    facts = look.board.facts.get(outage.device_id or "")
    return facts, facts.tickets.get(f"outage:{outage.id}") if facts is not None else None


def _about(look: OutageChanges, ticket: Ticket, outage: Outage, facts: PlanningContext) -> dict[str, Any]:
    """What a firm reads: the area stands where else the device does."""
    return about_ticket(ticket, _cause(look, outage), facts.device) | {"device": outage.name}


def _cause(look: OutageChanges, outage: Outage) -> dict[str, str]:
    """In every language there is."""
    catalogues = look.rules.catalogues
    return {locale: catalogues.best_for(locale)("message.outage.cause", area=outage.name)
            for locale in catalogues.locales}
