"""Everything a rule can say, judged by `step` alone: readings and times in, what follows out."""

from dataclasses import replace

import pytest

from gateway.calendars.rule_hours import is_active
from gateway.detection import ClockTick, MissedAlarm, Raised
from gateway.devices.profiles import Profile
from gateway.model import DAY, HOUR, MINUTE, SECOND, Instant, from_iso
from gateway.model.signals import Telemetry
from tests.drivers.rule_bench import NOON, RuleBench, every, profile

# for, keep_firing_for

def test_for_is_over_without_a_further_message_and_at_its_moment() -> None:
    device = RuleBench(profile("when: temp > 75\nfor: 10m")).says(0, temp=80.0).passes(3600)
    assert device.said == [(600, "+hot")]


def test_a_restart_neither_fires_early_nor_forgets() -> None:
    device = RuleBench(profile("when: temp > 75\nfor: 10m")).says(0, temp=80.0).restarts().passes(599).restarts()
    assert device.said == []
    assert device.passes(601).said == [(600, "+hot")]


def test_what_was_said_while_we_were_deaf_comes_before_any_deadline() -> None:
    device = RuleBench(profile("when: temp > 75\nfor: 10m")).says(0, temp=80.0)
    back = NOON + HOUR
    assert device.steps(ClockTick(None), back) == []
    assert device.steps(ClockTick(back), back + 5 * SECOND) == []
    assert device.steps(Telemetry("native:boiler", {"temp": 60.0}, NOON + MINUTE), back + 6 * SECOND) == []
    assert device.steps(ClockTick(back), back + 20 * SECOND) == []


def test_it_is_kept_for_a_while_after_its_end_and_goes_on_when_it_comes_back() -> None:
    device = RuleBench(profile("when: temp > 75\nclear: temp < 65\nkeep_firing_for: 5m"))
    device.says(0, temp=80.0).says(60, temp=60.0).says(120, temp=80.0).says(180, temp=60.0).restarts().passes(3600)
    assert device.said == [(0, "+hot"), (480, "-hot")]


# hits

def test_three_of_five_readings_make_a_fault_and_two_of_three_end_it() -> None:
    rule = profile("when: temp > 75\nhits: 3 of 5\nclear_hits: 2 of 3")
    device = every(RuleBench(rule), 60, [80, 60, 80, 60, 80, 60, 80, 60, 60])
    assert device.said == [(240, "+hot"), (420, "-hot")]


def test_two_hits_of_five_are_none_however_long() -> None:
    assert every(RuleBench(profile("when: temp > 75\nhits: 3 of 5")), 60, [80, 60, 60, 80, 60] * 6).said == []


def test_a_message_that_comes_twice_is_one_hit() -> None:
    device = RuleBench(profile("when: temp > 75\nhits: 2 of 3"))
    device.says(0, temp=80.0).says(0, temp=80.0).says(0, temp=80.0)
    assert device.said == []
    assert device.says(1, temp=80.0).said == [(1, "+hot")]


def test_hits_and_for_go_together() -> None:
    device = every(RuleBench(profile("when: temp > 75\nhits: 2 of 3\nfor: 2m")), 60, [80, 80, 60, 80, 80])
    assert device.said == [(180, "+hot")]


# prev, age, rate, windows

def test_a_jump_between_two_readings_is_seen() -> None:
    device = every(RuleBench(profile("when: temp - prev(temp) > 20")), 60, [40, 45, 70, 72])
    assert device.said == [(120, "+hot"), (180, "-hot")]


def test_a_rate_is_per_minute() -> None:
    device = every(RuleBench(profile("when: rate(temp) > 4")), 120, [40, 44, 54])
    assert device.said == [(240, "+hot")]
    raised = device.verdicts[0]
    assert isinstance(raised, Raised)
    assert raised.why["signals"] == {"rate(temp)": 5.0}


def test_the_age_of_one_signal_passes_its_limit_without_any_message() -> None:
    device = RuleBench(profile("when: age(back) > 600 && temp > 30")).says(0, temp=40.0, back=30.0)
    device.says(300, temp=41.0).restarts().passes(3600)
    assert device.said == [(600.001, "+hot")]
    assert device.says(3700, temp=40.0, back=30.0).said[-1] == (3700, "-hot")


