"""Reads and writes device states on the hot path: hand-written statements, tuples instead of ORM objects.

A state is written over the version that it was decided on, and over no other: see `save`.
"""

from collections.abc import Iterable, Sequence
from itertools import compress
from operator import attrgetter
from sys import intern
from typing import Any

import orjson
from sqlmodel import Session

from gateway.detection import memory
from gateway.detection.device_state import ClaimedDevice
from gateway.model import Instant
from gateway.model.states import LinkState
from gateway.store import Conflict

_COLUMNS = ("d.key, d.id, d.profile, s.link, s.link_at, s.seen_at, s.data_at, s.due_at, s.version, "
            "s.signals, s.memory")
_BOTH = "device d JOIN device_state s ON s.device_id = d.id WHERE d.retired_at IS NULL"

_LOAD = {
    # CROSS JOIN fixes SQLite's order: left to itself it walks every device to find a few
    "sqlite": f"SELECT {_COLUMNS} FROM json_each(?) j CROSS JOIN device d ON d.key = j.value "
              "CROSS JOIN device_state s ON s.device_id = d.id WHERE d.retired_at IS NULL",
    "postgresql": f"SELECT {_COLUMNS} FROM {_BOTH} AND d.key = ANY(%s) ORDER BY d.id",
}
_LOCK = {"sqlite": "", "postgresql": " FOR UPDATE OF s"}  # SQLite has one writer at a time
_RETIRED_COLUMNS = _COLUMNS.replace("d.key", "d.retired_key", 1)
_LOAD_RETIRED = {
    "sqlite": f"SELECT {_RETIRED_COLUMNS} FROM json_each(?) j CROSS JOIN device d ON d.retired_key = j.value "
              "CROSS JOIN device_state s ON s.device_id = d.id ORDER BY d.retired_at",
    "postgresql": f"SELECT {_RETIRED_COLUMNS} FROM device d JOIN device_state s ON s.device_id = d.id "
                  "WHERE d.retired_key = ANY(%s) ORDER BY d.retired_at FOR UPDATE OF s",
}
_DUE = {
    "sqlite": f"SELECT {_COLUMNS} FROM {_BOTH} AND s.due_at <= ? ORDER BY s.due_at LIMIT ?",
    "postgresql": f"SELECT {_COLUMNS} FROM {_BOTH} AND s.due_at <= %s ORDER BY s.due_at LIMIT %s "
                  "FOR UPDATE OF s SKIP LOCKED",
}


def _with_timezone(statement: str) -> str:
    """The statement with the site's time zone as last column: 1.6 µs more a device, so only where a rule needs it."""
    site = f"{'CROSS ' if 'CROSS' in statement else ''}JOIN site t ON t.id = d.site_id WHERE"
    return statement.replace("s.memory FROM", "s.memory, t.timezone FROM").replace("WHERE", site, 1)


_LOAD_WITH_ZONE = {name: _with_timezone(statement) for name, statement in _LOAD.items()}
_DUE_WITH_ZONE = {name: _with_timezone(statement) for name, statement in _DUE.items()}


def _from_columns(*types: str) -> str:
    """PostgreSQL's `SELECT` of rows that come as one JSON array for each column, of these types; "": text. Of all ways
    this takes the least of us (0.5 µs a row of five; psycopg's own arrays 9.6, COPY 1.1) and no more of the server."""
    names = [f"c{place}" for place in range(len(types))]
    columns = ", ".join(f"{name}::{kind}" if kind else name for name, kind in zip(names, types, strict=True))
    arrays = ", ".join(["json_array_elements_text(%s::json)"] * len(types))
    return f"SELECT {columns} FROM ROWS FROM ({arrays}) AS n({', '.join(names)})"


_WRITTEN = "link, link_at, seen_at, data_at, signals, memory"
_SET = _WRITTEN.replace(",", "=?,") + "=?"
_SAVE = {
    "sqlite": f"UPDATE device_state SET {_SET}, due_at=?, version=version+1 WHERE device_id=? AND version=?",
    # Each row is there: its conflict leads to it by its key, where a join read all devices there are.
    "postgresql": f"INSERT INTO device_state ({_WRITTEN}, due_at, device_id, version) "
                  + _from_columns("", "bigint", "bigint", "bigint", "", "", "bigint", "", "bigint")
                  + " ON CONFLICT (device_id) DO UPDATE SET "
                  + ", ".join(f"{name}=excluded.{name}" for name in (*_WRITTEN.split(", "), "due_at"))
                  + ", version=excluded.version+1 WHERE device_state.version=excluded.version",
}
# SQLite rewrites an index for every column that a statement names; PostgreSQL compares values first
_SAVE_SAME_DUE = f"UPDATE device_state SET {_SET}, version=version+1 WHERE device_id=? AND version=?"
_OUTDATE = {
    "sqlite": "UPDATE device_state SET version=version+1 WHERE device_id IN (SELECT value FROM json_each(?))",
    "postgresql": "UPDATE device_state SET version=version+1 WHERE device_id = ANY(%s)",
}
_ONLINE = LinkState.ONLINE
_by_id, _dumps = attrgetter("device_id"), orjson.dumps
_LINKS = {str(link): link for link in LinkState}  # a look-up where LinkState(text) would be a call
_READINGS = {
    "sqlite": "INSERT OR IGNORE INTO reading (device_id, at, seq, received_at, signals) VALUES (?, ?, ?, ?, ?)",
    "postgresql": "INSERT INTO reading (device_id, at, seq, received_at, signals) "
                  + _from_columns("", "bigint", "bigint", "bigint", "") + " ON CONFLICT DO NOTHING",
}


