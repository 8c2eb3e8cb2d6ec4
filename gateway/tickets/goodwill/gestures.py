"""An agent credits a household something of their own accord, within what the settings allow."""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.config.settings import Gestures
from gateway.model import (
    DAY,
    SECOND,
    Actor,
    Goodwill,
    GoodwillKind,
    GoodwillState,
    Instant,
    Site,
    Subject,
    SubjectKind,
)
from gateway.model.plan import Draft, Refused
from gateway.model.reasons import RefusedReason
from gateway.tickets.context import Policy
from gateway.tickets.goodwill.plan import CaseContext, tell_customer

AGENT_SPAN, HOUSEHOLD_SPAN = DAY, 30 * DAY  # before now, of which the limits count
MOMENT = 10 * SECOND  # the same again within it is a second tap


class Given(NamedTuple):
    """What was given lately: by this agent, and to this household, by anybody."""

    by_agent: Sequence[Goodwill] = ()
    to_household: Sequence[Goodwill] = ()


def plan_gesture(site: Site, cents: int, reason: str, given: Given, draft: Draft, policy: Policy, who: Actor,
                 now: Instant) -> Goodwill:
    """The credit; of the same tap twice the first one. Raises Refused above a limit, and without a reason or where
    nobody lives."""
    reason = reason.strip()
    for row in given.by_agent:
        if (row.site_id, row.cents, row.reason) == (site.id, cents, reason) and now - row.created_at < MOMENT:
            return row
    if not reason:
        raise Refused(RefusedReason.NO_REASON)
    if site.household_left_at is not None:
        raise Refused(RefusedReason.NOBODY_LIVES_THERE)
    most = left_of(policy.goodwill.gestures, given, now)
    if not 0 < cents <= most:
        raise Refused(RefusedReason.GESTURE_TOO_LARGE,
                      may_credit=f"{most // 100}.{most % 100:02} {policy.goodwill.currency}")
    key = policy.new_id("G")
    row = Goodwill(
        id=key, case_id=key, subject_kind=SubjectKind.CUSTOMER, site_id=site.id, customer_id=site.customer_id,
        kind=GoodwillKind.GESTURE, rule=str(GoodwillKind.GESTURE), state=GoodwillState.GIVEN, cents=cents,
        currency=policy.goodwill.currency, reason=reason, given_by=str(who), account=who.account, created_at=now,
        given_at=now)
    draft.add(row)
    context = CaseContext(draft, Subject(SubjectKind.CUSTOMER, site.customer_id))
    tell_customer([row], "", context, policy, now)
    return row


def left_of(limits: Gestures, given: Given, now: Instant) -> int:
    """How much this agent may still credit this household now."""
    today = sum(row.cents for row in given.by_agent if row.created_at > now - AGENT_SPAN)
    month = sum(row.cents for row in given.to_household if row.created_at > now - HOUSEHOLD_SPAN)
    return max(min(limits.most, limits.agent_day - today, limits.household_month - month), 0)
