"""Judges button presses: a repeated one by the button's own counter, a button that sticks, and one that nobody may have
pressed."""

from zlib import crc32

from gateway.detection.device_state import STICKS, ClaimedDevice, Cleared, Raised, Verdict
from gateway.detection.memory import Fingers, PressCounts
from gateway.devices.profiles import Profile
from gateway.model import HOUR, MINUTE, SECOND, Instant, Severity
from gateway.model.signals import FaultCode, Press
from gateway.model.states import GhostSign, LinkState

MOST_PRESSES, COUNTED_FOR = 20, 10 * MINUTE  # of one button within that time; more is no finger
CALM = HOUR  # a button that is not pressed for so long sticks no more
COMES_BACK = 10 * SECOND  # within this time of its return a button may report a press that was none
NEARLY_EMPTY = 10  # per cent of a battery

_CAUSE = {"en": "The button sticks", "de": "Die Taste klemmt", "hi": "बटन अटकता है", "es": "El botón se atasca",
          "fr": "Le bouton est coincé"}

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


def note_press(profile: Profile, state: ClaimedDevice, was: LinkState, press_id: str | None, now: Instant,
               verdicts: list[Verdict]) -> None:
    """Counts a press, of whatever kind; `was`: the button's link before it spoke. Too many mean that it sticks. One
    that is sent again, until it is answered, counts once."""
    known = state.memory.fingers or Fingers()
    mark = 0 if press_id is None else crc32(press_id.encode())
    if mark and any(mark == one for _, one in known.presses):
        return
    lately = (*(one for one in known.presses if now - one[0] < COUNTED_FOR), (now, mark))[-MOST_PRESSES - 1:]
    known = known._replace(presses=lately, back_at=now if was == LinkState.LOST else known.back_at)
    if known.stuck_since is None and len(lately) > MOST_PRESSES:
        known = known._replace(stuck_since=now)
        verdicts.append(_sticks(profile, now, {"presses": len(lately), "first": lately[0][0]}))
    state.remember(fingers=known._replace(due=now + CALM if known.stuck_since is not None and not known.held else None))


def judge_held(profile: Profile, state: ClaimedDevice, said: FaultCode, now: Instant, verdicts: list[Verdict]) -> None:
    """The button itself says that its contact is held, or is no longer."""
    known = (state.memory.fingers or Fingers())._replace(held=said.active)
    if said.active and known.stuck_since is None:
        known = known._replace(stuck_since=now)
        verdicts.append(_sticks(profile, now, {"held": True}))
    state.remember(fingers=known._replace(
        due=now + CALM if known.stuck_since is not None and not said.active else None))


def clear_stuck(state: ClaimedDevice, listening_since: Instant, now: Instant, verdicts: list[Verdict]) -> None:
    """The clock looks: nobody has pressed for a whole hour in which we listened."""
    known = state.memory.fingers
    if known is None or known.due is None or known.due > now:
        return
    if listening_since + CALM > now:
        state.remember(fingers=known._replace(due=listening_since + CALM))
        return
    state.remember(fingers=known._replace(presses=(), stuck_since=None, due=None))
    verdicts.append(Cleared(STICKS, now, {"last_press": known.presses[-1][0] if known.presses else None}))


def note_return(state: ClaimedDevice, now: Instant) -> None:
    """A button that was lost is back. Of one that was never pressed nothing is kept."""
    if state.memory.fingers is not None:
        state.remember(fingers=state.memory.fingers._replace(back_at=now))


def ghost_suspicion(profile: Profile, state: ClaimedDevice, pressed_at: Instant) -> GhostSign | None:
    """Why perhaps nobody pressed at that moment; call it after `note_press`."""
    fingers = state.memory.fingers or Fingers()
    if fingers.stuck_since is not None:
        return GhostSign.STICKS
    if fingers.back_at is not None and abs(pressed_at - fingers.back_at) <= COMES_BACK:
        return GhostSign.JUST_BACK
    battery = battery_percent(profile, state)
    reported = any(one.active and code.endswith("battery_low") for code, one in state.memory.faults.items())
    return GhostSign.BATTERY_LOW if reported or (battery is not None and battery < NEARLY_EMPTY) else None


def fingers_after_clock_jump(known: Fingers, now: Instant) -> Fingers:
    """After our clock was set and is `now`, counting begins anew."""
    return known._replace(presses=(), back_at=None, due=None if known.due is None else now + CALM,
                          stuck_since=None if known.stuck_since is None else min(known.stuck_since, now))


def _sticks(profile: Profile, at: Instant, why: dict[str, object]) -> Raised:
    severity = Severity.MAJOR if profile.emergency else Severity.MINOR
    return Raised(STICKS, severity, dict(_CAUSE), "electronics", "ticket", at, why)


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
