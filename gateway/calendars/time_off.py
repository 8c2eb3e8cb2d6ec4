"""Time off that a firm enters itself: on those days it, or one of its people, is offered nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from gateway.calendars.days_off import DaysOff

LONGEST = 366  # days that one entry may cover
FURTHEST = 2 * 366  # days ahead that one may begin
MOST = 50  # entries of a firm or of one of its people
KEPT = 30  # days that an entry stays in the list after its last day: then its reason is gone too
REASON = 80  # characters


class BadTimeOff(Exception):
    """It cannot be entered; the text is the catalogue id of the sentence that says why."""


@dataclass(frozen=True)
class TimeOff:
    """From the first to the last day, both included, on the firm's own wall."""

    id: str
    first: date
    last: date
    reason: str = ""

    @staticmethod
    def read(stored: Mapping[str, str]) -> "TimeOff":
        return TimeOff(stored["id"], date.fromisoformat(stored["first"]), date.fromisoformat(stored["last"]),
                       stored.get("reason", ""))

    def stored(self) -> dict[str, str]:
        return {"id": self.id, "first": self.first.isoformat(), "last": self.last.isoformat(), "reason": self.reason}

    def includes(self, day: date) -> bool:
        return self.first <= day <= self.last


def entries(stored: Iterable[Mapping[str, str]], today: date) -> list[TimeOff]:
    """Those that are not long over, the next first."""
    kept = [TimeOff.read(one) for one in stored]
    return sorted((one for one in kept if one.last >= today - timedelta(days=KEPT)),
                  key=lambda one: (one.first, one.last, one.id))


def with_entry(stored: Sequence[Mapping[str, str]], given: TimeOff, today: date) -> list[dict[str, str]]:
    """With one more, as it is stored; the same days again are no second entry. Raises BadTimeOff."""
    if given.last < given.first:
        raise BadTimeOff("page.firm.off_wrong_order")
    if given.last < today:
        raise BadTimeOff("page.firm.off_past")
    if (given.last - given.first).days >= LONGEST or given.first > today + timedelta(days=FURTHEST):
        raise BadTimeOff("page.firm.off_too_long")
    kept = entries(stored, today)
    if not any((one.first, one.last) == (given.first, given.last) for one in kept):
        if len(kept) >= MOST:
            raise BadTimeOff("page.firm.off_too_many")
        kept.append(given)
    return [one.stored() for one in kept]


def without_entry(stored: Iterable[Mapping[str, str]], entry_id: str, today: date) -> list[dict[str, str]]:
    """Without that one, as it is stored; nothing happens when it is gone already."""
    return [one.stored() for one in entries(stored, today) if one.id != entry_id]


def beside(off: DaysOff, stored: Iterable[Mapping[str, Any]]) -> DaysOff:
    """Days off from a file, and beside them those that were entered: the file's `open` days do not undo these."""
    own = closed_by(stored)
    if own is None:
        return off
    return replace(off, beside=own if off.beside is None else replace(own, beside=off.beside))


def closed_by(stored: Iterable[Mapping[str, Any]]) -> DaysOff | None:
    """The days that were entered; None: there are none."""
    days = frozenset(one.first + timedelta(days=number) for one in map(TimeOff.read, stored)
                     for number in range((one.last - one.first).days + 1))
    return DaysOff(closed=days) if days else None
