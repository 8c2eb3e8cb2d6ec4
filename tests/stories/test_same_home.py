"""Whoever goes there sees what else is open in that home, and adds what they are asked for to their visit."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.devices.registration import DeviceRequest
from gateway.model import Entry, EntryKind, Offer, Ticket, Visit
from gateway.store import Store
from gateway.store.devices import device_registry
from gateway.store.visits.same_home import additions, other_tickets
from gateway.tickets.actions import CancelTicket
from tests.drivers.query_plans import scans
from tests.drivers.web_driver import WebStory, hidden_fields, read, web_story

GROWS = ("ticket", "job", "job_ticket", "offer", "visit", "device", "notification")


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    """Alice has a second heat pump, in her cellar."""
    there = web_story(both_stores)
    with both_stores.write() as session:
        device_registry.add(session, DeviceRequest(id="alice-cellar", key="native:alice-cellar", profile="heat-pump",
                                                   site="alice-home", name="Cellar pump"))
    return there


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def both_broken(there: WebStory) -> tuple[str, Ticket]:
    """The page of the visit to the first, and the second ticket, which its firm is asked about."""
    ticket = there.break_down()
    there.accept()
    page = there.visit(ticket)
    return page, there.break_down("alice-cellar")


def test_the_second_fault_is_added_to_the_visit_by_one_tap(there: WebStory, web: httpx.Client) -> None:
    page, cellar = both_broken(there)
    shown = web.get(page)
    assert "Also open in this home Cellar pump Compressor fault Add to this visit" in read(shown)
    offer = there.one(Offer, Offer.ticket_id == cellar.id)
    form = {"act": "add", "offer": offer.id, "key": hidden_fields(shown)["key"]}
    for _ in range(2):  # the same tap twice has the same answer
        assert web.post(page, data=form).status_code == 303
    assert web.post(page, data={"act": "add", "offer": offer.id}).status_code == 303, "and without a key too"
    visit = there.one(Visit)
    cellar = there.again(cellar)
    assert (cellar.state, cellar.visit_id) == ("assigned", visit.id)
    told = read(web.get(page))
    assert "Also part of this visit Cellar pump Compressor fault" in told
    assert "Add to this visit" not in told
    (line,) = there.all(Entry, Entry.subject_id == cellar.id, Entry.kind == EntryKind.ADDED_TO_VISIT)
    assert str(line.by) == "technician Karin Kunz"


def test_nobody_adds_what_their_firm_was_not_asked_for(there: WebStory, web: httpx.Client) -> None:
    page, cellar = both_broken(there)
    there.change(there.one(Offer, Offer.ticket_id == cellar.id), provider_id="seeblick")
    told = read(web.get(page))
    assert "Cellar pump Compressor fault Others see to this." in told
    offer = there.one(Offer, Offer.ticket_id == cellar.id)
    for wanted in (offer.id, "", "O-nonsense"):
        assert web.post(page, data={"act": "add", "offer": wanted}).status_code == 409
    assert there.again(cellar).state == "offered"


def test_what_is_over_meanwhile_is_not_added(there: WebStory, web: httpx.Client) -> None:
    page, cellar = both_broken(there)
    offer = there.one(Offer, Offer.ticket_id == cellar.id)
    there.act(CancelTicket(cellar.id, "sold"))
    told = read(web.post(page, data={"act": "add", "offer": offer.id}), 409)
    assert "That is no longer possible." in told
    assert "Also open in this home" not in told


def test_the_questions_read_by_indexes(there: WebStory) -> None:
    both_broken(there)
    visit, ticket = there.one(Visit), there.one(Ticket, Ticket.device_id == "alice-pump")
    assert scans(there.gw.store, lambda session: other_tickets(session, visit, ticket, there.now), GROWS, ()) == []
    assert scans(there.gw.store, lambda session: additions(session, visit, "alice-home"), GROWS, ()) == []
