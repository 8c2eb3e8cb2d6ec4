"""What a technician says about how a visit ended: for a moment they can take it back, then it takes effect."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from gateway.model import (
    SECOND,
    Actor,
    ActorKind,
    DueKind,
    IncompleteReason,
    Instant,
    Responsible,
    Visit,
    VisitOutcome,
)
from gateway.model.plan import Refused
from gateway.model.reasons import RefusedReason
from gateway.tickets.actions import Finish
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.deadlines import set_due
from gateway.tickets.lifecycle import VisitAction, can
from gateway.tickets.visits.signature import Signed
from gateway.tickets.visits.steps import check_finish, finish_visit, plan_arrive
from gateway.tickets.visits.undo import CAME_WITH_IT, UNTIL


@dataclass(frozen=True)
class Report:
    """How it ended, and who says so."""

    finish: Finish
    who: Actor


def report_of(visit: Visit) -> Report | None:
    """What they have said and can still take back; None: nothing, or it has taken effect."""
    if visit.report is None:
        return None
    kept, who, signature = visit.report, visit.report["who"], visit.report["signature"]
    finish = Finish(
        visit.id, kept["note"], VisitOutcome(kept["outcome"]),
        None if kept["reason"] is None else IncompleteReason(kept["reason"]), tuple(kept["parts"]),
        kept["expected_at"], kept["fix"], tuple(kept["used"]), None if signature is None else Signed(**signature),
        undoable=True)
    return Report(finish, Actor(ActorKind(who["kind"]), who["name"], who["account"]))


def plan_report(act: Finish, visit: Visit, work: SiteWork, policy: Policy, who: Actor, now: Instant) -> None:
    """Nobody hears of it yet, and nobody asks them any more how it goes; who says it is there. Raises Refused."""
    waits = report_of(visit)
    if waits is not None:
        if waits.finish != act:
            raise Refused(RefusedReason.REPORT_WAITS)
        return  # the same tap twice
    check_finish(act, visit, now)
    came_with_it = can(visit, VisitAction.ARRIVE)
    if came_with_it:
        plan_arrive(visit, work, policy, who, now)
    until = now + policy.service.undo_seconds * SECOND
    visit.reported_at = now
    visit.report = {**_kept(act, who), UNTIL: until, CAME_WITH_IT: came_with_it}
    set_due(visit, DueKind.REPORT_COUNTS, until, Responsible.GATEWAY, work, policy)
    overrun = work.due.get((DueKind.WORK_OVERRUN, visit.id))
    if overrun is not None and overrun.at is not None:
        overrun.at = max(overrun.at, until + SECOND)


def plan_report_counts(visit: Visit, work: SiteWork, policy: Policy, now: Instant) -> None:
    """Nobody has taken it back. What was asked of it when it was said is not asked again: a part may be due by now."""
    report = report_of(visit)
    if report is None or not can(visit, VisitAction.FINISH):
        return
    moved_out = work.site.household_left_at or work.site.household_since or 0
    is_theirs = moved_out <= (visit.reported_at or now)  # who lives there now has signed nothing
    finish = report.finish if is_theirs else replace(report.finish, signature=None)
    finish_visit(finish, visit, work, policy, report.who, now)


def _kept(act: Finish, who: Actor) -> dict[str, Any]:
    return {**asdict(act), "parts": list(act.parts), "used": list(act.used),
            "who": {"kind": str(who.kind), "name": who.name, "account": who.account}}
