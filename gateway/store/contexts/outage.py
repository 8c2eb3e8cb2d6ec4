"""Loads the OutageContext: the outages, homes, alarms and tickets that one run of watch may change."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from gateway.detection.device_state import SILENT
from gateway.model import Alarm, Instant, Notification, Outage, OutageMember, OutageState, Site, Ticket
from gateway.model.plan import Draft
from gateway.notifications.topics import TopicName
from gateway.outages import DarkSite, Verdict
from gateway.outages.context import OutageContext
from gateway.store.chunks import chunks
from gateway.store.contexts import outage_scan, planning
from gateway.store.contexts.areas import Detectable
from gateway.store.contexts.outage_scan import NewLoss
from gateway.tickets.lifecycle import UNASSIGNED


def outage_context(session: Session, draft: Draft, looked_at: Sequence[NewLoss], verdicts: Sequence[Verdict],
          joining: Mapping[str, Sequence[DarkSite]], missed: Detectable, now: Instant) -> OutageContext:
    """Everything for plan_watch except `still_dark`, made of copies of `draft`."""
    changed = {row.site_id for row in looked_at if row.ended_at is not None}
    made = OutageContext(draft, proofs=outage_scan.proofs(session, changed, missed))
    made.outages = {row.id: draft.copy(row) for row in session.exec(
        select(Outage).where(col(Outage.closed_at).is_(None), col(Outage.key).not_in(outage_scan.OURSELVES)))}
    coming = _coming(verdicts, joining)
    _add_members(session, made, changed, coming, {one for verdict in verdicts for one in verdict.absorbs}, now)
    sites = {site for _, site in coming} | {site for members in made.members.values() for site in members}
    for some in chunks(sorted(sites)):
        made.customers |= dict(session.exec(select(Site.id, Site.customer_id).where(col(Site.id).in_(some))).all())
        for alarm in session.exec(select(Alarm).where(col(Alarm.site_id).in_(some), Alarm.rule == SILENT,
                                                      col(Alarm.closed_at).is_(None))):
            made.alarms.setdefault(alarm.site_id, []).append(draft.copy(alarm))
    merging = {one for verdict in verdicts if verdict.absorbs for one in (verdict.outage_id, *verdict.absorbs)}
    _add_told(session, made, {one for one in {outage_id for outage_id, _ in coming} | merging if one})
    _add_facts(session, made)
    deciding = [row for row in made.outages.values() if row.state in (OutageState.SUSPECTED, OutageState.CONFIRMED)
                and row.next_at is not None and row.next_at <= now]
    for row in deciding:
        made.earlier_durations[row.id] = outage_scan.earlier_durations(session, row.area_id, row.kind)
    if deciding:
        made.live, made.others_heard_at = outage_scan.heard(session, missed)
    session.expunge_all()  # the plan is written behind the session's back: who asks again reads again
    return made


def _coming(verdicts: Sequence[Verdict], joining: Mapping[str, Sequence[DarkSite]]) -> list[tuple[str, str]]:
    """(outage, or "" for a new one; site) of every home that is not in it yet."""
    found = [(verdict.outage_id or "", home.site_id) for verdict in verdicts for home in verdict.candidate.homes
             if verdict.outage_id is None or home.outage_id != verdict.outage_id]
    return found + [(outage_id, home.site_id) for outage_id, homes in joining.items() for home in homes]


def _add_members(session: Session, made: OutageContext, changed: set[str], coming: Sequence[tuple[str, str]],
                 absorbed: set[str], now: Instant) -> None:
    whole = {row.id for row in made.outages.values() if row.next_at is not None and row.next_at <= now}
    whole |= absorbed
    rows = [row for some in chunks(sorted(whole)) for row in session.exec(
        select(OutageMember).where(col(OutageMember.outage_id).in_(some)))]
    rows += [row for some in chunks(sorted(changed)) for row in session.exec(select(OutageMember).where(
        col(OutageMember.site_id).in_(some), col(OutageMember.back_at).is_(None)))]
    wanted = [f"{outage_id}/{site}" for outage_id, site in coming if outage_id]
    rows += [row for some in chunks(sorted(wanted)) for row in session.exec(
        select(OutageMember).where(col(OutageMember.id).in_(some)))]
    for row in rows:
        made.members.setdefault(row.outage_id, {})[row.site_id] = made.draft.copy(row)
    missing = made.members.keys() - made.outages.keys()
    for some in chunks(sorted(missing)):
        made.outages |= {row.id: made.draft.copy(row)
                         for row in session.exec(select(Outage).where(col(Outage.id).in_(some)))}


def _add_told(session: Session, made: OutageContext, ids: set[str]) -> None:
    for outage_id in sorted(ids):
        for some in chunks(sorted(set(made.customers.values()))):
            for row in session.exec(select(Notification).where(
                    Notification.subject_id == outage_id, col(Notification.recipient_id).in_(some),
                    Notification.topic == TopicName.OUTAGE).order_by(col(Notification.created_at))):
                made.notified.setdefault(outage_id, {})[row.recipient_id] = made.draft.copy(row)


def _add_facts(session: Session, made: OutageContext) -> None:
    """Situations of the devices whose tickets may be opened, resolved or cancelled."""
    devices = {row.device_id for row in made.outages.values() if row.device_id is not None and row.closed_at is None}
    tickets = {alarm.ticket_id: alarm.device_id for alarms in made.alarms.values() for alarm in alarms
               if alarm.ticket_id is not None}
    for some in chunks(sorted(tickets)):
        devices |= set(session.exec(select(Ticket.device_id).where(
            col(Ticket.id).in_(some), col(Ticket.state).in_(UNASSIGNED))))
    if devices:
        provider_loads = planning.provider_loads(session)
        for some in chunks(sorted(devices)):
            made.planning_contexts |= planning.planning_contexts(
                session, made.draft, some, provider_loads=provider_loads)
