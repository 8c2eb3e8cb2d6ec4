"""Loads what may explain a silent device, or a press: its hub, an area outage, or planned maintenance."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import exists
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from gateway.model import (
    Area,
    Callback,
    CallbackState,
    Device,
    DeviceState,
    Loss,
    MaintenanceWindow,
    MemberState,
    Outage,
    OutageKind,
    OutageMember,
    OutageState,
    PressRecord,
)
from gateway.outages.context import CUSTOMER_KINDS
from gateway.outages.lifecycle import OPEN
from gateway.outages.maintenance import BACK_AFTER
from gateway.store.chunks import chunks
from gateway.store.sites.open_rows import OPEN_WINDOW, OpenRows
from gateway.tickets.context import HomeDevice, PlanningContext, Surroundings

_OUTAGES = select(Outage).where(col(Outage.closed_at).is_(None))
_WINDOWS = select(MaintenanceWindow).where(OPEN_WINDOW)
_CARRIER_KINDS = (OutageKind.GATEWAY, OutageKind.NETWORK)


class SuppressionContext(NamedTuple):
    """What may explain silent devices anywhere."""

    outages: list[Outage]  # open
    windows: list[MaintenanceWindow]  # not over, or not looked after yet

    def __bool__(self) -> bool:
        return bool(self.outages or self.windows)


def suppression_context(session: Session, there: OpenRows) -> SuppressionContext:
    """The open outages and maintenance windows of all devices; mostly there are none."""
    return SuppressionContext(list(session.exec(_OUTAGES)) if there.outages else [],
                              list(session.exec(_WINDOWS)) if there.windows else [])


def add_suppression(session: Session, contexts: Mapping[str, PlanningContext], around: SuppressionContext) -> None:
    """Adds to each PlanningContext what is known of its area: outages, and what is planned."""
    if around.outages:
        _add_outages(session, contexts, {row.id: row for row in around.outages})
    for context in contexts.values():
        context.planned = [(window.from_at, window.until_at + BACK_AFTER) for window in around.windows
                        if window.area_id in context.area_ids]


def add_surroundings(session: Session, contexts: Iterable[PlanningContext], around: SuppressionContext) -> None:
    """Adds to the PlanningContext of each button that was pressed what may be the answer to it."""
    concerned = {context.device.id: context for context in contexts}
    works = {one: [window for window in around.windows if window.area_id in context.area_ids]
             for one, context in concerned.items()}
    concerned = {one: context for one, context in concerned.items() if context.area_outages or works[one]}
    if not concerned:
        return
    names = dict(session.exec(select(Area.id, Area.name).where(
        col(Area.id).in_({window.area_id for some in works.values() for window in some}))).all())
    sites = {context.site.id: context.customer.id for context in concerned.values()}
    members = {row.id: row for row in session.exec(select(OutageMember).where(col(OutageMember.id).in_(
        f"{outage.id}/{context.site.id}" for context in concerned.values() for outage in context.area_outages)))}
    answers: dict[str, Callback] = {}
    for row in session.exec(select(Callback).where(
            col(Callback.customer_id).in_(sites.values()), col(Callback.site_id).in_(sites),
            Callback.state == CallbackState.ANSWERED).order_by(col(Callback.closed_at))):
        answers[row.site_id] = row
    devices = home_devices(session, sites)
    for one, context in concerned.items():
        here = ((outage.id, members.get(f"{outage.id}/{context.site.id}")) for outage in context.area_outages)
        context.around = Surroundings(
            {outage_id: member for outage_id, member in here if member is not None},
            [(window, names[window.area_id]) for window in works[one]], devices[context.site.id],
            last_answer=answers.get(context.site.id))


def dark_homes() -> SelectOfScalar[OutageMember]:
    """The homes that are dark now in any outage."""
    return select(OutageMember).where(col(OutageMember.back_at).is_(None), OutageMember.state != MemberState.LEFT)


def home_devices(session: Session, site_ids: Collection[str]) -> defaultdict[str, list[HomeDevice]]:
    """Site id → its devices as far as we know them now."""
    found: defaultdict[str, list[HomeDevice]] = defaultdict(list)
    pressed = exists().where(col(PressRecord.device_id) == Device.id)
    for some in chunks(sorted(site_ids)):
        for site_id, *device in session.execute(
                columns_of(*(col(one) for one in (Device.site_id, Device.id, Device.profile, Device.via)),
                           col(DeviceState.link), col(Loss.device_id).is_not(None), col(DeviceState.seen_at), pressed)
                .select_from(Device).join(DeviceState, col(DeviceState.device_id) == Device.id)
                .outerjoin(Loss, (col(Loss.device_id) == Device.id) & col(Loss.ended_at).is_(None))
                .where(col(Device.site_id).in_(some), col(Device.retired_at).is_(None)).order_by(col(Device.id))):
            found[site_id].append(HomeDevice._make(device))
    return found


def add_hubs(session: Session, contexts: Mapping[str, PlanningContext]) -> None:
    """Adds to each PlanningContext whether its hub is silent."""
    hubs = {context.device.via for context in contexts.values() if context.device.via is not None}
    gone = set(session.exec(select(Loss.device_id).where(
        col(Loss.device_id).in_(hubs), col(Loss.ended_at).is_(None)))) if hubs else set()
    for context in contexts.values():
        context.hub_silent = context.device.via in gone


def _add_outages(session: Session, contexts: Mapping[str, PlanningContext], outages: Mapping[str, Outage]) -> None:
    sites = {context.site.id for context in contexts.values()}
    members = session.exec(select(OutageMember.site_id, OutageMember.outage_id, OutageMember.state).where(
        col(OutageMember.site_id).in_(sites), col(OutageMember.back_at).is_(None),
        col(OutageMember.outage_id).in_(list(outages)))).all()
    inside = {site: outage for site, outage, state in members if state == MemberState.AFFECTED}
    nested = {site for site, _, state in members if state == MemberState.NESTED}
    ours = sorted((one for one in outages.values() if one.state in OPEN and one.kind in _CARRIER_KINDS),
                  key=lambda one: one.state == OutageState.RESTORED)  # what is over explains nothing beside another
    areas = [one for one in outages.values() if one.kind in CUSTOMER_KINDS]
    for context in contexts.values():
        context.outage_id, context.nested = inside.get(context.site.id), context.site.id in nested
        context.carrier_outage = next((
            one for one in ours if one.kind == OutageKind.GATEWAY or one.area_id in context.area_ids), None)
        context.area_outages = [one for one in areas if one.area_id in context.area_ids]
