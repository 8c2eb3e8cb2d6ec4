"""Collects the demo's new events as lines to print: from devices, e-mails and timelines."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway.demo.call_centre import CallCentre, CallCentreView, Row, instant
from gateway.demo.services import RunningDemo
from gateway.model import CallbackState, EntryKind, Instant, TicketState

_ACTIONS = {
    "overheat": ("⚡", "its circulation pump sticks"), "lose_water": ("⚡", "its circuit leaks"),
    "wet": ("⚡", "water on the floor"), "vanish": ("⚡", "loses its power"), "overload": ("⚡", "too much current"),
    "repair": ("⚙", "is repaired"), "dry": ("⚙", "is wiped dry"), "return": ("⚙", "has power again"),
}
_OVER = (TicketState.CLOSED, TicketState.CANCELLED, CallbackState.DONE, CallbackState.CANCELLED)


class Line(NamedTuple):
    at: Instant
    sign: str
    words: str


class EventLines:
    """`fresh` returns each new line once, in the order of their times."""

    def __init__(self, town: RunningDemo, call_centre: CallCentre) -> None:
        self._town, self._call_centre = town, call_centre
        self._names = {device.id: device.name for device in town.fleet.devices}
        self._truths = self._messages = 0
        self._said: dict[str, int] = {}  # ticket or callback → the last entry of its timeline that was given
        self._over: set[str] = set()

    def fresh(self, view: CallCentreView) -> list[Line]:
        return sorted([*self._of_devices(), *self._of_post(), *self._of_office("tickets", view.tickets),
                       *self._of_office("callbacks", view.callbacks)], key=lambda line: line.at)

    def _of_devices(self) -> Iterator[Line]:
        fresh = self._town.devices.truth[self._truths:]
        self._truths += len(fresh)
        for line in fresh:
            yield Line(line["at"], *_action_line(line, self._names.get(line["device"], line["device"])))

    def _of_post(self) -> Iterator[Line]:
        fresh = self._town.mailbox.messages[self._messages:]
        self._messages += len(fresh)
        for letter in fresh:
            yield Line(round(letter.at * 1000), "✉", f"{letter.to}: {letter.subject}")

    def _of_office(self, what: str, rows: list[Row]) -> Iterator[Line]:
        for row in rows:
            if row["id"] in self._over:
                continue
            for entry in self._call_centre.rows(f"{what}/{row['id']}/timeline"):
                if entry["id"] > self._said.get(row["id"], 0):
                    self._said[row["id"]] = entry["id"]
                    yield from _entry(row["id"], entry)
            if row["state"] in _OVER:
                self._over.add(row["id"])


def _action_line(line: Mapping[str, Any], name: str) -> tuple[str, str]:
    match line["what"]:
        case "pressed":
            return "☎", f"{name}: pressed ({line['kind']})"
        case "answered":
            who = f" ({line['who']})" if line.get("who") else ""
            return "☎", f"{name}: its light says: {str(line['state']).replace('_', ' ')}{who}"
        case what:
            sign, words = _ACTIONS.get(what, ("·", what))
            return sign, f"{name}: {words}"


def _entry(subject: str, entry: Row) -> Iterator[Line]:
    kind = entry["kind"]
    if kind != EntryKind.TOLD:  # the letter itself is shown where it arrives
        yield Line(instant(entry, "at"), "✓" if kind in (EntryKind.RESOLVED, EntryKind.CLOSED) else "·",
                   f"{subject} {entry['who']}: {entry['what']}")
