"""Words a timeline entry in the reader's language."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.model import Actor, Entry, EntryKind, Price, RecipientKind, local
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.format_times import moment
from gateway.notifications.format_values import price
from gateway.notifications.reasons import reason_sentence

COUNTED = {  # kind → the parameter that decides between "home" and "homes"
    EntryKind.EN_ROUTE: "minutes", EntryKind.MAINTENANCE_ANNOUNCED: "customers",
    EntryKind.OUTAGE_TICKET_OPENED: "homes", EntryKind.OUTAGE_SUSPECTED: "homes", EntryKind.OUTAGE_DARK_AGAIN: "homes",
    EntryKind.OUTAGE_GREW: "more", EntryKind.OUTAGE_CONFIRMED: "customers", EntryKind.OUTAGE_CONFIRMED_OURS: "dark",
    EntryKind.OUTAGE_LONGER: "customers", EntryKind.OUTAGE_RESTORING: "back", EntryKind.OUTAGE_NESTED: "homes",
    EntryKind.OUTAGE_STILL_OUT: "dark", EntryKind.OUTAGE_RESTORED: "homes", EntryKind.OUTAGE_RUNG_FIRST: "homes",
    EntryKind.CUSTOMER_SENT_PHOTOS: "count",
}


def entry_sentence(entry: Entry, catalogue: Catalogue, zone: str) -> str:
    """What happened, as one plain sentence; times in `zone`.

    A parameter that is empty has a sentence of its own where the catalogue has one: `entry.declined.without_reason`.
    """
    given = entry.parameters
    id_ = catalogue.variant(f"entry.{entry.kind}", given)
    places = {name: _place(name, value, given, catalogue, zone) for name, value in given.items()}
    if catalogue.is_counted(id_):
        return catalogue.plural(id_, given[COUNTED[entry.kind]], **places)
    return catalogue(id_, **places)


def actor_name(actor: Actor, catalogue: Catalogue) -> str:
    """E.g. "provider Kunz Heating", "gateway"."""
    return catalogue(f"actor.{actor.kind}", name=actor.name).strip()


def in_language(words: Mapping[str, str], catalogue: Catalogue) -> str:
    """What a profile says in several languages, in the reader's; else in English."""
    return catalogue.choose(words)


def _place(name: str, value: Any, given: Mapping[str, Any], catalogue: Catalogue, zone: str) -> str:
    if value is None:
        return ""
    if name == "outcome":
        return catalogue(f"remote_fix.{value}", when=moment(given["tried_at"], catalogue, zone))
    if name == "tried_at":
        return f"{local(value, zone):%H:%M}"
    worded = _WORDED.get(name)
    if worded is not None:
        return worded(value, catalogue)
    return moment(value, catalogue, zone) if name in _MOMENTS else str(value)


def _recipient(whom: Mapping[str, str], catalogue: Catalogue) -> str:
    match whom["kind"]:
        case RecipientKind.DISPATCHER:
            return catalogue("recipient.dispatcher")
        case RecipientKind.EMERGENCY:
            return catalogue("recipient.emergency", number=whom["id"])
    return whom["name"] or f"{whom['kind']} {whom['id']}"


def _named(group: str) -> Callable[[Any, Catalogue], str]:
    """One word of a group of them; one that the catalogue lacks, as a device may send it, stays as it is."""
    return lambda value, catalogue: catalogue(f"{group}.{value}") if catalogue.has(f"{group}.{value}") else str(value)


def _topics(names: list[str], catalogue: Catalogue) -> str:
    return ", ".join(_named("topic")(name, catalogue) for name in names)


_MOMENTS = ("window_from", "window_until", "until", "due", "answer_by", "ring_from", "again_at", "open_by")
_WORDED: dict[str, Callable[[Any, Catalogue], str]] = {
    "cause": in_language, "fix": in_language, "reason": reason_sentence, "resolution": reason_sentence,
    "whom": _recipient, "severity": _named("severity"), "press": _named("press"), "became": _named("became"),
    "topic": _named("topic"), "incomplete": _named("incomplete"), "hold": _named("hold"), "clock": _named("sla"),
    "price": lambda value, catalogue: price(Price.read(value), catalogue.locale),
    "waits_for": _named("page.dispatch.hold"), "origin": _named("origin"), "call_outcome": _named("call_outcome"),
    "promised": _named("promise"), "others": _topics,
}
