"""Somebody presses, in earnest: a button under MicroPython, a broker, a gateway of its own process on either database,
the mail that they get and the page that it leads to."""

from collections.abc import Iterator

import pytest
from sqlmodel import col

from gateway.model import DAY, HOUR, MINUTE, ButtonTest, Ticket, from_iso, local, to_iso
from gateway.store import Store
from tests.drivers.browser import Browser
from tests.drivers.real_town import RealTown, real_town
from tests.fixtures.pressed_homes import ZONE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def town(module_store: Store, node: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTown]:
    """All stories happen in one, each in a home or street of its own, one after the other; time only goes on."""
    with real_town(tmp_path_factory.mktemp("town"), module_store, node) as there:
        yield there


only_once = pytest.mark.parametrize("module_store", ["sqlite"], indirect=True, scope="module")  # it takes long


def test_long_after_short_moves_promise_message_and_page_together(town: RealTown) -> None:
    town.at_the_desk()
    with town.button("twice-button") as button:
        button.press()
        button.state(light="promised")
        first = town.open_call("twice")
        letter = town.told("twice@example.com", f"We will call you by {town.said(first.promised_by)} today")
        assert f"At the latest {town.said(first.promised_by)} today" in town.page(letter)
        assert button.press_long()["kind"] == "long"
        button.state(light="promised")
    call = town.open_call("twice")
    assert (call.id, call.presses, call.urgent) == (first.id, 2, True)
    assert call.promised_by < first.promised_by
    second = town.told("twice@example.com", f"We will call you by {town.said(call.promised_by)} today")
    for page in (town.page(letter), town.page(second)):
        assert f"At the latest {town.said(call.promised_by)} today" in page
        assert "You asked for urgent help: you come first." in page
    assert len(town.letters("twice@example.com")) == 2


@only_once
def test_two_buttons_of_one_home_have_one_open_request_each(town: RealTown) -> None:
    town.at_the_desk()
    with town.button("pair-button") as button, town.button("pair-sos") as sos:
        for _ in range(2):
            button.press()
            button.state(light="promised")
            sos.press()
            sos.state(light="promised")
        ordinary, help_call = town.open_call("pair", kind="ordinary"), town.open_call("pair", kind="emergency")
        assert (ordinary.presses, help_call.presses) == (2, 2)
        wish = town.told("pair@example.com", "We will call you by")
        cry = town.told("pair@example.com", "Your call for help has reached us")
        assert "We will call you" in town.page(wish)
        assert "Your call for help has reached us" in town.page(cry)
        assert "call 112 now" in town.page(cry)
        town.act(f"/callbacks/{ordinary.id}/connect")
        town.act(f"/callbacks/{ordinary.id}/finish", outcome="informed", note="The bill is right")
        assert "Your request is settled" in town.page(wish)
        assert "Your call for help has reached us" in town.page(cry)
        town.act(f"/callbacks/{help_call.id}/claim")
        assert sos.state(light="coming")
        town.act(f"/callbacks/{help_call.id}/connect")
        town.act(f"/callbacks/{help_call.id}/finish", outcome="by_mistake", note="The cat")
        assert "Your request is settled" in town.page(cry)


def test_somebody_who_never_answers_is_rung_five_times_and_reads_of_each(town: RealTown) -> None:
    town.at_the_desk()
    with town.button("away-button") as button:
        button.press()
        button.state(light="promised")
        letter = town.told("away@example.com", "We will call you by")
        for number in range(1, 6):
            call = town.open_call("away")
            town.act(f"/callbacks/{call.id}/attempt")
            assert "We are calling you now" in town.page(letter)
            town.act(f"/callbacks/{call.id}/miss")
            [call] = town.calls("away")
            assert call.tries == number
            if number < 5:
                assert call.ring_from is not None
                town.until_true(lambda: len(town.letters("away@example.com")) == 1 + number, "the next mail")  # noqa: B023
                assert town.said(call.ring_from) in town.letters("away@example.com")[-1]
                assert "We could not reach you We ring you" in town.page(letter)
                town.until(call.ring_from)
        town.told("away@example.com", "We rang you 5 times and did not reach you.")
        assert "We rang several times and have stopped." in town.page(letter)
        button.press()
        button.state(light="promised")
    assert [row.state for row in town.calls("away")] == ["expired", "requested"]


