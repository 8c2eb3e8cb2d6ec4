"""API routes for goodwill: what was credited, what waits for a yes, an agent's gesture, and the file for billing."""

from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from gateway.flow.accounts.audit import write_act
from gateway.flow.after.goodwill import approve_goodwill, decline_goodwill, give_gesture, try_goodwill
from gateway.flow.gateway import Gateway
from gateway.model import (
    DAY,
    MINUTE,
    Customer,
    GoodwillCaseState,
    GoodwillKind,
    GoodwillState,
    PromiseKind,
    Site,
    SubjectKind,
)
from gateway.model import Goodwill as Row
from gateway.model.plan import Plan
from gateway.store.after import goodwill_lists
from gateway.web.api import filters
from gateway.web.api.models import ApiModel, Body, GivenTime, Id, Time, Words
from gateway.web.dependencies import FileExporter, GestureGiver, GoodwillApprover, Gw, Now, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(tags=["credits"])
CSV = "text/csv; charset=utf-8"


class Credit(ApiModel):
    """What one home is credited for one harm by one rule, or by an agent."""

    id: str = Field(examples=["G-6D1F9WQM"])
    case_id: str = Field(description="The outage, job or callback that it is for; an agent's gesture: its own id.",
                         examples=["X-6D1F9WQM"])
    number: str = Field(description="That people say: of the outage, ticket or callback.", examples=["X-6D1F9WQM"])
    kind: GoodwillKind
    rule: str = Field(description="Its condition. Each is met once for one home and harm.",
                      examples=["outage:14400000"])
    state: GoodwillState = Field(description="proposed (somebody has to approve it), given, or refused.")
    cents: int = Field(description="Hundredths of the currency.", examples=[500])
    currency: str = Field(examples=["EUR"])
    customer_id: str
    customer_name: str
    site_id: str
    site_name: str
    dark_minutes: int | None = Field(description="Of an outage: for how long the home was dark, as it proved itself.")
    promise: PromiseKind | None = Field(description="That we did not keep.")
    reason: str = Field(description="Of a gesture: why, in the agent's words; customers do not read it.")
    given_by: str = Field(description="Of a gesture: who.", examples=["agent Dana Meier"])
    created_at: Time
    given_at: Time | None


class CreditPage(BaseModel):
    next: str | None
    items: list[Credit]


class Case(ApiModel):
    """What one outage, visit or call comes to."""

    id: str = Field(description="Of the outage, job or callback.", examples=["X-6D1F9WQM"])
    subject_kind: SubjectKind = Field(description="outage | job | callback", examples=["outage"])
    number: str = Field(examples=["X-6D1F9WQM"])
    name: str = Field(description="Of the outage's area.", examples=["Lateral 9a"])
    state: GoodwillCaseState = Field(description="settled (nobody has to approve it), waiting, approved, declined.")
    cents: int = Field(description="Of all homes together, in hundredths.", examples=[206000])
    currency: str = Field(examples=["EUR"])
    homes: int
    homes_out: int = Field(description="That were not back: they are weighed when they are.")
    looked_at: Time = Field(description="When it was weighed last.")
    waits_since: Time | None
    asked: int = Field(description="How many times somebody was asked to approve it.")
    next_at: Time | None = Field(description="Then the next one is asked.")
    decided_at: Time | None
    decided_by: str = Field(examples=["agent Dana Meier"])
    reason: str = Field(description="Why it was declined.")


class CasePage(BaseModel):
    next: str | None
    items: list[Case]


class Trial(ApiModel):
    """What the rules would come to for one outage, visit or call."""

    case_id: str = Field(examples=["X-6D1F9WQM"])
    subject_kind: SubjectKind
    number: str
    name: str
    cents: int
    currency: str = Field(examples=["EUR"])
    homes: int
    homes_out: int
    unproven: int = Field(description="Homes that never showed when they were back: nothing follows for them.")
    over_cap: bool = Field(description="Somebody would have to approve it.")


class Trials(BaseModel):
    items: list[Trial]


class Credits(filters.Period):
    customer: Id | None = None
    site: Id | None = None
    case: Id | None = None
    kind: GoodwillKind | None = None
    state: GoodwillState | None = None


class Cases(filters.Pagination):
    state: GoodwillCaseState | None = None


class TrialDays(BaseModel):
    model_config = ConfigDict(extra="forbid")
    days: int = Field(30, ge=1, le=90, description="What was over in the last so many days.")


class ExportPeriod(BaseModel):
    """By when it was given, or asked."""

    model_config = ConfigDict(extra="forbid")
    since: GivenTime | None = Field(None, description="At or after this time.")
    until: GivenTime | None = Field(None, description="Before this time.")


class DeclineGoodwillBody(Body):
    reason: Words = Field(description="Why not; customers do not read it.", examples=["The insurer pays"])


