"""Offers in waves: whom to ask now, until when, when the next are asked too, and when it is a person's turn."""

from collections.abc import Sequence
from typing import Any

from gateway.calendars.opening_hours import DAYS, Calendar
from gateway.config.settings import Offers, OfferWaves
from gateway.model import HOUR, MINUTE, Instant, Offer, OfferState, from_iso
from gateway.tickets.dispatch.provider_ranking import Ranked, Ranking
from gateway.tickets.dispatch.waves import Wave, next_wave

NOON = from_iso("2026-11-23T12:00:00Z")  # a Monday
URGENT, NORMAL = Offers().urgent, Offers().normal
OFFICE = Calendar("UTC", {day: [["08:00", "17:00"]] for day in DAYS[:5]})


def ranking(*names: str, opens_at: Instant | None = None) -> Ranking:
    return Ranking(tuple(Ranked(name, rank, 0.5, ()) for rank, name in enumerate(names, 1)), (), (), "", opens_at)


def offered(name: str, wave: int = 1, state: OfferState = OfferState.PENDING) -> Offer:
    return Offer(id=f"O-{name}", job_id="J", ticket_id="T", provider_id=name, rank=1, wave=wave, state=state,
                 offered_at=NOON, expires_at=NOON + HOUR)


def ask(ranked: Ranking, offers: Sequence[Offer] = (), wave: int = 0, rules: OfferWaves = URGENT, **more: Any) -> Wave:
    given = {"urgent": rules is URGENT, "first_asked": None, "due": False, "now": NOON} | more
    return next_wave(ranked, offers, wave, rules, calendar_of=lambda _: OFFICE, **given)


def names(wave: Wave) -> list[str]:
    return [one.ranked.provider_id for one in wave.ask]


def test_urgent_work_asks_the_best_five_at_once() -> None:
    wave = ask(ranking(*"abcdefghijklmnop"))
    assert (wave.number, names(wave)) == (1, list("abcde"))
    assert wave.next_at == NOON + 3 * MINUTE
    assert {one.expires_at for one in wave.ask} == {NOON + 9 * MINUTE}, "open until the end of the last wave"


def test_when_the_wait_has_passed_the_next_are_asked_beside_them() -> None:
    now = NOON + 3 * MINUTE
    second = ask(ranking("f", "g"), [offered(name) for name in "abcde"], 1, due=True, now=now)
    assert (second.number, names(second)) == (2, ["f", "g"])
    assert second.next_at == now + 3 * MINUTE
    assert second.ask[0].expires_at == NOON + 9 * MINUTE, "when the first ones' time is over too"


def test_before_that_nothing_happens_while_one_of_them_may_still_answer() -> None:
    offers = [offered("a", state=OfferState.DECLINED), offered("b")]
    assert ask(ranking("c"), offers, 1) == Wave(1)


def test_when_all_of_the_newest_wave_have_declined_the_next_follows_at_once() -> None:
    offers = [offered("a"), offered("b", 2, OfferState.DECLINED), offered("c", 2, OfferState.DECLINED)]
    third = ask(ranking("d"), offers, 2)
    assert (third.number, names(third), third.next_at) == (3, ["d"], None)


def test_after_the_last_wave_it_is_a_persons_turn_though_others_could_be_asked() -> None:
    declined = [offered(name, wave, OfferState.DECLINED) for name, wave in (("a", 1), ("b", 2), ("c", 3))]
    assert ask(ranking("d"), declined, 3) == Wave(3, nobody_left=True)


def test_it_is_no_persons_turn_while_an_earlier_offer_is_open() -> None:
    offers = [offered("a"), offered("b", 3, OfferState.DECLINED)]
    assert ask(ranking(), offers, 3) == Wave(3)


def test_with_nobody_to_ask_it_is_a_persons_turn_at_once() -> None:
    assert ask(ranking(opens_at=NOON + HOUR)) == Wave(0, nobody_left=True)


def test_the_only_provider_has_the_time_of_all_waves_and_who_opens_meanwhile_is_asked_too() -> None:
    only = ask(ranking("a"))
    assert (only.next_at, only.ask[0].expires_at) == (NOON + 3 * MINUTE, NOON + 9 * MINUTE)
    assert ask(ranking(), [offered("a")], 1, due=True, now=NOON + 3 * MINUTE) == Wave(1)


def test_other_work_counts_the_working_time_of_each_provider() -> None:
    late = from_iso("2026-11-23T16:50:00Z")
    wave = ask(ranking(*"abcdefg"), rules=NORMAL, now=late)
    assert names(wave) == ["a", "b", "c"]
    assert wave.next_at == from_iso("2026-11-24T08:10:00Z"), "ten minutes tonight, ten in the morning"
    assert wave.ask[0].expires_at == from_iso("2026-11-24T08:50:00Z")


def test_who_diagnosed_it_is_asked_alone_before_all_others() -> None:
    alone = ask(ranking("a", "b", "karin"), first_asked="karin")
    assert (alone.number, names(alone), alone.next_at) == (0, ["karin"], NOON + 3 * MINUTE)
    assert alone.ask[0].expires_at == NOON + 12 * MINUTE, "she stays asked while the waves run"
    after = ask(ranking("a", "b"), [offered("karin", 0, OfferState.DECLINED)], 0, first_asked="karin")
    assert (after.number, names(after)) == (1, ["a", "b"])


def test_who_cannot_be_asked_is_not_waited_for() -> None:
    assert names(ask(ranking("a"), first_asked="karin")) == ["a"]
