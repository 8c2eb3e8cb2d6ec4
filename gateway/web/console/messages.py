"""Messages by which nobody was reached, tried once more: one of them, or all about an outage."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from gateway.access.rights import BULK_LIMIT, Right
from gateway.flow.act import send_again
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.reasons import refusal_sentence
from gateway.store.views.console.outage_page import failed_messages
from gateway.web.console.pages import WORDS, go_on, is_ours, refused_page
from gateway.web.console.session import User, needs

router = APIRouter()
PATH = "/console/messages"
MOST = 200  # at once, of whoever may act on many
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
    """The oldest first: as many as their role may act on at once. What has been sent meanwhile is left alone."""
    with user.gw.store.read() as session:
        ids = failed_messages(session, outage_id, at_once(user))
    sent = 0
    for one in ids:
        try:
            send_again(user.gw, one, user.who, user.now)
        except (Refused, NoSuch):
            continue
        sent += 1
    return go_on(f"/console/outages/{outage_id}?again={sent}")


def at_once(user: User) -> int:
    return MOST if user.may(Right.ACT_ON_MANY) else BULK_LIMIT
