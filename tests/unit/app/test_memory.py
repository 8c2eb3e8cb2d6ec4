"""What was needed for a moment only goes back to the system."""

from pathlib import Path

import pytest

from gateway.app.memory import give_back, malloc_trim


def _resident_mb() -> float:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.skipif(malloc_trim() is None, reason="the C library is not glibc")
def test_what_a_backlog_needed_is_given_back_though_something_younger_is_kept() -> None:
    backlog = [bytes(2_000) for _ in range(50_000)]
    younger = [bytes(2_000) for _ in range(100)]
    backlog.clear()
    before = _resident_mb()
    give_back()
    assert before - _resident_mb() > 50
    assert younger
