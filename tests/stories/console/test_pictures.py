"""Photos and signatures of a visit on the ticket's page at the console, for roles that may see inside a home."""

from collections.abc import Iterator

import pytest

from gateway.model import Photo, Ticket, Visit
from gateway.store import Store
from gateway.tickets.actions import Arrive, Finish
from gateway.tickets.visits.signature import Signed
from tests.drivers.web_driver import WebStory, console_story, read
from tests.stories.test_photos import picture


@pytest.fixture
def there(both_stores: Store) -> Iterator[WebStory]:
    with console_story(both_stores) as there:
        yield there


def visited(there: WebStory) -> tuple[Ticket, Photo]:
    ticket = there.break_down()
    there.accept()
    visit = there.one(Visit)
    there.act(Arrive(visit.id), "technician Karin Kunz")
    with there.client() as phone:
        assert phone.post(f"{there.visit(ticket)}/photos", files={"photo": ("valve.jpg", picture())}).status_code == 303
    there.act(Finish(visit.id, "Filter cleaned", signature=Signed("Alice Keller", "1,2 3,4")), "technician Karin Kunz")
    return ticket, there.one(Photo)


def test_an_agent_sees_them(there: WebStory) -> None:
    ticket, photo = visited(there)
    browser = there.console()
    page = browser.get(f"/console/tickets/{ticket.id}")
    assert "Photos and signatures Signed by Alice Keller, 13:00 today" in read(page)
    assert '<path d="M1 2L3 4"/>' in page.text
    address = f"/console/tickets/{ticket.id}/photos/{photo.id}"
    assert f'src="{address}"' in page.text
    shown = browser.get(address)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")


def test_who_only_reads_does_not_see_them(there: WebStory) -> None:
    ticket, photo = visited(there)
    browser = there.console("auditor", "Rita Roth")
    page = browser.get(f"/console/tickets/{ticket.id}")
    assert "Photos and signatures" not in page.text
    assert "Alice Keller, today" not in read(page)
    assert browser.get(f"/console/tickets/{ticket.id}/photos/{photo.id}").status_code == 403


def test_a_photo_of_another_ticket_is_not_there(there: WebStory) -> None:
    _, photo = visited(there)
    other = there.break_down("bob-pump")
    assert there.console().get(f"/console/tickets/{other.id}/photos/{photo.id}").status_code == 404
