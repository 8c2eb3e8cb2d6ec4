"""Inside the simulated devices: physics that one can believe, healthy and broken."""

import random

import pytest

from device_sim.device_kinds import KINDS
from device_sim.device_kinds.button import Button
from device_sim.device_kinds.climate import Climate
from device_sim.device_kinds.device_kind import DeviceKind
from device_sim.device_kinds.fridge import Fridge
from device_sim.device_kinds.heat_pump import HeatPump
from device_sim.device_kinds.leak_sensor import LeakSensor
from device_sim.device_kinds.plug import Plug
from device_sim.device_kinds.relay import Relay
from device_sim.device_kinds.weather import DAY, outside
from device_sim.dialects import Message
from device_sim.distortion import Distortion

HOUR = 3_600.0


def _pass(physics: DeviceKind, seconds: float, step: float = 60, air: float = 6) -> None:
    for _ in range(int(seconds / step)):
        physics.step(step, air)


def test_a_healthy_heat_pump_stays_warm_and_moves_its_heat_into_the_house() -> None:
    pump = HeatPump(random.Random(1))
    _pass(pump, 10 * HOUR)

    assert 38 < pump.machine < 55
    assert 2 < pump.machine - pump.house < 8
    assert 500 < pump.power < 2600


def test_a_heat_pump_works_harder_when_it_is_cold_outside() -> None:
    mild, cold = HeatPump(random.Random(1)), HeatPump(random.Random(1))
    _pass(mild, 10 * HOUR, air=12)
    _pass(cold, 10 * HOUR, air=-5)

    assert cold.machine > mild.machine + 5
    assert cold.power > mild.power + 200


def test_a_stuck_pump_overheats_within_minutes_and_a_repair_cools_it_down() -> None:
    pump = HeatPump(random.Random(1))
    _pass(pump, HOUR / 2)
    pump.do("overheat")
    _pass(pump, HOUR / 8, 10)
    hot = pump.machine
    _pass(pump, HOUR)
    cut = pump.machine
    pump.do("repair")
    _pass(pump, HOUR / 15, 10)

    assert hot > 75
    assert cut < 95  # its last safety switch
    assert pump.machine < 60


def test_time_that_passes_in_large_steps_comes_to_the_same() -> None:
    small, large = HeatPump(random.Random(1)), HeatPump(random.Random(1))
    _pass(small, 600, 3)
    _pass(large, 600, 120)

    assert abs(small.machine - large.machine) < 0.5


def test_a_slow_leak_takes_two_days_to_matter_and_a_burst_pipe_minutes() -> None:
    slow, fast = HeatPump(random.Random(1)), HeatPump(random.Random(1))
    slow.do("leak_slowly")
    fast.do("lose_water")
    _pass(slow, DAY)
    _pass(fast, 600)
    after_a_day = slow.values()["pressure"]
    _pass(slow, 1.5 * DAY)

    assert fast.values()["pressure"] < 0.8
    assert 1.1 < after_a_day < 1.4
    assert slow.values()["pressure"] < 0.8


def test_a_filter_that_clogs_lets_less_air_through_and_in_the_end_asks_for_cleaning() -> None:
    pump = HeatPump(random.Random(1))
    pump.do("clog")
    drops, flows = [], []
    for _ in range(16):
        _pass(pump, DAY / 4)
        seen = pump.values()
        drops.append(seen["filter_drop"])
        flows.append(seen["air_flow"])

    assert drops == sorted(drops)
    assert flows == sorted(flows, reverse=True)
    assert drops[-1] > 150 > drops[5]
    assert pump.codes == ("H03",)
    pump.do("clean")
    pump.step(60, 6)
    assert not pump.codes


def test_without_power_a_house_cools_and_a_fridge_warms() -> None:
    pump, fridge = HeatPump(random.Random(1)), Fridge(random.Random(1))
    pump.rest(6 * HOUR)
    fridge.rest(90 * 60)

    assert 18 < pump.machine < 35
    assert pump.power == 0
    assert 6 < fridge.temperature < 8.5  # an outage of an hour and a half is not yet a spoilt medicine


def test_a_fridge_holds_its_temperature_until_its_compressor_breaks() -> None:
    fridge = Fridge(random.Random(1))
    seen = []
    for _ in range(2_000):
        fridge.step(20, 6)
        seen.append(fridge.temperature)
    fridge.do("break")
    _pass(fridge, 3 * HOUR)

    assert all(2 < temperature < 8 for temperature in seen)
    assert fridge.temperature > 8


