"""A signature when a visit ends: drawn on the screen or typed, seen by the visit's parties, gone after ninety days."""

from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest

from gateway.flow.housekeeping import forget
from gateway.model import DAY, MINUTE, Audit, Entry, Signature, Ticket, Visit
from gateway.store import Store
from gateway.tickets.actions import LeaveSite
from gateway.tickets.visits.signature import POINTS, Undrawable, path_of, signed
from tests.drivers.web_driver import WebStory, read, web_story

pytestmark = pytest.mark.slow
DRAWN = "10,20 30,40 50,60;100,100"
DONE = {"act": "finish", "outcome": "complete", "note": "Filter cleaned"}


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def at_the_home(there: WebStory, web: httpx.Client) -> tuple[Ticket, str]:
    """The ticket, and the technician's page."""
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    for act in ("depart", "arrive"):
        web.post(page, data={"act": act, "minutes": "20"})
    return ticket, page


def test_technician_and_customer_see_who_signed_and_how(there: WebStory, web: httpx.Client) -> None:
    ticket, page = at_the_home(there, web)
    assert "Signature of the customer (if they wish)" in read(web.get(page))
    assert web.post(page, data=DONE | {"signed_name": " Alice  Keller ", "drawing": DRAWN}).status_code == 303
    assert there.all(Signature) == [], "it can still be taken back"
    there.wait(minutes=2)
    for path in (page, there.follow(ticket)):
        shown = web.get(path)
        assert "Signature Alice Keller, 13:02 today" in read(shown)
        assert '<path d="M10 20L30 40L50 60M100 100h0"/>' in shown.text
        assert "style=" not in shown.text


def test_a_typed_name_is_enough_and_so_is_none(there: WebStory, web: httpx.Client) -> None:
    ticket, page = at_the_home(there, web)
    web.post(page, data=DONE | {"signed_name": "<b>Alice</b>"})
    there.wait(minutes=2)  # to take it back
    shown = web.get(there.follow(ticket))
    assert "&lt;b&gt;Alice&lt;/b&gt;, 13:02 today" in shown.text
    assert 'class="signature"' not in shown.text


def test_nobody_has_to_sign(there: WebStory, web: httpx.Client) -> None:
    ticket, page = at_the_home(there, web)
    web.post(page, data=DONE | {"signed_name": " ", "drawing": ""})
    there.wait(minutes=2)  # to take it back
    assert there.all(Signature) == []
    assert "Signature" not in read(web.get(there.follow(ticket)))


@pytest.mark.parametrize("drawing", [
    "M10 20", "10,20;", "601,20", "10,201", "-1,5", "1,2 <script>", "1.5,2", "1,2\n3,4", "١,٢",
    " ".join(["1,2"] * (POINTS + 1)), "1,2" * 20_000])
def test_what_is_no_drawing_is_refused_and_nothing_typed_is_lost(there: WebStory, web: httpx.Client, drawing: str
                                                                 ) -> None:
    _, page = at_the_home(there, web)
    answer = web.post(page, data=DONE | {"signed_name": "Alice Keller", "drawing": drawing})
    if len(drawing) > 50_000:
        assert answer.status_code in (413, 422)
        return
    assert "could not be read" in read(answer, 422)
    assert "Filter cleaned" in answer.text
    assert 'value="Alice Keller"' in answer.text
    assert there.one(Visit).done_at is None


def test_sent_twice_by_a_phone_it_is_signed_once(there: WebStory, web: httpx.Client) -> None:
    _, page = at_the_home(there, web)
    for _ in range(2):
        answer = web.post(page, data=DONE | {"drawing": DRAWN}, headers={"Idempotency-Key": "0b9a52c4-done-1"})
        assert answer.status_code == 200
    there.wait(minutes=2)  # to take it back
    row = there.one(Signature)
    assert row.shown == sha256(b"Filter cleaned").hexdigest()


def test_a_visit_that_goes_on_has_no_signature_until_it_is_signed_anew(there: WebStory, web: httpx.Client) -> None:
    ticket, page = at_the_home(there, web)
    web.post(page, data=DONE | {"signed_name": "Alice Keller"})
    there.wait(minutes=2)  # to take it back
    there.change(there.one(Visit), done_at=there.now + 1)  # it was taken up again, and ended without a signature
    assert "Alice Keller, today" not in read(web.get(there.follow(ticket)))


def test_neighbours_see_nothing_of_it_and_no_timeline_or_log_has_it(
        there: WebStory, web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    _, page = at_the_home(there, web)
    other = there.break_down("bob-pump")
    web.post(page, data=DONE | {"signed_name": "Aloisia Signer", "drawing": DRAWN})
    there.wait(minutes=2)  # to take it back
    assert "Aloisia" not in web.get(there.follow(other)).text
    said = [str(row) for table in (Entry, Audit) for row in there.all(table)] + [caplog.text]
    assert not any("Aloisia" in one or "30,40" in one for one in said)


def test_it_is_deleted_after_ninety_days(there: WebStory, web: httpx.Client) -> None:
    _, page = at_the_home(there, web)
    web.post(page, data=DONE | {"drawing": DRAWN})
    there.wait(minutes=2)  # to take it back
    forget(there.gw, there.now + 89 * DAY)
    assert len(there.all(Signature)) == 1
    forget(there.gw, there.now + 90 * DAY)
    assert there.all(Signature) == []


def test_it_goes_with_the_household(there: WebStory, web: httpx.Client) -> None:
    _, page = at_the_home(there, web)
    web.post(page, data=DONE | {"signed_name": "Alice Keller"})
    there.wait(minutes=2)  # to take it back
    there.now += MINUTE
    there.act(LeaveSite("alice-home"), "agent Dana")
    assert "Signature Alice" not in read(web.get(page))
    forget(there.gw, there.now)
    assert there.all(Signature) == []


def test_a_drawing_is_made_anew_from_its_points() -> None:
    given = signed("", "01,002 3,4")
    assert given is not None
    assert given.drawing == "1,2 3,4"
    assert path_of("5,6") == "M5 6h0"
    with pytest.raises(Undrawable):
        signed("", "1,2;;3,4")
