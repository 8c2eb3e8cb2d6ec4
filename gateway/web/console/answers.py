"""Answers that agents have given to callers and saved: read by the next agent, and where they say so by customers."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from gateway.access.rights import Right
from gateway.callbacks.presses.replies import name_of
from gateway.flow.act import save_answer, withdraw_answer
from gateway.model import Instant, SavedAnswer, Subject, SubjectKind
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogues import messages
from gateway.notifications.entries import in_language
from gateway.notifications.format_values import locale_name
from gateway.notifications.reasons import refusal_sentence
from gateway.store.views.desk.saved_answers import saved_answers
from gateway.web.console.pages import WORDS, go_on, is_ours, refused_page
from gateway.web.console.session import User, needs
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/answers"
WRITTEN = 1000  # characters
Works = Annotated[User, needs(Right.WORK_CALLBACKS)]


class AnswerLine(NamedTuple):
    """What somebody at the desk has told a caller."""

    id: str
    about: str  # the outage or ticket
    words: str
    by: str
    at: Instant
    for_page: bool
    mine: bool


def answer_lines(session: Session, about: Iterable[Subject], user: User) -> list[AnswerLine]:
    """The newest first."""
    rows = [row for subject in about for row in saved_answers(session, subject)]
    return [AnswerLine(row.id, row.subject_id, in_language(row.words, WORDS), name_of(row.saved_by) or row.saved_by,
                       row.saved_at, row.for_page, row.account == user.who.account)
            for row in sorted(rows, key=lambda row: (-row.saved_at, row.id))]


def languages() -> list[tuple[str, str]]:
    """(locale, name) of those in which customers read."""
    return [(locale, locale_name(locale)) for locale in sorted(messages().catalogues.locales, reverse=True)]


@router.post(PATH)
async def save_call_answer(request: Request, user: Works) -> Response:
    """For the next agent, and for the customers' page where they say so: a field for each language."""
    return await run_in_threadpool(_save, request, user, request.state.form)


def _save(request: Request, user: User, form: FormData) -> Response:
    def field(name: str) -> str:
        value = form.get(name)
        return value.strip() if isinstance(value, str) else ""

    kind, _, about = field("about").partition("/")
    typed = {locale: " ".join(field(f"words-{locale}").split())[:WRITTEN] for locale, _ in languages()}
    words = {locale: text for locale, text in typed.items() if text}
    if kind not in (SubjectKind.OUTAGE, SubjectKind.TICKET):
        raise HTTPException(404, "There is no such outage or ticket")
    if not words:
        return refused_page(request, 422, "Write what callers are told, in one language at least.")
    subject = Subject(SubjectKind(kind), about)
    try:
        save_answer(user.gw, subject, words, bool(field("for_page")) and subject.kind is SubjectKind.OUTAGE, user.who,
                    user.now)
    except Refused as refused:
        return refused_page(request, 409, refusal_sentence(refused, WORDS))
    except NoSuch as missing:
        raise HTTPException(404, "There is no such outage or ticket") from missing
    return _back(field("back"))


@router.post(f"{PATH}/withdraw")
def withdraw_call_answer(user: Works, answer: Annotated[str, Form()] = "", back: Annotated[str, Form()] = ""
                         ) -> Response:
    """Their own anybody takes back, others' a dispatcher."""
    with user.gw.store.read() as session:
        row = session.get(SavedAnswer, answer)
    if row is None:
        raise HTTPException(404, "There is no such answer")
    if row.account != user.who.account:
        user.need(Right.WITHDRAW_ANSWERS, "withdraw_answer", ("saved_answer", answer))
    withdraw_answer(user.gw, answer, user.who, user.now)
    return _back(back)


def _back(path: str) -> Response:
    return go_on(path if is_ours(path) else "/console")