def test_on_friday_night_the_first_on_call_sleeps_and_the_second_takes_it(town: RealTown, chrome: Browser) -> None:
    town.until(town.next_time("23:13", "fri"))
    with town.button("night-button") as button:
        button.press()
        button.state(light="promised")
        call = town.open_call("night")
        town.told("max@service.example", f"Hilferuf: Family night ({call.id})")
        assert town.letters("nina@service.example", call.id) == []
        town.wait(1)
        page = town.told("nina@service.example", f"Call for help: Family night ({call.id})")
        theirs = chrome.tab()
        theirs.open(town.link(town.told("night@example.com", "Your call for help has reached us")))
        assert "We are telling somebody right now, who will call you." in theirs.text()
        assert "call 112 now" in theirs.text()
        hers = chrome.tab()
        hers.open(town.link(page, "d"))
        hers.run("document.querySelector('button[value=acknowledge]').click()")
        button.state(light="coming")
        theirs.wait("document.querySelector('#live').innerText.includes('We are about to call you')")
        assert theirs.said == hers.said == []
    [call] = town.calls("night")
    assert (call.state, call.agent) == ("claimed", "agent Nina Roth")
    town.act(f"/callbacks/{call.id}/connect")
    town.act(f"/callbacks/{call.id}/finish", outcome="help_sent", note="Her neighbour is with her")
    before = [town.letters(address, call.id) for address in ("max@service.example", "nina@service.example")]
    town.live(minutes=120)
    assert [town.letters(address, call.id) for address in ("max@service.example", "nina@service.example")] == before


def test_a_press_before_in_beside_and_after_an_outage_is_answered_with_what_is_true(
        town: RealTown, chrome: Browser) -> None:
    town.at_the_desk()
    town.live()
    dark = [f"p{number}" for number in range(5)]
    with town.button("p0-button") as button, town.button("p5-button") as next_door:
        button.press()  # before anybody knows of an outage
        button.state(light="promised")
        wish = town.told("p0@example.com", "We will call you by")
        assert "We will call you" in town.page(wish)
        town.lose(*dark)
        town.outage("p", "confirmed")
        news = town.told("p0@example.com", "we promised to call you. This message is the answer")
        assert [row.state for row in town.calls("p0")] == ["answered"]
        assert "Probably a power cut" in town.page(wish)
        theirs = chrome.tab()
        theirs.open(town.link(news))
        assert "Probably a power cut in Feeder P" in theirs.text()

        button.press()  # meanwhile
        button.state(light="promised")
        assert [row.state for row in town.calls("p0")] == ["answered", "requested"]
        next_door.press()
        beside = town.told("p5@example.com", "Whether yours has power we cannot see")
        next_door.state(light="received")
        assert [row.state for row in town.calls("p5")] == ["answered"]
        assert "Probably a power cut in Feeder P" in town.page(beside)

        town.live(minutes=2)
        town.back("p2", "p3", "p4")
        town.outage("p", "restoring")
        theirs.wait("document.querySelector('#live').innerText.includes('The power is coming back in Feeder P')")
        town.back("p0", "p1")
        town.live(minutes=2)
        town.outage("p", "restored")
        town.wait(2)  # whether it stays so
        town.told("p5@example.com", "press your button, and we call you")
        theirs.wait("document.querySelector('#live').innerText.includes('The power cut in Feeder P is over')")
        next_door.press()  # afterwards
        next_door.state(light="promised")
        assert theirs.said == []
    assert [row.state for row in town.calls("p5")] == ["answered", "requested"]


def test_a_press_before_planned_work_is_answered_with_it(town: RealTown) -> None:
    town.at_the_desk()
    town.act("/maintenance", area_id="feeder-w", from_at=to_iso(town.now + 10 * MINUTE),
             until_at=to_iso(town.now + 2 * HOUR), words={"en": "a new cable"})
    town.told("w0@example.com", "a new cable")
    with town.button("w0-button") as button:
        button.press()
        button.state(light="received")
        town.told("w0@example.com", "press once more, and we call you")
        assert [row.state for row in town.calls("w0")] == ["answered"]
        button.press()
        button.state(light="promised")
        wish = town.told("w0@example.com", "We will call you by")
        assert "We will call you" in town.page(wish)
    assert [row.state for row in town.calls("w0")] == ["answered", "requested"]


