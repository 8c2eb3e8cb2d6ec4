"""The console: where agents, dispatchers, operators, auditors and providers work. English, like the timelines."""

from fastapi import APIRouter, FastAPI

from gateway.web.console import (
    account,
    drafts,
    now,
    presence,
    search,
    sign_in,
    sign_in_outside,
    ticket,
    tickets,
    tickets_bulk,
    tickets_merge,
)

router = APIRouter(include_in_schema=False)
# the page of one ticket last: /console/tickets/merge is none
for part in (sign_in, sign_in_outside, account, now, drafts, presence, search, tickets, tickets_bulk, tickets_merge,
             ticket):
    router.include_router(part.router)


def install(app: FastAPI) -> None:
    """Makes `app` ask who comes without a session, or with a form of another one."""
    sign_in.install(app)
