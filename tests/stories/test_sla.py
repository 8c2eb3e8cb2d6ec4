"""What was promised by when: working time counts, holds do not, and somebody hears before and after it is late."""

from collections.abc import Iterator

import pytest
from sqlmodel import col

from gateway.config.sla_file import read_sla
from gateway.devices.registration import DeviceRequest
from gateway.flow.adopt_sla import adopt_policies
from gateway.model import (
    HOUR,
    MINUTE,
    Entry,
    EntryKind,
    IncompleteReason,
    Instant,
    Offer,
    OnCallPage,
    PageReason,
    SlaClock,
    SlaKind,
    SlaPolicyVersion,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
    VisitOutcome,
    from_iso,
    to_iso,
)
from gateway.monitoring import metrics
from gateway.store import Store
from gateway.store.devices import device_registry
from gateway.tickets.actions import (
    AcknowledgePage,
    Arrive,
    CancelTicket,
    Depart,
    Finish,
    HandBack,
    MergeTickets,
    OfferTo,
    ResolveTicket,
    UnmergeTicket,
)
from gateway.tickets.sla.follow import Course, course
from gateway.tickets.sla.policy import ROUND_THE_CLOCK
from tests.drivers.story import HOURLY, Story, begin
from tests.drivers.web_driver import web_story

pytestmark = pytest.mark.slow
ALWAYS = """policies:
  standard:
    calendar: always
    targets:
      critical: {first_response: 30m, update: 1h, solution: 4h}
      minor: {first_response: 4h, update: 2h, solution: 8h}
"""
OFFICE = """policies:
  standard:
    calendar:
      zone: Europe/Zurich
      hours: {mon: [["09:00", "17:00"]], tue: [["09:00", "17:00"]], wed: [["09:00", "12:00"], ["13:00", "17:00"]]}
      days_off: {closed: [2026-11-24]}
    targets: {minor: {solution: 8h}}
"""


@pytest.fixture
def story(both_stores: Store) -> Iterator[Story]:
    """However the story goes, its clocks have followed every ticket in the end."""
    told = promising(begin(both_stores, HOURLY))
    yield told
    states = {ticket.id: ticket.state for ticket in told.tickets}
    for one in told.all(SlaClock, col(SlaClock.ended_at).is_(None)):
        policy = told.gw.sla.named(one.policy_name)
        assert policy is not None
        what = course(one.kind, states[one.ticket_id], policy)
        assert what is not Course.ENDS
        assert (what is Course.RUNS) == (one.running_since is not None) == (one.due_at is not None)


def promising(story: Story, policies: str = ALWAYS) -> Story:
    """The gateway starts with these policies."""
    story.gw.sla = read_sla(policies, "sla.yaml", ROUND_THE_CLOCK)
    adopt_policies(story.gw, story.now)
    return story


def pressure_falls(story: Story) -> None:
    """A minor ticket, opened at 12:10 UTC."""
    story.says("alice-pump", pressure=0.4)
    passes(story, "23T12:10")
    assert story.ticket.severity == "minor"
    story.wait()


def passes(story: Story, until: str, **signals: float) -> None:
    """Until that time (UTC) the pump reports the same."""
    minutes = (from_iso(f"2026-11-{until}:00Z") - story.now) / MINUTE
    story.keep_saying("alice-pump", minutes, **(signals or {"pressure": 0.4}))


def clock(story: Story, kind: SlaKind) -> SlaClock:
    return story.one(SlaClock, SlaClock.kind == kind)


def said(at: Instant | None) -> str:
    return "" if at is None else to_iso(at)[8:16]


def told(story: Story, topic: str) -> list[tuple[str, str, str, str]]:
    """(recipient, what it counts, due, state) of each message."""
    return [(str(one.recipient_kind), one.facts["sla"], said(one.facts["due_at"]), one.state)
            for one in story.notifications(topic)]


