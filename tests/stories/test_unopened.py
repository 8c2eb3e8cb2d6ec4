"""A critical message that nobody opens goes out on another channel too, and in the end somebody rings."""

import httpx
import pytest
from sqlmodel import col, select

from gateway.config.settings import Channels, Settings, Webhook
from gateway.model import (
    MINUTE,
    SECOND,
    Attempt,
    AttemptOutcome,
    Contact,
    LinkPurpose,
    Notification,
    NotificationState,
    RecipientKind,
    Ticket,
    customer,
)
from gateway.notifications.channels import build_channels
from gateway.notifications.topics import TopicName
from gateway.store import Store
from gateway.tickets.actions import CancelTicket
from tests.drivers.delivery_driver import SECRET
from tests.drivers.web_driver import WebStory, web_story
from tests.fixtures import servers
from tests.fixtures.household import move_in

pytestmark = pytest.mark.slow
ALICE, ALICE_SMS = "alice@example.com", "+41791234567"
DESK = "desk@example.com"
FOUND, RING = TopicName.FAULT_FOUND, TopicName.UNDELIVERABLE


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores, unopened_minutes=10)


def told(there: WebStory, device: str = "alice-pump") -> Ticket:
    """It is broken, which is critical, and the household has been told."""
    ticket = there.break_down(device)
    there.wait(seconds=5)
    return ticket


def message(there: WebStory, ticket: Ticket) -> Notification:
    return there.one(Notification, Notification.topic == FOUND, Notification.subject_id == ticket.id)


def sent(there: WebStory, ticket: Ticket) -> list[str]:
    """The channels by which it has gone out, in order."""
    with there.gw.store.read() as session:
        return list(session.exec(select(Attempt.channel).where(
            Attempt.notification_id == message(there, ticket).id, Attempt.outcome == AttemptOutcome.SENT)
            .order_by(col(Attempt.started_at))))


def opened(there: WebStory, path: str, **headers: str) -> None:
    with there.client() as web:
        assert web.get(path, headers=headers).status_code == 200


def test_what_somebody_has_opened_goes_out_once(there: WebStory) -> None:
    ticket = told(there)
    there.wait(minutes=9)
    opened(there, there.follow(ticket))
    there.wait(minutes=20)
    assert sent(there, ticket) == ["email"]
    assert message(there, ticket).opened_at == there.now - 20 * MINUTE
    assert not there.notifications(RING)
    assert any("opened on" in line for line in there.explained(ticket.id, "told"))


def test_what_nobody_opens_goes_out_on_another_channel_too_and_it_is_said_why(there: WebStory) -> None:
    ticket = told(there)
    by = message(there, ticket).open_by
    assert by is not None
    assert 10 * MINUTE <= by - there.now < 10 * MINUTE + SECOND
    there.wait(minutes=9, seconds=59)
    assert sent(there, ticket) == ["email"]
    there.wait(seconds=2)
    assert sent(there, ticket) == ["email", "sms"]
    assert [one.to for one in there.messages if one.to in (ALICE, ALICE_SMS)] == [ALICE, ALICE_SMS]
    assert any("by sms too, because nobody had opened it by" in line and "13:10" in line
               for line in there.timeline(ticket.id))
    [line] = [one for one in there.explained(ticket.id, "told") if "so it went by sms too" in one]
    assert "nobody opened it by" in line
    assert message(there, ticket).state is NotificationState.SENT


def test_each_channel_is_used_once_and_then_the_dispatcher_rings(there: WebStory) -> None:
    ticket = told(there)
    there.wait(minutes=10, seconds=1)
    there.wait(minutes=10, seconds=1)
    there.wait(seconds=5)
    assert sent(there, ticket) == ["email", "sms"]
    row = message(there, ticket)
    assert (row.state, row.open_by) == (NotificationState.UNKNOWN, None)
    assert [one.occurrence for one in there.notifications(RING)] == [row.id]
    assert any(one.to == DESK and "Alice Keller" in one.subject for one in there.messages)
    there.wait(minutes=60)
    assert sent(there, ticket) == ["email", "sms"]
    assert len([one for one in there.notifications(RING) if one.occurrence == row.id]) == 1
    assert any("nobody has opened the page" in line for line in there.explained(ticket.id, "told"))


def test_who_has_no_other_channel_is_rung(there: WebStory) -> None:
    ticket = told(there, "bob-pump")
    there.wait(minutes=10, seconds=1)
    there.wait(seconds=5)
    assert sent(there, ticket) == ["email"]
    assert [one.occurrence for one in there.notifications(RING)] == [message(there, ticket).id]


def test_a_contact_that_has_been_stopped_is_no_other_channel(there: WebStory) -> None:
    ticket = told(there)
    there.change(there.one(Contact, Contact.address == ALICE_SMS), stopped_at=there.now, stopped_why="gone")
    there.wait(minutes=10, seconds=1)
    assert sent(there, ticket) == ["email"]
    assert len(there.notifications(RING)) == 1


