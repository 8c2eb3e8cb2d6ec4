"""Messages by which nobody was reached, tried once more: one of them, or all about an outage."""

from typing import Annotated

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response

from gateway.access.rights import Right, messages_at_once
from gateway.flow.act import send_again, send_failed_again
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.reasons import refusal_sentence
from gateway.web.console.pages import WORDS, go_on, is_ours, refused_page
from gateway.web.console.session import User, needs
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/messages"
Works = Annotated[User, needs(Right.WORK_TICKETS)]


@router.post(f"{PATH}/send-again")
def send_message_again(request: Request, user: Works, message: Annotated[str, Form()] = "",
                       back: Annotated[str, Form()] = "") -> Response:
    try:
        send_again(user.gw, message, user.who, user.now)
    except Refused as refused:
        return refused_page(request, 409, refusal_sentence(refused, WORDS))
    except NoSuch as missing:
        raise HTTPException(404, "There is no such message") from missing
    return go_on(back if is_ours(back) else "/console")


@router.post("/console/outages/{outage_id}/send-again")
def send_outage_messages_again(user: Works, outage_id: str) -> Response:
    """As many as their role may act on at once."""
    sent = send_failed_again(user.gw, outage_id, messages_at_once(user.role), user.who, user.now)
    return go_on(f"/console/outages/{outage_id}?again={sent}")
