"""goodwill: credits what is over and caused harm, asks whoever has to approve, and takes what people decide."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from sqlmodel import Session

from gateway.config.settings import Goodwill as Rules
from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Actor, GoodwillCase, Instant, PromiseKind
from gateway.model.plan import Draft, NoSuch, Plan
from gateway.store import apply
from gateway.store.after import goodwill as store
from gateway.store.after.goodwill import LOOK_BACK, Over
from gateway.store.locks.site_locks import lock_sites
from gateway.tickets.goodwill.decide import CaseFacts, Credit, decide, is_over_cap, live_since
from gateway.tickets.goodwill.gestures import plan_gesture
from gateway.tickets.goodwill.plan import CaseContext, ask_next, plan_approve, plan_case, plan_decline
from gateway.tickets.sla.follow import complete

AT_ONCE = 20  # cases in one look


def pay_goodwill(gw: Gateway, now: Instant) -> int:
    """Weighs what is over, each in a transaction of its own, and asks the next one where nobody has approved in time.
    Returns how many of them it looked at. In a dry run nothing is weighed."""
    rules = gw.settings.goodwill
    since = live_since(rules)
    with gw.store.read() as session:
        over = [] if since is None else _over(session, rules, max(since, now - LOOK_BACK), AT_ONCE)
        waiting = store.waiting_too_long(session, now)
    for one in over:
        retry_on_conflict(partial(_weigh, gw, one, now))
    for case_id in waiting:
        retry_on_conflict(partial(_ask_next, gw, case_id, now))
    if over or waiting:
        gw.outbox_filled.set()
    return len(over) + len(waiting)


class Trial(NamedTuple):
    """What the rules would come to for one outage, visit or call."""

    facts: CaseFacts
    credits: list[Credit]
    over_cap: bool

    @property
    def cents(self) -> int:
        return sum(one.cents for one in self.credits)


def try_goodwill(session: Session, rules: Rules, since: Instant, limit: int = 1000) -> list[Trial]:
    """What the rules would have credited for all that is over since then, whatever was credited. Nothing is written,
    and nobody is told."""
    trials = []
    for over in _over(session, rules, since, limit, new_only=False):
        facts = store.case_facts(session, over)
        fresh = CaseFacts(facts.subject, facts.shown_as, facts.homes, facts.name, facts.homes_out, facts.unproven)
        credits = decide(fresh, rules)
        trials.append(Trial(fresh, credits, is_over_cap(sum(one.cents for one in credits), rules)))
    return trials


def approve_goodwill(gw: Gateway, case_id: str, who: Actor, now: Instant) -> None:
    """Everybody affected is credited and told. Raises NoSuch, and Refused when it does not wait."""
    _decide_on(gw, case_id, "approve_goodwill", who, now,
               lambda case, context: plan_approve(case, context, gw.policy, who, now))


def decline_goodwill(gw: Gateway, case_id: str, reason: str, who: Actor, now: Instant) -> None:
    """Nobody is credited, nor told. Raises NoSuch, and Refused when it does not wait, or without a reason."""
    _decide_on(gw, case_id, "decline_goodwill", who, now,
               lambda case, context: plan_decline(case, reason, context, gw.policy, who, now))


def give_gesture(gw: Gateway, site_id: str, cents: int, reason: str, who: Actor, now: Instant) -> str:
    """The id of the credit. Raises NoSuch, and Refused above a limit or without a reason."""
    def once() -> str:
        with gw.store.write() as session:
            site = lock_sites(session, [site_id]).get(site_id)
            if site is None:
                raise NoSuch(f"there is no site {site_id}")
            draft = Draft()
            given = plan_gesture(site, cents, reason, store.given_lately(session, site, who, now), draft, gw.policy,
                                 who, now)
            plan = complete(draft, gw.policy, now)
            if plan:
                apply(session, plan)
                write_act(session, "give_gesture", ("site", site_id), plan, who, now)
            return given.id

    done = retry_on_conflict(once)
    gw.outbox_filled.set()
    return done


def _over(session: Session, rules: Rules, since: Instant, limit: int, new_only: bool = True) -> list[Over]:
    kinds = {kind for rule in rules.rules for kind in rule.promise_broken or ()}
    outages = any(rule.outage_ms is not None for rule in rules.rules)
    return [*(store.outages_over(session, since, limit, new_only) if outages else ()),
            *store.broken_promises_over(session, sorted(kinds, key=list(PromiseKind).index), since, limit, new_only)]


def _weigh(gw: Gateway, over: Over, now: Instant) -> None:
    with gw.store.write() as session:
        draft = Draft()
        homes = [(one.customer_id, one.site_id) for one in store.case_facts(session, over).homes]
        context = store.case_context(session, draft, over, homes, now)  # locks it: what is read now stands
        plan_case(store.case_facts(session, over), context, gw.policy, now)
        apply(session, complete(draft, gw.policy, now))


def _ask_next(gw: Gateway, case_id: str, now: Instant) -> None:
    with gw.store.write() as session:
        draft = Draft()
        case, context = _loaded(session, draft, case_id, now)
        if case.next_at is not None and case.next_at <= now:
            ask_next(case, context, gw.policy, now)
            apply(session, complete(draft, gw.policy, now))


def _decide_on(gw: Gateway, case_id: str, action: str, who: Actor, now: Instant,
               decision: Callable[[GoodwillCase, CaseContext], None]) -> None:
    def once() -> None:
        with gw.store.write() as session:
            draft = Draft()
            case, context = _loaded(session, draft, case_id, now)
            decision(case, context)
            plan = complete(draft, gw.policy, now)
            if plan:
                apply(session, plan)
                write_act(session, action, ("goodwill_case", case_id), _without_credits(plan), who, now)

    retry_on_conflict(once)
    gw.outbox_filled.set()


def _loaded(session: Session, draft: Draft, case_id: str, now: Instant) -> tuple[GoodwillCase, CaseContext]:
    row = session.get(GoodwillCase, case_id)
    if row is None:
        raise NoSuch(f"there is no goodwill for {case_id}")
    over = store.over_of(session, row)
    homes = [(one.customer_id, one.site_id) for one in store.case_facts(session, over).homes]
    session.expire(row)
    context = store.case_context(session, draft, over, homes, now)
    assert context.row is not None
    return context.row, context


def _without_credits(plan: Plan) -> Plan:
    """The audit log is about the case; each credit says by itself when it was given."""
    return Plan(change=[change for change in plan.change if change.table is GoodwillCase])
