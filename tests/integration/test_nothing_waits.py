"""The second half of the proof that nothing waits for ever: all that people, devices and the clock do, in any order.

After each step whatever is open has a deadline and somebody responsible. From wherever that leads, the clock alone ends
it or pages a person again and again: a clock that may always go on would hide a dead end from hypothesis, so that is
tried when everybody has stopped. Each row of the table happens at least once, and does when it is led up to.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from enum import EnumMeta
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from gateway.app.main import Running, health_probe, start_clock
from gateway.model import (
    DAY,
    HOUR,
    SECOND,
    DueKind,
    HoldReason,
    IncompleteReason,
    Instant,
    Ticket,
    TicketState,
    Visit,
    VisitOutcome,
)
from gateway.model.lifecycle import observed
from gateway.store import Store
from gateway.tickets.actions import (
    AcceptOffer,
    AnswerSurvey,
    Arrive,
    AskAgain,
    CancelTicket,
    DeclineOffer,
    Depart,
    Finish,
    HandBack,
    HoldTicket,
    MergeTickets,
    OfferTo,
    ResolveTicket,
    TakeBack,
    UnmergeTicket,
)
from gateway.tickets.lifecycle import TRANSITIONS, WHEN_DUE, Action
from tests.drivers import clock_only
from tests.drivers.restless_town import ACTS, LATER, ROWS, WORDS, RestlessTown, begin
from tests.drivers.story import NOON, ONE_AT_A_TIME
from tests.drivers.town_machine import Explored, check, clock_step, explore
from tests.fixtures.servers import wait_until

pytestmark = pytest.mark.slow
NEW, OFFERED, ASSIGNED, EN_ROUTE = TicketState.NEW, TicketState.OFFERED, TicketState.ASSIGNED, TicketState.EN_ROUTE
ON_SITE, ON_HOLD, RESOLVED, MERGED = TicketState.ON_SITE, TicketState.ON_HOLD, TicketState.RESOLVED, TicketState.MERGED
CLOSED = TicketState.CLOSED

Step = Callable[[RestlessTown], None]


@pytest.fixture
def town(store: Store) -> RestlessTown:
    return begin(store, survey=True)


def stove(town: RestlessTown) -> Ticket:
    """The ticket that everything here is about; beside it Alice's boiler may have one."""
    return town.story.one(Ticket, Ticket.device_id == "alice-stove")


def visit(town: RestlessTown) -> Visit:
    return town.story.all(Visit)[-1]


def accept(town: RestlessTown) -> None:
    offer = town.open_rows("offer_id")[0]
    town.story.act(AcceptOffer(offer.id, "Karin Kunz"), "provider")


def decline_all(town: RestlessTown) -> None:
    while offers := town.open_rows("offer_id"):
        town.story.act(DeclineOffer(offers[0].id, "no time"), "provider")


def unfinished(town: RestlessTown, reason: IncompleteReason) -> None:
    part = reason is IncompleteReason.PART_MISSING
    town.story.act(Finish(visit(town).id, "It leaks on", VisitOutcome.INCOMPLETE, reason, ("a pump",) if part else (),
                          town.story.now + 20 * HOUR if part else None), "provider")


def another_ticket(town: RestlessTown) -> Ticket:
    """Of another device in the same home, that needs somebody else."""
    town.fault("alice-boiler", "leak")
    return town.story.one(Ticket, Ticket.device_id == "alice-boiler")


def stay_away(town: RestlessTown) -> None:
    town.fault("alice-stove", "heat", there=False)
    town.story.wait(minutes=300)


