"""Proving again who one is, for what cannot be undone; then it goes on with what was asked for."""

from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.web.console.pages import go_on, is_ours, keep, kept, page, path_of
from gateway.web.console.session import SAFE, ProofNeeded, User, needs, prove
from gateway.web.routes import Routes

router = Routes()
_PATH, _START = "/console/prove", "/console"


@router.post(_PATH)
def do_prove(request: Request, user: Annotated[User, needs(Right.OWN_ACCOUNT)], proof: Annotated[str, Form()] = "",
             next: Annotated[str, Form()] = _START) -> Response:
    """For a page, or a file; a form brings the proof along itself."""
    onwards = next if is_ours(next) else _START
    try:
        prove(request, user, proof)
    except ProofNeeded as needed:
        return _page(request, needed, onwards)
    return go_on(onwards)


def install(app: FastAPI) -> None:
    app.add_exception_handler(ProofNeeded, _proof_needed)


async def _proof_needed(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProofNeeded)
    query = f"?{request.url.query}" if request.url.query else ""
    return _page(request, error, path_of(request) + query)


def _page(request: Request, needed: ProofNeeded, onwards: str) -> Response:
    is_form = request.method not in SAFE and request.url.path != _PATH
    return prove_page(request, needed.user, needed.wrong, onwards, keep(request) if is_form else "")


def prove_page(request: Request, user: User, wrong: str, onwards: str, text: str, status: int = 401) -> Response:
    """`text`: the form that they had sent, as `keep` wrote it, which goes on with the proof; else they go `onwards`."""
    written = kept(text)
    oidc = user.gw.settings.sign_in.oidc
    elsewhere = oidc.name if oidc is not None and user.row.issuer == oidc.issuer else ""
    return page(request, user, "prove.html", status, wrong=wrong, next=onwards, elsewhere=elsewhere,
                action=_PATH if written is None else written["to"], fields=written["fields"] if written else [],
                text=text if written else "")