def test_the_dispatcher_is_warned_at_three_quarters_and_paged_when_the_time_is_over(story: Story) -> None:
    pressure_falls(story)
    first = clock(story, SlaKind.FIRST_RESPONSE)
    assert (said(first.warn_at), said(first.due_at)) == ("23T15:10", "23T16:10")
    passes(story, "23T15:00")
    assert [one for one in told(story, "sla_warning") if one[1] == "first_response"] == []
    passes(story, "23T15:20")
    assert ("dispatcher", "first_response", "23T16:10", "sent") in told(story, "sla_warning")
    passes(story, "23T18:00")
    assert {one for one in told(story, "sla_missed") if one[1] == "first_response"} == {
        ("dispatcher", "first_response", "23T16:10", "sent")}, "again and again, until somebody sees to it"
    assert said(clock(story, SlaKind.FIRST_RESPONSE).missed_at) == "23T16:10"
    assert clock(story, SlaKind.SOLUTION).missed_at is None, "each clock counts by itself"


def test_who_acknowledges_the_page_has_it_in_hand_and_nobody_is_paged_for_that_any_more(story: Story) -> None:
    pressure_falls(story)
    passes(story, "23T16:14")
    assert PageReason.SLA_FIRST_RESPONSE in story.one(OnCallPage, col(OnCallPage.closed_at).is_(None)).why
    story.act(AcknowledgePage(Subject(SubjectKind.TICKET, story.ticket.id)))
    assert said(clock(story, SlaKind.FIRST_RESPONSE).ended_at) == "23T16:14"
    assert all(PageReason.SLA_FIRST_RESPONSE not in page.why
               for page in story.all(OnCallPage, col(OnCallPage.closed_at).is_(None)))
    pages = len(told(story, "sla_missed"))
    passes(story, "23T18:00")
    assert [one for one in told(story, "sla_missed")[pages:] if one[1] == "first_response"] == []


def test_what_is_late_and_has_been_seen_to_pages_nobody_every_few_hours_until_it_is_solved(story: Story) -> None:
    promising(story, "policies: {standard: {calendar: always, targets: {minor: {solution: 1h}}}}")
    pressure_falls(story)
    story.accept()
    passes(story, "23T13:14")
    assert {one[1] for one in told(story, "sla_missed")} == {"solution"}
    story.act(AcknowledgePage(Subject(SubjectKind.TICKET, story.ticket.id)))
    pages = len(told(story, "sla_missed"))
    passes(story, "23T17:30")
    assert len(told(story, "sla_missed")) == pages
    assert clock(story, SlaKind.SOLUTION).missed_at is not None


def test_a_page_because_the_customer_heard_nothing_ends_when_they_hear_something(story: Story) -> None:
    promising(story, ALWAYS.replace("minor: {first_response: 4h, ", "minor: {first_response: 40h, "))
    pressure_falls(story)
    passes(story, "23T12:20")
    story.accept_offer(story.all(Offer, Offer.state == "pending")[0])
    passes(story, "23T14:30")
    assert {one[1] for one in told(story, "sla_missed")} == {"update"}
    visit = story.one(Visit)
    story.act(Depart(visit.id), "technician Karin Kunz")
    story.wait(seconds=1)
    paged = len(told(story, "sla_missed"))
    passes(story, "23T15:40")
    assert len(told(story, "sla_missed")) == paged
    assert all(PageReason.SLA_UPDATE not in page.why
               for page in story.all(OnCallPage, col(OnCallPage.closed_at).is_(None)))


def test_when_a_late_visit_is_off_whoever_is_on_call_hears_again_of_the_time_that_is_still_over(story: Story) -> None:
    promising(story, "policies: {standard: {calendar: always, targets: {critical: {solution: 1h}}}}")
    story.says("alice-pump", flow_temp=80.0)
    story.accept()
    passes(story, "23T16:50", flow_temp=80.0)  # their window ended at half past four
    page = story.one(OnCallPage)
    assert page.why[0] is PageReason.SLA_SOLUTION
    assert page.why[-1] is PageReason.NOBODY_CAME
    told_so_far = len(told(story, "sla_missed"))
    story.act(HandBack(story.one(Visit).id, "our car"), "provider")
    story.accept()
    passes(story, "23T17:14", flow_temp=80.0)
    assert story.one(OnCallPage).why == (PageReason.SLA_SOLUTION,)
    assert set(told(story, "sla_missed")[told_so_far:]) == {("dispatcher", "solution", "23T13:00", "sent")}


