"""What a customer reads of what has happened: both windows of a visit that was moved, and whose language a note is in.
"""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import HOUR, Customer, IncompleteReason, Offer, Provider, Ticket, Visit, VisitOutcome
from gateway.store import Store
from gateway.tickets.actions import AcceptOffer, Arrive, Finish, ProposeWindow
from tests.drivers.web_driver import WebStory, read, web_story

KARIN = "technician Karin Kunz"


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def accepted(there: WebStory) -> tuple[Ticket, Visit]:
    """From 15:00 to 17:00."""
    ticket = there.break_down()
    offer = there.one(Offer, Offer.state == "pending")
    there.act(AcceptOffer(offer.id, "Karin Kunz", there.now + 2 * HOUR, there.now + 4 * HOUR), "provider")
    return ticket, there.one(Visit)


def test_a_window_that_was_moved_is_shown_with_the_one_before(there: WebStory, web: httpx.Client) -> None:
    ticket, visit = accepted(there)
    start = there.now
    for hours in (4, 6):
        there.wait(minutes=5)
        there.act(ProposeWindow(visit.id, start + hours * HOUR, start + (hours + 2) * HOUR), KARIN)
    said = read(web.get(there.follow(ticket)))
    assert "The visit was moved from 15:00–17:00 today to 17:00–19:00 today." in said
    assert "The visit was moved from 17:00–19:00 today to 19:00–21:00 today." in said
    assert said.index("to 19:00–21:00 today.") < said.index("to 17:00–19:00 today."), "the newest first"
    there.change(there.one(Customer, Customer.id == "alice"), locale="de")
    assert "Der Besuch wurde verschoben, von heute 15:00–17:00 auf heute 17:00–19:00." in read(
        web.get(there.follow(ticket)))


def unfinished(there: WebStory, locale: str) -> Ticket:
    ticket, visit = accepted(there)
    there.change(there.one(Provider, Provider.id == visit.provider_id), locale=locale)
    there.act(Arrive(visit.id), KARIN)
    there.act(Finish(visit.id, "Das Ventil <b> klemmt", VisitOutcome.INCOMPLETE, IncompleteReason.MORE_WORK), KARIN)
    return ticket


def test_a_note_in_another_language_says_so_and_is_marked_as_such(there: WebStory, web: httpx.Client) -> None:
    page = web.get(there.follow(unfinished(there, "de")))
    assert "Note by Karin Kunz, in German:" in read(page)
    assert '<q lang="de">Das Ventil &lt;b&gt; klemmt</q>' in page.text


def test_a_note_in_their_own_language_needs_no_label(there: WebStory, web: httpx.Client) -> None:
    page = web.get(there.follow(unfinished(there, "en")))
    assert "Note by Karin Kunz:" in read(page)
    assert ", in English" not in read(page)
    assert '<q lang="en">' in page.text
