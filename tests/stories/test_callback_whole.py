"""A call from the wish to the outcome: taken by one agent, tried again when nobody answers, at a time that suits, and
what follows from what was said."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gateway.callbacks.slots import slots
from gateway.config.settings import Service
from gateway.model import (
    DAY,
    HOUR,
    MINUTE,
    Callback,
    CallbackState,
    CallOutcome,
    Instant,
    OnCallPage,
    Promise,
    Reason,
    ReasonKind,
    Severity,
    Ticket,
    customer,
    from_iso,
)
from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.store import Store
from gateway.tickets.actions import (
    Act,
    AttemptCallback,
    CancelCallback,
    ClaimCallback,
    ConnectCallback,
    FinishCallback,
    MissCallback,
    OpenCallback,
    OpenTicket,
    ReleaseCallback,
)
from tests.drivers.story import Story, begin

DESK: dict[str, Any] = {"callback_timezone": "Europe/Zurich",
        "callback_hours": {day: [("08:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}}
FRIDAY_NIGHT = from_iso("2026-11-27T22:13:00Z")  # 23:13 in the town
ALICE = customer("alice")


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, **DESK)


def refused(act: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as error:
        act()
    return error.value


def topics(story: Story) -> list[str]:
    return [topic for topic in story.heard(ALICE) if topic.startswith("callback")]


# nobody answers

def test_somebody_who_does_not_answer_is_rung_five_times_and_told_each_time(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait()
    callback = story.one(Callback)
    waited = []
    for number in range(1, 6):
        story.act(AttemptCallback(callback.id, "Alice Keller"))
        story.act(MissCallback(callback.id))
        story.wait()
        now = story.one(Callback)
        assert now.tries == number
        if number < 5:
            assert now.ring_from is not None
            waited.append((now.ring_from - story.now) // MINUTE)
            assert now.promised_by == now.ring_from + 30 * MINUTE
            story.now = now.ring_from
    assert waited[:2] == [15, 60]
    over = story.one(Callback)
    assert (over.state, over.attempts, over.closed_at) == ("expired", 5, story.now)
    assert topics(story) == ["callback_scheduled", *["callback_tried"] * 4, "callback_expired"]
    told = [message.text for message in story.messages if message.to == "alice@example.com"]
    assert "We will try again 13:15–13:45 today." in told[1]
    assert "We rang you 5 times and did not reach you." in told[-1]
    assert {promise.state for promise in story.all(Promise)} == {"kept"}
    story.press("alice-button", "p2")
    assert sorted(one.state for one in story.callbacks) == ["expired", "requested"]


def test_the_next_try_waits_for_the_desk_to_open(story: Story) -> None:
    story.now = from_iso("2026-11-27T15:50:00Z")  # Friday, ten minutes before the desk closes
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(AttemptCallback(callback.id))
    story.act(MissCallback(callback.id))
    again = story.one(Callback)
    assert again.ring_from == from_iso("2026-11-30T07:05:00Z")  # Monday: five of the fifteen minutes are left
    assert again.promised_by == from_iso("2026-11-30T07:35:00Z")


# one agent at a time

def test_who_takes_a_call_has_it_for_five_minutes(story: Story) -> None:
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(ClaimCallback(callback.id), "agent Anna")
    for act in (ClaimCallback(callback.id), AttemptCallback(callback.id)):
        taken = refused(partial(story.act, act, "agent Ben"))
        assert (taken.reason, taken.parameters["who"]) == (RefusedReason.CALL_TAKEN, "agent Anna")
    story.act(ClaimCallback(callback.id), "agent Anna")  # still
    story.wait(minutes=5)
    assert story.one(Callback).state is CallbackState.REQUESTED
    assert "Free again: agent Anna has not said what came of it" in story.timeline(callback.id)
    story.act(AttemptCallback(callback.id), "agent Ben")
    assert story.one(Callback).agent == "agent Ben"


def test_on_a_public_holiday_nobody_is_at_the_desk(both_stores: Store) -> None:
    """Christmas is a Friday."""
    story = begin(both_stores, **DESK, callback_days_off={
        "country": "CH", "subdivision": "ZH", "closed": ["2026-12-28"]})
    story.now = from_iso("2026-12-25T09:00:00Z")
    story.listen()
    story.press("alice-button", "p-1")
    assert story.one(Callback).promised_by == from_iso("2026-12-29T08:00:00Z")
    with pytest.raises(Refused, match="slot_outside"):
        story.act(OpenCallback("bob-home", "x", ring_from=from_iso("2026-12-28T09:00:00Z")))
    story.press("alice-button", "p-2", "long")
    story.wait()
    [paged] = story.all(OnCallPage)
    assert paged.reasons == ["call_urgent"]


def test_that_nobody_answered_is_said_by_who_has_dialled(story: Story) -> None:
    story.press("alice-button", "p-1")
    call = story.one(Callback)
    story.act(AttemptCallback(call.id), "agent Anna")
    with pytest.raises(Refused, match="call_taken"):
        story.act(MissCallback(call.id), "agent Ben")
    assert story.one(Callback).tries == 0
    story.act(MissCallback(call.id), "agent Anna")
    assert story.one(Callback).tries == 1


def test_who_lets_a_call_go_leaves_it_to_others_at_once(story: Story) -> None:
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(ClaimCallback(callback.id), "agent Anna")
    story.act(ReleaseCallback(callback.id), "agent Anna")
    story.act(ClaimCallback(callback.id), "agent Ben")
    assert story.one(Callback).agent == "agent Ben"


def test_the_second_agent_sees_what_the_first_has_written_down(story: Story) -> None:
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(ConnectCallback(callback.id), "agent Anna")
    story.act(FinishCallback(callback.id, "The filter was clogged", CallOutcome.FIXED), "agent Anna")
    second = refused(lambda: story.act(FinishCallback(callback.id, "All well", CallOutcome.INFORMED), "agent Ben"))
    assert second.reason is RefusedReason.CALL_SETTLED
    assert (second.parameters["who"], second.parameters["outcome"]) == ("agent Anna", "fixed")


# a call that is called off

def test_a_promised_call_that_an_agent_calls_off_is_told_where_it_was_promised(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait()
    story.send_replies()
    story.wait(minutes=1)
    story.act(CancelCallback(story.one(Callback).id, "Not one of our customers, says Ben"))
    story.wait()
    assert topics(story) == ["callback_scheduled", "callback_cancelled"]
    told = [message for message in story.messages if message.to == "alice@example.com"][-1]
    assert told.subject == f"We will not be calling you after all ({story.one(Callback).id})"
    assert "We had promised to call you by 14:00 today. That call is off: please do not wait for it." in told.text
    assert "If you still need us, press the button again, and we will ring you." in told.text
    assert "Ben" not in told.text
    assert [promise.state for promise in story.all(Promise)] == ["cancelled"]
    assert [reply["state"] for reply in story.replies_to_devices] == ["callback_scheduled", "callback_closed"]
    assert {reply["press_id"] for reply in story.replies_to_devices} == {"p1"}


def test_a_call_off_at_a_time_that_suited_names_that_time_and_no_button_that_is_not_there(story: Story) -> None:
    story.act(OpenCallback("bob-home", "Asks about the invoice", ring_from=from_iso("2026-11-24T13:00:00Z")))
    story.wait()
    story.act(CancelCallback(story.one(Callback).id, "nobody is here then"))
    story.wait()
    [told] = [message for message in story.messages if message.subject.startswith("Wir rufen Sie doch nicht an")]
    assert "wir hatten Ihnen einen Anruf versprochen (morgen 14:00–15:00). Dieser Anruf entfällt" in told.text
    assert "drücken" not in told.text


def test_who_called_it_off_themselves_is_not_told_so(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait()
    story.act(CancelCallback(story.one(Callback).id, "she called us", they_know=True))
    story.wait()
    assert topics(story) == ["callback_scheduled"]
    assert [promise.state for promise in story.all(Promise)] == ["cancelled"]


def test_whom_an_agent_speaks_with_is_not_told_that_nobody_calls(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait()
    story.act(ConnectCallback(story.one(Callback).id))
    story.act(CancelCallback(story.one(Callback).id, "it was the neighbour"))
    story.wait()
    assert topics(story) == ["callback_scheduled"]


def test_who_was_never_told_of_the_call_does_not_hear_that_it_is_off(story: Story) -> None:
    story.press("alice-button", "p1")
    story.act(CancelCallback(story.one(Callback).id, "a child"))
    story.wait()
    assert topics(story) == []
    [off] = story.notifications("callback_cancelled")
    assert (off.state, off.reason) == ("dropped", Reason(ReasonKind.NEVER_PROMISED))


def test_who_has_asked_anew_since_hears_of_the_new_call_only(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait()
    story.act(CancelCallback(story.one(Callback).id, "a child"))
    story.press("alice-button", "p2")
    story.wait()
    assert topics(story) == ["callback_scheduled", "callback_scheduled"]
    [off] = story.notifications("callback_cancelled")
    assert off.reason == Reason(ReasonKind.CALL_PROMISED_ANEW)


# a time that suits

def test_somebody_is_rung_at_the_time_that_suits_them(story: Story) -> None:
    at = from_iso("2026-11-24T13:00:00Z")  # Tuesday, 14:00 in the town
    story.act(OpenCallback("alice-home", "Asks about the invoice", ring_from=at))
    story.wait()
    callback = story.one(Callback)
    assert (callback.ring_from, callback.promised_by, callback.presses) == (at, at + HOUR, 0)
    [told] = story.messages
    assert told.subject == f"We will call you 14:00–15:00 tomorrow ({callback.id})"
    assert "You pressed" not in told.text
    [promise] = story.all(Promise)
    assert (promise.from_at, promise.due_at) == (at, at + HOUR)
    story.press("alice-button", "p1")  # the same wish: nobody is promised two calls
    assert story.one(Callback).presses == 1


@pytest.mark.parametrize("hours", [None, {}, {"mon": []}])
@pytest.mark.parametrize("more", [{}, {"ring_from": FRIDAY_NIGHT + DAY}])
def test_while_nobody_has_set_the_hours_of_the_desk_only_what_is_urgent_is_promised(
        both_stores: Store, hours: dict[str, Any] | None, more: dict[str, Any]) -> None:
    story = begin(both_stores, callback_hours=hours)
    story.now = FRIDAY_NIGHT
    said = refused(lambda: story.act(OpenCallback("alice-home", "Asks about the invoice", **more)))
    assert said.reason is RefusedReason.NO_DESK_HOURS
    assert story.callbacks == []
    story.act(OpenCallback("alice-home", "Water on the floor", urgent=True))
    assert story.one(Callback).promised_by == FRIDAY_NIGHT + 15 * MINUTE


@pytest.mark.parametrize(("wanted", "reason", "nearest"), [
    ("2026-11-23T11:00:00Z", RefusedReason.SLOT_PAST, "2026-11-23T12:00:00.000Z"),
    ("2026-11-23T20:00:00Z", RefusedReason.SLOT_OUTSIDE, "2026-11-23T15:00:00.000Z"),
    ("2026-11-28T10:00:00Z", RefusedReason.SLOT_OUTSIDE, "2026-11-27T15:00:00.000Z"),
    ("2026-11-23T15:30:00Z", RefusedReason.SLOT_OUTSIDE, "2026-11-23T15:00:00.000Z"),  # the desk closes within it
    ("2027-02-01T10:00:00Z", RefusedReason.SLOT_OUTSIDE, "2026-12-21T12:00:00.000Z"),
])
def test_a_time_at_which_nobody_is_there_is_answered_with_the_nearest(
        story: Story, wanted: str, reason: RefusedReason, nearest: str) -> None:
    error = refused(lambda: story.act(OpenCallback("alice-home", "", ring_from=from_iso(wanted))))
    assert (error.reason, error.parameters["nearest"]) == (reason, nearest)
    assert story.callbacks == []


@pytest.mark.parametrize(("day", "local_day", "nights"), [
    ("2026-03-28T20:00:00Z", "2026-03-29", ["00:00Z", "01:00Z"]),  # 02:00 to 03:00 does not happen
    ("2026-10-24T20:00:00Z", "2026-10-25", ["23:00Z", "00:00Z", "01:00Z", "02:00Z"]),  # … happens twice
])
def test_a_slot_lasts_an_hour_also_when_the_clocks_are_changed(day: str, local_day: str, nights: list[str]) -> None:
    night = Service(callback_timezone="Europe/Zurich", callback_slot_minutes=60,
                    callback_hours={"sun": [("01:00", "04:00")]})
    found = list(slots(night, from_iso(day), from_iso(day) + DAY))
    assert [begins for begins, _ in found] == [from_iso(_at(local_day, hour)) for hour in nights]
    assert all(ends - begins == HOUR for begins, ends in found)


def _at(local_day: str, hour: str) -> str:
    """23:00Z is still the day before."""
    before = f"{local_day[:-2]}{int(local_day[-2:]) - 1:02}"
    return f"{before if hour.startswith('23') else local_day}T{hour.replace('Z', ':00Z')}"


def test_a_promise_for_the_night_of_the_change_is_kept_and_missed_by_the_real_hour(both_stores: Store) -> None:
    story = begin(both_stores, callback_timezone="Europe/Zurich", callback_hours={"sun": [("00:00", "06:00")]})
    story.now = from_iso("2026-10-24T20:00:00Z")
    at = from_iso("2026-10-25T00:30:00Z")  # 02:30 for the first time
    story.act(OpenCallback("alice-home", "Cannot sleep", ring_from=at))
    story.wait()
    [told] = story.told_to("alice@example.com")
    assert told.startswith(
        "We will call you 02:30 (before the clocks change)–02:30 (after the clocks change) tomorrow")
    story.now = at + HOUR - 1  # 02:29 for the second time
    story.wait()
    assert story.notifications("callback_late") == []
    story.wait(seconds=1)
    assert len(story.notifications("callback_late")) == 1


# urgent

def test_an_urgent_press_on_friday_night_is_promised_for_tonight_and_whoever_is_on_call_is_asked(story: Story) -> None:
    story.now = FRIDAY_NIGHT
    story.press("alice-button", "p1", kind="long")
    story.wait()
    callback = story.one(Callback)
    assert callback.promised_by == FRIDAY_NIGHT + 15 * MINUTE
    assert story.told_to("desk@example.com") == [
        f"{callback.id}: somebody wants to be called soon, and nobody is at the desk"]


def test_who_cannot_wait_is_not_put_off_until_monday_when_nobody_has_called(story: Story) -> None:
    story.now = FRIDAY_NIGHT
    story.press("alice-button", "p1", kind="long")
    waited = []
    for _ in range(4):
        story.wait(seconds=(story.one(Callback).promised_by - story.now) / 1000)
        waited.append((story.one(Callback).promised_by - story.now) // MINUTE)
    assert waited == [15, 90, 6 * 60, 24 * 60], "later each time that we miss it, at any hour"
    assert topics(story) == ["callback_scheduled", *["callback_late"] * 4]


def test_an_ordinary_press_at_night_is_promised_for_the_morning(story: Story) -> None:
    story.now = FRIDAY_NIGHT
    story.press("alice-button", "p1")
    story.wait()
    assert story.one(Callback).promised_by == from_iso("2026-11-30T08:00:00Z")  # Monday, an hour after opening
    assert story.told_to("desk@example.com") == []


def test_long_after_short_moves_the_promise_the_row_and_the_message_together(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(minutes=5)
    story.press("alice-button", "p2", kind="long")
    story.wait()
    callback, by = story.one(Callback), story.now + 15 * MINUTE
    assert (callback.urgent, callback.presses, callback.promised_by) == (True, 2, by)
    first, second = sorted(story.all(Promise), key=lambda promise: promise.made_at)
    assert (first.state, second.state, second.due_at, second.corrects_id) == ("corrected", "open", by, first.id)
    assert topics(story) == ["callback_scheduled", "callback_scheduled"]
    assert second.notification_id == story.last_told(ALICE, "callback_scheduled").id
    assert "by 13:20 today" in [message.text for message in story.messages if message.to == "alice@example.com"][-1]
    story.press("alice-button", "p3", kind="long")
    story.wait()
    assert topics(story) == ["callback_scheduled", "callback_scheduled"]


# what came of it

def finish(story: Story, outcome: CallOutcome, **about: Any) -> Act:
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(ConnectCallback(callback.id))
    return FinishCallback(callback.id, "We spoke", outcome, **about)


def test_somebody_has_to_come_a_ticket_is_opened_for_it(story: Story) -> None:
    fault = OpenTicket("alice-home", "The radiators stay cold", "heating", Severity.MAJOR)
    story.act(finish(story, CallOutcome.VISIT_NEEDED, report=fault))
    ticket, callback = story.ticket, story.one(Callback)
    assert (ticket.cause, ticket.state, callback.ticket_id) == ("The radiators stay cold", "offered", ticket.id)
    assert f"Spoken about on the telephone ({callback.id}; somebody has to come): We spoke" in story.timeline(ticket.id)


def test_the_device_that_somebody_has_to_come_for_may_have_a_ticket_already(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    fault = OpenTicket("alice-home", "It smells burnt", "heating", Severity.CRITICAL, "alice-pump")
    story.act(finish(story, CallOutcome.VISIT_NEEDED, report=fault))
    assert story.one(Callback).ticket_id == story.ticket.id
    assert story.ticket.reported == ["It smells burnt"]


def test_what_was_settled_on_the_telephone_ends_its_ticket(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.act(finish(story, CallOutcome.FIXED, ticket_id=story.ticket.id))
    assert (story.ticket.state, story.ticket.resolved_by) == ("resolved", "agent")


def test_nobody_comes_for_nothing_and_no_other_home_s_ticket_is_settled(story: Story) -> None:
    missing = refused(lambda: story.act(finish(story, CallOutcome.VISIT_NEEDED)))
    assert missing.reason is RefusedReason.REPORT_NEEDED
    story.says("bob-pump", flow_temp=80.0)
    callback = story.one(Callback)
    with pytest.raises(NoSuch):
        story.act(FinishCallback(callback.id, "done", CallOutcome.FIXED, story.one(Ticket).id))
    assert story.one(Callback).state is CallbackState.CONNECTED


def test_a_wish_is_refused_nowhere_and_told_once(story: Story) -> None:
    story.act(OpenCallback("alice-home", "Asks about the invoice"))
    story.act(OpenCallback("alice-home", "Asks about the invoice"))  # the same tap twice
    story.wait()
    assert topics(story) == ["callback_scheduled"]
    assert story.one(Callback).promised_by == _noon_and(HOUR)


def _noon_and(more: int) -> Instant:
    return from_iso("2026-11-23T12:00:00Z") + more
