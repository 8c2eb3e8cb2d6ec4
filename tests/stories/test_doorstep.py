"""The words by which a household knows the technician at its door."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import Customer, Visit
from gateway.store import Store
from gateway.tickets.actions import HandBack
from gateway.tickets.visits.doorstep import WORDS, doorstep_words
from tests.drivers.web_driver import WebStory, read, web_story


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def test_both_read_the_same_two_words_until_the_visit_is_over(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    follow = there.follow(ticket)
    assert "words at your door" not in read(web.get(follow))
    there.accept()
    page = there.visit(ticket)
    said = there.one(Visit).doorstep
    assert said is not None
    for act in ("depart", "arrive", "finish"):
        assert f"The words at your door {said} Don't open to anybody who cannot say them." in read(web.get(follow))
        assert f"Say these words at the door {said}" in read(web.get(page))
        web.post(page, data={"act": act, "minutes": "20", "note": "Filter cleaned"})
    there.wait(minutes=2)  # to take it back
    assert there.one(Visit).doorstep is None
    for path in (follow, page):
        assert said not in web.get(path).text


def test_a_visit_that_was_handed_back_has_no_words_any_more(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.accept()
    visit = there.one(Visit)
    there.act(HandBack(visit.id, "van broken"), "technician Karin Kunz")
    assert there.one(Visit, Visit.id == visit.id).doorstep is None
    told = read(web.get(there.follow(ticket)))
    assert str(visit.doorstep) not in told
    assert "Kunz Heating could not come after all." in told


def test_the_words_are_in_the_language_of_the_household(there: WebStory, web: httpx.Client) -> None:
    ticket = there.break_down()
    there.change(there.one(Customer, Customer.id == "alice"), locale="de")
    there.accept()
    first, second = str(there.one(Visit).doorstep).split()
    assert {first, second} <= set(WORDS["de"])
    assert f"Die Worte an Ihrer Tür {first} {second} Öffnen Sie niemandem" in read(web.get(there.follow(ticket)))


def test_no_words_are_in_the_log(there: WebStory, web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    ticket = there.break_down()
    there.accept()
    said = there.one(Visit).doorstep
    assert said is not None
    for path in (there.follow(ticket), there.visit(ticket)):
        web.get(path)
    assert said not in caplog.text


@pytest.mark.parametrize("locale", WORDS)
def test_there_are_words_enough_and_each_sounds_like_no_other(locale: str) -> None:
    words = WORDS[locale]
    assert len({word.lower() for word in words}) == len(words) >= 256
    assert [pair for pair in _pairs(words) if _one_letter_apart(*pair)] == []


def test_the_two_words_differ_and_come_in_english_where_there_are_none_of_that_language() -> None:
    for number in range(2000):
        first, second = doorstep_words(f"W-{number}", "eo").split()
        assert first != second
        assert {first, second} <= set(WORDS["en"])


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    for number, word in enumerate(words):
        for other in words[:number]:
            if abs(len(word) - len(other)) <= 1:
                yield word.lower(), other.lower()


def _one_letter_apart(one: str, other: str) -> bool:
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) <= 1
    short, long = sorted((one, other), key=len)
    return any(long[:at] + long[at + 1:] == short for at in range(len(long)))
