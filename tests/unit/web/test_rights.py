"""Each route names the right that it needs, or is one of the few that need none; the table is the one in the docs."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from gateway.access.rights import NEEDED, RIGHTS, Right, may_act
from gateway.model import Audit, AuditOutcome, Role
from gateway.store import Store
from gateway.tickets.actions import (
    AcceptOffer,
    Act,
    Arrive,
    DeclineOffer,
    Depart,
    Finish,
    HandBack,
    LogCall,
    ProposeWindow,
    ReassignVisit,
    ReportDelay,
    ReportOverrun,
    TakeBack,
)
from gateway.web import build_app
from tests import ROOT
from tests.drivers.web_driver import WebStory, console_story

pytestmark = pytest.mark.slow
# Without a right: they show no data, or a signed link opens them, which is a right of its own.
OPEN = {"/", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/console/sign-in", "/console/code",
        "/console/sign-in/oidc", "/console/sign-in/oidc/back", "/console/sign-out", "/static/brand.css",
        "/static/logo"}
BY_LINK = ("/f/{token}", "/o/{token}", "/v/{token}", "/d/{token}", "/s/{token}", "/h/{token}", "/m/{token}",
           "/p/{token}", "/welcome/{token}", "/e/{token}")
DOCS = ROOT / "docs" / "rights.md"
Route = tuple[str, str, frozenset[Right]]


def routes(app: FastAPI) -> Iterator[Route]:
    """(method, path, the rights that are needed, all of them)."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, route.path or "", frozenset(_rights(route.dependant))


def _rights(dependant: Any) -> Iterator[Right]:
    right = getattr(dependant.call, "right", None)
    if right is not None:
        yield right
    for below in dependant.dependencies:
        yield from _rights(below)


@pytest.fixture
def there(store: Store) -> Iterator[WebStory]:
    with console_story(store) as there:
        yield there


@pytest.fixture
def app(there: WebStory) -> FastAPI:
    return build_app(there.gw, lambda: there.now, lambda: there.health)


def is_open(path: str) -> bool:
    return path in OPEN or path.startswith(BY_LINK)


def test_each_route_names_its_right(app: FastAPI) -> None:
    assert [(method, path) for method, path, rights in routes(app) if not rights and not is_open(path)] == []
    assert [path for _, path, rights in routes(app) if rights and is_open(path)] == []


def test_each_act_names_its_right() -> None:
    def leaves(kind: Any) -> Iterator[type]:
        below = kind.__subclasses__()
        yield from [kind] if not below else [leaf for one in below for leaf in leaves(one)]

    assert {leaf for one in Act.__args__ for leaf in leaves(one)} == set(NEEDED)


def test_each_right_is_somebodys_and_each_role_has_some() -> None:
    assert {right for rights in RIGHTS.values() for right in rights} == set(Right)
    assert set(RIGHTS) == set(Role)
    assert all(RIGHTS.values())


OF_A_FIRM = {AcceptOffer, DeclineOffer, Depart, Arrive, Finish, ReportDelay, ReportOverrun, ProposeWindow, HandBack,
             LogCall, TakeBack, ReassignVisit}


@pytest.mark.parametrize("role", list(Role))
def test_a_firms_people_do_what_its_pages_let_them_do_with_their_own_and_nothing_else(role: Role) -> None:
    for kind, right in NEEDED.items():
        by_right = right in RIGHTS[role]
        assert may_act(role, kind) is by_right, kind
        assert may_act(role, kind, theirs=True) is (by_right or (role is Role.PROVIDER and kind in OF_A_FIRM)), kind


@pytest.mark.parametrize("role", list(Role))
def test_what_a_key_of_this_role_may_not_is_403_and_written_down(there: WebStory, app: FastAPI, role: Role) -> None:
    header = there.key(role)
    with there.client(header) as web:
        for method, path, rights in routes(app):
            if not path.startswith("/api/") or not rights:
                continue
            answer = web.request(method, path.replace("{", "x").replace("}", "x"), json={})
            if rights <= RIGHTS[role]:
                assert answer.status_code != 403, (method, path)
            else:
                assert answer.status_code == 403, (method, path)
                assert f"The role {role} may not" in answer.json()["detail"]
    denied = there.all(Audit, Audit.outcome == AuditOutcome.DENIED)
    assert len(denied) == sum(1 for _, path, rights in routes(app)
                              if path.startswith("/api/") and not rights <= RIGHTS[role])
    assert {one.role for one in denied} <= {role}


@pytest.mark.parametrize("role", [Role.AGENT, Role.DISPATCHER, Role.OPERATOR, Role.AUDITOR, Role.PROVIDER])
def test_what_a_user_of_this_role_may_not_is_403_and_shown_nowhere(there: WebStory, app: FastAPI, role: Role) -> None:
    browser = there.console(role, provider="kunz" if role is Role.PROVIDER else None)
    for method, path, rights in routes(app):
        if path.startswith("/console") and rights:
            address = path.replace("{", "x").replace("}", "x")
            with browser.web.stream(method, address, data={"csrf": "x"}) as answer:  # some never end
                refused = answer.status_code == 403 and "may not" in answer.read().decode()
            assert refused is not (rights <= RIGHTS[role]), (method, path)


def table(app: FastAPI) -> str:
    """What docs/rights.md says of roles, rights and routes."""
    lines = ["| right | what it is | " + " | ".join(Role) + " |", "|---|---|" + "---|" * len(Role)]
    for right in Right:
        marks = ["yes" if right in RIGHTS[role] else "" for role in Role]
        lines.append(f"| `{right}` | {right.sentence} | " + " | ".join(marks) + " |")
    lines += ["", "| route | rights |", "|---|---|"]
    for method, path, rights in sorted(routes(app), key=lambda one: (one[1], one[0])):
        named = ", ".join(f"`{right}`" for right in sorted(rights)) or ("nobody" if path in OPEN else "a signed link")
        lines.append(f"| {method} {path} | {named} |")
    return "\n".join(lines) + "\n"


def test_the_table_in_the_docs_is_the_one_that_holds(app: FastAPI) -> None:
    kept, _, there = DOCS.read_text(encoding="utf-8").partition("<!-- table -->\n")
    if there != table(app):
        DOCS.write_text(f"{kept}<!-- table -->\n{table(app)}", encoding="utf-8")
    assert there == table(app), "docs/rights.md was rewritten: read it, and commit it"
