"""What area outages are judged by: numbers that a hand can check, and devices whose silence says something."""

from math import comb, isclose

import pytest

from gateway.config.profiles_and_mappings import load_profiles
from gateway.detection import ClockTick
from gateway.detection.device_state import ClaimedDevice, Verdict
from gateway.model import DAY, HOUR, MINUTE, SECOND
from gateway.model.signals import Presence, Telemetry
from gateway.outages import Limits, estimate_restoration, homes_needed
from gateway.outages.connection_losses import detectable_profiles
from gateway.outages.statistics import binomial_tail, burst_levels, chance, scan_score
from tests import ROOT
from tests.drivers.device_stepper import DeviceStepper

LIMITS = Limits()
PROFILES = ROOT / "profiles"


@pytest.mark.parametrize(("k", "n", "p"), [(3, 5, 0.01), (4, 10, 0.05), (5, 5, 0.2), (2, 4, 0.001)])
def test_the_binomial_tail_is_what_a_hand_adds_up(k: int, n: int, p: float) -> None:
    by_hand = sum(comb(n, i) * p ** i * (1 - p) ** (n - i) for i in range(k, n + 1))
    assert isclose(binomial_tail(k, n, p), by_hand, rel_tol=1e-12)


def test_three_of_five_by_chance_is_one_in_twenty_thousand_million() -> None:
    p = chance(3 / (60 * DAY), 5 * MINUTE)  # three losses in sixty days
    assert isclose(p, 1.7360e-4, rel_tol=1e-3)
    assert isclose(binomial_tail(3, 5, p), 5.230e-11, rel_tol=1e-3)


def test_homes_that_differ_are_never_likelier_than_homes_that_are_alike() -> None:
    chances = [0.001, 0.002, 0.2]
    true = chances[0] * chances[1] * chances[2]
    assert binomial_tail(3, 3, sum(chances) / 3) >= true
    assert binomial_tail(1, 100, 0.5) == 1.0  # nearer to the mean than the theorem reaches: no evidence


def test_a_tail_of_ten_thousand_homes_is_neither_slow_nor_wrong() -> None:
    assert binomial_tail(5_000, 10_000, 0.4) < 1e-80
    assert isclose(binomial_tail(2, 10_000, 1e-4), 0.26424, rel_tol=1e-3)  # 1 - 2/e, as Poisson says


def test_losses_that_come_fast_are_a_burst_and_slow_ones_are_not() -> None:
    usual = 1 / MINUTE
    slow = [number * MINUTE for number in range(30)]
    assert set(burst_levels(slow, usual)) == {0}
    fast = [30 * MINUTE + number * SECOND for number in range(20)]
    levels = burst_levels(slow + fast, usual)
    assert set(levels[:29]) == {0}
    assert min(levels[30:]) >= 5  # sixty times as fast: between 2^5 and 2^6


def test_the_area_that_is_all_dark_explains_better_than_a_larger_or_a_smaller_one() -> None:
    inside = scan_score(5, 5, 5, 200)
    assert inside > scan_score(5, 12, 5, 200)
    assert inside > scan_score(2, 4, 5, 200)
    assert inside == 0.0  # the likelihood of a certain thing is 1


@pytest.mark.parametrize(("n", "k"), [(1, 3), (3, 3), (5, 3), (7, 4), (20, 10), (80, 20), (500, 50), (10_000, 224)])
def test_how_many_homes_are_needed(n: int, k: int) -> None:
    assert homes_needed(n, LIMITS) == k


def test_a_sensor_that_reports_once_a_day_says_nothing_about_its_homes_power() -> None:
    profiles = load_profiles(PROFILES)
    assert {"smart-plug", "relay", "heat-pump"} <= set(detectable_profiles(profiles))
    assert not {"water-leak-sensor", "help-button"} & set(detectable_profiles(profiles))


def said(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(type(one).__name__, getattr(one, "rule", "")) for one in verdicts]


def test_a_device_found_silent_is_not_back_because_the_broker_had_kept_its_birth() -> None:
    pump = load_profiles(PROFILES)["heat-pump"]
    device = DeviceStepper(ClaimedDevice("d", "native:d", "heat-pump"))
    birth = Presence("native:d", "online", 1000)
    device.step(pump, birth, 1000)
    assert said(device.step(pump, ClockTick(0), HOUR)) == [("Raised", "silent")]
    assert device.step(pump, birth, HOUR + SECOND, retained=True) == []
    missed = birth._replace(at=HOUR)  # another one, which we did not hear
    assert said(device.step(pump, missed, HOUR + 2 * SECOND, retained=True)) == [("Cleared", "silent")]


def test_a_device_that_is_not_heard_at_all_has_no_second_fault_of_old_data() -> None:
    pump = load_profiles(PROFILES)["heat-pump"]
    device = DeviceStepper(ClaimedDevice("d", "native:d", "heat-pump"))
    device.step(pump, Telemetry("native:d", {"flow_temp": 40.0}, None, 1), 0)
    assert said(device.step(pump, ClockTick(0), 6 * MINUTE)) == [("Raised", "silent")]
    assert device.step(pump, ClockTick(0), 2 * HOUR) == []
    device.step(pump, Presence("native:d", "online"), 2 * HOUR)
    assert device.step(pump, ClockTick(0), 2 * HOUR + MINUTE) == [], "its data has its time anew"


def test_an_estimate_needs_history_and_forgets_what_is_already_too_short() -> None:
    assert estimate_restoration([HOUR, HOUR], 0, 0) is None
    assert estimate_restoration([50 * MINUTE, HOUR, 3 * HOUR], 0, 0) == HOUR
    assert estimate_restoration([MINUTE, MINUTE, MINUTE], 0, 0) == 30 * MINUTE
    assert estimate_restoration([HOUR, 2 * HOUR, 3 * HOUR, 5 * HOUR], 0, 90 * MINUTE) == 3 * HOUR
