"""saved answers: keeps what an agent has told a caller, for the next agent and the customers' page."""

from collections.abc import Mapping

from sqlmodel import Session

from gateway.flow.accounts.audit import write_act
from gateway.flow.gateway import Gateway
from gateway.model import Actor, Instant, Outage, SavedAnswer, Subject, SubjectKind, Ticket
from gateway.model.plan import NoSuch
from gateway.outages.saved_answers import plan_save, plan_withdraw
from gateway.store import apply


def save_answer(gw: Gateway, about: Subject, words: Mapping[str, str], for_page: bool, who: Actor, now: Instant
                ) -> None:
    """`words`: locale → what callers are told. Raises Refused when it is over, NoSuch for what is not there."""
    with gw.store.write() as session:
        answer = SavedAnswer(id=gw.policy.new_id("S"), subject_kind=about.kind, subject_id=about.id, words=dict(words),
                             for_page=for_page, saved_by="", saved_at=now)
        plan = plan_save(answer, _subject(session, about), who, now)
        apply(session, plan)
        write_act(session, "save_answer", (about.kind, about.id), plan, who, now)


def withdraw_answer(gw: Gateway, answer_id: str, who: Actor, now: Instant) -> None:
    """Raises NoSuch."""
    with gw.store.write() as session:
        answer = session.get(SavedAnswer, answer_id)
        if answer is None:
            raise NoSuch(f"there is no answer {answer_id}")
        about = Subject(answer.subject_kind, answer.subject_id)
        plan = plan_withdraw(answer, _subject(session, about), who, now)
        apply(session, plan)
        write_act(session, "withdraw_answer", ("saved_answer", answer_id), plan, who, now)


def _subject(session: Session, about: Subject) -> Outage | Ticket:
    is_outage = about.kind is SubjectKind.OUTAGE
    row: Outage | Ticket | None = session.get(Outage, about.id) if is_outage else session.get(Ticket, about.id)
    if row is None:
        raise NoSuch(f"there is no {about.kind} {about.id}")
    return row
