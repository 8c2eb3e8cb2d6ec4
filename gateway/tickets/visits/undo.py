"""Plans that a technician takes a wrong tap back: they have not set out, or are not there yet, after all."""

from gateway.model import MINUTE, Actor, DueKind, EntryKind, Instant, PromiseKind, Responsible, Visit, VisitState
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.context import BeforeArrival, Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due, set_due
from gateway.tickets.lifecycle import Action, VisitAction, move_visit
from gateway.tickets.new_rows import add_entries, show_time
from gateway.tickets.promises import correct_promises, of_kind, reinstate_arrival
from gateway.tickets.promises.promised_times import arrival_window
from gateway.tickets.visits.household import resume_question
from gateway.tickets.visits.messages import tell_customer
from gateway.tickets.visits.overdue import say_nobody_came, watch_arrival, watch_travel

UNDO_WITHIN = 2 * MINUTE
_ON_THE_WAY_OR_THERE = (DueKind.ETA_OVERDUE, DueKind.WORK_OVERRUN, DueKind.WINDOW_END)


def undo_until(visit: Visit) -> Instant | None:
    """Until when the last tap can be taken back. None: there is none, or more has followed from it than can be: whoever
    hears that it is done believes it."""
    since = {VisitState.EN_ROUTE: visit.en_route_at, VisitState.ON_SITE: visit.on_site_at}.get(visit.state)
    return None if since is None else since + UNDO_WITHIN


def can_undo(visit: Visit, now: Instant) -> bool:
    until = undo_until(visit)
    return until is not None and now < until


def plan_take_back(visit: Visit, before: BeforeArrival, work: SiteWork, policy: Policy, who: Actor, now: Instant
                   ) -> None:
    """The visit is where it was before; whoever was told that somebody comes hears that they do not yet. Raises
    Refused."""
    if visit.state is VisitState.DONE:
        raise Refused(RefusedReason.NO_UNDO_OF_DONE)
    if not can_undo(visit, now):
        raise Refused(RefusedReason.UNDO_TOO_LATE)
    unsaid = _ended_unsaid(visit, now)
    if visit.state is VisitState.ON_SITE:
        add_entries(visit, work, now, EntryKind.NOT_THERE, who=who)
        _not_there(visit, before, unsaid, work, policy, now)
        return
    add_entries(visit, work, now, EntryKind.NOT_SET_OUT, who=who)
    _not_set_out(visit, unsaid, work, policy, now)
    if now < visit.window_until:
        tell_customer(TopicName.VISIT_CHANGED, visit, work, policy, now, because="not_set_out")


def _ended_unsaid(visit: Visit, now: Instant) -> bool:
    """Whether the window is over and the household has not heard that nobody came: the technician was taken to be
    there, or had said that they come later."""
    there, since = visit.on_site_at is not None, visit.on_site_at or visit.en_route_at or now
    later = visit.eta is not None and visit.eta > visit.window_until
    return since <= visit.window_until <= now and (there or later)


def _not_set_out(visit: Visit, unsaid: bool, work: SiteWork, policy: Policy, now: Instant) -> None:
    """`unsaid`: as of `_ended_unsaid`. After the window nothing is promised again."""
    move_visit(visit, VisitAction.NOT_SET_OUT, now)
    advance(work.jobs[visit.job_id], Action.NOT_SET_OUT, work, now)
    visit.eta, visit.asks = None, 0
    correct_promises(of_kind(work.promises.get(visit.job_id, []), PromiseKind.ETA), now)
    end_due(visit, work, *_ON_THE_WAY_OR_THERE)
    if now < visit.window_until:
        watch_arrival(visit, work, policy, now)
        show_time(arrival_window(visit, work.customer.id, work.site.id), work, policy, now)
    elif unsaid:
        _say_that_it_ended(visit, work, policy)
    else:
        say_nobody_came(visit, TopicName.VISIT_LATE, work, policy, now)


def _not_there(visit: Visit, before: BeforeArrival, unsaid: bool, work: SiteWork, policy: Policy, now: Instant) -> None:
    """They are on the way again, or where they were if they never said that they had set out."""
    arrived_at = visit.on_site_at or now
    move_visit(visit, VisitAction.NOT_THERE, now)
    advance(work.jobs[visit.job_id], Action.NOT_THERE, work, now)
    visit.called_at = None
    reinstate_arrival(before.promises, arrived_at, work.promises.setdefault(visit.job_id, []), now)
    if before.asked_at is not None:
        resume_question(visit, before.asked_at, work, policy)
    if visit.en_route_at is None:
        _not_set_out(visit, unsaid, work, policy, now)
        return
    end_due(visit, work, *_ON_THE_WAY_OR_THERE)
    watch_travel(visit, work, policy, now)
    if unsaid:
        _say_that_it_ended(visit, work, policy)


def _say_that_it_ended(visit: Visit, work: SiteWork, policy: Policy) -> None:
    """The clock was not to look when the window ended: it does now."""
    set_due(visit, DueKind.WINDOW_END, visit.window_until, Responsible.PROVIDER, work, policy)
