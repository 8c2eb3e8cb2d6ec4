"""The console: where agents, dispatchers, operators, auditors and providers work. English, like the timelines."""

from fastapi import FastAPI

from gateway.web.console import (
    account,
    answers,
    audit,
    callback,
    callbacks,
    customer_acts,
    customers,
    drafts,
    firm_people,
    firms,
    goodwill,
    incoming_call,
    messages,
    now,
    outage,
    outages,
    pictures,
    presence,
    prove,
    search,
    sign_in,
    sign_in_outside,
    surveys,
    ticket,
    tickets,
    tickets_bulk,
    tickets_merge,
    users,
    why,
    work,
)
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
# the page of one last: /console/tickets/merge is no ticket, and /console/callbacks/new no callback
for part in (sign_in, sign_in_outside, account, now, search, drafts, presence, prove, incoming_call, answers, messages,
             outages, outage, callbacks, callback, tickets, tickets_bulk, tickets_merge, ticket, pictures, audit, users,
             firms, firm_people, work, why, goodwill, surveys, customers, customer_acts):
    router.include(part.router)


def install(app: FastAPI) -> None:
    """Makes `app` ask who comes without a session, or with a form of another one."""
    sign_in.install(app)
    sign_in_outside.install(app)
    prove.install(app)
