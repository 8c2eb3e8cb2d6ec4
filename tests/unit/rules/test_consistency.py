"""A rule that cannot do what it says is refused, with its place and what to write instead; and rules have tests."""

from pathlib import Path

import pytest

from gateway.app.check import check_all, profile_test_errors
from gateway.backtest.profile_tests import run_profile_tests
from gateway.config.profiles_and_mappings import load_profiles
from gateway.devices.profiles import BadProfile, HitLimit, Limits, compile_profile
from gateway.model import DAY

BOILER = """\
profile: boiler
name: {en: boiler}
signals:
  temp: {unit: °C}
  back: {unit: °C, range: [-30, 100]}
  pressure: {unit: bar}
  power: {unit: W}
  free:
  door: {type: bool}
  mode: {type: text}
silence: {data: 30m}
rules:
  hot:
    when: temp > 75
    severity: major
    cause: {en: Too hot}
"""


def errors_of(when: str = "temp > 75", **fields: str) -> list[str]:
    """What is wrong with the rule `hot` when it says this."""
    lines = "".join(f"    {name.rstrip('_')}: {value}\n" for name, value in fields.items())
    text = BOILER.replace("when: temp > 75", f"when: {when}") + lines
    with pytest.raises(BadProfile) as caught:
        compile_profile(text, "b.yaml", 30 * DAY)
    return caught.value.errors


@pytest.mark.parametrize(("when", "said"), [
    ("temp < pressure", "puts temp (°C) beside pressure (bar) (column 1) — expected the same unit on both sides of <"),
    ("door && temp - pressure > 3", "puts temp (°C) beside pressure (bar) (column 9) — expected the same unit on both"),
    ("rate(temp) > temp", "puts rate(temp) (°C a minute) beside temp (°C)"),
    ("'mean(temp, \"10m\") > pressure'", "puts mean(temp, \"10m\") (°C) beside pressure (bar)"),
    ("2 * temp > pressure", "puts 2 * temp (°C) beside pressure (bar)"),
    ("temp > 5 && temp < 3", "can never be true (column 1) — expected limits that one value can meet, or || between"),
    ("temp > back && back > temp", "can never be true"),
    ("temp > 80 && !(temp > 70)", "can never be true"),
    ('mode == "on" && mode == "off"', "can never be true"),
    ("door && !door", "can never be true"),
    ("temp > 5 || temp < 6", "is always true (column 1), so it would never be over"),
    ("median(temp) > 3", "uses median() — expected comparisons, && || !, + - * /, ? :, in, and startsWith, endsW"),
    ("prev(temp, 3) > 3", "has prev() (column 1) — expected one signal: prev(flow_temp)"),
    ("mean(temp) > 3", 'has mean() (column 1) — expected one signal and a window: mean(flow_temp, "10m")'),
    ("prev(temp + 1) > 3", "has prev() (column 1) — expected one signal"),
    ("'max(temp, \"1 hour\") > 3'", "has the window \"1 hour\" (column 11) — expected a text from \"10s\" to \"7d\""),
    ("'max(temp, \"8d\") > 3'", "has the window \"8d\" (column 11)"),
    ("rate(mode) > 3", "has rate() (column 1) of mode, which is no number"),
    ("age(temp) > 2 * 300", "does not compare age() (column 1) with a number — expected that at once, e.g. age(temp)"),
    ("prev(tmp) > 3", "names 'tmp' (column 6), which is no declared signal — did you mean 'temp'?"),
])
def test_a_condition_that_makes_no_sense_is_refused(when: str, said: str) -> None:
    (error,) = errors_of(when)
    assert error.startswith("b.yaml:14: rules.hot.when: ")
    assert said in error


@pytest.mark.parametrize(("when", "fields", "said"), [
    ("back > 120", {}, "'back > 120' can never be true with back from -30 to 100 (column 1)"),
    ("back < prev(back) && prev(back) < -30", {}, "can never be true with back from -30 to 100"),
    ("'max(back, \"10m\") > 100'", {}, "can never be true with back from -30 to 100"),
    ("age(temp) > 600 && age(temp) < 0", {}, "can never be true (column 1)"),
    ("back > -31", {}, "is always true"),
    ("back > 75", {"clear": "back < -40"}, "'back < -40' can never be true with back from -30 to 100"),
    ("back > 75", {"rises": "{critical: back > 101}"}, "can never be true with back from -30 to 100"),
])
def test_what_no_believable_value_can_meet_is_refused(when: str, fields: dict[str, str], said: str) -> None:
    (error,) = errors_of(when, **fields)
    assert said in error


