"""Plans what a firm or technician changes about a visit: a delay, an overrun, another window, handing it back."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from gateway.model import (
    MINUTE,
    Actor,
    DueKind,
    EntryKind,
    Instant,
    Job,
    Responsible,
    Ticket,
    Visit,
    VisitState,
    round_up,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import HandBack, ProposeWindow, ReportDelay, ReportOverrun
from gateway.tickets.closing import PAGE_AFTER_WINDOW, end_visit
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import advance, set_due
from gateway.tickets.dispatch.ask import dispatch
from gateway.tickets.lifecycle import VISIT_AHEAD, Action, VisitAction
from gateway.tickets.new_rows import add_entries, show_time
from gateway.tickets.promises import correct_promises
from gateway.tickets.promises.promised_times import arrival_estimate, arrival_window
from gateway.tickets.visits import watch
from gateway.tickets.visits.messages import hear_by, send_invites, tell_customer, tell_who_goes, who_goes
from gateway.tickets.visits.overdue import following, travel_between, watch_arrival, watch_travel, work_time


def plan_report_delay(act: ReportDelay, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The technician still comes, and says when: the customer hears it when it is not what they were told. Raises
    Refused."""
    _check_ahead(visit)
    if visit.eta is not None and visit.asks == 0 and abs(visit.eta - now - act.minutes * MINUTE) < MINUTE:
        return  # the same tap twice
    was_told = _has_passed(DueKind.WINDOW_ENDING, visit, work)
    visit.eta, visit.asks = now + act.minutes * MINUTE, 0
    late = visit.eta > visit.window_until
    if late:
        visit.window_until = round_up(watch.eta_overdue_at(visit.eta), watch.STEP)
        visit.moves, visit.moved_at = visit.moves + 1, now
        _keep_page(visit, work)
        show_time(arrival_window(visit, work.customer.id, work.site.id), work, policy, now)
        send_invites(visit, work, policy, now)
    if visit.state is VisitState.EN_ROUTE:
        watch_travel(visit, work, policy, now)
        show_time(arrival_estimate(visit, visit.eta, work.customer.id, work.site.id), work, policy, now)
    elif late or was_told:
        watch_arrival(visit, work, policy, now)
    add_entries(visit, work, now, EntryKind.DELAY_REPORTED, who=who, minutes=act.minutes)
    if late or was_told or visit.state is VisitState.EN_ROUTE:
        tell_customer(TopicName.VISIT_LATE, visit, work, policy, now)


def plan_report_overrun(act: ReportOverrun, visit: Visit, work: SiteWork, sites: Mapping[str, SiteWork], policy: Policy,
                        who: Actor, now: Instant) -> None:
    """The technician works on: whoever is to see them afterwards hears their new window before the old one ends. Raises
    Refused."""
    _check_on_site(visit)
    visit.asks, until = 0, now + act.minutes * MINUTE
    set_due(visit, DueKind.WORK_OVERRUN, watch.eta_overdue_at(until), Responsible.TECHNICIAN, work, policy)
    add_entries(visit, work, now, EntryKind.OVERRUN_REPORTED, who=who, minutes=act.minutes)
    after = following(visit, sites)
    works = {one.id: its_work for one, its_work in after}
    places = [work.site, *(its_work.site for _, its_work in after)]
    ways = [travel_between(begins, ends, policy) for begins, ends in pairwise(places)]
    shifted = watch.windows_after(until, [(one, way, work_time(one, its_work, policy))
                                          for (one, its_work), way in zip(after, ways, strict=True)])
    for one, begins, ends in shifted:
        move_window(one, begins, ends, works[one.id], policy, who, now, because="overrun")
        send_invites(one, works[one.id], policy, now)


def plan_propose_window(act: ProposeWindow, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant
                        ) -> None:
    """Another window than the one they promised; one that is two weeks off is asked back. Raises Refused."""
    _check_ahead(visit)
    if act.window_until <= max(act.window_from, now):
        raise Refused(RefusedReason.BAD_ARRIVAL_WINDOW)
    if act.window_from > now + watch.WINDOW_LIMIT:
        raise Refused(RefusedReason.WINDOW_TOO_FAR)
    if (act.window_from, act.window_until) != (visit.window_from, visit.window_until):
        move_window(visit, act.window_from, act.window_until, work, policy, who, now)
        send_invites(visit, work, policy, now)


