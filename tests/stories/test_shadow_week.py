"""The shadow week: everything is decided, worded and written down, and only what a person's press asks for leaves."""

from dataclasses import replace
from json import loads
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.common import now as wall_clock
from gateway.devices.profiles import compile_profile
from gateway.model import (
    MINUTE,
    Attempt,
    AttemptOutcome,
    Callback,
    NotificationState,
    Offer,
    OfferState,
    OnCallPage,
    Promise,
    PromiseState,
    Reason,
    ReasonKind,
    customer,
)
from gateway.notifications.catalogues import load_overrides, messages
from gateway.notifications.channels import NotSent, Sent
from gateway.store import Store
from gateway.store.shadow.report import shadow_report
from tests.drivers.command_line import gateway
from tests.drivers.story import Story, begin
from tests.fixtures.on_call_team import TEAM

SOS = "profile: sos\nname: {en: emergency button}\nbutton: {emergency: true}\n"
ALICE = customer("alice")
ON_CALL = [{"channel": "sms", "address": "+41790000001"}, {"channel": "email", "address": "night@example.com"}]


def shadow_week(store: Store, **service: Any) -> Story:
    return begin(store, mode="shadow", emergency=ON_CALL, **service)


def switch(story: Story, **service: Any) -> None:
    """The gateway starts again with other settings."""
    settings = story.gw.settings
    story.gw.settings = settings.model_copy(update={"service": settings.service.model_copy(update=service)})


def overheats(story: Story, device: str = "alice-pump") -> None:
    story.says(device, flow_temp=80.0)
    story.wait(seconds=1)


def kept(story: Story) -> list[tuple[str, str]]:
    """(topic, recipient) of what would have gone, in order."""
    with story.gw.store.read() as session:
        return [(row.topic, row.whom) for row in shadow_report(session, 0, story.now + MINUTE).rows]


@pytest.fixture
def story(both_stores: Store) -> Story:
    return shadow_week(both_stores)


# a fault

def test_a_fault_is_decided_and_worded_and_nothing_leaves_the_house(story: Story) -> None:
    overheats(story)
    assert story.messages == []
    [told] = story.notifications("fault_found")
    assert told.state is NotificationState.SHADOW
    [attempt] = story.all(Attempt, Attempt.notification_id == told.id)
    assert (attempt.outcome, attempt.channel) == (AttemptOutcome.SHADOW, "email")
    assert "The heat pump is overheating" in attempt.said
    assert kept(story) == [("fault_found", "Alice Keller"), ("offer", "Kunz Heating")]
    assert any("would have been told" in line for line in story.explained(story.ticket.id, "told"))


def test_who_was_told_before_the_shadow_week_and_opened_nothing_is_told_to_the_end(both_stores: Store) -> None:
    story = begin(both_stores, unopened_minutes=10)
    overheats(story)
    story.messages.clear()
    switch(story, mode="shadow")
    story.wait(minutes=10, seconds=1)
    story.wait(seconds=5)
    [told] = story.notifications("fault_found")
    assert [message.to for message in story.messages] == ["+41791234567"], "the second channel, and nothing else"
    assert told.state is NotificationState.SENT
    story.wait(minutes=10, seconds=5)
    story.wait(seconds=5)
    [told] = story.notifications("fault_found")
    assert told.state is NotificationState.UNKNOWN
    [ring] = story.notifications("undeliverable")
    assert ring.state is NotificationState.SENT
    assert story.messages[-1].to == "desk@example.com"
    overheats(story, "charlie-pump")
    assert story.heard(customer("charlie")) == [], "what is new stays here"


def test_the_report_says_when_by_which_channel_where_and_how_many(story: Story) -> None:
    overheats(story)
    with story.gw.store.read() as session:
        report = shadow_report(session, 0, story.now + MINUTE, story.gw.channels)
    first, offer = sorted(report.rows, key=lambda row: row.channel != "email" or row.topic != "fault_found")
    assert (first.then, offer.then) == (("sms",), ()), "when nobody opens it"
    assert (first.channel, first.areas, first.text != "") == ("email", ("Feeder 7", "Lindenweg"), True)
    assert story.now <= first.at < story.now + MINUTE
    assert report.by_topic == {"fault_found": 1, "offer": 1}
    assert report.by_area == {"Feeder 7": 2, "Lindenweg": 2}
    assert (report.tickets, report.offers) == ([story.ticket.id], 1)


