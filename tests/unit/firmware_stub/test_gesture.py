"""The gesture of a test against fingers in every rhythm: nobody in need makes it, and no press but it is lost."""

import random

import pytest

from firmware_stub.core import DEBOUNCE, DOUBLE, HOLD, JAMMED, LET_GO, STILL, TAP, Finger

BEAT = 10  # ms

Presses = list[tuple[int, int]]
"""(ms at rest before, ms held) of each press, in whole beats."""


def kinds_of(presses: Presses, rest: int = STILL + 1000) -> list[str]:
    """What the button makes of them, and of `rest` ms after them."""
    finger, now, kinds = Finger(), 0, []
    for down, lasts in [turn for before, held in presses for turn in ((False, before), (True, held))] + [(False, rest)]:
        for _ in range(lasts // BEAT):
            now += BEAT
            kind = finger.step(down, now)
            if kind is not None:
                kinds.append(kind)
    assert not finger.busy(now)
    return kinds


def mash(rng: random.Random, longest_gap: int, presses: int = 200) -> Presses:
    """Somebody in need: taps, presses and holds of any length, as fast and as slowly as it comes."""
    hold = rng.choice((200, 700, 4_000, 9_000))
    return [(STILL + 500, 200)] + [(BEAT * rng.randrange(4, longest_gap // BEAT), BEAT * rng.randrange(4, hold // BEAT))
                                   for _ in range(presses - 1)]


@pytest.mark.parametrize("seed", range(12))
def test_two_hundred_presses_in_any_rhythm_are_never_a_test(seed: int) -> None:
    rng = random.Random(seed)
    kinds = kinds_of(mash(rng, rng.choice((150, DOUBLE + 100, STILL))))
    assert "test" not in kinds
    assert len(kinds) >= 20


def test_a_test_is_what_the_readme_calls_one_and_every_other_press_is_a_call() -> None:
    rng, tests = random.Random(13), 0
    tap, hold = (200, 200), (200, 4_000)
    for _ in range(1_500):
        presses = [(STILL + 500, 200), tap, hold, tap, hold][:rng.choice((1, 2, 3, 3, 3, 5))]
        for place in rng.sample(range(len(presses)), rng.randrange(len(presses) + 1)):
            presses[place] = (_near(rng, DOUBLE, STILL), _near(rng, TAP, HOLD, LET_GO))
        kinds, bursts = kinds_of(presses), _bursts(presses)
        gestures = sum(map(_is_gesture, bursts))
        assert kinds.count("test") == gestures, presses
        assert len(kinds) - gestures >= len(bursts) - gestures, presses
        tests += gestures
    assert 200 < tests < 800


@pytest.mark.parametrize("held", [100, 1_600, 3_500, 6_500, JAMMED + 1_000])
def test_one_press_is_a_call_however_long_it_is(held: int) -> None:
    assert kinds_of([(STILL + 500, held)]) == ["single" if held < 1_500 else "long"]


def test_a_call_that_begins_like_a_test_is_out_as_soon_as_it_cannot_be_one() -> None:
    tap = (200, 200)
    presses = [(STILL + 500, 200), tap, (200, LET_GO + 2 * DEBOUNCE)]
    assert kinds_of(presses, rest=BEAT * 5)[:1] == ["double"]


def _near(rng: random.Random, *limits: int) -> int:
    """Well under one of the limits, or a little above it."""
    limit = rng.choice(limits)
    return BEAT * ((limit * rng.randrange(30, 90) // 100 if rng.random() < 0.7 else limit + 100) // BEAT)


def _bursts(presses: Presses) -> list[Presses]:
    """Parted where the button was at rest."""
    bursts: list[Presses] = []
    for press in presses:
        if not bursts or press[0] >= STILL:
            bursts.append([])
        bursts[-1].append(press)
    return bursts


def _is_gesture(burst: Presses) -> bool:
    if len(burst) != 3:
        return False
    (rest, one), (gap, two), (gap_2, hold) = burst
    return rest >= STILL and one <= TAP and gap < DOUBLE and two <= TAP and gap_2 < DOUBLE and HOLD <= hold < LET_GO