def test_a_window_looks_back_over_its_whole_length() -> None:
    device = every(RuleBench(profile('when: mean(temp, "10m") > 70')), 60, [60.0] * 10 + [85.0] * 10)
    assert [what for _, what in device.said] == ["+hot"]
    assert 840 <= device.said[0][0] <= 1020


def test_one_hot_reading_is_no_hot_hour() -> None:
    device = RuleBench(profile('when: min(temp, "1h") > 70')).says(0, temp=90.0).passes(1800)
    assert device.said == []
    assert [what for _, what in every(device, 300, [90.0] * 12, 300).said] == ["+hot"]


def test_messages_that_stay_away_are_counted_by_the_clock() -> None:
    device = every(RuleBench(profile('when: count(temp, "10m") < 3')), 60, [50.0] * 30)
    assert device.said == []
    assert [what for _, what in device.passes(7200).said] == ["+hot"]
    assert 1740 + 420 <= device.said[0][0] <= 1740 + 600


# severity

def test_an_alarm_rises_in_place_and_never_falls() -> None:
    rule = profile("when: temp > 75\nclear: temp < 65\nrises: {critical: temp > 85}")
    device = every(RuleBench(rule), 60, [80, 90, 80, 90, 60, 90])
    assert device.said == [(0, "+hot"), (60, "hot critical"), (240, "-hot"), (300, "+hot")]
    assert [v.severity for v in device.verdicts if isinstance(v, Raised)] == ["major", "critical"]


def test_a_device_whose_clock_is_a_minute_slow_rises_too_a_moment_later() -> None:
    device = RuleBench(profile("when: temp > 75\nrises: {critical: temp > 85}"))
    device.heard(0, -60, temp=80.0).passes(30).heard(60, 0, temp=90.0).passes(90)
    assert device.said == [(2, "+hot"), (62, "hot critical")]


# flapping

def test_a_rule_that_comes_and_goes_is_raised_once_and_over_when_it_calms() -> None:
    device = every(RuleBench(profile("when: temp > 75\nclear: temp < 65\nflapping: true")), 60,
                   [80, 60] * 10 + [60] * 25)
    kinds = [what for _, what in device.said]
    assert kinds[kinds.index("flaps"):] == ["flaps", "calm", "-hot"]
    assert kinds.count("+hot") == 3
    assert device.said[-1][0] > 20 * 60


def test_a_rule_that_stays_bad_when_it_calms_goes_on_as_the_same_alarm() -> None:
    device = every(RuleBench(profile("when: temp > 75\nflapping: {above: 25, below: 10}")), 60,
                   [80, 60] * 8 + [80] * 25)
    assert [what for _, what in device.said][-2:] == ["flaps", "calm"]


def test_a_change_now_and_then_is_no_flapping() -> None:
    device = every(RuleBench(profile("when: temp > 75\nflapping: true")), 60, ([80] * 10 + [60] * 10) * 4)
    assert "flaps" not in [what for _, what in device.said]


# hours

NIGHT = "only_during: [{days: [mon, tue, wed, thu, fri], from: \"22:00\", until: \"06:00\"}]"


def test_a_rule_with_hours_looks_on_the_sites_own_clock() -> None:
    device = RuleBench(profile(f"when: door\n{NIGHT}"), "Europe/Zurich")  # it is 13:00 there
    device.says(0, door=True).passes(DAY // SECOND)
    assert device.said == [(9 * 3600, "+hot")]


def test_what_ends_before_its_hours_begin_is_never_told() -> None:
    device = RuleBench(profile(f"when: door\n{NIGHT}"), "Europe/Zurich").says(0, door=True).says(60, door=False)
    assert device.passes(DAY // SECOND).said == []


def test_hours_over_midnight_belong_to_the_day_they_began() -> None:
    saturday = from_iso("2026-11-28T03:00:00Z")  # 04:00 in Zurich, in Friday's night
    at_night = profile(f"when: door\n{NIGHT}")
    assert RuleBench(at_night, "Europe/Zurich", saturday).says(0, door=True).said == [(0, "+hot")]
    sunday = saturday + DAY
    assert RuleBench(at_night, "Europe/Zurich", sunday).says(0, door=True).said == []


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 9), ("2026-03-29", 7), ("2026-05-31", 8)])
def test_a_night_has_nine_hours_when_the_clock_goes_back_and_seven_when_it_goes_forward(day: str, hours: int) -> None:
    rule = profile("when: door\nfor: 2h\nnever_during: [{from: \"06:00\", until: \"22:00\"}]")
    evening = from_iso(f"{day}T12:00:00Z") - DAY
    device = RuleBench(rule, "Europe/Zurich", evening).says(0, door=False)
    opens = next(s for s in range(0, 86400, 3600) if _looks(rule, evening + s * SECOND))
    closes = next(s for s in range(opens, opens + 86400, 3600) if not _looks(rule, evening + s * SECOND))
    assert closes - opens == hours * 3600
    assert device.says(opens - 60, door=True).passes(closes).said == [(opens + 7200, "+hot")]


