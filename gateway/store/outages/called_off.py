"""Loads the OutageContext of one outage that a person calls off."""

from sqlmodel import Session, col, select

from gateway.detection.device_state import SILENT
from gateway.model import Alarm, Callback, Instant, Notification, Outage, OutageMember
from gateway.model.plan import Draft
from gateway.notifications.topics import TopicName
from gateway.outages.context import OutageContext
from gateway.store.chunks import chunks
from gateway.store.contexts import planning
from gateway.store.contexts.promises import open_promises


def called_off_context(session: Session, draft: Draft, outage: Outage, now: Instant) -> OutageContext:
    """Its homes, what waits because of it, its ticket, and who was, or was about to be, told of it."""
    context = OutageContext(draft, outages={outage.id: draft.copy(outage)})
    members = session.exec(select(OutageMember).where(OutageMember.outage_id == outage.id)).all()
    context.members = {outage.id: {row.site_id: draft.copy(row) for row in members}}
    for some in chunks(sorted(context.members[outage.id])):
        for alarm in session.exec(select(Alarm).where(
                col(Alarm.site_id).in_(some), Alarm.rule == SILENT, col(Alarm.closed_at).is_(None))):
            context.alarms.setdefault(alarm.site_id, []).append(draft.copy(alarm))
    told = session.exec(select(Notification).where(
        Notification.subject_id == outage.id, Notification.topic == TopicName.OUTAGE))
    context.notified = {outage.id: {row.recipient_id: row for row in told}}
    waiting = session.exec(select(Callback.site_id).where(
        Callback.outage_id == outage.id, col(Callback.closed_at).is_(None))).all()
    context.callers = dict.fromkeys(waiting, ())
    planning.planning_contexts(session, draft, (), site_ids=sorted({*waiting, *filter(None, [outage.site_id])}),
                               now=now, sites=context.sites)
    context.promises = {outage.id: [draft.copy(one) for one in open_promises(session, [outage.id])[outage.id]]}
    session.expunge_all()
    return context