@pytest.mark.parametrize("when", ["back >= 100", "back > prev(back) && back > 99", "rate(back) > 500"])
def test_what_the_last_believable_value_meets_passes(when: str) -> None:
    assert compile_profile(BOILER.replace("temp > 75", when), "b.yaml").rules[0].when.source == when


@pytest.mark.parametrize("when", [
    "temp > 75 && pressure > 3", "temp - back > 3", "free > temp", "power * 2 > power", "temp / back > 2",
    "temp * 0.5 > back", "temp > 5 && temp < 30", "mode.startsWith('e') && mode != 'e'", "temp > -40",
    'power > 2 && max(power, "10m") < 9', 'count(door, "1h") > 20', "age(mode) > 600", "door ? temp > 3 : back > 3",
])
def test_a_condition_that_makes_sense_passes(when: str) -> None:
    text = BOILER.replace("when: temp > 75", f"when: |-\n      {when}")
    assert compile_profile(text, "b.yaml").rules[0].when.source == when


@pytest.mark.parametrize(("fields", "place", "said"), [
    ({"clear": "temp < 80"}, "clear", "'temp < 80' and when, 'temp > 75', are both true at temp = 77.5 (column 1) — "
     "expected a clear that cannot hold while when does, on the other side of a gap"),
    ({"clear": "temp < 60 && temp > 65"}, "clear", "can never be true (column 1), so the alarm would never be over"),
    ({"for_": "31m"}, "for", "'31m' is longer than data counts as fresh, silence.data: 30m — expected at most 30m, or "
     "silence.data of 31m or more"),
    ({"hits": "5 of 3"}, "hits", "'5 of 3' — expected so many of the last judgements, such as 3 of 5, and at most 21"),
    ({"hits": "3 of 50"}, "hits", "'3 of 50' — expected so many"),
    ({"clear_hits": "3"}, "clear_hits", "3 — expected so many"),
    ({"rises": "{minor: temp > 80}"}, "rises.minor", "no rise from major — expected critical"),
    ({"rises": "{critical: temp > 80 && temp < 70}"}, "rises.critical", "can never be true"),
    ({"rises": "{awful: temp > 80}"}, "rises.awful", "expected one of warning, minor, major, critical"),
    ({"flapping": "{above: 10, below: 20}"}, "flapping", "below 20 is not under above 10 — expected below to be"),
    ({"depends_on": "[cold]"}, "depends_on", "'cold' is no rule of this profile — "),
    ({"depends_on": "[hot]"}, "depends_on", "'hot' would explain itself — expected another rule"),
    ({"only_during": "[{from: 22:00, until: 25:00}]"}, "only_during", "expected a time in quotes from \"00:00\" to"),
    ({"only_during": "[{days: [monday], from: 22:00, until: 06:00}]"}, "only_during[0].days[0]", "'monday' — expected"),
    ({"only_during": '[{from: "22:00", until: "22:10"}]', "for_": "20m"}, "for", "'20m' is longer than only_during "
     "ever lasts — expected at most 10m"),
    ({"keep_firing_for": "soon"}, "keep_firing_for", "'soon' — expected a duration up to 366d"),
    ({"latch": "maybe"}, "latch", "'maybe' — expected true or false"),
    ({"monitr": "true"}, "monitr", "no such field — did you mean 'monitor'?"),
])
def test_a_field_that_cannot_work_is_refused_with_its_line(fields: dict[str, str], place: str, said: str) -> None:
    errors = errors_of(**fields)
    assert any(f": rules.hot.{place}: " in error and said in error for error in errors), "\n".join(errors)


def test_rules_that_explain_each_other_are_refused() -> None:
    text = BOILER + "    depends_on: [cold]\n  cold:\n    when: temp < 5\n    severity: major\n    cause: {en: x}\n" \
        "    depends_on: [hot]\n"
    with pytest.raises(BadProfile, match=r"b\.yaml:17: rules\.hot\.depends_on: 'cold' depends on 'hot' in turn"):
        compile_profile(text, "b.yaml")


def test_a_window_longer_than_readings_are_kept_is_refused() -> None:
    text = BOILER.replace("temp > 75", "'mean(temp, \"5d\") > 75'")
    assert compile_profile(text, "b.yaml", 5 * DAY).past is not None
    with pytest.raises(BadProfile, match=r"looks further back than readings are kept \(3d\) — expected a shorter wind"):
        compile_profile(text, "b.yaml", 3 * DAY)


def test_a_latched_rule_wants_a_person_and_a_first_try_wants_none() -> None:
    text = BOILER.replace("rules:", "commands: {restart: {safe: true}}\nrules:")
    with pytest.raises(BadProfile, match=r"rules\.hot\.latch: .* — expected one of the two"):
        compile_profile(text + "    latch: true\n    first_try: {command: restart, wait: 1m}\n", "b.yaml")


