"""Life cycle of tickets and jobs, offers and visits: every transition, and who must act in which state by when."""

from collections.abc import Iterable
from enum import StrEnum

from gateway.model import Alarm, DueKind, Instant, Job, Offer, OfferState, Ticket, TicketState, Visit, VisitState
from gateway.model.lifecycle import Duty, WhenDue, after
from gateway.model.states import Responsible


class Action(StrEnum):
    """What happens to a job, or to a ticket."""

    OFFER = "offer"
    """Providers are asked."""
    WAIT = "wait"
    """Nobody can be asked now: it waits until a provider opens, or for a dispatcher."""
    ACCEPT = "accept"
    """A provider that was asked comes."""
    DEPART = "depart"
    """The technician sets out."""
    ARRIVE = "arrive"
    """The technician is there."""
    NOT_THERE = "not_there"
    """The technician is not there yet after all: a wrong tap."""
    NOT_SET_OUT = "not_set_out"
    """The technician has not set out after all: a wrong tap."""
    HOLD = "hold"
    """It waits for a named thing until a date: a part, access, the customer's yes."""
    WAKE = "wake"
    """What it waited for is there, or its date has come."""
    HAND_BACK = "hand_back"
    """The provider cannot come after all: others are asked."""
    REVISIT = "revisit"
    """The visit did not settle it: somebody has to come again."""
    RESOLVE = "resolve"
    """It works again, as far as anybody can tell; of a job: its work is done."""
    REOPEN = "reopen"
    """A ticket's fault is back, or still there: a new round."""
    CLOSE = "close"
    """It stayed away for the recurrence time."""
    CANCEL = "cancel"
    """A person calls it off, or it became part of something larger."""
    MERGE = "merge"
    """It is the same problem as another ticket, which carries it on."""
    UNMERGE = "unmerge"
    """It was another problem after all."""


_NEW, _OFFERED, _ASSIGNED = TicketState.NEW, TicketState.OFFERED, TicketState.ASSIGNED
_EN_ROUTE, _ON_SITE, _ON_HOLD = TicketState.EN_ROUTE, TicketState.ON_SITE, TicketState.ON_HOLD
_RESOLVED = TicketState.RESOLVED

NOBODY_COMES = frozenset((_NEW, _OFFERED))  # nobody has accepted, and somebody shall
UNASSIGNED = NOBODY_COMES | {_ON_HOLD}  # nobody has accepted
BEFORE_DEPARTURE = UNASSIGNED | {_ASSIGNED}  # nobody has set out
UNDER_WAY = frozenset((_ASSIGNED, _EN_ROUTE, _ON_SITE))  # somebody comes, or is there: it fills a provider's capacity
UNSETTLED = UNASSIGNED | UNDER_WAY
OPEN = UNSETTLED | {_RESOLVED}  # `closed_at` of a ticket is empty; a job ends with RESOLVED
BEFORE_ARRIVAL = frozenset((_ASSIGNED, _EN_ROUTE))  # somebody comes, and is not there yet
WORKS = frozenset((_RESOLVED, TicketState.CLOSED))  # as far as anybody can tell
SETTLED = WORKS | {TicketState.CANCELLED}  # nobody has to come any more
PROGRESS = (_NEW, _OFFERED, _ON_HOLD, _ASSIGNED, _EN_ROUTE, _ON_SITE)  # of a job, the least advanced first

TRANSITIONS: dict[tuple[TicketState, Action], TicketState] = {
    (_NEW, Action.OFFER): _OFFERED,
    (_NEW, Action.WAIT): _NEW,
    (_OFFERED, Action.OFFER): _OFFERED,  # the next providers
    (_OFFERED, Action.WAIT): _NEW,
    (_OFFERED, Action.ACCEPT): _ASSIGNED,
    (_ASSIGNED, Action.DEPART): _EN_ROUTE,
    (_ASSIGNED, Action.ARRIVE): _ON_SITE,  # without a word on the way
    (_EN_ROUTE, Action.ARRIVE): _ON_SITE,
    (_ON_SITE, Action.NOT_THERE): _EN_ROUTE,
    (_EN_ROUTE, Action.NOT_SET_OUT): _ASSIGNED,
    (_EN_ROUTE, Action.REVISIT): _NEW,
    (_ON_SITE, Action.REVISIT): _NEW,
    (_ON_HOLD, Action.WAKE): _NEW,
    **{(state, Action.HAND_BACK): _NEW for state in BEFORE_ARRIVAL},
    **{(state, Action.HOLD): _ON_HOLD for state in UNSETTLED},  # again: until another date
    **{(state, Action.RESOLVE): _RESOLVED for state in UNSETTLED},
    (_RESOLVED, Action.REOPEN): _NEW,
    (TicketState.CLOSED, Action.REOPEN): _NEW,  # the customer says, within days, that it does not work
    (_RESOLVED, Action.CLOSE): TicketState.CLOSED,
    **{(state, Action.CANCEL): TicketState.CANCELLED for state in OPEN},
    **{(state, Action.MERGE): TicketState.MERGED for state in UNSETTLED},
    (TicketState.MERGED, Action.UNMERGE): _NEW,
}

