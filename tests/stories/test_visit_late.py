"""A visit that does not go as promised: the customer hears it from us, in time, and somebody sees to it."""

from typing import Any

import pytest

from gateway.model import (
    DAY,
    DISPATCHER,
    HOUR,
    MINUTE,
    Contact,
    DueKind,
    Offer,
    Promise,
    PromiseKind,
    PromiseState,
    Provider,
    Recipient,
    RecipientKind,
    Site,
    Ticket,
    TicketState,
    Visit,
    VisitState,
    customer,
    from_iso,
    provider,
)
from gateway.model.plan import Refused
from gateway.model.reasons import ReasonKind, RefusedReason
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.tickets.actions import (
    AcceptOffer,
    AllowEarly,
    Arrive,
    AskAgain,
    Depart,
    Finish,
    HandBack,
    OfferTo,
    ProposeWindow,
    ReportDelay,
    ReportMissed,
    ReportOverrun,
)
from tests.drivers.story import HEAT_PUMP, HOURLY, NOON, Story, begin, compiled

ALICE, BOB, CHARLIE, KUNZ = customer("alice"), customer("bob"), customer("charlie"), provider("kunz")
KARIN = "technician Karin Kunz"


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, HOURLY)


def assigned(story: Story, device: str = "alice-pump", **window: Any) -> Visit:
    """The pump overheats and Karin accepts; her visit."""
    story.says(device, flow_temp=80.0)
    story.wait(seconds=1)
    ticket = story.one(Ticket, Ticket.device_id == device)
    offer = story.one(Offer, Offer.state == "pending")
    if offer.provider_id != "kunz":
        story.act(OfferTo(ticket.id, "kunz"))
        offer = story.one(Offer, Offer.state == "pending")
    story.act(AcceptOffer(offer.id, "Karin Kunz", **window), "provider Kunz Heating")
    story.wait(seconds=1)
    return story.one(Visit, Visit.offer_id == offer.id)


def outcomes(story: Story, kind: PromiseKind) -> list[PromiseState]:
    """What became of the times that Alice was told, in the order in which she was."""
    told = story.all(Promise, Promise.kind == kind, Promise.recipient_id == "alice")
    return [promise.state for promise in sorted(told, key=lambda promise: (promise.made_at, promise.due_at))]


def again(story: Story, visit: Visit) -> Visit:
    return story.one(Visit, Visit.id == visit.id)


