"""API routes by which another system says what it calls something of ours: the same two for every noun."""

from typing import Annotated, Any, NamedTuple

from fastapi import Depends, HTTPException, Path
from pydantic import Field, StringConstraints

from gateway.access.rights import Right
from gateway.flow.act import put_external_id, remove_external_id
from gateway.flow.gateway import Gateway
from gateway.model import ExternalId, ExternalKind
from gateway.store import external_ids
from gateway.web.api.filters import SYSTEM
from gateway.web.api.models import ApiModel, Body, ExternalIds, Id
from gateway.web.dependencies import Caller, NeedsRight
from gateway.web.problems import responses
from gateway.web.routes import Routes

System = Annotated[str, Path(pattern=f"^{SYSTEM}$", description="The other system's name, as you call it.",
                             examples=["crm"])]


class ExternalIdBody(Body):
    value: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")] = Field(
        description="What that system calls it.", examples=["4711"])


class NamedRow(ApiModel):
    """Something of ours, and what other systems call it."""

    id: str = Field(examples=["T-4F7QK2M9"])
    external_ids: ExternalIds


class _Noun(NamedTuple):
    name: str  # as the routes' names have it
    path: str
    kind: ExternalKind
    tag: str
    right: Right = Right.NAME_ELSEWHERE


NOUNS = (
    _Noun("customer", "customers", ExternalKind.CUSTOMER, "households"),
    _Noun("person", "people", ExternalKind.PERSON, "households"),
    _Noun("site", "sites", ExternalKind.SITE, "households"),
    _Noun("device", "devices", ExternalKind.DEVICE, "devices"),
    _Noun("ticket", "tickets", ExternalKind.TICKET, "tickets"),
    _Noun("alarm", "alarms", ExternalKind.ALARM, "alarms"),
    _Noun("callback", "callbacks", ExternalKind.CALLBACK, "callbacks"),
    _Noun("outage", "outages", ExternalKind.OUTAGE, "outages"),
    _Noun("window", "maintenance", ExternalKind.MAINTENANCE, "outages"),
    _Noun("offer", "offers", ExternalKind.OFFER, "offers and visits"),
    _Noun("visit", "visits", ExternalKind.VISIT, "offers and visits"),
    _Noun("provider", "providers", ExternalKind.PROVIDER, "providers"),
    _Noun("notification", "notifications", ExternalKind.NOTIFICATION, "notifications"),
    _Noun("user", "users", ExternalKind.USER, "users and audit", Right.MANAGE_USERS),
)


def _answer(gw: Gateway, kind: ExternalKind, row_id: str) -> NamedRow:
    with gw.store.read() as session:
        return NamedRow(id=row_id, external_ids=external_ids.of_rows(session, kind, [row_id])[row_id])


def _router(noun: _Noun) -> Routes:
    row_id = Annotated[Id, Path(alias=f"{noun.name}_id")]
    who: Any = Depends(NeedsRight(noun.right))

    def put(the_id: row_id, system: System, body: ExternalIdBody, by: Caller = who) -> NamedRow:
        """Again with another id: that takes its place. An id that the system has for something else is refused (409),
        and the answer names what has it."""
        put_external_id(by.gw, ExternalId(kind=noun.kind, row_id=the_id, system=system, value=body.value), by.who,
                        by.now)
        return _answer(by.gw, noun.kind, the_id)

    def remove(the_id: row_id, system: System, by: Caller = who) -> NamedRow:
        if not remove_external_id(by.gw, ExternalId(kind=noun.kind, row_id=the_id, system=system, value=""), by.who,
                                  by.now):
            raise HTTPException(404, f"There is no such {noun.name}, or {system} has no id for it.")
        return _answer(by.gw, noun.kind, the_id)

    router, path = Routes(tags=[noun.tag]), f"/{noun.path}/{{{noun.name}_id}}/external-ids/{{system}}"
    put.__name__, remove.__name__ = f"put_{noun.name}_external_id", f"delete_{noun.name}_external_id"
    router.put(path, summary="Say what another system calls it", responses=responses(404, 409))(put)
    router.delete(path, summary="Another system calls it nothing any more", responses=responses(404))(remove)
    return router


router = Routes()
for one in NOUNS:
    router.include(_router(one))
