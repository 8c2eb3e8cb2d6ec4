"""What holds for every page behind a signed link, and the pure parts of the pages."""

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from gateway.model import (
    Callback,
    CallbackState,
    Customer,
    Entry,
    Link,
    LinkPurpose,
    Offer,
    Ticket,
    TicketState,
    Visit,
)
from gateway.notifications import signed_links
from gateway.web.pages import sparkline
from gateway.web.pages.callback_view import CALL_LOOK
from gateway.web.pages.ticket_view import TICKET_LOOK
from tests.drivers.web_driver import WebStory, accept, read


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def test_the_customers_page_has_a_look_for_every_state_of_a_ticket_and_of_a_callback() -> None:
    assert set(TICKET_LOOK) == set(TicketState)
    assert set(CALL_LOOK) == set(CallbackState)


def test_every_link_that_opens_nothing_gets_the_same_kind_page(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    follow, offer = there.follow(ticket), there.offer(ticket)
    answers = [web.get(f"/f/{path}") for path in ("nonsense", "x" * 3000, offer.split("/")[2])]
    answers += [web.get("/o/" + follow.split("/")[2]), web.get("/v/" + follow.split("/")[2]),
                web.get(f"{follow[:-3]}AAA"),
                web.get(signed_links.url("", there.secret, LinkPurpose.FOLLOW, "L-NOWHERE1")),
                web.post("/v/nonsense", data={"act": "arrive"}), web.post("/o/nonsense", data={"act": "accept"}),
                web.get("/f/nonsense/stream"), web.get("/f/%FF%00"),
               web.get(signed_links.url("", there.secret, LinkPurpose.FOLLOW,
                                         there.one(Link, Link.purpose == "offer").id))]
    there.change(there.one(Link, Link.purpose == "offer"), revoked_at=there.now)
    there.change(there.one(Link, Link.purpose == "follow"), expires_at=there.now)
    answers += [web.get(offer), web.get(follow), accept(there, web, offer)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "This link does not open anything" in read(answers[0], 404)
    assert there.again(ticket).state == "offered"


def test_the_kind_page_speaks_the_browsers_language(web: httpx.Client) -> None:
    assert "Dieser Link führt zu nichts" in read(web.get("/f/x", headers={"Accept-Language": "de-CH,de;q=0.9"}), 404)


def test_looking_changes_nothing_however_often_a_mail_scanner_looks(there: WebStory, web: httpx.Client) -> None:
    ticket, callback = there.break_down(), there.call_for_help()
    there.accept()
    paths = [there.follow(ticket), there.follow(callback), there.visit(ticket),
             there.link("offer", there.one(Offer)), f"{there.follow(ticket)}/stream"]

    def everything() -> list[object]:
        return [row.model_dump() for table in (Ticket, Callback, Offer, Visit, Link, Entry) for row in there.all(table)]

    before = everything()
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            with web.stream(method, path, params={"act": "accept", "minutes": "5"}) as answer:
                assert answer.status_code < 500
                next(answer.iter_bytes(), b"")  # the whole of an event stream takes 45 s
    assert everything() == before


def test_every_answer_is_closed_to_other_sites_and_caches_and_sets_no_cookie(
        there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    for path in ("/", "/docs", "/f/nonsense", there.follow(ticket), there.offer(ticket), "/api/v1/tickets", "/nothing"):
        headers = web.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "set-cookie" not in headers


def test_a_page_is_small_and_comes_from_one_house(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.measure()
    offer, follow = there.offer(ticket), there.follow(ticket)
    offered = web.get(offer).text
    there.accept()
    for page in (offered, web.get(follow).text, web.get(there.visit(ticket)).text):
        assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", page)
        assert "style=" not in page  # the content security policy would not apply it
        assets = [web.get(unescape(path)) for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page)]
        assert len(assets) == 3 + 2 * ("live.js" in page) + 2 * ("offline.js" in page)
        assert all("immutable" in asset.headers["cache-control"] for asset in assets)
        size = len(page.encode()) + sum(len(asset.content) for asset in assets)
        assert size < (60_000 if "offline.js" in page else 30_000)


@pytest.mark.parametrize(("path", "status", "kept"), [
    ("/static/page.css?v=abc", 200, True), ("/static/page.css", 200, False),
    ("/static/nothing.js?v=abc", 404, False), ("/static/?v=abc", 404, False), ("/static/../front.py?v=1", 404, False),
    ("/f/static/x?v=1", 404, False), ("/nothing/static/page.css?v=1", 404, False), ("/readyz", 200, False),
    ("/metrics", 200, False), ("/openapi.json", 200, False), ("/healthz/", 307, False), ("/api/v1/alarms", 401, False)])
def test_only_a_static_file_that_is_there_may_be_kept(
        web: httpx.Client, path: str, status: int, kept: bool) -> None:
    """A 404 below /static/ was kept for a year: a page opened while a new version came up stayed without its style."""
    answer = web.get(path)
    assert answer.status_code == status
    assert ("max-age" in answer.headers["cache-control"]) == kept
    assert kept or answer.headers["cache-control"] == "no-store"
    if status == 200 and "etag" in answer.headers:
        again = web.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, answer.headers["cache-control"])
    refused = web.post(path, content=b"x")
    assert refused.headers["cache-control"] == "no-store"


def test_a_fault_of_ours_is_a_kind_page_that_tells_nothing(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    with there.gw.store.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE offer RENAME TO elsewhere")
    told = read(web.get(there.follow(ticket)), 500)
    assert "Something went wrong on our side" in told
    assert "offer" not in told


def test_no_token_is_written_to_the_log(
        there: WebStory, web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    ticket = there.break_down()
    page = there.follow(ticket)
    web.get(page)
    with there.gw.store.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE offer RENAME TO elsewhere")
    web.get(page)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert any("/f/{token}" in line for line in ours)
    assert not any(page.split("/")[2] in line for line in ours)


def test_a_customer_with_a_language_we_do_not_write_reads_english(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.change(there.one(Customer, Customer.id == "alice"), locale="eo")
    assert "We are asking a local firm" in read(web.get(there.follow(ticket)))


# without a server


def test_a_course_is_drawn_in_true_time_and_its_extremes_touch_the_margins() -> None:
    assert sparkline.points([(0, 1.0), (10, 3.0), (40, 2.0)]) == "0.0,22.0 24.0,2.0 96.0,12.0"
    assert sparkline.points([(0, 5.0), (10, 5.0)]) == "0.0,12.0 96.0,12.0"
    assert sparkline.points([]) == sparkline.points([(0, 1.0)]) == sparkline.points([(3, 1.0), (3, 2.0)]) == ""
