"""A power cut that was announced was none: whoever was told so hears that it was wrong, and nobody else anything."""

import pytest

from gateway.flow.outages.call_off import call_off
from gateway.model import (
    Actor,
    ActorKind,
    Contact,
    Customer,
    Link,
    NotificationState,
    Promise,
    PromiseState,
    Reason,
    ReasonKind,
    RecipientKind,
    Ticket,
)
from gateway.model.plan import Refused
from gateway.notifications.channels import Channel, NotSent, Outcome, Sent, Unknown
from gateway.store import Store
from tests.drivers.outage_web import OutageWeb, outage_web
from tests.drivers.story import Message
from tests.drivers.web_driver import read
from tests.fixtures.outage_fleet import LEFT

pytestmark = pytest.mark.slow
DANA = Actor(ActorKind.AGENT, "Dana Meier")
FALSE = "there was no power cut"


@pytest.fixture
def quarter(both_stores: Store) -> OutageWeb:
    return outage_web(both_stores)


def no_power_cut(quarter: OutageWeb) -> None:
    """Somebody has looked: the lights are on, the carrier's mast was not."""
    call_off(quarter.gw, quarter.latest.id, DANA, quarter.now)
    quarter.wait(seconds=1)


def corrections(quarter: OutageWeb) -> dict[str, int]:
    told = {home: sum(FALSE in subject or "keinen Stromausfall" in subject for subject in subjects)
            for home, subjects in quarter.customers_told().items()}
    return {home: count for home, count in told.items() if count}


def test_everybody_who_was_told_hears_that_it_was_wrong_and_nobody_else_anything(quarter: OutageWeb) -> None:
    quarter.cut()
    before = set(quarter.customers_told())
    assert before == set(LEFT)
    quarter.live(minutes=3)
    no_power_cut(quarter)
    assert corrections(quarter) == dict.fromkeys(LEFT, 1)
    assert set(quarter.customers_told()) == before
    [first, second] = quarter.told_to("a1@example.com")  # in order, in her language
    assert "Stromausfall" in first
    assert "Es gab keinen Stromausfall" in second
    quarter.back(*LEFT)
    quarter.live(minutes=10)
    assert {home: len(subjects) for home, subjects in quarter.customers_told().items()} == dict.fromkeys(LEFT, 2)
    assert {row.state for row in quarter.all(Promise, Promise.subject_id == quarter.latest.id)} <= {
        PromiseState.CANCELLED}
    ticket = quarter.one(Ticket, Ticket.outage_id == quarter.latest.id)
    assert ticket.state == "cancelled"
    assert any("there was no power cut" in line and "Dana Meier" in line
               for line in quarter.explained(quarter.latest.id, "history"))


def test_it_is_corrected_where_it_was_told_and_not_where_it_was_not(quarter: OutageWeb) -> None:
    """a0 was told by SMS, because their box refused it; a2 could not be told at all; of a3 nobody knows."""
    def post(address: str, message: object, ref: str) -> Outcome:
        if address in ("a0@example.com", "a2@example.com"):
            return NotSent(True, "no such box", kind="recipient refused")
        quarter.messages.append(Message(address, message.subject, message.long_text))  # type: ignore[attr-defined]
        return Unknown("no answer") if address == "a3@example.com" else Sent("ok")

    quarter.gw.channels.update(email=Channel("email", "long", post), sms=Channel("sms", "short", post))
    quarter.add(Contact(id="k-a0-sms", owner_kind=RecipientKind.CUSTOMER, owner_id="a0", channel="sms",
                        address="+41790000100", position=1))
    quarter.cut()
    quarter.gw.channels["email"] = Channel("email", "long", lambda address, message, ref: Sent("ok") if address in (
        "a0@example.com", "a2@example.com") else post(address, message, ref))  # they work again
    no_power_cut(quarter)
    said = [one.to for one in quarter.messages if FALSE in one.subject or "keinen Stromausfall" in one.subject]
    assert sorted(said) == ["+41790000100", "a1@example.com", "a3@example.com", "a4@example.com"]
    rows = {row.recipient_id: row for row in quarter.notifications("outage_false")}
    assert rows["a2"].state is NotificationState.DROPPED
    assert rows["a2"].reason == Reason(ReasonKind.NEVER_TOLD_OUTAGE_OVER)


def test_what_was_not_said_yet_is_not_said(quarter: OutageWeb) -> None:
    """In the night it waits for the morning: by then nothing is wrong, and nothing has to be corrected."""
    for home in LEFT:
        quarter.change(Customer, home, quiet_from="00:00", quiet_until="23:59")
    quarter.cut()
    assert quarter.customers_told() == {}
    no_power_cut(quarter)
    quarter.live(minutes=60, step=4)
    assert quarter.customers_told() == {}


def test_the_page_that_they_were_led_to_says_so_too(quarter: OutageWeb) -> None:
    quarter.cut()
    path = quarter.page("a0")
    no_power_cut(quarter)
    with quarter.client() as web:
        page = read(web.get(path))
    assert "There was no power cut in Lateral 9a" in page
    assert "You need not do anything" in page
    assert quarter.all(Link) != []


def test_a_home_that_stays_dark_is_looked_at_by_itself(quarter: OutageWeb) -> None:
    quarter.cut()
    no_power_cut(quarter)
    assert [row for row in quarter.all(Ticket) if row.outage_id is None] == []
    quarter.live(minutes=40, step=4)
    own = [row for row in quarter.all(Ticket) if row.outage_id is None]
    assert {row.customer_id for row in own} == set(LEFT)


def test_the_same_again_changes_nothing_and_one_that_is_over_cannot_be_called_off(quarter: OutageWeb) -> None:
    quarter.cut()
    no_power_cut(quarter)
    no_power_cut(quarter)
    assert corrections(quarter) == dict.fromkeys(LEFT, 1)
    quarter.back(*LEFT)
    quarter.live(minutes=10)
    quarter.cut()
    quarter.back(*LEFT)
    quarter.live(minutes=90, step=4)
    with pytest.raises(Refused):
        call_off(quarter.gw, quarter.latest.id, DANA, quarter.now)
