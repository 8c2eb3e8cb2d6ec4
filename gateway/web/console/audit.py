"""The audit log: who did what, where from, and how it was before and after; to be read, and to be taken away."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from gateway.access.rights import Right
from gateway.calendars import arrival_windows
from gateway.flow.gateway import Gateway
from gateway.model import Audit, AuditOutcome, to_iso
from gateway.notifications.format_times import TimeFormat
from gateway.store.accounts import api_keys, audit, users
from gateway.store.views.pagination import BadCursor
from gateway.web.console.export_file import export_file
from gateway.web.console.pages import page, time_format
from gateway.web.console.session import User, needs
from gateway.web.routes import Routes

router = Routes()
PATH = "/console/audit"
Reads = Annotated[User, needs(Right.READ_AUDIT)]
PAGE, PART = 100, 500  # rows on a page; that an export reads at once
_OUTCOMES = {AuditOutcome.DONE: ("Done", "good", "check"), AuditOutcome.DENIED: ("Denied", "bad", "cross"),
             AuditOutcome.FAILED: ("Failed", "alert", "warn")}
_PAGES = {"ticket": "tickets", "customer": "customers", "user": "users", "callback": "callbacks", "site": "sites",
          "device": "devices", "outage": "outages"}
_INSTANTS = 10**11  # numbers above are times


class AuditQuery(BaseModel):
    """The filter as the address has it: every field is text and may be missing."""

    account: str = ""
    object: str = ""
    action: str = ""
    outcome: str = ""
    since: str = ""  # days
    until: str = ""
    cursor: str = ""

    def wanted(self, zone: str) -> dict[str, Any]:
        """For the store. Raises HTTPException 422."""
        found: dict[str, Any] = {name: value.strip() for name, value in self.model_dump().items()
                                 if name in ("account", "object", "action") and value.strip()}
        if self.outcome in tuple(AuditOutcome):
            found["outcome"] = AuditOutcome(self.outcome)
        if any("\0" in str(value) for value in found.values()):
            raise HTTPException(422, "That cannot be looked for")
        return found | _days(self.since, self.until, zone)

    def address(self, path: str = PATH, **changed: str | None) -> str:
        kept = {name: value for name, value in (self.model_dump() | {"cursor": ""} | changed).items() if value}
        return f"{path}?{urlencode(kept)}" if kept else path


class ChangedField(NamedTuple):
    """One value, before and after."""

    name: str
    before: str
    after: str


class Line(NamedTuple):
    """One row as it is shown."""

    row: Audit
    who: str
    action: str
    outcome: tuple[str, str, str]
    path: str  # of the page of its object; "": it has none
    changes: list[ChangedField]


@router.get(PATH)
def show_audit(request: Request, user: Reads, query: Annotated[AuditQuery, Query()]) -> Response:
    gw = user.gw
    say = time_format(gw, user.now)
    with gw.store.read() as session:
        try:
            found = audit.lines(session, query.wanted(say.zone), query.cursor or None, PAGE)
        except BadCursor:
            raise HTTPException(422, "This page of the log does not exist; go to its first one") from None
        names = audit.names(session, {row.account for row in found.rows})
        people = [(one.id, f"{one.name} ({one.role})") for one in users.all_users(session)]
        keys = [(one.id, f"key “{one.name}” ({one.role})") for one in api_keys.all_keys(session)]
        actions = audit.actions(session)
    return page(
        request, user, "audit.html", asked=query, lines=[_line(row, names, say) for row in found.rows],
        next=query.address(cursor=found.next) if found.next else "", accounts=[("", "Anybody"), *people, *keys],
        actions=[("", "Anything"), *((one, _in_words(one)) for one in actions)],
        outcomes=[("", "Any"), *((one, words) for one, (words, *_) in _OUTCOMES.items())],
        may_export=user.may(Right.EXPORT_AUDIT),
        exports=[(name, query.address(f"{PATH}/export", format=kind)) for name, kind in (
            ("CSV", "csv"), ("JSON lines", "jsonl"))])


@router.get(f"{PATH}/export")
def export_audit(user: Annotated[User, needs(Right.EXPORT_AUDIT, proof=True)], query: Annotated[AuditQuery, Query()],
                 format: str = "csv") -> Response:
    """All that the filter lets through, the newest first, as a file; that it was taken away is in the log too."""
    if format not in _WRITERS:
        raise HTTPException(422, f"Expected the format {' or '.join(_WRITERS)}")
    gw = user.gw
    wanted = query.wanted(gw.settings.service.callback_timezone)
    write, media = _WRITERS[format]
    return export_file(user, "export_audit", "audit", write(_rows(gw, wanted)), format, media)


def _days(since: str, until: str, zone: str) -> dict[str, int]:
    """From the beginning of the first to the end of the last."""
    try:
        found = {"since": arrival_windows.parse_local(f"{since}T00:00", zone)} if since else {}
        if until:
            after = date.fromisoformat(until) + timedelta(days=1)
            found["until"] = arrival_windows.parse_local(f"{after.isoformat()}T00:00", zone)
    except (ValueError, OverflowError):
        raise HTTPException(422, "A day is written as 2026-11-28") from None
    return found


def _line(row: Audit, names: Mapping[str, str], say: TimeFormat) -> Line:
    who = names.get(row.account, "") or _WITHOUT_ACCOUNT.get(row.actor, str(row.actor).capitalize())
    path = f"/console/{_PAGES[row.object_kind]}/{row.object_id}" if row.object_kind in _PAGES and row.object_id else ""
    return Line(row, who, _in_words(row.action), _OUTCOMES[row.outcome], path, changes_of(row, say))


_WITHOUT_ACCOUNT = {"customer": "Customer, by their page", "technician": "Technician, by their page",
                    "provider": "Provider, by their page", "agent": "Somebody on call, by their page",
                    "operator": "The command line"}


def changes_of(row: Audit, say: TimeFormat) -> list[ChangedField]:
    """What was another value afterwards; times as people read them."""
    return [ChangedField(_in_words(name), _value(row.before.get(name), say) if name in row.before else "",
                         _value(value, say))
            for name, value in row.after.items() if name not in row.before or row.before[name] != value]


def _value(value: Any, say: TimeFormat) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value > _INSTANTS:
        return say.exact(value)
    return str(value)


def _in_words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _rows(gw: Gateway, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        with gw.store.read() as session:
            found = audit.lines(session, wanted, cursor, PART)
            names = audit.names(session, {row.account for row in found.rows})
        for row in found.rows:
            yield {"id": row.id, "at": to_iso(row.at), "actor": row.actor, "account": row.account,
                   "name": names.get(row.account, ""), "role": row.role or "", "address": row.address,
                   "action": row.action, "outcome": row.outcome, "object_kind": row.object_kind,
                   "object_id": row.object_id, "before": row.before, "after": row.after}
        cursor = found.next
        if cursor is None:
            return


_COLUMNS = ("id", "at", "actor", "account", "name", "role", "address", "action", "outcome", "object_kind", "object_id",
            "before", "after")


def _as_csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield ",".join(_COLUMNS) + "\r\n"
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([_cell(row[name]) for name in _COLUMNS])
        yield line.getvalue()


def _cell(value: Any) -> Any:
    """What a spreadsheet would take for a formula is text."""
    text = json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _as_json_lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


_WRITERS = {"csv": (_as_csv, "text/csv; charset=utf-8"), "jsonl": (_as_json_lines, "application/jsonl")}
