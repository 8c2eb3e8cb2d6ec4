"""A timeline as somebody reads it."""

from gateway.model import Actor, ActorKind, Entry
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.entries import entry_sentence


def sentence(entry: Entry, locale: str = "en", zone: str = "Europe/Zurich") -> str:
    return entry_sentence(entry, catalogue_for(locale), zone)


def actor(who: str) -> Actor:
    """"technician Sara Keller" → who that is."""
    kind, _, name = who.partition(" ")
    return Actor(ActorKind(kind), name)
