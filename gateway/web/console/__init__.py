"""The console: where agents, dispatchers, operators, auditors and providers work. English, like the timelines."""

from fastapi import APIRouter, FastAPI

from gateway.web.console import (
    account,
<<<<<<< HEAD
    answers,
    callback,
    callbacks,
    drafts,
    incoming_call,
    now,
    search,
    sign_in,
=======
    drafts,
    now,
    presence,
    search,
    sign_in,
    ticket,
>>>>>>> a5c1b8a6d44aa3e4a7d1e939160d8d0cd770b1fb
    tickets,
    tickets_bulk,
    tickets_merge,
)

router = APIRouter(include_in_schema=False)
<<<<<<< HEAD
# before the page of one: /console/tickets/merge is no ticket, and /console/callbacks/new no callback
for part in (sign_in, account, now, search, drafts, incoming_call, answers, callbacks, callback, tickets, tickets_bulk,
             tickets_merge):
=======
# the page of one ticket last: /console/tickets/merge is none
for part in (sign_in, account, now, drafts, presence, search, tickets, tickets_bulk, tickets_merge, ticket):
>>>>>>> a5c1b8a6d44aa3e4a7d1e939160d8d0cd770b1fb
    router.include_router(part.router)


def install(app: FastAPI) -> None:
    """Makes `app` ask who comes without a session, or with a form of another one."""
    sign_in.install(app)