def move_window(visit: Visit, begins: Instant, ends: Instant, work: SiteWork, policy: Policy, who: Actor, now: Instant,
                **facts: Any) -> None:
    """The visit has another arrival window: it is watched anew, and the customer is told. `facts`: for the message."""
    visit.window_from, visit.window_until = begins, ends
    visit.moves, visit.moved_at = visit.moves + 1, now
    visit.eta, visit.early_ok_at, visit.asks = None, None, 0
    if visit.state is VisitState.EN_ROUTE:
        watch_travel(visit, work, policy, now)
    else:
        watch_arrival(visit, work, policy, now)
    _keep_page(visit, work)
    show_time(arrival_window(visit, work.customer.id, work.site.id), work, policy, now)
    add_entries(visit, work, now, EntryKind.WINDOW_MOVED, who=who, window_from=begins, window_until=ends)
    tell_customer(TopicName.VISIT_CHANGED, visit, work, policy, now, **facts)


def plan_hand_back(act: HandBack, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The firm cannot come after all: the customer hears it at once, and others are asked. Raises Refused."""
    _check_ahead(visit)
    hand_back(visit, act.why.strip(), work, policy, who, now)
    send_invites(visit, work, policy, now)
    dispatch(work.jobs[visit.job_id], work, policy, now)


def hand_back(visit: Visit, why: str, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Nobody comes by this visit any more, and others shall be asked: by the firm, or by a dispatcher."""
    job = work.jobs[visit.job_id]
    add_entries(visit, work, now, EntryKind.HANDED_BACK, who=who, reason=why,
                provider=work.provider_name(visit.provider_id))
    tell_customer(TopicName.VISIT_CALLED_OFF, visit, work, policy, now, because="handed_back", why=why,
                  hear_by=hear_by(visit, work, now))
    correct_promises(work.promises.get(job.id, []), now)  # what they hear by when is another promise
    visit.handed_back_at = now
    end_visit(visit, VisitAction.CALL_OFF, work, now)
    if job.first_asked == visit.provider_id:
        job.first_asked = None
    advance(job, Action.HAND_BACK, work, now)


def hand_back_missed(ticket: Ticket, work: SiteWork, policy: Policy, who: Actor, now: Instant, asked: str = ""
                     ) -> list[Job]:
    """Nobody came within the window: whoever was to come is no longer waited for, and hears it unless it is they who
    are `asked` again. Returns the jobs that others can be asked for now."""
    missed = []
    for job in work.jobs_of(ticket):
        visit = work.visit_of(job)
        if visit is not None and is_missed(visit, now):
            if visit.provider_id != asked:
                tell_who_goes(TopicName.VISIT_CALLED_OFF, visit, work, policy, now)
            hand_back(visit, "", work, policy, who, now)
            send_invites(visit, work, policy, now, (who_goes(visit, work),) if visit.provider_id != asked else ())
            missed.append(job)
    return missed


def is_missed(visit: Visit, now: Instant) -> bool:
    """Whether nobody has set out, and the arrival window is over."""
    return visit.state is VisitState.PLANNED and visit.window_until <= now


def plan_log_call(visit: Visit, work: SiteWork, who: Actor, now: Instant) -> None:
    """At the door, and nobody answers the telephone either: the first call counts. Raises Refused."""
    _check_on_site(visit)
    if visit.called_at is None:
        visit.called_at = now
        add_entries(visit, work, now, EntryKind.CALL_UNANSWERED, who=who)


def check_not_over(visit: Visit) -> None:
    """Raises Refused when the visit is."""
    if visit.state is VisitState.DONE:
        raise Refused(RefusedReason.VISIT_OVER)
    if visit.state is VisitState.CANCELLED:
        raise Refused(RefusedReason.VISIT_CANCELLED)


def _check_ahead(visit: Visit) -> None:
    check_not_over(visit)
    if visit.state not in VISIT_AHEAD:
        raise Refused(RefusedReason.ALREADY_ARRIVED)


def _check_on_site(visit: Visit) -> None:
    check_not_over(visit)
    if visit.state is not VisitState.ON_SITE:
        raise Refused(RefusedReason.NOT_ARRIVED)


def _has_passed(kind: DueKind, visit: Visit, work: SiteWork) -> bool:
    due = work.due.get((kind, visit.id))
    return due is not None and due.at is None


def _keep_page(visit: Visit, work: SiteWork) -> None:
    for one in work.visit_links.get(visit.id, []):
        one.expires_at = max(one.expires_at, visit.window_until + PAGE_AFTER_WINDOW)
