"""Hit counts of a rule (3 of the last 5 evaluations) and the change rate by which flapping is detected."""

from gateway.devices.profiles import HitLimit, Limits

LOOKS_BACK = 21  # evaluations; Nagios and its heirs look at as many
_STEPS = LOOKS_BACK - 1
# the newest change weighs 1.2, the oldest 0.8, as in Nagios: it is over soon after it calms down
_WEIGHTS = [1.2 - 0.4 * step / (_STEPS - 1) for step in range(_STEPS)]
_HALF = _STEPS // 2
_LIGHT, _HEAVY = ([sum(_WEIGHTS[first + step] for step in range(_HALF) if bits >> step & 1) * 100 / _STEPS
                   for bits in range(1 << _HALF)] for first in (_HALF, 0))  # of ten changes at once


def push_hit(bits: int, bit: bool, most: int) -> int:
    """`bits` with one more evaluation, the newest `most` kept. They stand behind a leading 1; 1 = none yet."""
    bits = bits << 1 | bit
    return bits if bits < 2 << most else bits & (1 << most) - 1 | 1 << most


def has_enough_hits(bits: int, hits: HitLimit) -> bool:
    """Whether at least `hits.least` of the last `hits.of` evaluations are true."""
    if bits.bit_length() > hits.of:
        bits &= (1 << hits.of) - 1
        return bits.bit_count() >= hits.least
    return bits.bit_count() - 1 >= hits.least


def change_percent(bits: int) -> float:
    """The weighted share of changes in the last 21 evaluations, in percent; recent changes count more."""
    pairs = min(bits.bit_length() - 2, _STEPS)
    if pairs < 1:
        return 0.0
    changed = (bits ^ bits >> 1) & (1 << pairs) - 1
    return _HEAVY[changed & (1 << _HALF) - 1] + _LIGHT[changed >> _HALF]


def is_flapping(bits: int, before: bool, limits: Limits) -> bool:
    percent = change_percent(bits)
    return percent >= limits.below if before else percent >= limits.above
