"""Corrects stored times after the gateway's clock was set: deadlines move with it, none lies in the future."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, or_, update
from sqlmodel import Session, SQLModel, col, select

from gateway.detection import memory
from gateway.detection.clock_jumps import set_clock, set_history
from gateway.model import (
    MINUTE,
    SECOND,
    Alarm,
    ApiKey,
    Attempt,
    Audit,
    BulkResult,
    ButtonTest,
    Callback,
    ChannelUse,
    Command,
    CommandState,
    Contact,
    ContactCheck,
    Credential,
    DeadLetter,
    Device,
    DeviceState,
    Due,
    DueKind,
    Entry,
    FormDraft,
    Goodwill,
    GoodwillCase,
    Instant,
    Job,
    Link,
    Listener,
    Loss,
    MaintenanceWindow,
    Notification,
    NotificationState,
    Offer,
    OnCallPage,
    OpenPage,
    Outage,
    OutageMember,
    PendingAct,
    Person,
    PersonSite,
    Photo,
    PinTries,
    Portrait,
    Preference,
    PressRecord,
    Promise,
    Provider,
    Reading,
    RecoveryCode,
    Route,
    SavedAnswer,
    SavedView,
    SentAct,
    SentForm,
    SentTest,
    Signature,
    SignInFlow,
    Site,
    SlaClock,
    SlaPolicyVersion,
    Survey,
    Technician,
    Ticket,
    Unclaimed,
    User,
    Visit,
    WebSession,
)
from gateway.store.contexts import outage_scan

AHEAD = 2 * SECOND  # two processes of one machine read the clock one after the other
SAME_JUMP = MINUTE  # two that see one jump see it within this
_Column = tuple[type[SQLModel], str]

# Deadlines that count from a moment. Not moved: times that a person was given (a callback's promised_by, an arrival
# window), and what goes by the time of day (planned work, the end of a night: see `shift_deadlines`).
DEADLINES: tuple[_Column, ...] = (
    (DeviceState, "due_at"), (Offer, "expires_at"), (Due, "at"), (Alarm, "try_until"),
    (Alarm, "suppressed_until"), (SlaClock, "running_since"), (SlaClock, "due_at"), (SlaClock, "warn_at"),
    (Notification, "due_at"), (Notification, "open_by"), (Outage, "next_at"), (Command, "expires_at"),
    (OnCallPage, "next_at"), (Callback, "claimed_until"), (PinTries, "locked_until"),
    (User, "blocked_until"), (ChannelUse, "spent_until"), (ChannelUse, "queue_until"), (GoodwillCase, "next_at"),
    (PendingAct, "due_at"),
)
AS_TOLD = (DueKind.START_TRAVEL, DueKind.WINDOW_ENDING, DueKind.WINDOW_END, DueKind.ETA_OVERDUE, DueKind.HOLD_UNTIL,
           DueKind.CALL_BY, DueKind.TEST_ASK, DueKind.TEST_ANSWER)
# These deadlines stand by times that a person was given
_STILL_OPEN: dict[type[SQLModel], Any] = {
    PendingAct: col(PendingAct.closed_at).is_(None),
    Offer: col(Offer.closed_at).is_(None), Command: col(Command.state) == CommandState.QUEUED,
    Due: col(Due.kind).not_in(AS_TOLD)}

# Times of what has happened, which are compared with now or with each other.
PAST_TIMES: tuple[_Column, ...] = (
    (DeviceState, "link_at"), (DeviceState, "seen_at"), (DeviceState, "data_at"),
    (Listener, "since"), (Listener, "beat_at"),
    (Alarm, "opened_at"), (Alarm, "known_at"), (Alarm, "cleared_at"), (Alarm, "closed_at"),
    (Alarm, "acknowledged_at"), (Alarm, "declined_at"), (Ticket, "price_answered_at"),
    (Survey, "asked_at"), (Survey, "answered_at"),
    (Ticket, "opened_at"), (Ticket, "resolved_at"), (Ticket, "closed_at"), (Job, "opened_at"), (Job, "closed_at"),
    (SlaClock, "warned_at"), (SlaClock, "missed_at"), (SlaClock, "ended_at"),
    (Offer, "offered_at"), (Offer, "closed_at"),
    (Visit, "created_at"), (Visit, "en_route_at"), (Visit, "on_site_at"), (Visit, "done_at"),
    (Visit, "handed_back_at"), (Visit, "called_at"), (Visit, "contested_at"), (Visit, "early_ok_at"),
    (Visit, "moved_at"), (Visit, "reported_at"),
    (Callback, "requested_at"), (Callback, "overdue_told_at"), (Callback, "closed_at"),
    (Loss, "died_at"), (Loss, "ended_at"), (Loss, "loss_count_at"),
    (Outage, "began_at"), (Outage, "last_at"), (Outage, "suspected_at"), (Outage, "confirmed_at"),
    (Outage, "restoring_at"), (Outage, "restored_at"), (Outage, "closed_at"),
    (OutageMember, "died_at"), (OutageMember, "joined_at"), (OutageMember, "back_at"), (OutageMember, "reported_at"),
    (Notification, "created_at"), (Notification, "heard_at"), (Notification, "done_at"), (Notification, "retried_at"),
    (Notification, "opened_at"),
    (Attempt, "started_at"), (Attempt, "finished_at"), (Attempt, "delivered_at"), (Entry, "at"),
    (Site, "household_since"), (Site, "household_left_at"), (PressRecord, "at"), (PressRecord, "received_at"),
    (DeadLetter, "received_at"),
    (Unclaimed, "first_seen_at"), (Unclaimed, "last_seen_at"), (Command, "created_at"), (Command, "sent_at"),
    (Command, "acknowledged_at"),
    (ButtonTest, "asked_at"), (ButtonTest, "reminded_at"), (ButtonTest, "passed_before"), (ButtonTest, "closed_at"),
    (OnCallPage, "opened_at"), (OnCallPage, "told_at"), (OnCallPage, "acknowledged_at"), (OnCallPage, "closed_at"),
    (OpenPage, "at"), (FormDraft, "at"), (SentForm, "at"), (SentAct, "at"), (SentTest, "at"), (BulkResult, "at"),
    (Photo, "created_at"), (Portrait, "created_at"), (Signature, "created_at"),
    (Goodwill, "created_at"), (Goodwill, "given_at"),
    (GoodwillCase, "looked_at"), (GoodwillCase, "waits_since"), (GoodwillCase, "decided_at"),
    (PendingAct, "asked_at"), (PendingAct, "closed_at"), (ContactCheck, "asked_at"), (ContactCheck, "done_at"),
)
NOT_MOVED: tuple[_Column, ...] = (
    (SignInFlow, "ends_at"),
    (ButtonTest, "planned_for"), (ButtonTest, "answer_by"),
    (Callback, "promised_by"), (Callback, "ring_from"), (Promise, "made_at"), (Promise, "shown_at"),
    (Promise, "from_at"), (Promise, "due_at"), (Promise, "watch_at"), (Promise, "settled_at"),
    (Visit, "window_from"), (Visit, "window_until"), (Visit, "eta"), (Visit, "expected_at"),
    (PendingAct, "window_from"), (PendingAct, "window_until"), (Outage, "etr_at"),
    # a person was given these
    (MaintenanceWindow, "from_at"), (MaintenanceWindow, "until_at"), (MaintenanceWindow, "created_at"),
    (Job, "hold_until"), (MaintenanceWindow, "announced_at"), (MaintenanceWindow, "next_at"),  # by the hours of the day
    (Link, "created_at"), (Link, "expires_at"), (Link, "revoked_at"), (ApiKey, "created_at"), (ApiKey, "revoked_at"),
    (Survey, "expires_at"), (SlaPolicyVersion, "first_loaded_at"),
    (User, "created_at"), (User, "disabled_at"), (RecoveryCode, "used_at"), (Audit, "at"),
    (WebSession, "created_at"), (WebSession, "seen_at"), (WebSession, "proved_at"), (WebSession, "ends_at"),
    (WebSession, "revoked_at"),  # at worst somebody signs in once more
    (SavedView, "created_at"), (SavedAnswer, "saved_at"), (SavedAnswer, "withdrawn_at"),
    (Person, "left_at"), (PersonSite, "left_at"),
    (Contact, "stopped_at"), (Contact, "consent_at"), (Preference, "stopped_at"), (Preference, "changed_at"),
    (Preference, "well_at"),  # by the hours of the day
    (Device, "retired_at"), (Provider, "removed_at"), (Technician, "ended_at"),
    (Credential, "made_at"),
    # only whether they are set matters, or days
    (Reading, "at"), (Reading, "received_at"),  # their devices' own
    (Route, "changed_at"),  # a number that only grows, whatever the clocks say: see store/devices/announced_topics.py
)
CLAMPED_OFTEN: tuple[_Column, ...] = PAST_TIMES[:5]  # small tables, and the ones by which silence is judged


def shift_deadlines(session: Session, by: int, now: Instant) -> bool:
    """After our clock was set `by` ms ahead (below 0: back) to `now`: moves every deadline by that much, and clamps
    times in the future.

    Returns False, and does nothing, when another process of this machine has dealt with this jump already.
    """
    outage_scan.lock_watch(session)
    near = select(Outage.evidence).where(col(Outage.key) == "!clock", col(Outage.began_at).between(
        now - SAME_JUMP, now + SAME_JUMP))
    if any(abs(why.get("jumped_ms", 0) - by) <= SAME_JUMP for why in session.exec(near)):
        return False
    connection = session.connection()
    for table, name in DEADLINES:
        column = _of(table, name)
        waits = column.is_not(None) & _STILL_OPEN[table] if table in _STILL_OPEN else column.is_not(None)
        moved = {name: column + by}
        if table is DeviceState:
            moved["version"] = col(DeviceState.version) + 1
        connection.execute(update(table).where(waits).values(moved))
    connection.execute(update(Notification).where(col(Notification.state) == NotificationState.HELD).values(due_at=now))
    _correct_memories(session, by, now, select(DeviceState.device_id, DeviceState.memory).where(
        DeviceState.memory != memory.NOTHING))
    clamp_future_times(session, now)
    return True


def clamp_future_times(session: Session, now: Instant, columns: Iterable[_Column] = PAST_TIMES) -> None:
    """Sets times that lie in the future, written while our clock was ahead, to `now`; such devices become due."""
    ahead = or_(*(_of(DeviceState, name) > now + AHEAD for name in ("link_at", "seen_at", "data_at")))
    if session.exec(select(DeviceState.device_id).where(ahead).limit(1)).first() is not None:
        _correct_memories(session, 0, now, select(DeviceState.device_id, DeviceState.memory).where(
            ahead, DeviceState.memory != memory.NOTHING))
        session.connection().execute(update(DeviceState).where(ahead).values(
            due_at=now, version=DeviceState.version + 1))
    for table, name in columns:
        column = _of(table, name)
        session.connection().execute(update(table).where(column > now + AHEAD).values({name: now}))


def _correct_memories(session: Session, by: int, now: Instant, found: Any) -> None:
    changed = []
    for device_id, text in session.exec(found):
        remembered, history = memory.loads(text)
        moved = set_clock(remembered, by, now), set_history(history, by, now)
        if moved != (remembered, history):
            changed.append({"device": device_id, "text": memory.dumps(*moved)})
    if changed:
        one = col(DeviceState.device_id) == bindparam("device")
        session.connection().execute(update(DeviceState).where(one).values(
            memory=bindparam("text"), version=DeviceState.version + 1), changed)


def _of(table: type[SQLModel], name: str) -> Any:
    return col(getattr(table, name))