DUTIES: dict[TicketState, Duty] = {
    _NEW: Duty(Responsible.DISPATCHER, "the next provider opens, or a dispatcher asks one by hand",
               DueKind.ASK_AGAIN, instead={DueKind.ASK_AGAIN: Responsible.GATEWAY}),  # a lesser fault waits quietly
    _OFFERED: Duty(Responsible.PROVIDER, "an offer is answered, or the next providers are asked",
                   DueKind.OFFER_EXPIRES, also=(DueKind.NEXT_WAVE,)),
    _ASSIGNED: Duty(Responsible.PROVIDER, "the technician sets out in time for the arrival window",
                    DueKind.START_TRAVEL, also=(DueKind.WINDOW_ENDING, DueKind.WINDOW_END, DueKind.CUSTOMER_ANSWER),
                    instead={DueKind.WINDOW_END: Responsible.DISPATCHER,  # it has passed, and nobody came
                             DueKind.CUSTOMER_ANSWER: Responsible.CUSTOMER}),
    _EN_ROUTE: Duty(Responsible.TECHNICIAN, "the technician arrives", DueKind.ETA_OVERDUE,
                    also=(DueKind.WINDOW_END, DueKind.CUSTOMER_ANSWER),
                    instead={DueKind.ETA_OVERDUE: Responsible.DISPATCHER,  # the window has passed
                             DueKind.CUSTOMER_ANSWER: Responsible.CUSTOMER}),
    _ON_SITE: Duty(Responsible.TECHNICIAN, "the technician says how it went", DueKind.WORK_OVERRUN,
                   also=(DueKind.REPORT_COUNTS,), instead={DueKind.REPORT_COUNTS: Responsible.GATEWAY}),
    _ON_HOLD: Duty(Responsible.DISPATCHER, "what it waits for is there", DueKind.HOLD_UNTIL,
                   instead={DueKind.HOLD_UNTIL: Responsible.CUSTOMER}),  # they have not agreed to the price yet
    _RESOLVED: Duty(Responsible.GATEWAY, "the recurrence time is over: it is closed or opened again", DueKind.PROOF),
}


_ASK = frozenset((Action.OFFER, Action.WAIT))

WHEN_DUE: dict[DueKind, WhenDue] = {
    DueKind.ASK_AGAIN: WhenDue(_ASK, pages=True),
    DueKind.OFFER_EXPIRES: WhenDue(_ASK),
    DueKind.NEXT_WAVE: WhenDue(frozenset((Action.OFFER,))),  # whoever was asked before may still answer
    DueKind.START_TRAVEL: WhenDue(),
    DueKind.WINDOW_ENDING: WhenDue(pages=True),
    DueKind.WINDOW_END: WhenDue(pages=True),
    DueKind.ETA_OVERDUE: WhenDue(pages=True),
    DueKind.WORK_OVERRUN: WhenDue(pages=True),
    DueKind.REPORT_COUNTS: WhenDue(frozenset((Action.RESOLVE, Action.REVISIT, Action.HOLD)),  # as they said
                                   then=_ASK | {Action.REOPEN}),
    DueKind.HOLD_UNTIL: WhenDue(frozenset((Action.WAKE,)), pages=True, then=_ASK),  # who has not said yes is rung
    DueKind.CUSTOMER_ANSWER: WhenDue(pages=True),
    # opened again, the customer may have to agree to the price first
    DueKind.PROOF: WhenDue(frozenset((Action.CLOSE, Action.REOPEN)), then=_ASK | {Action.HOLD}),
}


def move(ticket: Ticket, action: Action, now: Instant) -> None:
    """Moves a ticket itself on: resolved, opened again, closed, cancelled, merged. While it is unsettled its state is
    that of its jobs: `follow_jobs`. Raises Refused."""
    ticket.state = after(TRANSITIONS, ticket.state, action, "ticket", ticket.id)
    if action is Action.RESOLVE:
        ticket.resolved_at = now
    elif action in (Action.REOPEN, Action.UNMERGE):
        ticket.round += action is Action.REOPEN
        ticket.resolved_at = ticket.resolved_by = ticket.resolution = None
        ticket.unproven = False
        ticket.provider_id = ticket.visit_id = ticket.merged_into = ticket.closed_at = None
    elif ticket.state not in OPEN:
        ticket.closed_at = now


def follow_jobs(ticket: Ticket, jobs: Iterable[Job]) -> None:
    """An unsettled ticket is where the least advanced of its open jobs is; what has ended moves nothing."""
    if ticket.state not in UNSETTLED:
        return
    unfinished = [job for job in jobs if job.closed_at is None]
    if unfinished:
        least = min(unfinished, key=lambda job: (PROGRESS.index(job.state), job.opened_at, job.id))
        ticket.state, ticket.provider_id, ticket.visit_id = least.state, least.provider_id, least.visit_id


