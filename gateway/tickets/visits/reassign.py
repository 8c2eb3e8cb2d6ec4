"""Plans that somebody else of the same firm comes: the customer hears who comes instead, and so do both of them."""

from gateway.model import Actor, ActorKind, EntryKind, Instant, Recipient, RecipientKind, Visit, VisitState
from gateway.model import provider as provider_of
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import ReassignVisit
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.new_rows import add_entries
from gateway.tickets.visits.changes import check_not_over
from gateway.tickets.visits.messages import send_invites, tell, tell_customer, who_goes

BECAUSE = "reassigned"


def plan_reassign(act: ReassignVisit, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """The window, the words at the door and the page of the visit stay. Raises Refused once somebody has set out: then
    they take that back first, or hand the visit back."""
    check_not_over(visit)
    name = " ".join(act.technician.split())
    if name == visit.technician:
        return  # the same tap twice
    if visit.state is not VisitState.PLANNED:
        raise Refused(RefusedReason.ALREADY_DEPARTED if visit.state is VisitState.EN_ROUTE
                      else RefusedReason.ALREADY_ARRIVED)
    firm = work.provider_name(visit.provider_id)
    before = visit.technician or firm
    dropped = work.technicians.get((visit.provider_id, visit.technician))
    visit.technician, visit.asks = name, 0
    visit.moves, visit.moved_at = visit.moves + 1, now  # calendars take it for news
    add_entries(visit, work, now, EntryKind.REASSIGNED, who=who, technician=name or firm, before=before)
    tell_customer(TopicName.VISIT_CHANGED, visit, work, policy, now, because=BECAUSE, before=before)
    if dropped is not None:
        tell(Recipient(RecipientKind.TECHNICIAN, dropped), TopicName.VISIT_CALLED_OFF, visit, work, policy, now,
             because=BECAUSE)
    firm_itself, given = provider_of(visit.provider_id), who_goes(visit, work)
    # the firm has just said so itself, or hears it from whoever was on the telephone with it
    by_firm = given == firm_itself and who.kind in (ActorKind.PROVIDER, ActorKind.TECHNICIAN)
    if not by_firm:
        tell(given, TopicName.JOB_TAKEN, visit, work, policy, now, because=BECAUSE)
    send_invites(visit, work, policy, now, () if by_firm else (given,))
