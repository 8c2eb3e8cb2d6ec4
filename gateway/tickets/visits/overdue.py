"""Plans what follows when the clock looks at a visit: nobody has set out, arrived or finished in time."""

from collections.abc import Mapping

from gateway.model import (
    MINUTE,
    Due,
    DueKind,
    EntryKind,
    Instant,
    Provider,
    Reason,
    ReasonKind,
    Responsible,
    Severity,
    Site,
    Visit,
    VisitState,
)
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import end_due, set_due
from gateway.tickets.dispatch.provider_ranking import distance_km
from gateway.tickets.lifecycle import VisitAction, move_visit
from gateway.tickets.new_rows import add_entries
from gateway.tickets.promises.ledger import WORD_LEAD
from gateway.tickets.visits import watch
from gateway.tickets.visits.messages import hear_by, tell_customer, tell_dispatcher, tell_who_goes

_DANGEROUS = Severity.CRITICAL.rank


def watch_arrival(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    """From now on the clock looks whether somebody sets out for this visit in time."""
    times = watch.watchdogs(visit.window_until, travel_to(visit, work, policy), now)
    for kind, at in ((DueKind.START_TRAVEL, times.start_travel), (DueKind.WINDOW_ENDING, times.window_ending),
                     (DueKind.WINDOW_END, times.window_end)):
        set_due(visit, kind, at, Responsible.PROVIDER, work, policy)


def watch_travel(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Somebody is on the way: the clock looks at the ETA, or at how long the way takes, and at the window's end."""
    eta = watch.eta_or_estimate(visit.eta, now, travel_to(visit, work, policy))
    end_due(visit, work, DueKind.START_TRAVEL, DueKind.WINDOW_ENDING, DueKind.WINDOW_END)
    set_due(visit, DueKind.ETA_OVERDUE, watch.eta_overdue_at(eta), Responsible.TECHNICIAN, work, policy)
    if visit.window_until > now:
        set_due(visit, DueKind.WINDOW_END, visit.window_until, Responsible.TECHNICIAN, work, policy)


def watch_work(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Somebody is there: the clock looks when the work takes longer than expected."""
    end_due(visit, work)
    planned = work_time(visit, work, policy)
    set_due(visit, DueKind.WORK_OVERRUN, watch.work_overrun_at(now, planned), Responsible.TECHNICIAN, work, policy)


def work_time(visit: Visit, work: SiteWork, policy: Policy) -> int:
    """How long the work of this visit should take: as the profile of the device says that takes longest, else the
    setting; ms."""
    devices = [work.devices.get(ticket.device_id or "") for ticket in work.tickets_of(work.jobs[visit.job_id])]
    profiles = [policy.profiles.get(context.device.profile) for context in devices if context is not None]
    named = [profile.work_minutes or policy.service.work_minutes for profile in profiles if profile is not None]
    return max(named, default=policy.service.work_minutes) * MINUTE


def plan_visit_due(due: Due, work: SiteWork, sites: Mapping[str, SiteWork], policy: Policy, now: Instant) -> None:
    """A deadline of a visit has passed. `sites`: site id → what there is to do, also where the same technician goes
    next."""
    visit = work.visits.get(due.subject_id)
    if visit is None or visit.done_at is not None:
        return
    match due.kind, visit.state:
        case DueKind.START_TRAVEL, VisitState.PLANNED:
            _ask_whether_on_the_way(visit, work, policy, now)
        case DueKind.WINDOW_ENDING, VisitState.PLANNED:
            _nobody_on_the_way(visit, work, policy, now)
        case DueKind.WINDOW_END, VisitState.PLANNED | VisitState.EN_ROUTE:
            _window_over(visit, due, work, policy, now)
        case DueKind.ETA_OVERDUE, VisitState.EN_ROUTE:
            _eta_passed(visit, work, policy, now)
        case DueKind.WORK_OVERRUN, VisitState.ON_SITE if work.jobs[visit.job_id].closed_at is not None:
            move_visit(visit, VisitAction.LAPSE, now)  # it was settled, or called off, while somebody was there
            add_entries(visit, work, now, EntryKind.VISIT_UNREPORTED)
        case DueKind.WORK_OVERRUN, VisitState.ON_SITE:
            _work_overrun(visit, work, sites, policy, now)
        case DueKind.CUSTOMER_ANSWER, VisitState.PLANNED | VisitState.EN_ROUTE:
            _no_answer_whether_needed(visit, work, policy, now)


def _ask_whether_on_the_way(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    ending = work.due.get((DueKind.WINDOW_ENDING, visit.id))
    by = ending.at if ending is not None and ending.at is not None else visit.window_until
    _ask(visit, by, work, policy, now)


def _nobody_on_the_way(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    """The promise can hardly be kept any more: the customer hears it while it has not lapsed."""
    if visit.eta is not None and not watch.breaks_promise(visit.eta, visit.window_until):
        return  # they said when they set out, and that they come in time
    by = hear_by(visit, work, now)
    add_entries(visit, work, now, EntryKind.NOBODY_ON_THE_WAY)
    tell_customer(TopicName.VISIT_LATE, visit, work, policy, now, hear_by=by, visit_state=visit.state)
    tell_dispatcher(Reason(ReasonKind.NOBODY_ON_THE_WAY), visit, work, policy, now, hear_by=by)


def _window_over(visit: Visit, due: Due, work: SiteWork, policy: Policy, now: Instant) -> None:
    """The promise is broken, and we say so first; after that they hear again and again how things stand, until a person
    has arranged something."""
    first = due.at is not None and due.at <= visit.window_until
    on_the_way = visit.state is VisitState.EN_ROUTE
    if on_the_way and visit.eta is not None and visit.window_until < visit.eta and now <= visit.eta:
        return  # they were told that later time before this one lapsed, and it is watched
    if first:
        add_entries(visit, work, now, EntryKind.NOBODY_CAME)
    say_nobody_came(visit, TopicName.VISIT_MISSED if first else TopicName.VISIT_LATE, work, policy, now)


def say_nobody_came(visit: Visit, topic: TopicName, work: SiteWork, policy: Policy, now: Instant) -> None:
    """The window is over: the household and a dispatcher hear it, whoever was to come is asked, and by when there is
    more to say is watched."""
    by = hear_by(visit, work, now)
    tell_customer(topic, visit, work, policy, now, hear_by=by, visit_state=visit.state)
    tell_dispatcher(Reason(ReasonKind.NOBODY_CAME), visit, work, policy, now, hear_by=by)
    _ask(visit, by, work, policy, now)
    kind = DueKind.ETA_OVERDUE if visit.state is VisitState.EN_ROUTE else DueKind.WINDOW_END
    set_due(visit, kind, by - WORD_LEAD, Responsible.DISPATCHER, work, policy)


def _eta_passed(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    by = hear_by(visit, work, now)
    _ask(visit, by, work, policy, now)
    tell_customer(TopicName.VISIT_LATE, visit, work, policy, now, hear_by=by, visit_state=visit.state)
    if visit.asks > watch.ASKS:
        tell_dispatcher(Reason(ReasonKind.NO_ANSWER_ON_THE_WAY), visit, work, policy, now, hear_by=by)
    set_due(visit, DueKind.ETA_OVERDUE, by - WORD_LEAD, Responsible.TECHNICIAN, work, policy)


def _work_overrun(visit: Visit, work: SiteWork, sites: Mapping[str, SiteWork], policy: Policy, now: Instant) -> None:
    """They are asked; whoever waits for the same technician hears it before their window ends."""
    by = watch.hear_again_at(now, visit.asks)
    _ask(visit, by, work, policy, now)
    if visit.asks > watch.ASKS:
        tell_dispatcher(Reason(ReasonKind.NO_ANSWER_ON_SITE), visit, work, policy, now)
    set_due(visit, DueKind.WORK_OVERRUN, by, Responsible.TECHNICIAN, work, policy)
    here = work.site
    for after, its_work in following(visit, sites):
        travel = travel_between(here, its_work.site, policy)
        ending = its_work.due.get((DueKind.WINDOW_ENDING, after.id))
        unheard = ending is not None and ending.at is not None and ending.at > now  # else they know already
        if unheard and watch.breaks_promise(now + travel, after.window_until):
            again = hear_by(after, its_work, now)
            add_entries(after, its_work, now, EntryKind.OVERRUN_BEFORE)
            tell_customer(TopicName.VISIT_LATE, after, its_work, policy, now, because="overrun", hear_by=again)
            set_due(after, DueKind.WINDOW_ENDING, min(again - WORD_LEAD, after.window_until - MINUTE),
                    Responsible.PROVIDER, its_work, policy)


def _no_answer_whether_needed(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    """It works again, and the customer has not said whether somebody shall come: a fault that should be looked at keeps
    the visit, another is a dispatcher's to decide."""
    add_entries(visit, work, now, EntryKind.STILL_NEEDED_UNANSWERED)
    if not is_worth_a_look(visit, work):
        tell_dispatcher(Reason(ReasonKind.STILL_NEEDED_UNKNOWN), visit, work, policy, now)


def travel_to(visit: Visit, work: SiteWork, policy: Policy) -> Instant:
    """How long the way is from where the firm's people set out, in ms."""
    firm = work.provider_loads.directory.firms.get(visit.provider_id)
    return travel_between(None if firm is None else firm.provider, work.site, policy)


def travel_between(begins: Provider | Site | None, ends: Site, policy: Policy) -> Instant:
    """How long the way is, in ms; where a place is not known, as the settings say."""
    if begins is None or begins.lat is None or begins.lon is None or ends.lat is None or ends.lon is None:
        return watch.travel_time(None, policy.service)
    return watch.travel_time(distance_km(begins.lat, begins.lon, ends.lat, ends.lon), policy.service)


def is_worth_a_look(visit: Visit, work: SiteWork) -> bool:
    """Whether somebody should come although it works again: a latched fault, or a dangerous one."""
    return any(ticket.severity.rank >= _DANGEROUS or any(alarm.latch for alarm in work.alarms_of(ticket))
               for ticket in work.tickets_of(work.jobs[visit.job_id]))


def following(visit: Visit, sites: Mapping[str, SiteWork]) -> list[tuple[Visit, SiteWork]]:
    """The visits that the same technician is to make after this one, each with its site, in order."""
    found = [(other, work) for work in sites.values() for other in work.visits.values()
             if other.id != visit.id and other.state is VisitState.PLANNED and other.provider_id == visit.provider_id
             and other.technician == visit.technician and other.window_until >= visit.window_from]
    return sorted(found, key=lambda one: (one[0].window_until, one[0].id))


def _ask(visit: Visit, by: Instant, work: SiteWork, policy: Policy, now: Instant) -> None:
    visit.asks += 1
    add_entries(visit, work, now, EntryKind.TECHNICIAN_ASKED, asks=visit.asks)
    tell_who_goes(TopicName.TECHNICIAN_ASKED, visit, work, policy, now, hear_by=by, visit_state=visit.state)
