"""What is no area outage: a few faults, a suspicion that falls apart, our own deafness, a carrier's loss."""

import pytest

from gateway.flow.housekeeping import adjust_to_clock_jump
from gateway.flow.sweep import sweep
from gateway.flow.watch import watch
from gateway.model import MINUTE, SECOND, Alarm, Device, Loss, Notification, Outage
from gateway.store import Store
from tests.fixtures.outage_fleet import CARRIED, EVERYBODY, FAR, LEFT, RIGHT, OutageStory, begin_outage_story

pytestmark = pytest.mark.slow


@pytest.fixture
def quarter(both_stores: Store) -> OutageStory:
    return begin_outage_story(both_stores)


def test_three_of_five_homes_are_an_outage_and_two_losses_are_two_faults(quarter: OutageStory) -> None:
    quarter.lose("b0", "b1")
    quarter.live(minutes=2)
    assert quarter.outages == []
    assert sorted(ticket.site_id for ticket in quarter.tickets) == ["b0", "b1"]
    assert sorted(quarter.customers_told()) == ["b0", "b1"]


def test_losses_that_have_nothing_in_common_are_no_outage(quarter: OutageStory) -> None:
    quarter.lose("a0", "b1", "c2", seconds=2)
    quarter.live(minutes=2)
    assert quarter.outages == []
    assert len(quarter.tickets) == 3


def test_while_nobody_at_all_is_heard_silence_proves_nothing(quarter: OutageStory) -> None:
    quarter.live(minutes=2)
    for home in (*RIGHT, *FAR):
        quarter.says(f"{home}-pump", flow_temp=40.0)  # a little later than the left ones
    quarter.wait(minutes=5)
    quarter.wait(seconds=2)
    quarter.dark |= set(EVERYBODY)
    quarter.live(minutes=6, step=0.25)
    assert quarter.customers_told() == {}
    assert quarter.tickets == []


def test_everything_at_once_is_our_own_fault_and_no_customer_hears_of_it(quarter: OutageStory) -> None:
    began = quarter.now
    quarter.lose(*EVERYBODY)
    while not quarter.messages and quarter.now < began + 10 * SECOND:
        quarter.wait(seconds=1)
    assert quarter.told_to("desk@example.com") == [
        f"20 homes gone at once: look at our own side first ({quarter.outage.id})"]
    assert quarter.now - began <= 10 * SECOND
    quarter.wait(minutes=30)
    assert quarter.tickets == []
    assert quarter.customers_told() == {}
    quarter.back(*EVERYBODY[1:])
    quarter.live(minutes=12)
    assert quarter.outage.state == "restored"
    assert [ticket.site_id for ticket in quarter.tickets] == ["a0"], "the home that stays dark has a fault of its own"
    assert sorted(quarter.customers_told()) == ["a0"]
    assert len(quarter.told_to("desk@example.com")) == 2


def test_a_carriers_loss_is_told_to_the_operator_only(quarter: OutageStory) -> None:
    began = quarter.now
    quarter.lose(*CARRIED)
    while not quarter.messages and quarter.now < began + 10 * SECOND:
        quarter.wait(seconds=1)
    assert quarter.outage.kind == "network"
    assert quarter.told_to("desk@example.com") == [f"Funknetz: 6 homes silent at once ({quarter.outage.id})"]
    quarter.live(minutes=30)
    quarter.back(*CARRIED)
    quarter.live(minutes=3)
    assert quarter.tickets == []
    assert quarter.customers_told() == {}


def only_the_pump_of_c0_is_lost_with_its_carrier(quarter: OutageStory) -> None:
    """Half an hour later everybody is back but c0, where the meter spoke another way all the time."""
    quarter.says("c0-meter", flow_temp=40.0)
    quarter.lose(*CARRIED)
    for minute in range(32):
        if minute == 30:
            quarter.back(*(home for home in CARRIED if home != "c0"))
        quarter.says("c0-meter", flow_temp=40.0)
        quarter.live(minutes=1)
    assert "c0" not in quarter.members("restored") | quarter.members("affected")
    assert quarter.outage.state == "restored"


