"""Plans "it is not fixed": the same ticket goes on, or the one that is open for it by now, and a person on call looks
at it."""

from gateway.model import Actor, EntryKind, Instant, PageReason, Ticket, TicketState
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.catalogue import FALLBACK
from gateway.tickets.actions import OpenTicket, ReportNotFixed
from gateway.tickets.closing import NOT_FIXED_WITHIN
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.facts import in_their_words, ticket_facts
from gateway.tickets.lifecycle import TRANSITIONS, Action
from gateway.tickets.new_rows import FOLLOW_FOR, entry
from gateway.tickets.on_call.pages import page_dispatcher
from gateway.tickets.opening import join_report, open_or_join, reopen

WORDS = 2000  # characters of what they notice


def may_be_not_fixed(ticket: Ticket, now: Instant) -> bool:
    """Whether the customer can say that it still does not work: an outage proves its end at each home instead."""
    if ticket.outage_id is not None:
        return False
    return ticket.state is TicketState.RESOLVED or (
        ticket.state is TicketState.CLOSED and (ticket.closed_at or 0) > now - NOT_FIXED_WITHIN)


def plan_not_fixed(act: ReportNotFixed, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant
                   ) -> None:
    """Raises Refused when it was never fixed, was closed too long ago, or others live there now."""
    if not may_be_not_fixed(ticket, now) or ticket.customer_id != work.customer.id:
        raise Refused(RefusedReason.NOT_FIXED_TOO_LATE)
    go_on(ticket, act.words, work, policy, who, now)


def go_on(ticket: Ticket, words: str, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """It does not work, by the page or by the survey: the same ticket goes on, or the one that is open for it by now;
    and a person looks at it."""
    device_id = ticket.device_id if ticket.device_id in work.devices else None
    report = OpenTicket(work.site.id, _words(words, work, policy), ticket.skill, ticket.severity, device_id)
    other = (work.ticket_of_subject(ticket.subject or ticket.skill) if device_id is None
             else work.ticket_of_device(device_id))
    goes_on = ticket
    if ticket.state is TicketState.RESOLVED:
        join_report(report, ticket, work, policy, who, now)
    elif other is not None or (ticket.state, Action.REOPEN) not in TRANSITIONS:
        goes_on = open_or_join(report, work, policy, who, now)
        work.draft.add(entry(ticket, now, EntryKind.NOT_FIXED_GOES_ON, who=who, ticket=goes_on.id),
                       entry(goes_on, now, EntryKind.NOT_FIXED_BEFORE, who=who, ticket=ticket.id))
    else:
        _open_again(ticket, report, work, policy, who, now)
    page_dispatcher(work.draft, policy, goes_on, PageReason.NOT_FIXED, now, facts=ticket_facts(goes_on, work, policy))


def _open_again(ticket: Ticket, report: OpenTicket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    cause = in_their_words(report.cause)
    ticket.reported = [*ticket.reported, cause[FALLBACK]]  # no device can say that it is over
    if ticket.id in work.follow:  # it was about to end
        work.follow[ticket.id].expires_at = now + FOLLOW_FOR
    again = entry(ticket, now, EntryKind.REOPENED_BY_PERSON, who=who, cause=cause, note="")
    reopen(ticket, [ticket.skill], again, work, policy, now, reported=True, cause=cause)


def _words(words: str, work: SiteWork, policy: Policy) -> str:
    """Theirs; of somebody who wrote nothing a sentence in their language, so that the ticket says what is wrong."""
    said = " ".join(words[:WORDS].split())
    return said or policy.catalogues.best_for(work.customer.locale or FALLBACK)("report.not_fixed")
