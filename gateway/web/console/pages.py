"""Renders the console's pages, and what somebody had written when their session was over."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData
from starlette.types import Receive, Scope, Send

from gateway.access.rights import Right, may
from gateway.access.sessions import SessionEnd
from gateway.flow.gateway import Gateway
from gateway.model import Instant, Role
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.web.console.session import PROOF, TOKEN, User
from gateway.web.pages.templates import Renderer

WORDS = catalogue_for("en")
KEPT = "kept"  # the form's field with what was written before signing in
NOT_KEPT = (TOKEN, "password", "code", PROOF, KEPT)
_SECRET = ("old", "new", "secret")  # of a form with one of these nothing is kept: it would be shown, and sent again
_AS_THEY_ARE = ":/%#?=@[]!$&'()*+,;~"  # in an address; all else that is not a letter or digit is written as %XX
_ENDED = {
    SessionEnd.IDLE: "You were away for a while, so you were signed out.",
    SessionEnd.OVER: "You signed in long ago, so please sign in again.",
    SessionEnd.REVOKED: "You were signed out.",
    SessionEnd.DISABLED: "This account is disabled. Ask whoever runs the gateway.",
    SessionEnd.OTHER_ROLE: "Your role has changed, so please sign in again.",
}


def ended_sentence(ended: SessionEnd | None) -> str:
    return _ENDED.get(ended, "") if ended is not None else ""


def page(request: Request, user: User, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    """A screen with its frame: where one can go, who is signed in."""
    renderer: Renderer = request.app.state.renderer
    return renderer.page(f"console/{template}", WORDS, status, user=user, csrf=user.csrf, here=request.url.path,
                         places=places(user), start=home_of(user.role), alone=False,
                         **{"say": time_format(user.gw, user.now)} | facts)


def live_page(request: Request, user: User, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    """A screen whose stream sends `main_of` the same facts when that is another one: `data-version` says which one it
    shows. Rendered once: what it shows takes a while to render."""
    answer = page(request, user, template, status, **facts | {"version": ""})
    html = bytes(answer.body).decode()
    main = html[html.index("<main "):html.index("</main>") + len("</main>")]
    version = version_of(main.replace(user.csrf, ""))
    return HTMLResponse(html.replace('data-version=""', f'data-version="{version}"', 1), status)


def version_of(shown: str) -> str:
    """Of what a screen shows: of what `main_of` has rendered, or of what it is rendered from."""
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


class Viewer(NamedTuple):
    """Anybody of one role: what is rendered once for all of them must not know more."""

    role: Role
    now: Instant

    def may(self, right: Right) -> bool:
        return may(self.role, right)


def main_of(request: Request, gw: Gateway, viewer: Viewer, template: str, **facts: Any) -> str:
    """The <main> of a screen, for a stream that several read: without a token, which live.js puts into its forms."""
    renderer: Renderer = request.app.state.renderer
    return renderer.text(f"console/{template}", WORDS, user=viewer, csrf="", here="", places=(),
                         alone=True, **{"say": time_format(gw, viewer.now)} | facts).strip()


def time_format(gw: Gateway, now: Instant) -> TimeFormat:
    return TimeFormat(WORDS, gw.settings.service.callback_timezone, now)


def bare_page(request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    """A page for somebody who is not signed in."""
    renderer: Renderer = request.app.state.renderer
    return renderer.page(f"console/{template}", WORDS, status, **facts)


def refused_page(request: Request, status: int, said: str, title: str = "That was not done") -> HTMLResponse:
    return bare_page(request, "refused.html", status, said=said, title=title)


def places(user: User) -> list[tuple[str, str, str]]:
    """(path, name, key) of each screen that this role may see."""
    return [(path, name, key) for path, name, key, right in _PLACES if user.may(right)]


def home_of(role: Role) -> str:
    """Where somebody of this role begins."""
    return next(path for path, *_, right in _PLACES if may(role, right))


_PLACES = (
    ("/console", "Now", "n", Right.READ),
    ("/console/callbacks", "Callbacks", "c", Right.READ),
    ("/console/tickets", "Tickets", "t", Right.READ),
    ("/console/outages", "Outages", "o", Right.READ),
    ("/console/customers", "Customers", "k", Right.READ),
    ("/console/goodwill", "Goodwill", "d", Right.READ),
    ("/console/firms", "Firms", "f", Right.MANAGE_PROVIDERS),
    ("/console/our-work", "Our work", "w", Right.OWN_WORK),
    ("/console/users", "Users", "u", Right.MANAGE_USERS),
    ("/console/audit", "Audit", "a", Right.READ_AUDIT),
)


def keep(request: Request, whose: str = "") -> str:
    """What somebody had written, as the value of one field: where it was going, and all of its fields; "" of a form
    with secrets. `whose`: the id of the user who wrote it: nobody else who signs in there sees it."""
    form: FormData = request.state.form
    if any(name in form for name in _SECRET):
        return ""
    fields = [[name, value] for name, value in form.multi_items() if name not in NOT_KEPT and isinstance(value, str)]
    return json.dumps({"to": path_of(request), "fields": fields, "whose": whose})


def kept(text: str) -> Mapping[str, Any] | None:
    """What `keep` wrote; None when it is nothing of ours. It goes nowhere but into a form that somebody sends."""
    try:
        found = json.loads(text)
        fields = [(str(name), str(value)) for name, value in found["fields"]]
        to, whose = str(found["to"]), str(found.get("whose", ""))
        json.dumps([to, fields], ensure_ascii=False).encode()  # half of a surrogate pair cannot be sent
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return {"to": to, "fields": fields, "whose": whose} if is_ours(to) else None


def is_ours(path: str) -> bool:
    """Whether it leads to a page of the console, and not away from here."""
    return path.startswith("/console") and path.isprintable() and "//" not in path and "\\" not in path


def path_of(request: Request) -> str:
    """Of the page that is asked for, as an address has it: the id of a device may have any letter in it."""
    return quote(request.scope["path"])


class _GoOn(Response):
    """303: the browser asks for the page anew, behind the prefix under which the world sees us."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        renderer: Renderer = scope["app"].state.renderer
        self.headers["location"] = renderer.root + self.headers["location"]
        await super().__call__(scope, receive, send)


def go_on(path: str) -> Response:
    """To another page of the console."""
    return _GoOn(status_code=303, headers={"location": quote(path, safe=_AS_THEY_ARE)})
