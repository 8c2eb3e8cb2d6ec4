"""The address of the list of tickets says all that is asked for, and nothing that is as usual."""

import pytest
from fastapi import HTTPException

from gateway.model import Severity, TicketState
from gateway.store.views.ticket_list import Sort, States, TicketFilter
from gateway.web.console.ticket_query import TicketQuery, parse_query, read_query


def test_an_empty_address_asks_for_what_is_open_the_most_serious_first() -> None:
    query = read_query({})
    assert query.wanted("Dana") == TicketFilter(States.OPEN)
    assert query.order == (Sort.SEVERITY, False)
    assert (query.address(), query.is_filtered) == ("/console/tickets", False)


@pytest.mark.parametrize(("text", "wanted"), [
    ("state=new", TicketFilter(TicketState.NEW)), ("state=under_way", TicketFilter(States.UNDER_WAY)),
    ("severity=major&provider=kunz", TicketFilter(severity=Severity.MAJOR, provider="kunz")),
    ("owner=@me", TicketFilter(owner="Dana")), ("owner=nobody", TicketFilter(owner="nobody")),
    ("overdue=true&risk=false", TicketFilter(overdue=True)),
    ("text=%20two%20%20words", TicketFilter(text="two words")), ("area=north&skill=", TicketFilter(area="north")),
])
def test_each_parameter_is_a_criterion(text: str, wanted: TicketFilter) -> None:
    assert parse_query(text).wanted("Dana") == wanted


@pytest.mark.parametrize("text", ["state=lost", "severity=1", "risk=yes", "sort=luck", "me=1",
                                  "text=" + "x" * 201, "text=a%00b"])
def test_what_is_not_understood_is_refused_and_not_left_out(text: str) -> None:
    with pytest.raises(HTTPException):
        _ = parse_query(text).order


def test_another_order_or_filter_begins_at_the_first_page_and_the_next_page_keeps_both() -> None:
    query = TicketQuery(severity="critical", sort="due", cursor="abc", before="100")
    assert query.address(sort="age") == "/console/tickets?severity=critical&sort=age"
    assert query.address(cursor="def", before=200) == (
        "/console/tickets?severity=critical&sort=due&cursor=def&before=200")
    assert query.sorted_by("due") == "/console/tickets?severity=critical&sort=-due"
    assert query.sorted_by("age") == "/console/tickets?severity=critical&sort=age"
    assert query.filter_only.written == "severity=critical"
    assert (query.rows_before, TicketQuery(before="x").rows_before) == (100, 0)
