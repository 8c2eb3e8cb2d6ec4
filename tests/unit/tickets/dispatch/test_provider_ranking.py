"""Who is asked first, and why not the others: territory, skill, hours, load, in words a dispatcher understands."""

import json
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from gateway.calendars.opening_hours import DAYS
from gateway.model import MINUTE, OfferState, Provider, Severity, Technician, from_iso
from gateway.tickets.dispatch.provider_ranking import ProviderDirectory, Ranking, Task, Workload, to_json
from gateway.tickets.dispatch.territory import Place, polygon_error
from gateway.tickets.dispatch.track_record import NO_RECORD, TrackRecord

ZURICH = "Europe/Zurich"
MONDAY_TEN = from_iso("2026-11-23T10:00:00+01:00")
MONDAY_NIGHT = from_iso("2026-11-23T22:00:00+01:00")
OFFICE = {day: [["08:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
OLD_TOWN = [[8.53, 47.36], [8.56, 47.36], [8.56, 47.38], [8.53, 47.38]]
BAHNHOFSTRASSE = Place("8001", 47.37, 8.54, frozenset({"old-town", "zurich", "switzerland"}))
HEATING = Task(frozenset({"heating"}), Severity.MAJOR, BAHNHOFSTRASSE)


class Firm(NamedTuple):
    provider: Provider
    load: Workload
    record: TrackRecord
    asked: OfferState | None
    people: tuple[Technician, ...]


def firm(name: str, visits: int = 0, asked: OfferState | None = None, load: Workload | None = None,
         record: TrackRecord = NO_RECORD, people: tuple[Technician, ...] = (), **about: Any) -> Firm:
    row = {"timezone": ZURICH, "skills": ["heating"], "territory": {"postcodes": ["8001"]}, "hours": OFFICE}
    return Firm(Provider(id=name, name=name.title(), **row | about), load or Workload(visits), record, asked, people)


def person(name: str, **about: Any) -> Technician:
    return Technician(id=name, provider_id="huber", name=name.title(), **about)


def rank(*firms: Firm, task: Task = HEATING, now: int = MONDAY_TEN) -> Ranking:
    directory = ProviderDirectory([one.provider for one in firms], [person for one in firms for person in one.people])
    return directory.rank(task, {one.provider.id: one.load for one in firms},
                          {one.provider.id: one.record for one in firms},
                          {one.provider.id: one.asked for one in firms if one.asked}, now)


def names(ranking: Ranking) -> list[str]:
    return [one.provider_id for one in ranking.eligible]


def why_not(ranking: Ranking, name: str) -> str:
    return ranking.not_covered if name in ranking.elsewhere else dict(ranking.refused)[name]


def test_the_firm_around_the_corner_is_asked_and_the_reasons_are_kept() -> None:
    only = rank(firm("huber", visits=2)).eligible[0]
    assert only.reasons == (
        "covers postcode 8001", "has the skill heating", "open until 17:00", "2 of 5 visits today",
        "distance not known", "no record yet")
    assert only.rank == 1


def test_who_has_least_to_do_for_its_size_is_asked_first() -> None:
    ranking = rank(firm("big", visits=4, capacity=20), firm("small", visits=1, capacity=2), firm("free"))
    assert names(ranking) == ["free", "big", "small"]
    assert [one.rank for one in ranking.eligible] == [1, 2, 3]


def test_with_equal_load_the_closer_territory_comes_first() -> None:
    ranking = rank(
        firm("a-area", territory={"areas": ["zurich"]}), firm("b-wild", territory={"postcodes": ["80*"]}),
        firm("d-exact", territory={"postcodes": ["8001"]}), firm("c-map", territory={"polygon": OLD_TOWN}))
    assert names(ranking) == ["c-map", "d-exact", "b-wild", "a-area"]


def test_load_weighs_more_than_a_close_territory() -> None:
    assert names(rank(firm("exact", visits=1), firm("wild", territory={"postcodes": ["8*"]}))) == ["wild", "exact"]


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
    assert (ranking.elsewhere, ranking.not_covered) == (("huber",), "does not cover postcode 8001")


def test_a_site_on_the_edge_of_the_map_is_covered() -> None:
    on_the_edge = replace(BAHNHOFSTRASSE, lat=47.36, lon=8.54)
    assert names(rank(firm("huber", territory={"polygon": OLD_TOWN}),
                      task=replace(HEATING, place=on_the_edge))) == ["huber"]


def test_a_site_without_coordinates_or_postcode_is_found_by_area_only() -> None:
    somewhere = replace(BAHNHOFSTRASSE, lat=None, lon=None, postcode="")
    ranking = rank(firm("area", territory={"areas": ["old-town"]}), firm("map", territory={"polygon": OLD_TOWN}),
                   firm("post"), task=replace(HEATING, place=somewhere))
    assert names(ranking) == ["area"]
    assert why_not(ranking, "map") == "does not cover the site"


def test_postcodes_are_compared_as_people_write_them() -> None:
    london = replace(BAHNHOFSTRASSE, postcode="sw1a 1aa")
    assert names(rank(firm("whole", territory={"postcodes": ["SW1A1AA"]}),
                      firm("part", territory={"postcodes": ["SW1A *"]}),
                      task=replace(HEATING, place=london))) == ["whole", "part"]


def test_a_firm_without_the_skill_is_refused_and_a_job_without_skill_is_for_anyone() -> None:
    plumber = firm("plumber", skills=["plumbing"])
    assert why_not(rank(plumber), "plumber") == "lacks the skill heating"
    assert "any skill will do" in rank(plumber, task=replace(HEATING, skills=frozenset())).eligible[0].reasons


def test_a_full_firm_is_refused_and_so_is_one_without_capacity() -> None:
    ranking = rank(firm("full", visits=5), firm("over", visits=9), firm("none", capacity=0))
    assert names(ranking) == []
    assert why_not(ranking, "full") == "full: 5 of 5 visits today"
    assert why_not(ranking, "none") == "full: 0 of 0 visits today"


def test_nobody_is_asked_twice_in_a_round() -> None:
    ranking = rank(firm("huber", asked=OfferState.DECLINED), firm("meier", asked=OfferState.LAPSED))
    assert why_not(ranking, "huber") == "already asked: declined"
    assert why_not(ranking, "meier") == "already asked: lapsed"


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
    ranking = rank(firm("full", visits=5, hours={"tue": [["09:00", "17:00"]]}), firm("plumber", skills=[], hours=early),
                   firm("asked", asked=OfferState.DECLINED, hours=early), firm("shut", hours={}), firm("huber"),
                   now=MONDAY_NIGHT)
    assert ranking.opens_at == from_iso("2026-11-24T08:00:00+01:00")
    assert why_not(ranking, "full") == "closed until Tue 09:00; full: 5 of 5 visits today"
    assert why_not(ranking, "shut") == "closed: its hours have no opening within a year"


def test_who_is_full_today_is_asked_at_the_next_days_opening_or_when_an_offer_lapses() -> None:
    assert rank(firm("full", visits=5)).opens_at == from_iso("2026-11-24T08:00:00+01:00")
    lapses = MONDAY_TEN + 9 * MINUTE
    asked = rank(firm("asked", load=Workload(visits=3, pending=2, pending_until=lapses)))
    assert why_not(asked, "asked") == "full: 3 of 5 visits today, asked about 2 more"
    assert asked.opens_at == lapses


def test_nobody_is_waited_for_when_nobody_can_ever_come() -> None:
    assert rank(firm("plumber", skills=[]), now=MONDAY_NIGHT).opens_at is None
    assert rank(now=MONDAY_NIGHT) == Ranking((), (), (), "does not cover postcode 8001", None)


def test_hours_are_the_firms_own() -> None:
    in_new_york = firm("yankee", timezone="America/New_York")
    assert "open until 17:00" in rank(in_new_york, now=from_iso("2026-11-23T20:00:00Z")).eligible[0].reasons
    assert why_not(rank(in_new_york), "yankee") == "closed until Mon 08:00"


def test_critical_work_reaches_an_emergency_firm_at_night_and_no_other() -> None:
    critical = replace(HEATING, severity=Severity.CRITICAL)
    ranking = rank(firm("night", emergency=True), firm("day"), task=critical, now=MONDAY_NIGHT)
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
    ranking = rank(firm("huber", visits=1), firm("meier", skills=[]), firm("far", territory={"postcodes": ["9000"]}))
    assert json.loads(json.dumps(to_json(ranking))) == {
        "eligible": [{"provider_id": "huber", "rank": 1, "score": 0.803, "reasons": [
            "covers postcode 8001", "has the skill heating", "open until 17:00", "1 of 5 visits today",
            "distance not known", "no record yet"]}],
        "refused": [{"provider_id": "meier", "reason": "lacks the skill heating"}],
        "elsewhere": {"providers": ["far"], "reason": "does not cover postcode 8001"},
        "opens_at": None,
    }


# --- skills and people


def test_every_skill_is_needed_and_one_person_must_have_them_all() -> None:
    both = replace(HEATING, skills=frozenset({"heating", "electrical"}))
    can = ["electrical", "heating"]
    ranking = rank(firm("half"), firm("all", skills=can), firm("huber", skills=can, people=(
        person("karin", skills=["heating"]), person("stefan", skills=["electrical"]))), task=both)
    assert names(ranking) == ["all"]
    assert why_not(ranking, "half") == "lacks the skill electrical"
    assert why_not(ranking, "huber") == "none of its people has all of electrical and heating"


def test_a_person_without_skills_of_their_own_has_the_firms() -> None:
    assert names(rank(firm("huber", people=(person("karin"),)))) == ["huber"]


def test_a_firm_whose_people_are_all_on_visits_is_skipped_until_one_is_back() -> None:
    back = MONDAY_TEN + 40 * MINUTE
    out = Workload(visits=2, out=("Karin", "stefan "), back_at=back)
    people = (person("karin"), person("stefan"))
    ranking = rank(firm("huber", load=out, people=people))
    assert why_not(ranking, "huber") == "all of its people with the skills are on visits"
    assert ranking.opens_at == back
    one_left = rank(firm("huber", load=out._replace(out=("Karin",)), people=people))
    assert "1 of its people free" in one_left.eligible[0].reasons


def test_somebody_on_a_visit_whose_name_we_do_not_know_counts_as_one_of_them() -> None:
    out = Workload(visits=1, out=("our apprentice",), back_at=MONDAY_TEN)
    ranking = rank(firm("huber", load=out, people=(person("karin"),)))
    assert ranking.opens_at == MONDAY_TEN + 15 * MINUTE


def test_a_firm_that_does_not_list_its_people_is_asked_while_it_has_room() -> None:
    assert names(rank(firm("huber", load=Workload(visits=3, out=("Anna", "Berta"))))) == ["huber"]


def test_a_person_on_leave_cannot_come_and_their_return_is_waited_for() -> None:
    karin = person("karin", days_off={"closed": ["2026-11-23/2026-11-25"]})
    ranking = rank(firm("huber", people=(karin,)))
    assert why_not(ranking, "huber") == "nobody with the skills is at work until Thu 08:00"
    assert ranking.opens_at == from_iso("2026-11-26T08:00:00+01:00")


def test_a_persons_own_hours_count_and_the_firms_where_there_are_none() -> None:
    late = person("karin", hours={"mon": [["14:00", "17:00"]]})
    assert rank(firm("huber", people=(late,))).opens_at == from_iso("2026-11-23T14:00:00+01:00")
    assert names(rank(firm("huber", people=(late, person("stefan"))))) == ["huber"]


def test_at_night_an_emergency_reaches_whoever_has_no_day_off() -> None:
    critical = replace(HEATING, severity=Severity.CRITICAL)
    assert names(rank(firm("huber", emergency=True, people=(person("karin"),)), task=critical,
                      now=MONDAY_NIGHT)) == ["huber"]
    away = person("karin", days_off={"closed": ["2026-11-23"]})
    assert names(rank(firm("huber", emergency=True, people=(away,)), task=critical, now=MONDAY_NIGHT)) == []


# --- days off and quiet hours


def test_on_a_public_holiday_the_firm_is_closed_and_says_why() -> None:
    christmas = from_iso("2026-12-25T10:00:00+01:00")  # a Friday
    ranking = rank(firm("huber", days_off={"country": "CH", "subdivision": "ZH"}), firm("meier"), now=christmas)
    assert names(ranking) == ["meier"]
    assert why_not(ranking, "huber") == "day off, closed until Mon 08:00"
    assert ranking.opens_at == from_iso("2026-12-28T08:00:00+01:00")


def test_days_may_be_added_and_taken_away() -> None:
    days = {"country": "CH", "subdivision": "ZH", "closed": ["2026-11-23"], "open": ["2026-12-25"]}
    assert why_not(rank(firm("huber", days_off=days)), "huber") == "day off, closed until Tue 08:00"
    assert names(rank(firm("huber", days_off=days), now=from_iso("2026-12-25T10:00:00+01:00"))) == ["huber"]


def test_an_opening_next_year_is_said_with_its_year() -> None:
    gone = firm("huber", days_off={"closed": ["2026-11-23/2027-03-07"]})
    assert why_not(rank(gone), "huber") == "day off, closed until Mon 08.03.2027 08:00"


def test_in_its_quiet_hours_a_firm_is_asked_about_urgent_work_only() -> None:
    quiet = firm("huber", quiet_from="09:30", quiet_until="11:00")
    minor = replace(HEATING, severity=Severity.MINOR)
    ranking = rank(quiet, task=minor)
    assert why_not(ranking, "huber") == "wants to be asked about urgent work only until Mon 11:00"
    assert ranking.opens_at == from_iso("2026-11-23T11:00:00+01:00")
    assert names(rank(quiet)) == ["huber"]


# --- distance and track record


def test_of_equals_the_nearer_is_asked_first() -> None:
    ranking = rank(firm("a-bern", lat=46.95, lon=7.45), firm("b-zurich", lat=47.38, lon=8.54))
    assert names(ranking) == ["b-zurich", "a-bern"]
    assert "95 km away" in ranking.eligible[1].reasons


def test_who_comes_in_time_and_fixes_it_at_once_is_asked_first() -> None:
    good = TrackRecord(asked=40, accepted=36, arrivals=30, on_time=29, visits=30, fixed=27)
    poor = TrackRecord(asked=40, accepted=8, arrivals=8, on_time=4, visits=8, fixed=3)
    ranking = rank(firm("a-poor", record=poor), firm("b-new"), firm("c-good", record=good))
    assert names(ranking) == ["c-good", "b-new", "a-poor"]
    assert "accepted 36 of 40, on time 29 of 30, fixed at once 27 of 30" in ranking.eligible[0].reasons


def test_one_bad_visit_does_not_outweigh_a_free_day() -> None:
    once_late = TrackRecord(asked=1, accepted=1, arrivals=1, on_time=0, visits=1, fixed=0)
    assert names(rank(firm("a-busy", visits=1), firm("b-late", record=once_late))) == ["b-late", "a-busy"]


def test_a_record_moves_away_from_what_is_usual_only_as_it_grows() -> None:
    never = [TrackRecord(asked=number).score for number in (0, 1, 8, 80)]
    assert never == sorted(never, reverse=True)
    assert never[0] - never[1] < 0.03 < never[0] - never[3]


def test_the_score_is_what_the_formula_says() -> None:
    near = rank(firm("huber", visits=1, lat=47.37, lon=8.54)).eligible[0]
    record = 0.4 * 0.6 + 0.3 * 0.85 + 0.3 * 0.75
    assert near.score == pytest.approx(0.35 * record + 0.30 * 0.8 + 0.20 * 1 + 0.15 * 1, abs=0.001)


def test_a_map_that_is_no_map_covers_nothing_and_breaks_nothing() -> None:
    bow_tie = [[8.53, 47.36], [8.56, 47.38], [8.56, 47.36], [8.53, 47.38]]
    assert names(rank(firm("tie", territory={"polygon": bow_tie}), firm("line", territory={"polygon": OLD_TOWN[:2]}),
                      firm("huber"))) == ["huber"]


def test_a_territory_whose_sides_cross_is_refused_with_the_place() -> None:
    said = polygon_error(((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)))
    assert said == "Self-intersection[0.5 0.5] — expected sides that do not cross"
    assert polygon_error(tuple((lon, lat) for lon, lat in OLD_TOWN)) is None
