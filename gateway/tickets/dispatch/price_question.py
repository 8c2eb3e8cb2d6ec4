"""Plans the question whether somebody may come at a price: it holds a ticket's work until the customer has said yes."""

from gateway.calendars import working_time
from gateway.model import (
    MINUTE,
    Actor,
    DueKind,
    EntryKind,
    HoldReason,
    Instant,
    Job,
    PageReason,
    PriceAnswer,
    Reason,
    ReasonKind,
    Responsible,
    SlaKind,
    Ticket,
    TicketState,
    customer,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.closing import cancel
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, set_due
from gateway.tickets.dispatch.ask import dispatch_new
from gateway.tickets.facts import ticket_facts
from gateway.tickets.jobs import add_to, jobs_for
from gateway.tickets.lifecycle import UNSETTLED, Action
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.on_call.pages import end_pages, page_dispatcher
from gateway.tickets.sla.policy import policy_facts

RING_AGAIN_AFTER = 30 * MINUTE  # nobody has written down what the customer said on the telephone


def hold_for_yes(ticket: Ticket, skill: str, work: SiteWork, policy: Policy, now: Instant) -> Job | None:
    """The job on hold, which nobody takes before the customer has agreed to the price; None: nobody waits for that, for
    they pay nothing or have agreed, somebody comes already, or there is danger. `skill`: "" = any."""
    if ticket.price is None or ticket.outage_id is not None or ticket.price_answer is PriceAnswer.AGREED:
        return None
    held = held_job(ticket, work)
    somebody_comes = held is None and any(job.state in UNSETTLED for job in work.jobs_of(ticket))
    if somebody_comes or any(alarm.danger for alarm in work.faults_of(ticket)):
        return None
    needed = [skill] if skill else []
    if held is not None:
        add_to(held, ticket, needed, work)
        return held
    answer_by = _answer_by(ticket, work, policy, now)
    held = Job(id=policy.new_id("J"), site_id=work.site.id, skills=needed, opened_at=now)
    work.jobs[held.id] = held
    work.draft.add(held)
    add_to(held, ticket, [], work)
    advance(held, Action.HOLD, work, now)
    held.hold_reason, held.hold_until = HoldReason.CUSTOMER_YES, answer_by
    set_due(held, DueKind.HOLD_UNTIL, answer_by, Responsible.CUSTOMER, work, policy)
    ticket.price_answer, ticket.price_answered_at = PriceAnswer.ASKED, None
    work.draft.add(entry(ticket, now, EntryKind.PRICE_ASKED, price=str(ticket.price), answer_by=answer_by))
    return held


def _answer_by(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> Instant:
    """When the SLA asks for a first response; without one, as long as the settings say."""
    context = work.device_of(ticket)
    agreed = policy.sla.for_ticket(policy_facts(ticket, "" if context is None else context.device.profile))
    target = None if agreed is None else agreed.target(ticket.severity, SlaKind.FIRST_RESPONSE)
    by = None if agreed is None or target is None else working_time.add(agreed.calendar(ticket.severity), now, target)
    return now + policy.service.price_answer_minutes * MINUTE if by is None else by


def held_job(ticket: Ticket, work: SiteWork) -> Job | None:
    """The job that waits for the customer's yes to the price, whatever else a dispatcher holds it for."""
    if ticket.price_answer is not PriceAnswer.ASKED:
        return None
    return next((job for job in work.jobs_of(ticket) if job.state is TicketState.ON_HOLD), None)


def release(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> list[Job]:
    """Nobody waits for a yes any more: the jobs that the work becomes, some of them perhaps another ticket's trip."""
    held = held_job(ticket, work)
    if held is None:
        return []
    advance(held, Action.CANCEL, work, now)
    end_pages(work.draft, ticket, now, PageReason.CUSTOMER_SILENT)
    return jobs_for(ticket, held.skills, work, policy, now)


def plan_agree(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Somebody is sent. The same tap twice changes nothing. Raises Refused."""
    if not _is_new(ticket, PriceAnswer.AGREED):
        return
    jobs = release(ticket, work, policy, now)
    ticket.price_answer, ticket.price_answered_at = PriceAnswer.AGREED, now
    price = str(ticket.price)
    work.draft.add(
        entry(ticket, now, EntryKind.PRICE_AGREED, who=who, price=price),
        notify(policy, customer(ticket.customer_id), TopicName.PRICE_AGREED, ticket, ticket.round, now,
               facts=ticket_facts(ticket, work, policy) | {"price": price}, link_id=work.follow_id(ticket.id)))
    dispatch_new(jobs, work, policy, now)


def plan_decline(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The ticket is over, and the customer reads that nobody comes; its alarms stay open. The same tap twice changes
    nothing. Raises Refused."""
    if not _is_new(ticket, PriceAnswer.DECLINED):
        return
    ticket.price_answer, ticket.price_answered_at = PriceAnswer.DECLINED, now
    for alarm in work.alarms_of(ticket):
        alarm.declined_at = now
    price = str(ticket.price)
    work.draft.add(
        entry(ticket, now, EntryKind.PRICE_DECLINED, who=who, price=price),
        notify(policy, customer(ticket.customer_id), TopicName.PRICE_DECLINED, ticket, ticket.round, now,
               facts=ticket_facts(ticket, work, policy) | ({} if work.faults_of(ticket) else {"reported": True}),
               link_id=work.follow_id(ticket.id)))
    cancel(ticket, Reason(ReasonKind.PRICE_DECLINED, {"price": price}), who, work, policy, now)


def plan_no_answer(job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """The customer has not said in time whether somebody may come: whoever is on call rings them."""
    first = work.due[DueKind.HOLD_UNTIL, job.id].responsible is Responsible.CUSTOMER
    set_due(job, DueKind.HOLD_UNTIL, now + RING_AGAIN_AFTER, Responsible.DISPATCHER, work, policy)
    for ticket in work.tickets_of(job):
        if first:
            work.draft.add(entry(ticket, now, EntryKind.PRICE_UNANSWERED, price=str(ticket.price)))
        page_dispatcher(work.draft, policy, ticket, PageReason.CUSTOMER_SILENT, now,
                        facts=ticket_facts(ticket, work, policy))


def _is_new(ticket: Ticket, answer: PriceAnswer) -> bool:
    """False: they have said the same before. Raises Refused."""
    if ticket.price_answer is answer:
        return False
    match ticket.price_answer:
        case None:
            raise Refused(RefusedReason.PRICE_NOT_ASKED, id=ticket.id)
        case PriceAnswer.AGREED:
            raise Refused(RefusedReason.PRICE_AGREED_TO, id=ticket.id)
        case PriceAnswer.DECLINED:
            raise Refused(RefusedReason.PRICE_DECLINED, id=ticket.id)
    if ticket.state not in UNSETTLED:
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    return True