# How a ticket gets into each state, from the one before it.
LEADS_TO: dict[TicketState, tuple[TicketState | None, Step]] = {
    NEW: (None, lambda town: town.fault("alice-stove", "gas")),  # nobody has learnt it
    OFFERED: (None, lambda town: town.fault("alice-stove", "heat")),
    ASSIGNED: (OFFERED, accept),
    EN_ROUTE: (ASSIGNED, lambda town: town.story.act(Depart(visit(town).id, 20), "provider")),
    ON_SITE: (ASSIGNED, lambda town: town.story.act(Arrive(visit(town).id), "provider")),
    ON_HOLD: (OFFERED, lambda town: town.story.act(
        HoldTicket(stove(town).id, HoldReason.PART, town.story.now + 5 * HOUR))),
    RESOLVED: (OFFERED, lambda town: town.story.act(ResolveTicket(stove(town).id, "It was off"))),
    CLOSED: (RESOLVED, stay_away),
    MERGED: (OFFERED, lambda town: town.story.act(MergeTickets(stove(town).id, another_ticket(town).id))),
}


def hold(town: RestlessTown) -> None:
    if stove(town).state in (EN_ROUTE, ON_SITE):
        unfinished(town, IncompleteReason.PART_MISSING)
    else:
        town.story.act(HoldTicket(stove(town).id, HoldReason.OTHER, town.story.now + 20 * HOUR))


def offer(town: RestlessTown) -> None:
    asked = {one.provider_id for one in town.open_rows("offer_id")}
    town.story.act(OfferTo(stove(town).id, next(one for one in ("kunz", "seeblick", "rohr") if one not in asked)))


def come_back(town: RestlessTown) -> None:
    if stove(town).state is CLOSED:
        town.story.act(AnswerSurvey(stove(town).id, works=False), "customer")
        return
    town.fault("alice-stove", "heat", there=False)
    town.fault("alice-stove", "heat")


# What leads to each action, in every state in which it can be taken.
TAKES: dict[Action, Step] = {
    Action.OFFER: offer,
    Action.WAIT: lambda town: town.story.wait(minutes=31) if stove(town).state is NEW else decline_all(town),
    Action.ACCEPT: accept,
    Action.DEPART: lambda town: town.story.act(Depart(visit(town).id, 20), "provider"),
    Action.ARRIVE: lambda town: town.story.act(Arrive(visit(town).id), "provider"),
    Action.NOT_THERE: lambda town: town.story.act(TakeBack(visit(town).id), "provider"),
    Action.NOT_SET_OUT: lambda town: town.story.act(TakeBack(visit(town).id), "provider"),
    Action.HOLD: hold,
    Action.WAKE: lambda town: town.story.act(AskAgain(stove(town).id)),
    Action.HAND_BACK: lambda town: town.story.act(HandBack(visit(town).id, "My car"), "provider"),
    Action.REVISIT: lambda town: unfinished(town, IncompleteReason.MORE_WORK),
    Action.RESOLVE: lambda town: town.story.act(ResolveTicket(stove(town).id, "It was off")),
    Action.REOPEN: come_back,
    Action.CLOSE: stay_away,
    Action.CANCEL: lambda town: town.story.act(CancelTicket(stove(town).id, "Alice has sold it")),
    Action.MERGE: lambda town: town.story.act(MergeTickets(stove(town).id, another_ticket(town).id)),
    Action.UNMERGE: lambda town: town.story.act(UnmergeTicket(stove(town).id)),
}


def lead_to(state: TicketState | None, town: RestlessTown) -> None:
    if state is not None:
        before, step = LEADS_TO[state]
        lead_to(before, town)
        step(town)
        assert stove(town).state is state


def happen(state: TicketState, action: Action, town: RestlessTown) -> None:
    """The row of the table happens, and nothing that is open waits."""
    explored = Explored()
    with observed(explored.saw):
        lead_to(state, town)
        TAKES[action](town)
    assert (state, action) in explored.rows
    check(town)


EVERY_ROW = pytest.mark.parametrize(("state", "action"), sorted(TRANSITIONS))


@EVERY_ROW
def test_each_row_of_the_table_happens(state: TicketState, action: Action, town: RestlessTown) -> None:
    happen(state, action, town)


