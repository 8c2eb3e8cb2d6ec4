"""The same act once more by the same person: the same answer, and no second effect."""

from collections.abc import Callable, Iterator, Sequence

import httpx
import pytest

from gateway.model import HOUR, MINUTE, Job, Notification, Offer, Promise, Ticket, Visit
from gateway.model.entries import Entry, EntryKind
from gateway.model.tickets import Due
from gateway.store import Store
from gateway.tickets.actions import Arrive, Depart, LogCall
from tests.drivers.web_driver import WebStory, accept, is_problem, web_story

pytestmark = pytest.mark.slow
KARIN = "technician Karin Kunz"
WINDOW = {"window_from": "2026-11-24T09:00", "window_until": "2026-11-24T11:00"}
PART = {"parts": "valve", "part_day": "2026-11-26"}


@pytest.fixture
def there(store: Store) -> WebStory:
    return web_story(store)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def rows(there: WebStory) -> list[object]:
    """Everything that an act could change, add to, or send."""
    return [row.model_dump() for table in (Ticket, Job, Offer, Visit, Due, Promise, Entry, Notification)
            for row in there.all(table)]


def coming(there: WebStory) -> Ticket:
    ticket = there.break_down()
    there.accept()
    return ticket


def on_site(there: WebStory) -> Ticket:
    ticket = coming(there)
    there.act(Arrive(there.one(Visit).id), KARIN)
    return ticket


def asked_whether_needed(there: WebStory) -> Ticket:
    ticket = coming(there)
    there.receive("devices/alice-pump/fault", {"code": "E7", "active": False})
    return ticket


def nobody_came(there: WebStory) -> Ticket:
    ticket = coming(there)
    there.now += 4 * HOUR + MINUTE
    return ticket


def nobody_at_the_door(there: WebStory) -> Ticket:
    ticket = on_site(there)
    there.act(LogCall(there.one(Visit).id), KARIN)
    there.now += 11 * MINUTE
    return ticket


@pytest.mark.parametrize(("before", "form"), [
    (coming, {"act": "depart", "minutes": "30"}),
    (coming, {"act": "arrive"}),
    (coming, {"act": "delay", "minutes": "30"}),
    (coming, {"act": "window"} | WINDOW),
    (coming, {"act": "hand_back", "why": "the van broke down"}),
    (on_site, {"act": "overrun", "minutes": "60"}),
    (on_site, {"act": "call"}),
    (on_site, {"act": "finish", "note": "Pump replaced"}),
    (on_site, {"act": "finish", "outcome": "more_work", "note": "It needs two"}),
    (on_site, {"act": "finish", "outcome": "part_missing", "note": "It sticks"} | PART),
    (nobody_at_the_door, {"act": "finish", "outcome": "no_access"}),
])
def test_a_technician_taps_twice(there: WebStory, web: httpx.Client, before: Callable[[WebStory], Ticket],
                                 form: dict[str, str]) -> None:
    page = there.visit(before(there))
    first = web.post(page, data=form)
    after = rows(there)
    there.now += 2000
    second = web.post(page, data=form)
    assert (second.status_code, second.headers["location"]) == (first.status_code, first.headers["location"]) == (
        303, page)
    assert rows(there) == after


@pytest.mark.parametrize(("before", "act"), [
    (asked_whether_needed, "keep"), (asked_whether_needed, "drop"), (nobody_came, "missed"),
])
def test_a_customer_taps_twice(there: WebStory, web: httpx.Client, before: Callable[[WebStory], Ticket], act: str
                               ) -> None:
    page = there.follow(before(there))
    assert web.post(page, data={"act": act}).status_code == 303
    after = rows(there)
    there.now += 2000
    assert web.post(page, data={"act": act}).status_code == 303
    assert rows(there) == after


@pytest.mark.parametrize("reason", ["no_time", ""])
def test_a_firm_declines_twice(there: WebStory, web: httpx.Client, reason: str) -> None:
    page = there.offer(there.break_down())
    form = {"act": "decline", "reason": reason, "words": "until Friday"}
    assert web.post(page, data=form).headers["location"] == page
    after = rows(there)
    assert web.post(page, data=form).headers["location"] == page
    assert rows(there) == after
    assert accept(there, web, page).status_code == 409, "another act is not the same act"
    assert rows(there) == after


def test_what_another_person_said_since_is_no_second_tap(there: WebStory, web: httpx.Client) -> None:
    """The fault came back and went again since the customer chose: the button means the new question."""
    ticket = asked_whether_needed(there)
    page = there.follow(ticket)
    assert web.post(page, data={"act": "keep"}).status_code == 303
    for active in (True, False):
        there.now += HOUR // 2
        there.receive("devices/alice-pump/fault", {"code": "E7", "active": active})
    assert web.post(page, data={"act": "keep"}).status_code == 303
    assert len(there.all(Entry, Entry.subject_id == ticket.id, Entry.kind == EntryKind.VISIT_KEPT)) == 2


def test_who_sets_out_again_for_another_time_is_told_that_it_is_too_late(there: WebStory, web: httpx.Client) -> None:
    ticket = coming(there)
    there.act(Depart(there.one(Visit).id, 20), KARIN)
    after = rows(there)
    assert web.post(there.visit(ticket), data={"act": "depart", "minutes": "45"}).status_code == 409
    assert rows(there) == after


@pytest.mark.parametrize(("acts", "body"), [
    (["cancel"], {"why": "sold"}),
    (["resolve"], {"note": "Reset by phone"}),
    (["offer"], {"provider_id": "seeblick"}),
])
def test_a_program_that_asks_twice_gets_the_same_body(there: WebStory, acts: Sequence[str], body: dict[str, str]
                                                      ) -> None:
    ticket = there.break_down()
    with there.client(there.key("agent")) as agent, there.client(there.key("agent", "Bea")) as colleague:
        for act in acts:
            path = f"/api/v1/tickets/{ticket.id}/{act}"
            first = agent.post(path, json=body)
            after = rows(there)
            second = agent.post(path, json=body)
            assert (second.status_code, second.json()) == (200, first.json())
            assert rows(there) == after
            is_problem(colleague.post(path, json=body), 409)