def test_a_firm_that_accepts_is_the_first_response_and_nothing_more_is_said_of_it(story: Story) -> None:
    pressure_falls(story)
    passes(story, "23T12:30")
    story.accept()
    first = clock(story, SlaKind.FIRST_RESPONSE)
    assert (said(first.ended_at), first.due_at, first.missed_at) == ("23T12:30", None, None)
    passes(story, "23T17:00")
    assert {one[1] for one in told(story, "sla_warning") + told(story, "sla_missed")} <= {"update", "solution"}


def test_one_of_our_own_people_who_asks_a_firm_by_hand_has_it_in_hand(story: Story) -> None:
    pressure_falls(story)
    asked = story.one(Offer).provider_id
    story.act(OfferTo(story.ticket.id, "kunz" if asked == "seeblick" else "seeblick"), "agent Anna")
    assert said(clock(story, SlaKind.FIRST_RESPONSE).ended_at) == "23T12:10"


def test_each_message_that_the_customer_hears_begins_the_next_round_of_the_update_clock_only(story: Story) -> None:
    pressure_falls(story)
    assert said(clock(story, SlaKind.UPDATE).due_at) == "23T14:10"
    passes(story, "23T13:00")
    story.accept_offer(story.all(Offer, Offer.state == "pending")[0])
    story.wait()
    assert said(clock(story, SlaKind.UPDATE).due_at) == "23T15:00", "Alice has heard who comes"
    assert said(clock(story, SlaKind.SOLUTION).due_at) == "23T20:10"
    passes(story, "23T15:10")
    assert {one for one in told(story, "sla_missed") if one[1] == "update"} == {
        ("dispatcher", "update", "23T15:00", "sent")}


def test_of_many_that_are_late_at_once_the_dispatcher_hears_in_one_message_at_a_time(both_stores: Store) -> None:
    story = promising(begin(both_stores), "policies: {standard: {calendar: always, targets: {minor: {solution: 1h}}}}")
    with both_stores.write() as session:
        for number in range(4):
            device_registry.add(session, DeviceRequest(
                id=f"bob-{number}", key=f"native:bob-{number}", profile="heat-pump", site="bob-home",
                name=f"Pump {number}"))
    pumps = ["alice-pump", *(f"bob-{number}" for number in range(4))]
    for end in ("23T12:10", "23T13:12"):
        while story.now < from_iso(f"2026-11-{end}:00Z"):
            story.says(*pumps, pressure=0.4)
            story.wait(minutes=4)
        for offer in story.all(Offer, Offer.state == "pending"):
            story.accept_offer(offer)
    assert {page.state for page in story.all(OnCallPage)} == {"paging"}
    tickets = {ticket.id for ticket in story.tickets}
    assert len(tickets) == 5
    row, = story.notifications("sla_missed")
    assert row.facts["also_late"] == sorted(tickets - {row.subject_id})
    [message] = [one for one in story.messages if one.to == "desk@example.com" and "missed" in one.subject]
    assert all(number in message.text for number in tickets)
    story.act(AcknowledgePage(Subject(SubjectKind.TICKET, row.subject_id)))
    story.wait(minutes=6)
    again = {one.subject_id for one in story.all(OnCallPage, OnCallPage.state == "paging") if one.turn > 1}
    assert again == tickets - {row.subject_id}, "the others go on until somebody sees to them"


def test_targets_are_counted_as_met_or_missed(story: Story) -> None:
    def counted() -> dict[str, int]:
        lines = [line for line in metrics.text().decode().splitlines() if line.startswith("gateway_sla_total{")]
        return {line.split("}")[0]: int(float(line.split()[1])) for line in lines}

    def more(clock: str, outcome: str) -> int:
        line = f'gateway_sla_total{{clock="{clock}",outcome="{outcome}"'
        return counted().get(line, 0) - before.get(line, 0)

    before = counted()
    pressure_falls(story)
    passes(story, "23T13:00")
    story.accept_offer(story.all(Offer, Offer.state == "pending")[0])
    story.wait()
    assert more("first_response", "met") == 1
    met = more("update", "met")
    assert met >= 1, "Alice has heard who comes"
    passes(story, "23T15:10")
    assert (more("update", "met"), more("update", "missed")) == (met, 1)
    story.act(CancelTicket(story.ticket.id, "sold"), "agent Anna")
    assert more("solution", "met") == more("solution", "missed") == 0, "it was not needed any more"


