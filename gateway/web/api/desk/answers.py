"""API routes for answers that agents have given to callers and saved: read, save, withdraw."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from gateway.access.rights import Right
from gateway.flow.act import save_answer, withdraw_answer
from gateway.flow.gateway import Gateway
from gateway.model import SavedAnswer as Row
from gateway.model import Subject, SubjectKind
from gateway.notifications.catalogues import messages
from gateway.store.views import api_lists
from gateway.store.views.desk.saved_answers import page_of_answers
from gateway.web.api.filters import Pagination
from gateway.web.api.models import ApiModel, Body, Id, Language, Time
from gateway.web.dependencies import CallbackWorker, Gw, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes()


class SavedAnswer(ApiModel):
    """What callers are told about an outage or a ticket."""

    id: str = Field(examples=["S-6D1F9WQM"])
    subject_kind: SubjectKind = Field(description="outage | ticket", examples=["outage"])
    subject_id: str = Field(description="What it is about.", examples=["X-6D1F9WQM"])
    words: dict[str, str] = Field(description="Language → what callers are told.",
                                  examples=[{"en": "A digger has hit the cable in Bachweg."}])
    for_page: bool = Field(description="Customers read it on their page too.")
    saved_by: str = Field(examples=["agent Dana Meier"])
    saved_at: Time
    withdrawn_at: Time | None = Field(description="Since then it is told to nobody.")
    withdrawn_by: str | None


class SavedAnswerPage(BaseModel):
    next: str | None
    items: list[SavedAnswer]


def _known(language: str) -> str:
    written = messages().catalogues.locales
    if language not in written:
        raise ValueError(f"customers read {', '.join(written)}")
    return language


Told = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000,
                                        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$")]


class AnswerBody(Body):
    words: dict[Annotated[Language, AfterValidator(_known)], Told] = Field(
        min_length=1, description="Language, one in which customers are written to → what callers are told.",
        examples=[{"en": "The heating firm knows of it: a pump is on its way."}])


class OutageAnswerBody(AnswerBody):
    for_page: bool = Field(False, description="Show it to customers on their page too.")


@router.get("/outages/{outage_id}/answers", summary="What callers are told about it", tags=["outages"],
            responses=responses(404))
def list_outage_answers(gw: Gw, outage_id: Id, query: Annotated[Pagination, Query()]) -> SavedAnswerPage:
    """Those that were not withdrawn, newest first."""
    with gw.store.read() as session:
        or_404(api_lists.outage(session, outage_id), "outage")
    return _list(gw, Subject(SubjectKind.OUTAGE, outage_id), query)


@router.post("/outages/{outage_id}/answers", summary="Save what callers are told about it", tags=["outages"],
             status_code=201, responses=responses(404, 409))
def save_outage_answer(by: CallbackWorker, outage_id: Id, body: OutageAnswerBody) -> SavedAnswer:
    """For the next agent, and for the customers' page with `for_page`; as long as the outage is open."""
    about = Subject(SubjectKind.OUTAGE, outage_id)
    return _one(by.gw, save_answer(by.gw, about, body.words, body.for_page, by.who, by.now))


@router.get("/tickets/{ticket_id}/answers", summary="What callers are told about it", tags=["tickets"],
            responses=responses(404))
def list_ticket_answers(gw: Gw, ticket_id: Id, query: Annotated[Pagination, Query()]) -> SavedAnswerPage:
    """Those that were not withdrawn, newest first."""
    with gw.store.read() as session:
        or_404(api_lists.ticket(session, ticket_id), "ticket")
    return _list(gw, Subject(SubjectKind.TICKET, ticket_id), query)


@router.post("/tickets/{ticket_id}/answers", summary="Save what callers are told about it", tags=["tickets"],
             status_code=201, responses=responses(404, 409))
def save_ticket_answer(by: CallbackWorker, ticket_id: Id, body: AnswerBody) -> SavedAnswer:
    """For the next agent, as long as the ticket is open."""
    about = Subject(SubjectKind.TICKET, ticket_id)
    return _one(by.gw, save_answer(by.gw, about, body.words, False, by.who, by.now))


@router.post("/answers/{answer_id}/withdraw", summary="Callers are not told it any more", tags=["outages", "tickets"],
             responses=responses(404))
def withdraw_saved_answer(by: CallbackWorker, answer_id: Id) -> SavedAnswer:
    """Your own, or with the right `withdraw_answers` anybody's. Customers do not read it any more either. A second time
    it changes nothing."""
    with by.gw.store.read() as session:
        row: Row = or_404(session.get(Row, answer_id), "answer")
    if row.account != by.who.account:
        by.need(Right.WITHDRAW_ANSWERS, "withdraw_answer", ("saved_answer", answer_id))
    withdraw_answer(by.gw, answer_id, by.who, by.now)
    return _one(by.gw, answer_id)


def _list(gw: Gateway, about: Subject, query: Pagination) -> SavedAnswerPage:
    with gw.store.read() as session:
        page = page_of_answers(session, about, query.cursor, query.limit)
    return SavedAnswerPage(items=[SavedAnswer(**row.model_dump()) for row in page.rows], next=page.next)


def _one(gw: Gateway, answer_id: str) -> SavedAnswer:
    with gw.store.read() as session:
        return SavedAnswer(**session.get_one(Row, answer_id).model_dump())
