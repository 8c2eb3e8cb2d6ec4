"""One button: a person presses, somebody calls."""

import pytest
from sqlmodel import col

from gateway.detection.batch import Finding
from gateway.detection.device_state import Pressed
from gateway.flow.receive import apply_findings
from gateway.model import MINUTE, Callback, CallOutcome, Device, Promise, from_iso
from gateway.model.plan import Refused
from gateway.store import Store
from gateway.store.devices import device_states
from gateway.tickets.actions import AttemptCallback, CancelCallback, ConnectCallback, FinishCallback, MissCallback
from tests.drivers.story import NOON, Story, begin


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores)


def test_a_press_is_answered_on_the_device_and_by_message(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait()
    callback = story.one(Callback)
    assert callback.promised_by == story.now + 60 * MINUTE
    reply = story.replies_to_devices[0]
    assert (reply["press_id"], reply["state"], reply["callback_by"]) == (
        "p1", "callback_scheduled", callback.promised_by)
    assert len(story.told_to("alice@example.com")) == 1


def test_a_second_press_is_acknowledged_but_opens_nothing(story: Story) -> None:
    for press_id in ("p1", "p2", "p3"):
        story.press("alice-button", press_id)
        story.wait(seconds=5)
    assert story.one(Callback).presses == 3
    assert [reply["press_id"] for reply in story.replies_to_devices] == ["p1", "p2", "p3"]
    assert len(story.told_to("alice@example.com")) == 1


def test_a_press_that_the_network_repeats_counts_once_and_is_answered_again(story: Story) -> None:
    story.press("alice-button", "p1")
    story.send_replies()
    story.press("alice-button", "p1")
    assert story.one(Callback).presses == 1
    assert [reply["press_id"] for reply in story.replies_to_devices] == ["p1", "p1"]


def test_a_press_repeated_faster_than_we_answer_is_answered_once_with_what_is_true_now(story: Story) -> None:
    story.press("alice-button", "p1")
    for _ in range(50):
        story.press("alice-button", "p1")
    assert [reply["state"] for reply in story.replies_to_devices] == ["callback_scheduled"]
    callback = story.one(Callback)
    story.act(ConnectCallback(callback.id))
    story.act(FinishCallback(callback.id, "all well"))
    story.press("alice-button", "p1")
    assert story.replies_to_devices[0]["state"] == "callback_closed"


def test_a_press_repeated_after_its_callback_is_over_opens_nothing(story: Story) -> None:
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(ConnectCallback(callback.id))
    story.act(FinishCallback(callback.id, "all well"))
    story.press("alice-button", "p1")
    assert len(story.callbacks) == 1
    assert story.replies_to_devices[-1]["state"] == "callback_closed"


def test_a_retained_press_is_nobody_pressing(story: Story) -> None:
    story.press("alice-button", "p1", retained=True)
    assert story.callbacks == []


def test_a_long_press_while_somebody_speaks_with_them_promises_no_call(story: Story) -> None:
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(ConnectCallback(callback.id))
    story.wait(minutes=90)  # longer than the call was promised for
    story.press("alice-button", "p2", "long")
    story.wait()
    assert story.one(Callback).urgent
    assert [promise.state for promise in story.all(Promise)] == ["kept"]


def test_a_long_press_is_urgent_and_brings_the_promise_forward(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(minutes=5)
    story.press("alice-button", "p2", kind="long")
    callback = story.one(Callback)
    assert callback.urgent
    assert callback.promised_by == story.now + 15 * MINUTE


def test_two_homes_are_two_callbacks(story: Story) -> None:
    story.press("alice-button", "p1")
    story.press("charlie-button", "p1")
    assert len(story.callbacks) == 2


def test_an_agent_tries_reaches_and_finishes(story: Story) -> None:
    story.press("alice-button", "p1")
    callback = story.one(Callback)
    story.act(AttemptCallback(callback.id))
    story.act(MissCallback(callback.id))
    story.act(AttemptCallback(callback.id))
    story.act(ConnectCallback(callback.id))
    story.act(FinishCallback(callback.id, "explained the display", CallOutcome.FIXED))
    done = story.one(Callback)
    assert (done.state, done.attempts, done.tries, done.note) == ("done", 2, 1, "explained the display")
    assert (done.outcome, done.agent) == ("fixed", "agent Anna")
    assert [promise.state for promise in story.all(Promise)] == ["kept", "kept"]
    with pytest.raises(Refused):
        story.act(AttemptCallback(callback.id))


def test_a_callback_can_be_cancelled_and_the_next_press_opens_another(story: Story) -> None:
    story.press("alice-button", "p1")
    story.act(CancelCallback(story.one(Callback).id, "she called us"))
    story.press("alice-button", "p2")
    assert sorted(callback.state for callback in story.callbacks) == ["cancelled", "requested"]


def test_a_missed_promise_is_broken_once_and_told_until_somebody_sees_to_it(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(minutes=61)
    story.wait(minutes=5)
    said = f"{story.one(Callback).id}: a promised call has not been made"
    assert story.told_to("desk@example.com") == [said, said]
    story.acknowledge(story.one(Callback))
    story.wait(minutes=61)
    assert len(story.told_to("desk@example.com")) == 2


def test_a_call_that_was_missed_is_admitted_by_us_first_with_a_new_time(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait()
    asked, promised = story.now, story.one(Callback).promised_by
    story.now = promised
    story.wait()
    story.wait(seconds=1)
    again = promised + 15 * MINUTE
    [late] = story.notifications("callback_late")
    assert (late.recipient_id, late.state, late.facts) == ("alice", "sent", {
        "site": "Lindenweg 1, 8001 Wiesental", "missed_by": promised, "callback_by": again})
    [overdue] = story.notifications("please_look")
    assert (overdue.recipient_kind, overdue.facts["missed_by"]) == ("dispatcher", promised)
    first, second = story.all(Promise)
    assert (first.state, first.settled_at, second.state) == ("broken", promised, "open")
    assert (second.due_at, second.corrects_id, second.notification_id) == (again, first.id, late.id)
    assert story.one(Callback).promised_by == again
    story.wait(minutes=15)  # missed again: they wait three times as long as they have waited, and not by the quarter
    assert story.one(Callback).promised_by == story.now + 3 * (story.now - asked)
    assert len(story.notifications("callback_late")) == 2
    assert [promise.state for promise in story.all(Promise)] == ["broken", "broken", "open"]


def test_a_call_in_time_is_a_promise_kept_and_a_late_one_is_not(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(minutes=60)
    story.act(ConnectCallback(story.one(Callback).id))
    assert [promise.state for promise in story.all(Promise)] == ["broken", "kept"]


def test_who_presses_long_is_called_sooner_and_the_later_time_is_corrected(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(minutes=5)
    story.press("alice-button", "p2", kind="long")
    story.wait()
    assert [(promise.state, promise.due_at - story.now) for promise in story.all(Promise)] == [
        ("corrected", 55 * MINUTE), ("open", 15 * MINUTE)]


def test_outside_office_hours_the_promise_is_for_the_morning(both_stores: Store) -> None:
    office = {day: [("08:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
    story = begin(both_stores, callback_hours=office, callback_timezone="Europe/Zurich")
    story.now = from_iso("2026-11-23T20:00:00+01:00")
    story.press("alice-button", "p1")
    assert story.one(Callback).promised_by == from_iso("2026-11-24T09:00:00+01:00")


def test_a_press_with_a_wrong_clock_is_still_somebody_pressing(story: Story) -> None:
    for number, at in enumerate((0, story.now + 400 * 24 * 60 * MINUTE)):
        story.receive("devices/alice-button/press", {"id": f"p{number}", "kind": "single", "ts": at})
    assert story.one(Callback).presses == 2


@pytest.mark.parametrize("before", ["test", "long", "single"])
def test_an_id_that_a_counter_gives_out_again_is_a_new_press(story: Story, before: str) -> None:
    """The battery was changed, and the button counts from one again."""
    story.press("alice-button", "1", before)
    story.wait()
    for call in story.callbacks:
        story.act(CancelCallback(call.id, "settled"))
    story.wait(minutes=0 if before != "single" else 25 * 60)
    story.press("alice-button", "1")
    story.press("alice-button", "1")
    call = story.one(Callback, col(Callback.closed_at).is_(None))
    assert call.presses == 1
    assert story.replies_to_devices[-1]["state"] == "callback_scheduled"
    story.wait(minutes=60)
    story.press("alice-button", "1")
    assert story.one(Callback, Callback.id == call.id).presses == 1


def test_a_press_that_is_sent_again_days_later_is_the_same_press(story: Story) -> None:
    story.press("alice-button", "1")
    pressed_at = story.now
    story.act(CancelCallback(story.one(Callback).id, "settled"))
    story.wait(minutes=3 * 24 * 60)
    story.receive("devices/alice-button/press", {"id": "1", "kind": "single", "ts": pressed_at})
    assert len(story.callbacks) == 1


def test_a_button_whose_clock_stands_still_presses_each_time(story: Story) -> None:
    """It has no ids of its own either."""
    for number, minutes in enumerate((0, 1, 60)):
        story.wait(minutes=minutes)
        with story.gw.store.write() as session:
            device = session.get_one(Device, "alice-button")
            state = device_states.load(session, {device.key})[device.key]
            apply_findings(story.gw, session, [Finding(state, Pressed(None, "single", False, NOON, False))], story.now)
        assert story.one(Callback).presses == (1, 1, 2)[number]