@pytest.mark.slow
@EVERY_ROW
def test_after_each_row_the_clock_alone_leads_to_an_end_or_to_a_person(state: TicketState, action: Action,
                                                                       town: RestlessTown) -> None:
    happen(state, action, town)
    clock_only.drive(town.story)


def clears(town: RestlessTown) -> None:
    town.fault("alice-stove", "power", there=False)
    town.story.wait(minutes=2)


def reported(town: RestlessTown, reason: IncompleteReason | None = None) -> None:
    """The technician has said how it ended, a moment ago."""
    lead_to(ON_SITE, town)
    outcome = VisitOutcome.COMPLETE if reason is None else VisitOutcome.INCOMPLETE
    town.story.act(Finish(visit(town).id, "As I say", outcome, reason, undoable=True), "provider")


def one_is_asked_after_the_other(town: RestlessTown) -> None:
    settings = town.story.gw.settings
    service = settings.service.model_copy(update={"offers": ONE_AT_A_TIME})
    town.story.gw.settings = settings.model_copy(update={"service": service})
    town.fault("alice-stove", "heat")


def asked_by_hand(town: RestlessTown) -> None:
    """Whoever can do it has not been asked yet."""
    town.fault("alice-stove", "heat")
    town.story.act(OfferTo(stove(town).id, "rohr"))


def resolved_and_clear(town: RestlessTown) -> None:
    lead_to(RESOLVED, town)
    town.fault("alice-stove", "heat", there=False)


def assigned_and_clear(town: RestlessTown) -> None:
    town.fault("alice-stove", "power")
    accept(town)
    clears(town)


# What leads to each action that the clock takes by itself, when nobody does anything.
BY_THE_CLOCK: dict[tuple[DueKind, Action], Step] = {
    (DueKind.ASK_AGAIN, Action.WAIT): LEADS_TO[NEW][1],
    (DueKind.ASK_AGAIN, Action.OFFER): lambda town: town.fault("alice-stove", "leak"),  # the plumber opens on Tuesday
    (DueKind.OFFER_EXPIRES, Action.WAIT): lambda town: town.fault("alice-stove", "power"),  # only Seeblick can
    (DueKind.OFFER_EXPIRES, Action.OFFER): asked_by_hand,
    (DueKind.NEXT_WAVE, Action.OFFER): one_is_asked_after_the_other,
    (DueKind.REPORT_COUNTS, Action.RESOLVE): reported,
    (DueKind.REPORT_COUNTS, Action.REVISIT): lambda town: reported(town, IncompleteReason.MORE_WORK),
    (DueKind.REPORT_COUNTS, Action.HOLD): lambda town: reported(town, IncompleteReason.UNSAFE),
    (DueKind.HOLD_UNTIL, Action.WAKE): lambda town: lead_to(ON_HOLD, town),
    (DueKind.PROOF, Action.REOPEN): lambda town: lead_to(RESOLVED, town),
    (DueKind.PROOF, Action.CLOSE): resolved_and_clear,
}
# After which deadlines somebody on call is paged in the end.
PAGED: dict[DueKind, Step] = {
    DueKind.ASK_AGAIN: LEADS_TO[NEW][1],
    DueKind.WINDOW_ENDING: lambda town: lead_to(ASSIGNED, town),
    DueKind.WINDOW_END: lambda town: lead_to(ASSIGNED, town),
    DueKind.ETA_OVERDUE: lambda town: lead_to(EN_ROUTE, town),
    DueKind.WORK_OVERRUN: lambda town: lead_to(ON_SITE, town),
    DueKind.CUSTOMER_ANSWER: assigned_and_clear,
    DueKind.HOLD_UNTIL: lambda town: town.fault("bob-boiler", "power"),  # it costs Bob something, and he says nothing
}


def test_the_clock_takes_the_actions_that_the_table_says() -> None:
    assert {(kind, action) for kind, when in WHEN_DUE.items() for action in when.takes} == set(BY_THE_CLOCK)
    assert {kind for kind, when in WHEN_DUE.items() if when.pages} == set(PAGED)


