"""An act on many tickets of the list, the ticked ones or all that match; what became of each is kept for a day."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response

from gateway.access.rights import Right, may_act_on
from gateway.calendars import arrival_windows
from gateway.flow.act import FilledForm
from gateway.flow.gateway import Gateway
from gateway.model import BulkResult, HoldReason, Instant, Subject, SubjectKind, Ticket, TicketState, new_id
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict, changes
from gateway.store.accounts import desk
from gateway.store.views import ticket_list
from gateway.store.views.ticket_list import TicketRow
from gateway.tickets import actions
from gateway.tickets.desk.ticket_version import Stale
from gateway.web.console.pages import WORDS, go_on, page
from gateway.web.console.session import User, needs
from gateway.web.console.ticket_query import PATH, parse_query
from gateway.web.console.ticket_rows import cause_of, full_version, short_version
from gateway.web.console.tickets import BulkForm, list_page
from gateway.web.routes import Routes

router = Routes()
Works = Annotated[User, needs(Right.WORK_TICKETS)]
BUDGET_S = 20.0  # so long one request acts; for the rest somebody presses once more
CHANGES = 5000  # lines of the feed: a list that is older than that is loaded anew before anybody acts on all of it
NOTE, TECHNICIAN = 2000, 80  # characters
_DONE = {"hold": "Put on hold", "cancel": "Cancelled", "ask_again": "Asked again", "note": "Noted", "see_to": "Seen to",
         "assign": "Assigned"}


class BadForm(Exception):
    """What is missing or cannot be read, as a sentence."""


class Line(NamedTuple):
    """What became of one ticket."""

    ticket_id: str
    outcome: str  # done | skipped | failed
    why: str = ""


class Chosen(NamedTuple):
    """The tickets to act on, and how whoever acts has seen them."""

    ids: Sequence[str]
    versions: Mapping[str, str]  # short; of a ticked one
    changed: frozenset[str] = frozenset()  # since the list was loaded


@router.post(f"{PATH}/bulk")
def act_on_many(request: Request, user: Works, given: Annotated[BulkForm, Form()]) -> Response:
    query = parse_query(given.filter)
    ticked = dict(_ticked(request.state.form.getlist("ticket")))

    def again(status: int, wrong: str) -> Response:
        return list_page(request, user, query, status, wrong, given, frozenset(ticked))

    if given.scope != "all" and not ticked:
        return again(422, "No ticket is ticked. Nothing was done.")
    if given.act == "merge":
        if len(ticked) != 2 or given.scope == "all":
            return again(422, "Tick the two tickets that are one problem. Nothing was done.")
        return go_on(f"{PATH}/merge?" + "&".join(f"ticket={one}" for one in ticked))
    try:
        make = _act_of(given, user.gw.settings.service.callback_timezone)
    except BadForm as bad:
        return again(422, f"{bad} Nothing was done.")
    chosen = _all_that_match(user, given) if given.scope == "all" else Chosen(list(ticked), ticked)
    if chosen is None:
        return again(409, "This list is old, and much has changed since. Here it is as it is now. Nothing was done.")
    if not may_act_on(user.role, len(chosen.ids)):
        user.need(Right.ACT_ON_MANY, f"{given.act}_many")
    return go_on(f"{PATH}/done/{_run(user, given, make, chosen)}")


@router.get(f"{PATH}/done/{{result_id}}")
def show_result(request: Request, user: Works, result_id: str) -> Response:
    result = _result(user, result_id)
    lines = [Line(*line) for line in result.lines]
    with user.gw.store.read() as session:
        rows = ticket_list.load(session, [line.ticket_id for line in lines])
    order = {"failed": 0, "skipped": 1, "done": 2}
    shown = [(line, cause_of(rows[line.ticket_id]) if line.ticket_id in rows else "") for line in lines]
    return page(request, user, "tickets_done.html", result=result, what=_DONE[result.act],
                back=f"{PATH}?{result.back}" if result.back else PATH, left=len(result.rest.get("ids", ())),
                counts={one: sum(line.outcome == one for line in lines) for one in order},
                lines=sorted(shown, key=lambda one: order[one[0].outcome]))


@router.post(f"{PATH}/done/{{result_id}}/go-on")
def go_on_with_rest(user: Works, result_id: str) -> Response:
    """Acts on those that there was no time for."""
    result = _result(user, result_id)
    if not result.rest:
        return go_on(f"{PATH}/done/{result_id}")
    given = BulkForm(**result.rest["form"])
    make = _act_of(given, user.gw.settings.service.callback_timezone)
    ids: list[str] = result.rest["ids"]
    if not may_act_on(user.role, len(ids)):
        user.need(Right.ACT_ON_MANY, f"{given.act}_many")
    changed = _changed_since(user.gw, given.as_of) if given.scope == "all" else frozenset()
    if changed is None:
        return go_on(f"{PATH}?{result.back}" if result.back else PATH)
    return go_on(f"{PATH}/done/{_run(user, given, make, Chosen(ids, result.rest['versions'], changed))}")


def _result(user: User, result_id: str) -> BulkResult:
    with user.gw.store.read() as session:
        found = desk.result(session, result_id, user.row.id, user.now)
    if found is None:
        raise HTTPException(404, "What became of it is kept for a day, and this is not there")
    return found


def _ticked(values: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for value in values:
        number, _, version = str(value).partition(":")
        yield number, version


def _all_that_match(user: User, given: BulkForm) -> Chosen | None:
    """Those that match now; None: it is not known which of them have changed since the list was loaded."""
    changed = _changed_since(user.gw, given.as_of)
    if changed is None:
        return None
    with user.gw.store.read() as session:
        ids = ticket_list.ids(session, parse_query(given.filter).wanted(user.row.name), user.now)
    return Chosen(ids, {}, changed)


def _changed_since(gw: Gateway, position: str) -> frozenset[str] | None:
    with gw.store.read() as session:
        rows = changes.since(session, int(position) if position.isdecimal() and len(position) < 19 else 0, CHANGES, 0)
    if rows is None or any(row.kind == "" for row in rows):
        return None
    return frozenset(row.row_id for row in rows if row.kind == Ticket.__tablename__)


def _run(user: User, given: BulkForm, make: Callable[[str], actions.Act], chosen: Chosen) -> str:
    """Acts on one after the other, each in a transaction of its own; the id of the result."""
    lines: list[Line] = []
    until = time.monotonic() + BUDGET_S
    left = list(chosen.ids)
    while left and (time.monotonic() < until or not lines):
        some, left = left[:20], left[20:]
        with user.gw.store.read() as session:
            rows = ticket_list.load(session, some)
        lines += [_act_on(user, given, make, one, rows.get(one), chosen) for one in some]
    form = given.model_dump(exclude_defaults=True) | {"key": new_id("B")}
    result = BulkResult(
        id=new_id("B"), user_id=user.row.id, act=given.act, back=parse_query(given.filter).first_page.written,
        lines=[list(line) for line in lines], at=user.now,
        rest={"form": form, "ids": left, "versions": {one: chosen.versions[one] for one in left
                                                      if one in chosen.versions}} if left else {})
    with user.gw.store.write() as session:
        desk.keep_result(session, result)
    return result.id


def _act_on(user: User, given: BulkForm, make: Callable[[str], actions.Act], ticket_id: str, row: TicketRow | None,
            chosen: Chosen) -> Line:
    if row is None:
        return Line(ticket_id, "failed", "There is no such ticket.")
    if ticket_id in chosen.changed or chosen.versions.get(ticket_id, short_version(row)) != short_version(row):
        return Line(ticket_id, "skipped", f"It has changed since you saw it: now {_state(row)}.")
    form = FilledForm(f"{given.key}/{ticket_id}" if given.key else "", ticket_id, full_version(row).written())
    try:
        user(make(ticket_id), form)
    except Refused as refused:
        return Line(ticket_id, "failed", refusal_sentence(refused, WORDS, user.gw.settings.service.callback_timezone))
    except NoSuch as missing:
        return Line(ticket_id, "failed", f"{missing}.")
    except (Conflict, Stale):
        return Line(ticket_id, "skipped", "Somebody else changed it at the same moment.")
    return Line(ticket_id, "done")


def _state(row: TicketRow) -> str:
    words = {TicketState.EN_ROUTE: "on the way"}
    return words.get(row.ticket.state, row.ticket.state.replace("_", " "))


def _act_of(given: BulkForm, zone: str) -> Callable[[str], actions.Act]:
    """The act on each ticket. Raises BadForm."""
    note = given.note.strip()[:NOTE]
    match given.act:
        case "ask_again":
            return actions.AskAgain
        case "see_to":
            return lambda one: actions.AcknowledgePage(Subject(SubjectKind.TICKET, one))
        case "note":
            _needed(note, "Write the note.")
            return lambda one: actions.AddNote(one, note)
        case "cancel":
            why = _needed(given.why.strip()[:NOTE], "Say why nobody needs to come any more.")
            return lambda one: actions.CancelTicket(one, why)
        case "hold":
            if given.reason not in tuple(HoldReason):
                raise BadForm("Choose what they wait for.")
            reason, until = HoldReason(given.reason), _time(given.until, zone, "Say until when they wait.")
            return lambda one: actions.HoldTicket(one, reason, until, note)
        case "assign":
            firm = _needed(given.provider, "Choose who comes.")
            begins, ends = (_time(text, zone, "Say when they come: from, until.")
                            for text in (given.window_from, given.window_until))
            name = given.technician.strip()[:TECHNICIAN]
            return lambda one: actions.AssignTo(one, firm, name, begins, ends)
    raise BadForm("Choose what to do.")


def _needed(value: str, sentence: str) -> str:
    if not value:
        raise BadForm(sentence)
    return value


def _time(text: str, zone: str, sentence: str) -> Instant:
    try:
        return arrival_windows.parse_local(text, zone)
    except (ValueError, OverflowError):
        raise BadForm(sentence) from None
