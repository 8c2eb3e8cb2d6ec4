"""Whoever is on call is paged one after the other, without end, until somebody sees to it or nobody has to."""

from dataclasses import replace

import pytest

from gateway.devices.profiles import compile_profile
from gateway.flow.sweep import sweep
from gateway.model import (
    MINUTE,
    Callback,
    Notification,
    Offer,
    OnCallPage,
    Reason,
    ReasonKind,
    RecipientKind,
    Ticket,
    from_iso,
)
from gateway.notifications.channels import NotSent, Sent
from gateway.store import Store
from gateway.tickets.actions import (
    AcceptOffer,
    AskAgain,
    ConnectCallback,
    DeclineOffer,
    FinishCallback,
    ResolveTicket,
)
from tests.drivers.story import Story, begin
from tests.fixtures.on_call_team import TEAM

DANA, MAX, NINA = "dana@example.com", "max@example.com", "+41790000003"
NIGHT = from_iso("2026-11-23T23:00:00+01:00")


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, on_call=TEAM, country="CH")


def nobody_takes_it(story: Story) -> Ticket:
    """Alice's pump is broken, and every firm has declined."""
    story.receive("devices/alice-pump/fault", {"code": "E7"})
    while pending := story.all(Offer, Offer.state == "pending"):
        story.act(DeclineOffer(pending[0].id, "no time"), "provider")
    return story.ticket


def call_for_help(story: Story) -> Callback:
    sos = "profile: sos\nname: {en: emergency button, de: Notrufknopf}\nbutton: {emergency: true}\n"
    story.gw.profiles["button"] = replace(compile_profile(sos, "sos.yaml"), id="button")
    story.press("alice-button", "p1")
    return story.one(Callback)


def paged(story: Story) -> list[str]:
    """Who was reached about a page, in order."""
    pages = [note for topic in ("please_look", "emergency_press") for note in story.notifications(topic)]
    return [note.recipient_id for note in sorted(pages, key=lambda note: (note.created_at, note.recipient_id))
            if note.state == "sent"]


def test_nobody_acknowledges_so_it_starts_again_at_the_first_without_end(story: Story) -> None:
    ticket = nobody_takes_it(story)
    story.wait(seconds=1)
    for _ in range(7):
        story.wait(minutes=5)
    assert paged(story) == ["dana", "max", "nina", "dana", "max", "nina", "dana", "max"]
    first = story.notifications("please_look")[0]
    assert (first.facts["reason"], first.facts["cause"]["en"], first.critical) == (
        "nobody_left", "Compressor fault", True)
    assert "Told Nina Roth by sms: request to look at it" in story.timeline(ticket.id)
    assert "Told Dana Weber by email: request to look at it" in story.timeline(ticket.id)
    assert [subject.partition(": ")[2] for subject in story.told_to(MAX)] == [
        "Wir haben keinen Betrieb mehr, den wir fragen könnten"] * 3


def test_somebody_sees_to_it_and_nobody_is_asked_for_four_hours(story: Story) -> None:
    ticket = nobody_takes_it(story)
    story.wait(seconds=1)
    story.wait(minutes=5)
    story.acknowledge(ticket, "agent Max Frei")
    for _ in range(6):
        story.wait(minutes=39)
    assert paged(story) == ["dana", "max"]
    assert story.one(OnCallPage).acknowledged_by == "Max Frei"
    story.wait(minutes=7)
    assert paged(story) == ["dana", "max", "dana"]
    assert "Not settled since Max Frei took it: whoever is on call is asked again" in story.timeline(ticket.id)


def test_it_ends_when_a_provider_is_found(story: Story) -> None:
    ticket = nobody_takes_it(story)
    story.wait(seconds=1)
    story.act(AskAgain(ticket.id))
    asked = story.one(Offer, Offer.state == "pending")
    assert asked.round == 2
    page = story.one(OnCallPage)
    assert (page.state, page.closed_at) == ("ended", story.now)
    story.act(AcceptOffer(asked.id, "Karin Kunz"), "provider")
    for _ in range(3):
        story.wait(minutes=5)
    assert paged(story) == ["dana"]


def test_all_decline_once_more_and_the_first_is_paged_again(story: Story) -> None:
    ticket = nobody_takes_it(story)
    story.wait(seconds=1)
    story.acknowledge(ticket)
    story.act(AskAgain(ticket.id))
    while pending := story.all(Offer, Offer.state == "pending"):
        story.act(DeclineOffer(pending[0].id), "provider")
    story.wait(seconds=1)
    assert paged(story) == ["dana", "dana"]
    assert [page.state for page in story.all(OnCallPage)] == ["ended", "paging"]


def test_what_is_settled_on_the_phone_pages_nobody_any_more(story: Story) -> None:
    ticket = nobody_takes_it(story)
    story.act(ResolveTicket(ticket.id, "Restarted it with her on the phone"))
    for _ in range(3):
        story.wait(minutes=5)
    [told] = story.notifications("please_look")
    assert (told.state, told.reason) == ("dropped", Reason(ReasonKind.PAGE_OVER))


