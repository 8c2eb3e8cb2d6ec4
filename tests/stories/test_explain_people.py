"""`gateway explain notification|customer|provider`: why somebody was told or asked, why not, what waits until when."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.flow.messages.explained import explained
from gateway.model import (
    HOUR,
    MINUTE,
    Amount,
    Attempt,
    AttemptOutcome,
    Contact,
    Preference,
    RecipientKind,
    TopicGroup,
    Visit,
)
from gateway.notifications.catalogues import load_overrides
from gateway.notifications.channels import NotSent, Outcome, Sent
from gateway.notifications.preferences.choose import WAITS_FOR_CODE
from gateway.store import Store
from gateway.tickets.actions import DeclineOffer
from tests.drivers.command_line import gateway
from tests.drivers.story import HEAT_PUMP, NOON, Story, begin
from tests.fixtures.outbox_rows import note

NIGHT = NOON + 11 * HOUR  # midnight in the town


@pytest.fixture
def story(both_stores: Store) -> Story:
    return begin(both_stores, unopened_minutes=10)


def leak(story: Story) -> None:
    """A fault that is no danger: it waits for quiet hours, and can be muted."""
    story.says("alice-pump", pressure=0.2)
    story.keep_saying("alice-pump", 11, pressure=0.2)


def said(story: Story, subject_id: str, part: str = "") -> list[str]:
    """What is explained, without the seconds: sending takes as long as it takes."""
    return [re.sub(r"(\d\d:\d\d):\d\d", r"\1", line) for line in story.explained(subject_id, part)]


def refuses(address: str, how: NotSent) -> Callable[[str], Outcome]:
    return lambda to: how if to == address else Sent("ok")


def test_a_message_says_who_got_it_by_which_contact_and_why_by_no_other(story: Story) -> None:
    story.replies = refuses("alice@example.com", NotSent(True, "no such mailbox", gone=True))
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    [row] = story.notifications("fault_found")
    assert said(story, row.id, "why") == [
        "Critical: it waits for no quiet hours, nobody can mute it, and it goes however many messages they had"]
    mail, sms = said(story, row.id, "contact")
    assert mail.startswith("email a…@example.com of Alice Keller: tried 1 time in vain; stopped on Mon 23 Nov 13:00:"
                           " no such mailbox")
    assert sms.startswith("sms +41…67 of Alice Keller: it went there on Mon 23 Nov 13:00")
    assert said(story, row.id, "tried") == [
        "On Mon 23 Nov 13:00 by email a…@example.com: refused for good on Mon 23 Nov 13:00: no such mailbox",
        "On Mon 23 Nov 13:00 by sms +41…67: handed over on Mon 23 Nov 13:00, in the built-in wording"]
    assert said(story, row.id, "next") == [
        "Unless somebody opens it by Mon 23 Nov 13:10, another channel is taken"]
    assert not [line for line in said(story, row.id) if "alice@example.com" in line or "41791234567" in line]


def test_a_message_that_nobody_opened_says_that_it_went_by_another_channel_too(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    [row] = story.notifications("fault_found")
    assert "it comes after email, which took it; its turn is when nobody opens it" in said(story, row.id,
                                                                                                      "contact")[1]
    story.keep_saying("alice-pump", 11, flow_temp=80.0)
    lines = said(story, row.id, "tried")
    assert [line.split(" by ")[1].split(" ")[0] for line in lines[:2]] == ["email", "sms"]
    assert lines[2] == "Nobody opened it in time, so it went by another channel too"


def test_a_message_says_whose_wording_it_had(both_stores: Store, tmp_path: Path) -> None:
    story = begin(both_stores)
    (tmp_path / "wording" / "en").mkdir(parents=True)
    (tmp_path / "wording" / "en" / "fault_found.subject.j2").write_text("Your {{ device }} needs us", encoding="utf-8")
    story.gw.messages = story.gw.messages.with_overrides(load_overrides(tmp_path / "wording"))
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    [row] = story.notifications("fault_found")
    assert said(story, row.id, "tried") == [
        "On Mon 23 Nov 13:00 by email a…@example.com: handed over on Mon 23 Nov 13:00, in your own wording "
        "(en/fault_found.subject)"]


def test_a_message_that_is_held_says_until_when_and_who_comes_first(story: Story) -> None:
    story.now = NIGHT
    leak(story)
    [row] = story.notifications("fault_found")
    assert said(story, row.id, "told") == [
        "Alice Keller waits for “fault found” until Tue 24 Nov 07:00: quiet hours"]
    assert said(story, row.id, "next") == [
        "It is looked at on Tue 24 Nov 07:00, and goes if it is still true then"]
    assert "it is the next to be tried" in said(story, row.id, "contact")[0]
    assert "others come before it" in said(story, row.id, "contact")[1]
    held = said(story, "alice", "held")
    assert held == ["Alice Keller waits for “fault found” until Tue 24 Nov 07:00: quiet hours"]
    assert said(story, "alice", "quiet") == [
        "Alice Keller, 22:00-07:00 in Europe/Zurich (the household's): quiet now, it opens on Tue 24 Nov 07:00"]


def test_a_message_in_the_shadow_mode_says_that_nothing_left(both_stores: Store) -> None:
    story = begin(both_stores, mode="shadow")
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    [row] = story.notifications("fault_found")
    assert "the mode is shadow, so it was not sent" in said(story, row.id, "told")[0]
    assert "it would have gone there on" in said(story, row.id, "contact")[0]
    for subject in (row.id, "alice", "kunz"):
        assert said(story, subject, "channel") == [
            "The mode is shadow: all is decided and worded, and nothing leaves, except what a person's press or wish "
            "asks for"]


def test_a_household_says_what_each_of_them_wishes_and_when_their_digest_goes(story: Story) -> None:
    with story.gw.store.write() as session:
        session.add(Preference(id="customer/alice", owner_kind=RecipientKind.CUSTOMER, owner_id="alice",
                               amount=Amount.DIGEST, muted=[TopicGroup.SURVEYS], changed_at=NOON, own_quiet=True,
                               quiet_from="23:00", quiet_until="05:00", timezone="Europe/Lisbon", locale="de"))
    assert said(story, "alice", "wish") == [
        "Alice Keller wants one message a day, nothing about surveys and credits (since Mon 23 Nov 13:00)",
        "Alice Keller reads de",
        "Nothing waits for the message of the day of Alice Keller; what is written now goes on Mon 23 Nov 19:00"]
    assert said(story, "alice", "quiet") == [
        "Alice Keller, 23:00-05:00 in Europe/Lisbon (their own): open now, quiet again from Mon 23 Nov 23:00"]
    leak(story)
    [daily] = story.notifications("daily")
    assert said(story, "alice", "wish")[2] == (
        f"The message of the day {daily.id} for Alice Keller goes on Mon 23 Nov 19:00, with 1 thing so far")
    [row] = story.notifications("fault_found")
    assert said(story, row.id, "next") == [
        f"It goes with the message of the day {daily.id} on Mon 23 Nov 19:00"]


def test_a_household_says_what_was_not_sent_and_why(story: Story) -> None:
    with story.gw.store.write() as session:
        session.add(Preference(id="customer/alice", owner_kind=RecipientKind.CUSTOMER, owner_id="alice",
                               stopped_at=NOON, changed_at=NOON))
    leak(story)
    assert said(story, "alice", "wish") == [
        "Alice Keller stopped everything on Mon 23 Nov 13:00: only what nobody can mute is sent (danger, a visit "
        "under way, what they asked for)"]
    assert said(story, "alice", "untold")[0] == (
        "Alice Keller was not told “fault found”: they want no messages but those about danger, a visit under way or "
        "what they asked for")
    assert said(story, "alice", "told") == ["They were told nothing lately"]


def test_a_household_says_how_each_contact_stands(story: Story) -> None:
    with story.gw.store.write() as session:
        session.add(Contact(id="k-new", owner_kind=RecipientKind.CUSTOMER, owner_id="alice", channel="email",
                            position=5, address="alice@work.example", stopped_at=NOON, stopped_why=WAITS_FOR_CODE))
        session.add(Contact(id="k-chat", owner_kind=RecipientKind.CUSTOMER, owner_id="alice", channel="chat",
                            position=6, address="alice-on-chat"))
        session.add(Contact(id="k-phone", owner_kind=RecipientKind.CUSTOMER, owner_id="alice", channel="phone",
                            position=7, address="+41791234568"))
    lines = said(story, "alice", "contact")
    assert [line.split(", ")[2].split(";")[0] for line in lines] == [
        "in use", "in use", "not in use yet: since Mon 23 Nov 13:00 it waits for the code that we sent there",
        "no channel chat is set up here", "a telephone: people ring there"]


def test_a_channel_that_is_paused_is_named_with_the_next_try(story: Story) -> None:
    with story.gw.store.write() as session:
        session.add(note("N-old", "survey", "0", NOON, due_at=None, state="failed", done_at=NOON))
        session.flush()
        for number in range(10):
            session.add(Attempt(id=f"S-{number}", notification_id="N-old", contact_id="x", channel="email",
                                started_at=NOON - MINUTE + number, finished_at=NOON - MINUTE + number,
                                outcome=AttemptOutcome.FAILED, kind="unreachable", why="no connection"))
    line = ("email is paused since Mon 23 Nov 12:59, because it fails (no connection); one message goes on Mon 23 "
            "Nov 12:59, to see whether it works again")
    assert said(story, "alice", "channel") == [line]
    assert said(story, "kunz", "channel") == [line]
    assert "in use, but the channel is paused since Mon 23 Nov 12:59" in said(story, "alice", "contact")[0]


def test_a_household_says_which_promises_run(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    story.accept()
    story.wait()
    [promise] = said(story, "alice", "became")
    assert promise.startswith("Promised an arrival by Mon 23 Nov 17:00, told by technician assigned")
    assert promise.endswith("and the page: still to be kept")
    assert said(story, "alice", "limit")[0].startswith("2 messages of at most 12 within the last hour")


def test_a_firm_says_what_it_was_asked_what_not_and_what_it_has_to_do(story: Story) -> None:
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    ticket = story.ticket.id
    [offer] = said(story, "kunz", "next")
    assert offer.endswith("an answer is waited for until Mon 23 Nov 13:20")
    assert said(story, "kunz", "capacity") == [
        "Takes 3 visits a day, as the file says; today 0, and 1 offer without an answer: room for 2 more"]
    assert said(story, "seeblick", "provider") == [
        "It has been asked about nothing lately",
        f"Not asked about {ticket} on Mon 23 Nov 13:00: it could have been asked, and others came first: it was "
        "number 2"]
    story.accept()
    visit = story.one(Visit)
    assert said(story, "kunz", "next") == [
        f"Visit {visit.id} of {ticket} by Karin Kunz, promised between Mon 23 Nov 13:00 and Mon 23 Nov 17:00: "
        "planned"]
    assert f"Asked about {ticket} on Mon 23 Nov 13:00" in said(story, "kunz", "provider")[0]
    assert said(story, "kunz", "provider")[0].endswith("it accepted")
    assert said(story, "kunz", "score") == [
        "Its track record is worth 0.72 of 1 when firms are ranked: no record yet"]
    assert any("Kunz Heating was told “job offer” by email" in line for line in said(story, "kunz", "told"))


def test_a_firm_says_why_it_was_not_asked(story: Story) -> None:
    story.says("charlie-pump", flow_temp=80.0)
    story.wait()
    [reason] = said(story, "kunz", "provider")[1:]
    assert reason.startswith("Not asked about"), reason
    assert "8820" in reason, "the farm lies outside its territory"
    story.act(DeclineOffer(story.notifications("offer")[0].occurrence, "no time"), "provider")
    story.wait()
    assert any(line.endswith("it declined: no time") for line in said(story, "seeblick", "provider"))


def test_what_a_firm_could_not_be_told_is_said(story: Story) -> None:
    story.replies = refuses("office@kunz.example", NotSent(True, "mailbox closed"))
    story.says("alice-pump", flow_temp=80.0)
    story.wait()
    [line] = [line for line in said(story, "kunz", "untold") if "job offer" in line]
    assert line.startswith("Kunz Heating could not be told “job offer”")
    assert "mailbox closed" in line


def test_a_kind_tells_apart_what_has_the_same_id(story: Story) -> None:
    said = explained(story.gw, "alice", story.now, "customer")
    assert said is not None
    assert said.kind == "customer"
    assert explained(story.gw, "alice", story.now, "ticket") is None
    with story.gw.store.write() as session:
        session.add(note("alice-pump", "survey", "0", NOON))
    assert [said.kind for kind in ("", "notification")
            if (said := explained(story.gw, "alice-pump", story.now, kind)) is not None] == ["device", "notification"]


def test_the_command_takes_a_kind_and_an_id(sqlite_url: str, tmp_path: Path) -> None:
    store = Store(sqlite_url)
    begin(store)
    store.close()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "heat-pump.yaml").write_text(HEAT_PUMP, encoding="utf-8")

    def run(*words: str) -> tuple[int, str]:
        ran = gateway(tmp_path, "explain", *words, GATEWAY_DATABASE_URL=sqlite_url)
        return ran.exit_code, ran.stdout + ran.stderr

    assert "Why Alice Keller is told" in run("customer", "alice")[1]
    assert "Why Kunz Heating is asked" in run("provider", "kunz")[1]
    code, said = run("notification", "alice")
    assert (code, "'alice' is no notification" in said) == (1, True)
    code, said = run("custmer", "alice")
    assert (code, "did you mean 'customer'?" in said) == (1, True)
