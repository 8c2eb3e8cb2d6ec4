"""Loads the OutageContext: the outages, homes, alarms and tickets that one run of watch may change."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import bindparam, case, func, text
from sqlmodel import Session, col, select

from gateway.detection.device_state import SILENT
from gateway.devices.profiles import Profile
from gateway.model import (
    Alarm,
    Callback,
    CallbackKind,
    CallbackState,
    Device,
    Instant,
    MemberState,
    Need,
    Notification,
    Outage,
    OutageMember,
    OutageState,
    PersonRole,
    Site,
    Ticket,
)
from gateway.model.plan import Draft
from gateway.model.tickets import CHECKS
from gateway.notifications.topics import TopicName
from gateway.outages import DarkSite, Verdict
from gateway.outages.context import CUSTOMER_KINDS, NeedyHome, OutageContext
from gateway.outages.lifecycle import DARK, DECIDING
from gateway.outages.self_monitoring import OWN_OUTAGES
from gateway.store.chunks import chunks
from gateway.store.contexts import outage_scan, planning
from gateway.store.contexts.areas import Detectable, areas_above
from gateway.store.contexts.outage_scan import NewLoss
from gateway.store.contexts.promises import open_promises
from gateway.store.contexts.suppression import home_devices
from gateway.store.households import households, needs_at
from gateway.store.plain_rows import plain_rows, rows_where
from gateway.tickets.lifecycle import UNASSIGNED

_SILENT = col(Alarm.rule) == SILENT
_OPEN_ALARM = col(Alarm.closed_at).is_(None)
_NOT_BACK = col(OutageMember.back_at).is_(None)
_UNTOLD = select(OutageMember).where(
    OutageMember.outage_id == bindparam("outage"), ~col(OutageMember.told), _NOT_BACK,
    OutageMember.state == MemberState.AFFECTED).order_by(
    col(OutageMember.died_at), col(OutageMember.site_id)).limit(bindparam("most"))
_SENT = select(Notification).where(
    Notification.subject_id == bindparam("outage"), col(Notification.recipient_id).in_(bindparam("to", expanding=True)),
    Notification.topic == TopicName.OUTAGE).order_by(col(Notification.created_at))


def outage_context(session: Session, draft: Draft, losses: Sequence[NewLoss], verdicts: Sequence[Verdict],
                   joining: Mapping[str, Sequence[DarkSite]], detectable: Detectable,
                   profiles: Mapping[str, Profile], now: Instant) -> OutageContext:
    """Everything that plan_watch needs except `still_dark`, made of copies of `draft`. `joining`: outage id → homes
    that join it."""
    changed = {row.site_id for row in losses if row.ended_at is not None}
    context = OutageContext(draft, proofs=outage_scan.site_proofs(session, changed, detectable))
    context.outages = {row.id: draft.copy(row) for row in session.exec(
        select(Outage).where(col(Outage.closed_at).is_(None), col(Outage.key).not_in(OWN_OUTAGES)))}
    new_members = _new_members(verdicts, joining)
    absorbed = {one for verdict in verdicts for one in verdict.absorbs}
    _add_members(session, context, changed, new_members, absorbed, now)
    _add_callers(session, context, verdicts, now)
    _add_answered(session, context, verdicts)
    reported = {site for members in context.members.values() for site, member in members.items()
                if member.reported_at is not None and member.dark}
    devices = home_devices(session, reported)
    context.reported = {site: devices[site] for site in reported}
    _add_needy(session, context, (), changed, profiles)
    _add_unproven(session, context, len(changed), now)
    joined = {site for _, site in new_members}
    joined |= {site for one in absorbed for site in context.members.get(one, {})}
    for some in chunks(sorted(joined)):
        context.customers |= dict(session.exec(select(Site.id, Site.customer_id).where(col(Site.id).in_(some))).all())
    _add_alarms(session, context, joined | {site for members in context.members.values() for site in members})
    _add_sent_notifications(session, context, {
        outage_id: {member.customer_id for one in merging for member in context.members.get(one, {}).values()}
        for merging in ((verdict.outage_id or "", *verdict.absorbs) for verdict in verdicts if verdict.absorbs)
        for outage_id in merging if outage_id})
    _add_sites(session, context, now)
    for outage_id, promises in open_promises(session, context.outages).items():
        context.promises[outage_id] = [draft.copy(promise) for promise in promises]
    deciding = [row for row in context.outages.values() if row.state in (OutageState.SUSPECTED, OutageState.CONFIRMED)
                and row.next_at is not None and row.next_at <= now]
    for row in deciding:
        context.earlier_durations[row.id] = outage_scan.earlier_durations(session, row.area_id, row.kind)
    if deciding:
        context.live, context.others_heard_at = outage_scan.live_homes(session, detectable)
    session.expunge_all()  # the plan is written behind the session's back: who asks again reads again
    return context


def homes_to_tell_context(session: Session, draft: Draft, profiles: Mapping[str, Profile], most: int, now: Instant
                          ) -> tuple[OutageContext, set[str]]:
    """(what plan_homes_to_tell needs for `most` homes that have yet to be told, those that died first, made of copies
    of `draft`; the outages of which others are left). No outages in it: there are none such homes."""
    context, more = OutageContext(draft), set()
    for outage in session.exec(select(Outage).where(col(Outage.untold)).order_by(
            col(Outage.suspected_at), col(Outage.id)).limit(1)):
        context.outages[outage.id] = draft.copy(outage)
        rows = plain_rows(session, OutageMember, _UNTOLD, {"outage": outage.id, "most": most})
        context.members[outage.id] = {row.site_id: draft.copy(row) for row in rows}
        if len(rows) == most:
            more.add(outage.id)
        here = set(context.members[outage.id])
        _add_needy(session, context, [(outage.id, site) for site in here], set(), profiles)
        _add_alarms(session, context, here)
        _add_sent_notifications(session, context, {outage.id: {row.customer_id for row in rows}})
        _add_sites(session, context, now)
    session.expunge_all()
    return context, more


def _add_alarms(session: Session, context: OutageContext, sites: Collection[str]) -> None:
    for some in chunks(sorted(sites)):
        for alarm in rows_where(session, Alarm, Alarm.site_id, some, _SILENT, _OPEN_ALARM):
            context.alarms.setdefault(alarm.site_id, []).append(context.draft.copy(alarm))


def _new_members(verdicts: Sequence[Verdict], joining: Mapping[str, Sequence[DarkSite]]) -> list[tuple[str, str]]:
    """(outage id, "" for a new one; site id) of every home that becomes a member."""
    found = [(verdict.outage_id or "", home.site_id) for verdict in verdicts for home in verdict.candidate.homes
             if verdict.outage_id is None or home.outage_id != verdict.outage_id]
    return found + [(outage_id, home.site_id) for outage_id, homes in joining.items() for home in homes]


def _add_members(session: Session, context: OutageContext, changed: set[str], new_members: Sequence[tuple[str, str]],
                 absorbed: set[str], now: Instant) -> None:
    whole = {row.id for row in context.outages.values() if row.next_at is not None and row.next_at <= now}
    whole |= absorbed
    rows = rows_where(session, OutageMember, OutageMember.outage_id, sorted(whole))
    for some in chunks(sorted(changed)):
        rows += rows_where(session, OutageMember, OutageMember.site_id, some, _NOT_BACK)
    for some in chunks(sorted(f"{outage_id}/{site}" for outage_id, site in new_members if outage_id)):
        rows += rows_where(session, OutageMember, OutageMember.id, some)
    for row in rows:
        context.members.setdefault(row.outage_id, {})[row.site_id] = context.draft.copy(row)
    missing = context.members.keys() - context.outages.keys()
    for some in chunks(sorted(missing)):
        context.outages |= {row.id: context.draft.copy(row)
                         for row in session.exec(select(Outage).where(col(Outage.id).in_(some)))}


def _add_callers(session: Session, context: OutageContext, verdicts: Sequence[Verdict], now: Instant) -> None:
    """Adds the homes whose promised call may be about an outage, or is, and something is decided on that now."""
    open_here = {row.id: row for row in context.outages.values()
                 if row.kind in CUSTOMER_KINDS and row.state in DECIDING}
    areas = {row.area_id for row in open_here.values()} | {
        verdict.candidate.area.id for verdict in verdicts if verdict.candidate.area is not None}
    decided = {row.id for row in open_here.values() if row.next_at is not None and row.next_at <= now} | {
        one for verdict in verdicts for one in (*verdict.absorbs, *verdict.ends)}
    if not areas:
        return
    waiting = dict(session.exec(select(Callback.site_id, Callback.outage_id).where(
        col(Callback.closed_at).is_(None), Callback.kind == CallbackKind.ORDINARY)).all())
    unlinked = [site for site, outage_id in waiting.items() if outage_id is None]
    above = areas_above(*outage_scan.areas_of_sites(session, unlinked))
    callers = {site for site, outage_id in waiting.items()
               if (outage_id is None and areas & above.get(site, frozenset())) or outage_id in decided}
    if not callers:
        return
    devices = home_devices(session, callers)
    context.callers = {site: devices[site] for site in callers}
    wanted = [f"{outage_id}/{site}" for outage_id in open_here for site in sorted(callers)]
    for some in chunks(wanted):
        for row in session.exec(select(OutageMember).where(col(OutageMember.id).in_(some))):
            context.members.setdefault(row.outage_id, {}).setdefault(row.site_id, context.draft.copy(row))


def _add_needy(session: Session, context: OutageContext, untold: Sequence[tuple[str, str]], changed: set[str],
               profiles: Mapping[str, Profile]) -> None:
    """Adds the homes where somebody has to be rung first, of those that are to be told now (outage id, site); and those
    that were to be rung, where something has changed."""
    confirmed = {row.id for row in context.outages.values() if row.kind in CUSTOMER_KINDS and row.state in DARK}
    dark = {site for outage_id, site in untold if outage_id in confirmed}
    emergency = [name for name, one in profiles.items() if one.emergency]
    needs: dict[str, frozenset[Need]] = {}
    with_button: set[str] = set()
    for some in chunks(sorted(dark)):
        needs |= {site: known for site, known in needs_at(session, some).items()
                  if known & {Need.POWER_DEPENDENT, Need.EMERGENCY_BUTTON}}
        with_button |= set(session.exec(select(Device.site_id).join(Site, col(Site.id) == Device.site_id).where(
            col(Device.site_id).in_(some), col(Device.profile).in_(emergency), col(Device.retired_at).is_(None),
            col(Site.household_left_at).is_(None))))
    checks: dict[str, Callback] = {}
    for some in chunks(sorted(changed | needs.keys() | with_button)):
        for row in session.exec(select(Callback).where(
                col(Callback.site_id).in_(some), text(CHECKS)).order_by(col(Callback.requested_at))):
            checks[row.site_id] = row
    needy = needs.keys() | with_button | checks.keys()
    if not needy:
        return
    owners = dict(session.exec(select(Site.id, Site.customer_id).where(col(Site.id).in_(needy))).all())
    homes, devices = households(session, [(owners[site], site) for site in needy]), home_devices(session, needy)
    needs |= needs_at(session, needy - needs.keys())
    told = {(row.subject_id, row.topic) for row in session.exec(select(Notification).where(
        col(Notification.subject_id).in_([row.id for row in checks.values()]),
        col(Notification.topic).in_((TopicName.BUTTON_DEAD, TopicName.BUTTON_WORKS))))}
    for site in needy:
        home, check = homes[owners[site], site], checks.get(site)
        numbers = home.telephones
        context.needy[site] = NeedyHome(
            needs.get(site, frozenset()), devices[site], [one for one in home.people if one.role is PersonRole.HELPER],
            numbers[0].shown if numbers else "", check,
            check is not None and (check.id, TopicName.BUTTON_DEAD) in told,
            check is not None and (check.id, TopicName.BUTTON_WORKS) in told)


def _add_answered(session: Session, context: OutageContext, verdicts: Sequence[Verdict]) -> None:
    """Adds the presses that outages were the answer to which turn out to be a part of another."""
    absorbed = {one for verdict in verdicts for one in verdict.absorbs}
    for row in session.exec(select(Callback).where(col(Callback.outage_id).in_(absorbed),
                                                   Callback.state == CallbackState.ANSWERED)) if absorbed else ():
        context.answered.setdefault(row.outage_id or "", []).append(context.draft.copy(row))


def _add_unproven(session: Session, context: OutageContext, changed: int, now: Instant) -> None:
    """Adds whom the news of an outage concerns though no home of theirs is in it, or can tell: where it may be over by
    this run, or takes longer."""
    telling = [row.id for row in context.outages.values() if row.kind in CUSTOMER_KINDS and row.confirmed_at is not None
               and row.closed_at is None and row.restored_at is None
               and (row.dark <= changed or (row.next_at is not None and row.next_at <= now))]
    for outage_id in telling:
        can_tell = func.sum(case((col(OutageMember.state) == MemberState.LEFT, 0), else_=1))
        mute = session.exec(select(OutageMember.customer_id, func.min(OutageMember.site_id)).where(
            OutageMember.outage_id == outage_id).group_by(col(OutageMember.customer_id)).having(can_tell == 0)).all()
        proven = select(OutageMember.customer_id).where(
            OutageMember.outage_id == outage_id, OutageMember.state != MemberState.LEFT)
        pressed = session.exec(select(Callback.customer_id, Callback.site_id).where(
            Callback.outage_id == outage_id, Callback.state == CallbackState.ANSWERED,
            col(Callback.customer_id).not_in(proven))).all()
        sites = dict([*mute, *pressed])
        devices = home_devices(session, set(sites.values()))
        context.unproven[outage_id] = {one: (site_id, devices[site_id]) for one, site_id in sites.items()}


def _add_sent_notifications(session: Session, context: OutageContext, of: Mapping[str, Collection[str]]) -> None:
    """`of`: outage id → customers."""
    for outage_id, customers in sorted(of.items()):
        notified = context.notified.setdefault(outage_id, {})
        for some in chunks(sorted(customers)):
            for row in plain_rows(session, Notification, _SENT, {"outage": outage_id, "to": some}):
                if not row.facts.get("answered") or row.recipient_id not in notified:  # else the round was told too
                    notified[row.recipient_id] = context.draft.copy(row)


def _add_sites(session: Session, context: OutageContext, now: Instant) -> None:
    """Adds the sites whose tickets may be opened, resolved or cancelled."""
    sites = {row.site_id for row in context.outages.values() if row.site_id is not None and row.closed_at is None}
    tickets = {alarm.ticket_id for alarms in context.alarms.values() for alarm in alarms if alarm.ticket_id is not None}
    sites |= context.callers.keys() | context.needy.keys() | context.reported.keys()
    for some in chunks(sorted(tickets)):
        sites |= set(session.exec(select(Ticket.site_id).where(
            col(Ticket.id).in_(some), col(Ticket.state).in_(UNASSIGNED))))
    for some in chunks(sorted(sites)):
        planning.planning_contexts(session, context.draft, (), site_ids=some, now=now, sites=context.sites)
