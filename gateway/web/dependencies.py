"""Dependencies of the routes: the Gateway, the time, and the caller with the right that the route needs."""

from typing import Annotated, Any, NoReturn

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.access.audit import Target, action_name, target_of
from gateway.access.rights import NEEDED, Right, may, may_act
from gateway.flow.accounts.audit import NOTHING, write_denial
from gateway.flow.act import FilledForm, act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, ActorKind, ApiKey, Instant, Role
from gateway.store.accounts.api_keys import find_key
from gateway.store.views.console import own_work
from gateway.tickets.actions import Act

_bearer = HTTPBearer(auto_error=False, scheme_name="ApiKey", bearerFormat="psg_…",
                     description="A key made by `gateway key create`. What each role may do: docs/rights.md.")


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


class Caller:
    """Who calls, with which role, and when; call it with the act to apply. Raises 403 for one that their role may not
    do, Refused, NoSuch and Stale."""

    def __init__(self, gw: Gateway, who: Actor, role: Role, now: Instant, firm: str | None = None) -> None:
        self.gw, self.who, self.role, self.now = gw, who, role, now
        self.firm = firm  # id of the provider whose people they are

    def __call__(self, given: Act, form: FilledForm | None = None) -> None:
        self._need_act(given)
        act(self.gw, given, self.who, self.now, form)

    def _need_act(self, given: Act) -> None:
        """Raises 403; 404 for what is another firm's: nobody learns whether it is there."""
        kind = type(given)
        if may_act(self.role, kind, self._is_theirs(given)):
            return
        if may_act(self.role, kind, theirs=True):
            self.deny_other(action_name(kind), target_of(given))
        self.need(NEEDED[kind], action_name(kind), target_of(given))

    def _is_theirs(self, given: Act) -> bool:
        if self.firm is None:
            return False
        with self.gw.store.read() as session:
            return own_work.is_theirs(session, self.firm, given)

    def deny_other(self, action: str, target: Target) -> NoReturn:
        """Raises 404, and writes down that they tried."""
        write_denial(self.gw, action, self.who, self.now, target)
        raise HTTPException(404, f"There is no such {target[0]}.")

    def may(self, right: Right) -> bool:
        return may(self.role, right)

    def need(self, right: Right, action: str = "", target: Target = NOTHING) -> None:
        """Raises 403, and writes down that somebody tried, when their role may not."""
        if not self.may(right):
            write_denial(self.gw, action or right, self.who, self.now, target)
            raise HTTPException(403, f"The role {self.role} may not {right.sentence}.")


class NeedsRight:
    """A dependency: the caller, whose role has this right. The test of every route reads `right`."""

    def __init__(self, right: Right) -> None:
        self.right = right

    def __call__(self, request: Request, gw: Gw, now: Now, key: Annotated[ApiKey, Depends(any_key)]) -> Caller:
        who = Actor(ActorKind.AGENT, key.name, key.id, key.role, request.client.host if request.client else "")
        caller = Caller(gw, who, key.role, now)
        caller.need(self.right, *asked_for(request))
        return caller


def asked_for(request: Request) -> tuple[str, Target]:
    """The action and its target that a route stands for, as the audit log names them."""
    action: str = request.scope["endpoint"].__name__
    named = next(((name.removesuffix("_id"), value) for name, value in request.path_params.items()
                  if name.endswith("_id")), NOTHING)
    return action, named


def _by(right: Right) -> Any:
    return Depends(NeedsRight(right))


READS = _by(Right.READ)
Reader = Annotated[Caller, READS]
PhoneReader = Annotated[Caller, _by(Right.READ_PHONES)]
TicketWorker = Annotated[Caller, _by(Right.WORK_TICKETS)]
CallbackWorker = Annotated[Caller, _by(Right.WORK_CALLBACKS)]
AlarmWorker = Annotated[Caller, _by(Right.WORK_ALARMS)]
Reporter = Annotated[Caller, _by(Right.REPORT)]
HouseholdEditor = Annotated[Caller, _by(Right.EDIT_HOUSEHOLDS)]
WorkPlanner = Annotated[Caller, _by(Right.PLAN_WORK)]
Merger = Annotated[Caller, _by(Right.MERGE)]
Namer = Annotated[Caller, _by(Right.NAME_ELSEWHERE)]
UserManager = Annotated[Caller, _by(Right.MANAGE_USERS)]
AuditReader = Annotated[Caller, _by(Right.READ_AUDIT)]
AuditExporter = Annotated[Caller, _by(Right.EXPORT_AUDIT)]
ProviderJudge = Annotated[Caller, _by(Right.JUDGE_PROVIDERS)]
GestureGiver = Annotated[Caller, _by(Right.GIVE_GESTURE)]
GoodwillApprover = Annotated[Caller, _by(Right.APPROVE_GOODWILL)]
FileExporter = Annotated[Caller, _by(Right.EXPORT_FILES)]
Publisher = Annotated[Caller, _by(Right.PUBLISH)]
Bridge = Annotated[Caller, _by(Right.ASK_BRIDGE)]


def or_404(row: Any | None, what: str) -> Any:
    """The row, or 404."""
    if row is None:
        raise HTTPException(404, f"There is no such {what}.")
    return row
