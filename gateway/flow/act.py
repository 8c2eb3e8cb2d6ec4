"""act: applies what a person does, by page, API or console; adds planned work, sends messages again, and saves answers
and ids of other systems."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlmodel import Session

from gateway.access.audit import action_name, target_of
from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway, retry_on_conflict
from gateway.model import (
    Actor,
    ExternalId,
    Instant,
    MaintenanceWindow,
    Notification,
    Outage,
    SavedAnswer,
    SentAct,
    Subject,
    SubjectKind,
    Ticket,
    Visit,
)
from gateway.model.plan import Draft, NoSuch, Plan, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.lifecycle import try_again
from gateway.outages.maintenance import plan_maintenance
from gateway.outages.saved_answers import plan_save, plan_withdraw
from gateway.store import apply, external_ids
from gateway.store.accounts import open_pages
from gateway.store.accounts.sent_acts import is_repeated
from gateway.store.contexts import action, maintenance
from gateway.store.views.console.outage_page import failed_messages
from gateway.store.views.desk.saved_answers import saved_answers
from gateway.tickets.actions import Act, Arrive, Finish, HandBack
from gateway.tickets.context import ActionContext
from gateway.tickets.desk.ticket_version import check_version, version_of
from gateway.tickets.plan_action import plan_person_action
from gateway.tickets.sla.follow import complete
from gateway.tickets.visits.visit_version import check_visit


def add_maintenance(gw: Gateway, window: MaintenanceWindow, who: Actor, now: Instant) -> None:
    """Adds planned work in one area. Raises Refused when it ends before it begins or in the past, NoSuch for an unknown
    area."""
    if window.until_at <= max(window.from_at, now):
        raise Refused(RefusedReason.BAD_MAINTENANCE_WINDOW)
    with gw.store.write() as session:
        if not maintenance.area_exists(session, window.area_id):
            raise NoSuch(f"there is no area {window.area_id}")
        plan = plan_maintenance(window, who, now)
        apply(session, plan)
        write_act(session, "plan_maintenance", ("maintenance", window.id), plan, who, now)


def save_answer(gw: Gateway, about: Subject, words: Mapping[str, str], for_page: bool, who: Actor, now: Instant
                ) -> str:
    """Its id. `words`: locale → what callers are told; what they have saved already, and still stands, is not saved
    twice. Raises Refused when it is over, NoSuch for what is not there."""
    with gw.store.write() as session:
        answer = SavedAnswer(id=gw.policy.new_id("S"), subject_kind=about.kind, subject_id=about.id, words=dict(words),
                             for_page=for_page, saved_by="", saved_at=now)
        plan = plan_save(answer, _subject(session, about), who, now)
        for one in saved_answers(session, about):
            if (one.account, one.words, one.for_page) == (who.account, dict(words), for_page):
                return one.id
        apply(session, plan)
        write_act(session, "save_answer", (about.kind, about.id), plan, who, now)
    return answer.id


def withdraw_answer(gw: Gateway, answer_id: str, who: Actor, now: Instant) -> None:
    """Raises NoSuch."""
    with gw.store.write() as session:
        answer = session.get(SavedAnswer, answer_id)
        if answer is None:
            raise NoSuch(f"there is no answer {answer_id}")
        about = Subject(answer.subject_kind, answer.subject_id)
        plan = plan_withdraw(answer, _subject(session, about), gw.policy, who, now)
        apply(session, plan)
        write_act(session, "withdraw_answer", ("saved_answer", answer_id), plan, who, now)


def _subject(session: Session, about: Subject) -> Outage | Ticket:
    is_outage = about.kind is SubjectKind.OUTAGE
    row: Outage | Ticket | None = session.get(Outage, about.id) if is_outage else session.get(Ticket, about.id)
    if row is None:
        raise NoSuch(f"there is no {about.kind} {about.id}")
    return row


def put_external_id(gw: Gateway, row: ExternalId, who: Actor, now: Instant) -> None:
    """In place of what the system called it before. Raises NoSuch, and Refused when that id is another row's."""

    def once() -> None:
        with gw.store.write() as session:
            if not external_ids.exists(session, row.kind, row.row_id):
                raise NoSuch(f"there is no {row.kind} {row.row_id}")
            owner = external_ids.owner(session, row.kind, row.system, row.value)
            if owner == row.row_id:
                return
            if owner is not None:
                raise Refused(RefusedReason.EXTERNAL_ID_TAKEN, system=row.system, value=row.value, id=owner)
            external_ids.put(session, row)
            write_act(session, "put_external_id", (row.kind, row.row_id), Plan(), who, now)

    retry_on_conflict(once)