def load(session: Session, keys: Iterable[str], zones: bool = False, lock: bool = True) -> dict[str, ClaimedDevice]:
    """key → state of the claimed devices among `keys`; `zones`: with the time zone of each site; `lock`: nobody else
    changes them until the transaction ends."""
    name = session.connection().dialect.name
    return _load(session, (_LOAD_WITH_ZONE if zones else _LOAD)[name] + (_LOCK[name] if lock else ""), keys)


def load_retired(session: Session, keys: Iterable[str]) -> dict[str, ClaimedDevice]:
    """Key → state of the device that was heard under it until it was retired, the last one."""
    return _load(session, _LOAD_RETIRED[session.connection().dialect.name], keys)


def _load(session: Session, statement: str, keys: Iterable[str]) -> dict[str, ClaimedDevice]:
    connection = session.connection()
    wanted: Any = list(keys)
    if connection.dialect.name == "sqlite":
        wanted = orjson.dumps(wanted).decode()
    rows = connection.exec_driver_sql(statement, (wanted,)).all()
    return {row[0]: _state_from_row(row) for row in rows}


def due(session: Session, now: Instant, limit: int, zones: bool = False) -> list[ClaimedDevice]:
    """Devices whose deadline is past, most overdue first, locked; cost does not depend on how many are healthy."""
    connection = session.connection()
    rows = connection.exec_driver_sql((_DUE_WITH_ZONE if zones else _DUE)[connection.dialect.name], (now, limit))
    return [_state_from_row(row) for row in rows]


def save(session: Session, states: Iterable[ClaimedDevice]) -> None:
    """Writes the states back to their rows, which stay locked until the transaction ends. Raises Conflict when one of
    them is no longer the version that was decided on: then nothing of this transaction may be kept."""
    # in the order of their ids: two processes that write the same ones wait for each other, not in a circle
    ordered = sorted(states, key=_by_id)
    rows = [_values(state) for state in ordered]
    if session.connection().dialect.name == "sqlite":
        moved = [s.due_at != s.due_before for s in ordered]
        same = [(*row[:6], *row[7:]) for row, moves in zip(rows, moved, strict=True) if not moves]
        written = 0
        if same:
            written = session.connection().exec_driver_sql(_SAVE_SAME_DUE, same).rowcount
        written += _execute_for_all(session, _SAVE, [*compress(rows, moved)])
    else:
        written = _execute_for_all(session, _SAVE, rows)
    if written != len(rows):
        raise Conflict(f"{len(rows) - written} of {len(rows)} device states: changed by somebody else meanwhile")
    for state in ordered:
        state.version += 1


def _values(state: ClaimedDevice) -> tuple[Any, ...]:
    """In the order in which SQLite's statements ask for them."""
    text = memory.NOTHING
    if state.memory is not memory.HEALTHY or state.history is not None:
        text = memory.dumps(state.memory, state.history)
        if text == memory.NOTHING:
            state.memory = memory.HEALTHY  # as it is when it is read again
    link, state.signals_json = state.link, _dumps(state.signals).decode()
    return ("online" if link is _ONLINE else str(link), state.link_at, state.seen_at, state.data_at,
            state.signals_json, text, state.due_at, state.device_id, state.version)


def outdate(session: Session, device_ids: Iterable[str]) -> None:
    """Every copy of these states is out of date: their device has another key, profile or site, or is retired. Waits
    until nobody is in the middle of one of their messages, and holds the next ones back until the transaction ends."""
    connection = session.connection()
    wanted: Any = sorted(device_ids)
    if wanted:
        wanted = orjson.dumps(wanted).decode() if connection.dialect.name == "sqlite" else wanted
        connection.exec_driver_sql(_OUTDATE[connection.dialect.name], (wanted,))


def add_readings(session: Session, rows: Sequence[tuple[str, Instant, int, Instant, str]]) -> None:
    """Adds rows of (device id, at, seq, received_at, signals as JSON); a row that exists is a redelivery and stays."""
    _execute_for_all(session, _READINGS, rows)


def _execute_for_all(session: Session, statement: dict[str, str], rows: Sequence[tuple[Any, ...]]) -> int:
    """Returns how many rows were written."""
    if not rows:
        return 0
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(statement["sqlite"], list(rows)).rowcount
    columns = tuple(_dumps(column).decode() for column in zip(*rows, strict=True))
    return connection.exec_driver_sql(statement["postgresql"], columns).rowcount


def _state_from_row(row: Any) -> ClaimedDevice:
    key, device_id, profile, link, link_at, seen_at, data_at, due_at, version, signals, text, *zone = row
    remembered, history = memory.loads(text)
    state = ClaimedDevice(device_id, key, intern(profile), _LINKS[link], link_at, seen_at, data_at, due_at, due_at,
                          False, orjson.loads(signals), signals, remembered, history, zone[0] if zone else "UTC",
                          version)
    state.gone_before = state.gone
    return state
