"""Recognizes a repeated button press by the button's own counter."""

from gateway.detection.device_state import ClaimedDevice
from gateway.detection.memory import PressCounts
from gateway.devices.profiles import Profile
from gateway.model import SECOND, Instant
from gateway.model.signals import Press

ONE_WAKING = 30 * SECOND  # what a button says within this time after it was woken belongs to that finger


def new_press(state: ClaimedDevice, press: Press, now: Instant) -> str | None:
    """The kind of the press when it is a new one, None when it is a repetition.

    With a count (`change`) it is one when the count has changed since we last heard it. The first one ever heard is
    where counting begins; but a finger that has just woken the device has pressed, whatever its count says, once.
    """
    if press.change is None and not press.woken:
        return press.kind
    known = state.memory.presses or PressCounts()
    known, kind = _press_after_wake(known, now) if press.woken else _count_press(known, press, now)
    state.remember(presses=known)
    return kind


def battery_percent(profile: Profile, state: ClaimedDevice) -> int | None:
    """The last value of the signal `battery`, where that is a percentage; None where we do not know it."""
    level, kind = state.signals.get("battery"), profile.signals.get("battery")
    if type(level) is not float or not 0 <= level <= 100 or (kind is not None and kind.unit not in ("", "%")):
        return None
    return round(level)


def presses_after_clock_jump(known: PressCounts, by: int, now: Instant) -> PressCounts:
    """After our clock was set `by` ms ahead (below 0: back) and is `now`: a finger of the future would count for hours.
    """
    woken, pressed, first = known.woken_at, known.pressed_at, known.first
    return known._replace(
        woken_at=None if woken is None else min(woken + by, now),
        pressed_at=None if pressed is None else min(pressed + by, now),
        first=None if first is None else (first[0], min(first[1] + by, now)))


def _count_press(known: PressCounts, press: Press, now: Instant) -> tuple[PressCounts, str | None]:
    name, count = press.change or ("", 0)
    before = known.counts.get(name)
    known = known._replace(counts={**known.counts, name: count})
    by_finger = known.woken_at is not None and now - known.woken_at <= ONE_WAKING
    if press.kind and (by_finger or (before is not None and before != count)):
        return known._replace(woken_at=None, pressed_at=now), press.kind
    if press.kind and before is None:
        known = known._replace(first=(press.kind, now))
    return known, None


def _press_after_wake(known: PressCounts, now: Instant) -> tuple[PressCounts, str | None]:
    """The reason for waking comes before the count or after it."""
    kind, at = known.first or ("", 0)
    known = known._replace(first=None)
    if kind and now - at <= ONE_WAKING:
        return known._replace(pressed_at=now), kind
    if known.pressed_at is None or now - known.pressed_at > ONE_WAKING:
        known = known._replace(woken_at=now)
    return known, None