def test_a_device_that_comes_back_last_after_its_carriers_loss_is_nobodys_fault(quarter: OutageStory) -> None:
    only_the_pump_of_c0_is_lost_with_its_carrier(quarter)
    quarter.back("c0")
    quarter.live(minutes=2)
    assert quarter.tickets == []
    assert quarter.customers_told() == {}


def test_a_device_that_does_not_come_back_after_its_carriers_loss_has_a_fault_of_its_own(quarter: OutageStory) -> None:
    only_the_pump_of_c0_is_lost_with_its_carrier(quarter)
    for _ in range(11):
        quarter.says("c0-meter", flow_temp=40.0)
        quarter.live(minutes=1)
    assert [ticket.device_id for ticket in quarter.tickets] == ["c0-pump"]
    assert list(quarter.customers_told()) == ["c0"]
    [letter] = [message.text for message in quarter.messages if message.to == "c0@example.com"]
    assert "neighbours" not in letter, "there was no power cut, and nobody was told of one"


def test_a_carrier_that_is_out_explains_its_devices_though_our_own_fault_is_just_over(quarter: OutageStory) -> None:
    quarter.lose(*EVERYBODY)
    quarter.wait(seconds=10)
    quarter.back(*EVERYBODY)
    quarter.says("c0-meter", flow_temp=40.0)
    quarter.live(minutes=3)
    assert [outage.state for outage in quarter.outages if outage.state != "dismissed"] == ["restored"]
    quarter.says("c0-meter", flow_temp=40.0)
    quarter.lose(*CARRIED)
    for _ in range(6):
        quarter.says("c0-meter", flow_temp=40.0)
        quarter.live(minutes=1)
    assert [outage.state for outage in quarter.outages if outage.state != "dismissed"] == ["restored", "confirmed"]
    assert quarter.tickets == []
    assert quarter.customers_told() == {}


def test_a_lost_broker_is_told_to_the_operator_within_ten_seconds(quarter: OutageStory) -> None:
    began = quarter.now
    while not quarter.messages and quarter.now < began + 20 * SECOND:
        quarter.now += SECOND
        quarter.deaf()
    assert quarter.told_to("desk@example.com") == [
        f"The gateway hears no broker ({quarter.one(Outage, Outage.key == '!deaf').id})"]
    assert quarter.now - began <= 10 * SECOND
    for _ in range(60):
        quarter.now += 10 * SECOND
        quarter.deaf()
    back = quarter.now
    for _ in range(20):
        quarter.wait(seconds=10, since=back)
    assert quarter.one(Outage, Outage.key == "!deaf").state == "closed"
    assert len(quarter.told_to("desk@example.com")) == 2
    assert quarter.customers_told() == {}
    assert quarter.alarms == []


def test_a_broker_that_restarts_within_seconds_is_nobodys_business(quarter: OutageStory) -> None:
    quarter.now += SECOND
    quarter.deaf()
    quarter.now += SECOND
    quarter.deaf()
    quarter.wait(seconds=1)
    quarter.wait(seconds=20)
    assert quarter.messages == []
    assert quarter.one(Outage).state == "dismissed"


def test_a_suspicion_from_before_a_gateway_ended_is_asked_anew_when_it_runs_again(quarter: OutageStory) -> None:
    quarter.deaf()  # the last look of a gateway that ends: its listener has just said goodbye
    assert quarter.one(Outage).state == "suspected"
    quarter.now += 60 * MINUTE
    quarter.deaf()  # it runs again and has not connected yet
    quarter.now += 2 * SECOND
    quarter.deaf()
    assert quarter.messages == []
    quarter.wait(seconds=1, since=quarter.now)
    assert quarter.one(Outage).state == "dismissed"


