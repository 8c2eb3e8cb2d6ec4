"""API routes for what customers say when they are asked how it went: one by one, added up, and as a file."""

from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from gateway.flow.accounts.audit import write_act
from gateway.model import DAY, Provider, SurveyMark
from gateway.model import Survey as Row
from gateway.model.plan import Plan
from gateway.store.after import survey_lists
from gateway.store.after.survey_lists import FirmAnswers, Share
from gateway.web.api import filters
from gateway.web.api.after.goodwill import CSV, ExportPeriod
from gateway.web.api.models import ApiModel, GivenTime, Id, Time
from gateway.web.dependencies import FileExporter, Gw, Now, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(tags=["surveys"])


class Survey(ApiModel):
    """What a customer was asked once their ticket was closed, and what they said."""

    ticket_id: str = Field(examples=["T-4F7QK2M9"])
    customer_id: str
    provider_id: str | None = Field(description="Whose visit it was; null: nobody had to come.")
    asked_at: Time
    answered_at: Time | None = Field(description="null: not yet, or never.")
    works: bool | None = Field(description="Does it work?")
    ease: SurveyMark | None = Field(description="How easy was it for them?")
    care: SurveyMark | None = Field(description="Did they feel that we cared?")
    words: str = Field(description="Theirs.", examples=["Very friendly"])


class SurveyPage(BaseModel):
    next: str | None
    items: list[Survey]


class Answers(ApiModel):
    """Of those who answered a question: how many said that it was good."""

    good: int
    of: int
    percent: int | None = Field(description="null: nobody answered it.")


class Firm(ApiModel):
    """What was said of one firm's visits."""

    provider_id: str | None = Field(description="null: nobody had to come.")
    provider_name: str
    asked: int
    answered: int
    works: Answers
    ease: Answers
    care: Answers


class Summary(BaseModel):
    total: Firm
    by_provider: list[Firm]


class Surveys(filters.Period):
    provider: Id | None = None
    works: bool | None = None
    answered: bool | None = None


class SummaryPeriod(BaseModel):
    """By when they were asked; without it the last 90 days."""

    model_config = ConfigDict(extra="forbid")
    since: GivenTime | None = Field(None, description="At or after this time.")
    until: GivenTime | None = Field(None, description="Before this time.")


@router.get("/surveys", summary="What customers said")
def list_surveys(gw: Gw, query: Annotated[Surveys, Query()]) -> SurveyPage:
    """Those that were asked last first."""
    with gw.store.read() as session:
        page = survey_lists.surveys(session, query.wanted(), query.cursor, query.limit)
    return SurveyPage(items=[_survey(*row) for row in page.rows], next=page.next)


@router.get("/surveys/summary", summary="What customers said, added up by firm")
def sum_up_surveys(gw: Gw, now: Now, query: Annotated[SummaryPeriod, Query()]) -> Summary:
    until = now + 1 if query.until is None else query.until
    since = until - 90 * DAY if query.since is None else query.since
    with gw.store.read() as session:
        total, firms = survey_lists.summary(session, since, until)
    return Summary(total=_firm(total), by_provider=[_firm(one) for one in firms])


@router.get("/surveys/export", summary="What customers said, as a file", response_class=StreamingResponse,
            responses={200: {"description": "CSV: a line for each.",
                             "content": {"text/csv": {"schema": {"$ref": "#/components/schemas/Survey"}}}}})
def export_surveys(by: FileExporter, query: Annotated[ExportPeriod, Query()]) -> StreamingResponse:
    """Newest first. That it was taken away is written down."""
    with by.gw.store.write() as session:
        write_act(session, "export_surveys", ("survey", ""), Plan(), by.who, by.now)
    return StreamingResponse(survey_lists.survey_file(by.gw.store, query.since, query.until), media_type=CSV,
                             headers={"content-disposition": 'attachment; filename="surveys.csv"'})


@router.get("/tickets/{ticket_id}/survey", summary="What the customer said about it", responses=responses(404))
def get_ticket_survey(gw: Gw, ticket_id: Id) -> Survey:
    """404 where nobody was asked."""
    with gw.store.read() as session:
        row, firm = or_404(survey_lists.survey_of_ticket(session, ticket_id), "survey")
    return _survey(row, firm)


def _survey(row: Row, firm: Provider | None) -> Survey:
    return Survey(**row.model_dump(), provider_id=None if firm is None else firm.id)


def _firm(one: FirmAnswers) -> Firm:
    return Firm(provider_id=one.provider and one.provider.id, provider_name=one.provider.name if one.provider else "",
                asked=one.asked, answered=one.answered, works=_answers(one.works), ease=_answers(one.ease),
                care=_answers(one.care))


def _answers(share: Share) -> Answers:
    return Answers(good=share.good, of=share.of, percent=share.percent)
