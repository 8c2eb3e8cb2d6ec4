"""A phone with a bad network sends the same act until it has the answer: it is done once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from gateway.flow.housekeeping import forget
from gateway.model import DAY, MINUTE, Entry, Notification, SentAct, Visit, from_iso
from gateway.store import Store
from gateway.tickets.actions import ProposeWindow
from gateway.tickets.visits.visit_version import visit_version
from tests.drivers.at_once import at_once
from tests.drivers.web_driver import WebStory, is_problem, read, web_story

KEY = {"Idempotency-Key": "6f1c0d9e-93a5-4a4f-9d38-0c7a55f0a111"}
DONE = {"act": "finish", "outcome": "complete", "note": "Tightened the valve."}


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
    return there.one(Visit), there.visit(ticket)


def rows(there: WebStory) -> list[Any]:
    return [row.model_dump() for table in (Visit, Entry, Notification, SentAct) for row in there.all(table)]


def test_the_same_key_and_content_has_the_same_answer_and_nothing_happens_twice(
        there: WebStory, web: httpx.Client) -> None:
    _, page = coming(there)
    first = web.post(page, data={"act": "depart", "minutes": "20"}, headers=KEY)
    assert (first.status_code, first.json()) == (200, {"act": "depart", "status": "done"})
    after = rows(there)
    there.now += 7 * MINUTE  # "20 minutes" would mean another arrival now
    again = web.post(page, data={"act": "depart", "minutes": "20"}, headers=KEY)
    assert (again.status_code, again.text) == (200, first.text)
    assert rows(there) == after


def test_the_same_key_with_other_content_is_refused_and_says_so(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    web.post(page, data={"act": "depart", "minutes": "20"}, headers=KEY)
    eta = there.again(visit).eta
    other = web.post(page, data={"act": "depart", "minutes": "45"}, headers=KEY)
    is_problem(other, 422)
    assert "Something else was sent" in other.json()["detail"]
    assert there.again(visit).eta == eta


def test_one_act_sent_twice_at_once_is_done_once(there: WebStory) -> None:
    _, page = coming(there)
    before = len(there.all(Entry))

    def send() -> int:
        with there.client() as one:
            return one.post(page, data={"act": "depart", "minutes": "20"}, headers=KEY).status_code

    answers = at_once(send, send)
    assert {200} <= {*answers} <= {200, 409}, "the second may come while the first is still running"
    assert send() == 200
    assert len(there.all(SentAct)) == 1
    assert len(there.all(Entry)) == before + 1


class HeldUp(threading.Event):
    """The first act that says that the outbox has filled goes no further until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def set(self) -> None:
        is_first = not self.is_set()
        super().set()
        if is_first:
            self.reached.set()
            self.go_on.wait(20)


@contextmanager
def still_running(there: WebStory, send: Callable[[], httpx.Response]) -> Iterator[list[httpx.Response]]:
    """`send` is under way, and does not end before the block does; then its answer is in the list."""
    held, answers = HeldUp(), list[httpx.Response]()
    there.gw.outbox_filled = held
    first = threading.Thread(target=lambda: answers.append(send()))
    first.start()
    assert held.reached.wait(20)
    try:
        yield answers
    finally:
        held.go_on.set()
        first.join()


def test_sent_again_while_the_first_is_still_running_it_is_told_to_come_back_soon(there: WebStory) -> None:
    _, page = coming(there)

    def send(headers: dict[str, str] = KEY) -> httpx.Response:
        with there.client() as one:
            return one.post(page, data={"act": "depart", "minutes": "20"}, headers=headers)

    with still_running(there, send) as first:
        beside = send()
        is_problem(beside, 409)
        assert (beside.headers["retry-after"], beside.headers.get("etag")) == ("2", None)
        assert beside.json()["detail"] == "This is just being saved. Please send it again in a few seconds."
        other = send({"Idempotency-Key": "another-key-of-the-same-phone"})
        assert "retry-after" not in other.headers, "another act of the same phone does not wait"
    assert first[0].status_code == 200
    after = rows(there)
    again = send()
    assert (again.status_code, again.text) == (200, first[0].text)
    assert rows(there) == after


def test_a_plain_form_sent_twice_waits_and_sees_the_page_as_it_is(there: WebStory) -> None:
    _, page = coming(there)
    form = {"act": "depart", "minutes": "20", "key": "K-4F7QK2M9"}

    def send() -> httpx.Response:
        with there.client() as one:
            return one.post(page, data=form)

    with still_running(there, send) as first:
        assert send().status_code == 303
    assert first[0].status_code == 303
    assert len(there.all(SentAct)) == 1


def test_what_was_refused_is_kept_by_nobody_and_may_be_sent_again(there: WebStory, web: httpx.Client) -> None:
    _, page = coming(there)
    refused = web.post(page, data=DONE | {"note": ""}, headers=KEY)
    is_problem(refused, 422)
    assert "what was done" in refused.json()["detail"]
    assert there.all(SentAct) == []
    assert web.post(page, data={"act": "arrive"}, headers=KEY).status_code == 200


def test_a_visit_that_was_moved_meanwhile_is_not_acted_on_until_the_technician_has_seen_it(
        there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    seen = {"version": visit_version(visit)}
    there.act(ProposeWindow(visit.id, from_iso("2026-11-24T09:00:00+01:00"), from_iso("2026-11-24T11:00:00+01:00")),
              "agent Dora")
    stale = web.post(page, data={"act": "depart", "minutes": "20"} | seen, headers=KEY)
    is_problem(stale, 409)
    assert "changed in the meantime" in stale.json()["detail"]
    assert there.again(visit).en_route_at is None
    now = {"version": stale.headers["etag"].strip('"')}
    assert web.post(page, data={"act": "depart", "minutes": "20"} | now, headers=KEY).status_code == 200


def test_what_was_tapped_one_after_the_other_on_one_page_without_network_fits_in_that_order(
        there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    seen = {"version": visit_version(visit)}
    taps: list[dict[str, str]] = [{"act": "depart", "minutes": "20"}, {"act": "arrive"}, DONE]
    for number, tap in enumerate(taps):
        sent = web.post(page, data=tap | seen, headers={"Idempotency-Key": f"tap-number-{number}"})
        assert sent.status_code == 200, sent.text
    there.wait(minutes=2)  # to take it back
    assert there.again(visit).note == "Tightened the valve."


def test_a_plain_form_has_a_key_and_a_version_of_its_own(there: WebStory, web: httpx.Client) -> None:
    visit, page = coming(there)
    form = {"act": "depart", "minutes": "20", "key": "K-4F7QK2M9", "version": visit_version(visit)}
    shown = web.get(page).text
    assert 'name="key" value="K-' in shown
    assert f'name="version" value="{form["version"]}"' in shown
    assert web.post(page, data=form).status_code == 303
    after = rows(there)
    there.now += MINUTE
    assert web.post(page, data=form).status_code == 303
    assert rows(there) == after
    assert "Something else was sent" in read(web.post(page, data=form | {"minutes": "45"}), 422)
    assert "no longer possible" in read(web.post(page, data=form | {"key": "x' OR 1"}), 400)


def test_keys_are_a_links_own_and_kept_for_thirty_days(there: WebStory, web: httpx.Client) -> None:
    _, page = coming(there)
    web.post(page, data={"act": "depart", "minutes": "20"}, headers=KEY)
    forget(there.gw, there.now + 29 * DAY)
    assert len(there.all(SentAct)) == 1
    forget(there.gw, there.now + 30 * DAY)
    assert there.all(SentAct) == []
