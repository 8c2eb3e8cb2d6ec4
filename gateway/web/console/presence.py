"""Who else has the same page open, and types there: each open page says so every few seconds."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response
from pydantic import BaseModel

from gateway.access.rights import Right
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import Instant, OpenPage
from gateway.store.accounts import open_pages
from gateway.web.console.pages import WORDS
from gateway.web.console.session import User, needs
from gateway.web.pages.templates import Renderer
from gateway.web.routes import Routes

router = Routes()


class BeatForm(BaseModel):
    subject: str = ""
    typing: bool = False
    left: bool = False  # the page is closed


@router.post("/console/presence")
def beat(request: Request, user: Annotated[User, needs(Right.READ, does_something=False)],
         given: Annotated[BeatForm, Form()]) -> Response:
    """The words for whoever else is there; empty for nobody."""
    subject = given.subject[:80]
    if not subject:
        return Response(status_code=204)
    retry_on_conflict(lambda: _note(user, subject, given))
    render: Renderer = request.app.state.renderer
    others = others_at(user.gw, subject, user.row.id, user.now)
    return Response(render.text("console/presence.html", WORDS, others=others), media_type="text/html")


def _note(user: User, subject: str, given: BeatForm) -> None:
    with user.gw.store.write() as session:
        if given.left:
            open_pages.leave(session, subject, user.row.id)
        else:
            open_pages.beat(session, subject, user.row.id, user.row.name, given.typing, user.now)


def others_at(gw: Gateway, subject: str, account: str, now: Instant) -> Sequence[OpenPage]:
    with gw.store.read() as session:
        return open_pages.others(session, subject, account, now)
