"""Plans what a household says about its visit: come anyway, not needed, nobody came, early is fine, we were there."""

from gateway.model import (
    MINUTE,
    Actor,
    DueKind,
    EntryKind,
    HoldReason,
    IncompleteReason,
    Instant,
    Job,
    Reason,
    ReasonKind,
    ResolvedBy,
    Responsible,
    Ticket,
    TicketState,
    Visit,
    VisitState,
    customer,
    round_up,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.closing import resolve
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due, set_due
from gateway.tickets.dispatch.ask import dispatch
from gateway.tickets.facts import job_facts
from gateway.tickets.lifecycle import BEFORE_ARRIVAL, UNSETTLED, VISIT_AHEAD, Action
from gateway.tickets.new_rows import add_entries, entry, notify
from gateway.tickets.visits import watch
from gateway.tickets.visits.messages import new_occurrence, tell_customer, tell_dispatcher, tell_who_goes, visit_facts
from gateway.tickets.visits.overdue import is_worth_a_look


def ask_whether_needed(ticket: Ticket, work: SiteWork, policy: Policy, now: Instant) -> None:
    """It works again, and somebody is coming: the household chooses, and whoever goes there hears it at once. Nobody is
    asked while another ticket of the same visit, another fault, or what a person has reported, still needs them."""
    for job in work.jobs_of(ticket):
        visit = work.visit_of(job)
        if visit is None or job.state not in BEFORE_ARRIVAL or awaits_answer(visit, work) or _needs_them(job, work):
            continue
        until = _await_answer(visit, now, work, policy)
        add_entries(job, work, now, EntryKind.STILL_NEEDED_ASKED)
        tell_customer(TopicName.WORKS_AGAIN, visit, work, policy, now, hear_by=until,
                      keeps=is_worth_a_look(visit, work))
        tell_who_goes(TopicName.WORKS_AGAIN, visit, work, policy, now, hear_by=until)


def resume_question(visit: Visit, asked_at: Instant, work: SiteWork, policy: Policy) -> None:
    """Whoever was taken to be there is not: the question of then is open as long as it was to be."""
    if not _needs_them(work.jobs[visit.job_id], work):
        _await_answer(visit, asked_at, work, policy)


def end_question(ticket: Ticket, work: SiteWork) -> None:
    """The fault is back: nobody is asked any more whether somebody shall come."""
    for job in work.jobs_of(ticket):
        visit = work.visit_of(job)
        if visit is not None:
            end_due(visit, work, DueKind.CUSTOMER_ANSWER)


def plan_keep_visit(ticket: Ticket, work: SiteWork, who: Actor, now: Instant) -> None:
    """They shall come anyway. Raises Refused when nobody asks."""
    _, visit = _visit_in_question(ticket, work)
    keep_visit(visit, ticket, work, who, now)


def keep_visit(visit: Visit, ticket: Ticket, work: SiteWork, who: Actor, now: Instant) -> None:
    """They want this visit: nobody asks any more."""
    end_due(visit, work, DueKind.CUSTOMER_ANSWER)
    work.draft.add(entry(ticket, now, EntryKind.VISIT_KEPT, who=who))


def plan_drop_visit(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Nobody needs to come: it works again, and everybody who heard of the visit hears that. Raises Refused when nobody
    asks."""
    job, _ = _visit_in_question(ticket, work)
    for one in [one for one in work.tickets_of(job) if one.state in UNSETTLED]:
        work.draft.add(entry(one, now, EntryKind.VISIT_DROPPED, who=who))
        resolve(one, ResolvedBy.TELEMETRY, Reason(ReasonKind.BACK_TO_NORMAL), work, policy, now, who,
                notify_customer=one is ticket)


def plan_allow_early(ticket: Ticket, work: SiteWork, who: Actor, now: Instant) -> None:
    """They may come before the window. The same answer twice changes nothing. Raises Refused when nobody does."""
    visit = _current(ticket, work)
    if visit is None or visit.eta is None or visit.eta >= visit.window_from:
        raise Refused(RefusedReason.NOT_EARLY)
    if visit.early_ok_at is None:
        visit.early_ok_at = now
        work.draft.add(entry(ticket, now, EntryKind.EARLY_ALLOWED, who=who))


def plan_report_missed(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Nobody came, says the household: a dispatcher hears it at once. Raises Refused while there is still time."""
    visit = _current(ticket, work)
    if visit is None or visit.state not in VISIT_AHEAD | {VisitState.ON_SITE}:
        raise Refused(RefusedReason.NOTHING_TO_ANSWER)
    if visit.state in VISIT_AHEAD and now < visit.window_until:
        raise Refused(RefusedReason.WINDOW_NOT_OVER)
    work.draft.add(entry(ticket, now, EntryKind.MISSED_REPORTED, who=who))
    tell_dispatcher(Reason(ReasonKind.NOBODY_CAME_SAID), visit, work, policy, now)


def plan_contest_no_access(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Somebody was there to open, says the household: a dispatcher looks into it, and the next visit is arranged at
    once. Raises Refused when nobody has said otherwise, or it has been contested."""
    visit = no_access_visit(ticket, work)
    if visit is None:
        raise Refused(RefusedReason.NOTHING_TO_ANSWER)
    if visit.contested_at is not None:
        return
    visit.contested_at = now
    work.draft.add(entry(ticket, now, EntryKind.ACCESS_CONTESTED, who=who))
    tell_dispatcher(Reason(ReasonKind.ACCESS_CONTESTED), visit, work, policy, now)
    job = work.jobs[visit.job_id]
    if job.state is TicketState.ON_HOLD:
        wake(job, work, policy, now)


def wake(job: Job, work: SiteWork, policy: Policy, now: Instant) -> None:
    """What the job waited for is there, or its time has come: the next visit is arranged, and the customer knows."""
    visit, agreed = last_visit(job, work), job.hold_reason is HoldReason.CUSTOMER_YES
    advance(job, Action.WAKE, work, now)
    add_entries(job, work, now, EntryKind.WOKEN)
    if not agreed:  # else they know: they said so themselves
        ticket = work.named_ticket(job)
        facts = job_facts(job, work, policy) if visit is None else visit_facts(visit, job, work, policy)
        parts = [] if visit is None else visit.parts
        work.draft.add(notify(
            policy, customer(ticket.customer_id), TopicName.NEXT_VISIT, ticket, new_occurrence(policy), now,
            facts=facts | {"hear_by": watch.hear_again_at(now, 0), "parts": parts}, link_id=work.follow_id(ticket.id)))
    dispatch(job, work, policy, now)


def last_visit(job: Job, work: SiteWork) -> Visit | None:
    """The job's visit that ended last."""
    done = [visit for visit in work.visits.values() if visit.job_id == job.id and visit.state is VisitState.DONE]
    return max(done, key=lambda visit: (visit.done_at or 0, visit.id), default=None)


def no_access_visit(ticket: Ticket, work: SiteWork) -> Visit | None:
    """The last visit, when it ended because nobody was said to be there and nobody has come since."""
    for job in work.jobs_of(ticket):
        visit = last_visit(job, work)
        if visit is not None and visit.incomplete is IncompleteReason.NO_ACCESS and job.visit_id is None:
            return visit
    return None


def awaits_answer(visit: Visit, work: SiteWork) -> bool:
    """Whether the household is being asked if somebody shall still come."""
    due = work.due.get((DueKind.CUSTOMER_ANSWER, visit.id))
    return due is not None and due.at is not None


def _needs_them(job: Job, work: SiteWork) -> bool:
    """Whether a fault, or what a person has reported, still needs somebody to come."""
    return any(work.faults_of(one) or work.reports_of(one) for one in work.tickets_of(job))


def _await_answer(visit: Visit, asked_at: Instant, work: SiteWork, policy: Policy) -> Instant:
    """Until when the household may answer that was asked at `asked_at`."""
    until = round_up(asked_at + policy.service.needed_minutes * MINUTE, watch.STEP)
    set_due(visit, DueKind.CUSTOMER_ANSWER, until, Responsible.CUSTOMER, work, policy)
    return until


def _visit_in_question(ticket: Ticket, work: SiteWork) -> tuple[Job, Visit]:
    for job in work.jobs_of(ticket):
        visit = work.visit_of(job)
        if visit is not None and awaits_answer(visit, work):
            return job, visit
    raise Refused(RefusedReason.NOTHING_TO_ANSWER)


def _current(ticket: Ticket, work: SiteWork) -> Visit | None:
    return work.visits.get(ticket.visit_id or "")
