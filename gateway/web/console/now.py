"""Now: what is wrong, who waits, what is about to be late."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.web.console.pages import page
from gateway.web.console.session import User, needs

router = APIRouter()


@router.get("/console")
def show_now(request: Request, user: Annotated[User, needs(Right.READ)]) -> Response:
    return page(request, user, "now.html")
