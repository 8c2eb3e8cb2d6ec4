"""Loads what goodwill is decided on: what is over and was not weighed yet, what each home went through, what it got."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import exists, func
from sqlmodel import Session, col, select

from gateway.model import (
    DAY,
    Actor,
    Callback,
    Goodwill,
    GoodwillCase,
    GoodwillKind,
    Instant,
    Job,
    JobTicket,
    Link,
    LinkPurpose,
    Outage,
    OutageMember,
    OutageState,
    Promise,
    PromiseKind,
    PromiseState,
    RecipientKind,
    Site,
    Subject,
    SubjectKind,
    Ticket,
    TicketState,
    User,
)
from gateway.model.plan import Draft
from gateway.outages.context import CUSTOMER_KINDS
from gateway.tickets.goodwill.decide import CaseFacts, HomeHarm, homes_of_outage
from gateway.tickets.goodwill.gestures import HOUSEHOLD_SPAN, Given
from gateway.tickets.goodwill.plan import CaseContext

LOOK_BACK = 90 * DAY  # what is over for longer, and was not weighed, is not weighed any more

_SOMEBODYS = (col(Ticket.outage_id).is_(None), Ticket.state != TicketState.MERGED)


class Over(NamedTuple):
    """Something that is over, and what a message about it is about."""

    case: Subject
    about: Subject


def outages_over(session: Session, since: Instant, limit: int, new_only: bool = True) -> list[Over]:
    """Area outages that were closed since then, the oldest first; `new_only`: those that were not weighed, or of which
    another home has come back."""
    out = (select(func.count()).select_from(OutageMember)
           .where(col(OutageMember.outage_id) == Outage.id, col(OutageMember.back_at).is_(None)).scalar_subquery())
    wanted = select(Outage.id).where(
        col(Outage.kind).in_(CUSTOMER_KINDS), Outage.state == OutageState.CLOSED, col(Outage.closed_at) >= since)
    if new_only:
        weighed = select(GoodwillCase.homes_out).where(GoodwillCase.id == Outage.id).scalar_subquery()
        wanted = wanted.where(weighed.is_(None) | ((weighed > 0) & (weighed != out)))
    ids = session.exec(wanted.order_by(col(Outage.closed_at)).limit(limit))
    return [Over(subject, subject) for one in ids for subject in [Subject(SubjectKind.OUTAGE, one)]]


def broken_promises_over(session: Session, kinds: Collection[PromiseKind], since: Instant, limit: int,
                         new_only: bool = True) -> list[Over]:
    """Jobs and callbacks that are over since then, and of which we broke a promise of these kinds."""
    if not kinds:
        return []
    still_open = exists(select(JobTicket.job_id).join(Ticket, col(Ticket.id) == JobTicket.ticket_id).where(
        col(JobTicket.job_id) == Job.id, col(Ticket.closed_at).is_(None)))
    somebodys = exists(select(JobTicket.job_id).join(Ticket, col(Ticket.id) == JobTicket.ticket_id).where(
        col(JobTicket.job_id) == Job.id, *_SOMEBODYS))
    jobs = _broken(select(Promise.subject_id).join(Job, col(Job.id) == Promise.subject_id), kinds, since, new_only
                   ).where(Promise.subject_kind == SubjectKind.JOB, col(Job.closed_at) >= since, ~still_open,
                           somebodys)
    calls = _broken(select(Promise.subject_id).join(Callback, col(Callback.id) == Promise.subject_id), kinds, since,
                    new_only).where(Promise.subject_kind == SubjectKind.CALLBACK, col(Callback.closed_at) >= since)
    found = []
    for job_id in session.exec(jobs.distinct().limit(limit)).all():
        ticket = ticket_of_job(session, job_id)
        if ticket is not None:
            found.append(Over(Subject(SubjectKind.JOB, job_id), Subject(SubjectKind.TICKET, ticket.id)))
    for call_id in session.exec(calls.distinct().limit(limit)).all():
        subject = Subject(SubjectKind.CALLBACK, call_id)
        found.append(Over(subject, subject))
    return found


def _broken(query: Any, kinds: Collection[PromiseKind], since: Instant, new_only: bool) -> Any:
    query = query.where(
        Promise.state == PromiseState.BROKEN, col(Promise.due_at) >= since - LOOK_BACK, col(Promise.kind).in_(kinds),
        Promise.recipient_kind == RecipientKind.CUSTOMER, Promise.recipient_id != "")
    return query.where(~exists(select(GoodwillCase.id).where(GoodwillCase.id == Promise.subject_id))
                       ) if new_only else query


def ticket_of_job(session: Session, job_id: str) -> Ticket | None:
    """The one whose number people say: the oldest that was not merged into another; an outage's own is nobody's."""
    mine = session.exec(select(Ticket).join(JobTicket, col(JobTicket.ticket_id) == Ticket.id).where(
        JobTicket.job_id == job_id, *_SOMEBODYS)
        .order_by(col(Ticket.opened_at), col(Ticket.id)).limit(1))
    return mine.first()


def case_facts(session: Session, over: Over) -> CaseFacts:
    """What its homes have been through, and what they got for it."""
    rows = session.exec(select(Goodwill).where(Goodwill.case_id == over.case.id)).all()
    before: dict[tuple[str, GoodwillKind], int] = {}
    for row in rows:
        before[row.site_id, row.kind] = before.get((row.site_id, row.kind), 0) + row.cents
    done = frozenset((row.site_id, row.rule) for row in rows)
    if over.case.kind is SubjectKind.OUTAGE:
        outage = session.get_one(Outage, over.case.id)
        members = session.exec(select(OutageMember, Site.household_since).join(
            Site, col(Site.id) == OutageMember.site_id).where(OutageMember.outage_id == outage.id))
        homes, out, unproven = homes_of_outage((member, moved_in or 0) for member, moved_in in members)
        return CaseFacts(over.case, outage.id, homes, outage.name, out, unproven, before, done)
    return CaseFacts(over.case, over.about.id, _homes_promised(session, over.case), before=before, done=done)


def _homes_promised(session: Session, case: Subject) -> list[HomeHarm]:
    """The home that was to be visited, or rung: who was promised the last of it lives there."""
    broken = session.exec(select(Promise).where(
        Promise.subject_id == case.id, Promise.state == PromiseState.BROKEN,
        Promise.recipient_kind == RecipientKind.CUSTOMER, Promise.recipient_id != "")
        .order_by(col(Promise.due_at), col(Promise.id))).all()
    site_id = next((one.site_id for one in broken if one.site_id), None)
    if not broken or site_id is None:
        return []
    whose = broken[-1].recipient_id
    return [HomeHarm(site_id, whose, broken=frozenset(one.kind for one in broken if one.recipient_id == whose))]


def case_context(session: Session, draft: Draft, over: Over, homes: Iterable[tuple[str, str]], now: Instant
                 ) -> CaseContext:
    """`homes`: (customer, site) of whoever may be told. Locks the row of the case: two that decide on it wait for each
    other."""
    row = session.exec(select(GoodwillCase).where(GoodwillCase.id == over.case.id).with_for_update()).first()
    credits = session.exec(select(Goodwill).where(Goodwill.case_id == over.case.id)).all()
    links = session.exec(select(Link).where(
        Link.subject_id == over.about.id, Link.purpose == LinkPurpose.FOLLOW, col(Link.revoked_at).is_(None),
        col(Link.expires_at) > now + DAY).order_by(col(Link.created_at))).all()
    of_site = {link.site_id: link.id for link in links}
    any_of = over.about.kind is not SubjectKind.OUTAGE and links
    pages = {home: links[-1].id if any_of else of_site[home[1]] for home in homes if any_of or home[1] in of_site}
    return CaseContext(draft, over.about, None if row is None else draft.copy(row),
                       [draft.copy(credit) for credit in credits], pages)


def over_of(session: Session, case: GoodwillCase) -> Over:
    about = Subject(SubjectKind.TICKET, case.shown_as) if case.subject_kind is SubjectKind.JOB else case.subject
    return Over(case.subject, about)


def waiting_too_long(session: Session, now: Instant, limit: int = 50) -> list[str]:
    """Ids of cases that nobody has approved in time."""
    return list(session.exec(select(GoodwillCase.id).where(col(GoodwillCase.next_at) <= now)
                             .order_by(col(GoodwillCase.next_at)).limit(limit)))


def given_lately(session: Session, site: Site, who: Actor, now: Instant) -> Given:
    """The gestures that limits count. Locks the agent's row, so that two of their taps wait for each other; the site is
    locked already."""
    session.exec(select(User.id).where(User.id == who.account).with_for_update()).first()
    gestures = select(Goodwill).where(Goodwill.kind == GoodwillKind.GESTURE,
                                      col(Goodwill.created_at) > now - HOUSEHOLD_SPAN)
    return Given(session.exec(gestures.where(Goodwill.account == who.account, Goodwill.given_by == str(who))).all(),
                 session.exec(gestures.where(Goodwill.customer_id == site.customer_id)).all())
