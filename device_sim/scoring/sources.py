"""Reads what a score compares: the ground truth of a run, and the gateway's API or the file of `gateway export`."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from device_sim.scoring.scores import Episode, Finding, Truth

Findings = dict[str, list[Finding]]
"""Family name → what was found; a family that the gateway does not have is absent, and cannot be scored."""
Line = dict[str, Any]
Tell = Callable[[str, int], None]  # hears which family is being read, and how many there are so far

EXPECTED = ("ticket", "alarm", "outage", "callback", "none")
# family → its list in the API, and the API's name for each of ours
LISTS: dict[str, tuple[str, dict[str, str]]] = {
    "ticket": ("tickets", {"id": "id", "device": "device_id", "site": "site_id", "rule": "cause_key",
                           "opened": "opened_at", "closed": "closed_at", "merged_into": "merged_into"}),
    "alarm": ("alarms", {"id": "id", "device": "device_id", "site": "site_id", "rule": "rule",
                         "opened": "opened_at", "known": "known_at", "closed": "closed_at", "ticket": "ticket_id",
                         "held_by": "held_by"}),
    "outage": ("outages", {"id": "id", "group": "area_id", "opened": "confirmed_at", "closed": "closed_at"}),
    "callback": ("callbacks", {"id": "id", "device": "device_id", "site": "site_id",
                               "opened": "requested_at", "closed": "closed_at"}),
}
PAGE = 200  # the API's most
OF_AN_OUTAGE = "outage:"  # how the rule of an outage's own ticket begins
BY_A_RULE = "rule:"  # how `held_by` of an alarm begins that another one of the same device explains


class BadSource(Exception):
    """The text says where (file, line, field, or address), what was found there and what was expected."""


def read_truth(path: Path) -> Truth:
    """Reads the file of `run --truth`, format in docs/scoring.md. Raises BadSource."""
    lines = list(_lines(path))
    if len(lines) < 2 or "started" not in lines[0][1]:
        raise BadSource(f"{path}: expected a first line with `started` and a last one with `ended`, as `device_sim run "
                        "--truth` writes them")
    (head_at, head), (tail_at, tail) = lines[0], lines[-1]
    if "ended" not in tail:
        raise BadSource(f"{tail_at}: expected a last line with `ended`: the run was cut off, its truth is not complete")
    return Truth(
        scenario=str(head.get("scenario", "")), seed=_number(head, "seed", head_at),
        devices=_number(head, "devices", head_at), speed=_real(head, "speed", head_at),
        started=_number(head, "started", head_at), ended=_number(tail, "ended", tail_at),
        device_days=_real(tail, "device_days", tail_at),
        episodes=tuple(_episode(line, where) for where, line in lines[1:-1]))


def read_export(path: Path) -> Findings:
    """Reads the file of `gateway export`. Raises BadSource."""
    lines = list(_lines(path))
    families = lines[0][1].get("families") if lines else None
    if not isinstance(families, list):
        raise BadSource(f"{path}: expected a first line with `families`, as `gateway export` writes it")
    found: dict[str, list[Line]] = {name: [] for name in families if name in LISTS}
    for where, line in lines[1:]:
        if line.get("what") in found:
            _check(line, where)
            found[line["what"]].append(line)
    return _findings(found)


def ask_gateway(url: str, key: str, since: int, until: int, tell: Tell = lambda family, count: None) -> Findings:
    """Everything of that time (ms), and what was open when it began, by the API of the gateway at `url`.

    Raises BadSource when nobody answers, the key is refused, or the answer is none of a gateway's.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    found: dict[str, list[Line]] = {}
    try:
        with httpx.Client(base_url=url.rstrip("/") + "/api/v1/", headers=headers, timeout=30) as client:
            for family in LISTS:
                lines = _both_times(client, family, since, until, tell)
                if lines is not None:
                    found[family] = lines
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadSource(f"{url}: no gateway answers: {error}") from error
    if not found:
        raise BadSource(f"{url}: expected a gateway, but /api/v1/tickets is not there")
    return _findings(found)


def _both_times(client: httpx.Client, family: str, since: int, until: int, tell: Tell) -> list[Line] | None:
    lines = _pages(client, family, {"since": _iso(since), "until": _iso(until + 1)}, tell)
    before = None if lines is None else _pages(client, family, {"until": _iso(since), "open": "true"}, tell)
    return None if lines is None or before is None else lines + before


def _pages(client: httpx.Client, family: str, wanted: dict[str, str], tell: Tell) -> list[Line] | None:
    """Every page of a list; None when this gateway has no such list."""
    path, names = LISTS[family]
    lines: list[Line] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = client.get(path, params={**wanted, "limit": str(PAGE), **({"cursor": cursor} if cursor else {})})
        if answer.status_code == 404:
            return None
        page = _json(answer)
        lines += [_from_api(item, names, str(answer.url)) for item in page["items"]]
        cursor = page["next"]
        tell(family, len(lines))
    return lines


def _json(answer: httpx.Response) -> Any:
    where = f"{answer.url.copy_with(query=None)}"
    if answer.status_code in (401, 403):
        raise BadSource(f"{where}: {answer.status_code}, expected a key that may read: `gateway key create score`, "
                        "given with --key or $GATEWAY_API_KEY")
    try:
        page = answer.raise_for_status().json()
    except httpx.HTTPStatusError as error:
        raise BadSource(f"{where}: answered {answer.status_code}: {answer.text[:200]}") from error
    except ValueError as error:
        raise BadSource(f"{where}: expected JSON from a gateway, got {answer.text[:60]!r}") from error
    if not isinstance(page, dict) or not isinstance(page.get("items"), list) or "next" not in page:
        raise BadSource(f"{where}: expected a list of a gateway (`items` and `next`)")
    return page