def until(story: Story, minute: int, device: str = "alice-pump") -> None:
    """It is so many minutes past noon, and the pump has gone on overheating."""
    story.keep_saying(device, minute - (story.now - NOON) // MINUTE, flow_temp=80.0)


def test_nobody_comes_and_the_customer_hears_it_from_us_first(story: Story) -> None:
    visit = assigned(story)  # from noon until 16:00
    until(story, 194)
    assert story.heard(KUNZ) == [TopicName.OFFER, TopicName.VISIT_INVITE]
    until(story, 196)  # 45 minutes before the end: half an hour to drive, and a quarter to spare
    assert story.heard(KUNZ) == [TopicName.OFFER, TopicName.VISIT_INVITE, TopicName.TECHNICIAN_ASKED]
    assert story.heard(ALICE) == [TopicName.FAULT_FOUND, TopicName.TECHNICIAN_ASSIGNED]

    until(story, 212)
    late = story.last_told(ALICE, TopicName.VISIT_LATE)
    assert late.facts["hear_by"] == NOON + 255 * MINUTE
    assert story.last_told(DISPATCHER, TopicName.VISIT_PROBLEM).facts["why"]["reason"] == ReasonKind.NOBODY_ON_THE_WAY

    until(story, 241)
    missed = story.last_told(ALICE, TopicName.VISIT_MISSED)
    assert missed.created_at - visit.window_until < 5 * MINUTE
    assert (missed.facts["technician"], missed.facts["hear_by"]) == ("Karin Kunz", NOON + 285 * MINUTE)
    assert {row.facts["why"]["reason"] for row in story.notifications(TopicName.VISIT_PROBLEM)} == {
        ReasonKind.NOBODY_ON_THE_WAY, ReasonKind.NOBODY_CAME}
    assert story.heard(KUNZ)[2:] == [TopicName.TECHNICIAN_ASKED] * 2

    assert outcomes(story, PromiseKind.ARRIVAL_WINDOW) == [PromiseState.BROKEN]
    until(story, 285)  # they were to hear again by then
    assert story.last_told(ALICE, TopicName.VISIT_LATE).facts["hear_by"] > NOON + 300 * MINUTE
    assert story.ticket.state == TicketState.ASSIGNED

    words = outcomes(story, PromiseKind.NEXT_WORD)
    assert words[-1:] == [PromiseState.OPEN]
    assert set(words[:-1]) == {PromiseState.KEPT}

    story.act(OfferTo(story.ticket.id, "seeblick"))
    story.wait()
    assert again(story, visit).state == VisitState.CANCELLED
    assert story.last_told(ALICE, TopicName.VISIT_CALLED_OFF).facts["because"] == "handed_back"
    story.accept("Stefan Suter")
    story.wait()
    assert story.last_told(ALICE, TopicName.TECHNICIAN_ASSIGNED).facts["technician"] == "Stefan Suter"
    for said in ("Nobody came within the arrival window", "nobody is on the way", "Kunz Heating is no longer coming"):
        assert any(said in line for line in story.timeline(story.ticket.id)), said


def test_whoever_sets_out_after_the_window_is_given_the_time_for_the_way(story: Story) -> None:
    visit = assigned(story)
    until(story, 262)
    story.act(Depart(visit.id), KARIN)
    story.wait()
    departed, problems = story.now, len(story.notifications(TopicName.VISIT_PROBLEM))
    until(story, 304)  # half an hour to drive, and a quarter to spare
    assert story.heard(ALICE, since=departed) == [TopicName.ON_THE_WAY]
    assert story.heard(KUNZ, since=departed) == []
    assert len(story.notifications(TopicName.VISIT_PROBLEM)) == problems
    until(story, 308)
    assert story.heard(KUNZ, since=departed) == [TopicName.TECHNICIAN_ASKED]
    assert TopicName.VISIT_LATE in story.heard(ALICE, since=departed)


def test_who_has_a_long_way_is_asked_earlier(story: Story) -> None:
    with story.gw.store.write() as session:
        home, firm = session.get_one(Site, "alice-home"), session.get_one(Provider, "kunz")
        home.lat, home.lon, firm.lat, firm.lon = 47.37, 8.54, 47.37, 9.05  # 38 km: an hour and a quarter, and parking
    visit = assigned(story)
    start = next(due.at for due in story.due(visit.id) if due.kind is DueKind.START_TRAVEL)
    assert start is not None
    assert 90 * MINUTE < visit.window_until - start < 100 * MINUTE


def test_a_dispatcher_asks_others_when_nobody_came(story: Story) -> None:
    visit = assigned(story)
    with pytest.raises(Refused, match=RefusedReason.NOT_OFFERED_NOW):
        story.act(AskAgain(story.ticket.id))
    until(story, 244)
    story.act(AskAgain(story.ticket.id))
    story.wait(seconds=1)
    assert again(story, visit).state == VisitState.CANCELLED
    assert story.one(Offer, Offer.state == "pending").provider_id == "seeblick"  # not whoever did not come
    assert story.heard(KUNZ)[-1] == TopicName.VISIT_CALLED_OFF
    assert story.last_told(ALICE, TopicName.VISIT_CALLED_OFF).facts["because"] == "handed_back"


def test_whoever_does_not_come_is_waited_for_by_a_person_and_never_in_silence(story: Story) -> None:
    visit = assigned(story)
    until(story, 20 * 60)
    told = story.heard(ALICE, visit.window_until)
    assert told[0] == TopicName.VISIT_MISSED
    assert 3 <= len(told) <= 8  # less and less often, and not at night
    deadlines = {due.kind for due in story.due(visit.id) if due.at is not None}
    assert deadlines == {DueKind.WINDOW_END}
    assert len(story.heard(DISPATCHER)) >= 5


def test_a_technician_with_a_telephone_of_their_own_is_asked_there(story: Story) -> None:
    karin = Recipient(RecipientKind.TECHNICIAN, "karin")
    with story.gw.store.write() as session:
        session.add(Contact(id="C-KARIN", owner_kind=karin.kind, owner_id=karin.id, channel="sms",
                            address="+41790001122"))
    assigned(story)
    until(story, 196)
    assert story.heard(karin) == [TopicName.TECHNICIAN_ASKED]
    assert story.heard(KUNZ) == [TopicName.OFFER, TopicName.VISIT_INVITE]
    assert "+41790001122" in [message.to for message in story.messages]


def test_an_answer_in_time_keeps_the_promise_and_bothers_nobody(story: Story) -> None:
    visit = assigned(story)
    until(story, 196)
    story.act(ReportDelay(visit.id, 20), KARIN)
    until(story, 216)
    assert story.heard(ALICE) == [TopicName.FAULT_FOUND, TopicName.TECHNICIAN_ASSIGNED]
    story.act(Arrive(visit.id), KARIN)
    assert story.heard(DISPATCHER) == []


def test_an_answer_that_is_late_corrects_the_promise_before_it_lapses(story: Story) -> None:
    visit = assigned(story)
    until(story, 196)
    story.act(ReportDelay(visit.id, 60), KARIN)
    story.wait()
    told = story.last_told(ALICE, TopicName.VISIT_LATE)
    assert told.created_at < visit.window_until
    assert told.facts["eta"] == story.now + HOUR
    assert outcomes(story, PromiseKind.ARRIVAL_WINDOW)[0] == PromiseState.CORRECTED
    until(story, 241)  # the old end means nothing any more
    assert TopicName.VISIT_MISSED not in story.heard(ALICE)
    until(story, 300)  # nor did she come at the new time
    assert TopicName.VISIT_MISSED in story.heard(ALICE)


def test_an_eta_that_passes_is_asked_about_and_corrected(story: Story) -> None:
    visit = assigned(story)
    story.act(Depart(visit.id, 20), KARIN)
    until(story, 36)
    assert story.heard(KUNZ) == [TopicName.OFFER, TopicName.VISIT_INVITE, TopicName.TECHNICIAN_ASKED]
    late = story.last_told(ALICE, TopicName.VISIT_LATE)
    assert (late.facts["visit_state"], late.facts["hear_by"]) == (VisitState.EN_ROUTE, NOON + 75 * MINUTE)
    story.wait(seconds=20)
    story.act(ReportDelay(visit.id, 15), KARIN)
    story.act(ReportDelay(visit.id, 15), KARIN)  # a second tap
    story.wait(seconds=1)
    assert story.last_told(ALICE, TopicName.VISIT_LATE).facts["eta"] == again(story, visit).eta
    story.act(Arrive(visit.id), KARIN)
    assert again(story, visit).asks == 0


def test_without_an_eta_the_way_says_when_somebody_should_be_there_and_silence_ends_at_a_dispatcher(
        story: Story) -> None:
    visit = assigned(story)
    story.act(Depart(visit.id), KARIN)
    until(story, 44)
    assert story.heard(KUNZ) == [TopicName.OFFER, TopicName.VISIT_INVITE]
    until(story, 48)
    assert story.heard(KUNZ) == [TopicName.OFFER, TopicName.VISIT_INVITE, TopicName.TECHNICIAN_ASKED]
    until(story, 239)
    assert story.last_told(DISPATCHER, TopicName.VISIT_PROBLEM).facts["why"]["reason"] == (
        ReasonKind.NO_ANSWER_ON_THE_WAY)


def test_the_firm_hands_it_back_and_others_are_asked(story: Story) -> None:
    visit = assigned(story)
    story.act(HandBack(visit.id, "the van broke down"), "provider Kunz Heating")
    story.wait(seconds=1)
    off = story.last_told(ALICE, TopicName.VISIT_CALLED_OFF)
    assert (off.facts["because"], off.facts["technician"]) == ("handed_back", "Karin Kunz")
    assert story.ticket.state == TicketState.OFFERED
    assert story.one(Offer, Offer.state == "pending").provider_id == "seeblick"
    assert any("Kunz Heating handed the job back: the van broke down" in line
               for line in story.timeline(story.ticket.id))
    story.accept("Stefan Suter")
    story.wait()
    assert story.heard(ALICE) == [TopicName.FAULT_FOUND, TopicName.TECHNICIAN_ASSIGNED, TopicName.VISIT_CALLED_OFF,
                                  TopicName.TECHNICIAN_ASSIGNED]
    with pytest.raises(Refused, match=RefusedReason.VISIT_CANCELLED):
        story.act(HandBack(visit.id), "provider Kunz Heating")


def test_the_firm_comes_at_another_time_and_not_in_three_weeks(story: Story) -> None:
    visit = assigned(story)
    tomorrow = NOON + DAY
    story.act(ProposeWindow(visit.id, tomorrow, tomorrow + 2 * HOUR), "provider Kunz Heating")
    story.wait()
    told = story.last_told(ALICE, TopicName.VISIT_CHANGED)
    assert (told.facts["window_from"], told.facts["window_until"]) == (tomorrow, tomorrow + 2 * HOUR)
    until(story, 300)
    assert TopicName.VISIT_MISSED not in story.heard(ALICE)
    for begins, ends, why in ((NOON + 21 * DAY, NOON + 22 * DAY, RefusedReason.WINDOW_TOO_FAR),
                              (tomorrow, tomorrow - HOUR, RefusedReason.BAD_ARRIVAL_WINDOW)):
        with pytest.raises(Refused, match=why):
            story.act(ProposeWindow(visit.id, begins, ends), "provider Kunz Heating")


def test_an_overrun_shifts_the_next_customers_promise_before_it_lapses(story: Story) -> None:
    first = assigned(story)
    second = assigned(story, "bob-pump", window_from=NOON + HOUR, window_until=NOON + 3 * HOUR)
    story.act(Arrive(first.id), KARIN)
    story.wait(minutes=90)  # an hour was planned
    assert story.heard(KUNZ)[-1] == TopicName.TECHNICIAN_ASKED
    assert TopicName.VISIT_CHANGED not in story.heard(BOB)
    story.act(ReportOverrun(first.id, 90), KARIN)
    story.wait()
    told = story.last_told(BOB, TopicName.VISIT_CHANGED)
    assert told.created_at < second.window_until
    assert told.facts["because"] == "overrun"
    moved = again(story, second)
    assert (moved.window_from, moved.window_until) == (NOON + 195 * MINUTE, NOON + 315 * MINUTE)
    assert (told.facts["window_from"], told.facts["window_until"]) == (moved.window_from, moved.window_until)
    assert TopicName.VISIT_CHANGED not in story.heard(ALICE)


def test_the_profile_says_how_long_the_work_takes_on_such_a_device(story: Story) -> None:
    longer = compiled(f"{HEAT_PUMP}work_minutes: 120\n", "heat-pump.yaml")
    story.gw.profiles = {**story.gw.profiles, longer.id: longer}
    first = assigned(story)
    second = assigned(story, "bob-pump", window_from=NOON + HOUR, window_until=NOON + 3 * HOUR)
    third = assigned(story, "charlie-pump", window_from=NOON + 4 * HOUR, window_until=NOON + 5 * HOUR)
    story.act(Arrive(first.id), KARIN)
    assert [due.at for due in story.due(first.id) if due.kind is DueKind.WORK_OVERRUN] == [story.now + 150 * MINUTE]
    story.act(ReportOverrun(first.id, 180), KARIN)
    moved = again(story, second)
    assert moved.window_from > second.window_from
    assert again(story, third).window_from >= moved.window_from + 2 * HOUR, "Bob's pump takes two hours as well"


def test_work_without_an_answer_warns_the_next_customer_and_then_a_dispatcher(story: Story) -> None:
    first = assigned(story)
    assigned(story, "charlie-pump", window_from=NOON + HOUR, window_until=NOON + 130 * MINUTE)  # 18 km away
    story.act(Arrive(first.id), KARIN)
    story.wait(minutes=90)
    late = story.last_told(CHARLIE, TopicName.VISIT_LATE)
    assert (late.facts["because"], late.facts["hear_by"]) == ("overrun", NOON + 135 * MINUTE)
    assert story.heard(CHARLIE).count(TopicName.VISIT_LATE) == 1
    story.wait(minutes=31)
    story.wait(minutes=61)
    story.wait(minutes=121)
    assert ReasonKind.NO_ANSWER_ON_SITE in [row.facts["why"]["reason"]
                                            for row in story.notifications(TopicName.VISIT_PROBLEM)]


def test_somebody_arrives_an_hour_early(story: Story) -> None:
    visit = assigned(story, window_from=NOON + 2 * HOUR, window_until=NOON + 4 * HOUR)
    with pytest.raises(Refused, match=RefusedReason.NOT_EARLY):
        story.act(AllowEarly(story.ticket.id), "customer Alice Keller")
    story.act(Depart(visit.id, 60), KARIN)
    story.wait()
    way = [message for message in story.messages if message.to == "alice@example.com"][-1]
    assert "earlier than we told you" in way.text
    story.act(AllowEarly(story.ticket.id), "customer Alice Keller")
    story.act(AllowEarly(story.ticket.id), "customer Alice Keller")  # twice is once
    assert again(story, visit).early_ok_at == story.now
    story.act(Arrive(visit.id), KARIN)
    assert PromiseState.BROKEN not in outcomes(story, PromiseKind.ARRIVAL_WINDOW)
    lines = story.timeline(story.ticket.id)
    assert sum("agrees to an earlier arrival" in line for line in lines) == 1


def test_an_hour_early_without_a_yes_is_not_what_was_promised(story: Story) -> None:
    visit = assigned(story, window_from=NOON + 2 * HOUR, window_until=NOON + 4 * HOUR)
    until(story, 60)
    story.act(Arrive(visit.id), KARIN)
    assert outcomes(story, PromiseKind.ARRIVAL_WINDOW) == [PromiseState.BROKEN]


def test_a_customer_says_that_nobody_came_and_is_believed_only_when_the_time_is_over(story: Story) -> None:
    visit = assigned(story)
    with pytest.raises(Refused, match=RefusedReason.WINDOW_NOT_OVER):
        story.act(ReportMissed(story.ticket.id), "customer Alice Keller")
    story.act(Arrive(visit.id), KARIN)  # she taps the wrong visit
    story.act(ReportMissed(story.ticket.id), "customer Alice Keller")
    story.wait()
    assert story.last_told(DISPATCHER, TopicName.VISIT_PROBLEM).facts["why"]["reason"] == ReasonKind.NOBODY_CAME_SAID
    story.act(Finish(visit.id, "done"), KARIN)
    story.wait(minutes=1)
    with pytest.raises(Refused, match=RefusedReason.NOTHING_TO_ANSWER):
        story.act(ReportMissed(story.ticket.id), "customer Alice Keller")


def test_a_visit_at_night_is_announced_before_the_bell_rings(story: Story) -> None:
    """Alice sleeps from ten to seven; the fault is not critical, and somebody can come at eleven."""
    story.now = from_iso("2026-11-23T22:30:00+01:00")
    story.listen()
    story.says("alice-pump", flow_temp=40.0, pressure=0.4)
    for _ in range(3):
        story.wait(minutes=4)
        story.says("alice-pump", flow_temp=40.0, pressure=0.4)
    assert story.heard(ALICE) == []
    offer = story.one(Offer, Offer.state == "pending")
    story.act(AcceptOffer(offer.id, "Stefan Suter", story.now + 10 * MINUTE, story.now + 2 * HOUR), "provider")
    story.wait()
    assert story.heard(ALICE) == [TopicName.TECHNICIAN_ASSIGNED]
