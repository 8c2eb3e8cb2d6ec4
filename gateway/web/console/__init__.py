"""The console: where agents, dispatchers, operators, auditors and providers work. English, like the timelines."""

from fastapi import APIRouter, FastAPI

from gateway.web.console import account, now, search, sign_in

router = APIRouter(include_in_schema=False)
for part in (sign_in, account, now, search):
    router.include_router(part.router)


def install(app: FastAPI) -> None:
    """Makes `app` ask who comes without a session, or with a form of another one."""
    sign_in.install(app)