def test_a_worse_fault_on_the_same_device_keeps_the_time_used_and_moves_what_is_left(story: Story) -> None:
    pressure_falls(story)
    passes(story, "23T14:10")
    story.says("alice-pump", flow_temp=80.0, pressure=0.4)
    story.wait()
    assert story.ticket.severity == "critical"
    solution = clock(story, SlaKind.SOLUTION)
    assert (solution.used_ms, said(solution.due_at)) == (2 * HOUR, "23T16:10")
    first = clock(story, SlaKind.FIRST_RESPONSE)
    assert first.inherited, "two hours were right for a minor fault; half an hour is what a critical one has"
    assert said(story.one(SlaClock, SlaClock.id == first.id).missed_at) == "23T14:10"
    assert EntryKind.SLA_INHERITED in {one.kind for one in story.all(Entry, Entry.subject_id == story.ticket.id)}


def test_nights_lunch_and_days_off_do_not_count(story: Story) -> None:
    promising(story, OFFICE)
    pressure_falls(story)
    solution = clock(story, SlaKind.SOLUTION)
    # Monday from 13:10 until 17:00 in the town, Tuesday is off, Wednesday from 9 until 12 and from 13 on
    assert (said(solution.due_at), said(solution.warn_at)) == ("25T13:10", "25T10:10")


def test_a_fault_that_comes_back_goes_on_with_the_time_used(story: Story) -> None:
    pressure_falls(story)
    passes(story, "23T13:10")
    story.says("alice-pump", pressure=1.5)
    story.wait()
    assert story.ticket.state == "resolved"
    assert clock(story, SlaKind.SOLUTION).due_at is None
    story.says("alice-pump", pressure=0.4)
    passes(story, "23T13:20")
    assert story.ticket.state in ("new", "offered")
    solution = clock(story, SlaKind.SOLUTION)
    assert (solution.used_ms, said(solution.due_at)) == (HOUR, "23T20:20")


def test_while_a_part_is_missing_no_time_is_used_and_nobody_is_warned(story: Story) -> None:
    pressure_falls(story)
    story.accept()
    passes(story, "23T13:10")
    visit = story.one(Visit)
    story.act(Depart(visit.id), "technician Karin Kunz")
    story.act(Arrive(visit.id), "technician Karin Kunz")
    passes(story, "23T14:10")
    there = from_iso("2026-11-23T20:10:00Z")
    story.act(Finish(visit.id, "The valve leaks", VisitOutcome.INCOMPLETE, IncompleteReason.PART_MISSING, ("valve",),
                     there), "technician Karin Kunz")
    assert story.ticket.state == "on_hold"
    assert {(one.due_at, one.warn_at) for one in story.all(SlaClock)} == {(None, None)}
    assert clock(story, SlaKind.SOLUTION).used_ms == 2 * HOUR
    before = told(story, "sla_warning"), told(story, "sla_missed")
    passes(story, "23T20:08")
    assert (told(story, "sla_warning"), told(story, "sla_missed")) == before
    passes(story, "23T20:14")
    assert story.ticket.state in ("new", "offered")
    assert said(clock(story, SlaKind.SOLUTION).due_at) == "24T02:10", "six hours are left when it goes on"


def test_of_merged_tickets_one_clock_runs_for_whoever_has_waited_longer(story: Story) -> None:
    with story.gw.store.write() as session:
        device_registry.add(session, DeviceRequest(id="alice-cellar", key="native:alice-cellar", profile="heat-pump",
                                                   site="alice-home", name="Cellar pump"))
    pressure_falls(story)
    old = story.ticket
    passes(story, "23T14:10")
    while len(story.tickets) == 1:
        story.says("alice-cellar", "alice-pump", pressure=0.4)
        story.wait(minutes=4)
    fresh = story.one(Ticket, Ticket.id != old.id)
    story.act(MergeTickets(old.id, fresh.id))
    assert {one.due_at for one in story.all(SlaClock, SlaClock.ticket_id == old.id)} == {None}
    eight_hours = from_iso("2026-11-23T20:10:00Z")
    solution = [SlaClock.kind == SlaKind.SOLUTION, SlaClock.ticket_id == fresh.id]
    assert story.one(SlaClock, *solution).due_at == eight_hours, "after the older one was opened"
    story.act(UnmergeTicket(old.id))
    assert story.one(SlaClock, SlaClock.kind == SlaKind.SOLUTION, SlaClock.ticket_id == old.id).due_at == eight_hours


