"""Counts of promises: how many were kept, by kind and by provider."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from gateway.model import Instant, Promise, PromiseKind, PromiseState, Provider


@dataclass
class PromiseCounts:
    """Promises that were due in a period, by what became of them."""

    by_state: Counter[PromiseState] = field(default_factory=Counter)
    overdue: int = 0  # of the open ones: their time has passed

    @property
    def kept_rate(self) -> float | None:
        """Kept ÷ (kept, broken and overdue). What was corrected or cancelled in time counts for neither; None: nothing
        was due."""
        kept = self.by_state[PromiseState.KEPT]
        due = kept + self.by_state[PromiseState.BROKEN] + self.overdue
        return kept / due if due else None


@dataclass
class PromiseSummary:
    overall: PromiseCounts
    by_kind: Mapping[PromiseKind, PromiseCounts]
    by_provider: Mapping[str, PromiseCounts]
    names: Mapping[str, str]  # provider id → name


def promise_summary(session: Session, since: Instant | None, until: Instant | None, now: Instant) -> PromiseSummary:
    """Of the promises due at or after `since` and before `until`."""
    overdue = case((col(Promise.due_at) < now, 1), else_=0)
    fared = col(Promise.kind), col(Promise.provider_id), col(Promise.state), overdue
    query = select(*fared, func.count()).where(col(Promise.in_shadow).is_(False)).group_by(*fared)  # nobody was told
    query = query.where(col(Promise.due_at) >= since) if since is not None else query
    query = query.where(col(Promise.due_at) < until) if until is not None else query
    summary = PromiseSummary(PromiseCounts(), {}, {}, {})
    by_kind: dict[PromiseKind, PromiseCounts] = {}
    by_provider: dict[str, PromiseCounts] = {}
    for kind, provider_id, state, late, count in session.connection().execute(query):
        counted = [summary.overall, by_kind.setdefault(kind, PromiseCounts())]
        if provider_id is not None:
            counted.append(by_provider.setdefault(provider_id, PromiseCounts()))
        for one in counted:
            one.by_state[state] += count
            one.overdue += count if late and state == PromiseState.OPEN else 0
    names = select(col(Provider.id), col(Provider.name)).where(col(Provider.id).in_(list(by_provider)))
    return PromiseSummary(summary.overall, by_kind, by_provider,
                          dict(iter(session.execute(names))) if by_provider else {})
