"""A wrong tap of a technician is taken back within two minutes, and everybody who believed it hears what is true."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import MINUTE, DueKind, Job, Promise, PromiseKind, PromiseState, Visit
from gateway.notifications.topics import TopicName
from gateway.store import Store
from tests.drivers.web_driver import WebStory, read, web_story


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def coming(there: WebStory) -> tuple[Visit, str]:
    ticket = there.break_down()
    there.accept()
    there.wait(seconds=1)
    return there.one(Visit), there.visit(ticket)


def running(there: WebStory, visit: Visit) -> set[DueKind]:
    return {due.kind for due in there.due(visit.id) if due.at is not None}


def tap(web: httpx.Client, page: str, act: str, **more: str) -> None:
    assert web.post(page, data={"act": act} | more).status_code == 303


def test_not_on_the_way_after_all(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    watched = running(there, visit)
    assert "Undo" not in read(web.get(page))
    tap(web, page, "depart", minutes="20")
    there.wait(seconds=30)
    assert "Tapped by mistake? Until 13:02 you can undo it. Undo" in read(web.get(page))
    for _ in range(2):  # a second tap changes nothing
        tap(web, page, "undo")
    there.wait(seconds=1)
    back = there.again(visit)
    assert (back.state, back.en_route_at, back.eta) == ("planned", None, None)
    assert there.one(Job).state == there.ticket.state == "assigned"
    assert running(there, visit) == watched, "somebody looks whether they set out"
    assert len(there.notifications(TopicName.VISIT_CHANGED)) == 1
    assert any("A moment ago we told you that Karin Kunz is on the way. That was a wrong tap" in one.text
               or "is on the way. That was a wrong tap" in one.text for one in there.messages)
    assert any("Not set out after all" in line for line in there.timeline(there.ticket.id))
    open_now = there.all(Promise, Promise.state == PromiseState.OPEN)
    assert [one.kind for one in open_now if one.kind is PromiseKind.ETA] == []
    assert PromiseKind.ARRIVAL_WINDOW in {one.kind for one in open_now}
    tap(web, page, "depart", minutes="30")
    assert there.again(visit).eta == there.now + 30 * MINUTE


def test_not_there_after_all(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    tap(web, page, "depart", minutes="20")
    watched = running(there, visit)
    there.wait(minutes=5)
    tap(web, page, "arrive")
    tap(web, page, "undo")
    back = there.again(visit)
    assert (back.state, back.on_site_at) == ("en_route", None)
    assert there.ticket.state == "en_route"
    assert running(there, visit) == watched
    assert "Still on the way" in read(web.get(page))
    assert there.notifications(TopicName.VISIT_CHANGED) == []


def test_here_without_having_set_out_goes_back_to_before(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    watched = running(there, visit)
    tap(web, page, "arrive")
    tap(web, page, "undo")
    assert there.again(visit).state == there.again(visit).state == "planned"
    assert running(there, visit) == watched


def test_after_two_minutes_they_read_what_to_do_instead(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    tap(web, page, "depart", minutes="20")
    there.wait(minutes=2)
    assert "Undo" not in read(web.get(page))
    assert "Say below what is true now" in read(web.post(page, data={"act": "undo"}), 409)
    assert there.again(visit).state == "en_route"


def test_done_is_not_undone_and_the_page_says_whom_to_ring(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    tap(web, page, "arrive")
    tap(web, page, "finish", note="Pump replaced")
    told = read(web.get(page))
    assert "Tapped by mistake? The customer has been told. Ring us, and we open it again. +41 44 668 18 00" in told
    assert "This cannot be undone" in read(web.post(page, data={"act": "undo"}), 409)
    assert there.again(visit).state == "done"
