"""Loads the OutageContext: the outages, homes, alarms and tickets that one run of watch may change."""

from collections.abc import Mapping, Sequence

from sqlalchemy import case, func, text
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
from gateway.store.contexts.providers import provider_loads
from gateway.store.contexts.suppression import home_devices
from gateway.store.households import households, needs_at
from gateway.tickets.lifecycle import UNASSIGNED


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
    _add_members(session, context, changed, new_members, {one for verdict in verdicts for one in verdict.absorbs}, now)
    _add_callers(session, context, verdicts, now)
    _add_answered(session, context, verdicts)
    reported = {site for members in context.members.values() for site, member in members.items()
                if member.reported_at is not None and member.dark}
    devices = home_devices(session, reported)
    context.reported = {site: devices[site] for site in reported}
    _add_needy(session, context, new_members, changed, profiles, now)
    _add_unproven(session, context, len(changed), now)
    sites = {site for _, site in new_members} | {site for members in context.members.values() for site in members}
    for some in chunks(sorted(sites)):
        context.customers |= dict(session.exec(select(Site.id, Site.customer_id).where(col(Site.id).in_(some))).all())
        for alarm in session.exec(select(Alarm).where(col(Alarm.site_id).in_(some), Alarm.rule == SILENT,
                                                      col(Alarm.closed_at).is_(None))):
            context.alarms.setdefault(alarm.site_id, []).append(draft.copy(alarm))
    merging = {one for verdict in verdicts if verdict.absorbs for one in (verdict.outage_id, *verdict.absorbs)}
    _add_sent_notifications(session, context, {one for one in {outage_id for outage_id,
                                                               _ in new_members} | merging if one})
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


def _new_members(verdicts: Sequence[Verdict], joining: Mapping[str, Sequence[DarkSite]]) -> list[tuple[str, str]]:
    """(outage id, "" for a new one; site id) of every home that becomes a member."""
    found = [(verdict.outage_id or "", home.site_id) for verdict in verdicts for home in verdict.candidate.homes
             if verdict.outage_id is None or home.outage_id != verdict.outage_id]
    return found + [(outage_id, home.site_id) for outage_id, homes in joining.items() for home in homes]


def _add_members(session: Session, context: OutageContext, changed: set[str], new_members: Sequence[tuple[str, str]],
                 absorbed: set[str], now: Instant) -> None:
    whole = {row.id for row in context.outages.values() if row.next_at is not None and row.next_at <= now}
    whole |= absorbed
    rows = [row for some in chunks(sorted(whole)) for row in session.exec(
        select(OutageMember).where(col(OutageMember.outage_id).in_(some)))]
    rows += [row for some in chunks(sorted(changed)) for row in session.exec(select(OutageMember).where(
        col(OutageMember.site_id).in_(some), col(OutageMember.back_at).is_(None)))]
    wanted = [f"{outage_id}/{site}" for outage_id, site in new_members if outage_id]
    rows += [row for some in chunks(sorted(wanted)) for row in session.exec(
        select(OutageMember).where(col(OutageMember.id).in_(some)))]
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


def _add_needy(session: Session, context: OutageContext, new_members: Sequence[tuple[str, str]], changed: set[str],
               profiles: Mapping[str, Profile], now: Instant) -> None:
    """Adds the homes that went dark, as customers are told, where somebody has to be rung first; and those that were to
    be rung, where something has changed."""
    confirmed = {row.id for row in context.outages.values() if row.kind in CUSTOMER_KINDS and row.state in DARK
                 and (row.state is not OutageState.SUSPECTED or (row.next_at is not None and row.next_at <= now))}
    dark = {site for outage_id, site in new_members if outage_id in confirmed}
    dark |= {site for outage_id in confirmed for site, member in context.members.get(outage_id, {}).items()
             if member.back_at is None and context.outages[outage_id].state is OutageState.SUSPECTED}
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


def _add_sent_notifications(session: Session, context: OutageContext, ids: set[str]) -> None:
    for outage_id in sorted(ids):
        for some in chunks(sorted(set(context.customers.values()))):
            notified = context.notified.setdefault(outage_id, {})
            for row in session.exec(select(Notification).where(
                    Notification.subject_id == outage_id, col(Notification.recipient_id).in_(some),
                    Notification.topic == TopicName.OUTAGE).order_by(col(Notification.created_at))):
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
    if sites:
        loads = provider_loads(session, now)
        for some in chunks(sorted(sites)):
            planning.planning_contexts(session, context.draft, (), site_ids=some, provider_loads=loads,
                                       sites=context.sites)