def _from_api(item: Any, names: dict[str, str], where: str) -> Line:
    try:
        line = {name: item[theirs] for name, theirs in names.items()}
        for name in ("opened", "known", "closed"):
            if line.get(name) is not None:
                line[name] = round(datetime.fromisoformat(line[name]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError) as error:
        raise BadSource(f"{where}: expected {', '.join(names.values())} in each, got {item!r:.200}") from error
    return line


def _findings(found: dict[str, list[Line]]) -> Findings:
    """An alarm began by the device's clock; it was known when the gateway raised it, and told with its ticket.

    The one ticket of an outage is no device's: it is judged with its outage. An outage that was never confirmed was
    never said, and one without an area is the gateway's word about itself.
    """
    if "outage" in found:
        found["outage"] = [line for line in found["outage"] if line["opened"] is not None and line.get("group")]
    lines = dict(found)
    if "ticket" in found:
        lines["ticket"] = list(_of_tickets(found["ticket"], found.get("alarm", [])))
    ticket_at = {line["id"]: line["opened"] for line in found.get("ticket", ())}
    return {family: [Finding(
        id=line["id"], at=max(line["opened"], line.get("known") or 0, ticket_at.get(line.get("ticket"), 0)),
        closed=line["closed"], device=line.get("device") or "", site=line.get("site"), rule=line.get("rule") or "",
        group=line.get("group"), explained_by=_explained_by(line)) for line in each]
        for family, each in lines.items()}


def _of_tickets(tickets: list[Line], alarms: list[Line]) -> Iterator[Line]:
    """One line for each device and rule of the alarms that hang on a ticket, from when the first of them did; those of
    a merged ticket count with the one that goes on. Without alarms a ticket counts by its own rule."""
    by_id = {line["id"]: line for line in tickets}
    hanging: dict[str, dict[tuple[str, str], int]] = {}
    for alarm in sorted(alarms, key=lambda one: one.get("known") or one["opened"]):
        ticket = _goes_on(by_id.get(alarm.get("ticket") or ""), by_id)
        if ticket is not None:
            which = (alarm.get("device") or "", alarm.get("rule") or "")
            hanging.setdefault(ticket["id"], {}).setdefault(which, alarm.get("known") or alarm["opened"])
    for ticket in tickets:
        if _goes_on(ticket, by_id) is ticket and not (ticket.get("rule") or "").startswith(OF_AN_OUTAGE):
            own = {(ticket.get("device") or "", ticket.get("rule") or ""): ticket["opened"]}
            for (device, rule), known in hanging.get(ticket["id"], own).items():
                yield ticket | {"device": device, "rule": rule, "known": known}


def _goes_on(ticket: Line | None, by_id: dict[str, Line]) -> Line | None:
    """The ticket that carries this one on, if it was merged."""
    passed: set[str] = set()
    while ticket is not None and ticket.get("merged_into") in by_id and ticket["id"] not in passed:
        passed.add(ticket["id"])
        ticket = by_id[ticket["merged_into"]]
    return ticket


def _explained_by(line: Line) -> str:
    """The rule that explains this alarm; "" when none does, or somebody was sent all the same."""
    held_by = line.get("held_by") or ""
    explained = held_by.startswith(BY_A_RULE) and not line.get("ticket")
    return held_by.removeprefix(BY_A_RULE) if explained else ""


def _lines(path: Path) -> Iterator[tuple[str, Line]]:
    """(file:line, object) of each line that is not empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSource(f"{path}: cannot be read: {error}") from error
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
        except ValueError as error:
            raise BadSource(f"{path}:{number}: expected one JSON object a line: {error}") from error
        if not isinstance(line, dict):
            raise BadSource(f"{path}:{number}: expected a JSON object, got {raw[:60]}")
        yield f"{path}:{number}", line


def _episode(line: Line, where: str) -> Episode:
    for name in ("device", "kind", "expect"):
        if not isinstance(line.get(name), str):
            raise BadSource(f"{where}: {name}: {line.get(name)!r}, expected text")
    if line["expect"] not in EXPECTED:
        raise BadSource(f"{where}: expect: {line['expect']!r}, expected one of {', '.join(EXPECTED)}")
    began = _number(line, "from", where)
    ended = None if line.get("to") is None else _number(line, "to", where)
    if ended is not None and ended < began:
        raise BadSource(f"{where}: to: {ended}, expected no time before `from` ({began})")
    return Episode(line["device"], line.get("site"), line["kind"], began, ended, line["expect"],
                   line.get("rule") or "", line.get("group"))


def _check(line: Line, where: str) -> None:
    if not isinstance(line.get("id"), str):
        raise BadSource(f"{where}: id: {line.get('id')!r}, expected text")
    _number(line, "opened", where)
    if line.setdefault("closed", None) is not None:
        _number(line, "closed", where)


def _number(line: Line, name: str, where: str) -> int:
    value = line.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadSource(f"{where}: {name}: {value!r}, expected a whole number")
    return value


def _real(line: Line, name: str, where: str) -> float:
    value = line.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise BadSource(f"{where}: {name}: {value!r}, expected a number")
    return float(value)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
