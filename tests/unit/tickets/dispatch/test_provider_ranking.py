"""Who is asked first, and why not the others: territory, skill, hours, load, in words a dispatcher understands."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.calendars.opening_hours import DAYS
from gateway.model import Provider, Severity, from_iso
from gateway.tickets.dispatch.provider_ranking import Candidate, Ranking, Task, polygon_error, rank_providers, to_json

ZURICH = "Europe/Zurich"
MONDAY_TEN = from_iso("2026-11-23T10:00:00+01:00")
MONDAY_NIGHT = from_iso("2026-11-23T22:00:00+01:00")
OFFICE = {day: [["08:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
OLD_TOWN = [[8.53, 47.36], [8.56, 47.36], [8.56, 47.38], [8.53, 47.38]]
BAHNHOFSTRASSE = Task(("heating",), Severity.MAJOR, "8001", 47.37, 8.54,
                      frozenset({"old-town", "zurich", "switzerland"}))


def firm(name: str, open_jobs: int = 0, already_asked: str | None = None, **about: Any) -> Candidate:
    row = {"timezone": ZURICH, "skills": ["heating"], "territory": {"postcodes": ["8001"]}, "hours": OFFICE}
    return Candidate(Provider(id=name, name=name.title(), **row | about), open_jobs, already_asked)


def rank(*provider_loads: Candidate, job: Task = BAHNHOFSTRASSE, now: int = MONDAY_TEN) -> Ranking:
    return rank_providers(job, provider_loads, now)


def names(ranking: Ranking) -> list[str]:
    return [one.provider_id for one in ranking.eligible]


def why_not(ranking: Ranking, name: str) -> str:
    return dict(ranking.refused)[name]


def test_the_firm_around_the_corner_is_asked_and_the_reasons_are_kept() -> None:
    only = rank(firm("huber", open_jobs=2)).eligible[0]
    assert only.reasons == (
        "covers postcode 8001", "has the skill heating", "open until 17:00", "2 of 5 jobs open")
    assert (only.rank, only.score) == (1, 0.6)


def test_who_has_least_to_do_for_its_size_is_asked_first() -> None:
    ranking = rank(firm("big", open_jobs=4, capacity=20), firm("small", open_jobs=1, capacity=2), firm("free"))
    assert names(ranking) == ["free", "big", "small"]
    assert [one.rank for one in ranking.eligible] == [1, 2, 3]


def test_with_equal_load_the_closer_territory_comes_first() -> None:
    ranking = rank(
        firm("a-area", territory={"areas": ["zurich"]}), firm("b-wild", territory={"postcodes": ["80*"]}),
        firm("d-exact", territory={"postcodes": ["8001"]}), firm("c-map", territory={"polygon": OLD_TOWN}))
    assert names(ranking) == ["c-map", "d-exact", "b-wild", "a-area"]


def test_load_weighs_more_than_a_close_territory() -> None:
    assert names(rank(firm("exact", open_jobs=1), firm("wild", territory={"postcodes": ["8*"]}))) == ["wild", "exact"]


def test_equals_are_ranked_by_id_whatever_order_they_come_in() -> None:
    huber, meier = firm("huber"), firm("meier")
    assert rank(huber, meier) == rank(meier, huber)
    assert names(rank(meier, huber)) == ["huber", "meier"]


@pytest.mark.parametrize(("territory", "reason"), [
    ({"postcodes": ["9000", "8001"]}, "covers postcode 8001"),
    ({"postcodes": ["80*"]}, "covers postcodes 80*"),
    ({"postcodes": ["*"]}, "covers postcodes *"),
    ({"postcodes": ["80*", "8001"]}, "covers postcode 8001"),
    ({"polygon": OLD_TOWN, "areas": ["zurich"]}, "its territory on the map covers the site"),
    ({"areas": ["basel", "zurich"]}, "covers the area zurich"),
])
def test_any_part_of_a_territory_may_cover_the_site(territory: dict[str, Any], reason: str) -> None:
    assert rank(firm("huber", territory=territory)).eligible[0].reasons[0] == reason


@pytest.mark.parametrize("territory", [
    {}, {"areas": None, "postcodes": None, "polygon": None},
    {"postcodes": ["800", "80010", "9*"]}, {"areas": ["basel"]},
    {"polygon": [[47.36, 8.53], [47.36, 8.56], [47.38, 8.56]]},
])
def test_a_territory_elsewhere_does_not(territory: dict[str, Any]) -> None:
    ranking = rank(firm("huber", territory=territory))
    assert names(ranking) == []
    assert ranking.refused == (("huber", "does not cover postcode 8001"),)


def test_a_site_on_the_edge_of_the_map_is_covered() -> None:
    on_the_edge = replace(BAHNHOFSTRASSE, lat=47.36, lon=8.54)
    assert names(rank(firm("huber", territory={"polygon": OLD_TOWN}), job=on_the_edge)) == ["huber"]


def test_a_site_without_coordinates_or_postcode_is_found_by_area_only() -> None:
    somewhere = replace(BAHNHOFSTRASSE, lat=None, lon=None, postcode="")
    ranking = rank(firm("area", territory={"areas": ["old-town"]}), firm("map", territory={"polygon": OLD_TOWN}),
                   firm("post"), job=somewhere)
    assert names(ranking) == ["area"]
    assert why_not(ranking, "map") == "does not cover the site"


def test_postcodes_are_compared_as_people_write_them() -> None:
    london = replace(BAHNHOFSTRASSE, postcode="sw1a 1aa")
    assert names(rank(firm("whole", territory={"postcodes": ["SW1A1AA"]}),
                      firm("part", territory={"postcodes": ["SW1A *"]}), job=london)) == ["whole", "part"]


def test_a_firm_without_the_skill_is_refused_and_a_job_without_skill_is_for_anyone() -> None:
    plumber = firm("plumber", skills=["plumbing"])
    assert why_not(rank(plumber), "plumber") == "lacks the skill heating"
    assert "any skill will do" in rank(plumber, job=replace(BAHNHOFSTRASSE, skills=())).eligible[0].reasons


def test_a_full_firm_is_refused_and_so_is_one_without_capacity() -> None:
    ranking = rank(firm("full", open_jobs=5), firm("over", open_jobs=9), firm("none", capacity=0))
    assert names(ranking) == []
    assert why_not(ranking, "full") == "full: 5 of 5 jobs open"
    assert why_not(ranking, "none") == "full: 0 of 0 jobs open"


def test_nobody_is_asked_twice_in_a_round() -> None:
    ranking = rank(firm("huber", already_asked="declined"), firm("meier", already_asked="lapsed"))
    assert why_not(ranking, "huber") == "already asked in this round: declined"
    assert why_not(ranking, "meier") == "already asked in this round: lapsed"


def test_a_closed_firm_says_when_it_opens() -> None:
    ranking = rank(firm("huber"), now=MONDAY_NIGHT)
    assert why_not(ranking, "huber") == "closed until Tue 08:00"
    assert ranking.opens_at == from_iso("2026-11-24T08:00:00+01:00")


def test_after_a_closed_weekend_the_opening_is_still_found() -> None:
    ranking = rank(firm("huber"), now=from_iso("2026-11-20T18:00:00+01:00"))
    assert why_not(ranking, "huber") == "closed until Mon 08:00"
    assert ranking.opens_at == from_iso("2026-11-23T08:00:00+01:00")


def test_an_opening_on_the_same_weekday_next_week_is_said_with_its_date() -> None:
    monday_only = firm("huber", hours={"mon": [["08:00", "17:00"]]})
    assert why_not(rank(monday_only, now=MONDAY_NIGHT), "huber") == "closed until Mon 30.11. 08:00"


def test_only_those_who_are_merely_closed_are_waited_for() -> None:
    early = {"tue": [["06:00", "17:00"]]}
    ranking = rank(firm("full", open_jobs=5, hours=early), firm("plumber", skills=[], hours=early),
                   firm("asked", already_asked="declined", hours=early), firm("shut", hours={}), firm("huber"),
                   now=MONDAY_NIGHT)
    assert ranking.opens_at == from_iso("2026-11-24T08:00:00+01:00")
    assert why_not(ranking, "full") == "full: 5 of 5 jobs open; closed until Tue 06:00"
    assert why_not(ranking, "shut") == "closed: its hours have no opening in the next 8 days"


def test_nobody_is_waited_for_when_nobody_is_merely_closed() -> None:
    assert rank(firm("full", open_jobs=5), now=MONDAY_NIGHT).opens_at is None
    assert rank(now=MONDAY_NIGHT) == Ranking((), (), None)


def test_hours_are_the_firms_own() -> None:
    in_new_york = firm("yankee", timezone="America/New_York")
    assert "open until 17:00" in rank(in_new_york, now=from_iso("2026-11-23T20:00:00Z")).eligible[0].reasons
    assert why_not(rank(in_new_york), "yankee") == "closed until Mon 08:00"


def test_critical_work_reaches_an_emergency_firm_at_night_and_no_other() -> None:
    critical = replace(BAHNHOFSTRASSE, severity=Severity.CRITICAL)
    ranking = rank(firm("night", emergency=True), firm("day"), job=critical, now=MONDAY_NIGHT)
    assert names(ranking) == ["night"]
    assert "closed, but takes emergencies" in ranking.eligible[0].reasons
    assert why_not(ranking, "day") == "closed until Tue 08:00"


def test_an_emergency_firm_sleeps_through_major_work() -> None:
    assert names(rank(firm("night", emergency=True), now=MONDAY_NIGHT)) == []


@pytest.mark.parametrize(("hours", "reason"), [
    ({day: [["00:00", "24:00"]] for day in DAYS}, "open around the clock"),
    ({"mon": [["08:00", "06:00"]]}, "open until Tue 06:00"),
])
def test_long_hours_are_said_plainly(hours: dict[str, Any], reason: str) -> None:
    assert reason in rank(firm("huber", hours=hours)).eligible[0].reasons


def test_the_ranking_is_stored_with_everybodys_reasons() -> None:
    ranking = rank(firm("huber", open_jobs=1), firm("meier", skills=[]))
    assert json.loads(json.dumps(to_json(ranking))) == {
        "eligible": [{"provider_id": "huber", "rank": 1, "score": 0.8, "reasons": [
            "covers postcode 8001", "has the skill heating", "open until 17:00", "1 of 5 jobs open"]}],
        "refused": [{"provider_id": "meier", "reason": "lacks the skill heating"}],
        "opens_at": None,
    }


def test_a_map_that_is_no_map_covers_nothing_and_breaks_nothing() -> None:
    bow_tie = [[8.53, 47.36], [8.56, 47.38], [8.56, 47.36], [8.53, 47.38]]
    assert names(rank(firm("tie", territory={"polygon": bow_tie}), firm("line", territory={"polygon": OLD_TOWN[:2]}),
                      firm("huber"))) == ["huber"]


def test_a_territory_whose_sides_cross_is_refused_with_the_place() -> None:
    said = polygon_error(((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)))
    assert said == "Self-intersection[0.5 0.5] — expected sides that do not cross"
    assert polygon_error(tuple((lon, lat) for lon, lat in OLD_TOWN)) is None
