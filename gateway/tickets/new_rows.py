"""Creates the rows that every planner writes: timeline entries, notifications, links."""

from typing import Any

from gateway.model import (
    DAY,
    GATEWAY,
    Actor,
    Alarm,
    Callback,
    Device,
    Entry,
    Instant,
    Job,
    Link,
    LinkPurpose,
    MaintenanceWindow,
    Notification,
    Offer,
    Outage,
    Promise,
    Reason,
    Recipient,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.entries import PARAMETERS, EntryKind
from gateway.model.row import kind_of, unwatched
from gateway.notifications.compose import compose
from gateway.notifications.topics import TopicName
from gateway.tickets.context import Policy, SiteWork
from gateway.tickets.promises import PromisedTime, make_promise

FOLLOW_FOR = 90 * DAY  # a customer's page lives while the ticket does; this is only the outer bound


SubjectRow = Ticket | Callback | Outage | Alarm | MaintenanceWindow | Device | Subject
_KINDS: dict[type[Any], SubjectKind] = {
    Ticket: SubjectKind.TICKET, Callback: SubjectKind.CALLBACK, Outage: SubjectKind.OUTAGE, Alarm: SubjectKind.ALARM,
    MaintenanceWindow: SubjectKind.MAINTENANCE, Offer: SubjectKind.OFFER, Visit: SubjectKind.VISIT,
    Job: SubjectKind.JOB, Device: SubjectKind.DEVICE,
}


def subject_of(row: SubjectRow | Offer | Visit | Job) -> Subject:
    """What an entry, a message or a link about this row is about."""
    return row if isinstance(row, Subject) else Subject(_KINDS[kind_of(row)], row.id)


def entry(row: SubjectRow, at: Instant, kind: EntryKind, *, who: Actor = GATEWAY,
          evidence: dict[str, Any] | None = None, **parameters: Any) -> Entry:
    """A line in the timeline of `row`. `parameters`: those of PARAMETERS[kind]; TypeError for others."""
    if parameters.keys() != set(PARAMETERS.get(kind, ())):
        raise TypeError(f"{kind} has the parameters {PARAMETERS.get(kind, ())}, not {tuple(parameters)}")
    stored = {name: value.stored() if isinstance(value, Reason) else value for name, value in parameters.items()}
    subject = subject_of(row)
    return unwatched(Entry, subject_kind=subject.kind, subject_id=subject.id, at=at, kind=kind, parameters=stored,
                     by_kind=who.kind, by_name=who.name, evidence=evidence or {})


def add_entries(of: Job | Visit, work: SiteWork, at: Instant, kind: EntryKind, *, who: Actor = GATEWAY,
                evidence: dict[str, Any] | None = None, **parameters: Any) -> None:
    """A line, as of `entry`, in the timeline of each ticket that the job, or the visit, is to settle."""
    job = of if isinstance(of, Job) else work.jobs[of.job_id]
    work.draft.add(*(entry(ticket, at, kind, who=who, evidence=evidence, **parameters)
                     for ticket in work.tickets_of(job)))


def link(policy: Policy, purpose: LinkPurpose, opens: SubjectRow | Offer | Visit, now: Instant, until: Instant,
         site_id: str = "") -> Link:
    """`site_id`: of an outage: whose home it shows."""
    subject = subject_of(opens)
    return unwatched(Link, id=policy.new_id("L"), purpose=purpose, subject_kind=subject.kind, subject_id=subject.id,
                     site_id=site_id, created_at=now, expires_at=until)


def show_time(time: PromisedTime, work: SiteWork, policy: Policy, now: Instant, corrects: Promise | None = None
              ) -> None:
    """The customer's page, or their device, shows this time from now on: it is promised."""
    make_promise(time, work.promises.setdefault(time.subject.id, []), work.draft, policy.new_id, now, shown=True,
                 corrects=corrects)


def notify(policy: Policy, to: Recipient, topic: TopicName, subject: SubjectRow, occurrence: str | int, now: Instant, *,
           facts: dict[str, Any], link_id: str | None = None, heard_at: Instant | None = None) -> Notification:
    """An outbox row: due at once; decide.py decides whether, when and where it really goes."""
    severity = subject.severity if isinstance(subject, Ticket) else ""
    return compose(policy.new_id("N"), to, topic, subject_of(subject), occurrence, now, facts=facts, severity=severity,
                   call_for_help=isinstance(subject, Callback) and subject.emergency, link_id=link_id,
                   heard_at=heard_at)
