"""What is wrong with a form that was sent: which status it is answered with, why, and which field to point at."""

from typing import NamedTuple

from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict
from gateway.store.accounts.sent_acts import OtherContent
from gateway.tickets.visits.visit_version import VisitChanged
from gateway.web.pages.links import InvalidInput

FAILURES = (InvalidInput, OtherContent, VisitChanged, Refused, NoSuch, Conflict)
_FIELDS = {  # refusals that say what to do, and the field to do it in; "": none of them
    RefusedReason.NOTE_NEEDED: "note", RefusedReason.PART_DATE_NEEDED: "part_day",
    RefusedReason.NOBODY_THERE_TOO_SOON: "outcome", RefusedReason.WINDOW_TOO_FAR: "window_from",
    RefusedReason.BAD_ARRIVAL_WINDOW: "window_until", RefusedReason.NOT_ARRIVED: "",
    RefusedReason.UNDO_TOO_LATE: "", RefusedReason.NO_UNDO_OF_DONE: "",
    RefusedReason.REPORT_WAITS: ""}


class FormError(NamedTuple):
    """Why a form was not done, in the reader's language."""

    status: int
    why: str
    field: str = ""  # name and id of the input; "": none of them is wrong, things have moved on


def form_error(failure: Exception, words: Catalogue) -> FormError:
    """`failure`: one of FAILURES."""
    match failure:
        case InvalidInput():
            return FormError(422, words(str(failure)), failure.field)
        case OtherContent():
            return FormError(422, words("page.key_used"))
        case VisitChanged():
            return FormError(409, words("page.visit_changed"))
        case Refused(reason=RefusedReason.WINDOW_FAR_AWAY):
            return FormError(409, words("page.window_far"), "confirmed")
        case Refused(reason=reason) if reason in _FIELDS:
            return FormError(409, refusal_sentence(failure, words), _FIELDS[reason])
    return FormError(409, words("page.not_possible"))
