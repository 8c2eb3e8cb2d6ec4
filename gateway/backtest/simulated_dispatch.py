"""Simulates the tickets that a device's alarms would have opened in a backtest, with providers who always accept."""

from collections.abc import Iterable, Sequence
from itertools import count
from math import inf

from gateway.backtest.data_types import Outcome, Place, SimulatedAlarm, SimulatedTicket
from gateway.config.settings import Service
from gateway.detection.batch import Finding
from gateway.detection.device_state import ClaimedDevice, Cleared, Escalated, MissedAlarm, Raised, RuleFailed, Verdict
from gateway.devices.profiles import Profile
from gateway.model import (
    Actor,
    ActorKind,
    Customer,
    Device,
    Instant,
    LinkState,
    Notification,
    Offer,
    OfferState,
    Provider,
    RecipientKind,
    Site,
    Ticket,
)
from gateway.model.plan import Draft
from gateway.tickets.actions import AcceptOffer, Depart, Finish
from gateway.tickets.context import PlanningContext, Policy, SiteWork
from gateway.tickets.dispatch.answers import plan_accept
from gateway.tickets.dispatch.provider_ranking import ProviderDirectory
from gateway.tickets.dispatch.workload import ProviderLoad
from gateway.tickets.lifecycle import UNDER_WAY
from gateway.tickets.plan_due import DueWork, plan_deadlines
from gateway.tickets.plan_findings import plan_findings
from gateway.tickets.visits.steps import plan_depart, plan_finish

SOMEBODY = "somebody"
_WHO = Actor(ActorKind.PROVIDER, SOMEBODY)
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


def _somebody(skills: Iterable[str]) -> ProviderDirectory:
    """The one firm there is, and what it can do."""
    return ProviderDirectory([Provider(id=SOMEBODY, name=SOMEBODY, hours=ALWAYS, capacity=10**6, skills=sorted(skills),
                                       territory={"areas": [SOMEBODY]})])


