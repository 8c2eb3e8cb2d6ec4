"""Loads what explains an alarm, a ticket, a callback, an outage, a device or an SLA policy."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func, or_, true
from sqlalchemy import select as columns
from sqlmodel import Session, SQLModel, col, select

from gateway.detection import ClaimedDevice, memory
from gateway.explain import (
    AlarmFacts,
    CallbackFacts,
    DeviceFacts,
    NotificationCount,
    OutageFacts,
    SlaPolicyFacts,
    SubjectHistory,
    TicketFacts,
)
from gateway.model import (
    DISPATCHER,
    Alarm,
    Attempt,
    AttemptOutcome,
    ButtonTest,
    Callback,
    Command,
    Contact,
    Customer,
    Device,
    DeviceState,
    Entry,
    EntryKind,
    Goodwill,
    GoodwillCase,
    JobTicket,
    MemberState,
    Notification,
    Offer,
    Outage,
    OutageMember,
    Promise,
    Provider,
    Reading,
    Recipient,
    RecipientKind,
    Site,
    SlaPolicyVersion,
    SuppressedBy,
    Ticket,
    Visit,
    customer,
    provider,
)
from gateway.store.contexts import sla
from gateway.store.contexts.visits import same_trip
from gateway.tickets.sla.policy import from_content

RECENT = 10  # alarms of a device
MOST_NOTIFICATIONS = 200
READINGS = 200  # of a device, among which each signal's newest value is sought
_TO_CUSTOMERS = col(Notification.recipient_kind) == RecipientKind.CUSTOMER  # an outage tells thousands the same
_MESSAGE_ENTRIES = (EntryKind.TOLD, EntryKind.TOLD_TOO, EntryKind.TOLD_TOGETHER, EntryKind.NOT_TOLD,
                    EntryKind.MAYBE_TOLD, EntryKind.COULD_NOT_TELL, EntryKind.WOULD_HAVE_TOLD)


def alarm_facts(session: Session, alarm_id: str) -> AlarmFacts | None:
    """One alarm with all that explains it; None for no such id."""
    alarm = session.get(Alarm, alarm_id)
    if alarm is None:
        return None
    device, site = _where(session, alarm.device_id, alarm.site_id)
    held: Outage | Device | None = None
    if alarm.suppressed_by_kind == SuppressedBy.OUTAGE:
        held = _get(session, Outage, alarm.suppressed_by_id)
    elif alarm.suppressed_by_kind == SuppressedBy.HUB:
        held = _get(session, Device, alarm.suppressed_by_id)
    history = _history(session, alarm.ticket_id or alarm.id)
    if isinstance(held, Outage):
        of_it = notifications_about(session, [held.id],
                                     _TO_CUSTOMERS & (col(Notification.recipient_id) == site.customer_id))
        history.notifications, history.names = of_it.notifications + history.notifications, of_it.names | history.names
        history.lists |= of_it.lists
    return AlarmFacts(alarm, device, site, ticket=_get(session, Ticket, alarm.ticket_id),
                      command=_get(session, Command, alarm.command_id), suppressed_by=held, history=history)


def ticket_facts(session: Session, ticket_id: str) -> TicketFacts | None:
    """One ticket with all that explains it; None for no such id."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        return None
    jobs = select(JobTicket.job_id).where(JobTicket.ticket_id == ticket_id)
    cases = session.exec(select(GoodwillCase).where(or_(
        col(GoodwillCase.id).in_(jobs), col(GoodwillCase.id) == ticket.outage_id)).order_by(col(GoodwillCase.id))).all()
    credits = session.exec(select(Goodwill).where(
        Goodwill.customer_id == ticket.customer_id, Goodwill.site_id == ticket.site_id,
        col(Goodwill.case_id).in_([case.id for case in cases]))
        .order_by(col(Goodwill.created_at), col(Goodwill.id))).all()
    return TicketFacts(
        ticket, _get(session, Device, ticket.device_id), session.get_one(Site, ticket.site_id),
        outage=_get(session, Outage, ticket.outage_id),
        alarms=list(session.exec(select(Alarm).where(Alarm.ticket_id == ticket_id).order_by(col(Alarm.opened_at)))),
        offers=list(session.exec(select(Offer).where(col(Offer.job_id).in_(jobs)).order_by(col(Offer.offered_at)))),
        visits=list(session.exec(select(Visit).where(col(Visit.job_id).in_(jobs)).order_by(col(Visit.created_at)))),
        same_trip=sorted(same_trip(session, [ticket_id]).get(ticket_id, ())),
        promises=promises_about(session, ticket_id, ticket.outage_id, *session.exec(jobs)),
        sla=sla.clocks_with_policies(session, ticket_id), credits=list(credits), goodwill_cases=list(cases),
        history=_history(session, ticket_id))


