"""Scoring is exact: each figure here was worked out by hand from what happened and what the gateway said."""

import pytest

from device_sim.scoring import command
from device_sim.scoring.scores import FAMILIES, NOTHING, Episode, Family, Finding, Score, Truth, events, score

TICKET, ALARM, OUTAGE, CALLBACK = FAMILIES
GRACE = 10


def _run(*episodes: Episode, device_days: float = 1.0) -> Truth:
    """A run from 0 to 1,000."""
    return Truth("by hand", 7, 10, 1.0, 0, 1_000, device_days, episodes)


def hot(device: str, began: int, ended: int | None, expect: str = "ticket") -> Episode:
    return Episode(device, f"home-{device}", "overheating", began, ended, expect, "overheating")


def nothing_wanted(device: str, kind: str, began: int, ended: int) -> Episode:
    return Episode(device, f"home-{device}", kind, began, ended, "none")


def said(number: int, device: str, at: int, rule: str = "overheating", closed: int | None = None) -> Finding:
    return Finding(f"T-{number}", at, closed, device, f"home-{device}", rule)


def _score(truth: Truth, *findings: Finding, family: Family = TICKET) -> Score:
    return score(truth, findings, family, GRACE)


def _counts(result: Score) -> dict[str, int]:
    """What is not zero of the total."""
    total = vars(result.total) | {"outside": result.outside}
    return {name: number for name, number in total.items() if isinstance(number, int) and number}


def test_precision_recall_and_delay_by_hand() -> None:
    truth = _run(hot("a", 100, 200), hot("b", 100, 200), hot("c", 100, 200), hot("d", 100, 200),
                 nothing_wanted("e", "clock_skew", 100, 200), device_days=500.0)
    result = _score(truth, said(1, "a", 110), said(2, "b", 130), said(3, "c", 190), said(4, "e", 150, "stale"))

    assert _counts(result) == {"episodes": 4, "found": 3, "missed": 1, "false": 1}
    assert (result.total.precision, result.total.recall) == (3 / 4, 3 / 4)
    assert (result.total.delay(0.5), result.total.delay(0.95)) == (30, 90)  # of 10, 30, 90 by nearest rank
    assert (result.kinds["overheating"].precision, result.kinds["overheating"].recall) == (1.0, 3 / 4)
    assert (result.kinds["clock_skew"].precision, result.kinds["clock_skew"].recall) == (0.0, None)
    assert command.as_json(truth, [result], {}, GRACE, False)["ticket"]["total"]["false_per_1000_device_days"] == 2.0
    assert dict(result.confusion) == {("overheating", "overheating"): 3, ("overheating", NOTHING): 1,
                                      ("clock_skew", "stale"): 1}


def leak(device: str, began: int) -> Episode:
    return Episode(device, f"home-{device}", "leak", began, None, "ticket", "low_pressure")


def test_a_ticket_is_found_by_any_alarm_that_hangs_on_it_and_is_wrong_only_once() -> None:
    truth = _run(hot("a", 100, 300), leak("a", 150), hot("b", 100, 300))
    result = _score(truth, said(1, "a", 110), said(1, "a", 170, "low_pressure"), said(1, "a", 180, "no_heat"),
                    said(2, "b", 120, "stuck"), said(2, "b", 130, "drift"))

    assert _counts(result) == {"episodes": 3, "found": 2, "missed": 1, "false": 1, "joined": 2}
    assert sorted(result.total.delays) == [10, 20]
    assert [(wrong.what, wrong.said, wrong.id) for wrong in result.wrongs] == [
        ("missed", NOTHING, ""), ("false", "stuck", "T-2")]


@pytest.mark.parametrize(("share", "delay"), [(0.5, 10), (0.95, 19), (1.0, 20)])
def test_percentiles_are_by_nearest_rank(share: float, delay: int) -> None:
    """Of 1, 2, …, 20: half of them are up to 10, and 19 of 20 up to 19."""
    truth = _run(*(hot(f"d{number}", 100, 300) for number in range(1, 21)))
    result = _score(truth, *(said(number, f"d{number}", 100 + number) for number in range(1, 21)))

    assert result.total.delay(share) == delay


@pytest.mark.parametrize(("at", "counts"), [
    (99, {"episodes": 1, "missed": 1, "false": 1}),  # before it began
    (100, {"episodes": 1, "found": 1}),
    (210, {"episodes": 1, "found": 1}),  # grace is 10
    (211, {"episodes": 1, "missed": 1, "false": 1}),
])
def test_an_alarm_counts_from_the_beginning_to_the_end_and_its_grace(at: int, counts: dict[str, int]) -> None:
    assert _counts(_score(_run(hot("a", 100, 200)), said(1, "a", at, closed=at))) == counts


