"""Pages of people on call: loaded into a draft (open at a site, due), and what a message about one needs."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import bindparam
from sqlmodel import Session, col, select, update

from gateway.model import (
    Callback,
    Instant,
    Link,
    LinkPurpose,
    Notification,
    OnCallPage,
    PageState,
    RecipientKind,
    SubjectKind,
    Ticket,
    new_id,
)
from gateway.model.plan import Draft
from gateway.notifications.topics import TOPICS
from gateway.store.contexts.sla import add_clocks
from gateway.store.plain_rows import rows_where, write_alike
from gateway.tickets.new_rows import FOLLOW_FOR
from gateway.tickets.on_call.ladder import ACKNOWLEDGED_FOR
from gateway.tickets.on_call.pages import Paged

_OPEN = col(OnCallPage.closed_at).is_(None)
_ABOUT = select(OnCallPage).where(
    col(OnCallPage.subject_id).in_(bindparam("subjects", expanding=True)), col(OnCallPage.closed_at).is_(None))


def load_open_pages(session: Session, draft: Draft, site_ids: Collection[str]) -> None:
    """The draft holds every open page of these sites afterwards: page_dispatcher finds them there."""
    for page in rows_where(session, OnCallPage, OnCallPage.site_id, site_ids, _OPEN):
        draft.copy(page)


def due_pages(session: Session, draft: Draft, now: Instant, limit: int = 50) -> list[tuple[OnCallPage, Paged]]:
    """Locks the pages whose next person is due, or whose acknowledgement has lapsed, each with what it is about; all of
    them copies of the draft."""
    pages = session.exec(select(OnCallPage).where(col(OnCallPage.next_at) <= now).order_by(col(OnCallPage.next_at))
                         .limit(limit).with_for_update(skip_locked=True)).all()
    of = {kind: [page.subject_id for page in pages if page.subject_kind is kind] for kind in SubjectKind}
    subjects: dict[str, Paged] = {}
    for ticket in session.exec(select(Ticket).where(col(Ticket.id).in_(of[SubjectKind.TICKET]))):
        subjects[ticket.id] = draft.copy(ticket)
    add_clocks(session, draft, of[SubjectKind.TICKET])  # by which a missed target is known to be met by now
    for callback in session.exec(select(Callback).where(col(Callback.id).in_(of[SubjectKind.CALLBACK]))):
        subjects[callback.id] = draft.copy(callback)
    return [(draft.copy(page), subjects[page.subject_id]) for page in pages if page.subject_id in subjects]


def pages_about(session: Session, notifications: Sequence[Notification]) -> defaultdict[str, list[OnCallPage]]:
    """Ticket or callback → the open pages about it, asked only where a message is one."""
    found: defaultdict[str, list[OnCallPage]] = defaultdict(list)
    paged = {row.subject_id for row in notifications if row.topic in TOPICS and "role" in row.facts}
    if paged:
        for page in session.exec(_ABOUT, params={"subjects": list(paged)}):
            found[page.subject_id].append(page)
    return found


def page_next_now(session: Session, missed: Sequence[Notification], now: Instant) -> None:
    """Pages that could not be told to whoever was asked last: the next person need not be waited for."""
    for row in missed:
        session.connection().execute(update(OnCallPage).where(
            col(OnCallPage.subject_id) == row.subject_id, col(OnCallPage.role) == row.facts.get("role"),
            col(OnCallPage.turn) == row.facts.get("turn"), col(OnCallPage.state) == PageState.PAGING,
        ).values(next_at=now))


def wait_in_shadow(session: Session, kept: Sequence[Notification], now: Instant) -> None:
    """Pages that did not leave the house, which nobody can acknowledge: they are looked at again after as long as an
    acknowledgement holds, instead of every few minutes."""
    for row in kept:
        session.connection().execute(update(OnCallPage).where(
            col(OnCallPage.subject_id) == row.subject_id, col(OnCallPage.role) == row.facts.get("role"),
            col(OnCallPage.turn) == row.facts.get("turn"), col(OnCallPage.state) == PageState.PAGING,
        ).values(next_at=now + ACKNOWLEDGED_FOR))


def link_to_dispatch_page(session: Session, rows: Sequence[Notification], now: Instant) -> None:
    """What the operator's own people read about a ticket or callback leads to its page: one link for each of them, made
    when it is first needed."""
    have_a_page = (SubjectKind.TICKET, SubjectKind.CALLBACK)
    bare = [row for row in rows if row.link_id is None and row.subject_kind in have_a_page
            and row.topic in TOPICS and TOPICS[row.topic].link is LinkPurpose.DISPATCH]
    if not bare:
        return
    known = {(link.subject_id, link.person): link.id for link in session.exec(select(Link).where(
        col(Link.subject_id).in_({row.subject_id for row in bare}), Link.purpose == LinkPurpose.DISPATCH,
        col(Link.revoked_at).is_(None), col(Link.expires_at) > now))}
    for row in bare:
        person = row.recipient_id if row.recipient_kind == RecipientKind.ON_CALL else ""
        if (row.subject_id, person) not in known:
            link = Link(id=new_id("L"), purpose=LinkPurpose.DISPATCH, subject_kind=row.subject_kind,
                        subject_id=row.subject_id, person=person, created_at=now, expires_at=now + FOLLOW_FOR)
            session.add(link)
            known[row.subject_id, person] = link.id
        row.link_id = known[row.subject_id, person]
    session.flush()
    for row in bare:
        write_alike(session, [row], ("link_id",))
