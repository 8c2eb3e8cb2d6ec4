"""The list of tickets reads by its indexes, on both databases, whatever it is filtered and sorted by."""

from collections.abc import Callable, Collection

import pytest
from sqlmodel import Session

from gateway.model import Promise, PromiseKind, Severity, SubjectKind, TicketState
from gateway.store import Store
from gateway.store.views.ticket_list import (
    AT_RISK,
    NOBODY,
    Sort,
    States,
    TicketFilter,
    count,
    find,
    ids,
    is_at_risk,
    load,
    which_meet,
)
from tests.drivers import query_plans
from tests.drivers.story import NOON, begin
from tests.fixtures.many_tickets import save_tickets

GROWS = ("ticket", "job", "job_ticket", "due", "offer", "visit", "promise", "site", "customer", "site_area",
         "on_call_page", "device", "outage")
SMALL = (  # indexes that hold only what is open
    "ticket_open_since", "ticket_outage_open", "ticket_subject_open", "ticket_open ", "promise_due", "promise_open",
    "due_at", "on_call_page_open", "on_call_page_site_open",
    "customer_by_name", "audit_at")  # read in their order until a page is full
FILTERS = (
    TicketFilter(), TicketFilter(States.UNASSIGNED), TicketFilter(TicketState.NEW), TicketFilter(States.OVER),
    TicketFilter(TicketState.CLOSED), TicketFilter(States.ALL), TicketFilter(severity=Severity.CRITICAL),
    TicketFilter(owner="Dana Meier"), TicketFilter(owner=NOBODY), TicketFilter(provider="kunz"),
    TicketFilter(provider=NOBODY), TicketFilter(area="wiesental"), TicketFilter(skill="heating"),
    TicketFilter(overdue=True), TicketFilter(risk=True), TicketFilter(text="novák linden"),
)


@pytest.fixture
def town(both_stores: Store) -> Store:
    begin(both_stores)
    save_tickets(both_stores, 60, 30, NOON)
    return both_stores


def scans(store: Store, does: Callable[[Session], object], grows: Collection[str] = GROWS) -> list[str]:
    """The growing tables that it would read from end to end."""
    return query_plans.scans(store, does, grows, SMALL)


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_no_filter_reads_a_growing_table_from_end_to_end(town: Store, wanted: TicketFilter) -> None:
    assert scans(town, lambda session: find(session, wanted, Sort.SEVERITY, False, None, 100, NOON)) == []
    assert scans(town, lambda session: count(session, wanted, NOON)) == []
    assert scans(town, lambda session: ids(session, wanted, NOON)) == []


@pytest.mark.parametrize("sort", list(Sort))
def test_no_order_reads_a_growing_table_from_end_to_end(town: Store, sort: Sort) -> None:
    assert scans(town, lambda session: find(session, TicketFilter(), sort, True, None, 100, NOON)) == []


def test_rows_and_what_they_meet_are_looked_up_by_their_numbers(town: Store) -> None:
    some = ["T-0A000000", "T-0A000001"]
    assert scans(town, lambda session: load(session, some)) == []
    assert scans(town, lambda session: which_meet(session, FILTERS, some, NOON)) == []


def test_what_meets_a_filter_is_the_same_for_one_row_as_for_the_list(town: Store) -> None:
    with town.read() as session:
        everything = ids(session, TicketFilter(States.ALL), NOON)
        met = which_meet(session, FILTERS, everything, NOON)
        for wanted in FILTERS:
            assert sorted(met[wanted]) == sorted(ids(session, wanted, NOON)), wanted
            assert count(session, wanted, NOON) == len(met[wanted])
        assert all(met[wanted] for wanted in FILTERS)


def test_a_promise_of_a_word_from_us_is_at_risk_only_when_it_is_late() -> None:
    """As the filter has it: the gateway keeps it by itself."""
    call = Promise(id="P-1", kind=PromiseKind.CALLBACK_BY, subject_kind=SubjectKind.CALLBACK, subject_id="C-1",
                   due_at=NOON, made_at=NOON - AT_RISK, watch_at=NOON)
    word = call.model_copy(update={"kind": PromiseKind.NEXT_WORD})
    assert is_at_risk(call, NOON - 1)
    assert not is_at_risk(call, NOON - AT_RISK)
    assert not is_at_risk(word, NOON - 1)
    assert is_at_risk(word, NOON + 1)