def test_what_became_due_while_the_database_was_away_is_asked_anew(quarter: OutageStory) -> None:
    quarter.wait(seconds=1)
    quarter.deaf()  # it has just started: the watch looks before the listener is connected …
    quarter.now += 6 * SECOND  # … and then nothing can be read or written for six seconds
    quarter.deaf()
    assert quarter.messages == []
    quarter.now += SECOND
    quarter.wait(seconds=1, since=quarter.now)
    assert quarter.one(Outage).state == "dismissed"


def test_a_watch_that_is_always_slow_still_says_that_no_broker_is_heard(quarter: OutageStory) -> None:
    began = quarter.now
    while not quarter.messages and quarter.now < began + 10 * MINUTE:
        quarter.deaf()
        quarter.now += 5 * SECOND
    assert quarter.now - began <= 75 * SECOND


def test_who_runs_again_and_still_hears_no_broker_says_so_in_time(quarter: OutageStory) -> None:
    quarter.deaf()
    quarter.now += 60 * MINUTE
    began = quarter.now
    while not quarter.messages and quarter.now < began + 20 * SECOND:
        quarter.deaf()
        quarter.now += SECOND
    assert quarter.messages
    assert quarter.now - began <= 10 * SECOND
    assert quarter.one(Outage).began_at == began, "not since an hour ago: it was not running"


def test_our_own_clock_jumps_and_nobody_is_judged_by_it(quarter: OutageStory) -> None:
    quarter.now += 60 * MINUTE
    adjust_to_clock_jump(quarter.gw, 60 * MINUTE, quarter.now)
    quarter.wait(seconds=1)
    quarter.live(minutes=10)
    assert quarter.alarms == []
    assert len(quarter.messages) == 1
    assert quarter.messages[0].subject.startswith("The gateway's clock jumped by 3600 s")


def test_a_device_that_was_never_heard_cannot_be_missed(quarter: OutageStory) -> None:
    with quarter.gw.store.write() as session:
        for home in LEFT:
            session.add(Device(id=f"{home}-new", key=f"native:{home}-new", profile="heat-pump", site_id=home,
                               name="New"))
    assert quarter.all(Loss) == []
    for home in LEFT:
        quarter.receive(f"devices/{home}-new/status", {"state": "lost"}, retained=True)
    quarter.live(minutes=2)
    assert quarter.outages == []


def test_a_suspicion_that_falls_apart_is_dismissed_without_a_word(quarter: OutageStory) -> None:
    quarter.lose(*LEFT[:3])
    assert quarter.outages[0].state == "suspected"
    quarter.back("a0", "a1")
    quarter.wait(seconds=5)
    assert quarter.outages[0].state == "dismissed"
    quarter.live(minutes=2)
    assert sorted(quarter.customers_told()) == ["a2"]
    assert [ticket.site_id for ticket in quarter.tickets] == ["a2"], "what is left is a fault like any other"


def test_a_quiet_watch_writes_nothing(quarter: OutageStory) -> None:
    quarter.live(minutes=2)
    assert watch(quarter.gw, quarter.now) == 0
    assert quarter.all(Loss) == []
    assert quarter.all(Alarm) == []
    assert quarter.all(Notification) == []
    assert sweep(quarter.gw, quarter.now) == 0


def test_a_broker_that_restarts_brings_old_wills_and_no_customer_hears_of_it(quarter: OutageStory) -> None:
    for _ in range(8):
        quarter.now += SECOND
        quarter.deaf()
    back = quarter.now
    quarter.wait(since=back)
    for home in EVERYBODY:
        quarter.receive(f"devices/{home}-pump/status", {"state": "lost"}, retained=True)
    quarter.back(*LEFT[:2], *RIGHT[:1], *FAR[:6])  # the quicker half is back already
    for _ in range(50):
        quarter.wait(seconds=1, since=back)
    assert [row.state for row in quarter.outages if row.state == "confirmed"] == []
    for _ in range(20):
        quarter.living_speak()
        quarter.wait(seconds=20, since=back)
    assert {row.state for row in quarter.outages} == {"dismissed"}
    assert quarter.tickets == []
    assert quarter.customers_told() == {}