def test_everything_a_rule_says_is_read() -> None:
    text = BOILER + """\
    for: 5m
    keep_firing_for: 10m
    hits: 3 of 5
    clear_hits: 2 of 3
    rises: {critical: temp > 85}
    latch: true
    only_during: [{days: [mon], from: "22:00", until: "06:00"}]
    flapping: true
    depends_on: [via]
    monitor: true
"""
    rule = compile_profile(text, "b.yaml").rules[0]
    assert (rule.for_ms, rule.keep_ms, rule.hits, rule.clear_hits) == (300_000, 600_000, HitLimit(3, 5), HitLimit(2, 3))
    assert (rule.latch, rule.dry_run, rule.flapping, rule.depends_on) == (True, True, Limits(25.0, 10.0), ("via",))
    assert rule.only_during == {"mon": (("22:00", "06:00"),)}
    assert [severity for severity, _ in rule.rises] == ["critical"]


# unit tests of rules

TESTS = """\
tests:
  - name: too hot
    readings:
      - {at: 0s, temp: 60}
      - {at: 1m, temp: 80}
      - {at: 2m, temp: 60}
    expect:
      - {rule: hot, raised: 1m, cleared: 2m, severity: major}
"""


def proved(text: str) -> list[str]:
    return run_profile_tests(compile_profile(BOILER, "b.yaml"), text, "b.tests.yaml")


def test_a_rules_own_test_passes() -> None:
    assert proved(TESTS) == []


@pytest.mark.parametrize(("find", "put", "line", "said"), [
    ("raised: 1m", "raised: 30s", 7, "too hot: expected hot (major) raised 30s, cleared 2m, got hot (major) raised 1m, "
     "cleared 2m"),
    ("severity: major", "severity: critical", 7, "expected hot (critical) raised 1m, cleared 2m, got hot (major)"),
    ("cleared: 2m, ", "", 7, "expected hot (major) raised 1m, still open, got hot (major) raised 1m, cleared 2m"),
    ("temp: 80", "temp: 70", 7, "got no such alarm"),
    ("      - {rule: hot, raised: 1m, cleared: 2m, severity: major}", "      []", 7, "expected nothing more, got hot"),
    ("rule: hot", "rule: hto", 7, "'hto' is no rule of boiler — did you mean 'hot'?"),
    ("temp: 80", "tmp: 80", 7, "'tmp' is no signal of boiler — did you mean 'temp'?"),
    ("at: 1m", "at: soon", 5, "tests[0].readings[1].at: 'soon' — expected a time since the beginning"),
    ("readings:", "readngs:", 3, "no such field — did you mean 'readings'?"),
    ("raised: 1m, ", "", 8, "is missing — expected a value"),
])
def test_a_rules_own_test_says_what_it_expected_and_what_it_got(find: str, put: str, line: int, said: str) -> None:
    errors = proved(TESTS.replace(find, put, 1))
    assert any(error.startswith(f"b.tests.yaml:{line}: ") and said in error for error in errors), "\n".join(errors)


def test_a_rules_own_test_keeps_the_sites_hours() -> None:
    profile = compile_profile(BOILER + '    only_during: [{from: "02:00", until: "04:00"}]\n', "b.yaml")
    text = """
tests:
  - name: the night the clock goes forward has no hour from two to three
    start: "2026-03-29T00:30:00+01:00"
    zone: Europe/Zurich
    readings: [{at: 0s, temp: 80}]
    until: 4h
    expect: [{rule: hot, raised: 1h30m}]
"""
    assert run_profile_tests(profile, text, "b.tests.yaml") == []


def test_check_runs_the_tests_beside_the_profiles(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "boiler.yaml").write_text(BOILER, encoding="utf-8")
    (profiles / "boiler.tests.yaml").write_text(TESTS.replace("raised: 1m", "raised: 2m"), encoding="utf-8")
    (profiles / "oven.tests.yaml").write_text(TESTS, encoding="utf-8")
    assert sorted(load_profiles(profiles)) == ["boiler"]
    first, second = profile_test_errors(profiles, load_profiles(profiles))
    assert first.startswith(f"{profiles}/boiler.tests.yaml:7: too hot: expected hot (major) raised 2m")
    assert second == f"{profiles}/oven.tests.yaml: no profile 'oven' — expected one of boiler"
    config = tmp_path / "gateway.yaml"
    config.write_text("secret: a test secret of thirty-two chars or more\nprofiles: profiles\n", encoding="utf-8")
    assert [error for error in check_all(config, None).errors if "boiler.tests.yaml:7" in error]
