"""The states of the devices that were heard lately, kept in the process between two batches.

A kept state is as the process last read or wrote it, with the version of its row. Whoever decides on it writes over
that version only (`device_states.save`), and whoever changes what it is made of moves the version on: so a decision on
a copy that is out of date is never committed. A batch takes out what it moves on in place, and only its commit brings
it back: after anything else the next attempt reads the rows.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

from gateway.detection.device_state import ClaimedDevice
from gateway.model.signals import Value

ROOM = 100_000  # states, of about 0.6 kB each
_AS_JSON: dict[str, Value] = {}  # the signals of whoever is kept: their JSON takes a third


class KeptStates:
    """Key → state, at most `room` of them: what has not been heard for longest is forgotten first.

    For one listener's thread; others may only `forget`.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._states: dict[str, ClaimedDevice] = {}  # the one written longest ago first

    def take(self, keys: Iterable[str]) -> dict[str, ClaimedDevice]:
        """Those of these that are kept, which are kept no longer."""
        pop = self._states.pop
        taken = {key: state for key in keys if (state := pop(key, None)) is not None}
        for state in taken.values():
            state.signals = orjson.loads(state.signals_json)
        return taken

    def keep(self, states: Iterable[ClaimedDevice]) -> None:
        """What a transaction that is committed has written."""
        kept = self._states
        for state in states:
            state.due_before, state.gone_before, state.signals = state.due_at, state.gone, _AS_JSON
            kept[state.key] = state
        if len(kept) > self._room:  # all at once: the way to the first leads past all that were taken out before it
            self.forget(list(islice(kept, len(kept) - self._room)))

    def __iter__(self) -> Iterator[ClaimedDevice]:
        for state in list(self._states.values()):
            whole = state.copy()
            whole.signals = orjson.loads(state.signals_json)
            yield whole

    def forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._states.pop(key, None)
