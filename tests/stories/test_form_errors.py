"""A form with a mistake comes back as it was filled in, says what is wrong at the top, and points at the field."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.model import HOUR, MINUTE, Offer, Visit
from gateway.store import Store
from gateway.tickets.actions import Arrive
from tests.drivers.web_driver import WebStory, accept, console_story, web_story

KARIN = "technician Karin Kunz"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def inputs(page: str, name: str) -> list[str]:
    return re.findall(rf'<(?:input|textarea)[^>]* name="{name}"[^>]*>', page)


def points_at(answer: httpx.Response, field: str, status: int = 422) -> str:
    """The page, once it is sure that it names the mistake everywhere that it must."""
    page = answer.text
    assert answer.status_code == status, page
    assert "<title>Error: " in page
    assert 'role="alert"><h2>' in page
    assert f'<li><a href="#{field}">' in page, "the summary leads to the field"
    assert page.count(f'id="{field}"') == 1
    assert f'id="{field}-error"' in page
    assert 'aria-invalid="true"' in page
    assert page.count("autofocus") == 1
    focused = re.search(r"<[^>]*autofocus[^>]*>", page)
    assert focused is not None
    assert f'id="{field}"' in focused[0]
    return page


def test_another_time_that_is_wrong_does_not_go_back_to_the_first_window(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = points_at(accept(there, web, there.offer(ticket), window="other", window_from="2026-11-24T11:00",
                            window_until="2026-11-24T09:00", technician="Nora"), "window_until")
    assert 'value="other" checked' in page
    assert len(re.findall(r'name="window"[^>]* checked', page)) == 1
    assert 'value="2026-11-24T11:00"' in page
    assert 'value="2026-11-24T09:00"' in page
    assert 'value="Nora"' in page
    half = points_at(accept(there, web, there.offer(ticket), window="other", window_from="2026-11-24T11:00",
                            window_until=""), "window_until")
    assert 'value="2026-11-24T11:00"' in half
    points_at(accept(there, web, there.offer(ticket), window="other", window_from="soon", window_until=""),
              "window_from")
    assert there.again(ticket).state == "offered"


def test_no_window_chosen_chooses_none_for_them(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = points_at(accept(there, web, there.offer(ticket), window=""), "window")
    assert not any("checked" in one for one in inputs(page, "window"))


def test_a_window_that_has_passed_meanwhile_stays_the_one_chosen(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    over = f"{there.now - 4 * HOUR}-{there.now - MINUTE}"
    page = points_at(accept(there, web, there.offer(ticket), window=over), "window")
    assert f'value="{over}" id="window" checked' in page


def test_a_far_window_asks_back_with_the_focus_on_the_question(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    far = {"window": "other", "window_from": "2027-11-24T09:00", "window_until": "2027-11-24T11:30"}
    page = points_at(accept(there, web, there.offer(ticket), **far), "confirmed", 409)
    assert 'value="2027-11-24T09:00"' in page


def test_an_offer_page_without_a_mistake_says_nothing_of_one(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    page = web.get(there.offer(ticket)).text
    for word in ("Error:", "aria-invalid", "autofocus"):
        assert word not in page


@pytest.mark.parametrize(("form", "field", "status", "kept"), [
    ({"act": "finish", "outcome": "more_work", "note": " "}, "note", 422, 'value="more_work" id="outcome" checked'),
    ({"act": "finish", "outcome": "part_missing", "note": "stuck", "parts": "valve", "part_day": "soon"}, "part_day",
     422, ">valve</textarea>"),
    ({"act": "finish", "outcome": "part_missing", "note": "stuck", "parts": "", "part_day": "2026-11-26"}, "parts",
     422, 'value="2026-11-26"'),
    ({"act": "finish", "outcome": "part_missing", "note": "stuck", "parts": "valve", "part_day": "2020-01-01"},
     "part_day", 409, 'value="2020-01-01"'),
    ({"act": "finish", "outcome": "no_access", "note": "dark"}, "outcome", 409, ">dark</textarea>"),
])
def test_how_it_ended_keeps_every_field(there: WebStory, web: httpx.Client, form: dict[str, Any], field: str,
                                        status: int, kept: str) -> None:
    ticket = there.break_down()
    there.accept()
    there.act(Arrive(there.one(Visit).id), KARIN)
    page = points_at(web.post(there.visit(ticket), data=form), field, status)
    assert kept in page
    assert f'value="{form["outcome"]}" id="outcome" checked' in page
    assert f'>{form["note"]}</textarea>' in page


@pytest.mark.parametrize(("start", "end", "field", "status"), [
    ("soon", "2026-11-24T11:00", "window_from", 422), ("2026-11-24T09:00", "", "window_until", 422),
    ("2026-11-24T09:00", "2026-11-24T08:00", "window_until", 409),
    ("2026-12-24T09:00", "2026-12-24T11:00", "window_from", 409),
])
def test_another_arrival_window_keeps_both_times_and_stays_open(there: WebStory, web: httpx.Client, start: str,
                                                               end: str, field: str, status: int) -> None:
    ticket = there.break_down()
    there.accept()
    page = points_at(web.post(there.visit(ticket), data={"act": "window", "window_from": start, "window_until": end}),
                     field, status)
    assert '<details class="card" open>' in page
    assert f'value="{start}"' in page
    assert f'value="{end}"' in page


def test_a_script_is_told_the_field_too(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    there.act(Arrive(there.one(Visit).id), KARIN)
    answer = web.post(there.visit(ticket), data={"act": "finish", "note": ""}, headers={"Idempotency-Key": "A" * 16})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "note", "detail": "Please write in a few words what was done."}]


def test_the_firms_screens_keep_what_was_typed_too(both_stores: Store) -> None:
    with console_story(both_stores) as there:
        at_the_firm(there)


def at_the_firm(there: WebStory) -> None:
    ticket = there.break_down()
    firm = there.console("provider", "Karin Kunz", "kunz")
    offer = there.one(Offer, Offer.provider_id == "kunz")
    page = firm.post(f"/console/our-work/offers/{offer.id}", act="accept", window="other",
                     window_from="2026-11-24T11:00", window_until="2026-11-24T09:00").text
    assert "<title>Error: " in page
    assert 'value="other" checked' in page
    assert 'value="2026-11-24T09:00"' in page
    assert 'aria-invalid="true" autofocus' in page
    assert there.again(ticket).state == "offered"
