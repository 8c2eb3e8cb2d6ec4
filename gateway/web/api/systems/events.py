"""API route for what has changed, in the order in which it became known; it waits for news if it is asked to."""

from typing import Annotated, Any

from fastapi import HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from gateway.flow.gateway import Gateway
from gateway.model import ChangedRow, Instant
from gateway.store import changes
from gateway.web.api.models import ApiModel
from gateway.web.dependencies import Reader
from gateway.web.event_waiters import EventWaiters
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/events", tags=["events"])
NOT_SHOWN = ("job", "link")  # of no use to anybody else
LONGEST = 25.0  # seconds: proxies hang up after 30


class Event(ApiModel):
    """Something was added or changed: read it anew. It holds nothing of what has changed."""

    id: int = Field(description="Of this event. Do not sort by it: numbers are given before they are committed.",
                    examples=[90210])
    many: bool = Field(description="true: so much has changed at once that it is not listed. Read all your lists anew.")
    kind: str = Field(description="ticket, offer, visit, callback, outage, outage_member (a home in an outage), alarm, "
                                  "promise, notification, entry (a line of a timeline), customer, person, site, "
                                  "contact, maintenance_window, external_id. Skip what you do not know.",
                      examples=["visit"])
    row_id: str = Field(description="Of what has changed; empty where only its subject is known.",
                        examples=["V-8C2M5XQ0"])
    subject_id: str | None = Field(description="What it belongs to: of an offer, a visit, a promise or an entry its "
                                               "ticket, callback or outage; of an external id what it names.",
                                   examples=["T-4F7QK2M9"])
    site_id: str | None = Field(examples=["lindenweg-4"])


class EventPage(BaseModel):
    """News, and where to go on."""

    items: list[Event]
    next: str = Field(description="Pass as `after` to go on, also when there is nothing new. Keep it as it is.",
                      examples=["90210"])


class EventQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    after: Annotated[str, Field(max_length=2000, pattern=r"^[0-9:,\-~]+$")] | None = Field(
        None, description="`next` of the answer before. Left out: from now on, at once and without events.",
              examples=["90210"])
    limit: int = Field(200, ge=1, le=1000, description="At most this many.")
    wait: float = Field(0, ge=0, le=LONGEST, description="When there is nothing new: so many seconds until something "
                                                         "is.", examples=[20])


@router.get("", summary="What has changed", responses=responses(410, 503))
async def list_events(request: Request, by: Reader, query: Annotated[EventQuery, Query()]) -> EventPage:
    """At least once, in an order in which nothing is missed: what another process commits late comes late. The last
    50,000 changes are kept, which is hours; a cursor from before is refused (410): read your lists anew, then go on
    without `after`."""
    if query.after is None:
        return EventPage(items=[], next=str(await run_in_threadpool(_from_here, by.gw, by.now)))
    try:
        after = changes.parse_cursor(query.after)
    except changes.BadCursor:
        raise HTTPException(422, "The cursor cannot be read; expected the `next` of the answer before.") from None
    waiters: EventWaiters = request.app.state.event_waiters
    with waiters.waiting(query.wait) as waiting:
        while True:
            await waiting.begin()  # before it is read: what is committed in between is news
            rows, after = await run_in_threadpool(_read, by.gw, after, query.limit, request.app.state.now())
            shown = [row for row in rows if row.kind not in NOT_SHOWN]
            if shown or not await waiting.news():
                return EventPage(items=[_event(row) for row in shown], next=str(after))


def _from_here(gw: Gateway, now: Instant) -> changes.Cursor:
    with gw.store.read() as session:
        return changes.cursor_from_here(session, now)


def _read(gw: Gateway, after: changes.Cursor, limit: int, now: Instant) -> changes.Changes:
    try:
        with gw.store.read() as session:
            return changes.read_after(session, after, limit, now)
    except changes.TooOld:
        raise HTTPException(410, "This cursor is older than what is kept: read your lists anew, and then go on with "
                                 "GET /api/v1/events without `after`.") from None


def _event(row: ChangedRow) -> Event:
    facts: dict[str, Any] = row.model_dump()
    return Event(**facts, many=row.kind == "")
