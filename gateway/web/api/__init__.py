"""The REST API, /api/v1: every route needs an API key."""

from gateway.web.api import (
    alarms,
    callbacks,
    dead_letters,
    devices,
    explain,
    maintenance,
    notifications,
    outages,
    promises,
    tickets,
)
from gateway.web.api.administration import audit, users
from gateway.web.api.after import goodwill, surveys
from gateway.web.api.calls import bridge, context
from gateway.web.api.desk import answers, next_actions, wording
from gateway.web.api.households import customers, people, preferences, search, sites
from gateway.web.api.systems import events, external_ids
from gateway.web.api.work import offers, providers, visits
from gateway.web.dependencies import READS
from gateway.web.problems import responses
from gateway.web.routes import Routes

TAGS = [
    {"name": "tickets", "description": "One problem, one number."},
    {"name": "alarms", "description": "A rule's verdict on one device."},
    {"name": "outages", "description": "Homes of one area dark together, and planned work."},
    {"name": "callbacks", "description": "People who pressed a button and wait for a call."},
    {"name": "households", "description": "Customers, their sites and people, and how each is reached."},
    {"name": "search", "description": "Anything, by what people say."},
    {"name": "devices", "description": "What speaks, and what was heard."},
    {"name": "notifications", "description": "What people were told, and each try at telling them."},
    {"name": "providers", "description": "Local firms and their open jobs."},
    {"name": "offers and visits", "description": "What providers were asked, why they, and their trips."},
    {"name": "promises", "description": "Times told to customers, and what became of them."},
    {"name": "credits", "description": "Goodwill: what households are credited for harm, or as a gesture."},
    {"name": "surveys", "description": "What customers said when they were asked how it went."},
    {"name": "events", "description": "What has changed, for programs that keep a copy. Every noun has `external_ids`: "
                                      "what your own systems call it."},
    {"name": "users and audit", "description": "Who signs in at the console, and who did what."},
    {"name": "explain", "description": "Why: anything with an id, in a person's words."},
    {"name": "bridge", "description": "Connects technicians with customers, whose numbers they do not see."},
    {"name": "dead letters", "description": "Messages nobody could read, with the reason."},
]

_looks = Routes(dependencies=[READS])
for part in (tickets, alarms, callbacks, context, devices, notifications, dead_letters, providers, promises, explain,
             outages, maintenance, customers, sites, people, preferences, search, next_actions, answers, offers, visits,
             events, goodwill, surveys, users, audit, external_ids, wording):
    _looks.include(part.router)
router = Routes(prefix="/api/v1", responses=responses(401, 403, 413, 422, 500))
router.include(_looks)
router.include(bridge.router)