@pytest.mark.parametrize(("kind", "action"), BY_THE_CLOCK)
def test_the_clock_takes_it_by_itself(kind: DueKind, action: Action, town: RestlessTown) -> None:
    explored = Explored()
    BY_THE_CLOCK[kind, action](town)
    clock_step(town, explored, kind)
    assert (kind, action) in explored.by_the_clock


@pytest.mark.parametrize("kind", PAGED)
def test_somebody_is_paged_when_it_passes_and_nobody_acts(kind: DueKind, town: RestlessTown) -> None:
    PAGED[kind](town)
    for _ in range(4):  # whoever should have acted is asked first
        clock_step(town, Explored(), kind)
        if town.open_rows("subject"):
            return
    raise AssertionError(f"nobody is paged after {kind}")


def test_a_visit_that_nobody_makes_is_on_the_ladder_though_the_ticket_waits_for_a_part_too(town: RestlessTown) -> None:
    town.fault("alice-stove", "leak")
    town.story.act(HoldTicket(stove(town).id, HoldReason.PART, town.story.now + 3 * DAY))
    town.fault("alice-stove", "power")  # another firm's job
    accept(town)
    assert stove(town).state is ON_HOLD
    clock_step(town, Explored(), DueKind.WINDOW_END)
    for _ in range(3):
        town.story.wait(minutes=5)
    (page,) = town.open_rows("subject")
    assert page.turn > 3


def test_the_town_knows_what_may_be_said_with_each_act() -> None:
    for kind in ACTS:
        for one in fields(kind):
            enums = [choice for choice in (one.type, *get_args(one.type)) if isinstance(choice, EnumMeta)]
            assert one.name in {**ROWS, **WORDS, **LATER} or enums, f"{kind.__name__}.{one.name}"


def test_in_a_few_towns_nothing_waits(empty_sqlite: Path) -> None:
    explored = explore(empty_sqlite, towns=2, steps=12)
    assert explored.transitions.total() > 30, explored


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_in_many_towns_nothing_waits(empty_sqlite: Path, record_property: Callable[[str, object], None]) -> None:
    explored = explore(empty_sqlite, towns=150, steps=50)
    record_property("explored", str(explored))
    print(explored)
    assert len(explored.rows & TRANSITIONS.keys()) > 25, explored


# --- the same with the threads of a real gateway

FASTER = 7200  # two hours of the town pass in a second


class TownClock:
    """The town's clock, which runs by itself."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> Instant:
        return NOON + round((time.monotonic() - self._began) * SECOND * FASTER)


@contextmanager
def gateway_runs(town: RestlessTown, clock: TownClock) -> Iterator[None]:
    """Its sweep, watch and delivery run in their threads, as in a process of its own; afterwards it has stopped."""
    gw = town.story.gw
    running = Running(gw, health_probe(gw, "clock", clock))
    start_clock(running, gw, clock)
    try:
        yield
    finally:
        running.stop()


@pytest.mark.slow
def test_with_the_threads_of_a_running_gateway_the_clock_leads_to_an_end_or_to_a_person(
        sqlite_url: str, random_seed: int) -> None:
    town, clock, random = begin(Store(sqlite_url)), TownClock(), Random(random_seed)
    story, explored, turns = town.story, Explored(), dict[str, int]()
    town.alone = False

    def all_is_well() -> bool:
        story.now = clock()
        with story.gw.store.read() as session:
            return not clock_only.unfinished(session, clock_only.paged_again(session, turns))

    with observed(explored.saw), gateway_runs(town, clock):
        for _ in range(300):
            story.now = clock()
            town.happen(random)
            check(town, late=DAY)  # twelve seconds
            time.sleep(0.05)
    assert explored.transitions.total() > 100, explored
    town.restart(Store(sqlite_url))
    with gateway_runs(town, clock):
        wait_until(all_is_well, 120, "an end, or a person who is paged")
