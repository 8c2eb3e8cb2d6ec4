"""What the screens of customers, the audit log and a firm's work ask is found by indexes, on both databases."""

from collections.abc import Callable

import pytest
from sqlmodel import Session

from gateway.store import Store
from gateway.store.accounts import audit
from gateway.store.views.console import customer_page, own_work
from gateway.store.views.customer import household
from gateway.tickets.actions import AcceptOffer, Arrive
from tests.drivers.story import NOON, begin
from tests.fixtures.many_tickets import save_tickets
from tests.unit.store.test_ticket_list import scans

GROWS = ("customer", "site", "person", "contact", "device", "device_state", "alarm", "ticket", "visit", "callback",
         "promise", "notification", "attempt", "entry", "audit", "offer", "link", "outage_member")


@pytest.fixture
def town(both_stores: Store) -> Store:
    begin(both_stores)
    save_tickets(both_stores, 60, 30, NOON)
    return both_stores


ASKED: dict[str, Callable[[Session], object]] = {
    "customers": lambda session: customer_page.in_list(session, "", None, 50, NOON),
    "customers from a name": lambda session: customer_page.in_list(session, "Bob", None, 50, NOON),
    "customer": lambda session: customer_page.load(session, "alice", None, 40),
    "own pages": lambda session: customer_page.own_pages(session, "alice"),
    "page just sent": lambda session: customer_page.sent_since(session, "alice", "page_link", NOON),
    "a household's page": lambda session: household.household_page(session, "alice", NOON),
    "a household's link": lambda session: household.household_link(session, "alice", NOON),
    "the household of a ticket": lambda session: household.household_of_ticket(session, "T-1"),
    "site": lambda session: customer_page.customer_of_site(session, "alice-home"),
    "device": lambda session: customer_page.customer_of_device(session, "alice-pump"),
    "audit": lambda session: audit.lines(session, {}, None, 100),
    "audit of an account": lambda session: audit.lines(session, {"account": "U-1"}, None, 100),
    "audit of an object": lambda session: audit.lines(session, {"object": "T-1"}, None, 100),
    "audit of an action": lambda session: audit.lines(session, {"action": "sign_in"}, None, 100),
    "audit of an outcome": lambda session: audit.lines(session, {"outcome": "denied"}, None, 100),
    "audit of a day": lambda session: audit.lines(session, {"since": NOON, "until": NOON + 1}, None, 100),
    "actions": audit.actions,
    "offers": lambda session: own_work.open_offers(session, "kunz", NOON),
    "visits": lambda session: own_work.visits_ahead(session, "kunz", NOON),
    "visits that are over": lambda session: own_work.visits_over(session, "kunz", None, 30, NOON),
    "an offer": lambda session: own_work.is_theirs(session, "kunz", AcceptOffer("O-1")),
    "a visit": lambda session: own_work.is_theirs(session, "kunz", Arrive("V-1")),
}


@pytest.mark.parametrize("what", list(ASKED))
def test_no_growing_table_is_read_from_end_to_end(town: Store, what: str) -> None:
    assert scans(town, ASKED[what], GROWS) == []
