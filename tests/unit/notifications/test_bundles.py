"""Which messages leave as one: a table on plain rows, and what the registry says about each topic."""

from typing import Any

import pytest

from gateway.config.field_types import Rate
from gateway.model import (
    ChannelUse,
    Contact,
    Customer,
    Instant,
    Link,
    LinkPurpose,
    Notification,
    ReasonKind,
    Recipient,
    RecipientKind,
    Severity,
    SubjectKind,
    Ticket,
    TicketState,
    customer,
    from_iso,
    provider,
)
from gateway.notifications.bundling.bundle import MOST_PIECES, bundle, bundle_key
from gateway.notifications.context import NotificationContext
from gateway.notifications.decide import Decision, Hold, decide_all
from gateway.notifications.pacing.budget import Budget
from gateway.notifications.topics import TOPICS, Priority
from tests.fixtures.outbox_rows import ALICE, note

NOON = from_iso("2026-11-23T12:00:00+01:00")
TICKET = Ticket(id="T-1", site_id="s", customer_id="alice", device_id="d", cause_key="hot", cause="too hot",
                skill="heating", severity=Severity.MAJOR, state=TicketState.OFFERED, opened_at=NOON)


def contact(key: str, channel: str, owner: Recipient = ALICE, position: int = 0) -> Contact:
    return Contact(id=key, owner_kind=owner.kind, owner_id=owner.id, channel=channel, address=key, position=position)


MAIL, SMS, HOOK = contact("k-mail", "email"), contact("k-sms", "sms"), contact("k-hook", "webhook")
EMIL = contact("k-emil", "email", Recipient(RecipientKind.PERSON, "emil"))


def a_link(key: str = "L-1") -> Link:
    return Link(id=key, purpose=LinkPurpose.FOLLOW, subject_kind=SubjectKind.TICKET, subject_id="T-1", created_at=NOON,
                expires_at=NOON + 1)


def context(**more: Any) -> NotificationContext:
    home = Customer(id="alice", name="Alice Keller", timezone="Europe/Zurich")
    values: dict[str, Any] = {"ticket": TICKET, "customer": home, "contacts": (MAIL,), "link": a_link(),
                              "knows_repeats": frozenset(("webhook",))}
    return NotificationContext(**(values | more))


def row(which: str, topic: str = "fault_found", to: Recipient = ALICE, **more: Any) -> Notification:
    return note(f"N-{which}", topic, which, NOON, to, **more)


Sending = tuple[Notification, NotificationContext, Contact]


def parts(*messages: Sending, short: bool = False) -> list[list[str]]:
    """The ids of what leaves together."""
    made = bundle(messages, lambda one: bundle_key(*one, short))
    return [[one[0].occurrence for one in pieces] for pieces in made]


@pytest.mark.parametrize(("second", "about", "at", "together"), [
    (row("2"), context(), MAIL, True),
    (row("2", "technician_assigned"), context(link=a_link("L-2")), MAIL, True),
    (row("2"), context(link=None), MAIL, True),
    (row("2"), context(), SMS, False),
    (row("2"), context(), EMIL, False),
    (row("2", to=customer("bob")), context(), MAIL, False),
    (row("2", critical=True), context(), MAIL, False),
    (row("2", priority=Priority.CRITICAL), context(), MAIL, False),
    (row("2", "on_the_way"), context(), MAIL, False),
    (row("2", "callback_scheduled"), context(), MAIL, False),
    (row("2", "written by a newer gateway"), context(), MAIL, False),
    (row("2"), context(in_shadow=True), MAIL, False),
], ids=["the same reader and contact", "each has its own link", "no link", "another contact", "another person's",
        "another household's", "critical", "somebody there needs help", "somebody is on the way", "an answer",
        "an unknown topic", "what does not leave the house"])
def test_what_leaves_with_the_first(second: Notification, about: NotificationContext, at: Contact, together: bool
                                    ) -> None:
    first = (row("1"), context(), MAIL)
    assert parts(first, (second, about, at)) == ([["1", "2"]] if together else [["1"], ["2"]])


def test_a_short_message_has_room_for_one_link() -> None:
    first = (row("1"), context(), SMS)
    assert parts(first, (row("2"), context(), SMS), short=True) == [["1", "2"]]
    assert parts(first, (row("2"), context(link=a_link("L-2")), SMS), short=True) == [["1"], ["2"]]
    assert parts((row("1"), context(link=None), SMS), (row("2"), context(link=None), SMS), short=True) == [["1"], ["2"]]


