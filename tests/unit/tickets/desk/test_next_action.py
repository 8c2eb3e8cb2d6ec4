"""What somebody at the desk should do next: one row a branch, and every row worded in every language."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.explain.next_actions import word_action
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Due,
    DueKind,
    HoldReason,
    Instant,
    Job,
    Notification,
    NotificationState,
    Offer,
    OnCallPage,
    Outage,
    OutageKind,
    PageState,
    Price,
    PriceAnswer,
    Promise,
    PromiseKind,
    PromiseState,
    RecipientKind,
    Severity,
    SlaClock,
    SlaKind,
    SubjectKind,
    Ticket,
    TicketState,
    Visit,
    VisitState,
    from_iso,
)
from gateway.model.states import Responsible
from gateway.notifications.catalogues import catalogue_for, catalogues
from gateway.notifications.format_times import TimeFormat
from gateway.tickets.actions import (
    AcknowledgePage,
    Act,
    AgreeToPrice,
    AskAgain,
    AssignTo,
    HoldTicket,
    KeepVisit,
    OpenCallback,
    ReportDelay,
    ReportOverrun,
)
from gateway.tickets.desk.next_action import (
    CustomerFacts,
    DeskFacts,
    NextActionKind,
    customer_at_risk,
    next_action,
)
from gateway.tickets.desk.possible_acts import TicketNow

NOW = from_iso("2026-11-23T12:00:00Z")
Kind = NextActionKind


def ticket(state: TicketState = TicketState.NEW, **more: Any) -> Ticket:
    given: dict[str, Any] = {
        "id": "T-1", "site_id": "home", "customer_id": "alice", "device_id": "pump", "cause_key": "E7",
        "cause": "Compressor fault", "skill": "heating", "severity": Severity.MAJOR, "state": state,
        "opened_at": NOW - HOUR} | more
    return Ticket(**given)


def job(state: TicketState, **more: Any) -> Job:
    return Job(id="J-1", site_id="home", state=state, skills=["heating"], opened_at=NOW - HOUR, **more)


def offer(expires: Instant, rank: int = 1, provider: str = "kunz") -> Offer:
    return Offer(id=f"O-{rank}", job_id="J-1", ticket_id="T-1", provider_id=provider, rank=rank,
                 offered_at=NOW - 20 * MINUTE, expires_at=expires)


def visit(state: VisitState, until: Instant = NOW + 2 * HOUR, **more: Any) -> Visit:
    return Visit(id="V-1", job_id="J-1", ticket_id="T-1", provider_id="kunz", technician="Karin Kunz", state=state,
                 window_from=until - 4 * HOUR, window_until=until, created_at=NOW - HOUR, **more)


def due(kind: DueKind, at: Instant, who: Responsible) -> Due:
    return Due(id=f"D-{kind}", kind=kind, subject_kind=SubjectKind.JOB, subject_id="J-1", site_id="home",
               responsible=who, at=at)


def promise(kind: PromiseKind, due_at: Instant, state: PromiseState = PromiseState.OPEN, settled: Instant | None = None
            ) -> Promise:
    return Promise(id=f"P-{kind}-{due_at}", kind=kind, subject_kind=SubjectKind.TICKET, subject_id="T-1",
                   recipient_id="alice", made_at=NOW - DAY, due_at=due_at, watch_at=due_at, state=state,
                   settled_at=settled)


def clock(kind: SlaKind, due_at: Instant, **more: Any) -> SlaClock:
    return SlaClock(id=f"S-{kind}", ticket_id="T-1", kind=kind, policy="p@1", policy_name="p", target_ms=HOUR,
                    due_at=due_at, **more)


def message(state: NotificationState) -> Notification:
    return Notification(id="N-1", topic="on_the_way", subject_kind=SubjectKind.TICKET, subject_id="T-1", occurrence="1",
                        recipient_kind=RecipientKind.CUSTOMER, recipient_id="alice", priority=1, state=state,
                        created_at=NOW - HOUR)


def page(state: PageState = PageState.PAGING) -> OnCallPage:
    return OnCallPage(id="G-1", subject_kind=SubjectKind.TICKET, subject_id="T-1", site_id="home", state=state,
                      reasons=["sla_update"], opened_at=NOW - 10 * MINUTE)


OUTAGE = Outage(id="U-1", key="north", name="Nordviertel", kind=OutageKind.PLACE, began_at=NOW - HOUR,
                last_at=NOW - HOUR, suspected_at=NOW - HOUR)


def stands(state: TicketState = TicketState.NEW, *, on: Any = None, held: Any = None,
           **more: Any) -> TicketNow:
    """A ticket of one job, both in that state."""
    visits = more.get("visits", ())
    mine = {"visit_id": "V-1"} if visits else {}
    return TicketNow(ticket(state, **mine, **(on or {})), jobs=[job(state, **mine, **(held or {}))], **more)


COMES = TicketState.ASSIGNED
WAITS_LONG = stands(TicketState.ON_HOLD, held={"hold_reason": HoldReason.PART, "hold_until": NOW + DAY})
ASKED = {"price": Price("120.00", "EUR"), "price_answer": PriceAnswer.ASKED}

ROWS: list[tuple[str, DeskFacts, NextActionKind | None, type[Act] | None]] = [
    ("nobody came", DeskFacts(stands(COMES, visits=[visit(VisitState.PLANNED, NOW - MINUTE)])),
     Kind.REPLACE_NO_SHOW, AskAgain),
    ("the price was not answered in time", DeskFacts(stands(TicketState.ON_HOLD, on=ASKED, due=[
        due(DueKind.HOLD_UNTIL, NOW - MINUTE, Responsible.CUSTOMER)])), Kind.RECORD_PRICE, AgreeToPrice),
    ("the price is the dispatcher's to ask by now", DeskFacts(stands(TicketState.ON_HOLD, on=ASKED, due=[
        due(DueKind.HOLD_UNTIL, NOW + 20 * MINUTE, Responsible.DISPATCHER)])), Kind.RECORD_PRICE, AgreeToPrice),
    ("the customer has time to answer", DeskFacts(stands(TicketState.ON_HOLD, on=ASKED, due=[
        due(DueKind.HOLD_UNTIL, NOW + 2 * HOUR, Responsible.CUSTOMER)])), None, None),
    ("the last offer lapses", DeskFacts(stands(TicketState.OFFERED, offers=[
        offer(NOW - MINUTE, 1), offer(NOW + 4 * MINUTE, 2, "keller")])), Kind.RESCUE_OFFER, AssignTo),
    ("one lapses, and another may still say yes", DeskFacts(stands(TicketState.OFFERED, offers=[
        offer(NOW + 4 * MINUTE, 1), offer(NOW + 2 * HOUR, 2, "keller")])), None, None),
    ("all have lapsed, and the clock asks others", DeskFacts(stands(TicketState.OFFERED, offers=[
        offer(NOW - MINUTE)])), None, None),
    ("they have not answered on the way", DeskFacts(stands(COMES, visits=[visit(VisitState.PLANNED, asks=1)])),
     Kind.RING_TECHNICIAN, ReportDelay),
    ("they should be there", DeskFacts(stands(TicketState.EN_ROUTE, visits=[
        visit(VisitState.EN_ROUTE, eta=NOW - 10 * MINUTE)])), Kind.RING_TECHNICIAN, ReportDelay),
    ("they are on the way in time", DeskFacts(stands(TicketState.EN_ROUTE, visits=[
        visit(VisitState.EN_ROUTE, eta=NOW + 10 * MINUTE)])), None, None),
    ("the work takes longer", DeskFacts(stands(TicketState.ON_SITE, visits=[
        visit(VisitState.ON_SITE, asks=1, on_site_at=NOW - 3 * HOUR)])), Kind.RING_WORKER, ReportOverrun),
    ("they work", DeskFacts(stands(TicketState.ON_SITE, visits=[visit(VisitState.ON_SITE)])), None, None),
    ("it is dark with its street", DeskFacts(stands(), outage=OUTAGE), Kind.WAIT_FOR_OUTAGE, HoldTicket),
    ("the outage is over", DeskFacts(stands(due=[due(DueKind.ASK_AGAIN, NOW + HOUR, Responsible.GATEWAY)]),
                                     outage=OUTAGE.model_copy(update={"closed_at": NOW})), None, None),
    ("the outage's own ticket", DeskFacts(stands(on={"outage_id": "U-1"}, due=[
        due(DueKind.ASK_AGAIN, NOW + HOUR, Responsible.GATEWAY)]), outage=OUTAGE), None, None),
    ("nobody is left", DeskFacts(stands(due=[due(DueKind.ASK_AGAIN, NOW + HOUR, Responsible.DISPATCHER)])),
     Kind.FIND_PROVIDER, AskAgain),
    ("it waits for the next firm to open", DeskFacts(stands(due=[
        due(DueKind.ASK_AGAIN, NOW + HOUR, Responsible.GATEWAY)])), None, None),
    ("a danger does not wait for that", DeskFacts(stands(on={"severity": Severity.CRITICAL}, due=[
        due(DueKind.ASK_AGAIN, NOW + HOUR, Responsible.GATEWAY)])), Kind.FIND_PROVIDER, AskAgain),
    ("what it waited for should be there", DeskFacts(stands(TicketState.ON_HOLD, held={
        "hold_reason": HoldReason.PART, "hold_until": NOW + MINUTE})), Kind.GO_ON, AskAgain),
    ("it waits for a part", DeskFacts(WAITS_LONG), None, None),
    ("nobody has said whether somebody shall still come", DeskFacts(stands(COMES, visits=[visit(VisitState.PLANNED)],
     due=[due(DueKind.CUSTOMER_ANSWER, NOW + 5 * MINUTE, Responsible.CUSTOMER)])), Kind.ASK_CUSTOMER, KeepVisit),
    ("somebody on call is paged", DeskFacts(replace(WAITS_LONG, pages=[page()])), Kind.TAKE_PAGE, AcknowledgePage),
    ("somebody sees to it", DeskFacts(replace(WAITS_LONG, pages=[page(PageState.ACKNOWLEDGED)])), None, None),
    ("a promise was broken", DeskFacts(WAITS_LONG, promises=[
        promise(PromiseKind.ARRIVAL_WINDOW, NOW - HOUR, PromiseState.BROKEN, NOW - HOUR)]),
     Kind.ADMIT_BROKEN, OpenCallback),
    ("a later one was kept", DeskFacts(WAITS_LONG, promises=[
        promise(PromiseKind.ARRIVAL_WINDOW, NOW - HOUR, PromiseState.BROKEN, NOW - HOUR),
        promise(PromiseKind.NEXT_WORD, NOW - MINUTE, PromiseState.KEPT, NOW - MINUTE)]), None, None),
    ("it was broken long ago", DeskFacts(WAITS_LONG, promises=[
        promise(PromiseKind.ARRIVAL_WINDOW, NOW - 3 * DAY, PromiseState.BROKEN, NOW - 3 * DAY)]), None, None),
    ("a message did not arrive", DeskFacts(WAITS_LONG, undelivered=[message(NotificationState.FAILED)]),
     Kind.RING_UNREACHED, OpenCallback),
    ("it is being sent", DeskFacts(WAITS_LONG, undelivered=[message(NotificationState.QUEUED)]), None, None),
    ("the window ends, and nobody is on the way", DeskFacts(stands(COMES, visits=[
        visit(VisitState.PLANNED, NOW + 10 * MINUTE)]), promises=[
        promise(PromiseKind.ARRIVAL_WINDOW, NOW + 10 * MINUTE)]), Kind.CORRECT_PROMISE, ReportDelay),
    ("an estimate ends without anybody to come", DeskFacts(WAITS_LONG, promises=[
        promise(PromiseKind.ETR, NOW + 10 * MINUTE)]), Kind.CORRECT_PROMISE, OpenCallback),
    ("the gateway itself sends the next word", DeskFacts(WAITS_LONG, promises=[
        promise(PromiseKind.NEXT_WORD, NOW + MINUTE)]), None, None),
    ("they are there", DeskFacts(stands(TicketState.ON_SITE, visits=[visit(VisitState.ON_SITE)]), promises=[
        promise(PromiseKind.ARRIVAL_WINDOW, NOW + MINUTE)]), None, None),
    ("a third contact in seven days", DeskFacts(WAITS_LONG, contacts=[NOW - HOUR, NOW - DAY, NOW - 6 * DAY]),
     Kind.ANSWER_AGAIN, OpenCallback),
    ("the third was long ago", DeskFacts(WAITS_LONG, contacts=[NOW - HOUR, NOW - DAY, NOW - 7 * DAY]), None, None),
    ("they are rung anyway", DeskFacts(WAITS_LONG, contacts=[NOW - HOUR] * 3, callback_open=True), None, None),
    ("the next word is due by contract", DeskFacts(WAITS_LONG, clocks=[clock(SlaKind.UPDATE, NOW + 10 * MINUTE)]),
     Kind.MEET_SLA, OpenCallback),
    ("a first answer is due while firms are asked", DeskFacts(stands(TicketState.OFFERED, offers=[
        offer(NOW + HOUR)]), clocks=[clock(SlaKind.FIRST_RESPONSE, NOW + 10 * MINUTE)]), Kind.MEET_SLA, OpenCallback),
    ("a first answer is due while it waits for opening", DeskFacts(stands(due=[
        due(DueKind.ASK_AGAIN, NOW + HOUR, Responsible.GATEWAY)]), clocks=[
        clock(SlaKind.FIRST_RESPONSE, NOW + 10 * MINUTE)]), Kind.MEET_SLA, AskAgain),
    ("a clock has ended, one stands still, one has time", DeskFacts(WAITS_LONG, clocks=[
        clock(SlaKind.FIRST_RESPONSE, NOW, ended_at=NOW - MINUTE), clock(SlaKind.SOLUTION, NOW + DAY),
        SlaClock(id="S-u", ticket_id="T-1", kind=SlaKind.UPDATE, policy="p@1", policy_name="p", target_ms=HOUR)]),
     None, None),
    ("a solution is due while it waits for a part", DeskFacts(WAITS_LONG, clocks=[clock(SlaKind.SOLUTION, NOW)]),
     None, None),
    ("no news for long", DeskFacts(WAITS_LONG, told_at=NOW - 12 * HOUR), None, None),
    ("no news since it was opened", DeskFacts(replace(WAITS_LONG, ticket=ticket(TicketState.ON_HOLD,
                                                                               opened_at=NOW - 12 * HOUR))),
     Kind.GIVE_NEWS, OpenCallback),
    ("news a moment ago", DeskFacts(replace(WAITS_LONG, ticket=ticket(TicketState.ON_HOLD, opened_at=NOW - DAY)),
                                    told_at=NOW - HOUR), None, None),
    ("it is proved now", DeskFacts(stands(TicketState.RESOLVED, on={"opened_at": NOW - 9 * DAY})), None, None),
    ("it is over", DeskFacts(stands(TicketState.CLOSED, on={"closed_at": NOW}), contacts=[NOW] * 9), None, None),
]


@pytest.mark.parametrize(("facts", "kind", "act"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_to_do_next(facts: DeskFacts, kind: NextActionKind | None, act: type[Act] | None) -> None:
    found = next_action(facts, NOW)
    assert (found and found.kind, found and type(found.act)) == (kind, act)
    for locale in catalogues().locales:
        if found is not None:
            words = catalogue_for(locale)
            said = word_action(found, {"kunz": "Kunz Heizungen"}, TimeFormat(words, "Europe/Zurich", NOW), words)
            assert said.what
            assert "{" not in said.what + said.why
            assert not isinstance(said.act, OpenCallback) or said.act.words


def test_each_kind_has_its_row() -> None:
    assert {kind for _, _, kind, _ in ROWS} == {*NextActionKind, None}


def test_the_most_pressing_comes_first_and_the_next_one_when_that_is_done() -> None:
    """Nobody came; somebody is paged for it; a promise was broken; they asked three times."""
    facts = DeskFacts(stands(COMES, visits=[visit(VisitState.PLANNED, NOW - MINUTE)], pages=[page()]), promises=[
        promise(PromiseKind.ARRIVAL_WINDOW, NOW - MINUTE, PromiseState.BROKEN, NOW)], contacts=[NOW] * 3)
    told = []
    for after in (facts, replace(facts, now_is=replace(WAITS_LONG, pages=[page()])), replace(facts, now_is=WAITS_LONG),
                  replace(facts, now_is=WAITS_LONG, promises=[])):
        found = next_action(after, NOW)
        assert found is not None
        told.append(found.kind)
    assert told == [Kind.REPLACE_NO_SHOW, Kind.TAKE_PAGE, Kind.ADMIT_BROKEN, Kind.ANSWER_AGAIN]


@pytest.mark.parametrize(("more", "kind"), [
    ({"promises": [promise(PromiseKind.CALLBACK_BY, NOW - HOUR, PromiseState.BROKEN, NOW - HOUR)]}, Kind.ADMIT_BROKEN),
    ({"contacts": [NOW - HOUR, NOW - DAY, NOW - 2 * DAY]}, Kind.ANSWER_AGAIN),
    ({"open_tickets": [ticket(TicketState.ON_HOLD, opened_at=NOW - DAY)]}, Kind.GIVE_NEWS),
    ({"open_tickets": [ticket(TicketState.ON_HOLD, opened_at=NOW - DAY)], "told_at": NOW - HOUR}, None),
    ({"open_tickets": [ticket(TicketState.RESOLVED, opened_at=NOW - DAY)]}, None),
    ({"contacts": [NOW] * 5, "callback_open": True}, None),
    ({}, None),
])
def test_a_customer_at_risk_is_rung(more: dict[str, Any], kind: NextActionKind | None) -> None:
    found = customer_at_risk(CustomerFacts("alice", "home", **more), NOW)
    assert (found and found.kind) == kind
    assert found is None or found.act == OpenCallback("home", "")
