"""The verbs: receive, sweep, advance, deliver. Each loads what it needs, asks pure functions, and applies the answer."""

from dataclasses import dataclass, field
from threading import Event
from typing import Any

from gateway.model import Instant
from gateway.planning.acts import Act
from gateway.settings import Settings
from gateway.store import Store


@dataclass
class Gateway:
    """Everything the verbs need, put together once in __main__."""

    settings: Settings
    store: Store
    profiles: dict[str, Any]
    channels: dict[str, Any]
    outbox_filled: Event = field(default_factory=Event)  # set after a commit that wrote outbox rows: deliver wakes


def advance(gw: Gateway, act: Act, who: str, now: Instant) -> None:
    """A person did something. `who` is written in the timeline. Raises Refused or NoSuch."""
    raise NotImplementedError


def deliver(gw: Gateway, now: Instant) -> int:
    """Sends what is due; returns how many notifications were looked at."""
    raise NotImplementedError
