"""The mail server is down: one letter goes ahead to see, the others wait and use up no try, and what was given up
meanwhile is sent after all when it works again."""

from collections.abc import Callable

import pytest
from sqlmodel import col, select

from gateway.config.field_types import Rate
from gateway.config.settings import Channels
from gateway.flow.gateway import Gateway
from gateway.flow.messages.resend import resend
from gateway.model import (
    MINUTE,
    SECOND,
    Contact,
    Customer,
    Instant,
    Notification,
    Reason,
    ReasonKind,
    RecipientKind,
    Subject,
    SubjectKind,
    Ticket,
    customer,
)
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent, Unknown, build_channels
from gateway.notifications.messages import Message
from gateway.notifications.pacing.breaker import PAUSED_AFTER, PROBE_EVERY
from gateway.notifications.topics import Priority, TopicName
from gateway.notifications.undelivered.again import PAUSE_CRITICAL
from gateway.store import Store
from tests.drivers.delivery_driver import NOON, DeliveryDriver, delivery_driver
from tests.fixtures import servers

CROWD = 40


def no_connection() -> Outcome:
    return NotSent(False, "no connection", kind="unreachable")


class Post:
    """A mail server that is down until told otherwise."""

    def __init__(self) -> None:
        self.answer: Callable[[], Outcome] = no_connection
        self.letters: list[str] = []  # addresses, of all that was tried

    def send(self, address: str, message: Message, ref: str) -> Outcome:
        self.letters.append(address)
        return self.answer()

    def works(self) -> None:
        self.answer = lambda: Sent("a ref")


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def office(both_stores: Store, smtp_server: servers.SmtpServer, webhook_server: servers.WebhookServer, post: Post
           ) -> DeliveryDriver:
    there = delivery_driver(both_stores, smtp_server, webhook_server)
    there.channels["email"] = Channel("email", "long", post.send)
    return there


def tell_all(office: DeliveryDriver, first: int, count: int, priority: Priority = Priority.ORDINARY, sms: bool = False
             ) -> list[str]:
    """Messages to new customers who read mail, and SMS where there is no mail. The messages' ids."""
    names = [f"c{number}" for number in range(first, first + count)]
    channels = ("email", "sms") if sms else ("email",)
    office.write(*[Customer(id=name, name=f"Customer {name}") for name in names],
                 *[Contact(id=f"k-{channel}-{name}", owner_kind=RecipientKind.CUSTOMER, owner_id=name, channel=channel,
                           position=place, address=f"{name}@example.com")
                   for name in names for place, channel in enumerate(channels)])
    return [office.tell("test", name, customer(name), subject=Subject(SubjectKind.GATEWAY, "test"), priority=priority,
                        critical=priority is Priority.CRITICAL) for name in names]


@pytest.fixture
def down(office: DeliveryDriver, post: Post) -> DeliveryDriver:
    """So many letters have failed that nobody needs to try more."""
    tell_all(office, 0, PAUSED_AFTER)
    office.deliver()
    assert len(post.letters) == PAUSED_AFTER
    post.letters.clear()
    return office


def wait(office: DeliveryDriver, until: int, step: int = SECOND) -> None:
    """Looks each second, as the clock does."""
    while office.now < until:
        office.now += step
        office.deliver()


def states(office: DeliveryDriver, keys: list[str]) -> set[str]:
    return {office.note(key).state for key in keys}


def test_one_goes_ahead_to_see_and_the_others_use_up_no_try(down: DeliveryDriver, post: Post) -> None:
    keys = tell_all(down, 100, CROWD)
    down.deliver()
    assert post.letters == []
    assert states(down, keys) == {"held"}
    assert down.note(keys[0]).reason == Reason(ReasonKind.CHANNEL_DOWN, {"channel": "email"})
    wait(down, down.now + 3 * PROBE_EVERY)
    assert 2 <= len(post.letters) <= 3
    post.works()
    wait(down, down.now + 2 * PROBE_EVERY)
    assert states(down, keys) == {"sent"}
    assert {len([outcome for _, outcome in down.tries(key)]) for key in keys} <= {1, 2, 3}


