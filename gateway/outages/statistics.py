"""The statistics of outage detection: binomial tail, burst level (Kleinberg) and spatial scan (Kulldorff)."""

from collections.abc import Sequence
from itertools import pairwise
from math import exp, inf, lgamma, log, log1p

S, GAMMA = 2.0, 0.5  # Disco's settings for disconnects (RIPE Atlas, conf/discoLive.conf)
LEVELS = 16  # 2^16 times the ordinary rate; nothing measured here needs more


def binomial_tail(k: int, n: int, p: float) -> float:
    """P(X >= k) of n homes, each of which goes dark by chance with probability p.

    With p the mean over homes that differ, this is never less than the true (Poisson-binomial) tail as long as
    k - 1 >= n * p, so a small answer is a safe one: W. Hoeffding, On the distribution of the number of successes in
    independent trials, Ann. Math. Statist. 27 (1956). Nearer to the mean than that it says 1.
    """
    if k <= 0 or k - 1 < n * p:
        return 1.0
    if k > n or p <= 0.0:
        return 0.0
    term = exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p)) if p < 1 else 1.0
    total, odds = 0.0, p / (1 - p) if p < 1 else inf
    for i in range(k, n + 1):
        total += term
        if term <= total * 1e-17:
            break
        term *= (n - i) / (i + 1) * odds
    return min(total, 1.0)


def chance(per_ms: float, window: int) -> float:
    """The probability of at least one loss within `window` ms at a rate of `per_ms`."""
    return -(exp(-per_ms * window) - 1.0)


def burst_levels(times: Sequence[int], per_ms: float) -> list[int]:
    """The burst level of each gap between neighbouring `times` (ms, rising): at level i losses come S^i times as fast
    as `per_ms`. The cheapest way through J. Kleinberg's automaton, Bursty and hierarchical structure in streams (2002):
    each step up a level costs GAMMA * ln(gaps), a step down nothing.
    """
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if not gaps or per_ms <= 0:
        return [0] * len(gaps)
    climb = GAMMA * log(len(gaps) + 1)
    rates = [per_ms * S ** level for level in range(LEVELS)]
    costs = [level * climb for level in range(LEVELS)]
    came: list[list[int]] = []
    for gap in gaps:
        before = _best_before(costs, climb)
        came.append([level for _, level in before])
        costs = [cost - log(rate) + rate * gap for (cost, _), rate in zip(before, rates, strict=True)]
    level = min(range(LEVELS), key=costs.__getitem__)
    levels = []
    for steps in reversed(came):
        levels.append(level)
        level = steps[level]
    return levels[::-1]


def _best_before(costs: Sequence[float], climb: float) -> list[tuple[float, int]]:
    """For each level the cheapest (cost, level) to come from."""
    best: list[tuple[float, int]] = []
    cheapest = (inf, 0)
    for level in range(LEVELS - 1, -1, -1):  # from above, or from itself: free
        cheapest = min(cheapest, (costs[level], level))
        best.append(cheapest)
    best.reverse()
    rising = (inf, 0)
    for level in range(LEVELS):
        rising = min((rising[0] + climb, rising[1]), (costs[level], level))
        best[level] = min(best[level], rising)
    return best


def scan_score(k: int, n: int, all_k: int, all_n: int) -> float:
    """How well "dark inside this area, live outside" explains what is seen: the log likelihood of M. Kulldorff's
    Bernoulli model, A spatial scan statistic, Commun. Statist. 26 (1997). k of n inside, all_k of all_n everywhere."""
    return likelihood(k, n) + likelihood(all_k - k, max(all_n - n, all_k - k))


def likelihood(k: int, n: int) -> float:
    """Its logarithm, of k of n homes dark when k / n is the chance of each; 0 when all are alike."""
    return sum(count * log(count / n) for count in (k, n - k) if count > 0)