def test_another_device_or_another_rule_does_not_count() -> None:
    result = _score(_run(hot("a", 100, 200)), said(1, "b", 150), said(2, "a", 150, "low_pressure"))

    assert _counts(result) == {"episodes": 1, "missed": 1, "false": 2}
    assert [(wrong.what, wrong.about, wrong.kind, wrong.said, wrong.why) for wrong in result.wrongs] == [
        ("missed", "a", "overheating", NOTHING, "no ticket overheating; it lasted 0 s, and grace 0.01 s"),
        ("false", "a", "overheating", "low_pressure", "overheating asks for ticket overheating"),
        ("false", "b", NOTHING, "overheating", "nothing was wrong there at that time")]


def test_flapping_is_one_find_and_repeats() -> None:
    result = _score(_run(hot("a", 100, 200)), said(3, "a", 180), said(1, "a", 120, closed=130), said(2, "a", 140))

    assert _counts(result) == {"episodes": 1, "found": 1, "repeats": 2}
    assert (result.total.delays, result.total.precision) == ([20], 1.0)


def test_the_same_ticket_read_twice_is_one() -> None:
    result = _score(_run(hot("a", 100, 200)), said(1, "a", 120), said(1, "a", 120))

    assert _counts(result) == {"episodes": 1, "found": 1}


def test_within_the_grace_of_one_episode_and_the_time_of_the_next_it_belongs_to_the_next() -> None:
    result = _score(_run(hot("a", 100, 200), hot("a", 205, 300)), said(1, "a", 208), said(2, "a", 209))

    assert _counts(result) == {"episodes": 2, "found": 1, "missed": 1, "repeats": 1}
    assert result.total.delays == [3]


def test_of_two_episodes_at_once_each_has_its_own_alarm() -> None:
    leak = Episode("a", None, "leak", 100, 200, "ticket", "leak")
    any_rule = [Episode("b", None, kind, began, 200, "ticket") for kind, began in (("x", 100), ("y", 110))]
    result = _score(_run(hot("a", 100, 200), leak, *any_rule), said(1, "a", 120, "leak"), said(2, "a", 121),
                    said(3, "b", 120, "first"), said(4, "b", 121, "second"))

    assert _counts(result) == {"episodes": 4, "found": 4}
    assert result.confusion["y", "first"] == result.confusion["x", "second"] == 1  # the one that began last comes first


def test_an_episode_that_names_the_rule_comes_before_one_that_names_none() -> None:
    result = _score(_run(hot("a", 100, 200), Episode("a", None, "update", 110, 200, "ticket")), said(1, "a", 120),
                    said(2, "a", 130, "stale"))

    assert dict(result.confusion) == {("overheating", "overheating"): 1, ("update", "stale"): 1}


def test_what_was_open_before_is_neither_found_nor_missed() -> None:
    """One problem is one ticket: it comes back before the ticket is closed, and no second ticket is opened."""
    truth = _run(hot("a", 100, 200), hot("a", 400, 500), hot("a", 700, 800))
    result = _score(truth, said(1, "a", 120, closed=600))

    assert _counts(result) == {"episodes": 2, "found": 1, "missed": 1, "already_open": 1}


@pytest.mark.parametrize(("finding", "counts"), [
    (said(1, "a", 20, closed=100), {"already_open": 1}),
    (said(1, "a", 20, closed=99), {"episodes": 1, "missed": 1}),
    (said(1, "a", 20, "low_pressure"), {"episodes": 1, "missed": 1}),
    (said(1, "b", 20), {"episodes": 1, "missed": 1}),
])
def test_only_the_same_thing_still_open_excuses_an_episode(finding: Finding, counts: dict[str, int]) -> None:
    assert _counts(_score(_run(hot("a", 100, 200)), finding)) == counts | {"false": 1}


def test_what_began_too_late_to_be_judged_is_left_out_found_or_not() -> None:
    """The run ends at 1,000 and grace is 10."""
    result = _score(_run(hot("a", 990, None), hot("b", 991, None), hot("c", 991, None)), said(1, "c", 995))

    assert _counts(result) == {"episodes": 1, "missed": 1, "too_young": 2}


def test_an_open_episode_may_be_found_until_the_grace_after_the_run() -> None:
    result = _score(_run(hot("a", 100, None), hot("b", 100, None)), said(1, "a", 1_010), said(2, "b", 1_011))

    assert _counts(result) == {"episodes": 2, "found": 1, "missed": 1, "outside": 1}


def test_what_was_said_before_or_after_the_run_is_not_judged() -> None:
    """When a run ends its devices fall silent, and the gateway is right to say so."""
    result = _score(_run(hot("a", 100, 200)), said(1, "x", -1), said(2, "x", 1_001), said(3, "x", 1_000))

    assert _counts(result) == {"episodes": 1, "missed": 1, "false": 1, "outside": 2}


