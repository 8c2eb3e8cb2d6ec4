"""SQLite's one writer: whoever waits comes in turn."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.store.locks.fair_lock import FairLock
from tests.fixtures.servers import wait_until


@pytest.fixture
def lock() -> FairLock:
    lock = FairLock()
    assert lock.acquire(0)
    return lock


@contextmanager
def waiting(lock: FairLock, *names: str) -> Iterator[list[str]]:
    """Threads that wait, one after the other, and then write their names."""
    came: list[str] = []

    def write(name: str) -> None:
        assert lock.acquire(10)
        came.append(name)
        lock.release()

    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for number, thread in enumerate(threads, 1):
        thread.start()
        wait_until(lambda number=number: len(lock._waiting) == number)
    yield came
    for thread in threads:
        thread.join(10)


def test_they_come_in_the_order_in_which_they_asked(lock: FairLock) -> None:
    with waiting(lock, *"abcdefgh") as came:
        lock.release()
    assert came == [*"abcdefgh"]


def test_who_has_just_let_go_comes_after_those_who_wait(lock: FairLock) -> None:
    with waiting(lock, "a", "b") as came:
        lock.release()
        assert lock.acquire(10)
        assert came == ["a", "b"]
        lock.release()


def test_who_has_waited_long_enough_goes_and_leaves_no_gap(lock: FairLock) -> None:
    assert not lock.acquire(0.01)
    with waiting(lock, "a") as came:
        lock.release()
    assert came == ["a"]
    assert lock.acquire(0)
