"""Loads what may explain a silent device: its hub, an area outage, or planned maintenance."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import bindparam, exists
from sqlmodel import Session, col, select

from gateway.model import (
    Alarm,
    Loss,
    MaintenanceWindow,
    MemberState,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
    SuppressedBy,
)
from gateway.model.plan import Draft
from gateway.outages.lifecycle import OPEN
from gateway.outages.maintenance import BACK_AFTER
from gateway.tickets.context import PlanningContext

_OUTAGES = select(Outage).where(col(Outage.closed_at).is_(None))
_WINDOWS = select(MaintenanceWindow).where(col(MaintenanceWindow.next_at).is_not(None))
_ANY = select(exists(_OUTAGES), exists(_WINDOWS))
_WAIT_FOR_HUB = select(Alarm).where(
    Alarm.suppressed_by_kind == SuppressedBy.HUB, col(Alarm.suppressed_by_id).in_(bindparam("hubs", expanding=True)),
    col(Alarm.closed_at).is_(None), col(Alarm.suppressed_until).is_(None))
_CARRIER_KINDS = (OutageKind.GATEWAY, OutageKind.NETWORK)
_AREA_KINDS = (OutageKind.PLACE, OutageKind.FEEDER)


class SuppressionContext(NamedTuple):
    """What may explain silent devices anywhere."""

    outages: list[Outage]  # open
    windows: list[MaintenanceWindow]  # not over, or not looked after yet

    def __bool__(self) -> bool:
        return bool(self.outages or self.windows)


def suppression_context(session: Session) -> SuppressionContext:
    """The open outages and maintenance windows of all devices; mostly there are none."""
    outages, windows = session.connection().execute(_ANY).one()
    return SuppressionContext(list(session.exec(_OUTAGES)) if outages else [],
                              list(session.exec(_WINDOWS)) if windows else [])


def add_suppression(session: Session, contexts: Mapping[str, PlanningContext], around: SuppressionContext) -> None:
    """Adds to each PlanningContext what is known of its area: outages, and what is planned."""
    if around.outages:
        _add_outages(session, contexts, {row.id: row for row in around.outages})
    for context in contexts.values():
        context.planned = [(window.from_at, window.until_at + BACK_AFTER) for window in around.windows
                        if window.area_id in context.area_ids]


def add_hubs(session: Session, draft: Draft, contexts: Mapping[str, PlanningContext]) -> None:
    """Adds to each PlanningContext whether its hub is silent, and which alarms wait for it as a hub."""
    hubs = {context.device.via for context in contexts.values() if context.device.via is not None}
    gone = set(session.exec(select(Loss.device_id).where(
        col(Loss.device_id).in_(hubs), col(Loss.ended_at).is_(None)))) if hubs else set()
    for context in contexts.values():
        context.hub_silent = context.device.via in gone
    for alarm in session.exec(_WAIT_FOR_HUB, params={"hubs": list(contexts)}) if contexts else ():
        contexts[alarm.suppressed_by_id or ""].children.append(draft.copy(alarm))


def _add_outages(session: Session, contexts: Mapping[str, PlanningContext], outages: Mapping[str, Outage]) -> None:
    sites = {context.site.id for context in contexts.values()}
    members = session.exec(select(OutageMember.site_id, OutageMember.outage_id, OutageMember.state).where(
        col(OutageMember.site_id).in_(sites), col(OutageMember.back_at).is_(None),
        col(OutageMember.outage_id).in_(list(outages)))).all()
    inside = {site: outage for site, outage, state in members if state == MemberState.AFFECTED}
    nested = {site for site, _, state in members if state == MemberState.NESTED}
    ours = sorted((one for one in outages.values() if one.state in OPEN and one.kind in _CARRIER_KINDS),
                  key=lambda one: one.state == OutageState.RESTORED)  # what is over explains nothing beside another
    confirmed = [one for one in outages.values() if one.state == OutageState.CONFIRMED and one.kind in _AREA_KINDS]
    for context in contexts.values():
        context.outage_id, context.nested = inside.get(context.site.id), context.site.id in nested
        context.carrier_outage = next((
            one for one in ours if one.kind == OutageKind.GATEWAY or one.area_id in context.area_ids), None)
        context.known_outage = next((one for one in confirmed if one.area_id in context.area_ids), None)
