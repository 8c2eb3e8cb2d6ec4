"""The list of tickets: filter, order, saved views, and its stream."""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from gateway.access.rights import BULK_LIMIT, Right, may_act_on
from gateway.calendars import arrival_windows
from gateway.model import HOUR, MINUTE, HoldReason, Severity, TicketState, new_id, round_up
from gateway.store import changes
from gateway.store.accounts import desk
from gateway.store.views import ticket_list
from gateway.store.views.pagination import BadCursor
from gateway.store.views.ticket_list import NOBODY, States
from gateway.web.console.live import Since, follow_tickets
from gateway.web.console.pages import go_on, page
from gateway.web.console.session import User, needs
from gateway.web.console.ticket_query import ME, PATH, TicketQuery, parse_query, read_query
from gateway.web.console.ticket_rows import row_view
from gateway.web.routes import Routes

router = Routes()
Reads = Annotated[User, needs(Right.READ)]
PAGE = 100  # rows
NAME = 60  # characters of a view's name
_USUAL_VIEWS = (("Open", TicketQuery()), ("Mine", TicketQuery(owner=ME)),
                ("Nobody sees to it", TicketQuery(owner=NOBODY)), ("Nobody comes yet", TicketQuery(state="unassigned")),
                ("Late", TicketQuery(overdue="true")), ("Promise at risk", TicketQuery(risk="true")))
_STATES = [("", "Open"), (States.UNASSIGNED, "Nobody comes yet"), (States.UNDER_WAY, "Under way"),
           *((one, one.replace("_", " ").capitalize()) for one in TicketState), (States.OVER, "Over (90 days)"),
           (States.ALL, "All")]


class BulkForm(BaseModel):
    """The form over the list, as it comes: every field is text and may be missing."""

    act: str = ""
    scope: str = ""  # "these": the ticked ones; "all": all that match
    filter: str = ""  # of the list, as its address says it
    as_of: str = ""  # the change feed's position when the list was loaded
    key: str = ""
    note: str = ""
    reason: str = ""
    until: str = ""
    why: str = ""
    provider: str = ""
    technician: str = ""
    window_from: str = ""
    window_until: str = ""


class ViewForm(BaseModel):
    name: str = ""
    filter: str = ""
    team: str = ""


@router.get(PATH)
def show_tickets(request: Request, user: Reads) -> Response:
    return list_page(request, user, read_query(request.query_params))


@router.get(f"{PATH}/stream")
async def stream_tickets(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)],
                         after: int = 0, loaded: int = 0) -> StreamingResponse:
    """The rows of the list that the other parameters ask for, as they change; `after` and `loaded`: which state of it
    the page shows."""
    values = {name: value for name, value in request.query_params.items() if name not in ("after", "loaded")}
    wanted = read_query(values).wanted(user.row.name)
    return await follow_tickets(request, user, wanted, Since(after, loaded))


@router.post(f"{PATH}/views")
def save_view(request: Request, user: Reads, given: Annotated[ViewForm, Form()]) -> Response:
    """Under a name, for themselves, or for everybody who works on tickets."""
    query, name = parse_query(given.filter).first_page, " ".join(given.name.split())[:NAME]
    if given.team:
        user.need(Right.WORK_TICKETS, "save_view")
    if not name:
        return list_page(request, user, query, 422, "Give the view a name.")
    with user.gw.store.write() as session:
        fits = desk.save_view(session, None if given.team else user.row.id, name, query.written, user.now)
    if not fits:
        return list_page(request, user, query, 409, f"There are {desk.MOST_VIEWS} views already: delete one first.")
    return go_on(query.address())


@router.post(f"{PATH}/views/delete")
def delete_view(user: Reads, view: Annotated[str, Form()] = "") -> Response:
    with user.gw.store.read() as session:
        row = desk.saved_view(session, view)
    if row is None or row.user_id not in (None, user.row.id):
        raise HTTPException(404, "There is no such view")
    if row.user_id is None:
        user.need(Right.WORK_TICKETS, "delete_view")
    with user.gw.store.write() as session:
        desk.delete_view(session, view)
    return go_on(PATH)


def list_page(request: Request, user: User, query: TicketQuery, status: int = 200, wrong: str = "",
              given: BulkForm | None = None, ticked: Collection[str] = ()) -> Response:
    """The screen; `wrong`: why what they wanted was not done, with what they had filled in and ticked."""
    sort, turned = query.order
    wanted, gw, now = query.wanted(user.row.name), user.gw, user.now
    with gw.store.read() as session:
        position = changes.position(session)  # before the rows: what comes in between is sent once more
        try:
            found = ticket_list.find(session, wanted, sort, turned, query.cursor or None, PAGE, now)
        except BadCursor:
            raise HTTPException(422, "This page of the list does not exist; go to its first one") from None
        count = ticket_list.count(session, wanted, now)
        facts = _choices(session, user, query)
        saved = desk.views(session, user.row.id)
    zone = gw.settings.service.callback_timezone
    begins = round_up(now, 30 * MINUTE)
    last = query.rows_before + len(found.rows)
    return page(
        request, user, "tickets.html", status, wrong=wrong, asked=query,
        rows=[row_view(row, now) for row in found.rows],
        count=count, position=position, first=query.rows_before + 1, last=last,
        next=query.address(cursor=found.next, before=last) if found.next else "", sort=sort, turned=turned,
        views=[(name, one.address(), "", one.filter_only == query.filter_only) for name, one in _USUAL_VIEWS]
        + [(one.name, f"{PATH}?{one.filter}", one, one.filter == query.first_page.written) for one in saved],
        given=given or BulkForm(), form_key=new_id("B"), ticked=frozenset(ticked), bulk_limit=BULK_LIMIT,
        may_all=may_act_on(user.role, count), hold_reasons=[(one, one.replace("_", " ").capitalize())
                                                            for one in HoldReason],
        until=arrival_windows.written_local(now + 24 * HOUR, zone),
        window=[arrival_windows.written_local(begins + hours * HOUR, zone)
                for hours in (0, gw.settings.service.arrival_hours)], **facts)


def _choices(session: Session, user: User, query: TicketQuery) -> dict[str, Any]:
    """What the filter's fields offer."""
    firms = ticket_list.provider_names(session)
    areas = ticket_list.area_names(session, query.area)
    skills = sorted({skill for profile in user.gw.profiles.values() for skill in profile.skills} | {query.skill} - {""})
    return {
        "states": _STATES, "severities": [("", "Any"), *((one, one.capitalize()) for one in reversed(Severity))],
        "owners": [("", "Anybody"), (ME, "Me"), (NOBODY, "Nobody yet"),
                   *([(query.owner, query.owner)] if query.owner not in ("", ME, NOBODY) else [])],
        "firms": firms, "providers": [("", "Any"), (NOBODY, "None"), *firms], "areas": [("", "Any"), *areas],
        "skills": [("", "Any"), *((skill, skill) for skill in skills if skill)]}
