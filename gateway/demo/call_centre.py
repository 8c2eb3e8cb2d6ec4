"""What the demo's screen shows, read through /api/v1; and what the last demonstration left is put away there."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from gateway.model import Instant, from_iso, to_iso

Row = dict[str, Any]


@dataclass(frozen=True)
class CallCentreView:
    """What the API lists: everything since a moment, newest first, and all devices as they are."""

    tickets: list[Row] = field(default_factory=list)
    alarms: list[Row] = field(default_factory=list)
    callbacks: list[Row] = field(default_factory=list)
    notifications: list[Row] = field(default_factory=list)
    devices: list[Row] = field(default_factory=list)


def instant(row: Row, name: str) -> Instant:
    """The time in a field of an answer."""
    return from_iso(row[name])


class CallCentre:
    """A client of the API. Raises httpx.HTTPError when the gateway does not answer or refuses, except where a method
    says otherwise."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._http = httpx.Client(base_url=f"{url}/api/v1/", headers={"Authorization": f"Bearer {key}"}, timeout=10)

    def fetch(self, since: Instant, whole: bool = False) -> CallCentreView:
        """The newest 200 rows of each kind since then; `whole`: all of them."""
        pages, begun = 1_000 if whole else 1, to_iso(since)
        tickets, alarms, callbacks, notifications = (
            self.rows(what, pages, since=begun) for what in ("tickets", "alarms", "callbacks", "notifications"))
        return CallCentreView(tickets, alarms, callbacks, notifications, self.rows("devices"))

    def rows(self, what: str, pages: int = 1, **filters: str) -> list[Row]:
        """The rows of one of the API's lists, from at most `pages` pages."""
        rows: list[Row] = []
        params = {"limit": "200", **filters}
        for _ in range(pages):
            answer = self._http.get(what, params=params).raise_for_status().json()
            rows += answer["items"]
            if answer["next"] is None:
                break
            params["cursor"] = answer["next"]
        return rows

    def device(self, device_id: str) -> Row:
        row: Row = self._http.get(f"devices/{device_id}").raise_for_status().json()
        return row

    def act(self, what: str, **body: str | bool) -> Row:
        """Posts an action and returns the answer; {} when it is no longer possible (409): somebody else was faster."""
        answer = self._http.post(what, json=body) if body else self._http.post(what)
        if answer.status_code == httpx.codes.CONFLICT:
            return {}
        row: Row = answer.raise_for_status().json()
        return row

    def messages(self) -> int:
        """How many messages the gateway has taken from the broker."""
        counted = self._http.get(f"{self._url}/metrics").raise_for_status().text
        found = re.search(r"^gateway_messages_received_total (\S+)$", counted, re.MULTILINE)
        return int(float(found[1])) if found else 0

    def close(self) -> None:
        self._http.close()
