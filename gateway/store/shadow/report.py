"""Reads what would have gone in the shadow mode: who would have heard what, when, by which channel, and where."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Select
from sqlalchemy import select as columns_of
from sqlmodel import Session, SQLModel, col, select

from gateway.model import (
    Area,
    Attempt,
    AttemptOutcome,
    Callback,
    Customer,
    Device,
    Instant,
    MaintenanceWindow,
    Notification,
    NotificationState,
    Outage,
    Provider,
    Reason,
    Recipient,
    RecipientKind,
    SiteArea,
    SubjectKind,
    Ticket,
)
from gateway.model.row import table_of
from gateway.notifications.topics import TOPICS, TopicName
from gateway.store import outbox
from gateway.store.chunks import chunks

_KEPT = (col(Notification.state) == NotificationState.SHADOW,)
_AT_A_SITE: Mapping[SubjectKind, type[SQLModel]] = {
    SubjectKind.TICKET: Ticket, SubjectKind.CALLBACK: Callback, SubjectKind.DEVICE: Device}
_OF_AN_AREA: Mapping[SubjectKind, type[SQLModel]] = {
    SubjectKind.OUTAGE: Outage, SubjectKind.MAINTENANCE: MaintenanceWindow}


@dataclass(frozen=True)
class ShadowRow:
    """One message that would have gone."""

    at: Instant
    notification_id: str
    recipient: Recipient
    whom: str
    topic: str
    channel: str  # "": nobody could have been reached; `reason` says why
    then: tuple[str, ...]  # the next channels, one after the other, as long as nobody opens it
    areas: tuple[str, ...]  # names of those in which the home lies, or that it is about; in the order of the alphabet
    subject_kind: SubjectKind
    subject_id: str
    reason: Reason | None
    text: str  # the words, without the link


@dataclass
class ShadowReport:
    """What would have gone, oldest first, and how much of it."""

    rows: list[ShadowRow] = field(default_factory=list)

    @property
    def by_topic(self) -> dict[str, int]:
        return _counts(row.topic for row in self.rows)

    @property
    def by_channel(self) -> dict[str, int]:
        """"" counts those who could not have been reached."""
        return _counts(row.channel for row in self.rows)

    @property
    def by_area(self) -> dict[str, int]:
        """A home in two areas counts in both."""
        return _counts(area for row in self.rows for area in row.areas)

    @property
    def tickets(self) -> list[str]:
        """Of which somebody would have heard."""
        return list(dict.fromkeys(row.subject_id for row in self.rows if row.subject_kind is SubjectKind.TICKET))

    @property
    def offers(self) -> int:
        """How often a firm would have been asked."""
        return sum(row.topic == TopicName.OFFER for row in self.rows)


def shadow_report(session: Session, since: Instant, until: Instant, channels: Collection[str] = ()) -> ShadowReport:
    """What would have gone from `since` until `until`; a few queries however much it is. `channels`: that are set up.
    """
    within = (*_KEPT, col(Notification.done_at) >= since, col(Notification.done_at) <= until)
    ids = columns_of(col(Notification.recipient_id)).where(*within)
    names: dict[tuple[RecipientKind, str], str] = {}
    for kind, table in ((RecipientKind.CUSTOMER, Customer), (RecipientKind.PROVIDER, Provider)):
        columns = table_of(table).columns
        for id_, name in session.connection().execute(columns_of(columns.id, columns.name).where(columns.id.in_(ids))):
            names[kind, id_] = name
    areas = _areas(session, columns_of(col(Notification.subject_id)).where(*within))
    report = ShadowReport()
    tried = (table_of(Attempt).columns.notification_id == col(Notification.id)) & (
        table_of(Attempt).columns.outcome == AttemptOutcome.SHADOW)
    found = session.exec(select(Notification, Attempt).join(Attempt, tried, isouter=True).where(
        *within).order_by(col(Notification.done_at), col(Notification.topic), col(Notification.id))).all()
    then = _next_channels(session, found, channels)
    for row, attempt in found:
        report.rows.append(ShadowRow(
            row.done_at or row.created_at, row.id, row.recipient,
            names.get((row.recipient_kind, row.recipient_id), str(row.recipient)), row.topic,
            attempt.channel if attempt is not None else "", then.get(row.id, ()),
            tuple(sorted(areas[row.subject_kind, row.subject_id])),
            row.subject_kind, row.subject_id, row.reason, attempt.said if attempt is not None else ""))
    return report


def _next_channels(session: Session, found: Iterable[tuple[Notification, Attempt | None]], channels: Collection[str]
                   ) -> dict[str, tuple[str, ...]]:
    """Of what goes out on another channel too when nobody opens it → the channels after the first."""
    tried = {row.id: attempt for row, attempt in found if attempt is not None}
    opened = {row.id: row for row, attempt in found if attempt is not None and row.critical
              and row.recipient_kind is RecipientKind.CUSTOMER and row.topic in TOPICS and TOPICS[row.topic].falls_over}
    then = {}
    for some in chunks(opened):
        for key, context in outbox.load_contexts(session, [opened[one] for one in some], channels).items():
            left = [one.channel for one in context.contacts if one.stopped_at is None]
            then[key] = tuple(one for one in dict.fromkeys(left) if one != tried[key].channel)
    return then


def _areas(session: Session, subject_ids: "Select[str]") -> defaultdict[tuple[SubjectKind, str], set[str]]:
    """(kind, id) of what was to be told of → the names of its areas."""
    found: defaultdict[tuple[SubjectKind, str], set[str]] = defaultdict(set)
    area, placed = table_of(Area).columns, table_of(SiteArea).columns
    for kind, table in _AT_A_SITE.items():
        subject = table_of(table).columns
        for id_, name in session.connection().execute(
                columns_of(subject.id, area.name).where(
                    subject.id.in_(subject_ids), placed.site_id == subject.site_id, area.id == placed.area_id)):
            found[kind, id_].add(name)
    for kind, table in _OF_AN_AREA.items():
        subject = table_of(table).columns
        for id_, name in session.connection().execute(columns_of(subject.id, area.name).where(
                subject.id.in_(subject_ids), area.id == subject.area_id)):
            found[kind, id_].add(name)
    return found


def _counts(values: Iterable[str]) -> dict[str, int]:
    """The most frequent first."""
    return dict(sorted(Counter(values).items(), key=lambda one: (-one[1], one[0])))
