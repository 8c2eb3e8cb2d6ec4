"""Every time that a customer is told is kept, corrected before it lapses, or admitted by us first."""

import threading

import pytest
from sqlmodel import col

from gateway.flow.deliver import deliver
from gateway.flow.sweep import sweep
from gateway.model import HOUR, MINUTE, Instant, Offer, Promise, PromiseKind, Visit, from_iso
from gateway.monitoring import metrics
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent, Unknown
from gateway.notifications.messages import Message
from gateway.store import Store, outbox
from gateway.tickets.actions import AcceptOffer, Arrive, CancelTicket, DeclineOffer, Depart
from tests.drivers.story import HOURLY, Story, begin

pytestmark = pytest.mark.slow
EVENING = from_iso("2026-11-23T20:30:00+01:00")  # Alice sleeps from 22:00 to 07:00
NIGHT = from_iso("2026-11-23T23:30:00+01:00")
MORNING = from_iso("2026-11-24T07:00:00+01:00")
WORD, WINDOW, ETA = PromiseKind.NEXT_WORD, PromiseKind.ARRIVAL_WINDOW, PromiseKind.ETA


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, HOURLY)


def told(story: Story, *kinds: PromiseKind) -> list[Promise]:
    """The times that were told, in order."""
    return sorted(story.all(Promise, col(Promise.kind).in_(kinds)), key=lambda one: (one.made_at, one.due_at))


def outcomes(story: Story, *kinds: PromiseKind) -> list[str]:
    return [str(promise.state) for promise in told(story, *kinds)]


def overheats(story: Story, at: Instant | None = None, pump: str = "alice-pump") -> None:
    """Critical, so that it passes quiet hours."""
    story.now = at or story.now
    story.says(pump, flow_temp=80.0)
    story.wait()


def loses_pressure(story: Story, at: Instant) -> None:
    """Minor, so that nobody is woken for it."""
    story.now = at
    for _ in range(3):
        story.says("alice-pump", flow_temp=50.0, pressure=0.4)
        story.wait(minutes=5)


def nobody_can(story: Story) -> None:
    """Whoever is asked declines."""
    while pending := story.all(Offer, Offer.state == "pending"):
        story.act(DeclineOffer(pending[0].id, "no time"), "provider")
    story.wait()


def goes_on(story: Story, until: Instant, **signals: float) -> None:
    """Time passes, and the pump still reports what it did."""
    story.says("alice-pump", **signals)
    story.keep_saying("alice-pump", (until - story.now) / MINUTE, **signals)


def test_we_are_looking_says_by_when_they_hear_again(story: Story) -> None:
    overheats(story)
    [found] = story.notifications("fault_found")
    [word] = told(story, WORD)
    assert (word.recipient_id, word.subject_id, word.notification_id) == ("alice", story.ticket.id, found.id)
    assert (word.made_at, word.due_at) == (story.now, story.now + 30 * MINUTE)
    first = next(mail.text for mail in story.messages if mail.to == "alice@example.com")
    assert "You will hear from us by 13:30 today at the latest" in first


def test_whatever_they_hear_about_it_in_time_is_that_word(story: Story) -> None:
    overheats(story)
    story.wait(minutes=20)
    story.accept()
    story.wait()
    assert outcomes(story, WORD) == ["kept"]
    [assigned] = story.notifications("technician_assigned")
    assert told(story, WORD)[0].settled_by == assigned.id
    story.wait(minutes=30)
    assert story.notifications("still_looking") == []


