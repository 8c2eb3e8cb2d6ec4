"""The list of tickets reads by its indexes, on both databases, whatever it is filtered and sorted by."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlmodel import Session

from gateway.model import Severity, TicketState
from gateway.store import Store
from gateway.store.views.ticket_list import NOBODY, Sort, States, TicketFilter, count, find, ids, load, which_meet
from tests.drivers.story import NOON, begin
from tests.fixtures.many_tickets import save_tickets

GROWS = ("ticket", "job", "job_ticket", "due", "offer", "visit", "promise", "site", "customer", "site_area",
         "on_call_page", "device", "outage")
SMALL = (  # indexes that hold only what is open
    "ticket_open_since", "ticket_outage_open", "ticket_subject_open", "ticket_open ", "promise_due", "promise_open",
    "due_at", "on_call_page_open", "on_call_page_site_open")
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


def statements(store: Store, does: Callable[[Session], object]) -> list[tuple[str, Any]]:
    """What it asks the database."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        with store.read() as session:
            does(session)
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
    return asked


def scans(store: Store, does: Callable[[Session], object]) -> list[str]:
    """The growing tables that it would read from end to end."""
    found: list[str] = []
    for statement, parameters in statements(store, does):
        with store.read() as session:
            connection = session.connection()
            if store.sqlite:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                lines = [str(row[-1]) for row in plan]
                scanned = [line for line in lines if line.startswith("SCAN") and not any(one in line for one in SMALL)]
                names = [re.sub(r"^SCAN (\w+).*", r"\1", line) for line in scanned]
            else:
                # of a few rows it reads all, whatever indexes there are
                session.execute(text("SET LOCAL enable_seqscan = off"))
                plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
                names = re.findall(r"Seq Scan on (\w+)", "\n".join(str(row[0]) for row in plan))
        found += [name for name in names if name in GROWS]
    return found


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
