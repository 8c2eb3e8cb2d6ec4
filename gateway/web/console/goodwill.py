"""Goodwill: what waits for a yes, what was credited, what the rules would come to; and the file for billing."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from fastapi import Form, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel

from gateway.access.rights import Right
from gateway.flow.after.goodwill import Trial, approve_goodwill, decline_goodwill, try_goodwill
from gateway.model import DAY, Goodwill, GoodwillCase, GoodwillCaseState, GoodwillKind, Price
from gateway.model.plan import NoSuch, Refused
from gateway.notifications.format_values import price
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict
from gateway.store.after import goodwill_lists
from gateway.store.views.pagination import BadCursor
from gateway.web.console.export_file import export_file
from gateway.web.console.pages import WORDS, go_on, page
from gateway.web.console.session import User, needs
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/goodwill"
Reads = Annotated[User, needs(Right.READ)]
Approves = Annotated[User, needs(Right.APPROVE_GOODWILL)]
PAGE, TRIED = 40, 30  # credits on a page; days of a dry run
REASON = 500  # characters
_STATES = {GoodwillCaseState.SETTLED: ("Credited", "good", "check"),
           GoodwillCaseState.WAITING: ("Waits", "alert", "clock"),
           GoodwillCaseState.APPROVED: ("Approved", "good", "check"),
           GoodwillCaseState.DECLINED: ("Declined", "quiet", "cross")}
_KINDS = {GoodwillKind.OUTAGE: "Long outage", GoodwillKind.PROMISE: "Broken promise", GoodwillKind.GESTURE: "Gesture"}


class DeclineForm(BaseModel):
    """The form as it comes."""

    reason: str = ""


class CaseLine(NamedTuple):
    """One outage, visit or call as it is shown."""

    row: GoodwillCase
    name: str
    amount: str
    chip: tuple[str, str, str]
    path: str


class CreditLine(NamedTuple):
    """One credit as it is shown."""

    row: Goodwill
    customer: str
    place: str
    amount: str
    kind: str
    state: str


class TrialLine(NamedTuple):
    """What the rules would come to, as it is shown."""

    trial: Trial
    amount: str
    homes: int


class Wrong(NamedTuple):
    """What could not be done, and what was typed."""

    case_id: str = ""
    said: str = ""
    reason: str = ""


def amount(cents: int, currency: str) -> str:
    return price(Price(f"{cents // 100}.{cents % 100:02}", currency), WORDS.locale)


def is_money(text: str) -> int | None:
    """`7`, `7.50` or `7,50` → hundredths; None for anything else."""
    whole, _, part = text.strip().replace(",", ".").partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 6 and len(part) <= 2 and (part or "0").isdigit()
            and part.isascii()):
        return None
    return int(whole) * 100 + int(part.ljust(2, "0"))


@router.get(PATH)
def show_goodwill(request: Request, user: Reads, cursor: str = "") -> Response:
    return _page(request, user, cursor)


@router.post(f"{PATH}/{{case_id}}/approve")
def approve_case(request: Request, user: Approves, case_id: str) -> Response:
    """Everybody affected is credited, and told. The same tap twice is one."""
    return _decided(request, user, case_id, "")


@router.post(f"{PATH}/{{case_id}}/decline")
def decline_case(request: Request, user: Approves, case_id: str, given: Annotated[DeclineForm, Form()]) -> Response:
    """Nobody is credited; it has to be said why."""
    reason = " ".join(given.reason.split())[:REASON]
    if not reason:
        return _page(request, user, "", 422, Wrong(case_id, "Say why it is declined: colleagues read it."))
    return _decided(request, user, case_id, reason)


@router.get(f"{PATH}/export")
def export_credits(user: Annotated[User, needs(Right.EXPORT_FILES, proof=True)]) -> Response:
    """All that was given, newest first, for billing; that it was taken away is in the audit log."""
    return export_file(user, "export_goodwill", "goodwill_case", goodwill_lists.billing_file(user.gw.store, None, None))


def _decided(request: Request, user: User, case_id: str, reason: str) -> Response:
    try:
        if reason:
            decline_goodwill(user.gw, case_id, reason, user.who, user.now)
        else:
            approve_goodwill(user.gw, case_id, user.who, user.now)
    except Refused as refused:
        return _page(request, user, "", 409, Wrong(case_id, refusal_sentence(refused, WORDS), reason))
    except Conflict:
        return _page(request, user, "", 409, Wrong(case_id, "Somebody else was first. This is how it is now.", reason))
    except NoSuch:
        raise HTTPException(404, "There is no such goodwill") from None
    return go_on(f"{PATH}#cases")


def _page(request: Request, user: User, cursor: str, status: int = 200, wrong: Wrong | None = None) -> Response:
    gw, rules = user.gw, user.gw.settings.goodwill
    with gw.store.read() as session:
        waiting = goodwill_lists.waiting_cases(session)
        others = [row for row in goodwill_lists.cases(session, None, None, PAGE).rows
                  if row.state is not GoodwillCaseState.WAITING]
        try:
            credits = goodwill_lists.credits(session, {}, cursor or None, PAGE)
        except BadCursor:
            raise HTTPException(422, "This page of the list does not exist; go to its first one") from None
        dry = rules.live_from is None and bool(rules.rules)
        trials = try_goodwill(session, rules, user.now - TRIED * DAY, PAGE) if dry else []
    return page(
        request, user, "goodwill.html", status, rules=rules, dry=dry, waiting=_cases(waiting), cases=_cases(others),
        credits=[_credit(*row) for row in credits.rows], next=credits.next, later=bool(cursor), days=TRIED,
        trials=[TrialLine(one, amount(one.cents, rules.currency), len({credit.site_id for credit in one.credits}))
                for one in trials],
        total=amount(sum(one.cents for one in trials), rules.currency), wrong=wrong or Wrong(),
        cap=None if rules.cap is None else amount(rules.cap, rules.currency),
        may_approve=user.may(Right.APPROVE_GOODWILL), may_export=user.may(Right.EXPORT_FILES))


def _cases(rows: Sequence[GoodwillCase]) -> list[CaseLine]:
    return [CaseLine(row, row.name or row.shown_as, amount(row.cents, row.currency), _STATES[row.state],
                     goodwill_lists.page_of(row)) for row in rows]


def _credit(row: Goodwill, customer: object, site: object) -> CreditLine:
    return CreditLine(row, getattr(customer, "name", ""), getattr(site, "name", ""), amount(row.cents, row.currency),
                      _KINDS[row.kind], str(row.state).capitalize())