def test_an_episode_to_be_recorded_wants_an_alarm_and_no_ticket() -> None:
    truth = _run(Episode("a", None, "filter", 100, 200, "alarm", "filter"))
    told = said(1, "a", 150, "filter")

    assert _counts(_score(truth, told, family=ALARM)) == {"episodes": 1, "found": 1}
    assert _counts(_score(truth, told)) == {"false": 1}


STUCK = Episode("a", None, "stuck", 100, 200, "alarm", "stuck")
STANDS_STILL = said(1, "a", 150, "stuck", closed=210)


def explained(at: int, closed: int | None = None, by: str = "stuck") -> Finding:
    return said(2, "a", at, "no_heat", closed)._replace(explained_by=by)


@pytest.mark.parametrize("finding", [explained(140), explained(140, 150), explained(210), explained(300, 400, "other")])
def test_what_a_true_alarm_explains_was_said_to_nobody(finding: Finding) -> None:
    other = said(3, "a", 320, "other")
    truth = _run(STUCK, Episode("a", None, "else", 300, 400, "alarm", "other"))
    result = _score(truth, STANDS_STILL, other, finding, family=ALARM)

    assert _counts(result) == {"episodes": 2, "found": 2, "explained": 1}
    assert result.kinds["else" if finding.explained_by == "other" else "stuck"].explained == 1


@pytest.mark.parametrize("finding", [
    explained(140, 149),  # over before what explains it began
    explained(211),  # begun after that was over
    explained(160, by="overheating"),  # which is not there
    explained(160)._replace(device="b"),  # another device
    said(2, "a", 160, "no_heat"),  # nothing explains it
])
def test_only_what_is_open_on_the_same_device_explains(finding: Finding) -> None:
    assert _counts(_score(_run(STUCK), STANDS_STILL, finding, family=ALARM)) == {
        "episodes": 1, "found": 1, "false": 1}


def test_a_false_alarm_explains_nothing_away() -> None:
    assert _counts(_score(_run(), STANDS_STILL, explained(160), family=ALARM)) == {"false": 2}


def test_what_is_explained_finds_nothing_either() -> None:
    """It is right, and nobody was told: the pump that gives no heat was missed, and the next one is no repeat of it."""
    cold = [Episode("a", None, "cold", began, 400, "alarm", "no_heat") for began in (100, 170)]

    assert _counts(_score(_run(STUCK, *cold), STANDS_STILL, explained(160, 390), family=ALARM)) == {
        "episodes": 3, "found": 1, "missed": 2, "explained": 1}
    assert _counts(_score(_run(*cold), STANDS_STILL, explained(160, 390), family=ALARM)) == {
        "episodes": 1, "found": 1, "already_open": 1, "false": 1}


def _feeder() -> list[Episode]:
    """Three homes of one feeder go dark together and come back one by one; the third stays dark."""
    dark = [Episode(device, f"home-{device}", "outage", 100, back, "outage", "silent", "F1")
            for device, back in (("a", 200), ("b", 230), ("c", 210))]
    return [*dark, Episode("c", "home-c", "dark_home", 210, 400, "ticket", "silent", "F1")]


def test_an_outage_is_one_however_many_homes_are_dark() -> None:
    seen = Finding("O-1", 130, 240, group="F1")

    assert [(one.kind, one.began, one.ended) for one in events(_feeder())] == [
        ("outage", 100, 230), ("dark_home", 210, 400)]
    assert _counts(_score(_run(*_feeder()), seen, family=OUTAGE)) == {"episodes": 1, "found": 1}
    assert _counts(_score(_run(*_feeder()), seen._replace(group="F2"), family=OUTAGE)) == {
        "episodes": 1, "missed": 1, "false": 1}


def test_in_an_outage_an_alarm_is_excused_a_ticket_is_false_and_the_nested_fault_wants_its_own() -> None:
    truth = _run(*_feeder())

    assert _counts(_score(truth, said(1, "a", 150, "silent"), family=ALARM)) == {
        "episodes": 1, "missed": 1, "excused": 1}
    assert _counts(_score(truth, said(1, "a", 150, "silent"), said(2, "c", 260, "silent"))) == {
        "episodes": 1, "found": 1, "false": 1}


def test_a_mashed_button_is_one_callback_for_its_home() -> None:
    truth = _run(Episode("button-1", "home-1", "mash", 100, 110, "callback"))
    other_button = Finding("C-2", 112, None, "button-2", "home-1")

    assert _counts(_score(truth, Finding("C-1", 101, None, "button-1", "home-1"), other_button, family=CALLBACK)) == {
        "episodes": 1, "found": 1, "repeats": 1}


def test_a_run_without_homes_knows_a_callback_by_its_button() -> None:
    truth = _run(Episode("b", None, "press", 100, 100, "callback"))

    assert _counts(_score(truth, Finding("C-1", 101, None, "b", "home-9"), family=CALLBACK)) == {
        "episodes": 1, "found": 1}
