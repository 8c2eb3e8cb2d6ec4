"""Life cycle of credits, and of what somebody has to approve: every transition, and by when the next one is asked."""

from enum import StrEnum

from gateway.model import Actor, Goodwill, GoodwillCase, GoodwillCaseState, GoodwillState, Instant
from gateway.model.lifecycle import Duty, after
from gateway.model.states import Responsible

_PROPOSED, _GIVEN, _REFUSED = GoodwillState.PROPOSED, GoodwillState.GIVEN, GoodwillState.REFUSED
_SETTLED, _WAITING = GoodwillCaseState.SETTLED, GoodwillCaseState.WAITING
_APPROVED, _DECLINED = GoodwillCaseState.APPROVED, GoodwillCaseState.DECLINED


class CreditAction(StrEnum):
    """What happens to a credit that was proposed."""

    GIVE = "give"
    """Somebody has approved what its outage or visit comes to."""
    REFUSE = "refuse"
    """Somebody has not."""


CREDIT_TRANSITIONS: dict[tuple[GoodwillState, CreditAction], GoodwillState] = {
    (_PROPOSED, CreditAction.GIVE): _GIVEN,
    (_PROPOSED, CreditAction.REFUSE): _REFUSED,
}


class CaseAction(StrEnum):
    """What happens to what one outage, trip or call comes to."""

    EXCEED = "exceed"
    """It is more than the cap: somebody has to approve it."""
    ASK = "ask"
    """The next one is asked."""
    APPROVE = "approve"
    """A person says yes."""
    DECLINE = "decline"
    """A person says no."""


CASE_TRANSITIONS: dict[tuple[GoodwillCaseState, CaseAction], GoodwillCaseState] = {
    (_SETTLED, CaseAction.EXCEED): _WAITING,
    (_WAITING, CaseAction.ASK): _WAITING,
    (_WAITING, CaseAction.APPROVE): _APPROVED,
    (_WAITING, CaseAction.DECLINE): _DECLINED,
}

DUTIES: dict[GoodwillCaseState, Duty] = {
    _WAITING: Duty(Responsible.DISPATCHER, "somebody approves or declines it, or the next one is asked, without end",
                   "goodwill_case.next_at"),
}


def move_credit(credit: Goodwill, action: CreditAction, now: Instant) -> None:
    """The one place that writes a credit's state. Raises Refused."""
    credit.state = after(CREDIT_TRANSITIONS, credit.state, action, "credit", credit.id)
    if action is CreditAction.GIVE:
        credit.given_at = now


def move_case(case: GoodwillCase, action: CaseAction, now: Instant, *, next_at: Instant | None = None,
              who: Actor | None = None) -> None:
    """The one place that writes whether somebody has to approve, and the times that go with it. `next_at`: when the
    next one is asked. Raises Refused."""
    case.state = after(CASE_TRANSITIONS, case.state, action, "goodwill_case", case.shown_as)
    case.next_at = next_at
    match action:
        case CaseAction.EXCEED:
            case.waits_since = now
        case CaseAction.ASK:
            case.asked += 1
        case CaseAction.APPROVE | CaseAction.DECLINE:
            case.decided_at = now
            if who is not None:
                case.decided_by, case.account = str(who), who.account
