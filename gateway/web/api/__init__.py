"""/api/v1: the agent's and other systems' way in; every route needs a key."""

from fastapi import APIRouter, Depends

from gateway.web.api import alarms, callbacks, devices, messages, providers, tickets
from gateway.web.problems import responses
from gateway.web.wiring import reader

TAGS = [
    {"name": "tickets", "description": "One problem, one number."},
    {"name": "alarms", "description": "A rule's verdict on one device."},
    {"name": "callbacks", "description": "People who pressed a button and wait for a call."},
    {"name": "devices", "description": "What speaks, and what was heard."},
    {"name": "notifications", "description": "What people were told, and each try at telling them."},
    {"name": "providers", "description": "Local firms and their open jobs."},
    {"name": "dead letters", "description": "Messages nobody could read, with the reason."},
]

router = APIRouter(prefix="/api/v1", dependencies=[Depends(reader)], responses=responses(401, 403, 413, 422, 500))
for part in (tickets, alarms, callbacks, devices, messages, providers):
    router.include_router(part.router)
