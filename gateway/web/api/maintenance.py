"""API routes for maintenance windows: planned work in an area."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field
from sqlmodel import Session

from gateway.flow.act import add_maintenance
from gateway.model import ExternalKind, MaintenanceWindow, new_id
from gateway.store import external_ids
from gateway.store.views import api_lists
from gateway.web.api import filters
from gateway.web.api.models import ApiModel, Body, ExternalIds, GivenTime, Id, Time, Words
from gateway.web.dependencies import Gw, WorkPlanner, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/maintenance", tags=["outages"])


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
    external_ids: ExternalIds


class WindowPage(BaseModel):
    next: str | None
    items: list[Window]


class WindowBody(Body):
    area_id: Id = Field(examples=["feeder-7"])
    from_at: GivenTime
    until_at: GivenTime
    words: dict[str, Words] = Field(default_factory=dict, description="Language → why; customers read it.")


def _windows(session: Session, rows: Sequence[Any]) -> list[Window]:
    names = external_ids.of_rows(session, ExternalKind.MAINTENANCE, [window.id for window, _ in rows])
    return [Window(**window.model_dump(), area_name=area.name, external_ids=names[window.id])
            for window, area in rows]


@router.get("", summary="List planned work")
def list_maintenance(gw: Gw, query: Annotated[filters.Named, Query()]) -> WindowPage:
    """The latest first."""
    with gw.store.read() as session:
        page = api_lists.maintenance_windows(session, query.wanted(), query.cursor, query.limit)
        return WindowPage(items=_windows(session, page.rows), next=page.next)


@router.get("/{window_id}", summary="One window of planned work", responses=responses(404))
def get_maintenance(gw: Gw, window_id: Id) -> Window:
    with gw.store.read() as session:
        return _windows(session, [or_404(api_lists.maintenance_window(session, window_id), "window")])[0]


@router.post("", summary="Plan work in an area", responses=responses(404, 409))
def plan_maintenance(by: WorkPlanner, body: WindowBody) -> Window:
    """Its customers are told two days before, or at once. Meanwhile its homes may be dark without an alarm."""
    window = MaintenanceWindow(id=new_id("W"), created_at=by.now, **body.model_dump())
    add_maintenance(by.gw, window, by.who, by.now)
    return get_maintenance(by.gw, window.id)
