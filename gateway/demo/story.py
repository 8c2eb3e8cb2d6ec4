"""The demo's script: which events happen when, and a check that each had its effect."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from typing import Any

from gateway.demo.call_centre import CallCentreView, Row
from gateway.demo.player_turns import Turns
from gateway.demo.scheduler import Scheduler
from gateway.demo.simulation import Devices
from gateway.model import CallbackState, NotificationState, ResolvedBy
from gateway.notifications.topics import TopicName

HOT, PRESSED, SILENT, WET = "alice-pump", "bob-button", "dora-pump", "charlie-leak"
HOT_CUSTOMER = "customer/alice"
_WARNINGS = {(TopicName.VISIT_LATE, "customer/dora"), (TopicName.VISIT_PROBLEM, "dispatcher")}  # nobody is on the way

_BEGINNING = (  # seconds after the start, device, what happens to it
    (0.5, HOT, "overheat"), (2.0, PRESSED, "press"), (3.0, PRESSED, "press"), (4.5, SILENT, "vanish"),
    (8.0, WET, "wet"),
)
_AFTERWARDS = (  # one at a time, for as long as it runs
    ("fatima-button", "press"), ("emil-leak", "wet"), ("gustav-pump", "overheat"), ("charlie-button", "press_long"),
    ("bob-pump", "lose_water"), ("pharmacy-button", "press"), ("emil-pump", "vanish"), ("alice-leak", "wet"),
    ("pharmacy-plug", "overload"), ("gustav-button", "press"), ("charlie-pump", "overheat"), ("bob-leak", "wet"),
)
_FIRST_PAUSE, _PAUSE = 24.0, 15.0


def schedule_story(scheduler: Scheduler, devices: Devices, turns: Turns) -> None:
    """Schedules the events of the story; with a person at the keyboard those with a part for them come one by one."""
    if turns.seconds is not None:
        scheduler.after(4.5, partial(devices.hand, SILENT, "vanish"))
        scheduler.after(0.5, partial(_wait_for_presses, scheduler, devices, turns))
        return
    for seconds, device, action in _BEGINNING:
        scheduler.after(seconds, partial(devices.hand, device, action))
    scheduler.after(_FIRST_PAUSE, partial(_next_event, scheduler, devices, cycle(_AFTERWARDS)))


def _wait_for_presses(scheduler: Scheduler, devices: Devices, turns: Turns) -> None:
    missing = 2 - sum(line["device"] == PRESSED and line["what"] == "pressed" for line in devices.truth)
    if missing > 0 and turns.left_to_you("press", PRESSED):
        scheduler.after(0.3, partial(_wait_for_presses, scheduler, devices, turns))
        return
    for number in range(missing):
        scheduler.after(number, partial(devices.hand, PRESSED, "press"))
    scheduler.after(1.0, partial(turns.end, "press", PRESSED))
    _after(scheduler, turns, "call", partial(devices.hand, WET, "wet"))
    _after(scheduler, turns, "decline", partial(devices.hand, HOT, "overheat"))
    _after(scheduler, turns, "set out", partial(_next_event, scheduler, devices, cycle(_AFTERWARDS)))


def _after(scheduler: Scheduler, turns: Turns, part: str, then: Callable[[], None], looks: int = 1_200) -> None:
    """Runs `then` once that part is over, and after `looks` tries in any case."""
    if turns.over(part) or not looks:
        then()
    else:
        scheduler.after(0.5, partial(_after, scheduler, turns, part, then, looks - 1))


def _next_event(scheduler: Scheduler, devices: Devices, more: Iterator[tuple[str, str]]) -> None:
    devices.hand(*next(more))
    scheduler.after(_PAUSE, partial(_next_event, scheduler, devices, more))


def steps(view: CallCentreView, truth: Sequence[Mapping[str, Any]], read: Collection[str]) -> dict[str, bool]:
    """Step of the story → whether it happened, as the API shows it. `truth`: what devices did; `read`: messages whose
    link was opened."""
    hot = _find(view.alarms, device_id=HOT, rule="overheating")
    ticket = _find(view.tickets, id=hot.get("ticket_id"))
    visit = ticket.get("visit") or {}
    silent = _find(view.alarms, device_id=SILENT, rule="silent")
    told = {row["topic"] for row in view.notifications if row["subject_id"] == hot.get("ticket_id", "")
            and row["recipient"] == HOT_CUSTOMER and row["state"] == NotificationState.SENT}
    return {
        "the heat pump overheats": bool(hot),
        "one ticket is opened": bool(ticket),
        "the customer is told": bool(told & {TopicName.FAULT_FOUND, TopicName.TECHNICIAN_ASSIGNED}),
        "the customer looks at the page": any(ticket.get("id", "no ticket yet") in letter for letter in read),
        "a provider accepts": bool(visit),
        "the technician is on the way": TopicName.ON_THE_WAY in told,
        "the technician arrives": visit.get("on_site_at") is not None,
        "the heat pump cools down": hot.get("closed_at") is not None,
        "it is resolved, and the customer told": (
            ticket.get("resolved_by") == ResolvedBy.TECHNICIAN and TopicName.RESOLVED in told),
        **_callback(view, truth),
        "a forgotten visit is told in time": _is_warned_of(view, silent.get("ticket_id")),
    }


def _is_warned_of(view: CallCentreView, ticket_id: str | None) -> bool:
    """Whether customer and dispatcher heard before the arrival window was over that nobody was on the way."""
    visit = _find(view.tickets, id=ticket_id).get("visit") or {}
    return {
        (row["topic"], row["recipient"]) for row in view.notifications if row["subject_id"] == ticket_id
        and row["state"] == NotificationState.SENT and row["done_at"] < visit.get("window_until", "")} >= _WARNINGS


def _callback(view: CallCentreView, truth: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    opened = [row for row in view.callbacks if row["device_id"] == PRESSED]
    ours = [line for line in truth if line["device"] == PRESSED]
    pressed = {line["press_id"] for line in ours if line["what"] == "pressed"}
    answered = {line["press_id"] for line in ours if line["what"] == "answered"}
    return {
        "two presses ask for one callback": len(opened) == 1 and opened[0]["presses"] == len(pressed) >= 2,
        "the button shows every answer": bool(pressed) and pressed <= answered,
        "the agent calls back": bool(opened) and opened[0]["state"] == CallbackState.DONE,
    }


def _find(rows: list[Row], **wanted: object) -> Row:
    """The first that fits, or {}."""
    return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), {})
