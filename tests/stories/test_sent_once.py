"""A phone with a bad network sends the same act until it has the answer: it is done once."""

from collections.abc import Iterator
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

    assert at_once(send, send) == [200, 200]
    assert len(there.all(SentAct)) == 1
    assert len(there.all(Entry)) == before + 1


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
