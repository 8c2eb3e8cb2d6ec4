"""The states of the devices that were heard lately, kept in the process between two batches.

A kept state is as the process last read or wrote it, with the version of its row. Whoever decides on it writes over
that version only (`device_states.save`), and whoever changes what it is made of moves the version on: so a decision on
a copy that is out of date is never committed, and the next attempt reads the row.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from gateway.detection.device_state import ClaimedDevice

ROOM = 100_000  # states, of some 600 bytes each


class KeptStates:
    """Key → state, at most `room` of them: what has not been heard for longest is forgotten first.

    For one listener's thread; others may only `forget`.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._states: OrderedDict[str, ClaimedDevice] = OrderedDict()  # the one written longest ago first

    def of(self, keys: Iterable[str]) -> dict[str, ClaimedDevice]:
        """Those of these that are kept."""
        get = self._states.get
        return {key: state for key in keys if (state := get(key)) is not None}

    def keep(self, states: Iterable[ClaimedDevice]) -> None:
        """What a transaction that is committed has read or written."""
        kept, pop = self._states, self._states.pop
        for state in states:
            state.due_before, state.gone_before = state.due_at, state.gone
            pop(state.key, None)
            kept[state.key] = state
        while len(kept) > self._room:
            kept.popitem(last=False)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._states))

    def forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._states.pop(key, None)
