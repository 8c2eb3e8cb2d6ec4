"""Words a suggestion of what to do next, in the language of whoever sits at the desk, and what a call that it proposes
is about, in the customer's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.model import Price
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import TimeFormat, capital
from gateway.notifications.format_values import price
from gateway.notifications.messages import topic_name
from gateway.tickets.actions import Act, OpenCallback
from gateway.tickets.desk.next_action import NextAction, NextActionKind

_MOMENTS = ("until", "due", "since", "at", "expires")
_GROUPS = {"promised": "promise", "clock": "sla", "waits_for": "page.dispatch.hold", "severity": "severity"}


@dataclass(frozen=True)
class WordedAction:
    """A suggestion as somebody reads it."""

    kind: NextActionKind
    what: str
    why: str
    act: Act


def word_action(action: NextAction, names: Mapping[str, str], say: TimeFormat, customers_words: Catalogue
                ) -> WordedAction:
    """`names`: provider id → its name."""
    words = say.catalogue
    places = {name: _place(name, value, names, say) for name, value in action.parameters.items()}
    places["technician"] = places.get("technician") or places.get("provider", "")
    act = action.act
    if isinstance(act, OpenCallback) and not act.words:
        act = replace(act, words=customers_words(f"next_action.{action.kind}.wish"))
    return WordedAction(action.kind, words(f"next_action.{action.kind}", **places),
                        capital(words(f"next_action.{action.kind}.why", **places)), act)


def _place(name: str, value: Any, names: Mapping[str, str], say: TimeFormat) -> str:
    words = say.catalogue
    if name in _MOMENTS:
        return say.when(value)
    if name in _GROUPS:
        return words(f"{_GROUPS[name]}.{value}")
    match name:
        case "provider":
            return names.get(value, value)
        case "reasons":
            return ", ".join(words(f"page_reason.{one}") for one in value)
        case "topic":
            return topic_name(value, words)
        case "price":
            return price(Price.read(value), words.locale) if value else "?"
    return str(value)
