"""Two tickets that are one problem: both side by side, and which number carries on."""

from typing import Annotated

from fastapi import Form, HTTPException, Query, Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict
from gateway.store.views import ticket_list
from gateway.store.views.ticket_list import TicketRow
from gateway.tickets.actions import MergeTickets
from gateway.tickets.lifecycle import UNSETTLED
from gateway.web.console.pages import WORDS, go_on, page
from gateway.web.console.session import User, needs
from gateway.web.console.ticket_query import PATH
from gateway.web.console.ticket_rows import row_view
from gateway.web.routes import Routes

router = Routes()
Merges = Annotated[User, needs(Right.MERGE)]


@router.get(f"{PATH}/merge")
def show_merge(request: Request, user: Merges, ticket: Annotated[list[str] | None, Query()] = None) -> Response:
    return _page(request, user, ticket or [])


@router.post(f"{PATH}/merge")
def merge(request: Request, user: Merges, ticket_id: Annotated[str, Form()] = "", into_id: Annotated[str, Form()] = ""
          ) -> Response:
    """`ticket_id` goes on under the number `into_id`."""
    try:
        user(MergeTickets(ticket_id, into_id))
    except Refused as refused:
        said = refusal_sentence(refused, WORDS, user.gw.settings.service.callback_timezone)
        return _page(request, user, [into_id, ticket_id], 409, said)
    except (NoSuch, Conflict):
        return _page(request, user, [into_id, ticket_id], 409, "Somebody else was first. This is how they are now.")
    return go_on(f"{PATH}/{into_id}")


def why_not(one: TicketRow, other: TicketRow) -> str:
    """Why these two cannot be carried on as one; "": they can."""
    if one.ticket.site_id != other.ticket.site_id:
        return "They are of two homes: only tickets of one home can be merged."
    for row in (one, other):
        if row.ticket.outage_id is not None:
            return f"{row.ticket.id} is about a whole area."
        if row.ticket.state not in UNSETTLED:
            return f"{row.ticket.id} is resolved or closed already."
    return ""


def _page(request: Request, user: User, numbers: list[str], status: int = 200, wrong: str = "") -> Response:
    both = list(dict.fromkeys(numbers))
    with user.gw.store.read() as session:
        rows = ticket_list.load(session, both[:2])
    if len(both) != 2 or len(rows) != 2:
        raise HTTPException(404, "Merging needs two tickets")
    one, other = (rows[number] for number in both)
    return page(request, user, "tickets_merge.html", status, wrong=wrong, why_not=why_not(one, other),
                pairs=[(row_view(one, user.now), other.ticket.id), (row_view(other, user.now), one.ticket.id)])