def test_a_closed_ticket_has_no_clock_that_runs(story: Story) -> None:
    pressure_falls(story)
    story.act(ResolveTicket(story.ticket.id, "Filled up by phone"))
    passes(story, "23T13:00", pressure=1.5)
    assert story.ticket.state == "closed"
    assert {(one.due_at, one.warn_at, one.running_since) for one in story.all(SlaClock)} == {(None, None, None)}
    assert all(one.ended_at for one in story.all(SlaClock))
    passes(story, "23T23:00", pressure=1.5)
    assert told(story, "sla_missed") == []


def test_what_ran_out_while_we_were_away_is_found_at_once_and_was_due_when_it_was_due(story: Story) -> None:
    pressure_falls(story)
    story.now += 5 * HOUR
    story.wait()
    first = clock(story, SlaKind.FIRST_RESPONSE)
    assert said(first.missed_at) == "23T16:10"
    assert len([one for one in told(story, "sla_missed") if one[1] == "first_response"]) == 1
    assert "first_response" not in {one[1] for one in told(story, "sla_warning")}, "the miss says it"


def test_another_version_measures_open_tickets_anew_and_the_old_one_can_still_be_read(story: Story) -> None:
    pressure_falls(story)
    before = clock(story, SlaKind.SOLUTION)
    passes(story, "23T15:10")
    promising(story, ALWAYS.replace("solution: 8h", "solution: 2h"))
    after = clock(story, SlaKind.SOLUTION)
    assert (said(after.due_at), after.inherited) == ("23T14:10", True)
    assert after.policy != before.policy
    assert {one.id for one in story.all(SlaPolicyVersion)} == {before.policy, after.policy}
    passes(story, "23T15:30")
    assert [one for one in told(story, "sla_missed") if one[1] == "solution"] == [], "nobody missed it"
    assert any("solution within 8 h" in line for line in story.explained(before.policy, "sla"))
    promising(story, ALWAYS)
    again = clock(story, SlaKind.SOLUTION)
    assert (again.policy, said(again.due_at), again.inherited, again.missed_at) == (
        before.policy, "23T20:10", False, None)


def test_a_ticket_that_was_open_before_there_were_policies_is_measured_from_now_on(both_stores: Store) -> None:
    story = begin(both_stores)
    pressure_falls(story)
    assert story.all(SlaClock) == []
    passes(story, "23T13:00")
    promising(story)
    assert said(clock(story, SlaKind.SOLUTION).due_at) == "23T21:00"
    promising(story)
    assert len(story.all(SlaClock)) == 3


def test_explain_says_what_is_used_what_is_due_and_which_hours_count(story: Story) -> None:
    promising(story, OFFICE)
    pressure_falls(story)
    passes(story, "23T14:40")
    version = clock(story, SlaKind.SOLUTION).policy
    assert story.explained(story.ticket.id, "sla") == [
        f"Solution within 8 h of working time ({version}): 2 h 30 min used, due on Wed 25 Nov 14:10:00",
        "Working time is mon-tue 09:00-17:00; wed 09:00-12:00, 13:00-17:00 in Europe/Zurich, closed on 2026-11-24"]


def test_the_api_shows_the_clocks_of_a_ticket(store: Store) -> None:
    there = web_story(store)
    promising(there)
    ticket = there.break_down()
    with there.client(there.key("agent")) as client:
        found = client.get(f"{there.base}/api/v1/tickets/{ticket.id}").json()["sla"]
        listed = client.get(f"{there.base}/api/v1/tickets").json()["items"][0]["sla"]
    assert found == listed
    assert [(one["kind"], one["target_minutes"]) for one in found] == [
        ("first_response", 30), ("solution", 240), ("update", 60)]
    assert all(one["due_at"] and one["policy"].startswith("standard@") for one in found)
