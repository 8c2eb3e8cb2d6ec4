"""ask, take back, do: what a customer does on their page waits for a minute, and is done by the clock."""

from collections.abc import Sequence

from sqlmodel import Session

from gateway.access.audit import action_name, target_of
from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import DAY, Actor, ActorKind, Instant, PendingAct, PendingOutcome, Ticket, Visit
from gateway.model.plan import Draft, NoSuch, Refused
from gateway.store import apply
from gateway.store.contexts.action import action_context
from gateway.store.customers import pending_acts
from gateway.store.locks.site_locks import lock_sites
from gateway.tickets.context import ActionContext
from gateway.tickets.households.customer_acts import (
    DECIDES,
    TAKE_BACK,
    act_of,
    check_quota,
    check_theirs,
    end_pending,
    excludes,
    plan_could_not,
    says_the_same,
)
from gateway.tickets.households.page_version import PageChanged, PageVersion, check_unchanged, check_version, version_of
from gateway.tickets.plan_action import plan_person_action
from gateway.tickets.same_again import is_same_again
from gateway.tickets.sla.follow import complete

_CUSTOMER = Actor(ActorKind.CUSTOMER)


def ask(gw: Gateway, wanted: PendingAct, version: str, now: Instant) -> None:
    """It is done in a minute, unless they take it back; the same tap twice asks once. `version`: of what the person
    saw. Raises Refused when it is not possible as things stand, NoSuch, and PageChanged."""

    def once() -> None:
        with gw.store.write() as session:
            ticket = _locked(session, wanted.ticket_id)
            waits = pending_acts.waiting(session, ticket)
            wanted.ticket_id, wanted.asked_at, wanted.due_at = ticket.id, now, now + TAKE_BACK
            if any(says_the_same(one, wanted) for one in waits):
                return
            act = act_of(wanted, ticket)
            context = action_context(session, act, _CUSTOMER, now)
            if is_same_again(act, context, now):
                return
            check_theirs(wanted, ticket, context.work.site)
            if wanted.kind in DECIDES:
                check_version(version, _version(session, ticket, waits))
                wanted.version = _version(session, ticket).written()
            check_quota(wanted.kind, pending_acts.asked_since(session, wanted, now - DAY))
            plan_person_action(act, context, gw.policy, _CUSTOMER, now)  # is it possible? nothing of it is applied
            draft = Draft()
            for one in waits:
                if excludes(wanted, one):
                    end_pending(draft.copy(one), PendingOutcome.REPLACED, now)
            wanted.id = gw.policy.new_id("A")
            draft.add(wanted)
            apply(session, complete(draft, gw.policy, now))

    retry_on_conflict(once)


def take_back(gw: Gateway, pending_id: str, ticket_id: str, now: Instant) -> PendingAct:
    """What they have taken back, or why not: its `outcome` says. Raises NoSuch for one of another ticket."""

    def once() -> PendingAct:
        with gw.store.write() as session:
            ticket = _locked(session, ticket_id)
            row = session.get(PendingAct, pending_id)
            if row is None or _goes_on_as(session, row.ticket_id).id != ticket.id:
                raise NoSuch(f"there is no act {pending_id} of ticket {ticket_id}")
            draft = Draft()
            mine = draft.copy(row)
            if mine.closed_at is None:
                end_pending(mine, PendingOutcome.TAKEN_BACK, now)
                apply(session, complete(draft, gw.policy, now))
            return mine

    return retry_on_conflict(once)


def do_due(gw: Gateway, now: Instant) -> int:
    """Does what nobody has taken back; how many."""
    with gw.store.read() as session:
        ids = pending_acts.due(session, now)
    for one in ids:
        _do(gw, one, now)
    return len(ids)


def _do(gw: Gateway, pending_id: str, now: Instant) -> None:

    def once() -> None:
        with gw.store.write() as session:
            row = session.get(PendingAct, pending_id)
            if row is None:
                return
            ticket = _locked(session, row.ticket_id)
            session.refresh(row)  # they may just have taken it back
            if row.closed_at is None:
                _do_or_refuse(gw, session, row, ticket, now)

    retry_on_conflict(once)


def _do_or_refuse(gw: Gateway, session: Session, row: PendingAct, ticket: Ticket, now: Instant) -> None:
    act, version = act_of(row, ticket), _version(session, ticket)
    try:
        context = action_context(session, act, _CUSTOMER, now)
        check_theirs(row, ticket, context.work.site)
        check_unchanged(row, version)
        end_pending(_mine(context, row, ticket), PendingOutcome.DONE, now)
        plan = (plan_person_action(act, context, gw.policy, _CUSTOMER, now)
                or complete(context.work.draft, gw.policy, now))  # done before by somebody else
    except (Refused, PageChanged):
        context = action_context(session, act, _CUSTOMER, now)  # what was planned so far is worth nothing
        plan_could_not(_mine(context, row, ticket), _ticket_of(context, ticket), context.work, gw.policy, now)
        plan = complete(context.work.draft, gw.policy, now)
    apply(session, plan)
    write_act(session, action_name(type(act)), target_of(act), plan, _CUSTOMER, now)


def _ticket_of(context: ActionContext, ticket: Ticket) -> Ticket | None:
    return context.ticket or context.work.tickets.get(ticket.id)


def _mine(context: ActionContext, row: PendingAct, ticket: Ticket) -> PendingAct:
    """To be changed; whoever reads about the ticket that goes on reads about it too."""
    mine = context.work.draft.copy(row)
    mine.ticket_id = ticket.id
    return mine


def _version(session: Session, ticket: Ticket, waits: Sequence[PendingAct] = ()) -> PageVersion:
    return version_of(ticket, session.get(Visit, ticket.visit_id) if ticket.visit_id else None, waits)


def _locked(session: Session, ticket_id: str) -> Ticket:
    """As it stands once nobody else decides at its site; of one that was merged, the one that goes on with it."""
    lock_sites(session, [_goes_on_as(session, ticket_id).site_id])
    session.expire_all()
    ticket = _goes_on_as(session, ticket_id)
    session.refresh(ticket)
    session.expunge(ticket)
    return ticket


def _goes_on_as(session: Session, ticket_id: str) -> Ticket:
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        raise NoSuch(f"there is no ticket {ticket_id}")
    return ticket if ticket.merged_into is None else _goes_on_as(session, ticket.merged_into)
