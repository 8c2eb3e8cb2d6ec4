"""The life cycles as tables: every move is listed or refused, and somebody is responsible while a row is open."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import pytest
from sqlmodel import SQLModel

from gateway.callbacks import lifecycle as callbacks
from gateway.model import (
    Alarm,
    Callback,
    CallbackState,
    Command,
    CommandState,
    DueKind,
    Job,
    Notification,
    NotificationState,
    Offer,
    OfferState,
    OnCallPage,
    PageState,
    Promise,
    PromiseKind,
    PromiseState,
    RecipientKind,
    Severity,
    SubjectKind,
    Ticket,
    TicketState,
    Visit,
)
from gateway.model.lifecycle import COMMAND_DUTIES, COMMAND_TRANSITIONS, CommandAction, Duty, move_command
from gateway.model.plan import Refused
from gateway.model.states import VisitState
from gateway.notifications import lifecycle as notifications
from gateway.notifications.catalogues import catalogue_for, catalogues
from gateway.notifications.reasons import refusal_sentence
from gateway.tickets import lifecycle as tickets
from gateway.tickets.on_call import lifecycle as pages
from gateway.tickets.promises import ledger as promises

NOW = 1_000_000


class LifeCycle(NamedTuple):
    row: Callable[[Any], Any]  # state → a row in it
    states: type[StrEnum]
    actions: Iterable[Any]
    transitions: Mapping[Any, Any]
    move: Callable[[Any, Any, int], None]
    open: Iterable[Any]
    duties: Mapping[Any, Duty]
    begins: tuple[Any, ...]  # states that a new row may have
    done: str = "closed_at"  # the column that says that it is over
    late: tuple[Any, ...] = ()  # states that are over, and are left all the same when news comes late


def a_ticket(state: TicketState) -> Ticket:
    return Ticket(id="T-1", site_id="s", customer_id="c", device_id="d", cause_key="cold", cause="It is cold",
                  skill="heating", severity=Severity.MAJOR, opened_at=0, state=state, provider_id="firm",
                  visit_id="V-1")


def a_job(state: TicketState) -> Job:
    return Job(id="J-1", site_id="s", state=state, opened_at=0, provider_id="firm", visit_id="V-1")


def an_offer(state: OfferState) -> Offer:
    return Offer(id="O-1", job_id="J-1", ticket_id="T-1", provider_id="firm", rank=1, offered_at=0, expires_at=60_000,
                 state=state)


def a_visit(state: VisitState) -> Visit:
    return Visit(id="V-1", job_id="J-1", ticket_id="T-1", provider_id="firm", window_from=0, window_until=60_000,
                 created_at=0,
                 state=state)


def a_callback(state: CallbackState) -> Callback:
    return Callback(id="C-1", site_id="s", customer_id="c", device_id="d", requested_at=0, promised_by=60_000,
                    state=state)


def a_notification(state: NotificationState) -> Notification:
    return Notification(id="N-1", topic="resolved", subject_kind=SubjectKind.TICKET, subject_id="T-1", occurrence="1",
                        recipient_kind=RecipientKind.CUSTOMER, recipient_id="alice", created_at=0, priority=3,
                        state=state)


def a_promise(state: PromiseState) -> Promise:
    return Promise(id="P-1", kind=PromiseKind.CALLBACK_BY, subject_kind=SubjectKind.CALLBACK, subject_id="C-1",
                   recipient_id="alice", made_at=0, due_at=60_000, watch_at=60_000, state=state)


def a_command(state: CommandState) -> Command:
    return Command(id="K-1", device_id="d", topic="d/cmd", payload="{}", created_at=0, expires_at=60_000, state=state)


def a_page(state: PageState) -> OnCallPage:
    return OnCallPage(id="D-1", subject_kind=SubjectKind.TICKET, subject_id="T-1", site_id="s", state=state,
                      reasons=["nobody_left"], opened_at=0, next_at=5)


CYCLES = {
    "ticket": LifeCycle(a_ticket, TicketState, tickets.Action, tickets.TRANSITIONS, tickets.move, tickets.OPEN,
                        tickets.DUTIES, (TicketState.NEW,), late=(TicketState.MERGED, TicketState.CLOSED)),
    "offer": LifeCycle(an_offer, OfferState, OfferState, tickets.OFFER_TRANSITIONS, tickets.end_offer,
                       (OfferState.PENDING,), tickets.OFFER_DUTIES, (OfferState.PENDING,)),
    "visit": LifeCycle(a_visit, VisitState, tickets.VisitAction, tickets.VISIT_TRANSITIONS, tickets.move_visit,
                       (VisitState.PLANNED, VisitState.EN_ROUTE, VisitState.ON_SITE), tickets.VISIT_DUTIES,
                       (VisitState.PLANNED,), "done_at"),
    "callback": LifeCycle(a_callback, CallbackState, callbacks.Action, callbacks.TRANSITIONS, callbacks.move,
                          callbacks.OPEN, callbacks.DUTIES, (CallbackState.REQUESTED, CallbackState.ANSWERED)),
    "notification": LifeCycle(a_notification, NotificationState, notifications.Action, notifications.TRANSITIONS,
                              notifications.move, notifications.OPEN, notifications.DUTIES,
                              (NotificationState.QUEUED,), "done_at",
                              late=(NotificationState.UNKNOWN, NotificationState.FAILED, NotificationState.SENT)),
    "page": LifeCycle(a_page, PageState, pages.Action, pages.TRANSITIONS, pages.move, pages.OPEN, pages.DUTIES,
                      (PageState.PAGING,)),
    "promise": LifeCycle(a_promise, PromiseState, promises.PromiseAction, promises.PROMISE_TRANSITIONS,
                         promises.move_promise, (PromiseState.OPEN,), promises.PROMISE_DUTIES, (PromiseState.OPEN,),
                         "settled_at", late=(PromiseState.KEPT, PromiseState.CORRECTED, PromiseState.BROKEN)),
    "command": LifeCycle(a_command, CommandState, CommandAction, COMMAND_TRANSITIONS,
                         lambda row, action, _: move_command(row, action), COMMAND_DUTIES, COMMAND_DUTIES,
                         (CommandState.QUEUED,), ""),
}
every = pytest.mark.parametrize("cycle", CYCLES.values(), ids=CYCLES.keys())


@every
def test_every_move_is_listed_or_refused(cycle: LifeCycle) -> None:
    for state in cycle.states:
        for action in cycle.actions:
            row = cycle.row(state)
            if (state, action) in cycle.transitions:
                cycle.move(row, action, NOW)
                assert row.state is cycle.transitions[state, action]
            else:
                with pytest.raises(Refused, match=row.id):
                    cycle.move(row, action, NOW)
                assert row == cycle.row(state)


@every
def test_every_state_can_be_reached(cycle: LifeCycle) -> None:
    reached: set[Any] = set()
    coming = set(cycle.begins)
    while coming - reached:
        reached |= coming
        coming = {after for (before, _), after in cycle.transitions.items() if before in reached}
    assert reached == set(cycle.states)


@every
def test_an_open_row_can_end_and_what_has_ended_stays(cycle: LifeCycle) -> None:
    leads_on = {before for before, _ in cycle.transitions}
    assert leads_on == {*cycle.open, *cycle.late}


@every
def test_somebody_is_responsible_for_every_open_state_and_the_deadline_is_a_column_or_a_row(cycle: LifeCycle) -> None:
    assert set(cycle.duties) == set(cycle.open)
    for duty in cycle.duties.values():
        assert duty.watched <= (duty.deadline is not None)
        if duty.deadline is not None and not isinstance(duty.deadline, DueKind):
            table, column = duty.deadline.split(".")
            assert column in SQLModel.metadata.tables[table].columns


@every
def test_a_row_closes_when_its_state_says_so(cycle: LifeCycle) -> None:
    for (state, action), after in cycle.transitions.items():
        row = cycle.row(state)
        cycle.move(row, action, NOW)
        assert not cycle.done or (getattr(row, cycle.done) is None) == (after in cycle.open)


def test_a_ticket_that_is_opened_again_begins_a_new_round_with_nobody_sent() -> None:
    ticket = a_ticket(TicketState.ON_SITE)
    tickets.move(ticket, tickets.Action.RESOLVE, NOW)
    assert (ticket.resolved_at, ticket.round) == (NOW, 1)
    tickets.move(ticket, tickets.Action.REOPEN, NOW + 1)
    assert (ticket.resolved_at, ticket.provider_id, ticket.visit_id, ticket.round) == (None, None, None, 2)


@pytest.mark.parametrize(("state", "action"), [
    (state, action) for state, action in sorted(tickets.TRANSITIONS)
    if state in tickets.UNSETTLED and action is not tickets.Action.MERGE])
def test_a_job_ends_when_its_work_is_done_and_nobody_comes_for_one_that_waits(
        state: TicketState, action: tickets.Action) -> None:
    job = a_job(state)
    tickets.move_job(job, action, NOW)
    assert (job.closed_at is None) == (job.state in tickets.UNSETTLED)
    assert job.provider_id is None or job.state not in tickets.UNASSIGNED


def test_a_ticket_is_where_the_least_advanced_of_its_open_jobs_is() -> None:
    ticket, there, asked = a_ticket(TicketState.NEW), a_job(TicketState.ON_SITE), a_job(TicketState.OFFERED)
    asked.provider_id = None
    tickets.follow_jobs(ticket, [there, asked])
    assert (ticket.state, ticket.provider_id) == (TicketState.OFFERED, None)
    tickets.move_job(asked, tickets.Action.CANCEL, NOW)
    tickets.follow_jobs(ticket, [there, asked])
    assert (ticket.state, ticket.provider_id) == (TicketState.ON_SITE, "firm")


def test_an_alarm_that_ends_waits_for_nothing_more() -> None:
    alarm = Alarm(id="A-1", device_id="d", site_id="s", rule="cold", severity=Severity.MAJOR, cause="It is cold",
                  skill="heating", opened_at=NOW + 5, try_until=NOW, flapping=True)
    tickets.end_alarm(alarm, NOW)
    assert (alarm.closed_at, alarm.try_until, alarm.flapping) == (NOW + 5, None, False)  # a clock may be ahead of ours


def test_the_refusal_says_what_stands_in_the_way_in_the_language_of_whoever_tried() -> None:
    with pytest.raises(Refused) as refused:
        tickets.move(a_ticket(TicketState.ON_SITE), tickets.Action.DEPART, NOW)
    assert refusal_sentence(refused.value, catalogue_for("en")) == (
        "Ticket T-1 is on site: that is not possible now.")
    assert refusal_sentence(refused.value, catalogue_for("de-CH")) == (
        "Ticket T-1 ist in Arbeit: Das geht jetzt nicht.")


@every
def test_every_refusal_of_a_life_cycle_can_be_said(cycle: LifeCycle) -> None:
    for state in cycle.states:
        for action in cycle.actions:
            if (state, action) not in cycle.transitions:
                row = cycle.row(state)
                with pytest.raises(Refused) as refused:
                    cycle.move(row, action, NOW)
                for language in catalogues().locales:
                    assert row.id in refusal_sentence(refused.value, catalogue_for(language))
