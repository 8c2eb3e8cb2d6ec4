"""A form with a mistake comes back as it was filled in, says what is wrong at the top, and points at the field."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.model import DAY, HOUR, MINUTE, Offer, Visit
from gateway.store import Store
from gateway.tickets.actions import Arrive
from tests.drivers.web_driver import ROUND_THE_CLOCK, WebStory, accept, console_story, web_story
from tests.stories.test_customer_other_time import tomorrow
from tests.stories.test_survey import is_repaired

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


def moved_to(there: WebStory, web: httpx.Client, **form: str) -> httpx.Response:
    """The customer's form for another time of the visit, which is tomorrow at 7."""
    return web.post(f"{there.follow(tomorrow(there))}/move", data=form)


@pytest.mark.parametrize(("form", "field", "status"), [
    ({}, "window", 422),
    ({"window": "other", "wanted": ""}, "wanted", 422),
    ({"window": "other", "wanted": "soon"}, "wanted", 422),
    ({"window": "other", "wanted": "2026-11-22T07:00"}, "window", 409),  # past: the nearest that is free is chosen
    ({"act": "other_time", "suits": " "}, "suits", 422)])
def test_moving_the_visit_names_the_field_and_keeps_what_was_typed(there: WebStory, web: httpx.Client,
                                                                   form: dict[str, str], field: str, status: int
                                                                   ) -> None:
    page = points_at(moved_to(there, web, **form), field, status)
    assert f'value="{form.get("wanted", "")}"' in page
    chosen = len(re.findall(r'name="window"[^>]* checked', page))
    assert chosen == ("window" in form)
    if field == "window" and form:
        assert re.search(r'id="window" autofocus name="window" value="[0-9-]+" checked', page), "the nearest"


def test_what_has_changed_meanwhile_is_no_fields_mistake(there: WebStory, web: httpx.Client) -> None:
    page = moved_to(there, web, window=f"{there.now + 7 * DAY}-{there.now + 7 * DAY + HOUR}", version="old").text
    assert "<title>Error: " in page
    assert 'role="alert"' in page
    assert "aria-invalid" not in page


@pytest.mark.parametrize(("path", "form", "field"), [
    ("change", {"act": "call", "about": " "}, "about"), ("tell", {"words": " "}, "words")])
def test_what_the_customer_has_left_empty_is_pointed_at(both_stores: Store, path: str, form: dict[str, str], field: str
                                                        ) -> None:
    there = web_story(both_stores, callback_hours=ROUND_THE_CLOCK)
    with there.client() as web:
        points_at(web.post(f"{there.follow(there.break_down())}/{path}", data=form), field)


def test_a_survey_without_an_answer_points_at_its_first_question(store: Store) -> None:
    there = web_story(store, survey=True)
    with there.client() as web:
        page = there.link("survey", is_repaired(there))
        answer = points_at(web.post(page, data={"words": " ", "ease": "nonsense"}), "works")
        assert "Please choose an answer, or write a line." in answer
        assert "Error:" not in web.get(page).text