def test_an_answer_about_one_address_shows_that_the_server_works(office: DeliveryDriver, post: Post) -> None:
    post.answer = lambda: NotSent(True, "no such address", kind="recipient refused")
    tell_all(office, 0, 2 * PAUSED_AFTER)
    office.deliver()
    post.works()
    keys = tell_all(office, 100, 5)
    office.deliver()
    assert states(office, keys) == {"sent"}


def test_no_answer_counts_like_no_connection(office: DeliveryDriver, post: Post) -> None:
    post.answer = lambda: Unknown("no answer")
    tell_all(office, 0, PAUSED_AFTER)
    office.deliver()
    post.letters.clear()
    tell_all(office, 100, 5)
    office.deliver()
    assert post.letters == []


def test_critical_news_takes_another_channel_at_once_and_other_news_after_a_while(down: DeliveryDriver, post: Post
                                                                                 ) -> None:
    down.channels["sms"] = Channel("sms", "short", lambda address, message, ref: Sent(ref))
    urgent, ordinary = tell_all(down, 100, 1, Priority.CRITICAL, sms=True)[0], tell_all(down, 200, 1, sms=True)[0]
    down.deliver()
    assert down.tries(urgent) == [("sms", "sent")]
    assert down.note(ordinary).state == "held"
    wait(down, down.now + 60 * MINUTE)  # the last wait between two tries is up to 23 minutes
    assert ("sms", "sent") in down.tries(ordinary)


def test_critical_news_with_no_other_way_is_given_up_in_time_for_a_call_and_sent_after_all(
        down: DeliveryDriver, post: Post) -> None:
    keys = tell_all(down, 100, 3, Priority.CRITICAL)
    wait(down, down.now + 3 * MINUTE)
    assert states(down, keys) == {"failed"}
    post.works()
    assert resend(gateway(down), down.now) == 0, "nobody knows yet that it works"
    tell_all(down, 200, 1)
    wait(down, down.now + 2 * PROBE_EVERY)
    assert resend(gateway(down), down.now) == 3
    down.deliver()
    assert states(down, keys) == {"sent"}
    assert resend(gateway(down), down.now) == 0


def test_what_was_tried_in_vain_before_is_sent_after_all_and_not_at_once_again(office: DeliveryDriver, post: Post
                                                                              ) -> None:
    (key,) = tell_all(office, 0, 1, Priority.CRITICAL)
    wait(office, office.now + MINUTE)
    assert office.note(key).state == "failed"
    assert len(office.tries(key)) == 3
    post.works()
    tell_all(office, 100, 1)
    wait(office, office.now + SECOND)
    assert resend(gateway(office), office.now) == 1
    post.answer = no_connection
    wait(office, office.now + MINUTE)
    assert office.note(key).state == "failed"
    post.works()
    tell_all(office, 200, 1)
    wait(office, office.now + SECOND)
    assert resend(gateway(office), office.now) == 0
    office.now += PAUSE_CRITICAL
    assert resend(gateway(office), office.now) == 1
    office.deliver()
    assert office.note(key).state == "sent"


def live(office: DeliveryDriver, until: Instant) -> None:
    """Looks every half a minute, as the gateway does, for what is due and for what may be tried again."""
    while office.now < until:
        office.now += 30 * SECOND
        resend(gateway(office), office.now)
        office.deliver()


