"""What people choose between a message's writing and its sending counts, each for themselves, and it is said why."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.model import (
    Contact,
    Notification,
    NotificationState,
    Preference,
    ReasonKind,
    Ticket,
    from_iso,
)
from gateway.notifications.preferences.links import preferences_token
from gateway.store import Store
from gateway.tickets.actions import LeaveSite
from tests.drivers.web_driver import WebStory, web_story
from tests.fixtures.household import move_in

pytestmark = pytest.mark.slow
NIGHT = from_iso("2026-11-23T23:00:00+01:00")
ALICE, ALICE_SMS = "alice@example.com", "+41791234567"
GROUPS = ["faults", "visits", "surveys", "maintenance"]
KEPT = {"act": "choose", "amount": "everything", "digest_at": "18:00", "groups": GROUPS, "quiet": "household"}


@pytest.fixture
def there(both_stores: Store) -> WebStory:
    return web_story(both_stores, unopened_minutes=10)


@pytest.fixture
def web(there: WebStory) -> Iterator[httpx.Client]:
    with there.client() as client:
        yield client


def contact(there: WebStory, owner: str, channel: str = "email") -> Contact:
    return there.one(Contact, Contact.owner_id == owner, Contact.channel == channel)


def page(there: WebStory, one: Contact) -> str:
    choice = next(iter(there.all(Preference, Preference.owner_id == one.owner_id)), None)
    return f"/m/{preferences_token(there.secret, one, choice)}"


def chooses(there: WebStory, web: httpx.Client, who: Contact, **form: object) -> None:
    assert web.post(page(there, who), data=form).status_code == 303


def leak(there: WebStory, device: str = "alice-pump") -> Ticket:
    """The water pressure is low, which is no danger."""
    there.says(device, pressure=0.2)
    there.keep_saying(device, 11, pressure=0.2)
    return there.one(Ticket, Ticket.device_id == device)


def waits(there: WebStory, device: str = "alice-pump") -> tuple[Ticket, Notification]:
    """It is night: what they are to be told waits for the morning."""
    there.now = NIGHT
    there.listen()
    ticket = leak(there, device)
    row = there.notifications("fault_found")[-1]
    assert row.state is NotificationState.HELD
    return ticket, row


def morning(there: WebStory, device: str = "alice-pump") -> None:
    there.now = from_iso("2026-11-24T07:00:00+01:00")
    there.says(device, pressure=0.2)
    there.wait()


# opted out between queued and sent

@pytest.mark.parametrize(("form", "why", "words"), [
    ({"act": "stop"}, ReasonKind.STOPPED, "they want no messages but those about danger"),
    (KEPT | {"groups": ["visits"]}, ReasonKind.MUTED, "no messages about faults and power cuts"),
], ids=["everything", "one group"])
def test_who_opts_out_before_it_leaves_is_not_told_and_it_is_said_why(
        there: WebStory, web: httpx.Client, form: dict[str, object], why: ReasonKind, words: str) -> None:
    ticket, row = waits(there)
    chooses(there, web, contact(there, "alice"), **form)
    morning(there)
    row = there.again(row)
    assert (row.state, row.reason and row.reason.kind) == (NotificationState.DROPPED, why)
    assert there.told_to(ALICE) == there.told_to(ALICE_SMS) == []
    assert any(words in line for line in there.explained(ticket.id, "told")), there.explained(ticket.id, "told")
    assert any(words in line for line in there.timeline(ticket.id))
    assert there.notifications("undeliverable") == [], "nobody rings who wants to be left alone"


def test_who_stops_one_contact_before_it_leaves_is_told_on_the_other_once(there: WebStory, web: httpx.Client) -> None:
    _, row = waits(there)
    mail = contact(there, "alice")
    chooses(there, web, mail, act="stop_contact", contact=mail.id)
    morning(there)
    assert there.told_to(ALICE) == []
    assert len(there.told_to(ALICE_SMS)) == 1
    assert there.again(row).state is NotificationState.SENT


def test_who_stops_each_of_their_contacts_is_not_told_and_it_is_said_why(there: WebStory, web: httpx.Client) -> None:
    ticket, row = waits(there)
    for one in (contact(there, "alice", "sms"), contact(there, "alice")):
        chooses(there, web, contact(there, "alice"), act="stop_contact", contact=one.id)
    morning(there)
    row = there.again(row)
    assert (row.state, row.reason and row.reason.kind) == (NotificationState.DROPPED, ReasonKind.CONTACTS_STOPPED)
    assert there.notifications("undeliverable") == [], "nobody rings who wants to be left alone"
    assert there.told_to(ALICE) == there.told_to(ALICE_SMS) == []
    assert any("stopped" in line for line in there.explained(ticket.id, "told"))


def test_who_moves_out_before_it_leaves_is_not_told_and_it_is_said_why(there: WebStory) -> None:
    ticket, row = waits(there)
    there.act(LeaveSite("alice-home"))
    morning(there)
    row = there.again(row)
    assert (row.state, row.reason and row.reason.kind) == (NotificationState.DROPPED, ReasonKind.MOVED_OUT)
    assert there.told_to(ALICE) == there.told_to(ALICE_SMS) == []
    assert any("do not live there any more" in line or "moved out" in line
               for line in there.explained(ticket.id)), there.explained(ticket.id)


def test_who_opts_in_again_before_it_leaves_is_told_once(there: WebStory, web: httpx.Client) -> None:
    waits(there)
    for act in ("stop", "resume"):
        chooses(there, web, contact(there, "alice"), act=act)
    morning(there)
    assert len(there.told_to(ALICE)) == 1


# safety passes a stop

def test_danger_passes_a_stop_of_everything_and_says_why_it_may(there: WebStory, web: httpx.Client) -> None:
    chooses(there, web, contact(there, "alice"), act="stop")
    ticket = there.break_down()
    there.wait(seconds=5)
    [mail] = [one for one in there.messages if one.to == ALICE]
    assert "You have stopped our messages. We write all the same, because this is about your safety" in mail.text
    assert any("was told “fault found”" in line for line in there.explained(ticket.id, "told"))


def test_who_has_stopped_nothing_reads_nothing_about_it(there: WebStory) -> None:
    there.break_down()
    there.wait(seconds=5)
    assert all("stopped our messages" not in one.text for one in there.messages)


# two people of one household

def test_two_of_one_household_read_two_languages_on_their_own_channels(there: WebStory, web: httpx.Client) -> None:
    """Critical, and nobody opens it: Emil has it by mail in French, and then Erna by SMS in Hindi."""
    move_in(there)
    emil, erna = contact(there, "emil"), contact(there, "erna", "sms")
    chooses(there, web, contact(there, "arber"), act="stop_contact", contact=contact(there, "arber").id)
    chooses(there, web, emil, **KEPT | {"locale": "fr"})
    chooses(there, web, erna, **KEPT | {"locale": "hi"})
    there.break_down("arber-pump")
    there.wait(seconds=5)
    there.wait(minutes=10, seconds=1)
    heard = {one.to: one.subject + one.text for one in there.messages if one.to in (emil.address, erna.address)}
    assert set(heard) == {emil.address, erna.address}
    assert "Bonjour" in heard[emil.address] or "pompe" in heard[emil.address].lower()
    assert any("ऀ" <= letter <= "ॿ" for letter in heard[erna.address])
    assert not any("ऀ" <= letter <= "ॿ" for letter in heard[emil.address])


def test_each_of_them_sleeps_at_their_own_hours_and_has_their_own_channel(there: WebStory, web: httpx.Client) -> None:
    """At eleven at night Erna, whose box comes first, sleeps until nine; Emil, who is awake, is not told in her place:
    it waits for her, and is said once. When she has stopped it, it is his, at once."""
    move_in(there)
    emil, erna = contact(there, "emil"), contact(there, "erna", "sms")
    chooses(there, web, contact(there, "arber"), act="stop_contact", contact=contact(there, "arber").id)
    chooses(there, web, erna, **KEPT | {
        "locale": "hi", "quiet": "own", "quiet_from": "20:00", "quiet_until": "09:00", "timezone": "Europe/Zurich"})
    chooses(there, web, emil, **KEPT | {"locale": "fr", "quiet": "own", "quiet_from": "02:00", "quiet_until": "06:00",
                                        "timezone": "Europe/Zurich"})
    _, row = waits(there, "arber-pump")
    assert row.due_at == from_iso("2026-11-24T09:00:00+01:00")
    there.now = from_iso("2026-11-24T08:59:59+01:00")
    there.says("arber-pump", pressure=0.2)
    there.wait()
    assert there.told_to(erna.address) == there.told_to(emil.address) == []
    there.wait(seconds=1)
    assert len(there.told_to(erna.address)) == 1
    assert there.told_to(emil.address) == []


