"""Plans answers that agents give to callers once and save: for the next agent, and for the customers' page."""

from gateway.model import Actor, EntryKind, Instant, Outage, SavedAnswer, Ticket
from gateway.model.plan import Draft, Plan, Refused
from gateway.model.reasons import RefusedReason
from gateway.tickets.context import Policy
from gateway.tickets.new_rows import entry
from gateway.tickets.sla.follow import complete


def plan_save(answer: SavedAnswer, about: Outage | Ticket, who: Actor, now: Instant) -> Plan:
    """Raises Refused when what it is about is over."""
    if about.closed_at is not None:
        what = "outage" if isinstance(about, Outage) else "ticket"
        raise Refused(RefusedReason.NOT_NOW, what=what, id=about.id, state=about.state)
    answer.saved_by, answer.account, answer.saved_at = str(who), who.account, now
    return Plan([answer, entry(about, now, EntryKind.ANSWER_SAVED, who=who, answer=in_short(answer))])


def plan_withdraw(answer: SavedAnswer, about: Outage | Ticket, policy: Policy, who: Actor, now: Instant) -> Plan:
    """Nobody is told it any more. Once more it changes nothing."""
    draft = Draft()
    mine = draft.copy(answer)
    if mine.withdrawn_at is None:
        mine.withdrawn_at, mine.withdrawn_by = now, str(who)
        draft.add(entry(about, now, EntryKind.ANSWER_WITHDRAWN, who=who, answer=in_short(mine)))
    return complete(draft, policy, now)


def in_short(answer: SavedAnswer) -> str:
    """Its words, in the first language in which it has any."""
    words: dict[str, str] = answer.words
    return next(iter(words.values()), "")