def test_a_program_that_can_tell_repeats_gets_each_under_its_own_id() -> None:
    assert parts((row("1"), context(), HOOK), (row("2"), context(), HOOK)) == [["1"], ["2"]]


def test_firms_and_the_desk_get_each_by_itself() -> None:
    office = contact("k-kunz", "email", provider("kunz"))
    offers = [(row(str(number), "offer_taken", provider("kunz")), context(), office) for number in range(2)]
    assert parts(*offers) == [["0"], ["1"]]


def test_the_order_stays_and_what_stands_between_goes_alone() -> None:
    assert parts((row("1"), context(), MAIL), (row("2", "on_the_way"), context(), MAIL), (row("3"), context(), MAIL)
                 ) == [["1", "3"], ["2"]]


def test_nobody_reads_more_than_ten_at_once() -> None:
    many = [(row(str(number)), context(), MAIL) for number in range(2 * MOST_PIECES + 1)]
    assert [len(pieces) for pieces in parts(*many)] == [MOST_PIECES, MOST_PIECES, 1]


@pytest.mark.parametrize("name", [name for name, topic in TOPICS.items() if topic.may_be_merged])
def test_only_what_nobody_waits_for_may_be_merged(name: str) -> None:
    topic = TOPICS[name]
    assert not topic.passes_quiet_hours
    assert RecipientKind.CUSTOMER in topic.audience
    assert topic.subjects != {SubjectKind.CALLBACK}


# --- one message is one message: for its reader's quota, for the channel's limit, and for the probe

def true_now(which: str, **more: Any) -> Notification:
    return note(f"N-{which}", "fault_found", 1, NOON, **more)


def decided(count: int, budget: Budget | None = None, now: Instant = NOON, **more: Any) -> list[Decision]:
    rows = [true_now(str(number)) for number in range(count)]
    contexts = {one.id: context(**more) for one in rows}
    return [made for _, made in decide_all(rows, contexts, now, {"email": budget} if budget is not None else {})]


def kinds(made: list[Decision]) -> list[str]:
    return [str(one.reason.kind) if isinstance(one, Hold) else type(one).__name__ for one in made]


def test_what_was_held_for_the_quota_leaves_when_there_is_room_for_one() -> None:
    eleven = tuple(NOON - 60_000 + number for number in range(11))
    assert kinds(decided(3, recent=eleven)) == ["Send"] * 3
    assert kinds(decided(3, recent=(*eleven, NOON))) == [ReasonKind.MANY_MESSAGES] * 3


def test_it_takes_one_turn_at_a_channel_that_is_busy() -> None:
    use = ChannelUse(channel="email", spent_until=0, queue_until=0)
    assert kinds(decided(3, Budget(Rate(1, 3_600_000), use, NOON))) == ["Send"] * 3
    made = decided(3, Budget(Rate(1, 3_600_000), use, NOON))
    assert kinds(made) == [ReasonKind.CHANNEL_BUSY] * 3
    assert len({one.until for one in made if isinstance(one, Hold)}) == 1


def test_the_probe_of_a_channel_that_failed_takes_all_of_one_reader_along() -> None:
    paused = {"email": NOON}
    assert kinds(decided(3, paused=paused)) == ["Send"] * 3
    rows = [true_now("1"), true_now("2", to=customer("bob"))]
    bob = contact("k-bob", "email", customer("bob"))
    contexts = {rows[0].id: context(paused=paused), rows[1].id: context(paused=paused, contacts=(bob,))}
    assert kinds([made for _, made in decide_all(rows, contexts, NOON)]) == ["Send", ReasonKind.CHANNEL_DOWN]


def test_critical_news_is_decided_by_itself() -> None:
    rows = [true_now("1"), true_now("2", critical=True), true_now("3")]
    contexts = {one.id: context() for one in rows}
    made = decide_all(rows, contexts, NOON)
    assert kinds([one for _, one in made]) == ["Send"] * 3
    leaving = bundle(made, lambda one: bundle_key(one[0], contexts[one[0].id], MAIL, False))
    assert [[one.id for one, _ in pieces] for pieces in leaving] == [["N-1", "N-3"], ["N-2"]]
