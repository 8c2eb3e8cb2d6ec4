"""How many homes, said so that nobody can be picked out."""

from gateway.notifications import format_values

_STEPS = ((5, 0), (20, 5), (100, 10), (1_000, 50), (10_000, 100))  # (below, rounded to); 0: too few to say


def roughly(homes: int) -> int:
    """37 → 40, 1,234 → 1,200; 0 below five."""
    step = next((step for below, step in _STEPS if homes < below), 1_000)
    return (homes + step // 2) // step * step if step else 0


def number(count: float, locale: str) -> str:
    """`1,200` or `1.200`"""
    return format_values.number(count, locale)
