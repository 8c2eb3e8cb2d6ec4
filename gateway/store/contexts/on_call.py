"""Loads pages of people on call into a draft: the open ones of a site, those that are due, those of a ticket."""

from collections.abc import Collection

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from gateway.model import Callback, Instant, OnCallPage, SubjectKind, Ticket
from gateway.model.plan import Draft
from gateway.tickets.on_call.pages import Paged

_OPEN = select(OnCallPage).where(  # built once: it is asked for each batch of findings
    col(OnCallPage.site_id).in_(bindparam("sites", expanding=True)), col(OnCallPage.closed_at).is_(None))


def load_open_pages(session: Session, draft: Draft, site_ids: Collection[str]) -> None:
    """The draft holds every open page of these sites afterwards: page_dispatcher finds them there."""
    if site_ids:
        for page in session.exec(_OPEN, params={"sites": list(site_ids)}):
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
    for callback in session.exec(select(Callback).where(col(Callback.id).in_(of[SubjectKind.CALLBACK]))):
        subjects[callback.id] = draft.copy(callback)
    return [(draft.copy(page), subjects[page.subject_id]) for page in pages if page.subject_id in subjects]
