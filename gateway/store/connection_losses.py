"""Records devices that lost their connection and came back; writes only on change."""

from collections.abc import Iterable, Mapping
from math import exp
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, update
from sqlmodel import Session, col, select

from gateway.detection.device_state import ClaimedDevice
from gateway.devices.profiles import Profile
from gateway.model import DAY, HOUR, Instant, LinkState, Loss

FADES = 30 * DAY  # a loss counts for a third of itself after this long
SLOW = 6 * HOUR  # an area outage is seldom longer
FORGOTTEN = 90 * DAY  # and then for nothing

# not "ended_at IS NULL": where the open losses are many and new, PostgreSQL takes their index for a short way to one
_ENDED = update(Loss).where(col(Loss.device_id) == bindparam("device"), func.coalesce(Loss.ended_at, 0) == 0).values(
    ended_at=bindparam("at"), link=bindparam("to"), unprocessed=True)


def record_losses(session: Session, changed_devices: Iterable[ClaimedDevice], profiles: Mapping[str, Profile],
                  now: Instant) -> None:
    """Writes down which of `changed_devices` are gone and were not, or are back."""
    gone: dict[str, ClaimedDevice] = {}
    back: list[dict[str, Any]] = []
    for state in changed_devices:
        if state.gone != state.gone_before:
            if not state.gone:
                back.append({"device": state.device_id, "at": now, "to": state.link})
            elif _is_missed(state, profiles):
                gone[state.device_id] = state
    if back:
        session.connection().execute(_ENDED, back)
    if gone:
        _add(session, gone, profiles, now)


def detectable_profiles(profiles: Mapping[str, Profile]) -> list[str]:
    """Profiles whose devices are missed soon. One that may be silent for longer, and of which no broker says when it is
    gone, is no proof that its home is live."""
    return [name for name, profile in profiles.items() if profile.silence.lost_ms is not None
            or (profile.silence.link_ms is not None and profile.silence.link_ms <= SLOW)]


def forget(session: Session, now: Instant) -> None:
    session.connection().execute(delete(Loss).where(col(Loss.ended_at) < now - FORGOTTEN))


def _is_missed(state: ClaimedDevice, profiles: Mapping[str, Profile]) -> bool:
    """A device that was never live cannot be lost; and some are not missed until they are silent."""
    if state.seen_at is None or state.profile not in profiles:
        return False
    return state.memory.silent_since is not None or profiles[state.profile].silence.lost_ms is not None


def _add(session: Session, gone: dict[str, ClaimedDevice], profiles: Mapping[str, Profile], now: Instant) -> None:
    before = {device: (loss_count, at) for device, loss_count, at in session.exec(
        select(Loss.device_id, Loss.loss_count, Loss.loss_count_at).where(col(Loss.device_id).in_(list(gone))))}
    rows = []
    for state in gone.values():
        loss_count, at = before.get(state.device_id, (0.0, now))
        died, uncertainty_ms = _death(state, profiles[state.profile].silence.link_ms, now)
        rows.append({"device_id": state.device_id, "site_id": state.site_id, "died_at": died,
                     "uncertainty_ms": uncertainty_ms,
                     "silent": state.link != LinkState.LOST, "ended_at": None, "link": state.link, "unprocessed": True,
                     "loss_count": 1.0 + loss_count * exp(-max(now - at, 0) / FADES), "loss_count_at": now})
    if before:
        session.connection().execute(delete(Loss).where(col(Loss.device_id).in_(list(before))))
    session.connection().execute(insert(Loss), rows)


def _death(state: ClaimedDevice, link_ms: int | None, now: Instant) -> tuple[Instant, int]:
    """(when, by how many ms that may be early).

    The broker's word is exact, unless it is old news: a device that had been quiet for longer than it may be died while
    we did not listen. Otherwise nobody heard it die: it was between its last words and half of what it is given.
    """
    seen = min(state.seen_at or now, now)
    if state.link != LinkState.LOST:
        return seen, (link_ms or 0) // 2
    lost = min(state.link_at or now, now)
    return (lost, 0) if link_ms is None or lost - seen <= link_ms else (seen, lost - seen)
