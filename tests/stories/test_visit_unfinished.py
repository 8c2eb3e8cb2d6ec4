"""A visit that could not be finished: why, what it waits for, what the customer hears, and the next one."""

from typing import Any

import pytest

from gateway.model import (
    DAY,
    DISPATCHER,
    HOUR,
    MINUTE,
    DueKind,
    HoldReason,
    IncompleteReason,
    Instant,
    Job,
    Offer,
    ResolvedBy,
    TicketState,
    Visit,
    VisitOutcome,
    customer,
    provider,
)
from gateway.model.plan import Refused
from gateway.model.reasons import ReasonKind, RefusedReason
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.tickets.actions import AcceptOffer, Arrive, ContestNoAccess, Finish, LogCall
from tests.drivers.story import HOURLY, NOON, Story, begin

ALICE, KUNZ = customer("alice"), provider("kunz")
KARIN, HERSELF = "technician Karin Kunz", "customer Alice Keller"


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, HOURLY)


def arrived(story: Story, **window: Any) -> Visit:
    """Karin stands in front of the pump."""
    story.says("alice-pump", flow_temp=80.0)
    story.wait(seconds=1)
    story.act(AcceptOffer(story.one(Offer).id, "Karin Kunz", **window), "provider Kunz Heating")
    visit = story.one(Visit)
    story.act(Arrive(visit.id), KARIN)
    story.wait(seconds=1)
    return visit


def unfinished(visit: Visit, reason: IncompleteReason | None, note: str = "The valve is stuck",
               parts: tuple[str, ...] = (), expected_at: Instant | None = None) -> Finish:
    return Finish(visit.id, note, VisitOutcome.INCOMPLETE, reason, parts, expected_at)


def test_a_part_is_missing_and_the_second_visit_follows_when_it_is_there(story: Story) -> None:
    first = arrived(story)
    there = NOON + 2 * HOUR
    story.act(unfinished(first, IncompleteReason.PART_MISSING, parts=("diverter valve",), expected_at=there), KARIN)
    finished = story.now
    story.wait(seconds=1)
    told = story.last_told(ALICE, TopicName.VISIT_INCOMPLETE)
    assert told.created_at - finished < MINUTE
    assert (told.facts["incomplete"], told.facts["parts"], told.facts["expected_at"], told.facts["note"]) == (
        "part_missing", ["diverter valve"], there, "The valve is stuck")
    job = story.one(Job)
    assert (job.state, job.hold_reason, job.hold_until) == (TicketState.ON_HOLD, HoldReason.PART, there)
    assert story.ticket.state == TicketState.ON_HOLD
    assert len(story.all(Offer)) == 1

    story.keep_saying("alice-pump", 124, flow_temp=80.0)
    assert story.last_told(ALICE, TopicName.NEXT_VISIT).facts["parts"] == ["diverter valve"]
    again = story.one(Offer, Offer.state == "pending")
    assert again.provider_id == "kunz"  # who knows it by now
    story.act(AcceptOffer(again.id, "Karin Kunz"), "provider Kunz Heating")
    second = story.one(Visit, Visit.offer_id == again.id)
    story.act(Arrive(second.id), KARIN)
    story.says("alice-pump", flow_temp=40.0)
    story.act(Finish(second.id, "Valve replaced"), KARIN)
    story.wait(seconds=1)
    assert story.ticket.resolved_by == ResolvedBy.TECHNICIAN
    kept = story.one(Visit, Visit.id == first.id)
    assert (kept.outcome, kept.incomplete, kept.parts, kept.note) == (
        VisitOutcome.INCOMPLETE, IncompleteReason.PART_MISSING, ["diverter valve"], "The valve is stuck")
    for said in ("could not be finished (a part is missing): The valve is stuck", "On hold until", "Valve replaced"):
        assert any(said in line for line in story.timeline(story.ticket.id)), said


