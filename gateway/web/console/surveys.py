"""What customers said when they were asked how it went: added up by firm, and one by one."""

from typing import Annotated, NamedTuple

from fastapi import HTTPException, Request
from fastapi.responses import Response

from gateway.access.rights import Right
from gateway.model import DAY, Provider, Survey, SurveyMark
from gateway.store.after import survey_lists
from gateway.store.after.survey_lists import FirmAnswers
from gateway.store.views.pagination import BadCursor
from gateway.web.console.export_file import export_file
from gateway.web.console.pages import page
from gateway.web.console.session import User, needs
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/surveys"
Reads = Annotated[User, needs(Right.READ)]
PAGE, ADDED_UP = 40, 90  # answers on a page; days
_MARKS = {SurveyMark.GOOD: ("Good", "good", "check"), SurveyMark.FAIR: ("Half and half", "quiet", "dot"),
          SurveyMark.BAD: ("Bad", "bad", "cross")}
_WORKS = {True: ("Works", "good", "check"), False: ("Does not", "bad", "warn")}


class AnswerLine(NamedTuple):
    """One answer as it is shown."""

    row: Survey
    firm: str
    works: tuple[str, str, str] | None
    ease: tuple[str, str, str] | None
    care: tuple[str, str, str] | None


class FirmLine(NamedTuple):
    """What was said of one firm, as it is shown."""

    name: str
    answers: FirmAnswers


@router.get(PATH)
def show_surveys(request: Request, user: Reads, cursor: str = "") -> Response:
    """Those that were answered, the newest first."""
    with user.gw.store.read() as session:
        total, firms = survey_lists.summary(session, user.now - ADDED_UP * DAY, user.now + 1)
        try:
            found = survey_lists.surveys(session, {"answered": True}, cursor or None, PAGE)
        except BadCursor:
            raise HTTPException(422, "This page of the list does not exist; go to its first one") from None
    lines = [FirmLine(one.provider.name if one.provider is not None else "Nobody had to come", one) for one in firms]
    return page(request, user, "surveys.html", days=ADDED_UP, total=total, firms=lines, next=found.next,
                later=bool(cursor), asks=user.gw.settings.service.survey,
                rows=[answer_line(*row) for row in found.rows], may_export=user.may(Right.EXPORT_FILES))


@router.get(f"{PATH}/export")
def export_answers(user: Annotated[User, needs(Right.EXPORT_FILES, proof=True)]) -> Response:
    """Everybody who was asked, newest first; that it was taken away is in the audit log."""
    return export_file(user, "export_surveys", "survey", survey_lists.survey_file(user.gw.store, None, None))


def answer_line(row: Survey, firm: Provider | None) -> AnswerLine:
    return AnswerLine(row, firm.name if firm is not None else "", None if row.works is None else _WORKS[row.works],
                      None if row.ease is None else _MARKS[row.ease], None if row.care is None else _MARKS[row.care])
