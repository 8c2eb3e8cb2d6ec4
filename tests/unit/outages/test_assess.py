"""Area outages, judged: areas that explain, and what must hold whatever happens."""

from dataclasses import replace
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import DAY, HOUR, MINUTE, SECOND, AreaKind, OutageState
from gateway.outages import AreaStats, DarkSite, Limits, OpenOutage, Snapshot, assess, find_candidates, homes_joining
from gateway.outages.statistics import chance
from tests.drivers.examples import examples

LIMITS = Limits()
# two laterals of five homes on a feeder of twelve; a street with homes of both; all of it in a village of 200
TREE = {"village": (None, "place"), "street": ("village", "place"), "feeder": (None, "feeder"),
        "left": ("feeder", "feeder"), "right": ("feeder", "feeder"), "carrier": (None, "network")}
HOMES = {**{f"l{i}": ("left", "street" if i < 2 else "village") for i in range(5)},
         **{f"r{i}": ("right", "street" if i < 2 else "village") for i in range(5)},
         "f0": ("feeder", "village"), "f1": ("feeder", "village"), **{f"v{i}": ("village",) for i in range(188)}}
CARRIED = {"l0", "l1", "r0", "r1", "f0", "v0", "v1", "v2"}  # these speak through one carrier


def above(area: str | None) -> list[str]:
    return [] if area is None else [area, *above(TREE[area][0])]


def areas_of(site: str) -> frozenset[str]:
    direct = [*HOMES[site], *(["carrier"] if site in CARRIED else [])]
    return frozenset(up for area in direct for up in above(area))


def snapshot(dark: dict[str, int], losses: float = 0.0, **more: object) -> Snapshot:
    """`dark`: site → when it died, ms. All other homes are live."""
    areas = {}
    for area, (parent, kind) in TREE.items():
        live = [site for site in HOMES if area in areas_of(site) and site not in dark]
        children = sum(1 for other in TREE if TREE[other][0] == area)
        areas[area] = AreaStats(area, AreaKind(kind), parent, len(live), losses * len(live), children)
    homes = tuple(DarkSite(site, at, areas_of(site), losses=losses) for site, at in dark.items())
    lowest = {site: frozenset((*HOMES[site], *(["carrier"] if site in CARRIED else []))) for site in dark}
    return Snapshot(homes, areas, len(HOMES) - len(dark), lowest=lowest, **more)  # type: ignore[arg-type]


def all_dark(*sites: str, at: int = 0) -> dict[str, int]:
    return {site: at + number * SECOND for number, site in enumerate(sites)}


LEFT, RIGHT = [f"l{i}" for i in range(5)], [f"r{i}" for i in range(5)]


def test_a_lateral_goes_dark_and_neither_its_feeder_nor_its_village_is_blamed() -> None:
    [verdict] = assess(snapshot(all_dark(*LEFT)), LIMITS)
    found = verdict.candidate
    assert (found.key, found.k, found.n, found.how) == ("left", 5, 5, "share")
    assert found.p_value < 1e-18
    assert verdict.outage_id is None


def test_three_of_five_are_enough_and_two_are_not() -> None:
    assert [one.candidate.key for one in assess(snapshot(all_dark("l0", "l2", "l4")), LIMITS)] == ["left"]
    assert assess(snapshot(all_dark("l0", "l2")), LIMITS) == []


def test_both_laterals_are_one_outage_of_the_feeder() -> None:
    assert [one.candidate.key for one in assess(snapshot(all_dark(*LEFT, *RIGHT)), LIMITS)] == ["feeder"]


def test_three_homes_that_share_nothing_small_are_no_outage() -> None:
    assert assess(snapshot(all_dark("v3", "l0", "v9")), LIMITS) == []


def test_losses_hours_apart_are_no_outage() -> None:
    assert assess(snapshot({site: number * HOUR for number, site in enumerate(LEFT)}), LIMITS) == []


def test_homes_that_are_lost_all_day_long_need_more_than_three_of_five() -> None:
    flaky = 60 * 10.0  # about ten times a day
    assert assess(snapshot(all_dark("l0", "l2", "l4"), losses=flaky), LIMITS) == []


def test_a_device_that_reports_once_an_hour_dies_at_an_hours_uncertainty() -> None:
    one_a_minute = {site: number * 8 * MINUTE for number, site in enumerate(LEFT)}
    before = snapshot(one_a_minute)
    assert assess(before, LIMITS) == []
    blurred = tuple(DarkSite(home.site_id, home.died_at, home.areas, uncertainty_ms=HOUR, silent=True)
                    for home in before.homes)
    [verdict] = assess(Snapshot(blurred, before.areas, before.live, lowest=before.lowest), LIMITS)
    assert verdict.candidate.key == "left"
    assert verdict.candidate.p == pytest.approx(12 * chance(3 / (60 * DAY), 5 * MINUTE), rel=0.01)


