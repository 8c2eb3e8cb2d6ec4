"""Which acts are possible on a ticket as it stands, read from the tables of what may follow what."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.model import (
    Alarm,
    Due,
    DueKind,
    IncompleteReason,
    Instant,
    Job,
    Offer,
    OfferState,
    OnCallPage,
    PriceAnswer,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
    Visit,
    VisitState,
)
from gateway.tickets import actions
from gateway.tickets.actions import Act
from gateway.tickets.households.not_fixed import may_be_not_fixed
from gateway.tickets.lifecycle import (
    BEFORE_ARRIVAL,
    NOBODY_COMES,
    OFFER_TRANSITIONS,
    TRANSITIONS,
    UNASSIGNED,
    UNSETTLED,
    VISIT_AHEAD,
    Action,
    VisitAction,
    can,
)
from gateway.tickets.visits.changes import is_missed
from gateway.tickets.visits.undo import can_undo


@dataclass(frozen=True)
class TicketNow:
    """A ticket as it stands, with what is done with it."""

    ticket: Ticket
    jobs: Sequence[Job] = ()  # all of its
    offers: Sequence[Offer] = ()  # of those jobs
    visits: Sequence[Visit] = ()  # of those jobs
    alarms: Sequence[Alarm] = ()
    pages: Sequence[OnCallPage] = ()  # the open ones
    due: Sequence[Due] = ()  # deadlines that run, of the ticket, its jobs, offers and visits
    beside: Sequence[Ticket] = field(default=())  # other open tickets of the same home
    survivor: Ticket | None = None  # that carries it on
    merged: Sequence[Ticket] = ()  # that it carries on

    @property
    def unfinished(self) -> list[Job]:
        return [job for job in self.jobs if job.closed_at is None]

    @property
    def visit(self) -> Visit | None:
        """The ticket's current one."""
        return next((one for one in self.visits if one.id == self.ticket.visit_id), None)

    @property
    def current_visits(self) -> list[Visit]:
        """Of its unfinished jobs."""
        mine = {job.visit_id for job in self.unfinished}
        return [one for one in self.visits if one.id in mine]

    @property
    def pending(self) -> list[Offer]:
        return [one for one in self.offers if one.state is OfferState.PENDING]

    def deadline(self, kind: DueKind) -> Due | None:
        """The one of that kind that comes first."""
        return min((one for one in self.due if one.kind is kind and one.at is not None),
                   key=lambda one: one.at or 0, default=None)


@dataclass(frozen=True)
class Possible:
    """An act that the tables allow now, and what it is done to."""

    act: type[Act]
    subject: Subject


def possible_acts(facts: TicketNow, now: Instant) -> list[Possible]:
    """Whether one's role may do it is another question: see gateway/access/rights.py."""
    ticket = facts.ticket
    found = [Possible(act, Subject(SubjectKind.TICKET, ticket.id)) for act in _on_ticket(facts, now)]
    for offer in facts.offers:
        found += [Possible(act, Subject(SubjectKind.OFFER, offer.id)) for act in _on_offer(offer, now)]
    for visit in facts.visits:
        found += [Possible(act, Subject(SubjectKind.VISIT, visit.id)) for act in _on_visit(visit, now)]
    if ticket.state in UNSETTLED:
        found += [Possible(actions.UnmergeTicket, Subject(SubjectKind.TICKET, one.id)) for one in facts.merged]
    found += [Possible(actions.AcknowledgeAlarm, Subject(SubjectKind.ALARM, alarm.id)) for alarm in facts.alarms
              if alarm.closed_at is None and alarm.acknowledged_at is None]
    return found


def from_which(action: Action) -> frozenset[TicketState]:
    """The states that it leads on from."""
    return frozenset(state for state, one in TRANSITIONS if one is action)


def mergeable_into(facts: TicketNow) -> list[Ticket]:
    """The other tickets of the home that may carry this one on."""
    if not _can_merge(facts.ticket):
        return []
    return [one for one in facts.beside if one.id != facts.ticket.id and _can_merge(one)]


def _can_merge(ticket: Ticket) -> bool:
    return (ticket.state in from_which(Action.MERGE) and ticket.outage_id is None
            and ticket.price_answer is not PriceAnswer.ASKED)


