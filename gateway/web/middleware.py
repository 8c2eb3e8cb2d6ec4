"""HTTP middleware: security headers, a limit on body size, and a 500 answer without details."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web.problems import problem

BODY_LIMIT = 64 * 1024  # bytes; the largest honest body is a technician's note
PHOTO_LIMIT = 12 * 1024 * 1024 + BODY_LIMIT  # of one request with photos
_READ_AT_MOST = 64 * 1024 * 1024  # of what is refused: who is cut off while sending never reads the sentence
_PHOTOS = re.compile("/v/[^/]+/photos|/f/[^/]+/tell|"
                     "(/p/[^/]+|/console/firms/[^/]+|/console/our-work/firm)/people/[^/]+/photo")
_VISIT_PAGE = re.compile("/v/[^/]+(/.*)?")
_SELF = "'self'"
_AT_A_VISIT = "geolocation=(self), camera=(self), microphone=()"


def content_security_policy(images: str = "") -> str:
    """What a page may load: all from us; `images`: from this origin too."""
    pictures = " ".join(filter(None, (_SELF, images)))
    return (f"default-src 'none'; style-src 'self'; script-src 'self'; img-src {pictures}; "
            "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")


_HEADERS = {
    "content-security-policy": content_security_policy(),
    "referrer-policy": "no-referrer",  # the link is the key: no other site may learn it
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "permissions-policy": "geolocation=(), camera=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

log = logging.getLogger(__name__)


class SecurityMiddleware:
    """The outermost layer: adds the security headers to every response and refuses bodies above BODY_LIMIT."""

    def __init__(self, app: ASGIApp, error_page: Callable[[Request], Response],
                 too_large: Callable[[Request], Response], https: bool) -> None:
        self._app, self._error_page, self._too_large = app, error_page, too_large
        self._headers = dict(_HEADERS)
        if https:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if _VISIT_PAGE.fullmatch(scope["path"]):
                    MutableHeaders(scope=message)["permissions-policy"] = _AT_A_VISIT
                if scope["path"] == "/static/worker.js":
                    MutableHeaders(scope=message)["service-worker-allowed"] = "/"  # it serves /v/ beside /static/
                self._add_headers(_cacheable(scope, message["status"]), MutableHeaders(scope=message))
            await send(message)

        request = Request(scope)
        limit = PHOTO_LIMIT if is_for_photos(scope) else BODY_LIMIT
        if _announced(request) > limit:
            if limit == PHOTO_LIMIT:
                await _read_away(receive)
                await self._too_large(request)(scope, receive, guarded)
            else:
                await _too_large()(scope, receive, guarded)
            return
        try:
            await self._app(scope, _limited(receive, limit), guarded)
        except Exception:
            # The route, not the path: a path carries a link's token.
            log.exception("request failed: %s %s", scope["method"], getattr(scope.get("route"), "path", "?"))
            if started:
                raise  # half an answer is out: only a broken connection can say so
            await self._error_page(request)(scope, receive, guarded)

    def _add_headers(self, cacheable: bool, headers: MutableHeaders) -> None:
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "public, max-age=31536000, immutable" if cacheable else "no-store")


def is_for_photos(scope: Mapping[str, Any]) -> bool:
    """Whether the request may bring photos: more bytes, and more time for them."""
    return scope["method"] == "POST" and _PHOTOS.fullmatch(scope["path"]) is not None


def _cacheable(scope: Scope, status: int) -> bool:
    """Whether caches may keep the response for ever: a static file whose URL carries a hash of its content (see
    `Renderer.asset`). All else is personal or may change, above all what is not found now."""
    return status in (200, 206, 304) and scope["path"].startswith("/static/") and b"v=" in scope["query_string"]


async def _read_away(receive: Receive) -> None:
    seen, more = 0, True
    while more and seen <= _READ_AT_MOST:
        message = await receive()
        seen += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _too_large() -> Response:
    return problem(413, f"The body may have at most {BODY_LIMIT} bytes.")


def _limited(receive: Receive, limit: int) -> Receive:
    """`receive` that counts the body as it comes, for one without content-length. Raises HTTPException 413."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, f"The body may have at most {limit} bytes.")
        return message

    return counted
