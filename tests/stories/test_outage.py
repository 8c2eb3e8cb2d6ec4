"""Area outages, from the first lamp that goes out to the last that is back."""

import pytest
from sqlmodel import col

from gateway.flow.gateway import Gateway
from gateway.model import MINUTE, SECOND, Alarm, Offer, Site, Ticket
from gateway.store import Store
from tests.fixtures.outage_fleet import EVERYBODY, LEFT, RIGHT, OutageStory, begin_outage_story


@pytest.fixture
def quarter(both_stores: Store) -> OutageStory:
    return begin_outage_story(both_stores)


def test_a_lateral_goes_dark_and_comes_back(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    assert quarter.outage.state == "suspected"
    assert quarter.customers_told() == {}
    quarter.wait(seconds=4)
    outage = quarter.outage
    assert (outage.state, outage.name, outage.homes, outage.dark) == ("confirmed", "Lateral 9a", 5, 5)
    assert quarter.ticket.outage_id == outage.id
    assert quarter.one(Offer).provider_id == "seeblick"  # the only firm with electricians
    told = quarter.customers_told()
    assert sorted(told) == LEFT
    assert all(subjects == [f"Probably a power cut in Lateral 9a ({outage.id})"] for subjects in told.values())
    quarter.live(minutes=20)
    assert len(quarter.tickets) == 1, "no home has a ticket of its own"
    assert {str(alarm.suppressed_by) for alarm in quarter.alarms} == {outage.id}
    quarter.back(*LEFT)
    quarter.live(minutes=2)
    assert quarter.outage.state == "restored"
    assert quarter.ticket.state == "resolved"
    assert quarter.customers_told() == {home: [*told[home], f"Lateral 9a: we hear your home again ({outage.id})"]
                                        for home in LEFT}
    quarter.live(minutes=20, step=2)
    assert quarter.outage.state == "closed"
    assert quarter.ticket.state == "closed"
    assert len(quarter.notifications("outage")) == len(quarter.notifications("outage_over")) == 5


def test_it_is_confirmed_within_five_seconds_of_the_last_needed_disconnect(quarter: OutageStory) -> None:
    quarter.lose("a0", "a1", seconds=1)
    assert quarter.outages == []
    quarter.lose("a2")
    third = quarter.now
    for _ in range(5):
        quarter.wait(seconds=1)
    assert quarter.outage.confirmed_at is not None
    assert quarter.outage.confirmed_at - third <= 5 * SECOND


def test_a_home_still_dark_after_its_neighbours_gets_its_own_ticket_and_hears_why(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=10)
    quarter.back("a0", "a1", "a2", "a3")
    quarter.live(minutes=9)
    assert quarter.outage.state == "restoring"
    assert len(quarter.tickets) == 1
    quarter.live(minutes=3)
    assert quarter.outage.state == "restored"
    assert quarter.members("nested") == {"a4"}
    own = quarter.one(Ticket, col(Ticket.outage_id).is_(None))
    assert (own.site_id, own.cause_key) == ("a4", "silent")
    last = [message.text for message in quarter.messages if message.to == "a4@example.com"][-1]
    assert "Its neighbours have power again after the power cut" in last
    assert not [subject for subject in quarter.told_to("a4@example.com") if "we hear your home again" in subject]
    quarter.back("a4")
    quarter.live(minutes=2)
    assert quarter.one(Ticket, Ticket.id == own.id).state == "resolved"
    assert len(quarter.told_to("a4@example.com")) == 3, "the outage, the fault of its own, and that it is over"


def test_nobody_hears_that_it_is_over_who_was_not_told_of_it(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.back("a0")  # before anything was said
    quarter.wait(seconds=4)
    assert quarter.outage.state == "confirmed"
    quarter.live(minutes=3)
    assert quarter.told_to("a0@example.com") == []


def test_each_home_proves_its_own_return(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=4)
    quarter.back("a0")
    quarter.live(minutes=2)
    assert quarter.outage.state == "confirmed"
    assert [home for home, told in quarter.customers_told().items() if len(told) == 2] == ["a0"]


def test_a_home_that_is_back_only_for_a_moment_is_not_told_so(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=4)
    quarter.back("a0")
    quarter.wait(seconds=20)
    quarter.lose("a0")
    quarter.live(minutes=3)
    assert len(quarter.told_to("a0@example.com")) == 1
    assert quarter.outage.dark == 5


def test_the_second_lateral_makes_it_the_feeders_outage_and_not_another(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=5)
    assert quarter.outage.name == "Lateral 9a"
    quarter.lose(*RIGHT, seconds=1)
    quarter.live(minutes=3)
    assert (quarter.outage.name, quarter.outage.homes) == ("Feeder 9", 10)
    assert quarter.ticket.cause == "Probably a power cut in Feeder 9"
    assert all(len(told) == 1 for told in quarter.customers_told([*LEFT, *RIGHT]).values())
    assert sorted(quarter.customers_told()) == [*LEFT, *RIGHT]


def test_a_smaller_area_that_explains_better_waits_no_longer_than_the_larger_would_have(quarter: OutageStory) -> None:
    quarter.lose(*LEFT[:3], *RIGHT[:3])
    assert [outage.name for outage in quarter.outages] == ["Feeder 9"]
    for home in LEFT[:3]:
        quarter.receive(f"devices/{home}-pump/status", {"state": "online"}, retained=True)
    quarter.back(*LEFT[:3])
    for home in RIGHT[3:]:
        quarter.receive(f"devices/{home}-pump/status", {"state": "lost"}, retained=True)
    quarter.dark |= set(RIGHT)
    quarter.wait(seconds=4)
    quarter.wait(seconds=1)
    assert (quarter.outage.name, quarter.outage.state, quarter.outage.dark) == ("Lateral 9b", "confirmed", 5)
    assert quarter.ticket.site_id == "b0"


def test_a_lateral_that_stays_out_while_the_other_is_back_is_still_an_outage(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, *RIGHT, seconds=1)
    quarter.live(minutes=10)
    quarter.back(*RIGHT)
    quarter.live(minutes=25)
    assert quarter.members("nested") == set()
    assert quarter.outage.dark == 5
    assert len(quarter.tickets) == 1
    quarter.back(*LEFT)
    quarter.live(minutes=2)
    assert quarter.outage.state == "restored"


def test_without_a_word_from_the_broker_homes_are_found_by_their_silence(quarter: OutageStory) -> None:
    quarter.live(minutes=2)
    quarter.dark |= set(LEFT)
    quarter.live(minutes=8, step=0.25)
    assert (quarter.outage.state, quarter.outage.name) == ("confirmed", "Lateral 9a")
    assert quarter.outage.evidence["found_by_silence"] == quarter.outage.evidence["k"]
    assert len([ticket for ticket in quarter.tickets if ticket.state != "cancelled"]) == 1
    assert sorted(quarter.customers_told()) == LEFT


def test_a_press_in_a_known_outage_is_answered_with_it_and_a_second_one_is_called(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=4)
    quarter.press("a0-button", "one")
    quarter.press("a0-button", "one")  # the network says it twice
    quarter.wait(seconds=1)
    [callback] = quarter.callbacks
    assert (callback.state, callback.outage_id) == ("answered", quarter.outage.id)
    answers = [message for message in quarter.messages if message.to == "a0@example.com"]
    assert len(answers) == 2
    assert "You pressed the button, and we know already" in answers[1].text
    assert len(quarter.tickets) == 1
    quarter.now += 5 * SECOND
    quarter.press("a0-button", "two")
    assert sorted(callback.state for callback in quarter.callbacks) == ["answered", "requested"]


def test_an_urgent_press_is_called_whatever_is_known(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=4)
    quarter.press("a0-button", "one", kind="long")
    assert [callback.state for callback in quarter.callbacks] == ["requested"]


def test_a_dead_hub_explains_what_speaks_through_it(quarter: OutageStory) -> None:
    quarter.says("c9-meter", flow_temp=20.0)
    quarter.wait(seconds=10)
    quarter.says("c9-pump", flow_temp=40.0)
    for minute in range(7):
        for home in EVERYBODY:
            if home != "c9":
                quarter.says(f"{home}-pump", flow_temp=40.0)
        quarter.wait(minutes=1 if minute else 0)
    assert {(alarm.device_id, alarm.suppressed_by and str(alarm.suppressed_by)) for alarm in quarter.alarms} == {
        ("c9-pump", None), ("c9-meter", "c9-pump")}
    assert quarter.ticket.device_id == "c9-pump"
    quarter.back("c9")
    quarter.live(minutes=5)
    assert len(quarter.tickets) == 1
    quarter.live(minutes=8)
    assert {ticket.device_id for ticket in quarter.tickets} == {"c9-pump", "c9-meter"}, "its hub is back and it is not"


def test_repeated_and_late_wills_change_nothing(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=4)
    before = quarter.outage
    quarter.lose(*LEFT)
    quarter.live(minutes=2)
    quarter.lose(*LEFT)
    quarter.live(minutes=2)
    after = quarter.outage
    assert (after.id, after.homes, after.dark, after.round) == (before.id, 5, 5, 1)
    assert len(quarter.notifications("outage")) == 5
    quarter.back(*LEFT)
    quarter.live(minutes=2)
    assert quarter.outage.state == "restored"


def test_a_restart_in_the_middle_changes_nothing(quarter: OutageStory) -> None:
    def restart() -> None:
        old = quarter.gw
        quarter.gw = Gateway(old.settings, old.store, old.profiles, old.channels)

    quarter.lose("a0", "a1")
    restart()
    quarter.lose("a2", "a3", seconds=1)
    assert quarter.outage.state == "suspected"
    restart()
    quarter.wait(seconds=4)
    assert (quarter.outage.state, quarter.outage.homes) == ("confirmed", 4)
    restart()
    quarter.live(minutes=3)
    quarter.back("a0", "a1", "a2")
    restart()
    quarter.live(minutes=12)
    assert quarter.members("nested") == {"a3"}
    assert len(quarter.tickets) == 2
    assert {home: len(told) for home, told in quarter.customers_told().items()} == dict.fromkeys(LEFT[:4], 2)


def test_power_that_fails_again_is_the_same_outage_and_told_again(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=5)
    quarter.back(*LEFT)
    quarter.live(minutes=3)
    assert quarter.outage.state == "restored"
    quarter.lose(*LEFT, seconds=1)
    quarter.live(minutes=2)
    assert (quarter.outage.state, quarter.outage.round) == ("confirmed", 2)
    assert len(quarter.tickets) == 1
    assert quarter.ticket.round == 2
    assert {home: len(told) for home, told in quarter.customers_told().items()} == dict.fromkeys(LEFT, 3)


def test_a_ticket_that_a_home_had_before_the_outage_was_known_is_taken_into_it(quarter: OutageStory) -> None:
    quarter.lose("a0", "a1")
    quarter.live(minutes=2)
    assert len(quarter.tickets) == 2
    quarter.lose("a2", "a3", "a4", seconds=1)
    quarter.live(minutes=1)
    assert sorted(ticket.state for ticket in quarter.tickets) == ["cancelled", "cancelled", "offered"]
    assert quarter.outage.evidence["held_back"]["tickets_cancelled"] == 2


def test_a_suspicion_of_too_large_an_area_gives_way_to_the_lateral_that_is_dark(quarter: OutageStory) -> None:
    quarter.lose("a0", "b0", "a1", "b1", "a2")
    assert [(row.area_id, row.state) for row in quarter.outages] == [("feeder-9", "suspected")]
    quarter.back("b0", "b1")
    quarter.lose("a3", "a4")
    quarter.wait(seconds=3)
    assert (quarter.outage.area_id, quarter.outage.state) == ("feeder-9a", "confirmed")
    assert quarter.outages[0].state == "dismissed"
    quarter.live(minutes=5)
    assert sorted(quarter.customers_told()) == LEFT
    assert [ticket.outage_id for ticket in quarter.tickets] == [quarter.outage.id]
    assert {str(alarm.suppressed_by) for alarm in quarter.all(Alarm)} == {quarter.outage.id}


def test_every_outage_says_why(quarter: OutageStory) -> None:
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=4)
    why = quarter.outage.evidence
    assert (why["k"], why["n"], why["how"], why["held_back"]["homes"]) == (5, 5, "share", 5)
    assert 0 < why["p_value"] < 1e-15
    assert why["until"] - why["since"] <= 5 * MINUTE
    assert quarter.timeline(quarter.outage.id)[0].startswith("Suspected: 3 of 5 homes of Lateral 9a went dark together")


def test_a_customer_with_two_homes_is_told_once_and_again_when_both_are_back(quarter: OutageStory) -> None:
    with quarter.gw.store.write() as session:
        site = session.get(Site, "a1")
        assert site is not None
        site.customer_id = "a0"
        session.add(site)
    quarter.lose(*LEFT, seconds=1)
    quarter.wait(seconds=4)
    assert len(quarter.told_to("a0@example.com")) == 1
    quarter.back("a1")
    quarter.live(minutes=3)
    assert len(quarter.told_to("a0@example.com")) == 1, "one of them is still dark"
    quarter.back("a0")
    quarter.live(minutes=3)
    assert len(quarter.told_to("a0@example.com")) == 2
