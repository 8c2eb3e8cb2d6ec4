"""Explains the times that customers were told: by what, what became of each, and which took the place of which."""

from collections.abc import Iterator

from gateway.explain.facts import SubjectHistory
from gateway.explain.format import Line
from gateway.model import Promise, PromiseKind, PromiseState
from gateway.notifications.format_times import TimeFormat

_KEPT = {
    PromiseState.OPEN: "still to be kept",
    PromiseState.KEPT: "kept",
    PromiseState.CORRECTED: "corrected in time",
    PromiseState.CANCELLED: "called off in time",
    PromiseState.BROKEN: "broken",
}
KINDS = {
    PromiseKind.CALLBACK_BY: "a call",
    PromiseKind.ARRIVAL_WINDOW: "an arrival",
    PromiseKind.ETA: "an arrival at about",
    PromiseKind.ETR: "the end of the outage",
    PromiseKind.NEXT_WORD: "to say something again",
}


def promise_lines(promises: list[Promise], history: SubjectHistory, times: TimeFormat) -> Iterator[Line]:
    """One line for each. `promises`: oldest first."""
    by_id = {promise.id: promise for promise in promises}
    topics = {row.id: row.topic for row, _ in history.notifications}
    for promise in promises:
        told = topics.get(promise.notification_id or "")
        how = ", told by " + " and ".join(
            [*([f"{told.replace('_', ' ')} {promise.notification_id}"] if told else []),
             *(["the page"] if promise.shown_at is not None else [])])
        before = by_id.get(promise.corrects_id or "")
        instead = f", instead of {times.exact(before.due_at)}" if before is not None else ""
        settled = f" on {times.exact(promise.settled_at)}" if promise.settled_at is not None else ""
        link = " " if promise.kind is PromiseKind.ETA else " by "
        if promise.in_shadow:
            yield Line("became", f"In the shadow mode would have promised {KINDS[promise.kind]}{link}"
                                 f"{times.exact(promise.due_at)}{instead}; nobody was told", promise.made_at)
            continue
        yield Line("became", f"Promised {KINDS[promise.kind]}{link}{times.exact(promise.due_at)}{how}{instead}: "
                             f"{_KEPT[promise.state]}{settled}", promise.made_at)