def sla_policy_facts(session: Session, policy_id: str) -> SlaPolicyFacts | None:
    """One version of an SLA policy with all that explains it; None for no such id."""
    row = session.get(SlaPolicyVersion, policy_id)
    return None if row is None else SlaPolicyFacts(from_content(row.content), row.first_loaded_at)


def callback_facts(session: Session, callback_id: str) -> CallbackFacts | None:
    """One callback with all that explains it; None for no such id."""
    callback = session.get(Callback, callback_id)
    if callback is None:
        return None
    device, site = _get(session, Device, callback.device_id), session.get_one(Site, callback.site_id)
    return CallbackFacts(callback, device, site, promises_about(session, callback_id), _history(session, callback_id))


def outage_facts(session: Session, outage_id: str) -> OutageFacts | None:
    """One outage with all that explains it; None for no such id."""
    outage = session.get(Outage, outage_id)
    if outage is None:
        return None
    states = select(OutageMember.state, func.count()).where(OutageMember.outage_id == outage_id)
    homes = select(Site.id, Site.name, Site.timezone).join(OutageMember, col(OutageMember.site_id) == Site.id).where(
        OutageMember.outage_id == outage_id)
    nested = session.exec(homes.where(OutageMember.state == MemberState.NESTED).order_by(Site.name).limit(RECENT)).all()
    first = session.exec(homes.limit(1)).first()
    held = select(Alarm.site_id, Alarm.ticket_id, Alarm.closed_at).where(Alarm.suppressed_by_id == outage_id)
    alarms = session.exec(held).all()
    own = {site: ticket for site, ticket, _ in alarms if ticket is not None}
    return OutageFacts(
        outage, zone=first[2] if first is not None else "UTC", ticket=_get(session, Ticket, outage.ticket_id),
        members={MemberState(state): homes for state, homes in session.exec(states.group_by(OutageMember.state))},
        nested=[f"{name} ({own[site]})" if site in own else name for site, name, _ in nested],
        alarms=(sum(ticket is None and closed is None for _, ticket, closed in alarms),
                sum(ticket is None and closed is not None for _, ticket, closed in alarms),
                sum(ticket is not None for _, ticket, _ in alarms)),
        notification_counts=_notification_counts(session, outage_id),
        promises=promises_about(session, outage_id),
        history=_history(session, outage_id, outage.ticket_id, customers=False))


def _notification_counts(session: Session, outage_id: str) -> list[NotificationCount]:
    done = func.coalesce(col(Notification.done_at), col(Notification.created_at))
    fared = col(Notification.topic), col(Notification.state), col(Notification.reason)
    groups = session.connection().execute(
        columns(*fared, func.count(), func.min(done), func.max(done))
        .where(col(Notification.subject_id) == outage_id, _TO_CUSTOMERS).group_by(*fared))
    return sorted((NotificationCount(*row) for row in groups), key=lambda one: (one.first, one.topic, one.state))


def device_facts(session: Session, device_id: str) -> DeviceFacts | None:
    """One device with all that explains it; None for no such id."""
    device = session.get(Device, device_id)
    if device is None:
        return None
    state = session.get(DeviceState, device_id)
    known = ClaimedDevice(device.id, device.key, device.profile)
    if state is not None:
        known.link, known.link_at, known.seen_at = state.link, state.link_at, state.seen_at
        known.data_at, known.due_at = state.data_at, state.due_at
        known.signals = orjson.loads(state.signals)
        known.memory, known.history = memory.loads(state.memory)
    alarms = session.exec(select(Alarm).where(Alarm.device_id == device_id).order_by(col(Alarm.opened_at).desc())
                          .limit(RECENT))
    tests = session.exec(select(ButtonTest).where(ButtonTest.device_id == device_id)
                         .order_by(col(ButtonTest.planned_for).desc()).limit(RECENT))
    outage = session.exec(select(Outage).join(OutageMember, col(OutageMember.outage_id) == Outage.id)
                          .where(OutageMember.site_id == device.site_id, col(OutageMember.back_at).is_(None),
                                 col(Outage.closed_at).is_(None))
                          .order_by(col(Outage.began_at).desc())).first()
    readings = session.exec(select(Reading.at, Reading.signals).where(Reading.device_id == device_id)
                            .order_by(col(Reading.at).desc(), col(Reading.seq).desc()).limit(READINGS))
    return DeviceFacts(device, _where(session, device.id, device.site_id)[1], known,
                       via=_get(session, Device, device.via), outage=outage,
                       readings=[(at, orjson.loads(signals)) for at, signals in readings], alarms=list(alarms),
                       tests=list(tests))


