"""Stores which devices lost their connection and when they came back; writes only on change."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, update
from sqlmodel import Session, col, select

from gateway.detection.device_state import ClaimedDevice
from gateway.devices.profiles import Profile
from gateway.model import Device, Instant, LinkState, Loss
from gateway.outages.connection_losses import count_with, is_lost, lost_at

# not "ended_at IS NULL": where the open losses are many and new, PostgreSQL takes their index for a short way to one
_ENDED = update(Loss).where(col(Loss.device_id) == bindparam("device"), func.coalesce(Loss.ended_at, 0) == 0).values(
    ended_at=bindparam("at"), link=bindparam("to"), unprocessed=True)


def record_losses(session: Session, changed_devices: Iterable[ClaimedDevice], profiles: Mapping[str, Profile],
                  now: Instant) -> None:
    """Opens a loss for each of `changed_devices` that is newly gone, and ends the loss of each that is back."""
    gone: dict[str, ClaimedDevice] = {}
    back: list[dict[str, Any]] = []
    for state in changed_devices:
        if state.gone != state.gone_before:
            if not state.gone:
                back.append({"device": state.device_id, "at": now, "to": state.link})
            elif is_lost(state, profiles):
                gone[state.device_id] = state
    if back:
        session.connection().execute(_ENDED, back)
    if gone:
        _add(session, gone, profiles, now)


def _add(session: Session, gone: dict[str, ClaimedDevice], profiles: Mapping[str, Profile], now: Instant) -> None:
    places = {device: (site_id, count, at) for device, site_id, count, at in session.exec(
        select(Device.id, Device.site_id, Loss.loss_count, Loss.loss_count_at).outerjoin(
            Loss, col(Loss.device_id) == Device.id).where(col(Device.id).in_(list(gone))))}
    rows, before = [], []
    for state in gone.values():
        site_id, count, at = places[state.device_id]
        if count is not None:
            before.append(state.device_id)
        died_at, uncertainty_ms = lost_at(state, profiles[state.profile].silence.link_ms, now)
        rows.append({"device_id": state.device_id, "site_id": site_id, "died_at": died_at,
                     "uncertainty_ms": uncertainty_ms, "silent": state.link != LinkState.LOST, "ended_at": None,
                     "link": state.link, "unprocessed": True, "loss_count": count_with(count or 0.0, now - (at or now)),
                     "loss_count_at": now})
    if before:
        session.connection().execute(delete(Loss).where(col(Loss.device_id).in_(before)))
    session.connection().execute(insert(Loss), rows)
