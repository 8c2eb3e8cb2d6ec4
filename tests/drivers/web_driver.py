"""The town's web on a free port, over a story whose clock moves only when told."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from typing import Any

import httpx
from sqlmodel import SQLModel, col

from gateway.calendars.opening_hours import DAYS
from gateway.flow.accounts import users
from gateway.flow.accounts.passwords import hash_password
from gateway.model import (
    HOUR,
    MINUTE,
    Actor,
    ActorKind,
    Callback,
    Instant,
    Link,
    LinkPurpose,
    Offer,
    Ticket,
    User,
    Visit,
)
from gateway.model.row import kind_of
from gateway.monitoring.health import Health
from gateway.notifications import signed_links
from gateway.store import Store
from gateway.store.accounts.api_keys import create_key
from gateway.tickets.actions import CancelTicket
from tests.drivers.story import Story, begin
from tests.fixtures.web import serve

PROBLEM = "application/problem+json"


@dataclass
class WebStory(Story):
    health: Health = field(default_factory=lambda: Health(ready=True))
    base: str = ""
    browsers: list["Console"] = field(default_factory=list)
    requests: int = 0  # to pages and API
    on_request: Callable[[int], object] = lambda number: None

    def clock(self) -> Instant:
        """What the web reads once a request."""
        self.requests += 1
        self.on_request(self.requests)
        return self.now

    def break_down(self, device: str = "alice-pump", code: str = "E7") -> Ticket:
        """The device reports a fault; its ticket."""
        self.receive(f"devices/{device}/fault", {"code": code, "active": True})
        return self.one(Ticket, Ticket.device_id == device, col(Ticket.closed_at).is_(None))

    def break_down_in_vain(self, device: str = "alice-pump", code: str = "E7") -> Ticket:
        """A fault, and a ticket that is called off: the next fault opens another."""
        ticket = self.break_down(device, code)
        self.act(CancelTicket(ticket.id, "in vain"), "agent")
        return self.one(Ticket, Ticket.id == ticket.id)

    def call_for_help(self, device: str = "alice-button", kind: str = "single") -> Callback:
        """Somebody presses; their callback."""
        self.press(device, f"press-{self.now}", kind)
        return self.one(Callback, Callback.device_id == device)

    def measure(self, device: str = "alice-pump", count: int = 60) -> None:
        """An hour of telemetry, one a minute: warmer and warmer, but not yet too hot."""
        end = self.now
        for number in range(count):
            self.now, heat = end - (count - number) * MINUTE, round(45 + (number / count) ** 2 * 28, 1)
            self.says(device, flow_temp=heat, return_temp=heat - 6 + number % 3, pressure=1.6)
        self.now = end

    def link(self, purpose: str, row: Any) -> str:
        """The path that a message about `row` carries."""
        found = self.one(Link, Link.purpose == purpose, Link.subject_id == row.id)
        return signed_links.url("", self.secret, LinkPurpose(purpose), found.id)

    def follow(self, row: Ticket | Callback) -> str:
        return self.link("follow", row)

    def offer(self, ticket: Ticket) -> str:
        """The page of whoever is asked now."""
        return self.link("offer", self.one(Offer, Offer.ticket_id == ticket.id, Offer.state == "pending"))

    def visit(self, ticket: Ticket) -> str:
        """The technician's page."""
        return self.link("visit", self.one(Visit, Visit.ticket_id == ticket.id, col(Visit.done_at).is_(None)))

    def again(self, row: Any) -> Any:
        """The row as it is now."""
        return self.one(kind_of(row), kind_of(row).id == row.id)

    def add(self, *rows: SQLModel) -> None:
        with self.gw.store.write() as session:
            for row in rows:
                session.add(row)
                session.flush()

    def change(self, row: Any, **values: Any) -> None:
        with self.gw.store.write() as session:
            kept = session.get(kind_of(row), row.id)
            for name, value in values.items():
                setattr(kept, name, value)

    def key(self, role: str = "agent", name: str = "Dana") -> dict[str, str]:
        """The header with a fresh API key."""
        with self.gw.store.write() as session:
            return {"Authorization": f"Bearer {create_key(session, name, role, self.now)}"}

    def user(self, role: str = "agent", name: str = "Dana Meier", provider: str | None = None) -> User:
        """Somebody with an account and PASSWORD."""
        email = f"{name.split()[0].lower()}@example.com"
        with self.gw.store.write() as session:
            row = users.add_user(session, name, email, role, provider, Actor(ActorKind.OPERATOR), self.now)
            row.password = hashed_once()
            session.add(row)
        return row

    def console(self, role: str = "agent", name: str = "Dana Meier", provider: str | None = None) -> "Console":
        """A browser without scripts in which somebody of this role is signed in."""
        user = self.user(role, name, provider)
        browser = self.browser()
        browser.sign_in(user.email)
        return browser

    def browser(self) -> "Console":
        """In which nobody is signed in."""
        self.browsers.append(Console(self.client()))
        return self.browsers[-1]

    def client(self, headers: dict[str, str] | None = None) -> httpx.Client:
        # it speaks plain HTTP: reading a hundred certificates for each test takes longer than most tests
        return httpx.Client(base_url=self.base, headers=headers, timeout=20, verify=False)

    @property
    def secret(self) -> str:
        return self.gw.settings.secret.get_secret_value()