def remove_external_id(gw: Gateway, row: ExternalId, who: Actor, now: Instant) -> bool:
    """Whether the system had one for it."""
    with gw.store.write() as session:
        if not external_ids.remove(session, row):
            return False
        write_act(session, "remove_external_id", (row.kind, row.row_id), Plan(), who, now)
    return True


def send_again(gw: Gateway, notification_id: str, who: Actor, now: Instant) -> None:
    """A message by which nobody was reached is tried once more, at every contact; it is still dropped when it is no
    longer true. Raises NoSuch, and Refused for any other."""

    def once() -> None:
        with gw.store.write() as session:
            row = session.get(Notification, notification_id)
            if row is None:
                raise NoSuch(f"there is no message {notification_id}")
            draft = Draft()
            try_again(draft.copy(row), now)
            plan = complete(draft, gw.policy, now)
            apply(session, plan)
            write_act(session, "send_again", ("notification", notification_id), plan, who, now)

    retry_on_conflict(once)
    gw.outbox_filled.set()


def send_failed_again(gw: Gateway, outage_id: str, most: int, who: Actor, now: Instant) -> int:
    """Those about an outage by which nobody was reached, the oldest first, and at most so many. How many went out;
    what has been sent meanwhile is left alone."""
    with gw.store.read() as session:
        ids = failed_messages(session, outage_id, most)
    sent = 0
    for one in ids:
        try:
            send_again(gw, one, who, now)
        except (Refused, NoSuch):
            continue
        sent += 1
    return sent


class SentOnce(NamedTuple):
    """An act that a phone sends by a link, as often as it takes until it has the answer."""

    wanted: SentAct
    visit_id: str
    version: str  # of that visit, as the page showed it; "": the act does not depend on it


class FilledForm(NamedTuple):
    """The form that an action came by."""

    key: str  # one that was sent before does nothing more
    ticket_id: str = ""
    version: str = ""  # of that ticket, as it was when the form was made; "": the action does not depend on it
    by_link: SentOnce | None = None


def act(gw: Gateway, given: Act, who: Actor, now: Instant, form: FilledForm | None = None) -> None:
    """Applies a person's action; `who` is written in the timeline. Raises Refused, NoSuch, and Stale when the form's
    ticket is no longer as it was; by a link OtherContent, and VisitChanged."""

    def once() -> None:
        with gw.store.write() as session:
            if form is not None and form.key and not open_pages.is_first(session, form.key, who.account, now):
                return
            by_link = None if form is None else form.by_link
            if by_link is not None and is_repeated(session, by_link.wanted):
                return
            if by_link is not None and by_link.version:
                check_visit(by_link.version, session.get(Visit, by_link.visit_id))
            context = action.action_context(session, given, who, now)
            if form is not None and form.version:
                _check(form, context)
            plan = plan_person_action(given, context, gw.policy, who, now)
            apply(session, plan)
            write_act(session, action_name(type(given)), target_of(given), plan, who, now)

    retry_on_conflict(once)
    gw.outbox_filled.set()
    if isinstance(given, Arrive | Finish | HandBack):
        gw.positions.forget(given.visit_id)


def _check(form: FilledForm, context: ActionContext) -> None:
    ticket = context.work.tickets.get(form.ticket_id)
    if ticket is None and context.ticket is not None and context.ticket.id == form.ticket_id:
        ticket = context.ticket
    if ticket is not None:
        visit = context.work.visits.get(ticket.visit_id or "")
        check_version(form.version, version_of(ticket, context.work.jobs_of(ticket), visit))
