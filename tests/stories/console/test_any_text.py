"""Whatever people and devices write, and whatever an address asks for: a page shows it as text, and never breaks."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import text
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from gateway.model import Callback, Customer, Device, Offer, Outage, Site, Ticket, User, Visit
from gateway.web import build_app
from tests.drivers.web_driver import Console, WebStory

pytestmark = pytest.mark.slow
HOSTILE = "\"'><img src=x onerror=alert(1)>"
# what people and devices write: columns of these names, in every table that has them
WRITTEN = {"name", "address", "town", "access", "cause", "words", "note", "notes", "why", "by_name", "technician",
           "browser", "label", "text", "transcript", "model", "comment"}
KINDS: dict[str, Any] = {
    "ticket_id": Ticket, "customer_id": Customer, "site_id": Site, "device_id": Device, "callback_id": Callback,
    "offer_id": Offer, "visit_id": Visit, "outage_id": Outage, "user_id": User}
NONSENSE = ("x", "-1", "%00", "a%0d%0ab", "9" * 30, str(2**63), "%E2%80%A8", "%ED%A0%80", "..%2f..", "W10", "a" * 3000)


def pages(there: WebStory) -> Iterator[tuple[str, list[str]]]:
    """(path, ids that its holes take) of each screen that is read."""
    app: FastAPI = build_app(there.gw, there.clock, lambda: there.health)
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        is_read = isinstance(route.original_route, APIRoute) and "GET" in (route.methods or ())
        if is_read and path.startswith("/console"):
            kind: Any = next((KINDS[hole] for hole in re.findall(r"{(\w+)}", path) if hole in KINDS), None)
            rows: list[Any] = [] if kind is None else there.all(kind)
            yield path, [one.id for one in rows]


def ask(browser: Console, path: str) -> tuple[int, str]:
    """What has come once the first part of it is there: some never end."""
    with browser.web.stream("GET", path) as answer:
        if "/stream" in path.partition("?")[0]:
            return answer.status_code, next(answer.iter_text(), "")
        return answer.status_code, answer.read().decode()


def filled(path: str, value: str) -> str:
    return re.sub(r"{\w+}", value, path)


@pytest.fixture
def busy(there: WebStory) -> WebStory:
    """With something on each screen."""
    there.measure()
    there.says("alice-pump", flow_temp=80.0)
    there.accept()
    there.call_for_help()
    there.wait(minutes=5)
    return there


def test_what_people_and_devices_write_is_text_on_every_page(busy: WebStory) -> None:
    browsers = [busy.console("operator"), busy.console("provider", "Karin Kunz", "kunz")]
    with busy.gw.store.write() as session:
        for table in (one for one in SQLModel.metadata.sorted_tables if one.name != "audit"):
            for column in (one for one in table.columns if one.name in WRITTEN and isinstance(one.type, AutoString)):
                session.connection().execute(text(
                    f'UPDATE "{table.name}" SET "{column.name}" = :hostile WHERE "{column.name}" <> \'\''
                ), {"hostile": HOSTILE})
    query = f"?{httpx.QueryParams(q=HOSTILE, begins=HOSTILE)}"
    shown = 0
    for path, ids in pages(busy):
        for one in ids[:2] or ["emergencies"]:
            for browser in browsers:
                status, html = ask(browser, f"{filled(path, one)}{query}")
                assert status < 500, (path, one)
                assert "<img src=x" not in html, (path, one)
                shown += html.count("&lt;img src=x")
    assert shown > 50


@pytest.mark.slow
def test_no_address_breaks_a_page(busy: WebStory) -> None:
    browser = busy.console("operator")
    for path, ids in pages(busy):
        for value in NONSENSE if "{" in path else ():
            assert ask(browser, filled(path, value))[0] < 500, (path, value)
        for name in ("cursor", "after", "older", "since", "version", "site", "q", "key", "show", "begins", "ticket"):
            for value in ("%00", str(2**63), "W10"):
                address = f"{filled(path, ids[0] if ids else 'emergencies')}?{name}={value}"
                assert ask(browser, address)[0] < 500, address