def test_no_promise_is_broken_because_nobody_was_told(story: Story) -> None:
    overheats(story)
    [promise] = story.all(Promise)
    assert (promise.in_shadow, promise.state) == (True, PromiseState.OPEN)
    story.keep_saying("alice-pump", 600, flow_temp=80.0)
    assert story.messages == []
    states = {one.state for one in story.all(Promise)}
    assert states <= {PromiseState.OPEN, PromiseState.CANCELLED}
    assert len(story.notifications("still_looking")) > 1  # what they would have heard
    assert not any("promise" in line.lower() for line in story.timeline(story.ticket.id))


def test_firms_that_were_never_asked_have_no_worse_record(story: Story) -> None:
    overheats(story)
    story.keep_saying("alice-pump", 60, flow_temp=80.0)
    offers = story.all(Offer)
    assert {one.state for one in offers} == {OfferState.LAPSED}
    assert all(one.left_out for one in offers)


def test_nobody_is_paged_again_and_again_for_a_page_that_nobody_can_acknowledge(story: Story) -> None:
    overheats(story)
    story.keep_saying("alice-pump", 120, flow_temp=80.0)
    [page] = [one for one in story.all(OnCallPage) if one.closed_at is None]
    assert page.turn == 1
    assert page.next_at is not None
    assert page.next_at > story.now


def test_the_all_clear_is_recorded_after_the_fault_that_was(story: Story) -> None:
    overheats(story)
    story.says("alice-pump", flow_temp=50.0)
    story.wait(minutes=1)
    assert story.messages == []
    assert ("resolved", "Alice Keller") in kept(story)


def test_a_template_that_breaks_stands_in_the_report(both_stores: Store, tmp_path: Path) -> None:
    story = shadow_week(both_stores)
    folder = tmp_path / "wording"
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "fault_found.long.j2").write_text("Somebody is there at {{ when(eta) }}.")  # nobody goes yet
    story.gw.messages = messages().with_overrides(load_overrides(folder))
    overheats(story)
    story.wait(seconds=1)
    assert story.messages == []
    assert [topic for topic, _ in kept(story)].count("wording_broken") == 1


# a call for help

def test_a_call_for_help_in_the_shadow_week_pages_who_is_on_call_for_real(both_stores: Store) -> None:
    story = shadow_week(both_stores)
    story.gw.profiles["button"] = replace(compile_profile(SOS, "sos.yaml"), id="button")
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    for address in ("+41790000001", "night@example.com"):
        assert len(story.told_to(address)) == 1
    assert [reply["press_id"] for reply in story.replies_to_devices] == ["p1"]  # the answer on the device
    story.wait(minutes=2)
    assert len(story.told_to("+41790000001")) == 2  # until somebody acknowledges
    assert {message.to for message in story.messages} == {"+41790000001", "night@example.com"}
    assert kept(story) == [("callback_scheduled", "Alice Keller")]


def test_the_whole_ladder_is_climbed_and_who_cannot_be_told_is_replaced(both_stores: Store) -> None:
    story = begin(both_stores, on_call=TEAM, mode="shadow")
    story.gw.profiles["button"] = replace(compile_profile(SOS, "sos.yaml"), id="button")
    story.replies = lambda address: NotSent(True, "no such mailbox") if address == "max@example.com" else Sent("ok")
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    story.wait(seconds=1)
    assert story.told_to("+41790000003") != []  # Nina, at once, because Max cannot be told
    assert story.told_to("desk@example.com") != []  # the desk hears that he could not be told
    assert story.notifications("undeliverable")[0].state is NotificationState.SENT