def _on_ticket(facts: TicketNow, now: Instant) -> Iterator[type[Act]]:
    ticket, states = facts.ticket, {job.state for job in facts.unfinished}
    yield actions.AddNote
    if any(page.closed_at is None for page in facts.pages):
        yield actions.AcknowledgePage
    if ticket.state is TicketState.MERGED:
        if facts.survivor is not None and facts.survivor.state in UNSETTLED:
            yield actions.UnmergeTicket
        return
    if ticket.closed_at is None:
        missed = any(is_missed(visit, now) for visit in facts.current_visits)
        if states & from_which(Action.OFFER) & NOBODY_COMES or missed:
            yield from (actions.OfferTo, actions.AssignTo)
        if missed or any(_is_asked_again(job) for job in facts.unfinished if job is not _held_for_price(facts)):
            yield actions.AskAgain
        if states & from_which(Action.HOLD) & (UNASSIGNED | BEFORE_ARRIVAL):
            yield actions.HoldTicket
        for action, act in ((Action.RESOLVE, actions.ResolveTicket), (Action.CANCEL, actions.CancelTicket)):
            if (ticket.state, action) in TRANSITIONS:
                yield act
        if mergeable_into(facts):
            yield actions.MergeTickets
        yield from _for_the_customer(facts, now)
    if may_be_not_fixed(ticket, now):
        yield actions.ReportNotFixed
    if ticket.price_answer is PriceAnswer.ASKED and ticket.state in UNSETTLED:
        yield from (actions.AgreeToPrice, actions.DeclinePrice)


def _is_asked_again(job: Job) -> bool:
    return TRANSITIONS.get((job.state, Action.WAIT)) is job.state or (job.state, Action.WAKE) in TRANSITIONS


def _held_for_price(facts: TicketNow) -> Job | None:
    """Whose next step is the customer's answer."""
    if facts.ticket.price_answer is not PriceAnswer.ASKED:
        return None
    return next((job for job in facts.jobs if job.state is TicketState.ON_HOLD), None)


def _for_the_customer(facts: TicketNow, now: Instant) -> Iterator[type[Act]]:
    """What they say on the telephone instead of on their page."""
    visit = facts.visit
    if facts.deadline(DueKind.CUSTOMER_ANSWER) is not None:
        yield from (actions.KeepVisit, actions.DropVisit)
    if visit is not None:
        if visit.early_ok_at is None and visit.eta is not None and visit.eta < visit.window_from:
            yield actions.AllowEarly
        if visit.state is VisitState.ON_SITE or (visit.state in VISIT_AHEAD and now >= visit.window_until):
            yield actions.ReportMissed
    if any(_may_be_contested(job, facts.visits) for job in facts.jobs):
        yield actions.ContestNoAccess


def _may_be_contested(job: Job, visits: Iterable[Visit]) -> bool:
    done = [visit for visit in visits if visit.job_id == job.id and visit.state is VisitState.DONE]
    last = max(done, key=lambda visit: (visit.done_at or 0, visit.id), default=None)
    return (last is not None and last.incomplete is IncompleteReason.NO_ACCESS and last.contested_at is None
            and job.visit_id is None)


def _on_offer(offer: Offer, now: Instant) -> Iterator[type[Act]]:
    if (offer.state, OfferState.ACCEPTED) in OFFER_TRANSITIONS and offer.expires_at > now:
        yield from (actions.AcceptOffer, actions.DeclineOffer)
    if offer.left_out is None:
        yield actions.LeaveOutOffer


def _on_visit(visit: Visit, now: Instant) -> Iterator[type[Act]]:
    for action, act in ((VisitAction.DEPART, actions.Depart), (VisitAction.ARRIVE, actions.Arrive),
                        (VisitAction.FINISH, actions.Finish)):
        if can(visit, action):
            yield act
    if visit.state in VISIT_AHEAD:
        yield from (actions.ReportDelay, actions.ProposeWindow, actions.HandBack)
        if visit.state is VisitState.PLANNED:
            yield actions.ReassignVisit
    elif visit.state is VisitState.ON_SITE and visit.reported_at is None:
        yield actions.ReportOverrun
        if visit.called_at is None:
            yield actions.LogCall
    if can_undo(visit, now):
        yield actions.TakeBack
    if visit.left_out is None:
        yield actions.LeaveOutVisit
