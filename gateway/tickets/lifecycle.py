"""Life cycle of tickets, offers and visits: every transition, and who must act in which state by when."""

from enum import StrEnum

from gateway.model import Alarm, Instant, Offer, OfferState, Ticket, TicketState, Visit, VisitState
from gateway.model.lifecycle import Duty, after
from gateway.model.states import Responsible


class Action(StrEnum):
    """What happens to a ticket."""

    OFFER = "offer"
    """A provider is asked."""
    WAIT = "wait"
    """Nobody can be asked now: it waits until a provider opens, or for a dispatcher."""
    ACCEPT = "accept"
    """The provider that was asked comes."""
    DEPART = "depart"
    """The technician sets out."""
    ARRIVE = "arrive"
    """The technician is there."""
    REVISIT = "revisit"
    """The visit did not settle it: somebody has to come again."""
    RESOLVE = "resolve"
    """It works again, as far as anybody can tell."""
    REOPEN = "reopen"
    """The same fault is back, or still there: a new round."""
    CLOSE = "close"
    """It stayed away for the recurrence time."""
    CANCEL = "cancel"
    """A person calls it off, or it became part of something larger."""


_NEW, _OFFERED, _ASSIGNED = TicketState.NEW, TicketState.OFFERED, TicketState.ASSIGNED
_EN_ROUTE, _ON_SITE, _RESOLVED = TicketState.EN_ROUTE, TicketState.ON_SITE, TicketState.RESOLVED

UNASSIGNED = frozenset((_NEW, _OFFERED))  # nobody has accepted
NOBODY_COMES = UNASSIGNED | {TicketState.ON_HOLD}  # the customer waits for us to say when
BEFORE_DEPARTURE = UNASSIGNED | {_ASSIGNED}  # nobody has set out
UNDER_WAY = frozenset((_ASSIGNED, _EN_ROUTE, _ON_SITE))  # somebody comes, or is there: it fills a provider's capacity
UNSETTLED = UNASSIGNED | UNDER_WAY
OPEN = UNSETTLED | {_RESOLVED}  # `closed_at` is empty
BEFORE_ARRIVAL = frozenset((_ASSIGNED, _EN_ROUTE))  # somebody comes, and is not there yet
WORKS = frozenset((_RESOLVED, TicketState.CLOSED))  # as far as anybody can tell
SETTLED = WORKS | {TicketState.CANCELLED}  # nobody has to come any more

TRANSITIONS: dict[tuple[TicketState, Action], TicketState] = {
    (_NEW, Action.OFFER): _OFFERED,
    (_NEW, Action.WAIT): _NEW,
    (_OFFERED, Action.OFFER): _OFFERED,  # the next provider
    (_OFFERED, Action.WAIT): _NEW,
    (_OFFERED, Action.ACCEPT): _ASSIGNED,
    (_ASSIGNED, Action.DEPART): _EN_ROUTE,
    (_ASSIGNED, Action.ARRIVE): _ON_SITE,  # without a word on the way
    (_EN_ROUTE, Action.ARRIVE): _ON_SITE,
    (_EN_ROUTE, Action.REVISIT): _NEW,
    (_ON_SITE, Action.REVISIT): _NEW,
    (_RESOLVED, Action.REOPEN): _NEW,
    (_RESOLVED, Action.CLOSE): TicketState.CLOSED,
    **{(state, Action.RESOLVE): _RESOLVED for state in UNSETTLED},
    **{(state, Action.CANCEL): TicketState.CANCELLED for state in OPEN},
}

DUTIES: dict[TicketState, Duty] = {
    _NEW: Duty(Responsible.DISPATCHER, "the next provider opens, or a dispatcher asks one by hand", "ticket.next_at"),
    _OFFERED: Duty(Responsible.PROVIDER, "the offer is answered, or the next provider is asked", "offer.expires_at"),
    _ASSIGNED: Duty(Responsible.PROVIDER, "the arrival window ends", "visit.window_until", watched=False),
    _EN_ROUTE: Duty(Responsible.PROVIDER, "the arrival window ends", "visit.window_until", watched=False),
    _ON_SITE: Duty(Responsible.PROVIDER, "the technician says how it went", None, watched=False),
    _RESOLVED: Duty(Responsible.GATEWAY, "the recurrence time is over: it is closed or opened again", "ticket.next_at"),
}


def move(ticket: Ticket, action: Action, now: Instant) -> None:
    """The one place that writes a ticket's state, and the times that go with it. What the clock shall look for next
    (`next_at`) is empty afterwards. Raises Refused."""
    ticket.state = after(TRANSITIONS, ticket.state, action, "ticket", ticket.id)
    ticket.next_at = None
    if action is Action.RESOLVE:
        ticket.resolved_at = now
    elif action in (Action.REOPEN, Action.REVISIT):
        ticket.round += action is Action.REOPEN
        ticket.resolved_at = ticket.resolved_by = ticket.resolution = None
        ticket.provider_id = ticket.visit_id = None
    elif ticket.state not in OPEN:
        ticket.closed_at = now


def end_alarm(alarm: Alarm, now: Instant) -> None:
    """The one place that closes an alarm; it has no other state. Nothing is waited for any more."""
    alarm.closed_at = max(now, alarm.opened_at)
    alarm.try_until = alarm.suppressed_until = None
    alarm.flapping = False


OFFER_TRANSITIONS: dict[tuple[OfferState, OfferState], OfferState] = {
    (OfferState.PENDING, answer): answer
    for answer in (OfferState.ACCEPTED, OfferState.DECLINED, OfferState.LAPSED, OfferState.WITHDRAWN)}

OFFER_DUTIES: dict[OfferState, Duty] = {
    OfferState.PENDING: Duty(Responsible.PROVIDER, "it is answered, or it lapses", "offer.expires_at"),
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
    CALL_OFF = "call_off"
    """Nobody needs to come any more."""


VISIT_TRANSITIONS: dict[tuple[VisitState, VisitAction], VisitState] = {
    (VisitState.PLANNED, VisitAction.DEPART): VisitState.EN_ROUTE,
    (VisitState.PLANNED, VisitAction.ARRIVE): VisitState.ON_SITE,
    (VisitState.PLANNED, VisitAction.CALL_OFF): VisitState.CANCELLED,
    (VisitState.EN_ROUTE, VisitAction.ARRIVE): VisitState.ON_SITE,
    (VisitState.EN_ROUTE, VisitAction.FINISH): VisitState.DONE,
    (VisitState.EN_ROUTE, VisitAction.CALL_OFF): VisitState.CANCELLED,
    (VisitState.ON_SITE, VisitAction.FINISH): VisitState.DONE,
}

VISIT_DUTIES: dict[VisitState, Duty] = {
    VisitState.PLANNED: Duty(Responsible.PROVIDER, "the arrival window ends", "visit.window_until", watched=False),
    VisitState.EN_ROUTE: Duty(Responsible.PROVIDER, "the arrival window ends", "visit.window_until", watched=False),
    VisitState.ON_SITE: Duty(Responsible.PROVIDER, "the technician says how it went", None, watched=False),
}


def can(visit: Visit, action: VisitAction) -> bool:
    return (visit.state, action) in VISIT_TRANSITIONS


def move_visit(visit: Visit, action: VisitAction, now: Instant) -> None:
    """The one place that writes a visit's state, and the times that go with it. Raises Refused."""
    visit.state = after(VISIT_TRANSITIONS, visit.state, action, "visit", visit.id)
    if action is VisitAction.DEPART:
        visit.en_route_at = now
    elif action is VisitAction.ARRIVE:
        visit.on_site_at = now
    else:
        visit.done_at = now
