"""People who could not be told: the dispatcher hears of each, and is not buried in mail."""

import threading
from itertools import pairwise

import pytest
from sqlmodel import col, select

from gateway.flow.deliver import deliver
from gateway.model import (
    MINUTE,
    Contact,
    Notification,
    NotificationState,
    Reason,
    ReasonKind,
    RecipientKind,
    Ticket,
)
from gateway.notifications.topics import TopicName
from gateway.notifications.undelivered.plan import Failure
from gateway.store import Store, outbox
from tests.drivers.story import Message, Story
from tests.fixtures.outage_fleet import FAR, LEFT, RIGHT, OutageStory, begin_outage_story

DESK = "desk@example.com"
LIST, ALONE = TopicName.UNDELIVERED_LIST, TopicName.UNDELIVERABLE


@pytest.fixture
def quarter(both_stores: Store) -> OutageStory:
    return begin_outage_story(both_stores)


def lose_contacts(story: Story, *homes: str) -> None:
    """Nobody knows how to reach them."""
    with story.gw.store.write() as session:
        for home in homes:
            for contact in session.exec(select(Contact).where(Contact.owner_id == home)):
                session.delete(contact)


def asked(story: Story) -> list[tuple[str, int]]:
    """(topic, minutes since the first) of what the dispatcher got, in order."""
    rows = [row for row in story.all(Notification, Notification.recipient_kind == RecipientKind.DISPATCHER)
            if row.topic in (LIST, ALONE) and row.state == NotificationState.SENT]
    times = sorted((row.done_at or 0, row.topic) for row in rows)
    return [(topic, (at - times[0][0]) // MINUTE) for at, topic in times]


def lists(story: Story) -> list[Message]:
    return [one for one in story.messages if one.to == DESK and named(one)]


def named(message: Message) -> list[str]:
    """Who stands on it: "Family a0", or with a number "Family a0, +41…"."""
    lines = [line.partition(". ")[2] for line in message.text.splitlines() if line[:1].isdigit()]
    return [line.partition(":")[0] for line in lines]


def break_down(story: Story, *homes: str) -> None:
    for home in homes:
        story.receive(f"devices/{home}-pump/fault", {"code": "E7", "active": True})
        story.wait()


def test_of_an_outage_the_dispatcher_gets_one_list_with_everybody_who_could_not_be_told(quarter: OutageStory) -> None:
    lose_contacts(quarter, *LEFT)
    quarter.lose(*LEFT)
    quarter.live(minutes=1, step=0.5)
    assert asked(quarter) == [], "a minute is given to know the others too"
    quarter.live(minutes=3, step=0.5)
    [message] = lists(quarter)
    assert named(message) == [f"Family {home}" for home in LEFT]
    assert all(fact in message.subject for fact in ("Lateral 9a", "5 ", quarter.outage.id))
    assert asked(quarter) == [(LIST, 0)]


def test_who_cannot_be_told_later_comes_on_a_list_of_their_own_a_quarter_of_an_hour_later(
        quarter: OutageStory) -> None:
    lose_contacts(quarter, *LEFT[:3], *RIGHT[:2])
    quarter.lose(*LEFT, *RIGHT)
    quarter.live(minutes=4, step=0.5)
    first = lists(quarter)
    lose_contacts(quarter, RIGHT[4])
    quarter.back(*RIGHT)
    quarter.live(minutes=30)
    assert {name for message in lists(quarter) for name in named(message)} == {
        f"Family {home}" for home in (*LEFT[:3], *RIGHT[:2], RIGHT[4])}
    times = [at for topic, at in asked(quarter)]
    assert all(later - earlier >= 14 for earlier, later in pairwise(times))
    assert len(first) == 1
    assert len(lists(quarter)) == 2
    assert named(lists(quarter)[1]) == ["Family b4"]


def test_one_or_two_are_asked_for_at_once_as_ever_and_from_the_fourth_within_ten_minutes_on_there_is_a_list(
        quarter: OutageStory) -> None:
    lose_contacts(quarter, *FAR)
    break_down(quarter, *FAR[:3])
    assert asked(quarter) == [(ALONE, 0)] * 3
    break_down(quarter, *FAR[3:8])
    assert asked(quarter) == [(ALONE, 0)] * 3
    quarter.wait(minutes=1)
    [message] = lists(quarter)
    assert named(message) == [f"Family {home}" for home in FAR[3:8]]
    ticket, alone = (quarter.one(Ticket, Ticket.device_id == f"{home}-pump") for home in (FAR[4], FAR[0]))
    row = quarter.one(Notification, col(Notification.list_id).is_not(None), Notification.subject_id == ticket.id)
    assert any(f"they are on the dispatcher's list {row.list_id} of Mon 23 Nov" in line
               for line in quarter.explained(ticket.id, "told"))
    assert not any("list" in line for line in quarter.explained(alone.id, "told"))
    quarter.live(minutes=12)
    break_down(quarter, FAR[8])
    assert asked(quarter)[-1][0] == ALONE, "calm again: one by one"


def test_a_telephone_number_that_is_known_stands_beside_the_name(quarter: OutageStory) -> None:
    lose_contacts(quarter, *LEFT)
    with quarter.gw.store.write() as session:  # nothing is set up that could send there
        session.add(Contact(id="C-phone", owner_kind=RecipientKind.CUSTOMER, owner_id="a0", channel="voice",
                            address="+41790000001", position=0))
    quarter.lose(*LEFT)
    quarter.live(minutes=4, step=0.5)
    assert named(lists(quarter)[0])[:2] == ["Family a0, +41 79 000 00 01", "Family a1"]


def test_whoever_was_told_after_all_is_not_on_the_list_and_a_list_of_nobody_is_not_sent(quarter: OutageStory) -> None:
    lose_contacts(quarter, *LEFT)
    quarter.lose(*LEFT)
    quarter.wait(seconds=30)
    failed = quarter.all(Notification, col(Notification.list_id).is_not(None))
    assert len(failed) == 5
    with quarter.gw.store.write() as session:
        for row in failed:
            session.get_one(Notification, row.id).state = NotificationState.SENT
    quarter.live(minutes=3, step=0.5)
    assert lists(quarter) == []
    row = quarter.one(Notification, Notification.topic == LIST)
    assert (row.state, str(row.reason.kind if row.reason else "")) == (NotificationState.DROPPED, "all_told")


@pytest.mark.slow
def test_two_workers_put_everybody_on_one_list(postgres_url: str) -> None:
    quarter = begin_outage_story(Store(postgres_url))
    lose_contacts(quarter, *FAR)
    for home in FAR:
        quarter.receive(f"devices/{home}-pump/fault", {"code": "E7", "active": True})
    workers = [threading.Thread(target=deliver, args=[quarter.gw, quarter.now]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    quarter.wait(minutes=1)
    alone, listed = [topic for topic, _ in asked(quarter)].count(ALONE), [len(named(one)) for one in lists(quarter)]
    assert alone + sum(listed) == len(FAR)
    assert len(listed) == 1
    quarter.gw.store.close()


def failed(story: Story, home: str) -> Failure:
    """A message of that home that could not be told, as `deliver` finds it."""
    row = story.all(Notification, Notification.recipient_id == home)[0]
    return Failure(row, home, Reason(ReasonKind.NO_CONTACT))


@pytest.mark.slow
def test_a_worker_that_sends_the_list_and_one_that_fills_it_do_not_wait_for_each_other(postgres_url: str) -> None:
    """One has claimed the list, and next has to put somebody on a list itself; the other is about to do so."""
    quarter = begin_outage_story(Store(postgres_url))
    lose_contacts(quarter, *FAR[:6])
    break_down(quarter, *FAR[:6])
    [row] = quarter.all(Notification, Notification.topic == LIST)
    at, failure = (row.due_at or 0), failed(quarter, FAR[5])
    claimed, done, open_lists = threading.Event(), threading.Event(), []

    def send() -> None:
        with quarter.gw.store.write() as session:
            assert [one.id for one in outbox.claim(session, at, 1, "the sender's lease")] == [row.id]
            claimed.set()
            done.wait(5)
            open_lists.append(outbox.dispatcher_lists(session, [failure], at)[0].open)

    def fill() -> None:
        claimed.wait(5)
        with quarter.gw.store.write() as session:
            open_lists.append(outbox.dispatcher_lists(session, [failure], at)[0].open)
            done.set()

    workers = [threading.Thread(target=one) for one in (send, fill)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert open_lists == [set(), set()], "it has closed: who comes now comes on the next"
    quarter.gw.store.close()


def test_a_list_of_which_somebody_is_put_on_it_cannot_leave_meanwhile(postgres_url: str) -> None:
    quarter = begin_outage_story(Store(postgres_url))
    lose_contacts(quarter, *FAR[:6])
    break_down(quarter, *FAR[:6])
    [row] = quarter.all(Notification, Notification.topic == LIST)
    at, failure = (row.due_at or 0), failed(quarter, FAR[5])
    with quarter.gw.store.write() as filling:
        assert outbox.dispatcher_lists(filling, [failure], at)[0].open == {row.id}
        with quarter.gw.store.write() as sending:
            assert outbox.claim(sending, at, 1, "a lease") == []
    with quarter.gw.store.write() as sending:
        assert [one.id for one in outbox.claim(sending, at, 1, "a lease")] == [row.id]
    quarter.gw.store.close()