@pytest.mark.parametrize("server_each", [False, True], ids=["a server for all", "a server of their own"])
def test_a_critical_message_that_gave_up_after_three_tries_goes_out_when_the_channel_is_back_after_an_hour(
        office: DeliveryDriver, post: Post, server_each: bool) -> None:
    """It is the only one, so that no other can show that the channel works again."""
    office.channels["email"] = Channel("email", "long", post.send, server_each=server_each)
    (key,) = tell_all(office, 0, 1, Priority.CRITICAL)
    wait(office, NOON + 40 * SECOND)
    assert (office.note(key).state, len(office.tries(key))) == ("failed", 3)
    live(office, NOON + 60 * MINUTE)
    assert office.note(key).state in ("failed", "queued")
    assert len(post.letters) <= 3 * 5, "after 5, 10, 20 … minutes, not all the time"
    post.works()
    live(office, NOON + 2 * 60 * MINUTE)
    assert office.note(key).state == "sent"
    assert [outcome for _, outcome in office.tries(key)].count("sent") == 1
    with office.store.read() as session:
        asked = session.exec(select(Notification).where(Notification.topic == TopicName.UNDELIVERABLE)).all()
    assert [one.occurrence for one in asked] == [key], "somebody was asked to ring them, once"


def test_when_the_channel_is_back_after_an_hour_the_oldest_critical_message_goes_first(
        office: DeliveryDriver, post: Post) -> None:
    keys = []
    for minute in range(PAUSED_AFTER):
        office.now = NOON + minute * SECOND
        keys += tell_all(office, 100 - minute, 1, Priority.CRITICAL)
    wait(office, NOON + 5 * MINUTE)
    keys += tell_all(office, 0, 1, Priority.CRITICAL)
    ordinary = tell_all(office, 300, CROWD)
    wait(office, NOON + 60 * MINUTE, step=15 * SECOND)
    assert states(office, keys) == {"failed"}
    assert states(office, ordinary).isdisjoint({"sent", "dropped"})
    post.works()
    post.letters.clear()
    wait(office, office.now + 2 * PROBE_EVERY)
    assert resend(gateway(office), office.now) >= len(keys)
    assert sorted(keys, key=lambda key: office.note(key).due_at or 0) == keys, "the order in which they were written"
    office.deliver()
    assert states(office, keys) == {"sent"}
    live(office, office.now + 45 * MINUTE)
    assert states(office, ordinary) == {"sent"}
    assert len(post.letters) == len(set(post.letters)) == len(keys) + len(ordinary), "nobody hears it twice"


def test_the_dispatcher_is_asked_to_ring_each_of_them_once_however_often_it_is_tried(office: DeliveryDriver, post: Post
                                                                                    ) -> None:
    tell_all(office, 0, 8, Priority.CRITICAL)
    wait(office, NOON + 2 * MINUTE)
    live(office, NOON + 60 * MINUTE)
    with office.store.read() as session:
        asked = session.exec(select(Notification.topic).where(
            col(Notification.topic).in_((TopicName.UNDELIVERABLE, TopicName.UNDELIVERED_LIST)))).all()
    assert sorted(asked) == ["undeliverable"] * 3 + ["undelivered_list"]


def test_what_is_over_by_then_is_dropped_and_says_why(office: DeliveryDriver, post: Post) -> None:
    office.change(Contact, next(one.id for one in contacts_of(office, "alice") if one.channel == "sms"),
                  stopped_at=NOON, stopped_why="gone")
    key = office.tell("fault_found", "1", critical=True, priority=Priority.CRITICAL)
    wait(office, NOON + MINUTE)
    assert office.note(key).state == "failed"
    office.change(Ticket, "T-1", state="resolved", resolved_at=office.now)
    post.works()
    post.letters.clear()
    live(office, NOON + 30 * MINUTE)
    row = office.note(key)
    assert (row.state, row.reason) == ("dropped", Reason(ReasonKind.FIXED_FIRST))
    assert post.letters.count("alice@example.com") == 0
    assert any("already fixed" in line for line in office.timeline())


def test_what_each_contact_refused_for_good_is_tried_by_nobody_again(office: DeliveryDriver, post: Post) -> None:
    post.answer = lambda: NotSent(True, "no such box", kind="recipient refused")
    (key,) = tell_all(office, 0, 1, Priority.CRITICAL)
    wait(office, office.now + 10 * SECOND)
    live(office, NOON + 60 * MINUTE)
    assert len(office.tries(key)) == 1