def _where(session: Session, device_id: str, site_id: str) -> tuple[Device, Site]:
    return session.get_one(Device, device_id), session.get_one(Site, site_id)


def promises_about(session: Session, *subject_ids: str | None) -> list[Promise]:
    about = [subject_id for subject_id in subject_ids if subject_id is not None]
    return list(session.exec(select(Promise).where(col(Promise.subject_id).in_(about)).order_by(
        col(Promise.made_at), col(Promise.due_at))))


def _history(session: Session, *subject_ids: str | None, customers: bool = True) -> SubjectHistory:
    """The notifications and timeline entries about these subjects. `customers=False`: without notifications to
    customers and the entries about single messages."""
    subjects = [one for one in subject_ids if one is not None]
    history = notifications_about(session, subjects, true() if customers else ~_TO_CUSTOMERS)
    lines = select(Entry).where(col(Entry.subject_id).in_(subjects)).order_by(col(Entry.id))
    if not customers:
        lines = lines.where(col(Entry.kind).not_in(_MESSAGE_ENTRIES))
    history.entries = list(session.exec(lines))
    return history


def notifications_about(session: Session, subjects: list[str], to: ColumnElement[bool]) -> SubjectHistory:
    """Those of these subjects, oldest first."""
    return history_of(session, session.exec(
        select(Notification).where(col(Notification.subject_id).in_(subjects), to)
        .order_by(col(Notification.created_at), col(Notification.id)).limit(MOST_NOTIFICATIONS)).all())


def history_of(session: Session, notes: Sequence[Notification]) -> SubjectHistory:
    """With the tries at each, and the contacts and names in them."""
    tries: dict[str, list[Attempt]] = {}
    for attempt in session.exec(select(Attempt).where(col(Attempt.notification_id).in_([row.id for row in notes]))
                                .order_by(col(Attempt.started_at))):
        tries.setdefault(attempt.notification_id, []).append(attempt)
    lists = session.exec(select(Notification).where(col(Notification.id).in_({row.list_id for row in notes} - {None})))
    return SubjectHistory([(row, tries.get(row.id, [])) for row in notes], names=names_of(session, notes),
                          lists={row.id: row for row in lists}, contacts=_contacts(session, tries.values()),
                          together=_together(session, tries.values()))


def _together(session: Session, tries: Iterable[list[Attempt]]) -> dict[str, dict[str, str]]:
    """What went out as one message: the first of its notifications → each of them and its topic, in their order."""
    ids = {one.bundle_id for some in tries for one in some} - {None}
    together: dict[str, dict[str, str]] = {}
    if ids:
        for bundle_id, notification_id, topic in session.exec(
                select(Attempt.bundle_id, Attempt.notification_id, Notification.topic)
                .join(Notification, col(Notification.id) == Attempt.notification_id)
                .where(col(Attempt.bundle_id).in_(ids), Attempt.outcome == AttemptOutcome.SENT)
                .order_by(col(Notification.created_at), col(Notification.id))):
            together.setdefault(bundle_id or "", {})[notification_id] = topic
    return together


def _contacts(session: Session, tries: Iterable[list[Attempt]]) -> dict[str, Contact]:
    ids = {one.contact_id for some in tries for one in some}
    return {row.id: row for row in session.exec(select(Contact).where(col(Contact.id).in_(ids)))}


def names_of(session: Session, notes: Iterable[Notification]) -> dict[str | Recipient, str]:
    """Recipient, or a provider's id → name."""
    names: dict[str | Recipient, str] = {DISPATCHER: "the dispatcher"}
    names |= {row.recipient: f"number {row.recipient_id} of service.emergency" for row in notes
              if row.recipient_kind == RecipientKind.EMERGENCY}
    names |= {row.recipient: str(row.facts.get("reader") or row.recipient_id) for row in notes
              if row.recipient_kind == RecipientKind.ON_CALL}
    customers = {row.recipient_id for row in notes if row.recipient_kind == RecipientKind.CUSTOMER}
    for one in session.exec(select(Customer).where(col(Customer.id).in_(customers))):
        names[customer(one.id)] = one.name
    for firm in session.exec(select(Provider)):
        names[firm.id] = names[provider(firm.id)] = firm.name
    return names


def _get(session: Session, table: type[SQLModel], row_id: str | None) -> Any:
    return None if row_id is None else session.get(table, row_id)
