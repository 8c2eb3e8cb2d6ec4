"""API routes for the audit log: who did what, where from; as a list, and as a file."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway
from gateway.model import ActorKind, AuditOutcome, Role
from gateway.model import Audit as Row
from gateway.model.plan import Plan
from gateway.store.accounts import audit
from gateway.web.api import filters
from gateway.web.api.models import ApiModel, GivenTime, Page, Time
from gateway.web.dependencies import AuditExporter, AuditReader
from gateway.web.routes import Routes

router = Routes(prefix="/audit", tags=["users and audit"])
AT_ONCE = 500
LINES = "application/x-ndjson"


class AuditLine(ApiModel):
    """Something that somebody did, or tried. Ids and states, no personal text; nothing in it is ever changed."""

    id: int = Field(examples=[4711])
    at: Time
    actor: ActorKind
    account: str = Field(description="Id of the user or the key; empty: by a signed link, or at the command line.",
                         examples=["U-4F7QK2M9"])
    role: Role | None
    address: str = Field(description="Where from.", examples=["192.0.2.7"])
    action: str = Field(examples=["hold_ticket"])
    outcome: AuditOutcome
    object_kind: str = Field(examples=["ticket"])
    object_id: str = Field(examples=["T-4F7QK2M9"])
    before: dict[str, Any] = Field(description="What has changed, as it was.",
                                   examples=[{"round": 1}])
    after: dict[str, Any] = Field(description="… and as it is since then.", examples=[{"round": 2}])


class AuditPage(Page):
    items: list[AuditLine]


class ExportPeriod(BaseModel):
    """Which lines."""

    model_config = ConfigDict(extra="forbid")
    since: GivenTime | None = Field(None, description="At or after this time.")
    until: GivenTime | None = Field(None, description="Before this time.")


def _line(row: Row) -> AuditLine:
    return AuditLine(**row.model_dump())


@router.get("", summary="Who did what")
def list_audit(by: AuditReader, query: Annotated[filters.AuditLines, Query()]) -> AuditPage:
    """Newest first, with what was denied."""
    with by.gw.store.read() as session:
        page = audit.lines(session, query.wanted(), query.cursor, query.limit)
    return AuditPage(items=[_line(row) for row in page.rows], next=page.next)


@router.get("/export", summary="The audit log as a file", response_class=StreamingResponse,
            responses={200: {"description": "One JSON object a line, as in the list.",
                             "content": {LINES: {"schema": {"$ref": "#/components/schemas/AuditLine"}}}}})
def export_audit(by: AuditExporter, query: Annotated[ExportPeriod, Query()]) -> StreamingResponse:
    """All of the period, newest first. That it was exported is written down too."""
    with by.gw.store.write() as session:
        write_act(session, "export_audit", ("audit", ""), Plan(), by.who, by.now)
    return StreamingResponse(_lines(by.gw, query.model_dump(exclude_none=True)), media_type=LINES,
                             headers={"content-disposition": 'attachment; filename="audit.ndjson"'})


def _lines(gw: Gateway, wanted: dict[str, Any]) -> Iterator[str]:
    """Read in parts: whoever takes them slowly holds no connection to the database."""
    cursor: str | None = None
    while True:
        with gw.store.read() as session:
            page = audit.lines(session, wanted, cursor, AT_ONCE)
        yield "".join(f"{_line(row).model_dump_json()}\n" for row in page.rows)
        cursor = page.next
        if cursor is None:
            return