def _looks(of: Profile, at: Instant) -> bool:
    return is_active(of.rules[0], "Europe/Zurich", at)


def test_what_has_not_lasted_when_its_hours_end_begins_anew_with_the_next() -> None:
    rule = profile("when: door\nfor: 1h\nonly_during: [{from: \"13:00\", until: \"15:00\"}]")
    device = RuleBench(rule).says(0, door=False).says(2.5 * 3600, door=True)  # at 14:30
    assert device.passes(DAY // SECOND + 3600).said == []
    assert device.passes(DAY // SECOND + 3 * 3600).said == [(DAY // SECOND + 2 * 3600, "+hot")]


def test_an_alarm_ends_outside_its_hours_too() -> None:
    device = RuleBench(profile("when: door\nonly_during: [{from: \"12:00\", until: \"13:00\"}]")).says(0, door=True)
    assert device.says(7200, door=False).said == [(0, "+hot"), (7200, "-hot")]


# time

def test_an_alarm_that_came_and_went_in_a_backlog_is_only_written_down() -> None:
    device = RuleBench(profile("when: temp > 75\nclear: temp < 65"))
    for second, temp in ((-7200, 50.0), (-7000, 80.0), (-6900, 70.0), (-6800, 60.0)):
        device.heard(0, second, temp=temp)
    assert device.passes(60).said == [(0, "(hot)")]
    passed = device.verdicts[0]
    assert isinstance(passed, MissedAlarm)
    assert (passed.raised.at, passed.until) == (NOON - 7000 * SECOND, NOON - 6800 * SECOND)


def test_an_alarm_that_a_backlog_leaves_open_is_raised_when_the_rest_has_had_its_time() -> None:
    device = RuleBench(profile("when: temp > 75\nfor: 5m")).heard(0, -7200, temp=80.0).heard(0, -3600, temp=81.0)
    assert device.said == []
    assert device.passes(60).said == [(2, "+hot")]


def test_an_open_alarm_does_not_end_and_begin_again_in_a_backlog() -> None:
    device = RuleBench(profile("when: temp > 75")).says(0, temp=80.0)
    for taken, temp in ((60, 60.0), (120, 85.0), (180, 86.0)):
        device.heard(7200, taken, temp=temp)
    assert device.passes(7300).said == [(0, "+hot")]


def test_late_and_reordered_messages_change_no_newer_truth() -> None:
    device = RuleBench(profile('when: temp > 75\nhits: 2 of 3')).says(0, temp=80.0).says(60, temp=60.0)
    device.heard(61, 30, temp=90.0).heard(62, 31, temp=90.0)
    assert device.said == []


# broken

def test_a_rule_that_cannot_be_judged_says_so_once_and_stops_nothing_else() -> None:
    both = profile("when: temp > 75", """
  odd:
    when: door
    severity: minor
    cause: {en: Odd}
""")
    hot = both.rules[0]

    class Fails:
        def execute(self, shown: object) -> bool:
            raise ValueError("no such overload")

    broken = replace(both, rules=(replace(hot, when=replace(hot.when, program=Fails(), quick=None)), both.rules[1]))
    device = RuleBench(broken).says(0, temp=80.0, door=True).says(60, temp=80.0).restarts().says(120, temp=81.0)
    assert device.said == [(0, "!hot"), (0, "+odd")]
    device.profile = both
    assert device.says(180, temp=80.0).said[-1] == (180, "+hot")
    assert device.state.memory.broken == {}
