"""Dependencies of the routes: the Gateway, the time, and the authenticated caller."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.flow.act import act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, ApiKey, ApiRole, Instant
from gateway.store.api_keys import find_key
from gateway.tickets.actions import Act

_bearer = HTTPBearer(auto_error=False, scheme_name="ApiKey", bearerFormat="psg_…",
                     description="A key made by `gateway key create`. Role `read` may look; role `agent` may also act; "
                                 "role `bridge` may only ask whom a PIN connects with.")


async def _gateway(request: Request) -> Gateway:
    gw: Gateway = request.app.state.gateway
    return gw


async def _now(request: Request) -> Instant:
    now: Instant = request.app.state.now()
    return now


Gw = Annotated[Gateway, Depends(_gateway)]
Now = Annotated[Instant, Depends(_now)]  # read once a request


def any_key(gw: Gw, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> ApiKey:
    """The caller's key; 401 without a good one."""
    with gw.store.read() as session:
        key = find_key(session, given.credentials) if given else None
    if key is None:
        raise HTTPException(401, "A valid API key is needed: Authorization: Bearer psg_…",
                            {"WWW-Authenticate": "Bearer"})
    return key


def reader(key: Annotated[ApiKey, Depends(any_key)]) -> ApiKey:
    """The caller's key; 403 when it is the bridge's."""
    if key.role == ApiRole.BRIDGE:
        raise HTTPException(403, "This key may only ask whom a PIN connects with: POST /api/v1/bridge.")
    return key


Key = Annotated[ApiKey, Depends(reader)]


def bridge(key: Annotated[ApiKey, Depends(any_key)]) -> ApiKey:
    """The bridge's key; 403 for every other."""
    if key.role != ApiRole.BRIDGE:
        raise HTTPException(403, "Only the bridge asks this, with a key of the role bridge.")
    return key


def agent(key: Annotated[ApiKey, Depends(reader)]) -> Actor:
    """The caller as the timeline names them; 403 when the key may only read."""
    if key.role != ApiRole.AGENT:
        raise HTTPException(403, "This key may only read; acting needs a key with the role agent.")
    return Actor(ActorKind.AGENT, key.name)


Agent = Annotated[Actor, Depends(agent)]


class Caller:
    """An agent and the time of the request; call it with the action to apply."""

    def __init__(self, gw: Gw, who: Agent, now: Now) -> None:
        self.gw, self.who, self.now = gw, who, now

    def __call__(self, action: Act) -> None:
        act(self.gw, action, self.who, self.now)


By = Annotated[Caller, Depends()]


def or_404(row: Any | None, what: str) -> Any:
    """The row, or 404."""
    if row is None:
        raise HTTPException(404, f"There is no such {what}.")
    return row
