"""API routes for area outages and maintenance windows."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, PlainSerializer

from gateway.flow.act import add_maintenance
from gateway.model import MaintenanceWindow, MemberState, OutageKind, OutageState, new_id, to_iso
from gateway.model import Outage as Row
from gateway.store.contexts import maintenance
from gateway.store.views import api_lists
from gateway.store.views import api_outages as outages
from gateway.web.api import filters, models
from gateway.web.api.models import ApiModel, GivenTime, Id, Time, Words
from gateway.web.api.timelines import timeline_page
from gateway.web.dependencies import By, Gw, found
from gateway.web.problems import responses

router = APIRouter(prefix="/outages", tags=["outages"])
planned = APIRouter(prefix="/maintenance", tags=["outages"])


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


class Window(ApiModel):
    """Power that is switched off on purpose."""

    id: str
    area_id: str
    area_name: str
    from_at: Time
    until_at: Time
    words: dict[str, str] = Field(description="Language → why.", examples=[{"en": "a new transformer"}])
    created_by: str
    announced_at: Time | None


class OutagePage(BaseModel):
    next: str | None
    items: list[Outage]


class MemberPage(BaseModel):
    next: str | None
    items: list[Member]


class WindowPage(BaseModel):
    next: str | None
    items: list[Window]


class Outages(filters.Period):
    state: OutageState | None = None
    area: Id | None = None
    kind: OutageKind | None = None
    open: bool | None = Field(None, description="true: not closed and not dismissed.")


class Members(filters.Pagination):
    state: MemberState | None = None


class WindowBody(BaseModel):
    area_id: Id = Field(examples=["feeder-7"])
    from_at: GivenTime
    until_at: GivenTime
    words: dict[str, Words] = Field(default_factory=dict, description="Language → why; customers read it.")


def _outage(row: Row) -> Outage:
    return Outage(**row.model_dump(), why=row.evidence)


@router.get("", summary="List outages")
def list_outages(gw: Gw, asked: Annotated[Outages, Query()]) -> OutagePage:
    """Newest first."""
    with gw.store.read() as session:
        page = outages.page_of(session, asked.wanted(), asked.cursor, asked.limit)
    return OutagePage(items=[_outage(row) for row in page.rows], next=page.next)


@router.get("/{outage_id}", summary="One outage, with the reasons", responses=responses(404))
def get_outage(gw: Gw, outage_id: Id) -> Outage:
    with gw.store.read() as session:
        return _outage(found(outages.one(session, outage_id), "outage"))


@router.get("/{outage_id}/members", summary="The homes in it", responses=responses(404))
def get_outage_members(gw: Gw, outage_id: Id, asked: Annotated[Members, Query()]) -> MemberPage:
    with gw.store.read() as session:
        found(outages.one(session, outage_id), "outage")
        page = outages.members_of(session, outage_id, asked.wanted(), asked.cursor, asked.limit)
    items = [Member(**member.model_dump(), site_name=site.name, customer_name=customer.name)
             for member, site, customer in page.rows]
    return MemberPage(items=items, next=page.next)


@router.get("/{outage_id}/timeline", summary="What happened, and why", responses=responses(404))
def get_outage_timeline(gw: Gw, outage_id: Id, asked: Annotated[filters.Timeline, Query()]) -> models.EntryPage:
    """Oldest first; nothing in it is ever changed."""
    with gw.store.read() as session:
        found(outages.one(session, outage_id), "outage")
        page = api_lists.timeline(session, outage_id, asked.cursor, asked.limit)
    answer = timeline_page(page, asked.language, gw.settings.service.callback_timezone)
    for entry in answer.items:
        entry.why = _readable(entry.why)
    return answer


@planned.get("", summary="List planned work")
def list_maintenance(gw: Gw, asked: Annotated[filters.Pagination, Query()]) -> WindowPage:
    """The latest first."""
    with gw.store.read() as session:
        page = maintenance.windows(session, asked.cursor, asked.limit)
    return WindowPage(items=[Window(**window.model_dump(), area_name=area.name) for window, area in page.rows],
                      next=page.next)


@planned.post("", summary="Plan work in an area", responses=responses(404, 409))
def plan_maintenance(by: By, body: WindowBody) -> Window:
    """Its customers are told two days before, or at once. Meanwhile its homes may be dark without an alarm."""
    window = MaintenanceWindow(id=new_id("W"), created_at=by.now, **body.model_dump())
    add_maintenance(by.gw, window, by.who, by.now)
    with by.gw.store.read() as session:
        row, area = found(maintenance.window(session, window.id), "window")
    return Window(**row.model_dump(), area_name=area.name)
