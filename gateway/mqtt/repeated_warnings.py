"""Limits repeated log lines: the first is written, later ones are counted."""

from typing import Any

import structlog

from gateway.model import MINUTE, Instant

EVERY = 5 * MINUTE  # how often the count is said

log = structlog.get_logger()


class RepeatedWarnings:
    """The warnings of one thread; after `over` each is written again."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], list[int]] = {}  # event and reason → [said at, times since]

    def warn(self, event: str, reason: str, now: Instant, **more: Any) -> None:
        """Logs the warning, or counts it when the same event and reason were logged less than EVERY ms ago."""
        known = self._said.get((event, reason))
        if known is None:
            if len(self._said) >= 100:  # reasons that differ each time
                self._said.clear()
            self._said[event, reason] = [now, 0]
            log.warning(event, reason=reason, **more)
            return
        known[1] += 1
        if now - known[0] >= EVERY or now < known[0]:
            log.warning(event, reason=reason, times=known[1], minutes=round((now - known[0]) / MINUTE), **more)
            known[:] = [now, 0]

    def over(self) -> None:
        self._said.clear()
