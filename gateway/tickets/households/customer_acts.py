"""Plans what a customer does on their page: nobody needs to come, or there is something to know; and what waits for a
minute, in which they can take it back."""

from gateway.model import (
    MINUTE,
    Actor,
    CallbackOrigin,
    CustomerAct,
    EntryKind,
    Instant,
    OnCallRole,
    PageReason,
    PendingAct,
    PendingOutcome,
    Severity,
    Site,
    Ticket,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.catalogue import FALLBACK
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import Act, MoveVisit, NoteAccess, NotNeeded, OpenCallback, ReportNotFixed, TellUs
from gateway.tickets.closing import cancel
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.facts import ticket_facts
from gateway.tickets.lifecycle import BEFORE_ARRIVAL, BEFORE_DEPARTURE, UNSETTLED
from gateway.tickets.new_rows import entry
from gateway.tickets.on_call.pages import open_page, page_dispatcher, tell_again
from gateway.tickets.visits.messages import tell_who_goes

TAKE_BACK = MINUTE  # so long nobody hears of it
WORDS = 1000  # characters of what they want us to know
A_DAY = {CustomerAct.MOVE: 5, CustomerAct.NOT_NEEDED: 5, CustomerAct.NOT_FIXED: 5, CustomerAct.CALL: 5,
         CustomerAct.TELL: 10, CustomerAct.ACCESS: 10}  # of one ticket, those too that were taken back
DECIDES = frozenset((CustomerAct.MOVE, CustomerAct.NOT_NEEDED, CustomerAct.NOT_FIXED))
"""Of these only the last word counts, and they depend on how things stood on the page."""


def is_theirs(ticket: Ticket, site: Site) -> bool:
    return site.customer_id == ticket.customer_id and site.household_left_at is None


def check_theirs(row: PendingAct, ticket: Ticket, site: Site) -> None:
    """Raises Refused when others live there since they asked for it, or nobody."""
    if not is_theirs(ticket, site) or row.asked_at <= (site.household_since or 0):
        raise Refused(RefusedReason.NOBODY_LIVES_THERE, id=site.id)


def may_call_off(ticket: Ticket, site: Site) -> bool:
    """Somebody who is there is spoken with; a dangerous fault is not called off by a tap, but by a call."""
    return (is_theirs(ticket, site) and ticket.state in BEFORE_DEPARTURE | BEFORE_ARRIVAL and ticket.outage_id is None
            and ticket.severity is not Severity.CRITICAL)


def plan_not_needed(act: NotNeeded, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Raises Refused when it cannot be called off by a tap."""
    if not may_call_off(ticket, work.site):
        raise Refused(RefusedReason.NOT_NEEDED_TOO_LATE)
    said = " ".join(act.why[:WORDS].split())
    cancel(ticket, said or policy.catalogues.best_for(work.customer.locale or FALLBACK)("report.not_needed"), who, work,
           policy, now)


def plan_tell_us(act: TellUs, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """It stands in the timeline and on the pages of whoever is asked or comes; whoever comes hears it at once, and when
    nobody comes, a dispatcher. Raises Refused."""
    words = act.words.strip()[:WORDS]
    if not words:
        raise Refused(RefusedReason.WORDS_NEEDED)
    if not is_theirs(ticket, work.site):
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    work.draft.add(entry(ticket, now, EntryKind.CUSTOMER_WROTE, who=who, words=words))
    visits = {visit.id: visit for job in work.jobs_of(ticket) if (visit := work.visit_of(job)) is not None
              and visit.done_at is None}
    for visit in visits.values():
        tell_who_goes(TopicName.CUSTOMER_WROTE, visit, work, policy, now, note=words)
    if not visits:
        _page_who_reads_it(ticket, work, policy, now)


def _page_who_reads_it(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Also when somebody sees to it already: they have not read this."""
    facts = ticket_facts(ticket, work, policy)
    page = open_page(work.draft, ticket, OnCallRole.DISPATCHER)
    if page is not None and page.why[-1] is PageReason.CUSTOMER_WROTE:
        if page.told_at == now:  # of two at the same moment they read both when they look
            return
        tell_again(page, ticket, f"{page.id}/{now}", work.draft, policy, now, facts)
    else:
        page_dispatcher(work.draft, policy, ticket, PageReason.CUSTOMER_WROTE, now, facts=facts)


def plan_note_access(act: NoteAccess, work: SiteWork) -> None:
    """It is not written into a timeline, which more people read. Raises Refused where nobody lives."""
    if work.site.household_left_at is not None:
        raise Refused(RefusedReason.NOBODY_LIVES_THERE, id=act.site_id)
    work.site = work.draft.copy(work.site)
    work.site.access = act.words.strip()[:WORDS]


def act_of(row: PendingAct, ticket: Ticket) -> Act:
    """What is done when the minute is over; `ticket`: the one that goes on, when it was merged meanwhile."""
    match row.kind:
        case CustomerAct.MOVE:
            return MoveVisit(ticket.id, row.window_from or 0, row.window_until or 0, row.asked_at)
        case CustomerAct.NOT_NEEDED:
            return NotNeeded(ticket.id, row.words)
        case CustomerAct.NOT_FIXED:
            return ReportNotFixed(ticket.id, row.words)
        case CustomerAct.CALL:
            return OpenCallback(ticket.site_id, row.words, origin=CallbackOrigin.PAGE)
        case CustomerAct.TELL:
            return TellUs(ticket.id, row.words)
        case CustomerAct.ACCESS:
            return NoteAccess(ticket.site_id, row.words)


def end_pending(row: PendingAct, outcome: PendingOutcome, now: Instant) -> None:
    """The only place that writes what came of it."""
    row.closed_at, row.outcome = now, outcome
    if row.kind is CustomerAct.ACCESS:
        row.words = ""  # what opens a door lies in one place only


def check_quota(kind: CustomerAct, before: int) -> None:
    """`before`: how often they have done that within a day. Raises Refused."""
    if before >= A_DAY[kind]:
        raise Refused(RefusedReason.TOLD_ENOUGH if kind is CustomerAct.TELL else RefusedReason.ACTED_ENOUGH)


def excludes(wanted: PendingAct, waits: PendingAct) -> bool:
    """Whether the second is not done because of the first: of two tickets on one visit only moving it is one matter."""
    return wanted.kind in DECIDES and waits.kind in DECIDES and (
        wanted.ticket_id == waits.ticket_id or wanted.kind is waits.kind is CustomerAct.MOVE)


def says_the_same(one: PendingAct, other: PendingAct) -> bool:
    return (one.kind, one.words, one.window_from, one.window_until) == (
        other.kind, other.words, other.window_from, other.window_until)


def plan_could_not(row: PendingAct, ticket: Ticket | None, work: SiteWork, policy: Policy, now: Instant) -> None:
    """It was possible a minute ago: the customer reads on their page that it was not done, and a person rings them
    unless all is over anyway."""
    end_pending(row, PendingOutcome.REFUSED, now)
    if ticket is not None and ticket.state in UNSETTLED:
        page_dispatcher(work.draft, policy, ticket, PageReason.WISH_NOT_DONE, now,
                        facts=ticket_facts(ticket, work, policy))
