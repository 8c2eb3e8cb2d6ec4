"""What we have subscribed to: the dialects' fixed filters, and the topics that devices announce as they come and go."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import paho.mqtt.client as paho
import structlog

AT_ONCE = 200  # filters in one packet: brokers bound a packet's size

log = structlog.get_logger()


class Subscriptions:
    """One connection's; `begin` starts anew."""

    def __init__(self, share: str | None) -> None:
        self._prefix = f"$share/{share}/" if share else ""
        self._fixed: dict[int, list[str]] = {}  # message id → fixed filters not answered yet
        self._routes: set[str] = set()
        self.refused: list[str] = []

    @property
    def complete(self) -> bool:
        """Every fixed filter is granted: from now on nothing is missed. An announced topic may be refused us."""
        return not self._fixed and not self.refused

    def begin(self, client: paho.Client, filters: Sequence[str], routes: Collection[str]) -> None:
        """Subscribes to everything on a new connection: what a kept session still holds does no harm."""
        self._fixed, self._routes, self.refused = {}, set(), []
        for some in _parts(filters):
            self._fixed[self._ask(client, some)] = some
        self.follow(client, routes, routes)

    def follow(self, client: paho.Client, routes: Collection[str], changed: Iterable[str]) -> None:
        """Subscribes to announced topics that are new, and leaves those that are gone, as far as they have `changed`:
        there may be hundreds of thousands."""
        new = sorted(topic for topic in changed if topic in routes and topic not in self._routes)
        gone = sorted(topic for topic in changed if topic in self._routes and topic not in routes)
        for some in _parts(new):
            self._ask(client, some)
        for some in _parts(gone):
            client.unsubscribe([self._prefix + topic for topic in some])
        self._routes.update(new)
        self._routes.difference_update(gone)

    def answered(self, mid: int, reasons: Sequence[Any]) -> None:
        """The broker's word on one packet of filters."""
        asked = self._fixed.pop(mid, None)
        no = [str(reason) for reason in reasons if reason.is_failure]
        if asked is not None:
            self.refused += no
        elif no:
            log.warning("the broker refuses us topics that devices announced", topics=len(no))

    def _ask(self, client: paho.Client, filters: Iterable[str]) -> int:
        _, mid = client.subscribe([(self._prefix + wanted, 1) for wanted in filters])
        return mid or 0


def _parts(filters: Sequence[str]) -> Iterable[list[str]]:
    return (list(filters[first:first + AT_ONCE]) for first in range(0, len(filters), AT_ONCE))
