"""Corrects a device's remembered times after the gateway's own clock was set."""

from gateway.detection.memory import ClockOffset, DeviceMemory, ExcessFaults, FaultState, History, RuleState
from gateway.detection.presses import fingers_after_clock_jump, presses_after_clock_jump
from gateway.model import Instant
from gateway.model.states import RulePhase


def set_clock(memory: DeviceMemory, by: int, now: Instant) -> DeviceMemory:
    """The memory after our clock was set `by` ms ahead (below 0: back) and is `now`.

    Set ahead: deadlines move with the clock. Set back: times written by the wrong clock are corrected; times from the
    device's own clock stay, since they lie behind now, or ahead by less than our error. `by` = 0 when nobody knows by
    how much the clock was ahead: what lies ahead of now begins now. Times from other clocks (a bridge's, a repeated
    message's) stay: they are only compared with themselves.
    """
    clock, presses, many = memory.clock, memory.presses, memory.many_faults
    return memory._replace(
        rules={name: _rule(one, by, now) for name, one in memory.rules.items()},
        faults={code: _fault(one, by, now) for code, one in memory.faults.items()},
        many_faults=None if many is None else _many_faults(many, by, now),
        silent_since=_since(memory.silent_since, by, now),
        stale_since=_since(memory.stale_since, by, now),
        asleep_until=_ahead(memory.asleep_until, by, now),
        clock=None if clock is None else _clock(clock, by, now),
        presses=None if presses is None else presses_after_clock_jump(presses, by, now),
        fingers=None if memory.fingers is None else fingers_after_clock_jump(memory.fingers, now),
    )


def set_history(history: History | None, by: int, now: Instant) -> History | None:
    """The history after our clock was set; None when it holds times in the future, which cannot be trusted."""
    return None if by <= 0 and history is not None and _lies_ahead(history, now) else history


def _rule(one: RuleState, by: int, now: Instant) -> RuleState:
    if by > 0 and one.due is not None:
        one = one._replace(since=one.since + by, due=one.due + by,
                           ended_at=None if one.ended_at is None else one.ended_at + by)
    elif by <= 0:
        back = _by(by, now, one.since, one.ended_at)
        one = one._replace(since=_happened(one.since, back, now), due=_ahead(one.due, back, now),
                           ended_at=None if one.ended_at is None else _happened(one.ended_at, back, now))
    if one.phase == RulePhase.WAITING:
        one = one._replace(due=now)  # for an hour of the day: it is asked again when that is
    return one


def _fault(one: FaultState, by: int, now: Instant) -> FaultState:
    return one if by > 0 else one._replace(at=_happened(one.at, _by(by, now, one.at), now))


def _many_faults(one: ExcessFaults, by: int, now: Instant) -> ExcessFaults:
    if by > 0:
        one = one._replace(last=one.last + by)
        return one if one.due is None else one._replace(at=one.at + by, due=one.due + by)
    back = _by(by, now, one.at)
    return one._replace(at=_happened(one.at, back, now), last=_happened(one.last, back, now),
                        due=_ahead(one.due, back, now))


def _clock(one: ClockOffset, by: int, now: Instant) -> ClockOffset:
    return one._replace(offset_ms=one.offset_ms - by, candidate_ms=one.candidate_ms - by, at=min(one.at + by, now))


def _since(at: Instant | None, by: int, now: Instant) -> Instant | None:
    return at if at is None or by > 0 else _happened(at, _by(by, now, at), now)


def _by(by: int, now: Instant, at: Instant, ended_at: Instant | None = None) -> int:
    """How far to come back: by as much as the clock, else by as much as this lies ahead."""
    return by or min(now - max(at, ended_at or 0), 0)


def _happened(at: Instant, by: int, now: Instant) -> Instant:
    return min(at + by, now) if at > now else at


def _ahead(due: Instant | None, by: int, now: Instant) -> Instant | None:
    """A moment that is waited for: it moves with the clock when it was written by the wrong time."""
    return due if due is None or (by <= 0 and due < now - by) else due + by


def _lies_ahead(kept: History, now: Instant) -> bool:
    last = [moment for times in kept.last.values() for moment in (times[0], times[-1])]
    return any(isinstance(moment, int) and moment > now for moment in last) or any(
        window[1] > now for window in kept.windows.values())
