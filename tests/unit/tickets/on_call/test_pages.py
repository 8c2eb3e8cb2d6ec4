"""What becomes of a page: opened once, raised, acknowledged, lapsed, ended with its reason."""

from itertools import count

import pytest

from gateway.config.settings import OnCall, Service
from gateway.model import (
    HOUR,
    MINUTE,
    Actor,
    ActorKind,
    Callback,
    CallbackState,
    Entry,
    EntryKind,
    Notification,
    OnCallPage,
    OnCallRole,
    PageReason,
    PageState,
    Severity,
    SlaClock,
    SlaKind,
    Ticket,
    TicketState,
)
from gateway.model.plan import Draft, Refused
from gateway.tickets.context import Policy
from gateway.tickets.on_call.pages import (
    HOLDS,
    end_pages,
    open_page,
    page_dispatcher,
    plan_acknowledge,
    plan_page_due,
    settle_pages,
    watch_outcome,
)

NOW = 1_700_000_000_000
DANA = Actor(ActorKind.AGENT, "Dana Weber")
_ids = count(1)
POLICY = Policy(Service(), lambda prefix: f"{prefix}-{next(_ids)}", on_call=OnCall.model_validate({
    "people": {name: {"name": f"{name} Weber", "locale": "de", "contacts": [{"channel": "sms", "address": "+41790001"}]}
               for name in ("Dana", "Max")},
    "dispatcher": [{"people": ["Dana", "Max"]}]}))


@pytest.fixture
def draft() -> Draft:
    return Draft()


@pytest.fixture
def ticket(draft: Draft) -> Ticket:
    """Nobody has it."""
    row = Ticket(id="T-1", site_id="s", customer_id="c", device_id="d", cause_key="cold", cause="It is cold",
                 skill="heating", severity=Severity.MAJOR, opened_at=0)
    draft.add(row)
    return row


@pytest.fixture
def callback(draft: Draft) -> Callback:
    row = Callback(id="C-1", site_id="s", customer_id="c", device_id="d", requested_at=0, promised_by=NOW)
    draft.add(row)
    return row


def paged(draft: Draft) -> list[str]:
    """Who was paged, in order."""
    return [row.recipient_id for row, _ in draft.rows(Notification)]


def said(draft: Draft) -> list[EntryKind]:
    return [row.kind for row, _ in draft.rows(Entry)]


def test_the_first_person_is_paged_at_once_and_the_next_after_five_minutes(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    assert (paged(draft), page.next_at, page.why) == (["Dana"], NOW + 5 * MINUTE, (PageReason.NOBODY_LEFT,))
    for number in range(1, 4):
        plan_page_due(page, ticket, draft, POLICY, NOW + number * 5 * MINUTE)
    assert paged(draft) == ["Dana", "Max", "Dana", "Max"]  # without end
    assert len({row.occurrence for row, _ in draft.rows(Notification)}) == 4
    [first, *_] = [row for row, _ in draft.rows(Notification)]
    assert (first.facts["reason"], first.facts["reader"], first.facts["reader_locale"], first.facts["others"]) == (
        "nobody_left", "Dana Weber", "de", True)


def test_paged_again_while_it_is_open_nothing_changes(draft: Draft, ticket: Ticket) -> None:
    first = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    assert page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW + 1) is first
    assert paged(draft) == ["Dana"]


