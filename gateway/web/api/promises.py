"""API route for what became of the times that customers were told."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.model import PromiseKind, PromiseState
from gateway.store.views.promises import PromiseCounts, promise_summary
from gateway.web.api.models import ApiModel, GivenTime
from gateway.web.dependencies import Gw, Now
from gateway.web.routes import Routes

router = Routes(prefix="/promises", tags=["promises"])


class DuePeriod(BaseModel):
    """Which promises: those whose time lies in a period."""

    model_config = ConfigDict(extra="forbid")
    since: GivenTime | None = Field(None, description="Due at or after this time.")
    until: GivenTime | None = Field(None, description="Due before this time.")


class Outcomes(ApiModel):
    """Promises by what became of them."""

    open: int = Field(description="Not settled yet.")
    overdue: int = Field(description="Of the open ones: their time has passed.")
    kept: int
    corrected: int = Field(description="Another time, or that there is none, was told before it lapsed.")
    cancelled: int = Field(description="Not needed any more.")
    broken: int
    kept_rate: float | None = Field(description="kept ÷ (kept + broken + overdue); null when none was due.",
                                    examples=[0.96])


class OutcomesOfKind(Outcomes):
    kind: PromiseKind


class OutcomesByProvider(Outcomes):
    """Arrivals that this provider had to keep."""

    provider_id: str = Field(examples=["kunz"])
    provider_name: str = Field(examples=["Kunz Heating"])


class PromiseSummary(ApiModel):
    """How well we keep what we tell customers."""

    overall: Outcomes
    by_kind: list[OutcomesOfKind]
    by_provider: list[OutcomesByProvider]


@router.get("/summary", summary="How many promises were kept")
def get_promise_summary(gw: Gw, now: Now, query: Annotated[DuePeriod, Query()]) -> PromiseSummary:
    """Of all times told to customers: arrival windows, ETAs, calls, ends of power cuts, and our next word."""
    with gw.store.read() as session:
        found = promise_summary(session, query.since, query.until, now)
    return PromiseSummary(
        overall=Outcomes(**_numbers(found.overall)),
        by_kind=[OutcomesOfKind(kind=kind, **_numbers(found.by_kind[kind])) for kind in PromiseKind
                 if kind in found.by_kind],
        by_provider=[OutcomesByProvider(provider_id=one, provider_name=found.names.get(one, one), **_numbers(counts))
                     for one, counts in sorted(found.by_provider.items())])


def _numbers(counts: PromiseCounts) -> dict[str, float | None]:
    return {**{str(state): counts.by_state[state] for state in PromiseState}, "overdue": counts.overdue,
            "kept_rate": counts.kept_rate}
