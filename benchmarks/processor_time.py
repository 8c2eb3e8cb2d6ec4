"""Processor time and memory of other processes, their threads and children included, as the kernel counts them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Process:
    """What the kernel says of another process and of those that it started."""

    pid: int

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time, of children that have ended too."""
        return sum(_cpu_s(pid, ended=True) for pid in family(self.pid))

    @property
    def peak_mb(self) -> float:
        return self._memory_mb("VmHWM")

    @property
    def resident_mb(self) -> float:
        return self._memory_mb("VmRSS")

    def _memory_mb(self, line: str) -> float:
        total = 0.0
        for pid in family(self.pid):
            with suppress(OSError, IndexError):  # it has just ended, and has none
                status = Path(f"/proc/{pid}/status").read_text()
                total += int(status.split(f"{line}:")[1].split()[0]) / 1024
        return total


@dataclass
class DatabaseServer:
    """A PostgreSQL server: all its processes but the one that serves us."""

    postmaster: int
    ours: int

    @property
    def cpu_s(self) -> float:
        return Process(self.postmaster).cpu_s - _cpu_s(self.ours, ended=False)


def database_server(connection: Connection) -> DatabaseServer | None:
    """The server behind a connection, which is to stay open; None: SQLite, another machine, or a container that we do
    not see into."""
    if connection.dialect.name != "postgresql":
        return None
    connection.execute(text("SET max_parallel_workers_per_gather = 0"))  # no process but its own works for us
    ours, database = connection.execute(text("SELECT pg_backend_pid(), current_database()")).one()
    connection.commit()
    with suppress(OSError):
        title = Path(f"/proc/{ours}/cmdline").read_text()
        if title.startswith("postgres") and database in title:
            return DatabaseServer(_fields(ours)[1], ours)
    return None


def family(pid: int) -> Iterator[int]:
    """This process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it has just ended
                children.setdefault(_fields(int(entry.name))[1], []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return iter(found)


def _cpu_s(pid: int, ended: bool) -> float:
    try:
        used = _fields(pid)[11:15 if ended else 13]
    except OSError:  # it has just ended: its parent counts it
        return 0.0
    return sum(used) / TICK


def _fields(pid: int) -> list[int]:
    """Of /proc/PID/stat, from the state on, which is given as 0."""
    return [int(one) if one.lstrip("-").isdigit() else 0
            for one in Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()]
