"""Offers in waves: whom to ask now, until when each may answer, and when the next are asked beside them.

A wave asks the best few at once. When its `wait` has passed, the next few are asked too, and the earlier offers stay
open until their own end. When everybody in the newest wave has declined, the next follows at once. Who is asked before
all others (they diagnosed it, or come there anyway) is alone in wave 0. After the last wave it is a person's turn.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from gateway.calendars.opening_hours import Calendar
from gateway.calendars.working_time import promise_after
from gateway.config.settings import OfferWaves
from gateway.model import MINUTE, Instant, Offer, OfferState
from gateway.tickets.dispatch.provider_ranking import Ranked, Ranking


class Ask(NamedTuple):
    """One provider to ask now, and until when it may answer."""

    ranked: Ranked
    expires_at: Instant


@dataclass(frozen=True)
class Wave:
    """What to do now."""

    number: int  # of the newest wave, this one if somebody is asked now
    ask: tuple[Ask, ...] = ()
    next_at: Instant | None = None  # then the next wave is due; None: none follows, or somebody has time until then
    nobody_left: bool = False  # nobody has an open offer and nobody is asked: a person's turn


def next_wave(ranking: Ranking, round_offers: Iterable[Offer], wave: int, rules: OfferWaves, urgent: bool,
              calendar_of: Callable[[str], Calendar], first_asked: str | None, due: bool, now: Instant) -> Wave:
    """`round_offers`: all offers of this round; `wave`: the newest so far. `due`: the newest wave's wait has passed.
    `ranking` must refuse whoever has been asked in this round."""
    pending = [offer for offer in round_offers if offer.state is OfferState.PENDING]
    if not due and any(offer.wave == wave for offer in pending):
        return Wave(wave)  # somebody may still answer, and the others' turn has not come
    chosen = _before_all(ranking, first_asked) if not list(round_offers) else ()
    number = 0 if chosen else wave + 1
    if not chosen and number <= rules.waves:
        chosen = ranking.eligible[:rules.size]
    if not chosen:
        return Wave(wave, nobody_left=not pending)
    wait = (rules.first_wait_minutes if number == 0 else rules.wait_minutes) * MINUTE
    to_follow = rules.waves - number  # though nobody may be left for them: somebody may open in the meantime
    rest = wait + to_follow * rules.wait_minutes * MINUTE
    asked = tuple(Ask(one, _after(one, rest, urgent, calendar_of, now)) for one in chosen)
    next_at = min(_after(one, wait, urgent, calendar_of, now) for one in chosen) if to_follow else None
    return Wave(number, asked, next_at)


def offer_expiry(rules: OfferWaves, urgent: bool, calendar: Calendar, now: Instant) -> Instant:
    """Until when a provider may answer that a person asks out of turn: as long as all waves together."""
    wait = rules.waves * rules.wait_minutes * MINUTE
    return now + wait if urgent else promise_after(calendar, now, wait)


def _before_all(ranking: Ranking, first_asked: str | None) -> tuple[Ranked, ...]:
    return tuple(one for one in ranking.eligible if one.provider_id == first_asked)


def _after(one: Ranked, wait: int, urgent: bool, calendar_of: Callable[[str], Calendar], now: Instant) -> Instant:
    """Urgent work waits by the clock; other work by the provider's own working time, so that who is asked shortly
    before closing still has time in the morning."""
    return now + wait if urgent else promise_after(calendar_of(one.provider_id), now, wait)
