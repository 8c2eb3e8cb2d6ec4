"""API routes for area outages, their homes and their timelines."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field, PlainSerializer
from sqlmodel import Session

from gateway.access.rights import messages_at_once
from gateway.flow.act import send_failed_again
from gateway.flow.outages.call_off import call_off
from gateway.model import ExternalKind, MemberState, OutageKind, OutageState, to_iso
from gateway.model import Outage as Row
from gateway.store import external_ids
from gateway.store.views import api_lists
from gateway.store.views.console.outage_page import failed_messages
from gateway.web.api import filters, models
from gateway.web.api.models import ApiModel, ExternalIds, Id, Time
from gateway.web.api.timelines import timeline_page
from gateway.web.dependencies import Gw, TicketWorker, WorkPlanner, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/outages", tags=["outages"])


def _readable(why: dict[str, Any]) -> dict[str, Any]:
    """The reasons with their window as every other time is."""
    return why | {name: to_iso(why[name]) for name in ("since", "until") if isinstance(why.get(name), int)}


Why = Annotated[dict[str, Any], PlainSerializer(_readable)]


class Outage(ApiModel):
    """Many homes of one area dark together."""

    id: str = Field(examples=["X-6D1F9WQM"])
    state: OutageState = Field(description="suspected → confirmed → restoring → restored → closed, or dismissed.")
    kind: OutageKind = Field(description="place, feeder: customers are told; network (a carrier), gateway (ourselves): "
                                         "only the operator is.")
    area_id: str | None = Field(description="null: our own fault.", examples=["feeder-7"])
    name: str = Field(description="The area's.", examples=["Feeder 7"])
    round: int = Field(description="2 when it came back before it was closed, and so on.")
    homes: int = Field(description="That were ever in it.")
    dark: int = Field(description="That are still.")
    ticket_id: str | None
    began_at: Time = Field(description="When the first home went dark.")
    suspected_at: Time
    confirmed_at: Time | None
    restoring_at: Time | None = Field(description="When half of the homes were back.")
    restored_at: Time | None
    closed_at: Time | None
    etr_at: Time | None = Field(description="Estimated end, from how long earlier ones took; null without history.")
    external_ids: ExternalIds
    why: Why = Field(description="k of n homes, the chance p of one loss in the window, the p-value, the "
                                 "window, how it was seen, and what was held back because of it.")


class Member(ApiModel):
    """One home in an outage."""

    site_id: str
    site_name: str
    customer_id: str
    customer_name: str
    state: MemberState = Field(description="affected, restored (by its own proof), nested (still dark for a reason of "
                                           "its own), left (nothing there can say).")
    round: int
    died_at: Time = Field(description="When it went dark.")
    joined_at: Time = Field(description="When it was taken for a part of this outage.")
    back_at: Time | None = Field(description="When it proved that it is back.")


class OutagePage(BaseModel):
    next: str | None
    items: list[Outage]


class MemberPage(BaseModel):
    next: str | None
    items: list[Member]


class SentAgain(ApiModel):
    """What became of the messages by which nobody was reached."""

    sent: int = Field(description="That are on their way again.", examples=[20])
    more: bool = Field(description="There are others: ask again.")


class Outages(filters.NamedPeriod):
    state: OutageState | None = None
    area: Id | None = None
    kind: OutageKind | None = None
    open: bool | None = Field(None, description="true: not closed and not dismissed.")


class Members(filters.Pagination):
    state: MemberState | None = None


def _outages(session: Session, *rows: Row) -> list[Outage]:
    names = external_ids.of_rows(session, ExternalKind.OUTAGE, [row.id for row in rows])
    return [Outage(**row.model_dump(), why=row.evidence, external_ids=names[row.id]) for row in rows]


@router.get("", summary="List outages")
def list_outages(gw: Gw, query: Annotated[Outages, Query()]) -> OutagePage:
    """Newest first."""
    with gw.store.read() as session:
        page = api_lists.outages(session, query.wanted(), query.cursor, query.limit)
        return OutagePage(items=_outages(session, *page.rows), next=page.next)


@router.get("/{outage_id}", summary="One outage, with the reasons", responses=responses(404))
def get_outage(gw: Gw, outage_id: Id) -> Outage:
    with gw.store.read() as session:
        return _outages(session, or_404(api_lists.outage(session, outage_id), "outage"))[0]


@router.get("/{outage_id}/members", summary="The homes in it", responses=responses(404))
def get_outage_members(gw: Gw, outage_id: Id, query: Annotated[Members, Query()]) -> MemberPage:
    with gw.store.read() as session:
        or_404(api_lists.outage(session, outage_id), "outage")
        page = api_lists.outage_members(session, outage_id, query.wanted(), query.cursor, query.limit)
    items = [Member(**member.model_dump(), site_name=site.name, customer_name=customer.name)
             for member, site, customer in page.rows]
    return MemberPage(items=items, next=page.next)


@router.get("/{outage_id}/timeline", summary="What happened, and why", responses=responses(404))
def get_outage_timeline(gw: Gw, outage_id: Id, query: Annotated[filters.Timeline, Query()]) -> models.EntryPage:
    """Oldest first; nothing in it is ever changed."""
    with gw.store.read() as session:
        or_404(api_lists.outage(session, outage_id), "outage")
        page = api_lists.timeline(session, outage_id, query.cursor, query.limit)
    answer = timeline_page(page, query.language, gw.settings.service.callback_timezone)
    for entry in answer.items:
        entry.why = _readable(entry.why)
    return answer


@router.post("/{outage_id}/call-off", summary="There was no power cut", responses=responses(404, 409))
def call_off_outage(by: WorkPlanner, outage_id: Id) -> Outage:
    """Its ticket is cancelled, its homes speak for themselves again, and every household that was told of it, and no
    other, is told that it was wrong."""
    call_off(by.gw, outage_id, by.who, by.now)
    return get_outage(by.gw, outage_id)


@router.post("/{outage_id}/send-again", summary="Try once more to reach those who were not", responses=responses(404))
def send_outage_messages_again(by: TicketWorker, outage_id: Id) -> SentAgain:
    """The messages to households by which nobody was reached (`failed`), the oldest first: twenty at once, 200 for
    whoever may `act_on_many`. What is no longer true is not sent: it is dropped."""
    with by.gw.store.read() as session:
        or_404(api_lists.outage(session, outage_id), "outage")
    sent = send_failed_again(by.gw, outage_id, messages_at_once(by.role), by.who, by.now)
    with by.gw.store.read() as session:
        return SentAgain(sent=sent, more=bool(failed_messages(session, outage_id, 1)))
