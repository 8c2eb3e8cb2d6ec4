"""The console: where agents, dispatchers, operators, auditors and providers work. English, like the timelines."""

from fastapi import APIRouter, FastAPI

from gateway.web.console import (
    account,
    audit,
    customer_acts,
    customers,
    drafts,
    now,
    presence,
    prove,
    search,
    sign_in,
    ticket,
    tickets,
    tickets_bulk,
    tickets_merge,
    users,
    work,
)

router = APIRouter(include_in_schema=False)
# the page of one ticket last: /console/tickets/merge is none
for part in (sign_in, account, now, search, drafts, presence, prove, tickets, tickets_bulk, tickets_merge, ticket,
             audit, users, work, customers, customer_acts):
    router.include_router(part.router)


def install(app: FastAPI) -> None:
    """Makes `app` ask who comes without a session, or with a form of another one."""
    sign_in.install(app)
    prove.install(app)