def move_job(job: Job, action: Action, now: Instant) -> None:
    """The one place that writes a job's state, and the times that go with it. Raises Refused."""
    job.state = after(TRANSITIONS, job.state, action, "job", job.id)
    if job.state is not TicketState.ON_HOLD:
        job.hold_reason = job.hold_until = job.held_by = None
    if job.state in UNASSIGNED:
        job.provider_id = job.visit_id = None
    if action in (Action.REVISIT, Action.HAND_BACK, Action.WAKE):
        job.round, job.wave = job.round + 1, 0
    elif job.state not in UNSETTLED:
        job.closed_at = now


def end_alarm(alarm: Alarm, now: Instant) -> None:
    """The one place that closes an alarm; it has no other state. Nothing is waited for any more."""
    alarm.closed_at = max(now, alarm.opened_at)
    alarm.try_until = alarm.suppressed_until = None
    alarm.flapping = False


OFFER_TRANSITIONS: dict[tuple[OfferState, OfferState], OfferState] = {
    (OfferState.PENDING, answer): answer
    for answer in (OfferState.ACCEPTED, OfferState.DECLINED, OfferState.LAPSED, OfferState.WITHDRAWN)}

OFFER_DUTIES: dict[OfferState, Duty] = {
    OfferState.PENDING: Duty(Responsible.PROVIDER, "it is answered, or it lapses", DueKind.OFFER_EXPIRES),
}


def end_offer(offer: Offer, answer: OfferState, now: Instant) -> None:
    """The one place that writes an offer's state. Raises Refused."""
    offer.state = after(OFFER_TRANSITIONS, offer.state, answer, "offer", offer.id)
    offer.closed_at = now


class VisitAction(StrEnum):
    """What happens to a visit."""

    DEPART = "depart"
    """The technician sets out."""
    ARRIVE = "arrive"
    """The technician is there."""
    FINISH = "finish"
    """The technician leaves and says how it went."""
    NOT_THERE = "not_there"
    """The technician is not there yet after all: a wrong tap."""
    NOT_SET_OUT = "not_set_out"
    """The technician has not set out after all: a wrong tap."""
    CALL_OFF = "call_off"
    """Nobody needs to come any more."""
    LAPSE = "lapse"
    """Its tickets are over, and whoever was there has not said how it went."""


VISIT_TRANSITIONS: dict[tuple[VisitState, VisitAction], VisitState] = {
    (VisitState.PLANNED, VisitAction.DEPART): VisitState.EN_ROUTE,
    (VisitState.PLANNED, VisitAction.ARRIVE): VisitState.ON_SITE,
    (VisitState.PLANNED, VisitAction.CALL_OFF): VisitState.CANCELLED,
    (VisitState.EN_ROUTE, VisitAction.ARRIVE): VisitState.ON_SITE,
    (VisitState.ON_SITE, VisitAction.NOT_THERE): VisitState.EN_ROUTE,
    (VisitState.EN_ROUTE, VisitAction.NOT_SET_OUT): VisitState.PLANNED,
    (VisitState.EN_ROUTE, VisitAction.FINISH): VisitState.DONE,
    (VisitState.EN_ROUTE, VisitAction.CALL_OFF): VisitState.CANCELLED,
    (VisitState.ON_SITE, VisitAction.FINISH): VisitState.DONE,
    (VisitState.ON_SITE, VisitAction.LAPSE): VisitState.DONE,
}

VISIT_DUTIES: dict[VisitState, Duty] = {  # as those of its job
    VisitState.PLANNED: DUTIES[_ASSIGNED], VisitState.EN_ROUTE: DUTIES[_EN_ROUTE], VisitState.ON_SITE: DUTIES[_ON_SITE],
}


VISIT_AHEAD = frozenset((VisitState.PLANNED, VisitState.EN_ROUTE))  # somebody comes, and is not there yet
VISIT_OPEN = VISIT_AHEAD | {VisitState.ON_SITE}  # somebody comes, or is there


def can(visit: Visit, action: VisitAction) -> bool:
    return (visit.state, action) in VISIT_TRANSITIONS


def move_visit(visit: Visit, action: VisitAction, now: Instant) -> None:
    """The one place that writes a visit's state, and the times that go with it. Raises Refused."""
    visit.state = after(VISIT_TRANSITIONS, visit.state, action, "visit", visit.id)
    if action is VisitAction.DEPART:
        visit.en_route_at = now
    elif action is VisitAction.ARRIVE:
        visit.on_site_at = now
    elif action is VisitAction.NOT_THERE:
        visit.on_site_at = None
    elif action is VisitAction.NOT_SET_OUT:
        visit.en_route_at = None
    else:
        visit.done_at = now
        if action is VisitAction.CALL_OFF:
            visit.moves, visit.moved_at = visit.moves + 1, now
        visit.doorstep = None  # whoever says them later was not sent
        visit.reported_at = visit.report = None