def test_one_carriers_homes_are_the_carriers_outage() -> None:
    assert [one.candidate.key for one in assess(snapshot(all_dark(*CARRIED)), LIMITS)] == ["carrier"]


def test_everything_at_once_is_our_own_fault() -> None:
    [verdict] = assess(snapshot(dict.fromkeys(HOMES, 0)), LIMITS)
    assert (verdict.candidate.area, verdict.candidate.how, verdict.candidate.k) == (None, "everything", 200)


def test_a_fleet_of_one_feeder_may_all_go_dark_without_it_being_our_fault() -> None:
    areas = {"feeder": AreaStats("feeder", AreaKind.FEEDER, None)}
    homes = tuple(DarkSite(f"h{i}", i, frozenset({"feeder"})) for i in range(6))
    lowest = {home.site_id: frozenset({"feeder"}) for home in homes}
    [verdict] = assess(Snapshot(homes, areas, 0, lowest=lowest), LIMITS)
    assert verdict.candidate.key == "feeder"


def test_a_small_part_of_a_large_feeder_is_seen_as_a_burst() -> None:
    areas = {"feeder": AreaStats("feeder", AreaKind.FEEDER, None, live=9_960)}
    homes = tuple(DarkSite(f"h{i}", i * SECOND, frozenset({"feeder"})) for i in range(40))
    [verdict] = assess(Snapshot(homes, areas, 50_000), LIMITS)
    assert (verdict.candidate.key, verdict.candidate.how, verdict.candidate.k) == ("feeder", "burst", 40)
    slow = tuple(DarkSite(f"h{i}", i * 90 * SECOND, frozenset({"feeder"})) for i in range(40))  # as ever at this size
    assert assess(Snapshot(slow, areas, 50_000), LIMITS) == []


def standing(outage_id: str, area: str | None, state: OutageState = OutageState.CONFIRMED, **more: int) -> OpenOutage:
    values = {"suspected_at": 0, "last_at": 0, "dark": 5, "homes": 5, "size": 5} | more
    return OpenOutage(outage_id, area, state, **values)


def test_the_second_lateral_moves_the_outage_up_instead_of_making_another() -> None:
    [verdict] = assess(snapshot(all_dark(*RIGHT), open=(standing("X-1", "left"),)), LIMITS)
    assert (verdict.candidate.key, verdict.outage_id, verdict.absorbs) == ("feeder", "X-1", ())


def test_two_outages_become_one_when_the_area_above_both_is_out() -> None:
    now = snapshot(all_dark(*LEFT, *RIGHT, "f0", "f1"), open=(
        standing("X-2", "right", suspected_at=9), standing("X-1", "left", suspected_at=1)))
    [verdict] = assess(now, LIMITS)
    assert (verdict.candidate.key, verdict.outage_id, verdict.absorbs) == ("feeder", "X-1", ("X-2",))


def test_one_more_home_joins_while_it_lasts_and_a_later_one_only_where_most_is_out() -> None:
    partly = standing("X-1", "feeder", size=12, dark=3)
    soon, late = (snapshot(all_dark("r3", at=at) | {"r1": 0}, open=(partly,)) for at in (MINUTE, HOUR))
    assert [home.site_id for home in homes_joining(_with("r1", soon), [], LIMITS)["X-1"]] == ["r3"]
    assert homes_joining(_with("r1", late), [], LIMITS) == {}
    mostly = standing("X-1", "feeder", size=12, dark=9)
    assert list(homes_joining(snapshot(all_dark("r3", at=HOUR), open=(mostly,)), [], LIMITS)) == ["X-1"]
    assert homes_joining(snapshot(all_dark("v3"), open=(mostly,)), [], LIMITS) == {}


def _with(site: str, now: Snapshot) -> Snapshot:
    """The same, with this home in the outage X-1 already."""
    homes = tuple(replace(home, outage_id="X-1") if home.site_id == site else home for home in now.homes)
    return replace(now, homes=homes)