def test_a_wish_to_be_rung_reaches_the_desk(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(seconds=1)
    callback = story.one(Callback)
    [promise] = story.all(Promise)  # the device has said so
    assert (promise.subject_id, promise.in_shadow) == (callback.id, False)
    story.now = callback.promised_by
    story.wait(minutes=1)
    assert len(story.told_to("desk@example.com")) >= 1
    assert {message.to for message in story.messages} == {"desk@example.com"}


# switched on

def test_an_area_that_is_live_hears_everything_and_the_others_nothing(both_stores: Store) -> None:
    story = shadow_week(both_stores, live_areas=["wiesental"])
    overheats(story)  # Lindenweg lies in Wiesental
    assert story.heard(ALICE) == ["fault_found"]
    assert kept(story) == []
    switch(story, live_areas=["nowhere"])
    overheats(story, "bob-pump")
    assert [message.to for message in story.messages if message.to == "bob@example.com"] == []
    assert ("fault_found", "Bob Meier") in kept(story)


def test_once_on_what_was_decided_in_the_shadow_is_not_sent_and_what_is_true_goes_on(story: Story) -> None:
    overheats(story)
    switch(story, mode="on")
    story.wait(minutes=1)
    assert story.messages == []
    story.keep_saying("alice-pump", 60, flow_temp=80.0)
    assert story.heard(ALICE)[0] == "still_looking"  # its normal next message
    assert "fault_found" not in story.heard(ALICE)
    [open_] = [one for one in story.all(Promise) if one.state is PromiseState.OPEN]
    assert open_.in_shadow is False


def test_once_on_nobody_hears_that_a_fault_is_over_of_which_they_never_heard(story: Story) -> None:
    overheats(story)
    switch(story, mode="on")
    story.says("alice-pump", flow_temp=50.0)
    story.wait(minutes=1)
    assert story.heard(ALICE) == []
    [row] = story.notifications("resolved")
    assert (row.state, row.reason) == (NotificationState.DROPPED, Reason(ReasonKind.NEVER_TOLD_BROKEN))


def test_once_on_who_reads_that_we_still_look_for_somebody_also_reads_that_it_works(story: Story) -> None:
    overheats(story)
    switch(story, mode="on")
    story.keep_saying("alice-pump", 60, flow_temp=80.0)
    assert "still_looking" in story.heard(ALICE)
    story.says("alice-pump", flow_temp=50.0)
    story.wait(minutes=1)
    assert story.heard(ALICE)[-1] == "resolved"


def test_area_by_area_nobody_hears_the_end_of_what_began_in_the_shadow_and_the_others_stay_in_it(story: Story) -> None:
    """Alice and Charlie have a fault each in the shadow week; then Lindenweg is switched on, where Alice lives."""
    overheats(story)
    overheats(story, "charlie-pump")
    switch(story, live_areas=["lindenweg"])
    for device in ("alice-pump", "charlie-pump"):
        story.says(device, flow_temp=50.0)
    story.wait(minutes=1)
    assert story.messages == []
    states = {row.recipient_id: row.state for row in story.notifications("resolved")}
    assert states == {"alice": NotificationState.DROPPED, "charlie": NotificationState.SHADOW}
    story.now += 60 * MINUTE
    story.listen()
    for device in ("alice-pump", "charlie-pump"):
        overheats(story, device)
        story.says(device, flow_temp=50.0)
        story.wait(minutes=1)
    assert story.heard(ALICE) == ["fault_found", "resolved"]
    assert [one.to for one in story.messages if one.to == "charlie@example.com"] == []
    switch(story, mode="on")
    story.now += 60 * MINUTE
    story.listen()
    overheats(story, "charlie-pump")
    assert story.told_to("charlie@example.com") != []


# the command line

def test_the_report_on_the_command_line(store: Store, tmp_path: Path) -> None:
    story = shadow_week(store)
    story.now = wall_clock() - MINUTE  # the report ends now
    story.listen()
    overheats(story)
    (tmp_path / "gateway.yaml").write_text("database_url: sqlite:///gateway.db\nservice: {mode: shadow}\n")
    shown = gateway(tmp_path, "shadow", "report")
    assert shown.exit_code == 0, shown.output
    assert "Alice Keller" in shown.output
    assert "The mode is shadow: nobody is told." in " ".join(shown.output.split())
    found = loads(gateway(tmp_path, "shadow", "report", "--json").stdout)
    assert found["by_topic"] == {"fault_found": 1, "offer": 1}
    assert found["tickets"] == [story.ticket.id]
    assert "The heat pump is overheating" in next(
        one["text"] for one in found["messages"] if one["topic"] == "fault_found")
    wrong = gateway(tmp_path, "shadow", "report", "--since", "yesterday")
    assert wrong.exit_code == 1
    assert "--since: 'yesterday' — expected a day such as" in " ".join(wrong.output.split())


def test_a_try_that_ended_badly_while_it_was_worded_leaves_nothing_unsure(story: Story) -> None:
    """The gateway stops in the middle: no try is on the disk, so nobody believes that it may have arrived."""
    story.says("alice-pump", flow_temp=80.0)
    story.gw.attempts_in_progress.stopping = True
    story.wait(seconds=1)
    assert story.all(Attempt) == []
    story.gw.attempts_in_progress.stopping = False
    story.wait(minutes=5)
    assert {one.outcome for one in story.all(Attempt)} == {AttemptOutcome.SHADOW}
    assert story.messages == []