class GestureBody(Body):
    cents: int = Field(gt=0, le=1_000_000_00, description="Hundredths of the currency of goodwill.", examples=[500])
    reason: Words = Field(description="Why; customers do not read it.", examples=["Rang four times for one fault"])


@router.get("/goodwill", summary="List credits")
def list_goodwill(gw: Gw, query: Annotated[Credits, Query()]) -> CreditPage:
    """Newest first, with what waits for a yes, and what was refused."""
    with gw.store.read() as session:
        page = goodwill_lists.credits(session, query.wanted(), query.cursor, query.limit)
    return CreditPage(items=[_credit(*row) for row in page.rows], next=page.next)


@router.get("/goodwill/cases", summary="What outages, visits and calls come to")
def list_goodwill_cases(gw: Gw, query: Annotated[Cases, Query()]) -> CasePage:
    """Those that were weighed last first; what came to nothing is left out."""
    with gw.store.read() as session:
        page = goodwill_lists.cases(session, query.state, query.cursor, query.limit)
    return CasePage(items=[Case(**row.model_dump(), number=row.shown_as) for row in page.rows], next=page.next)


@router.get("/goodwill/trial", summary="What the rules would come to")
def try_goodwill_rules(gw: Gw, now: Now, query: Annotated[TrialDays, Query()]) -> Trials:
    """A dry run of the rules in the settings over what was over lately, whatever was credited. Nothing is written, and
    nobody is told."""
    rules = gw.settings.goodwill
    with gw.store.read() as session:
        trials = try_goodwill(session, rules, now - query.days * DAY)
    return Trials(items=[Trial(
        case_id=one.facts.subject.id, subject_kind=one.facts.subject.kind, number=one.facts.shown_as,
        name=one.facts.name, cents=one.cents, currency=rules.currency,
        homes=len({credit.site_id for credit in one.credits}), homes_out=one.facts.homes_out,
        unproven=one.facts.unproven, over_cap=one.over_cap) for one in trials])


@router.post("/goodwill/cases/{case_id}/approve", summary="Credit everybody affected, and tell them",
             responses=responses(404, 409))
def approve_goodwill_case(by: GoodwillApprover, case_id: Id) -> Case:
    """At once, and homes that come back later too. A second time it changes nothing."""
    approve_goodwill(by.gw, case_id, by.who, by.now)
    return _case(by.gw, case_id)


@router.post("/goodwill/cases/{case_id}/decline", summary="Credit nobody, and say why", responses=responses(404, 409))
def decline_goodwill_case(by: GoodwillApprover, case_id: Id, body: DeclineGoodwillBody) -> Case:
    """Nobody hears of it. A second time with the same reason it changes nothing."""
    decline_goodwill(by.gw, case_id, body.reason, by.who, by.now)
    return _case(by.gw, case_id)


@router.post("/sites/{site_id}/gestures", summary="Give a household a small gesture", status_code=201,
             responses=responses(404, 409))
def give_household_gesture(by: GestureGiver, site_id: Id, body: GestureBody) -> Credit:
    """Within the limits of `goodwill.gestures`: at once, for one agent and day, for one household and month. They are
    told. The same within ten seconds is one."""
    key = give_gesture(by.gw, site_id, body.cents, body.reason, by.who, by.now)
    with by.gw.store.read() as session:
        row = session.get_one(Row, key)
        return _credit(row, session.get_one(Customer, row.customer_id), session.get_one(Site, row.site_id))


@router.get("/goodwill/export", summary="What was given, as a file for billing", response_class=StreamingResponse,
            responses={200: {"description": "CSV: a line for each, amounts in whole cents.",
                             "content": {"text/csv": {"schema": {"$ref": "#/components/schemas/Credit"}}}}})
def export_goodwill(by: FileExporter, query: Annotated[ExportPeriod, Query()]) -> StreamingResponse:
    """Newest first. That it was taken away is written down."""
    with by.gw.store.write() as session:
        write_act(session, "export_goodwill", ("goodwill_case", ""), Plan(), by.who, by.now)
    return StreamingResponse(goodwill_lists.billing_file(by.gw.store, query.since, query.until), media_type=CSV,
                             headers={"content-disposition": 'attachment; filename="goodwill.csv"'})


def _credit(row: Row, customer: Customer, site: Site) -> Credit:
    return Credit(**row.model_dump(), number=row.shown_as, customer_name=customer.name, site_name=site.name,
                  dark_minutes=None if row.dark_ms is None else row.dark_ms // MINUTE)


def _case(gw: Gateway, case_id: str) -> Case:
    with gw.store.read() as session:
        row = or_404(goodwill_lists.one_case(session, case_id), "goodwill case")
        return Case(**row.model_dump(), number=row.shown_as)