def test_a_home_whose_neighbours_are_live_does_not_join_the_outage_of_a_large_area() -> None:
    partly = standing("X-1", "feeder", size=12, dark=3)
    near = _with("r1", snapshot({"r1": 0, "r3": MINUTE}, open=(partly,)))
    far = _with("r1", snapshot({"r1": 0, "l3": MINUTE}, open=(partly,)))
    assert list(homes_joining(near, [], LIMITS)) == ["X-1"]
    assert homes_joining(far, [], LIMITS) == {}


def test_homes_that_go_one_after_the_other_do_not_keep_an_outage_open_for_the_next() -> None:
    long_ago = standing("X-1", "feeder", size=12, dark=3, last_at=2 * HOUR)
    now = _with("r1", snapshot({"r1": 2 * HOUR, "r3": 2 * HOUR + MINUTE}, open=(long_ago,)))
    assert homes_joining(now, [], LIMITS) == {}


def station(*streets: tuple[int, int], elsewhere: int = 0, span: int = MINUTE, size: int = 600) -> Snapshot:
    """A station of `size` homes with these streets, each (homes dark, of how many); and single homes dark elsewhere."""
    areas, homes = {}, []
    for number, (dark, there) in enumerate(streets):
        street = f"street{number}"
        areas[street] = AreaStats(street, AreaKind.FEEDER, "station", there - dark)
        homes += [DarkSite(f"{street}-{i}", i * span // 10, frozenset({street, "station"})) for i in range(dark)]
    homes += [DarkSite(f"single-{i}", i * span // 2, frozenset({"station"})) for i in range(elsewhere)]
    areas["station"] = AreaStats("station", AreaKind.FEEDER, None, size - len(homes), children=6)
    return Snapshot(tuple(homes), areas, 900 - len(homes))


def test_a_station_is_not_blamed_for_a_street_that_is_only_beginning_to_go_dark() -> None:
    assert find_candidates(station((8, 29), elsewhere=3), LIMITS) == []
    [found] = find_candidates(station((15, 29), elsewhere=3), LIMITS)
    assert (found.key, found.k) == ("street0", 15)


def test_three_streets_that_begin_to_go_dark_together_are_not_yet_their_station_and_five_have_one_cause() -> None:
    assert find_candidates(station(*[(7, 22)] * 3), LIMITS) == []
    [found] = find_candidates(station(*[(7, 22)] * 5), LIMITS)
    assert (found.key, found.k) == ("station", 35)


def test_a_feeder_whose_laterals_go_dark_one_after_the_other_is_one_outage_and_found_in_no_time() -> None:
    laterals = [f"lateral{number}" for number in range(50)]
    homes = tuple(DarkSite(f"home-{i}", i, frozenset({laterals[i // 200], "feeder"})) for i in range(6_000))
    areas = {name: AreaStats(name, AreaKind.FEEDER, "feeder", 0 if number < 30 else 200)
             for number, name in enumerate(laterals)}
    areas["feeder"] = AreaStats("feeder", AreaKind.FEEDER, None, 4_000, children=50)
    begun = thread_time()
    [found] = find_candidates(Snapshot(homes, areas, 10_000), LIMITS)
    assert (found.key, found.k) == ("feeder", 6_000)
    assert thread_time() - begun < 2


def test_a_part_of_every_street_is_the_stations_outage() -> None:
    [found] = find_candidates(station((8, 100), (8, 100), (8, 100), (8, 100), (8, 100), elsewhere=8, span=20 * SECOND),
                              LIMITS)
    assert (found.key, found.how) == ("station", "burst")


def test_two_streets_at_the_same_time_are_two_outages_and_not_their_stations() -> None:
    found = find_candidates(station((18, 18), (16, 24), size=58), LIMITS)
    assert sorted(one.key for one in found) == ["street0", "street1"]


def test_a_suspicion_of_too_large_an_area_gives_way_to_the_streets_in_it_and_a_confirmed_outage_does_not() -> None:
    streets = station((18, 18), (16, 24), size=58)
    homes = tuple(replace(home, outage_id="X-1") if number < 8 else home for number, home in enumerate(streets.homes))
    thought_of = standing("X-1", "station", OutageState.SUSPECTED, dark=8)
    split = assess(replace(streets, homes=homes, open=(thought_of,)), LIMITS)
    assert sorted((one.candidate.key, one.outage_id, one.ends) for one in split) == [
        ("street0", None, ("X-1",)), ("street1", None, ("X-1",))]
    [whole] = assess(replace(streets, homes=homes, open=(replace(thought_of, state=OutageState.CONFIRMED),)), LIMITS)
    assert (whole.candidate.key, whole.outage_id, whole.ends) == ("station", "X-1", ())


def test_a_street_that_is_dark_for_an_hour_is_no_part_of_what_begins_above_it_now() -> None:
    now = station((8, 100), (8, 100), (8, 100), (8, 100), (8, 100), elsewhere=8, span=20 * SECOND)
    later = replace(now, homes=tuple(replace(home, died_at=home.died_at + 2 * HOUR) for home in now.homes))
    for dark_since, expected in ((0, None), (2 * HOUR, "X-1")):
        street = standing("X-1", "street0", suspected_at=dark_since, last_at=dark_since)
        [verdict] = assess(replace(later, open=(street,)), LIMITS)
        assert (verdict.candidate.key, verdict.outage_id) == ("station", expected)


def test_a_second_street_an_hour_later_is_an_outage_of_its_own() -> None:
    before = standing("X-1", "left", suspected_at=0, last_at=0)
    [verdict] = assess(snapshot(dict.fromkeys(RIGHT, 2 * HOUR), open=(before,)), LIMITS)
    assert (verdict.candidate.key, verdict.outage_id, verdict.absorbs) == ("right", None, ())


@pytest.mark.parametrize(("state", "dark", "expected"), [
    (OutageState.RESTORED, 0, "X-1"), (OutageState.RESTORING, 2, "X-1"), (OutageState.CONFIRMED, 8, "X-1"),
    (OutageState.CONFIRMED, 2, None)])
def test_a_lateral_that_fails_while_its_feeder_recovers_or_is_mostly_dark_is_the_same_outage(
        state: OutageState, dark: int, expected: str | None) -> None:
    feeder = standing("X-1", "feeder", state, suspected_at=0, last_at=0, dark=dark, size=12)
    [verdict] = assess(snapshot(dict.fromkeys(RIGHT, 2 * HOUR), open=(feeder,)), LIMITS)
    assert verdict.outage_id == expected


some_dark = st.dictionaries(st.sampled_from(sorted(HOMES)), st.integers(0, 20 * MINUTE), max_size=40)
in_the_feeder = st.dictionaries(st.sampled_from([*LEFT, *RIGHT, "f0", "f1"]), st.integers(0, 6 * MINUTE), max_size=12)
some_open = st.lists(st.sampled_from(["left", "right", "street", "village", "feeder", "carrier"]), max_size=2).filter(
    lambda areas: len({up for area in areas for up in above(area)}) == sum(len(above(area)) for area in areas))


@examples(200)
@given(some_dark | in_the_feeder, some_open, st.randoms())
def test_the_order_of_what_happened_does_not_matter(dark: dict[str, int], areas: list[str], dice: object) -> None:
    outages = tuple(standing(f"X-{area}", area) for area in areas)
    one = snapshot(dark, open=outages)
    mixed = list(one.homes)
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    other = Snapshot(tuple(mixed), one.areas, one.live, one.heard_at, outages[::-1], one.lowest)
    assert assess(one, LIMITS) == assess(other, LIMITS)


@examples(200)
@given(some_dark | in_the_feeder, some_open)
def test_there_are_never_two_outages_on_one_line_and_no_home_is_in_two(dark: dict[str, int], areas: list[str]) -> None:
    now = snapshot(dark, open=tuple(standing(f"X-{area}", area) for area in areas))
    verdicts = assess(now, LIMITS)
    gone = {one for verdict in verdicts for one in (verdict.outage_id, *verdict.absorbs)}
    out = [verdict.candidate.key for verdict in verdicts] + [area for area in areas if f"X-{area}" not in gone]
    for number, area in enumerate(out):
        for other in out[number + 1:]:
            if area != "!gateway" and other != "!gateway":
                assert area not in above(other)
                assert other not in above(area)
    members = [home.site_id for verdict in verdicts for home in verdict.candidate.homes]
    assert len(members) == len(set(members))


@examples(100)
@given(st.dictionaries(st.sampled_from(sorted(HOMES)), st.integers(0, 20 * MINUTE), max_size=2))
def test_two_homes_are_never_an_outage(dark: dict[str, int]) -> None:
    assert find_candidates(snapshot(dark), LIMITS) == []


@examples(100)
@given(some_dark | in_the_feeder)
def test_what_is_found_has_the_numbers_it_claims(dark: dict[str, int]) -> None:
    for verdict in assess(snapshot(dark), LIMITS):
        found = verdict.candidate
        assert 3 <= found.k <= found.n
        assert found.p_value <= LIMITS.alpha or found.how == "everything"
        assert all(found.area is None or found.key in home.areas for home in found.homes)
