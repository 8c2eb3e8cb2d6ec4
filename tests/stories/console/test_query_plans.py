"""No page of the console reads a growing table from end to end, on either database."""

from typing import Any

import pytest
from sqlalchemy import text

from gateway.store.search.index import rebuild
from gateway.store.views.ticket_list import States
from tests.drivers.query_plans import recorded, scanned
from tests.drivers.web_driver import WebStory
from tests.fixtures.many_tickets import save_tickets

GROWS = ("ticket", "job", "job_ticket", "due", "offer", "visit", "promise", "site", "customer", "callback", "person",
         "person_site", "device", "device_state", "notification", "attempt", "dead_letter", "contact", "entry", "audit",
         "alarm", "reading", "outage_member", "search_term", "search_entry", "changed_row", "link", "external_id")
SMALL = ("ticket_open_since", "ticket_outage_open", "ticket_subject_open", "ticket_untaken", "callback_promised",
         "callback_open", "callback_help", "promise_due", "promise_broken", "notification_not_told", "due_at",
         "outage_open", "promise_open",
         "customer_by_name", "audit_at")  # read in their order until a page is full
SEARCHES = ("K-1001", "novák", "nov lindenweg", "lindenweg 12 8012", "044 668 18 00", "1800", "alice-pump", "t-0a00",
            "pump heat wiesental", "T-0A000003")
LISTS = [f"/console/tickets?{query}" for query in (
    "", "overdue=true", "risk=true", "owner=nobody", "area=wiesental", "skill=heating", "provider=kunz",
    "text=lindenweg", *(f"state={one}" for one in States), "sort=promise", "sort=due", "sort=customer",
    "severity=critical")]
PAGES = ["/console", "/console/callbacks", *LISTS, "/console/customers", "/console/customers?begins=N",
         "/console/customers/many-3", "/console/tickets/T-0A000003", "/console/tickets/T-0A000001", "/console/call",
         "/console/call?site=many-3-home", "/console/callbacks/new?q=novak",
         "/console/audit",
         *(f"/console/search?q={one}" for one in SEARCHES)]


def statements_of(there: WebStory) -> dict[str, list[tuple[str, Any]]]:
    """Page → what it asks the database, for somebody who may see everything."""
    browser = there.console("operator")
    found: dict[str, list[tuple[str, Any]]] = {}
    for path in PAGES:
        with recorded(there.gw.store) as asked:
            answer = browser.get(path)
        assert answer.status_code == 200, (path, answer.text[-300:])
        found[path] = [(statement, values) for statement, values in asked
                       if statement.lstrip("(").startswith(("SELECT", "WITH"))]
    return found


def scans(there: WebStory, filled: bool) -> dict[str, list[str]]:
    """Page → the tables that it reads from end to end; of each statement once."""
    known: dict[str, list[str]] = {}
    for asked in (pages := statements_of(there)).values():
        for statement, values in asked:
            if statement not in known:
                known[statement] = scanned(there.gw.store, statement, values, GROWS, SMALL, filled)
    return {path: tables for path, asked in pages.items()
            if (tables := sorted({f"{table}: {statement}" for statement, _ in asked for table in known[statement]}))}


def test_every_page_reads_by_its_indexes(there: WebStory) -> None:
    there.break_down()
    there.call_for_help()
    fill(there, 60, 60)
    assert scans(there, filled=False) == {}


@pytest.mark.slow
def test_postgresql_takes_the_indexes_of_tables_that_are_full(there: WebStory) -> None:
    if there.gw.store.sqlite:  # its plans do not depend on how many rows there are
        return
    fill(there, 400, 19_600)
    with there.gw.store.write() as session:
        session.connection().execute(text("ANALYZE"))
    full = {"ticket", "customer", "site", "search_term", "search_entry", "due", "promise", "job", "job_ticket"}
    found = {path: tables for path, some in scans(there, filled=True).items()
             if (tables := [one for one in some if one.partition(":")[0] in full])}
    assert found.keys() <= {f"/console/tickets?state={one}" for one in (States.OVER, States.ALL)}  # nearly all of them


def fill(there: WebStory, still_open: int, over: int) -> None:
    save_tickets(there.gw.store, still_open, over, there.now)
    with there.gw.store.write() as session:
        rebuild(session)
