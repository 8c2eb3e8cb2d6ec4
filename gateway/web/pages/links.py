"""Opens a signed link for a page, and answers links that are invalid, expired or revoked."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session
from starlette.exceptions import HTTPException

from gateway.config.settings import Settings
from gateway.model import Instant, Link, LinkPurpose
from gateway.notifications import signed_links
from gateway.notifications.catalogues import catalogue_for
from gateway.store import DatabaseUnavailable
from gateway.store.views.pages import live_link
from gateway.web import problems
from gateway.web.live import Gone
from gateway.web.pages.templates import Renderer

_PAGES = ("/f/", "/o/", "/v/", "/d/", "/s/", "/h/", "/m/", "/p/", "/welcome/", "/e/")
# as link previews and scanners name themselves; one that hides counts as a person
_NOT_PEOPLE = ("bot", "preview", "crawler", "spider", "scanner", "facebookexternalhit", "whatsapp/", "safelinks")


class LinkInvalid(Gone):
    """The link is forged, expired, revoked or for another page; the visitor does not learn which."""


class InvalidInput(Exception):
    """A form value cannot be used; the text is the catalogue id of the sentence that says why, `field` the input."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


async def _renderer(request: Request) -> Renderer:
    renderer: Renderer = request.app.state.renderer
    return renderer


Render = Annotated[Renderer, Depends(_renderer)]


def open_link(session: Session, settings: Settings, purpose: LinkPurpose, token: str, now: Instant) -> Link:
    """The Link row that a token stands for. Raises LinkInvalid."""
    link_id = signed_links.read(settings.secret.get_secret_value(), purpose, token)
    link = live_link(session, link_id, purpose, now) if link_id else None
    if link is None:
        raise LinkInvalid
    return link


def somebody_reads(request: Request) -> bool:
    """Whether a page is opened by a person, as far as that can be told: not by what looks ahead for them."""
    says, agent = request.headers.get, request.headers.get("user-agent", "").lower()
    ahead = "prefetch" in f"{says('sec-purpose', '')} {says('purpose', '')} {says('x-purpose', '')}".lower()
    return request.method != "HEAD" and not ahead and not any(word in agent for word in _NOT_PEOPLE)


def address(renderer: Renderer, purpose: LinkPurpose, link_id: str) -> str:
    """The path of a signed link, without host: the visitor stays on the host name that they use."""
    return signed_links.url(renderer.root, renderer.settings.secret.get_secret_value(), purpose, link_id)


def error_page(request: Request) -> Response:
    """The 500 response: a page for people, problem details for programs."""
    if not _is_page(request):
        return problems.problem(500, "Something went wrong on our side. It has been logged.")
    return _plain(request, 500, "broken")


def too_large_page(request: Request) -> Response:
    """The 413 response for a photo that is larger than any that a phone takes."""
    words = catalogue_for(request.headers.get("accept-language", ""))
    if "text/html" not in request.headers.get("accept", ""):
        return problems.problem(413, words("page.photo.large"))
    return _plain(request, 413, "large")


def install(app: FastAPI) -> None:
    """Makes the pages of `app` answer errors with a page instead of problem details."""
    app.add_exception_handler(Gone, lambda request, _error: _plain(
        request, 404, "firm_gone" if request.url.path.startswith("/p/") else "gone"))
    for kind, what in ((HTTPException, "gone"), (RequestValidationError, "gone"), (DatabaseUnavailable, "broken")):
        app.add_exception_handler(kind, _for_people(app.exception_handlers[kind], what))


def _for_people(for_programs: Any, what: str) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        if _is_page(request):
            if isinstance(error, DatabaseUnavailable):
                page = _plain(request, 503, what)
                page.headers["Retry-After"] = "5"
                return page
            return _plain(request, getattr(error, "status_code", 422), what)
        response: Response = for_programs(request, error)
        return response

    return answer


def _is_page(request: Request) -> bool:
    return request.url.path.startswith(_PAGES)


def _plain(request: Request, status: int, what: str) -> HTMLResponse:
    words = catalogue_for(request.headers.get("accept-language", ""))
    renderer: Renderer = request.app.state.renderer
    return renderer.page("gone.html", words, status, what=what)