def test_through_a_night_without_news_each_word_comes_in_time_and_ever_more_rarely(story: Story) -> None:
    overheats(story, NIGHT)
    nobody_can(story)
    goes_on(story, NIGHT + 9 * HOUR, flow_temp=80.0)
    said = sorted(story.notifications("still_looking"), key=lambda row: row.created_at)
    assert [(row.created_at - NIGHT) // MINUTE for row in said] == [25, 80, 195, 430]
    assert {(row.recipient_id, row.state, row.facts["asked"], row.facts["open_offers"]) for row in said} == {
        ("alice", "sent", 2, 0)}
    assert outcomes(story, WORD) == ["kept"] * 4 + ["open"]
    first, *others = told(story, WORD)
    assert [other.notification_id for other in others] == [row.id for row in said]
    assert first.due_at == NIGHT + 30 * MINUTE


def test_nobody_is_woken_to_read_that_there_is_no_news(story: Story) -> None:
    loses_pressure(story, EVENING)
    assert len(story.notifications("fault_found")) == 1
    nobody_can(story)
    goes_on(story, MORNING + 2 * HOUR, pressure=0.4)
    [first, second, *_] = told(story, WORD)
    assert (first.state, first.due_at) == ("kept", MORNING + HOUR)
    [said] = story.notifications("still_looking")
    assert (said.recipient_id, said.state, said.created_at) == ("alice", "sent", MORNING + 55 * MINUTE)
    assert (second.state, second.notification_id) == ("open", said.id)


def test_what_is_held_in_the_night_promises_nothing_before_it_goes_out_but_the_page_does(story: Story) -> None:
    loses_pressure(story, NIGHT)
    [found] = story.notifications("fault_found")
    assert (found.state, told(story, *PromiseKind)) == ("held", [])
    offer = story.one(Offer, Offer.state == "pending")
    story.act(AcceptOffer(offer.id, "Karin Kunz", MORNING + HOUR, MORNING + 5 * HOUR), "provider")
    story.wait()
    [shown] = told(story, WINDOW)
    assert (shown.shown_at, shown.notification_id) == (story.now, None)
    goes_on(story, MORNING + 5 * MINUTE, pressure=0.4)
    [assigned] = story.notifications("technician_assigned")
    assert [(one.id, one.notification_id) for one in told(story, *PromiseKind)] == [(shown.id, assigned.id)]
    assert story.notifications("fault_found")[0].state == "dropped"


def test_a_word_that_could_not_be_given_in_time_is_broken_and_the_next_one_says_so(story: Story) -> None:
    overheats(story)
    nobody_can(story)
    story.wait(minutes=40)  # the gateway was switched off
    assert outcomes(story, WORD) == ["broken", "open"]
    [said] = story.notifications("still_looking")
    assert (said.recipient_id, said.state, said.facts["word_by"]) == ("alice", "sent", story.now - 10 * MINUTE)
    assert "What the customer was told was not kept: word from us by 23 Nov 13:30" in story.timeline(story.ticket.id)
    mail = [message.text for message in story.messages if message.to == "alice@example.com"][-1]
    assert "You should have heard from us by 13:30 today" in mail


def test_nobody_waits_for_a_word_about_what_is_called_off(story: Story) -> None:
    overheats(story)
    story.act(CancelTicket(story.ticket.id, "a false alarm"))
    story.wait(minutes=60)
    assert outcomes(story, WORD) == ["cancelled"]
    assert story.notifications("still_looking") == []


def test_a_later_arrival_is_told_before_the_window_lapses_and_the_chain_shows_it(story: Story) -> None:
    overheats(story)
    story.accept()
    story.wait(minutes=200)
    visit = story.one(Visit)
    story.act(Depart(visit.id, minutes=70), "provider kunz")
    story.wait()
    [window], [eta] = told(story, WINDOW), told(story, ETA)
    [on_the_way] = story.notifications("on_the_way")
    assert (window.state, window.due_at > (window.settled_at or 0)) == ("corrected", True)
    assert (eta.state, eta.corrects_id, eta.notification_id, eta.due_at) == (
        "open", window.id, on_the_way.id, story.now + 70 * MINUTE)
    story.now = eta.due_at
    story.act(Arrive(visit.id), "provider kunz")
    assert outcomes(story, WINDOW, ETA) == ["corrected", "kept"]


def test_nobody_comes_in_the_window_and_the_promise_is_broken_at_its_end(story: Story) -> None:
    overheats(story)
    story.accept()
    story.wait(minutes=240)
    assert outcomes(story, WINDOW) == ["broken"]
    assert story.one(Promise, Promise.kind == "arrival_window").provider_id == "kunz"


def test_what_no_contact_took_was_not_told_and_the_word_before_it_is_still_owed(story: Story) -> None:
    overheats(story)
    [word] = told(story, WORD)
    nobody_can(story)
    story.replies = lambda address: NotSent(True, "no such mailbox")
    story.wait(minutes=25)
    assert story.notifications("still_looking")[0].state == "failed"
    assert [(one.id, one.state) for one in told(story, WORD)] == [(word.id, "open")]
    story.wait(minutes=6)
    assert [(one.id, one.state) for one in told(story, WORD)] == [(word.id, "broken")]


def test_what_is_tried_again_later_promises_from_then_on(story: Story) -> None:
    story.replies = lambda address: NotSent(False, "busy")
    overheats(story)
    assert told(story, WORD) == []
    story.replies = lambda address: Sent("ok")
    story.wait(seconds=30)
    [word] = told(story, WORD)
    assert word.made_at == story.now


def test_what_may_have_arrived_counts_as_told(story: Story) -> None:
    story.replies = lambda address: Unknown("it fell silent")
    overheats(story)
    story.wait(minutes=1)
    assert story.notifications("fault_found")[0].state == "unknown"
    [word] = told(story, WORD)
    assert (word.state, word.notification_id) == ("open", story.notifications("fault_found")[0].id)


def test_a_gateway_that_dies_between_writing_and_sending_has_told_it(story: Story) -> None:
    taken, never = threading.Event(), threading.Event()

    def dies(address: str, message: Message, ref: str) -> Outcome:
        taken.set()
        never.wait(20)
        return Sent("too late")

    story.gw.channels.update(email=Channel("email", "long", dies))
    story.says("alice-pump", flow_temp=80.0)
    worker = threading.Thread(target=deliver, args=(story.gw, story.now))
    worker.start()
    assert taken.wait(10)
    [word] = told(story, WORD)  # on the disk before anything has left the house
    assert (word.state, word.notification_id) == ("open", story.notifications("fault_found")[0].id)
    story.gw.channels.update(email=Channel("email", "long", lambda *_: Sent("ok")))
    try:
        deliver(story.gw, story.now + outbox.LEASE)  # another takes over
        assert [one.id for one in told(story, WORD)] == [word.id]
    finally:
        never.set()
        worker.join(10)


def test_a_word_that_is_due_is_written_once_however_often_the_clock_looks(story: Story) -> None:
    overheats(story)
    nobody_can(story)
    goes_on(story, story.now + 20 * MINUTE, flow_temp=80.0)
    for _ in range(3):
        story.now += 2 * MINUTE
        sweep(story.gw, story.now)
    assert len(story.notifications("still_looking")) == 1
    assert outcomes(story, WORD) == ["open"]


def test_what_became_of_promises_is_counted(story: Story) -> None:
    def counted(kind: str, outcome: str) -> float:
        line = f'gateway_promises_total{{kind="{kind}",outcome="{outcome}"}} '
        found = [row for row in metrics.text().decode().splitlines() if row.startswith(line)]
        return float(found[0].removeprefix(line)) if found else 0

    before = counted("next_word", "kept"), counted("arrival_window", "broken")
    overheats(story)
    story.accept()
    story.wait()
    story.wait(minutes=240)
    assert (counted("next_word", "kept"), counted("arrival_window", "broken")) == (before[0] + 1, before[1] + 1)