def web_story(store: Store, **service: Any) -> WebStory:
    """Everybody has moved in and the web is up."""
    there = WebStory(**vars(begin(store, name="Wiesental Service", phone="+41 44 668 18 00", **service)))
    there.base = serve(there.gw, there.clock, lambda: there.health)
    return there


ROUND_THE_CLOCK = {day: [("00:00", "24:00")] for day in DAYS}


@contextmanager
def console_story(store: Store) -> Iterator[WebStory]:
    """With browsers, which are closed in the end; somebody is always at the desk."""
    there = web_story(store, callback_hours=ROUND_THE_CLOCK)
    yield there
    for browser in there.browsers:
        browser.web.close()


def read(answer: httpx.Response, status: int = 200) -> str:
    """What a person sees: the page's words, one space between them."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    visible = re.sub(r"(?s)<head>.*?</head>|<[^>]+>", " ", answer.text)
    return " ".join(unescape(visible).split())


def hidden_fields(page: httpx.Response) -> dict[str, str]:
    """What a page's forms send along unseen."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found}


def without_ids(text: str) -> str:
    """Without numbers like T-4F7QK2M9 and the signature of a link behind one: any short word can be in them by chance.
    """
    return re.sub(r"\b[A-Z]-[0-9A-Z]{8}\b(\.[\w-]{27})?", "…", text)


def accept(there: WebStory, web: httpx.Client, page: str, **form: str) -> httpx.Response:
    """The form on a provider's page, sent with everything as it stands there."""
    window = {"window": f"{there.now}-{there.now + 4 * HOUR}"}
    return web.post(page, data={"act": "accept", "technician": "Karin Kunz"} | window | form)


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    """The rows of a list."""
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The answer is a problem of this status; its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    assert told["type"] == "about:blank"
    assert told["title"]
    assert told["detail"]
    return told


PASSWORD = "correct horse battery staple"


@cache
def hashed_once() -> str:
    """PASSWORD's hash: to make it takes longer than most tests."""
    return hash_password(PASSWORD)


class Console:
    """A browser without scripts: it follows redirects, and sends a page's form with what it already holds."""

    def __init__(self, web: httpx.Client) -> None:
        self.web = web

    def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        answer = self.web.post("/console/sign-in", data={"email": email, "password": password})
        return self.follow(answer)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        while answer.status_code == 303:
            answer = self.web.get(answer.headers["location"])
        return answer

    def get(self, path: str) -> httpx.Response:
        return self.follow(self.web.get(path))

    @property
    def csrf(self) -> str:
        """The token in the forms of the pages that this session sees."""
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.web.get("/console/account").text)
        assert found is not None
        return found[1]

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """A form of the session's own."""
        return self.follow(self.web.post(path, data={"csrf": self.csrf, **fields}))
