"""Which fix for a kind of fault held how often."""

import pytest

from gateway.model import DAY, from_iso
from gateway.tickets.visits.earlier_fixes import HELD, SHOWN, Case, Fix, rank_fixes

NOW = from_iso("2026-11-23T12:00:00Z")
LONG_AGO = NOW - 90 * DAY


def cases(fix: str, held: int, failed: int = 0, *parts: str) -> list[Case]:
    return [Case(fix, parts, LONG_AGO, number >= held) for number in range(held + failed)]


def test_what_held_most_often_comes_first() -> None:
    known = [*cases("Reset", 3, 9), *cases("Valve replaced", 7, 1), *cases("Vented", 2)]
    assert [(one.name, one.held, one.of) for one in rank_fixes(known, NOW)] == [
        ("Valve replaced", 7, 8), ("Vented", 2, 2), ("Reset", 3, 12)]


def test_one_case_alone_says_nothing() -> None:
    assert rank_fixes(cases("Prayed", 1), NOW) == []
    assert rank_fixes([], NOW) == []


def test_spelling_does_not_count_and_the_usual_one_is_shown() -> None:
    known = [*cases("Valve replaced", 2), *cases("valve  replaced.", 1)]
    assert rank_fixes(known, NOW) == [Fix("Valve replaced", 3, 3, [])]


@pytest.mark.parametrize(("age", "came_back", "counts"), [
    (HELD - 1, False, False), (HELD, False, True), (1 * DAY, True, True)])
def test_what_is_too_fresh_to_have_held_counts_only_once_it_failed(age: int, came_back: bool, counts: bool) -> None:
    known = [*cases("Vented", 2), Case("Vented", (), NOW - age, came_back)]
    assert rank_fixes(known, NOW)[0].of == 2 + counts


def test_the_parts_most_often_used_are_named_first() -> None:
    known = [*cases("Valve replaced", 1, 0, "seal"), *cases("Valve replaced", 2, 0, "diverter valve", "Seal"),
             *cases("Valve replaced", 1, 0, "Diverter valve", "diverter valve"), *cases("Valve replaced", 1, 0, "pipe")]
    (fix,) = rank_fixes(known, NOW)
    assert fix.parts == ["diverter valve", "Seal", "pipe"]


def test_no_more_are_shown_than_somebody_reads_at_the_door() -> None:
    assert len(rank_fixes([one for number in range(9) for one in cases(f"Fix {number}", 2)], NOW)) == SHOWN