class SimulatedDispatch:
    """One device's alarms and tickets. `due`: the next deadline, inf = none.

    Nobody acts in a history, so three things are assumed: there is always a firm that can take the job; it accepts
    when its time to answer is nearly over (until then a fault that goes away costs no trip); and its visit is done
    when the readings are good again.
    """

    def __init__(self, place: Place, service: Service, profile: Profile) -> None:
        ids = count(1)
        self.due: float = inf
        self.outcome = Outcome(place.device_id, place.customer_id)
        self._policy = Policy(service, lambda prefix: f"{prefix}-{place.device_id}-{next(ids)}",
                              {place.profile: profile})
        self._place = place
        self._made_context: PlanningContext | None = None
        self._open: dict[str, int] = {}  # rule → place in outcome.alarms
        self._ticket_places: dict[str, int] = {}  # ticket id → place in outcome.tickets

    @property
    def _context(self) -> PlanningContext:
        """Made when first needed: most devices are healthy."""
        if self._made_context is None:
            place = self._place
            site = Site(id=place.site_id, customer_id=place.customer_id, name=place.site_id, timezone=place.timezone)
            work = SiteWork(Draft(), site, Customer(id=place.customer_id, name=place.customer_id),
                            frozenset((SOMEBODY,)), provider_loads=ProviderLoad(_somebody(())))
            self._made_context = work.devices[place.device_id] = PlanningContext(
                work, Device(id=place.device_id, key=place.key, profile=place.profile, site_id=place.site_id,
                             name=place.name or place.device_id))
        return self._made_context

    def apply_verdicts(self, device: ClaimedDevice, verdicts: Sequence[Verdict], now: Instant) -> None:
        """Plans what follows from detection's verdicts, as the running gateway does."""
        for verdict in verdicts:
            self._record_alarm(verdict, now)
            context = self._context
            if isinstance(verdict, Cleared):
                self._finish(verdict.rule, now)
            plan_findings([Finding(device, verdict)], {device.device_id: context}, context.draft, self._policy, now)
            self._count()
        self._forget_closed()

    def advance_to(self, device: ClaimedDevice, now: Instant) -> None:
        """Deadlines that have come by `now`: the provider accepts what it was offered, held alarms are decided."""
        context, device_id, site = self._context, device.device_id, self._context.work
        for offer in self._pending_offers():
            if offer.expires_at - 1 <= now:
                self._accept(offer, now)
        work = DueWork(
            deadlines=[due for due in site.due.values() if _is_due(due.at, now)],
            remote_fixes=[(row.id, device_id, device.link == LinkState.ONLINE) for row in context.alarms.values()
                   if _is_due(row.try_until, now)],
            suppressed=[(row.id, device_id, device.link == LinkState.ONLINE) for row in context.alarms.values()
                  if _is_due(row.suppressed_until, now)])
        plan_deadlines(work, {device_id: context}, {site.site.id: site}, context.draft, self._policy, now)
        self._count()
        self._forget_closed()

    def _record_alarm(self, verdict: Verdict, now: Instant) -> None:
        """Records the alarm, and gives the simulated provider the skill that it needs."""
        alarms = self.outcome.alarms
        if isinstance(verdict, Cleared):
            place = self._open.pop(verdict.rule, None)
            if place is not None:
                alarms[place] = alarms[place]._replace(cleared=now)
            return
        if isinstance(verdict, RuleFailed):
            self.outcome.broken.setdefault(verdict.rule, verdict.why)
        elif isinstance(verdict, Escalated) and verdict.rule in self._open:
            place = self._open[verdict.rule]
            alarms[place] = alarms[place]._replace(severity=verdict.severity)
        raised = verdict.raised if isinstance(verdict, MissedAlarm) else verdict
        if not isinstance(raised, Raised) or raised.rule in self._open:
            return
        loads = self._context.work.provider_loads
        loads.directory = _somebody({*loads.directory[SOMEBODY].skills, raised.skill})
        if raised is verdict:
            self._open[raised.rule] = len(alarms)
        alarms.append(SimulatedAlarm(self._place.device_id, raised.rule, raised.severity, min(raised.at, now), now,
                                     None if raised is verdict else now))

    def _pending_offers(self) -> list[Offer]:
        return [offer for offers in self._context.work.offers.values() for offer in offers
                if offer.state == OfferState.PENDING]

    def _accept(self, offer: Offer, now: Instant) -> None:
        work = self._context.work
        plan_accept(AcceptOffer(offer.id), offer, work.provider_loads.directory[SOMEBODY], work, self._policy, _WHO,
                    min(now, offer.expires_at - 1))
        place = self._ticket_places[offer.ticket_id]
        trip = self.outcome.tickets[place]
        self.outcome.tickets[place] = trip._replace(visits=trip.visits + 1)
        ticket = work.tickets[offer.ticket_id]
        if not work.causes[ticket.id].keys() & self._open.keys():  # latched: somebody looks all the same
            self._finish(ticket.cause_key, now)

    def _finish(self, rule: str, now: Instant) -> None:
        """The visit that is under way has put it right, unless the device has another fault."""
        context, work = self._context, self._context.work
        ticket = next((one for one in work.tickets.values() if rule in work.causes.get(one.id, {})), None)
        visit = work.visits.get(ticket.visit_id or "") if ticket is not None else None
        if ticket is None or visit is None or ticket.state not in UNDER_WAY:
            return
        if work.causes[ticket.id].keys() & self._open.keys():
            return
        for each in work.causes[ticket.id]:
            context.alarms.pop(each, None)  # whoever comes also acknowledges
        plan_depart(Depart(visit.id), visit, work, self._policy, _WHO, now)
        plan_finish(Finish(visit.id, "done"), visit, work, self._policy, _WHO, now)
        self._count()

    def _count(self) -> None:
        """Counts what would have been written. The context has changed already: the next draft begins there."""
        context, outcome = self._context, self.outcome
        for ticket, _ in context.draft.rows(Ticket):
            self._ticket_places[ticket.id] = len(outcome.tickets)
            outcome.tickets.append(
                SimulatedTicket(ticket.id, ticket.device_id or "", ticket.customer_id, ticket.cause_key,
                                ticket.opened_at))
        outcome.messages += sum(row.recipient_kind is RecipientKind.CUSTOMER
                                for row, _ in context.draft.rows(Notification))
        context.work.draft = Draft()

    def _forget_closed(self) -> None:
        """Forgets closed tickets, and sets `due`, the next deadline."""
        context, work = self._context, self._context.work
        for ticket in list(work.tickets.values()):
            place = self._ticket_places[ticket.id]
            self.outcome.tickets[place] = self.outcome.tickets[place]._replace(rounds=ticket.round)
            if ticket.closed_at is not None:
                for job in work.jobs_of(ticket):
                    work.jobs.pop(job.id, None)
                    work.offers.pop(job.id, None)
                work.job_tickets = [one for one in work.job_tickets if one.ticket_id != ticket.id]
                del work.tickets[ticket.id]
        work.due = {key: due for key, due in work.due.items() if due.at is not None}
        times = [due.at for due in work.due.values()]
        times += [offer.expires_at - 1 for offer in self._pending_offers()]
        times += [at for row in context.alarms.values() for at in (row.try_until, row.suppressed_until)]
        self.due = min((at for at in times if at is not None), default=inf)


def _is_due(at: Instant | None, now: Instant) -> bool:
    return at is not None and at <= now