def test_whoever_is_to_help_is_tried_whatever_happened_before(down: DeliveryDriver, post: Post) -> None:
    (key,) = tell_all(down, 100, 1, Priority.CALL_FOR_HELP)
    down.deliver()
    assert post.letters == ["c100@example.com"]
    assert down.note(key).state == "queued"


def limited(office: DeliveryDriver, **limits: str) -> None:
    rates = {name: Rate.read(written) for name, written in limits.items()}
    channels = office.settings.channels.model_copy(update={"limits": rates})
    office.settings = office.settings.model_copy(update={"channels": channels})


def test_a_channel_that_takes_only_so_much_gets_no_more_and_everybody_has_their_turn(office: DeliveryDriver, post: Post
                                                                                    ) -> None:
    limited(office, email="10/min")
    post.works()
    keys = tell_all(office, 0, 30)
    office.deliver()
    assert len(post.letters) == 10
    waits = [key for key in keys if office.note(key).state == "held"]
    assert office.note(waits[0]).reason == Reason(ReasonKind.CHANNEL_BUSY, {"channel": "email"})
    assert len({office.note(key).due_at for key in waits}) == 20, "each has a turn of its own"
    for minute in (1, 2):
        wait(office, NOON + minute * MINUTE)
        assert len(post.letters) == 10 + 10 * minute
    assert states(office, keys) == {"sent"}


def test_urgent_news_does_not_wait_for_a_turn_and_the_others_wait_longer(office: DeliveryDriver, post: Post) -> None:
    limited(office, email="10/min")
    post.works()
    tell_all(office, 0, 10)
    office.deliver()
    urgent = tell_all(office, 100, 5, Priority.CRITICAL) + tell_all(office, 200, 1, Priority.CALL_FOR_HELP)
    office.deliver()
    assert states(office, urgent) == {"sent"}
    (later,) = tell_all(office, 300, 1)
    wait(office, office.now + 40 * SECOND)
    assert office.note(later).state == "held"
    wait(office, office.now + 10 * SECOND)
    assert office.note(later).state == "sent"


def test_channels_of_one_provider_share_its_limit(office: DeliveryDriver, post: Post) -> None:
    limited(office, **{"email+sms": "10/min"})
    post.works()
    keys = tell_all(office, 0, 10)
    office.deliver()
    assert states(office, keys) == {"sent"}
    office.write(Customer(id="by-sms", name="Bob"), Contact(
        id="k-by-sms", owner_kind=RecipientKind.CUSTOMER, owner_id="by-sms", channel="sms", address="+41790000000"))
    key = office.tell("test", "by-sms", customer("by-sms"), subject=Subject(SubjectKind.GATEWAY, "test"))
    office.deliver()
    assert office.note(key).reason == Reason(ReasonKind.CHANNEL_BUSY, {"channel": "sms"})
    with pytest.raises(ValueError, match="sms has two limits"):
        Channels(limits={"email+sms": "10/min", "sms": "1/s"})


def test_a_limit_of_a_channel_that_there_is_not_is_said(office: DeliveryDriver) -> None:
    limited(office, fax="10/min")
    with pytest.raises(ValueError, match=r"limits\.fax: there is no channel 'fax'; expected one of email, sms"):
        build_channels(office.settings)


@pytest.mark.parametrize("written", ["", "0/s", "10", "10 / s", "10/day", "-1/s", "1e3/s", "9999999/s"])
def test_a_limit_that_cannot_be_read_is_said(written: str) -> None:
    with pytest.raises(ValueError, match="expected messages and a time"):
        Channels(limits={"email": written})


def contacts_of(office: DeliveryDriver, customer_id: str) -> list[Contact]:
    with office.store.read() as session:
        return list(session.exec(select(Contact).where(Contact.owner_id == customer_id)))


def gateway(office: DeliveryDriver) -> Gateway:
    return Gateway(office.settings, office.store, {}, office.channels)
