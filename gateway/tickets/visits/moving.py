"""Plans the visit that a customer moves to an arrival window that is really free, or calls off because none suits; only
until shortly before it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from gateway.calendars.arrival_windows import NIGHT, Window, nearest, windows_from
from gateway.calendars.opening_hours import day_of
from gateway.config.settings import Service
from gateway.model import (
    HOUR,
    MINUTE,
    Actor,
    Customer,
    EntryKind,
    Instant,
    Provider,
    Severity,
    Site,
    Technician,
    Ticket,
    Visit,
    VisitState,
    to_iso,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import CallOffVisit, MoveVisit
from gateway.tickets.closing import end_visit
from gateway.tickets.context import Booking, Policy, SiteWork
from gateway.tickets.deadlines import advance
from gateway.tickets.dispatch.ask import dispatch
from gateway.tickets.dispatch.working_times import calendar_of, opening_calendar
from gateway.tickets.lifecycle import Action, VisitAction
from gateway.tickets.new_rows import add_entries
from gateway.tickets.promises import correct_promises
from gateway.tickets.visits.changes import move_window
from gateway.tickets.visits.household import awaits_answer, keep_visit
from gateway.tickets.visits.messages import hear_by, send_invites, tell_customer, tell_who_goes, who_goes

_GOOD_FOR = 10 * MINUTE  # so long what was in time when they asked for it still is


class Movable(NamedTuple):
    """A visit, and what decides when else it can be."""

    visit: Visit
    provider: Provider
    customer: Customer
    site: Site
    booked: Sequence[Booking]  # what else the firm has to do
    technician: Technician | None  # who goes; None: nobody whom the firm has named to us


def may_move(visit: Visit, service: Service, now: Instant) -> bool:
    """Whether the customer moves it on their page: nobody has set out, and there is time enough for the firm."""
    return visit.state is VisitState.PLANNED and now < visit.window_from - service.move_hours * HOUR


def free_windows(of: Movable, service: Service, now: Instant) -> list[Window]:
    """The arrival windows of the next two weeks in which the firm can come instead, the first first: in its hours, on
    days on which it has room, when the same technician is not to be elsewhere, and not in the customer's night."""
    firm, zone = of.provider, of.site.timezone
    days = Counter(day_of(firm.timezone, one.window_from) for one in of.booked)
    theirs = [one for one in of.booked if one.technician == of.visit.technician]
    calendar = opening_calendar(firm) if of.technician is None else calendar_of(of.technician, firm)
    night = (of.customer.quiet_from, of.customer.quiet_until)
    return [
        (begins, ends) for begins, ends in windows_from(
            now + service.move_hours * HOUR, service.arrival_hours, calendar, zone,
            night if None not in night else NIGHT)
        if (begins, ends) != (of.visit.window_from, of.visit.window_until)
        and days[day_of(firm.timezone, begins)] < firm.visits_a_day
        and not any(one.window_from < ends and begins < one.window_until for one in theirs)]


def plan_move_visit(act: MoveVisit, visit: Visit | None, provider: Provider | None, booked: Sequence[Booking],
                    technician: Technician | None, ticket: Ticket, work: SiteWork, policy: Policy, who: Actor,
                    now: Instant) -> None:
    """The firm, the technician and the household hear of it. Raises Refused, with the nearest window that can be
    had."""
    theirs = ticket.customer_id == work.customer.id and work.site.household_left_at is None
    wanted = act.window_from, act.window_until
    asked = max(act.asked_at or now, now - _GOOD_FOR)  # they have read that it is in time
    if visit is not None and wanted == (visit.window_from, visit.window_until):
        return  # the same tap twice
    if visit is None or provider is None or not theirs or not may_move(visit, policy.service, asked):
        raise Refused(RefusedReason.MOVE_BY_CALL)
    free = free_windows(Movable(visit, provider, work.customer, work.site, booked, technician), policy.service, asked)
    if wanted not in free:
        other = nearest(act.window_from, free)
        if other is None:
            raise Refused(RefusedReason.MOVE_BY_CALL)
        too_soon = act.window_from < asked + policy.service.move_hours * HOUR
        raise Refused(RefusedReason.WINDOW_PAST if too_soon else RefusedReason.WINDOW_TAKEN,
                      nearest=to_iso(other[0]), nearest_until=to_iso(other[1]))
    if awaits_answer(visit, work):  # who chooses another time for it wants it
        keep_visit(visit, ticket, work, who, now)
    move_window(visit, *wanted, work, policy, who, now, because="you_asked")
    tell_who_goes(TopicName.VISIT_CHANGED, visit, work, policy, now)
    send_invites(visit, work, policy, now, (who_goes(visit, work),))


def may_call_off_visit(visit: Visit, ticket: Ticket, service: Service, now: Instant) -> bool:
    """Whether the customer has another time looked for on their page; nobody coming to a dangerous fault is a matter
    for the telephone."""
    return may_move(visit, service, now) and ticket.severity is not Severity.CRITICAL


def plan_call_off_visit(act: CallOffVisit, visit: Visit | None, ticket: Ticket, work: SiteWork, policy: Policy,
                        who: Actor, now: Instant) -> None:
    """Whoever was to come hears it and can be asked again, for their track record it counts as nothing; everybody who
    is asked reads when it suits. The ticket goes on like any that nobody has accepted. Raises Refused."""
    words = act.words.strip()
    if not words:
        raise Refused(RefusedReason.SUITS_NEEDED)
    theirs = ticket.customer_id == work.customer.id and work.site.household_left_at is None
    if visit is None or not theirs or not may_call_off_visit(visit, ticket, policy.service, now):
        raise Refused(RefusedReason.MOVE_BY_CALL)
    job = work.jobs[visit.job_id]
    if any(one.severity is Severity.CRITICAL for one in work.tickets_of(job)):
        raise Refused(RefusedReason.MOVE_BY_CALL)
    add_entries(visit, work, now, EntryKind.CUSTOMER_CALLED_OFF, who=who,
                provider=work.provider_name(visit.provider_id), words=words)
    tell_who_goes(TopicName.VISIT_CALLED_OFF, visit, work, policy, now, because="other_time", note=words)
    tell_customer(TopicName.VISIT_CALLED_OFF, visit, work, policy, now, because="other_time",
                  hear_by=hear_by(visit, work, now))
    correct_promises(work.promises.get(job.id, []), now)  # what they hear by when is another promise
    end_visit(visit, VisitAction.CALL_OFF, work, now)
    send_invites(visit, work, policy, now, (who_goes(visit, work),))
    advance(job, Action.HAND_BACK, work, now)
    dispatch(job, work, policy, now)