@pytest.mark.parametrize(("reason", "note", "parts", "refused"), [
    (None, "hm", (), RefusedReason.REASON_NEEDED),
    (IncompleteReason.MORE_WORK, "  ", (), RefusedReason.NOTE_NEEDED),
    (IncompleteReason.PART_MISSING, "stuck", (), RefusedReason.PART_DATE_NEEDED),
    (IncompleteReason.PART_MISSING, "stuck", ("valve",), RefusedReason.PART_DATE_NEEDED),
])
def test_what_is_not_finished_needs_its_reason(story: Story, reason: IncompleteReason | None, note: str,
                                               parts: tuple[str, ...], refused: RefusedReason) -> None:
    visit = arrived(story)
    with pytest.raises(Refused, match=refused):
        story.act(unfinished(visit, reason, note, parts), KARIN)
    assert story.ticket.state == TicketState.ON_SITE


def test_more_work_is_arranged_at_once(story: Story) -> None:
    visit = arrived(story)
    story.act(unfinished(visit, IncompleteReason.MORE_WORK, "Two people are needed"), KARIN)
    story.wait(seconds=1)
    assert story.ticket.state == TicketState.OFFERED
    assert story.one(Offer, Offer.state == "pending").provider_id == "kunz"
    assert story.heard(ALICE)[-1] == TopicName.VISIT_INCOMPLETE


def test_what_is_not_safe_is_a_dispatchers_and_wakes_by_itself(story: Story) -> None:
    visit = arrived(story)
    story.act(unfinished(visit, IncompleteReason.UNSAFE, "Water around the fuse box"), KARIN)
    story.wait(seconds=1)
    assert story.last_told(DISPATCHER, TopicName.VISIT_PROBLEM).facts["why"] == {
        "reason": ReasonKind.UNSAFE_THERE, "words": "Water around the fuse box"}
    (due,) = [due for due in story.due(story.one(Job).id) if due.at is not None]
    assert (due.kind, due.at) == (DueKind.HOLD_UNTIL, story.last_told(
        ALICE, TopicName.VISIT_INCOMPLETE).facts["hear_by"])
    story.keep_saying("alice-pump", 4 * 60 + 2, flow_temp=80.0)
    assert story.ticket.state == TicketState.OFFERED


def test_nobody_is_there_only_after_a_call_and_ten_minutes_within_the_window(story: Story) -> None:
    visit = arrived(story, window_from=NOON + 20 * MINUTE, window_until=NOON + 4 * HOUR)
    nobody = unfinished(visit, IncompleteReason.NO_ACCESS, "")
    for minutes in (1, 25):  # no call, and too early
        story.keep_saying("alice-pump", minutes, flow_temp=80.0)
        with pytest.raises(Refused, match=RefusedReason.NOBODY_THERE_TOO_SOON):
            story.act(nobody, KARIN)
        story.act(LogCall(visit.id), KARIN)
    called = story.one(Visit).called_at
    assert called is not None
    assert called < NOON + 5 * MINUTE  # the first call counts
    story.keep_saying("alice-pump", 8, flow_temp=80.0)
    story.act(nobody, KARIN)
    story.wait(seconds=1)
    assert story.last_told(ALICE, TopicName.VISIT_INCOMPLETE).facts["incomplete"] == "no_access"
    assert story.one(Job).hold_reason == HoldReason.NO_ACCESS


def test_somebody_was_at_home_and_says_so(story: Story) -> None:
    visit = arrived(story)
    story.act(LogCall(visit.id), KARIN)
    story.keep_saying("alice-pump", 11, flow_temp=80.0)
    story.act(unfinished(visit, IncompleteReason.NO_ACCESS, ""), KARIN)
    story.wait(seconds=1)
    for _ in range(2):  # twice is once
        story.act(ContestNoAccess(story.ticket.id), HERSELF)
        story.wait(seconds=1)
    assert [row.facts["why"]["reason"] for row in story.notifications(TopicName.VISIT_PROBLEM)] == [
        ReasonKind.ACCESS_CONTESTED]
    assert story.ticket.state == TicketState.OFFERED
    assert story.heard(ALICE)[-1] == TopicName.NEXT_VISIT


def test_nothing_is_contested_that_nobody_said(story: Story) -> None:
    arrived(story)
    with pytest.raises(Refused, match=RefusedReason.NOTHING_TO_ANSWER):
        story.act(ContestNoAccess(story.ticket.id), HERSELF)
    assert story.now - NOON < DAY
    assert story.heard(KUNZ) == [TopicName.OFFER, TopicName.VISIT_INVITE]