def test_what_is_no_longer_true_goes_out_no_more(there: WebStory) -> None:
    ticket = told(there)
    when = message(there, ticket).done_at
    there.act(CancelTicket(ticket.id, "a mistake"), "agent")
    there.wait(minutes=10, seconds=1)
    row = message(there, ticket)
    assert sent(there, ticket) == ["email"]
    assert (row.state, row.open_by, row.done_at) == (NotificationState.SENT, None, when)
    assert not there.notifications(RING)
    assert any("it went by no other channel" in line for line in there.explained(ticket.id, "told"))


def test_of_two_in_one_household_it_is_enough_that_one_opens_it(there: WebStory) -> None:
    move_in(there)
    ticket = told(there, "arber-pump")
    there.wait(minutes=10, seconds=1)
    assert [one.to for one in there.messages if one.to != DESK and "@kunz" not in one.to][:2] == [
        "arber@example.com", "+41790000001"]
    opened(there, there.follow(ticket))  # Emil, from the household's mail
    there.wait(minutes=30)
    assert sent(there, ticket) == ["email", "sms"]
    assert not there.notifications(RING)


def test_nobody_left_in_a_household_of_several_is_rung(there: WebStory) -> None:
    """Emil reads mail, too, by which it has been sent: it goes out once by each channel."""
    move_in(there)
    ticket = told(there, "arber-pump")
    for _ in range(3):
        there.wait(minutes=10, seconds=1)
    assert sent(there, ticket) == ["email", "sms"]
    assert len([one for one in there.notifications(RING) if one.occurrence == message(there, ticket).id]) == 1


def test_the_page_of_the_whole_household_counts(there: WebStory) -> None:
    ticket = told(there)
    with there.client() as web:
        web.post(f"{there.follow(ticket)}/household")
    there.wait(seconds=5)
    opened(there, there.link(LinkPurpose.HOUSEHOLD, customer("alice")))
    there.wait(minutes=20)
    assert sent(there, ticket) == ["email"]


@pytest.mark.parametrize("headers", [
    {"User-Agent": "facebookexternalhit/1.1"}, {"Sec-Purpose": "prefetch"}], ids=["preview", "prefetch"])
def test_what_looks_ahead_for_people_opens_nothing(there: WebStory, headers: dict[str, str]) -> None:
    ticket = told(there)
    opened(there, there.follow(ticket), **headers)
    there.wait(minutes=10, seconds=1)
    assert sent(there, ticket) == ["email", "sms"]


def test_asking_for_the_head_of_a_page_opens_nothing(there: WebStory) -> None:
    ticket = told(there)
    with there.client() as web:
        assert isinstance(web.head(there.follow(ticket)), httpx.Response)
    assert message(there, ticket).opened_at is None


def test_with_zero_minutes_nothing_has_to_be_opened(both_stores: Store) -> None:
    there = web_story(both_stores, unopened_minutes=0)
    ticket = told(there)
    there.wait(minutes=30)
    assert sent(there, ticket) == ["email"]
    assert not there.notifications(RING)


@pytest.mark.parametrize(("says", "also", "opened_at"), [
    (b'{"status": "opened"}', [], True), (b'{"status": "delivered"}', [], False), (b"", ["email"], False),
    (b'{"status": "unknown_recipient"}', ["email"], False)], ids=["opened", "delivered", "nothing", "unknown"])
def test_a_web_hook_may_say_at_once_that_it_was_read(
        there: WebStory, webhook_server: servers.WebhookServer, says: bytes, also: list[str], opened_at: bool) -> None:
    settings = Settings(channels=Channels(webhook=Webhook(secret=SECRET, allow_private=True)))
    there.gw.channels.update(webhook=build_channels(settings)["webhook"])
    there.add(Contact(id="K-hook", owner_kind=RecipientKind.CUSTOMER, owner_id="alice", channel="webhook",
                      position=-1, address=webhook_server.url))
    webhook_server.bodies.append(says)
    ticket = told(there)
    there.wait(minutes=11)
    there.wait(seconds=5)
    refused = b"unknown" in says
    assert sent(there, ticket)[:2] == [*([] if refused else ["webhook"]), *also, *(["sms"] if refused else [])]
    row = message(there, ticket)
    assert (row.opened_at is not None) is opened_at
    tries = [one for one in there.all(Attempt, Attempt.notification_id == row.id) if one.channel == "webhook"]
    assert [one.delivered_at is not None for one in tries] == [not refused]
    assert (there.one(Contact, Contact.id == "K-hook").stopped_at is not None) is refused
    if not refused:
        assert any("the other side said on" in line for line in there.explained(row.id, "told"))