def test_one_more_reason_is_told_at_once_and_from_the_first(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    plan_page_due(page, ticket, draft, POLICY, NOW + 5 * MINUTE)
    page_dispatcher(draft, POLICY, ticket, PageReason.SLA_SOLUTION, NOW + 6 * MINUTE)
    assert (paged(draft), page.why) == (["Dana", "Max", "Dana"], (PageReason.NOBODY_LEFT, PageReason.SLA_SOLUTION))
    assert [row.topic for row, _ in draft.rows(Notification)] == ["please_look", "please_look", "sla_missed"]


def test_one_more_reason_asks_who_has_acknowledged_again(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    plan_acknowledge(ticket, draft, DANA, NOW)
    page_dispatcher(draft, POLICY, ticket, PageReason.SLA_SOLUTION, NOW + MINUTE)
    assert (paged(draft), page.state, page.acknowledged_by) == (["Dana", "Dana"], PageState.PAGING, None)


def test_what_becomes_urgent_starts_again_from_the_first(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.UNSAFE_THERE, NOW)
    plan_page_due(page, ticket, draft, POLICY, NOW + 5 * MINUTE)
    page_dispatcher(draft, POLICY, ticket, PageReason.UNSAFE_THERE, NOW + 6 * MINUTE, urgent=True)
    assert (paged(draft), page.next_at) == (["Dana", "Max", "Dana"], NOW + 7 * MINUTE)


def test_an_acknowledgement_holds_for_four_hours_then_all_are_asked_again(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    plan_page_due(page, ticket, draft, POLICY, NOW + 5 * MINUTE)
    plan_acknowledge(ticket, draft, DANA, NOW + 6 * MINUTE)
    assert (page.state, page.next_at) == (PageState.ACKNOWLEDGED, NOW + 6 * MINUTE + 4 * HOUR)
    plan_page_due(page, ticket, draft, POLICY, NOW + 6 * MINUTE + 4 * HOUR)
    assert paged(draft) == ["Dana", "Max", "Dana"]
    assert said(draft) == [EntryKind.PAGE_ACKNOWLEDGED, EntryKind.PAGE_LAPSED]


def test_the_same_tap_twice_acknowledges_once_and_a_later_one_holds_longer(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    for later in (0, 2_000, 3 * HOUR):
        plan_acknowledge(ticket, draft, DANA, NOW + later)
    assert said(draft) == [EntryKind.PAGE_ACKNOWLEDGED] * 2
    assert page.next_at == NOW + 7 * HOUR


def test_nothing_to_acknowledge_is_refused(draft: Draft, ticket: Ticket) -> None:
    with pytest.raises(Refused, match="not_paged id=T-1"):
        plan_acknowledge(ticket, draft, DANA, NOW)


def test_it_ends_when_its_last_reason_no_longer_holds(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    page_dispatcher(draft, POLICY, ticket, PageReason.SLA_SOLUTION, NOW)
    ticket.__dict__["state"] = TicketState.OFFERED
    settle_pages(draft, NOW + 1)
    assert (page.state, page.why) == (PageState.PAGING, (PageReason.SLA_SOLUTION,))
    ticket.__dict__["state"] = TicketState.RESOLVED
    settle_pages(draft, NOW + 2)
    assert (page.state, page.closed_at, page.next_at) == (PageState.ENDED, NOW + 2, None)
    assert open_page(draft, ticket) is None


def test_an_sla_reason_ends_with_its_clock(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.SLA_UPDATE, NOW)
    clock = SlaClock(id="S-1", ticket_id=ticket.id, kind=SlaKind.UPDATE,
                     policy="standard@1", policy_name="standard", target_ms=HOUR,
                     missed_at=NOW)
    draft.add(clock)
    settle_pages(draft, NOW + 1)
    assert page.closed_at is None
    clock.missed_at = None  # the customer has heard from us, and the next hour runs
    settle_pages(draft, NOW + 2)
    assert page.closed_at == NOW + 2


def test_what_is_due_and_no_longer_holds_pages_nobody(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    ticket.__dict__["state"] = TicketState.ASSIGNED
    plan_page_due(page, ticket, draft, POLICY, NOW + 5 * MINUTE)
    assert (paged(draft), page.state) == (["Dana"], PageState.ENDED)


def test_a_reason_can_be_taken_back_by_name(draft: Draft, ticket: Ticket) -> None:
    page = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    end_pages(draft, ticket, NOW + 1, PageReason.SLA_SOLUTION)
    assert page.closed_at is None
    end_pages(draft, ticket, NOW + 1, PageReason.NOBODY_LEFT)
    assert page.closed_at == NOW + 1


def test_a_reason_of_a_state_that_is_over_makes_way_for_another_page(draft: Draft, ticket: Ticket) -> None:
    before = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_LEFT, NOW)
    ticket.__dict__["state"] = TicketState.ASSIGNED
    after = page_dispatcher(draft, POLICY, ticket, PageReason.NOBODY_CAME, NOW + HOUR)
    assert (before.state, after.state, after.why) == (PageState.ENDED, PageState.PAGING, (PageReason.NOBODY_CAME,))


def test_who_speaks_with_the_customer_is_asked_for_the_outcome_after_a_while(draft: Draft, callback: Callback) -> None:
    callback.__dict__["state"] = CallbackState.CONNECTED
    watch_outcome(callback, draft, POLICY, DANA, NOW, {})
    page = open_page(draft, callback)
    assert page is not None
    assert (paged(draft), page.state, page.acknowledged_by) == ([], PageState.ACKNOWLEDGED, "Dana Weber")
    plan_page_due(page, callback, draft, POLICY, NOW + 4 * HOUR)
    assert paged(draft) == ["Dana"]


def test_every_reason_says_while_what_it_holds() -> None:
    assert set(HOLDS) == set(PageReason)
    assert all(HOLDS.values())


def test_a_page_of_another_role_is_another(draft: Draft, callback: Callback) -> None:
    page_dispatcher(draft, POLICY, callback, PageReason.CALL_OVERDUE, NOW)
    help_wanted = page_dispatcher(draft, POLICY, callback, PageReason.CALL_FOR_HELP, NOW, role=OnCallRole.EMERGENCY)
    assert help_wanted.urgent
    assert len([row for row, _ in draft.rows(OnCallPage)]) == 2
