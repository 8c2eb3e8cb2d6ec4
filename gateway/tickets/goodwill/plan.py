"""Plans goodwill: credits what was decided, asks whoever has to approve, takes their answer, tells the customers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.model import (
    DAY,
    DISPATCHER,
    HOUR,
    MINUTE,
    Actor,
    Goodwill,
    GoodwillCase,
    GoodwillCaseState,
    GoodwillState,
    Instant,
    LinkPurpose,
    Price,
    Recipient,
    Subject,
    SubjectKind,
    customer,
    on_call,
)
from gateway.model.plan import Draft, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy
from gateway.tickets.goodwill.decide import CaseFacts, Credit, decide, is_over_cap
from gateway.tickets.goodwill.lifecycle import CaseAction, CreditAction, move_case, move_credit
from gateway.tickets.new_rows import link, notify

PAGE_FOR = 14 * DAY  # the page of something that is over


@dataclass
class CaseContext:
    """What one outage, trip or call comes to: copies of the draft. `about`: what messages of it are about."""

    draft: Draft
    about: Subject
    row: GoodwillCase | None = None
    credits: Sequence[Goodwill] = ()  # of it, whatever became of them
    pages: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (customer, site) → id of a link to their page


def plan_case(facts: CaseFacts, context: CaseContext, policy: Policy, now: Instant) -> None:
    """It is over, or a home of it is back that was not: credits are given, or proposed when it is more than the cap."""
    case = context.row or _new_case(facts, policy, now, context.draft)
    case.looked_at, case.homes_out = now, facts.homes_out
    credits = decide(facts, policy.goodwill)
    if not credits:
        return
    rows = [_row(one, facts, policy, now) for one in credits]
    context.draft.add(*rows)
    declined = case.state is GoodwillCaseState.DECLINED
    case.cents += 0 if declined else sum(row.cents for row in rows)
    case.homes = len({row.site_id for row in (*rows, *context.credits)})
    if case.state is GoodwillCaseState.SETTLED and is_over_cap(case.cents, policy.goodwill):
        move_case(case, CaseAction.EXCEED, now, next_at=now)
        ask_next(case, context, policy, now)
    if case.state is GoodwillCaseState.WAITING:
        return
    _settle(rows, CreditAction.REFUSE if declined else CreditAction.GIVE, case.name, context, policy, now)


def ask_next(case: GoodwillCase, context: CaseContext, policy: Policy, now: Instant) -> None:
    """The next of those who may approve hears of it; after the last of them all dispatchers, again and again."""
    until = now + policy.goodwill.approve_hours * HOUR
    move_case(case, CaseAction.ASK, now, next_at=until)
    whom = _approver(case.asked, policy)
    facts: dict[str, Any] = {
        "area": case.name, "homes": case.homes, "price": _price(case.cents, case.currency), "answer_by": until,
        "turn": case.asked, "number": case.shown_as} | _reader(whom, policy)
    context.draft.add(notify(policy, whom, TopicName.GOODWILL_WAITS, context.about, f"{case.id}/{case.asked}", now,
                             facts=facts))


def plan_approve(case: GoodwillCase, context: CaseContext, policy: Policy, who: Actor, now: Instant) -> None:
    """Everybody affected is credited, and told, at once. A second time changes nothing; Refused when it does not
    wait."""
    if case.state is GoodwillCaseState.APPROVED:
        return
    move_case(case, CaseAction.APPROVE, now, who=who)
    _settle(_proposed(context), CreditAction.GIVE, case.name, context, policy, now)


def plan_decline(case: GoodwillCase, reason: str, context: CaseContext, policy: Policy, who: Actor, now: Instant
                 ) -> None:
    """What was proposed is not given, to nobody. Raises Refused when it does not wait."""
    if case.state is GoodwillCaseState.DECLINED and case.reason == reason.strip():
        return
    if not reason.strip():
        raise Refused(RefusedReason.NO_REASON)
    move_case(case, CaseAction.DECLINE, now, who=who)
    case.reason = reason.strip()
    refused = _proposed(context)
    case.cents -= sum(row.cents for row in refused)
    _settle(refused, CreditAction.REFUSE, case.name, context, policy, now)


def _new_case(facts: CaseFacts, policy: Policy, now: Instant, draft: Draft) -> GoodwillCase:
    case = GoodwillCase(id=facts.subject.id, subject_kind=facts.subject.kind, shown_as=facts.shown_as, name=facts.name,
                        currency=policy.goodwill.currency, looked_at=now)
    draft.add(case)
    return case


def _row(credit: Credit, facts: CaseFacts, policy: Policy, now: Instant) -> Goodwill:
    return Goodwill(
        id=policy.new_id("G"), case_id=facts.subject.id, subject_kind=facts.subject.kind, shown_as=facts.shown_as,
        site_id=credit.site_id, customer_id=credit.customer_id, kind=credit.kind, rule=credit.rule,
        state=GoodwillState.PROPOSED, cents=credit.cents, currency=policy.goodwill.currency, dark_ms=credit.dark_ms,
        promise=credit.promise, created_at=now)


def _settle(rows: Iterable[Goodwill], action: CreditAction, area: str, context: CaseContext, policy: Policy,
            now: Instant) -> None:
    """Each household hears once of all that it is credited; of what is refused nobody hears."""
    theirs: dict[str, list[Goodwill]] = {}
    for row in rows:
        move_credit(row, action, now)
        theirs.setdefault(row.customer_id, []).append(row)
    if action is CreditAction.GIVE:
        for rows_of_one in theirs.values():
            tell_customer(rows_of_one, area, context, policy, now)


def tell_customer(rows: Sequence[Goodwill], area: str, context: CaseContext, policy: Policy, now: Instant) -> None:
    """What happened, what they are credited, and that they need not do anything."""
    first = rows[0]
    page = context.pages.get((first.customer_id, first.site_id))
    if page is None and context.about.kind is not SubjectKind.CUSTOMER:
        made = link(policy, LinkPurpose.FOLLOW, context.about, now, now + PAGE_FOR,
                    first.site_id if context.about.kind is SubjectKind.OUTAGE else "")
        context.draft.add(made)
        page = made.id
    facts: dict[str, Any] = {
        "credited_for": str(first.kind), "area": area, "number": first.shown_as or first.id,
        "price": _price(sum(row.cents for row in rows), first.currency)}
    if longest := max((row.dark_ms or 0 for row in rows), default=0):
        facts["dark_for"] = longest // MINUTE * MINUTE
    context.draft.add(notify(policy, customer(first.customer_id), TopicName.GOODWILL, context.about, first.id, now,
                             facts=facts, link_id=page))


def _proposed(context: CaseContext) -> list[Goodwill]:
    return [row for row in context.credits if row.state is GoodwillState.PROPOSED]


def _approver(turn: int, policy: Policy) -> Recipient:
    """Who is asked at the `turn`-th time, from 1."""
    named = policy.goodwill.approvers
    return on_call(named[turn - 1]) if turn <= len(named) else DISPATCHER


def _reader(to: Recipient, policy: Policy) -> dict[str, Any]:
    person = policy.on_call.people.get(to.id) if to != DISPATCHER else None
    return {} if person is None else {"reader": person.name, "reader_locale": person.locale,
                                      "reader_zone": person.timezone or policy.on_call.timezone}


def _price(cents: int, currency: str) -> str:
    return str(Price(f"{cents // 100}.{cents % 100:02}", currency))
