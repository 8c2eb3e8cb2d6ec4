"""Decides what each home is credited for one harm: facts and policy in, credits out, the same whenever it is asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from gateway.config.settings import Goodwill as Policy
from gateway.config.settings import GoodwillRule
from gateway.model import DAY, GoodwillKind, Instant, MemberState, OutageMember, PromiseKind, Subject

_EPOCH = date(1970, 1, 1)


class HomeHarm(NamedTuple):
    """What one home has been through, as far as it is proven."""

    site_id: str
    customer_id: str
    dark_ms: int = 0
    broken: frozenset[PromiseKind] = frozenset()


@dataclass(frozen=True)
class CaseFacts:
    """One outage, trip or call that is over. Homes that were not affected are not in it."""

    subject: Subject
    shown_as: str  # the number that people say
    homes: Sequence[HomeHarm]
    name: str = ""  # of the outage's area
    homes_out: int = 0  # that have not come back yet: they are weighed when they have
    unproven: int = 0  # that never showed when they came back: nothing follows by itself
    # (site, kind) → what it was credited already, or is proposed or refused, for this harm
    before: Mapping[tuple[str, GoodwillKind], int] = field(default_factory=dict)
    done: frozenset[tuple[str, str]] = frozenset()  # (site, rule) of those


class Credit(NamedTuple):
    """What one home is to be credited by one rule."""

    site_id: str
    customer_id: str
    kind: GoodwillKind
    rule: str
    cents: int
    dark_ms: int | None = None
    promise: PromiseKind | None = None


def decide(facts: CaseFacts, policy: Policy) -> list[Credit]:
    """Of several rules for the same kind of harm the largest credit counts, and only what is more than what was
    credited for it before: nothing is given twice, and nothing is taken back."""
    credits: list[Credit] = []
    for home in sorted(facts.homes):
        for kind in (GoodwillKind.OUTAGE, GoodwillKind.PROMISE):
            fitting = [rule for rule in policy.rules if _kind(rule) is kind and _fits(rule, home)]
            if not fitting:
                continue
            rule = max(fitting, key=lambda one: (one.credit, one.key))
            more = rule.credit - facts.before.get((home.site_id, kind), 0)
            if more > 0 and (home.site_id, rule.key) not in facts.done:
                credits.append(_credit(home, kind, rule, more))
    return credits


def dark_time(member: OutageMember, moved_in: Instant) -> int | None:
    """For how long whoever lives there was without power, of all rounds, in ms; None: it has not proved that it is
    back."""
    if member.state is not MemberState.RESTORED or member.back_at is None:
        return None
    if member.died_at < moved_in < member.back_at:  # what was before they came was somebody else's
        return member.back_at - moved_in
    return member.dark_before_ms + max(member.back_at - member.died_at, 0)


def homes_of_outage(members: Iterable[tuple[OutageMember, Instant]]) -> tuple[list[HomeHarm], int, int]:
    """(homes with their proven time, how many have not come back yet, how many never showed it). `members`: each with
    when its household moved in."""
    homes, out, unproven = [], 0, 0
    for member, moved_in in members:
        dark = dark_time(member, moved_in)
        if dark is not None:
            homes.append(HomeHarm(member.site_id, member.customer_id, dark))
        elif member.dark:
            out += 1
        else:
            unproven += 1
    return homes, out, unproven


def is_over_cap(cents: int, policy: Policy) -> bool:
    return policy.cap is not None and cents > policy.cap


def live_since(policy: Policy) -> Instant | None:
    """From when on what is over is credited; None: it is a dry run."""
    return None if policy.live_from is None else (policy.live_from - _EPOCH).days * DAY


def _kind(rule: GoodwillRule) -> GoodwillKind:
    return GoodwillKind.OUTAGE if rule.outage_ms is not None else GoodwillKind.PROMISE


def _fits(rule: GoodwillRule, home: HomeHarm) -> bool:
    if rule.outage_ms is not None:
        return home.dark_ms > rule.outage_ms
    return bool(home.broken & {*(rule.promise_broken or ())})


def _credit(home: HomeHarm, kind: GoodwillKind, rule: GoodwillRule, cents: int) -> Credit:
    if kind is GoodwillKind.OUTAGE:
        return Credit(home.site_id, home.customer_id, kind, rule.key, cents, dark_ms=home.dark_ms)
    broken = min(home.broken & {*(rule.promise_broken or ())})
    return Credit(home.site_id, home.customer_id, kind, rule.key, cents, promise=broken)
