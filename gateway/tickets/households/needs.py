"""What people need orders what is done first."""

from collections.abc import Iterable

from gateway.model import Need

FIRST, SECOND, LAST = 0, 1, 2


def needs_first(needs: Iterable[Need], has_emergency_button: bool) -> int:
    """The rank of a home when several wait for the same: 0 whose people depend on power, 1 who have an emergency
    button or other needs, 2 all others. `needs`: of everybody who lives there."""
    known = set(needs)
    if Need.POWER_DEPENDENT in known:
        return FIRST
    return SECOND if has_emergency_button or known else LAST


def depends_on_power(needs: Iterable[Need]) -> bool:
    """Whether a fault there is urgent whatever its severity."""
    return Need.POWER_DEPENDENT in set(needs)
