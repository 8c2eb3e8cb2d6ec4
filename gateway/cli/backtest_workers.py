"""Runs a backtest in parallel on every processor."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.backtest import Outcome, Place, replay
from gateway.cli.readings_file import unpacked
from gateway.config.settings import Service
from gateway.devices.profiles import Profile, compile_profile
from gateway.model import Instant
from gateway.store import Store
from gateway.store.readings import history as kept

Pair = tuple[Outcome, Outcome | None]
"""With the rules on trial, and with those in force when they differ."""

ProfileTexts = tuple[tuple[str, str], ...]
"""(text, file) of each profile: compiled rules do not travel between processes."""


@dataclass(frozen=True)
class Trial:
    """What a backtest compares, and where its readings come from."""

    new: ProfileTexts
    old: ProfileTexts  # what is in force in their place, where it differs
    same: frozenset[str]  # ids of the profiles that are in force unchanged
    service: Service
    url: str | None = None  # of the database that has the readings
    since: Instant | None = None
    until: Instant | None = None


class Batch(NamedTuple):
    """Some devices: `packed` is each one's readings (None: ask the database)."""

    places: list[Place]
    packed: list[bytes] | None
    end: Instant  # until when the clock goes on
    gaps: list[tuple[Instant, Instant]]


@dataclass
class _WorkerState:
    trial: Trial
    new: dict[str, Profile]  # by id
    old: dict[str, Profile]
    store: Store | None


_worker_state: list[_WorkerState] = []  # one a process, set when it begins


class WorkerPool:
    """Runs work on a pool of processes, or without a pool in this one."""

    def __init__(self, trial: Trial, pool: ProcessPoolExecutor | None) -> None:
        self._pool = pool
        if pool is None:
            _begin(trial)

    def each(self, work: Callable[[Any], Any], items: Sequence[Any], tell: Callable[[int], None]) -> list[Any]:
        """`work` of each item, in their order; `tell` is called with the number done so far."""
        answers: dict[int, Any] = {}
        for place, answer in self._done(work, items):
            answers[place] = answer
            tell(len(answers))
        return [answers[place] for place in range(len(items))]

    def _done(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        if self._pool is None:
            yield from ((place, work(item)) for place, item in enumerate(items))
            return
        waiting = {self._pool.submit(work, item): place for place, item in enumerate(items)}
        yield from ((waiting[done], done.result()) for done in as_completed(waiting))


@contextmanager
def worker_pool(trial: Trial, alone: bool) -> Iterator[WorkerPool]:
    """A pool of one process for each processor; `alone`, or with one processor, none but this."""
    processors = os.cpu_count() or 1
    try:
        if alone or processors == 1:
            yield WorkerPool(trial, None)
        else:
            with ProcessPoolExecutor(processors, initializer=_begin_in_own_process, initargs=(trial,)) as pool:
                yield WorkerPool(trial, pool)
    finally:
        while _worker_state:
            worker = _worker_state.pop()
            if worker.store is not None:
                worker.store.close()


def replay_batch(batch: Batch) -> list[Pair]:
    """Replays every device of the batch with both sets of rules."""
    worker = _worker_state[-1]
    trial, service = worker.trial, worker.trial.service
    pairs: list[Pair] = []
    for number, place in enumerate(batch.places):
        if batch.packed is not None:
            rows = unpacked(batch.packed[number])
        else:
            assert worker.store is not None
            with worker.store.read() as session:
                rows = list(kept.rows(session, place.device_id, trial.since, trial.until))
        new = replay(worker.new[place.profile], place, rows, batch.end, service, batch.gaps)
        in_force = worker.old.get(place.profile)
        old = replay(in_force, place, rows, batch.end, service, batch.gaps) if in_force is not None else None
        pairs.append((new, old))
    return pairs


def batches(places: Iterable[Place], packed: dict[str, bytearray] | None, end: Instant,
            gaps: list[tuple[Instant, Instant]], size: int) -> list[Batch]:
    """Batches of about `size`: bytes of packed readings, or else devices."""
    found: list[Batch] = []
    room = 0
    for place in places:
        mine = bytes(packed.pop(place.device_id)) if packed is not None else None
        if room <= 0:
            found.append(Batch([], None if packed is None else [], end, gaps))
            room = size
        found[-1].places.append(place)
        if mine is not None and found[-1].packed is not None:
            found[-1].packed.append(mine)
        room -= 1 if mine is None else len(mine)
    return found


def _begin_in_own_process(trial: Trial) -> None:
    """Starts a worker process. Without garbage collection: nothing here has cycles, and looking for them took a
    third."""
    gc.disable()
    _begin(trial)


def _begin(trial: Trial) -> None:
    store = Store(trial.url) if trial.url is not None else None
    _worker_state.append(_WorkerState(trial, compile_profiles(trial.new), compile_profiles(trial.old), store))


def compile_profiles(texts: ProfileTexts) -> dict[str, Profile]:
    """By id. Raises BadProfile."""
    return {profile.id: profile for profile in (compile_profile(text, file) for text, file in texts)}
