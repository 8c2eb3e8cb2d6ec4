"""Plans the question whether somebody may come at a price: asking it, the customer's yes or no, and no answer."""

from typing import Any

from gateway.model import (
    Actor,
    EntryKind,
    Instant,
    Price,
    PriceAnswer,
    Reason,
    ReasonKind,
    Ticket,
    customer,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.actions import AgreeToPrice, CancelTicket, DeclinePrice
from gateway.tickets.context import PlanningContext, Policy
from gateway.tickets.dispatch.ask import dispatch
from gateway.tickets.lifecycle import SETTLED
from gateway.tickets.new_rows import entry, notify
from gateway.tickets.visits.steps import plan_cancel, visit_facts


def ask(ticket: Ticket, price: Price, answer_by: Instant, context: PlanningContext, policy: Policy, now: Instant,
        facts: dict[str, Any]) -> None:
    """Nobody sets out before the customer has said yes; at `answer_by` somebody rings them."""
    ticket.price, ticket.price_answer, ticket.price_answered_at = price, PriceAnswer.ASKED, None
    context.draft.add(
        entry(ticket, now, EntryKind.PRICE_ASKED, price=str(price), answer_by=answer_by),
        notify(policy, customer(ticket.customer_id), TopicName.PRICE_QUESTION, ticket, ticket.round, now,
               facts=facts | {"price": str(price), "answer_by": answer_by}, link_id=context.follow_id(ticket.id),
               heard_at=now))


def plan_agree(act: AgreeToPrice, ticket: Ticket, context: PlanningContext, policy: Policy, who: Actor,
               now: Instant) -> None:
    """Somebody is sent. The same tap twice changes nothing. Raises Refused."""
    if _answers(ticket, PriceAnswer.AGREED, now):
        context.draft.add(entry(ticket, now, EntryKind.PRICE_AGREED, who=who, price=str(ticket.price)))
        dispatch(ticket, context, policy, now, visit_facts(ticket, context))


def plan_decline(act: DeclinePrice, ticket: Ticket, context: PlanningContext, policy: Policy, who: Actor,
                 now: Instant) -> None:
    """The ticket is over, and the customer reads that nobody comes. The same tap twice changes nothing. Raises
    Refused."""
    if _answers(ticket, PriceAnswer.DECLINED, now):
        facts, why = visit_facts(ticket, context), Reason(ReasonKind.PRICE_DECLINED, {"price": str(ticket.price)})
        context.draft.add(
            entry(ticket, now, EntryKind.PRICE_DECLINED, who=who, price=str(ticket.price)),
            notify(policy, customer(ticket.customer_id), TopicName.PRICE_DECLINED, ticket, ticket.round, now,
                   facts=facts, link_id=context.follow_id(ticket.id)))
        plan_cancel(CancelTicket(ticket.id, why), ticket, context, policy, who, now)


def _answers(ticket: Ticket, answer: PriceAnswer, now: Instant) -> bool:
    """Writes the answer down; False: it is the same as before."""
    if ticket.price_answer is answer:
        return False
    match ticket.price_answer:
        case None:
            raise Refused(RefusedReason.PRICE_NOT_ASKED, id=ticket.id)
        case PriceAnswer.AGREED:
            raise Refused(RefusedReason.PRICE_AGREED_TO, id=ticket.id)
        case PriceAnswer.DECLINED:
            raise Refused(RefusedReason.PRICE_DECLINED, id=ticket.id)
    if ticket.state in SETTLED:
        raise Refused(RefusedReason.ALREADY, id=ticket.id, state=ticket.state)
    ticket.price_answer, ticket.price_answered_at = answer, now
    return True
