"""What happened at this device before: its faults, and what was done about them, in one order."""

from typing import NamedTuple

from gateway.model import Instant
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.entries import in_language
from gateway.store.views.pages import History


class HistoryLine(NamedTuple):
    """A fault, or a visit."""

    at: Instant
    who: str  # who was there; "" = it is a fault
    what: str
    used: str  # parts that went into it


def history_lines(history: History, words: Catalogue) -> list[HistoryLine]:
    """The newest first."""
    visits = [HistoryLine(one.done_at or one.created_at, one.technician,
                          one.note or words(f"page.outcome.{one.incomplete or 'complete'}"), ", ".join(one.used))
              for one in history.visits]
    faults = [HistoryLine(one.opened_at, "", in_language(one.cause_texts, words), "") for one in history.alarms]
    return sorted([*visits, *faults], key=lambda line: -line.at)