def test_at_night_whoever_is_on_call_then(story: Story) -> None:
    story.now = NIGHT
    story.listen()
    nobody_takes_it(story)
    story.wait(seconds=1)
    story.wait(minutes=5)
    assert paged(story) == ["nina", "nina"]


def test_who_cannot_be_told_is_not_waited_for(story: Story) -> None:
    story.replies = lambda address: NotSent(True, "no such mailbox") if address == DANA else Sent("ok")
    nobody_takes_it(story)
    for _ in range(4):
        story.wait(seconds=1)
    assert paged(story) == ["max"]
    assert story.one(OnCallPage).turn == 2


def test_a_call_for_help_asks_the_next_after_a_minute(story: Story) -> None:
    callback = call_for_help(story)
    story.wait(seconds=1)
    for _ in range(3):
        story.wait(minutes=1)
    assert paged(story) == ["max", "nina", "max", "nina"]
    assert story.told_to(NINA) == [f"Call for help: Alice Keller ({callback.id})"] * 2
    assert story.told_to("desk@example.com") == []


def test_a_call_for_help_needs_an_outcome_within_five_minutes(story: Story) -> None:
    callback = call_for_help(story)
    story.wait(seconds=1)
    story.acknowledge(callback, "agent Max Frei")
    story.wait(minutes=4)
    assert paged(story) == ["max"]
    story.act(ConnectCallback(callback.id), "agent Max Frei")  # they speak: five minutes more
    story.wait(minutes=4)
    assert paged(story) == ["max"]
    story.wait(minutes=1)
    assert paged(story) == ["max", "max"]
    story.act(FinishCallback(callback.id, "She is well: it was the cat"), "agent Max Frei")
    for _ in range(5):
        story.wait(minutes=1)
    assert paged(story) == ["max", "max"]
    assert {page.state for page in story.all(OnCallPage)} == {"ended"}


def test_nobody_of_the_emergency_ladder_can_be_told_so_the_dispatcher_is(story: Story) -> None:
    story.replies = lambda address: Sent("ok") if address == "desk@example.com" else NotSent(True, "no such address")
    call_for_help(story)
    for _ in range(5):
        story.wait(seconds=2)
    told = [subject.partition(" could")[0] for subject in story.told_to("desk@example.com")]
    assert [subject for subject in told if subject.startswith("Call for help")] == [
        "Call for help from Alice Keller: Max Frei", "Call for help from Alice Keller: Nina Roth"]


def test_an_overdue_call_is_paged_and_the_outcome_of_the_call_is_asked_for(story: Story) -> None:
    story.press("alice-button", "p1")
    story.wait(minutes=61)
    callback = story.one(Callback)
    assert story.told_to(DANA) == [f"{callback.id}: a promised call has not been made"]
    story.act(ConnectCallback(callback.id), "agent Dana Weber")
    for _ in range(4):
        story.wait(minutes=59)
    assert len(paged(story)) == 1
    story.wait(minutes=5)
    assert story.told_to(NINA) == [f"{callback.id}: nobody has noted what came of the call"]  # it is past six


def test_the_operators_people_are_led_to_the_page_by_every_message(story: Story) -> None:
    story.replies = lambda address: NotSent(True, "gone") if address == "alice@example.com" else Sent("ok")
    story.gw.channels.pop("sms")
    nobody_takes_it(story)
    story.wait(seconds=1)
    story.wait(seconds=1)
    ours = [note for note in story.all(Notification) if note.recipient_kind in (
        RecipientKind.DISPATCHER, RecipientKind.ON_CALL)]
    assert {note.topic for note in ours} == {"please_look", "undeliverable"}
    assert all(note.link_id is not None for note in ours)
    assert all("/d/L-" in message.text for message in story.messages if message.to in (DANA, "desk@example.com"))


def test_without_anybody_on_call_the_dispatchers_contacts_are_asked_again_at_growing_intervals(both_stores: Store
                                                                                               ) -> None:
    story = begin(both_stores)
    nobody_takes_it(story)
    story.wait(seconds=1)
    for heard, pause in enumerate((5, 10, 20, 40, 60, 60), start=1):
        page = story.one(OnCallPage)
        assert (page.turn, round(((page.next_at or 0) - story.now) / MINUTE)) == (heard, pause)
        assert len(story.told_to("desk@example.com")) == heard
        story.wait(minutes=pause)


def test_who_is_paged_again_and_again_while_nothing_leaves_the_house_reads_it_once(story: Story) -> None:
    nobody_takes_it(story)
    for _ in range(30):
        story.now += 5 * MINUTE
        sweep(story.gw, story.now)
    story.wait(seconds=1)
    assert sorted(paged(story)) == ["dana", "max", "nina"]
    assert {note.reason.kind for note in story.notifications("please_look") if note.reason is not None} == {
        ReasonKind.SUPERSEDED}
