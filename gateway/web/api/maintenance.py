"""API routes for maintenance windows: planned work in an area."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.flow.act import add_maintenance
from gateway.model import MaintenanceWindow, new_id
from gateway.store.views import api_lists
from gateway.web.api import filters
from gateway.web.api.models import ApiModel, GivenTime, Id, Time, Words
from gateway.web.dependencies import Gw, WorkPlanner, or_404
from gateway.web.problems import responses

router = APIRouter(prefix="/maintenance", tags=["outages"])


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


class WindowPage(BaseModel):
    next: str | None
    items: list[Window]


class WindowBody(BaseModel):
    area_id: Id = Field(examples=["feeder-7"])
    from_at: GivenTime
    until_at: GivenTime
    words: dict[str, Words] = Field(default_factory=dict, description="Language → why; customers read it.")


@router.get("", summary="List planned work")
def list_maintenance(gw: Gw, query: Annotated[filters.Pagination, Query()]) -> WindowPage:
    """The latest first."""
    with gw.store.read() as session:
        page = api_lists.maintenance_windows(session, query.cursor, query.limit)
    return WindowPage(items=[Window(**window.model_dump(), area_name=area.name) for window, area in page.rows],
                      next=page.next)


@router.post("", summary="Plan work in an area", responses=responses(404, 409))
def plan_maintenance(by: WorkPlanner, body: WindowBody) -> Window:
    """Its customers are told two days before, or at once. Meanwhile its homes may be dark without an alarm."""
    window = MaintenanceWindow(id=new_id("W"), created_at=by.now, **body.model_dump())
    add_maintenance(by.gw, window, by.who, by.now)
    with by.gw.store.read() as session:
        row, area = or_404(api_lists.maintenance_window(session, window.id), "window")
    return Window(**row.model_dump(), area_name=area.name)