@only_once
def test_still_out_on_the_telephone_reopens_the_outage_for_that_home(town: RealTown, chrome: Browser) -> None:
    town.at_the_desk()
    town.live()
    street = [f"q{number}" for number in range(5)]
    town.lose(*street)
    town.outage("q", "confirmed")
    town.live(minutes=10)
    town.back(*street)
    town.live(minutes=2)
    town.outage("q", "restored")
    town.wait(2)  # whether it stays so
    theirs = chrome.tab()
    theirs.open(town.link(town.told("q0@example.com", "we hear your home again")))
    assert "The power cut in Feeder Q is over" in theirs.text()
    with town.button("q0-button") as button:
        button.press()
        button.state(light="promised")
        call = town.open_call("q0")
        town.act(f"/callbacks/{call.id}/attempt")
        wish = town.told("q0@example.com", call.id)
        assert "We are calling you now" in town.page(wish)
        town.act(f"/callbacks/{call.id}/connect")
        town.act(f"/callbacks/{call.id}/finish", outcome="still_out", note="All dark")
    outage = town.outage("q", "restoring")
    assert [row.outage_id for row in town.calls("q0")] == [outage.id]
    assert town.members(outage, "affected") == {"q0"}
    town.told("q0@example.com", "You told us that your home has no power")
    theirs.wait("document.querySelector('#live').innerText.includes('The power is coming back in Feeder Q')")
    assert "You told us that yours has none" in theirs.text()
    assert "On site, not needed" in theirs.run("document.querySelector('.steps').textContent"), "nobody ever was there"
    town.live(minutes=12)
    town.outage("q", "restored")
    assert town.members(outage, "nested") == {"q0"}
    theirs.wait("document.querySelector('#live').innerText.includes('your home does not yet')")
    [ticket] = town.all(Ticket, Ticket.site_id == "q0", col(Ticket.outage_id).is_(None))
    assert ticket.skill == "electrical"
    assert theirs.said == []


@only_once
def test_a_power_cut_with_emergency_buttons_in_it(town: RealTown) -> None:
    town.at_the_desk()
    town.live()
    street = [f"s{number}" for number in range(5)]
    with town.button("s0-button") as hub_button, town.button("s1-button") as own_card:
        hub_button.cut()  # it goes with its hub
        town.lose(*street)
        outage = town.outage("s", "confirmed")
        check = town.open_call("s0", kind="check")
        assert (check.outage_id, check.promised_by) == (outage.id, (outage.confirmed_at or 0) + 15 * MINUTE)
        letter = town.told("hugo@example.com", "the emergency button may not work")
        assert "44 668 18 01" in letter
        news = town.told("s0@example.com", "Probably a power cut")
        assert "press" not in town.page(news).split("So far")[0].lower(), "their button is dead"

        own_card.press()
        own_card.state(light="promised")
        help_call = town.open_call("s1", kind="emergency")
        assert help_call.outage_id == outage.id
        town.told("max@service.example", help_call.id)
        assert "call 112 now" in town.page(town.told("s1@example.com", "Your call for help has reached us"))
        town.act(f"/callbacks/{help_call.id}/connect")
        town.act(f"/callbacks/{help_call.id}/finish", outcome="informed", note="Afraid in the dark")

        town.live(minutes=2)
        town.back(*street)
        hub_button.power()
        hub_button.state(linked=True)
        town.live()
        town.until_true(lambda: town.calls("s0", kind="check")[0].state == "cancelled", "nobody to need to ring")
        town.told("hugo@example.com", "the emergency button works again")
        hub_button.press()
        hub_button.state(light="promised")
        cry = town.open_call("s0", kind="emergency")
        assert "Your call for help has reached us" in town.page(town.told("s0@example.com", cry.id))
        town.act(f"/callbacks/{cry.id}/connect")
        town.act(f"/callbacks/{cry.id}/finish", outcome="was_test", note="She wanted to know")


def test_who_moves_out_with_a_ticket_and_a_call_open_sees_nothing_more_and_the_next_press_is_the_next_households(
        town: RealTown) -> None:
    town.at_the_desk()
    town.devices.say("devices/mover-pump/fault", {"code": "E7", "active": True})
    fault = town.told("mover@example.com", "The compressor has stopped")
    [ticket] = town.all(Ticket, Ticket.site_id == "mover")
    with town.button("mover-button") as button:
        button.press()
        button.state(light="promised")
        wish = town.told("mover@example.com", "We will call you by")
        for letter in (fault, wish):
            assert ticket.cause in town.page(letter)
        theirs = len(town.letters("mover@example.com"))
        town.act("/sites/mover/household", customer_id=None)
        for letter in (fault, wish):
            assert "This link does not open anything" in town.page(letter, status=404)
        assert [row.state for row in town.calls("mover")] == ["cancelled"]
        town.told("dana@service.example", "moved out")
        town.wait(1)
        town.act("/sites/mover/household", customer_id="next")
        news = town.told("next@example.com", "The compressor has stopped")
        assert ticket.id in town.page(news)
        assert "You pressed" not in town.page(news)
        button.press()
        button.state(light="promised")
        assert "We will call you" in town.page(town.told("next@example.com", "We will call you by"))
    assert [row.customer_id for row in town.calls("mover")] == ["mover", "next"]
    assert len(town.letters("mover@example.com")) == theirs
    for letter in (fault, wish):
        town.page(letter, status=404)


