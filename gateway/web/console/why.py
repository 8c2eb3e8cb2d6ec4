"""Why something is as it is: what `gateway explain` says, of a message, a household, a firm, and all else."""

from itertools import groupby
from typing import Annotated, Literal

from fastapi import Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.explain.format import PARTS
from gateway.flow.messages.explained import explained
from gateway.web.console.pages import page
from gateway.web.console.session import User, needs
from gateway.web.dependencies import or_404
from gateway.web.routes import Routes

router = Routes()
Kind = Literal["alarm", "ticket", "callback", "outage", "device", "sla_policy", "notification", "customer", "provider"]


@router.get("/console/why/{why_id}")
def show_why(request: Request, user: Annotated[User, needs(Right.READ)], why_id: str, kind: Kind | None = None
             ) -> Response:
    """`kind`: where several things may have that id."""
    said = or_404(explained(user.gw, why_id, user.now, kind or ""), kind or "message, household, firm or fault")
    parts = [(PARTS.get(part, part), [line.text for line in lines])
             for part, lines in groupby(said.lines, lambda line: line.part)]
    return page(request, user, "why.html", said=said, parts=parts)