def test_a_battery_lasts_years_at_room_temperature_and_much_shorter_in_the_cold() -> None:
    warm, cold, faulty = Button(random.Random(1)), LeakSensor(random.Random(1)), Climate(random.Random(1))
    faulty.do("drain")
    _pass(warm, 365 * DAY, DAY)
    _pass(cold, 365 * DAY, DAY, air=-20)
    _pass(faulty, 2 * DAY, HOUR)

    used_warm, used_cold = 88 - warm.values()["battery"], 97 - cold.values()["battery"]
    assert 30 < used_warm < 36
    assert used_cold > 1.5 * used_warm
    assert faulty.values()["battery"] < 15


def test_a_burnt_relay_grows_hot_and_switches_itself_off() -> None:
    relay = Relay(random.Random(1))
    _pass(relay, HOUR)
    assert relay.values()["output"]
    relay.do("overheat")
    _pass(relay, HOUR)

    assert relay.values()["overtemp"]
    assert relay.values()["power"] == 0
    assert relay.temperature < 95  # without current it cools


def test_a_room_without_heating_grows_cold_within_a_day() -> None:
    room = Climate(random.Random(1))
    room.do("heating_fails")
    _pass(room, 20 * HOUR)

    assert room.temperature < 14


def test_a_plug_counts_what_its_freezer_uses() -> None:
    plug = Plug(random.Random(1))
    _pass(plug, DAY)

    assert 0.5 < plug.energy - 41.7 < 1.2  # kWh in a day


def test_afternoons_are_warmer_than_nights_and_the_weather_changes_over_days() -> None:
    three, night = outside(8 * HOUR), outside(20 * HOUR)
    noons = [outside(5 * HOUR + day * DAY) for day in range(5)]

    assert three > night + 5
    assert max(noons) - min(noons) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_trouble_of_a_kind_shows_in_its_values_and_is_gone_after_its_cure(kind: str) -> None:
    for name, deed in KINDS[kind].faults.items():
        physics: DeviceKind = KINDS[kind](random.Random(1))
        _pass(physics, HOUR)
        healthy = deed.shows(physics.values())
        physics.do(name)
        _pass(physics, 5 * DAY, 600)
        broken = deed.shows(physics.values())
        physics.do(deed.undo)
        _pass(physics, 12 * HOUR)

        assert (healthy, broken, deed.shows(physics.values())) == (False, True, False), name


def test_a_broken_sensor_shows_the_same_value_for_ever_or_drifts_away() -> None:
    stuck = Distortion(random.Random(1), stuck={"flow_temp": 44.1})
    drifting = Distortion(random.Random(1), drift=0.5, drifting_since=3_600)

    assert stuck.values({"flow_temp": 61.0, "power": 3.0}, "flow_temp", 0) == {"flow_temp": 44.1, "power": 3.0}
    assert drifting.values({"flow_temp": 44.0}, "flow_temp", 3 * HOUR) == {"flow_temp": 45.0}


def test_a_bad_firmware_speaks_in_another_unit_or_under_other_names() -> None:
    rng, values = random.Random(1), {"flow_temp": 40.0}
    assert Distortion(rng, fahrenheit=True).values(dict(values), "flow_temp", 0) == {"flow_temp": 104}
    assert Distortion(rng, renamed=True).values(dict(values), "flow_temp", 0) == {"v2_flow_temp": 40}


def test_a_wrong_clock_is_off_or_begins_in_1970() -> None:
    assert Distortion(random.Random(1), skew=-60_000).clock(100_000) == 40_000
    assert Distortion(random.Random(1), reset_at=90_000).clock(100_000) == 10_000


def _said(distortion: Distortion, count: int = 400) -> list[int]:
    out = [message for number in range(count) for message in distortion.out([Message("t", b"%d" % number)])]
    return [int(message.payload) for message in out + distortion.in_disorder()]


def test_noise_on_the_line_repeats_or_reorders_and_loses_nothing() -> None:
    twice, mixed = _said(Distortion(random.Random(1), repeats=0.3)), _said(Distortion(random.Random(1), swaps=0.3))

    assert sorted(set(twice)) == sorted(set(mixed)) == sorted(mixed) == list(range(400))
    assert 480 < len(twice) < 560
    assert mixed != sorted(mixed)


def test_a_garbled_message_is_no_longer_what_was_said() -> None:
    distortion = Distortion(random.Random(1), garbles=1.0)
    payload = b'{"ts":1788264000000,"values":{"flow_temp":44.5}}'

    assert all(message.payload != payload for _ in range(100) for message in distortion.out([Message("t", payload)]))


def test_what_was_measured_offline_comes_all_at_once_and_in_order() -> None:
    distortion = Distortion(random.Random(1), holding=True)

    assert [distortion.out([Message("t", b"%d" % number)]) for number in range(3)] == [[], [], []]
    assert [message.payload for message in distortion.release()] == [b"0", b"1", b"2"]
    assert distortion.release() == []