def test_a_time_in_the_night_of_the_change_is_kept_by_the_real_hour(town: RealTown) -> None:
    night = next(at for at in range(town.now, town.now + 366 * DAY, HOUR)
                 if local(at, ZONE).utcoffset() != local(at + HOUR, ZONE).utcoffset())  # the last hour before
    night -= night % HOUR
    town.until(night - 5 * HOUR)
    slots = town.api.get("/callbacks/slots").json()["items"]
    begins = to_iso(night)
    [slot] = [one for one in slots if one["ring_from"] == begins]
    assert from_iso(slot["ring_until"]) - night == HOUR
    call = town.act("/callbacks", site_id="autumn", words="Cannot sleep", ring_from=begins)
    letter = town.told("autumn@example.com", call["id"])
    with town.button("autumn-button") as button:
        button.press()  # the same wish
        button.state(light="promised")
        assert town.open_call("autumn").presses == 1
        if local(night, ZONE).hour == local(night + HOUR, ZONE).hour:  # in autumn
            hour = "02:00 (before the clocks change)–02:00 (after the clocks change)"
            assert f"we ring you {hour} tomorrow" in letter
            assert f"We ring you {hour} tomorrow" in town.page(letter)
        town.until(night + HOUR - MINUTE)
        town.live()
        assert "sorry" not in town.page(letter)
        assert town.letters("dana@service.example", call["id"]) == []
        town.until(night + HOUR)
        town.told("dana@service.example", f"{call['id']}: a promised call has not been made")
        assert "We have not called when we promised, and we are sorry." in town.page(letter)
        town.act(f"/callbacks/{call['id']}/connect")
        town.act(f"/callbacks/{call['id']}/finish", outcome="informed", note="Awake as well")
    assert "Your request is settled" in town.page(letter)


def asked(town: RealTown, device: str) -> ButtonTest:
    """Time passes until a test of the button is asked for, the first or, if other stories took so long, a later one."""
    def open_test() -> ButtonTest:
        return town.one(ButtonTest, ButtonTest.device_id == device, col(ButtonTest.closed_at).is_(None))

    town.until_true(lambda: town.all(ButtonTest, ButtonTest.device_id == device), "a test to be planned")
    while (test := open_test()).state != "asked" or test.planned_for < town.now - HOUR:
        town.until(test.planned_for if test.state == "planned" else test.answer_by or 0)
        town.until_true(lambda: (open_test().id, open_test().state) != (test.id, test.state), "the test")
    return test


@only_once
def test_the_button_that_misses_its_test_brings_a_person_to_the_telephone(town: RealTown) -> None:
    with town.button("drawer-button") as button:
        test = asked(town, "drawer-button")
        letter = town.told("drawer@example.com", f"The number of this test: {test.id}")
        assert "Tap the button twice, then press it and hold it." in letter
        town.until(test.answer_by or 0)
        check = town.open_call("drawer", kind="check")
        assert check.origin == "test_missed"
        town.act(f"/callbacks/{check.id}/attempt")
        town.act(f"/callbacks/{check.id}/connect")
        button.gesture()
        button.state(light="tested")
        town.act(f"/callbacks/{check.id}/finish", outcome="informed", note="It lay in a drawer")
    town.told("drawer@example.com", "We have heard your emergency button")
    states = [row.state for row in town.all(ButtonTest, ButtonTest.device_id == "drawer-button")]
    assert sorted(states)[-3:] == ["missed", "passed", "planned"]
    assert town.calls("drawer", kind="emergency") == []


@only_once
def test_who_has_only_a_landline_is_rung_for_the_test_and_reads_nothing(town: RealTown) -> None:
    with town.button("erna-button") as button:
        test = asked(town, "erna-button")
        check = town.open_call("erna", kind="check")
        assert check.origin == "test_due"
        town.act(f"/callbacks/{check.id}/attempt")
        town.act(f"/callbacks/{check.id}/connect")
        button.gesture()
        button.state(light="tested")
        town.act(f"/callbacks/{check.id}/finish", outcome="was_test", note="Tested together")
        assert town.one(ButtonTest, ButtonTest.id == test.id).state == "passed"
        button.press()  # and then she does need help
        button.state(light="promised")
        cry = town.open_call("erna", kind="emergency")
        page = town.told("max@service.example", cry.id)
        assert "+41 44 668 18 03" in town.page(page, "d")
        town.act(f"/callbacks/{cry.id}/claim")
        button.state(light="coming")
        town.act(f"/callbacks/{cry.id}/connect")
        town.act(f"/callbacks/{cry.id}/finish", outcome="help_sent", note="Her son is on his way")
    assert town.letters("erna@example.com") == []
