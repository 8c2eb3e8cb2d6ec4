"""Plans that a technician takes a wrong tap back: not set out, not there, or not done after all."""

from gateway.model import MINUTE, Actor, DueKind, EntryKind, Instant, PromiseKind, Visit, VisitState
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, end_due
from gateway.tickets.lifecycle import Action, VisitAction, move_visit
from gateway.tickets.new_rows import add_entries, show_time
from gateway.tickets.promises import correct_promises, of_kind
from gateway.tickets.promises.promised_times import arrival_estimate, arrival_window
from gateway.tickets.visits.messages import tell_customer
from gateway.tickets.visits.overdue import watch_arrival, watch_travel

UNDO_WITHIN = 2 * MINUTE
# of Visit.report
UNTIL = "until"  # it can be taken back
CAME_WITH_IT = "came_with_it"  # until then they had not said that they were there


def undo_until(visit: Visit) -> Instant | None:
    """Until when the last tap can be taken back. None: there is none, or more has followed from it than can be: how a
    visit ended takes effect only then (gateway/tickets/visits/reports.py), and whoever hears it believes it."""
    if visit.report is not None:
        until: Instant = visit.report[UNTIL]
        return until
    since = {VisitState.EN_ROUTE: visit.en_route_at, VisitState.ON_SITE: visit.on_site_at}.get(visit.state)
    return None if since is None else since + UNDO_WITHIN


def can_undo(visit: Visit, now: Instant) -> bool:
    until = undo_until(visit)
    return until is not None and now < until


def plan_take_back(visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The visit is where it was before; whoever was told that somebody comes hears that they do not yet. Raises
    Refused."""
    is_reported = visit.reported_at is not None
    if not can_undo(visit, now):
        raise Refused(RefusedReason.NO_UNDO_OF_DONE if is_reported or visit.state is VisitState.DONE
                      else RefusedReason.UNDO_TOO_LATE)
    if is_reported:
        _not_done(visit, work, policy, who, now)
    elif visit.state is VisitState.ON_SITE:
        _not_there(visit, work, policy, who, now)
    else:
        _not_set_out(visit, work, policy, now)
        add_entries(visit, work, now, EntryKind.NOT_SET_OUT, who=who)
        tell_customer(TopicName.VISIT_CHANGED, visit, work, policy, now, because="not_set_out")


def _not_done(visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Nobody has heard of it. Who had not said that they were there, and said it with that same tap, has not."""
    came_with_it = visit.report is not None and visit.report[CAME_WITH_IT]
    visit.reported_at = visit.report = None
    end_due(visit, work, DueKind.REPORT_COUNTS)
    add_entries(visit, work, now, EntryKind.REPORT_TAKEN_BACK, who=who)
    if came_with_it:
        _not_there(visit, work, policy, who, now)


def _not_set_out(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    move_visit(visit, VisitAction.NOT_SET_OUT, now)
    advance(work.jobs[visit.job_id], Action.NOT_SET_OUT, work, now)
    visit.eta, visit.asks = None, 0
    correct_promises(of_kind(work.promises.get(visit.job_id, []), PromiseKind.ETA), now)
    end_due(visit, work)
    watch_arrival(visit, work, policy, now)
    show_time(arrival_window(visit, work.customer.id, work.site.id), work, policy, now)


def _not_there(visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """They are on the way again, or where they were if they never said that they had set out."""
    move_visit(visit, VisitAction.NOT_THERE, now)
    advance(work.jobs[visit.job_id], Action.NOT_THERE, work, now)
    visit.called_at = None
    add_entries(visit, work, now, EntryKind.NOT_THERE, who=who)
    if visit.en_route_at is None:
        _not_set_out(visit, work, policy, now)
        return
    end_due(visit, work)
    watch_travel(visit, work, policy, now)
    promised = arrival_window(visit, work.customer.id, work.site.id) if visit.eta is None else arrival_estimate(
        visit, visit.eta, work.customer.id, work.site.id)
    show_time(promised, work, policy, now)
