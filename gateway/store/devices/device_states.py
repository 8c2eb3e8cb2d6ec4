"""Reads and writes device states on the hot path: four hand-written statements, tuples instead of ORM objects."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlmodel import Session

from gateway.detection import memory
from gateway.detection.device_state import ClaimedDevice
from gateway.model import Instant
from gateway.model.states import LinkState

_COLUMNS = "d.key, d.id, d.profile, d.site_id, s.link, s.link_at, s.seen_at, s.data_at, s.due_at, s.signals, s.memory"
_BOTH = "device d JOIN device_state s ON s.device_id = d.id WHERE d.retired_at IS NULL"

_LOAD = {
    # CROSS JOIN fixes SQLite's order: left to itself it walks every device to find a few
    "sqlite": f"SELECT {_COLUMNS} FROM json_each(?) j CROSS JOIN device d ON d.key = j.value "
              "CROSS JOIN device_state s ON s.device_id = d.id WHERE d.retired_at IS NULL",
    "postgresql": f"SELECT {_COLUMNS} FROM {_BOTH} AND d.key = ANY(%s) ORDER BY d.id FOR UPDATE OF s",
}
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
_SAVE = {
    "sqlite": "UPDATE device_state SET link=?, link_at=?, seen_at=?, data_at=?, due_at=?, signals=?, memory=? "
              "WHERE device_id=?",
    # one JSON text for all rows: psycopg writes arrays value by value in Python, which took 10 µs a message
    # Each row is there, and locked: its conflict leads to it by its key, where a join read all devices there are.
    "postgresql": "INSERT INTO device_state (link, link_at, seen_at, data_at, due_at, signals, memory, device_id) "
                  "SELECT * FROM json_to_recordset(%s::json) AS n(link text, link_at bigint, seen_at bigint, "
                  "data_at bigint, due_at bigint, signals text, memory text, device_id text) "
                  "ON CONFLICT (device_id) DO UPDATE SET link=excluded.link, "
                  "link_at=excluded.link_at, seen_at=excluded.seen_at, data_at=excluded.data_at, "
                  "due_at=excluded.due_at, signals=excluded.signals, memory=excluded.memory",
}
_LINKS = {str(link): link for link in LinkState}  # a look-up where LinkState(text) would be a call
_STATE_COLUMNS = ("link", "link_at", "seen_at", "data_at", "due_at", "signals", "memory", "device_id")
# SQLite rewrites an index for every column that a statement names; PostgreSQL compares values first
_SAVE_SAME_DUE = ("UPDATE device_state SET link=?, link_at=?, seen_at=?, data_at=?, signals=?, memory=? "
                  "WHERE device_id=?")
_READINGS = {
    "sqlite": "INSERT OR IGNORE INTO reading (device_id, at, seq, received_at, signals) VALUES (?, ?, ?, ?, ?)",
    "postgresql": "INSERT INTO reading (device_id, at, seq, received_at, signals) SELECT * FROM "
                  "json_to_recordset(%s::json) AS n(device_id text, at bigint, seq bigint, received_at bigint, "
                  "signals text) ON CONFLICT DO NOTHING",
}
_READING_COLUMNS = ("device_id", "at", "seq", "received_at", "signals")


def load(session: Session, keys: Iterable[str], zones: bool = False) -> dict[str, ClaimedDevice]:
    """key → state of the claimed devices among `keys`, locked until the transaction ends; `zones`: with the time zone
    of each site."""
    return _load(_LOAD_WITH_ZONE if zones else _LOAD, session, keys)


def load_retired(session: Session, keys: Iterable[str]) -> dict[str, ClaimedDevice]:
    """Key → state of the device that was heard under it until it was retired, the last one."""
    return _load(_LOAD_RETIRED, session, keys)


def _load(statements: dict[str, str], session: Session, keys: Iterable[str]) -> dict[str, ClaimedDevice]:
    connection = session.connection()
    name = connection.dialect.name
    wanted: Any = list(keys)
    if name == "sqlite":
        wanted = orjson.dumps(wanted).decode()
    rows = connection.exec_driver_sql(statements[name], (wanted,)).all()
    return {row[0]: _state_from_row(row) for row in rows}


def due(session: Session, now: Instant, limit: int, zones: bool = False) -> list[ClaimedDevice]:
    """Devices whose deadline is past, most overdue first, locked; cost does not depend on how many are healthy."""
    connection = session.connection()
    rows = connection.exec_driver_sql((_DUE_WITH_ZONE if zones else _DUE)[connection.dialect.name], (now, limit))
    return [_state_from_row(row) for row in rows]


def save(session: Session, states: Iterable[ClaimedDevice]) -> None:
    """Writes the states back to their rows."""
    dumps = orjson.dumps
    rows = [(str(s.link), s.link_at, s.seen_at, s.data_at, s.due_at, dumps(s.signals).decode(),
             memory.dumps(s.memory, s.history), s.device_id, s.due_at == s.due_before) for s in states]
    if session.connection().dialect.name == "sqlite":
        same = [(*row[:4], *row[5:8]) for row in rows if row[8]]
        if same:
            session.connection().exec_driver_sql(_SAVE_SAME_DUE, same)
        rows = [row for row in rows if not row[8]]
    _execute_for_all(session, _SAVE, _STATE_COLUMNS, [row[:8] for row in rows])


def add_readings(session: Session, rows: Sequence[tuple[str, Instant, int, Instant, str]]) -> None:
    """Adds rows of (device id, at, seq, received_at, signals as JSON); a row that exists is a redelivery and stays."""
    _execute_for_all(session, _READINGS, _READING_COLUMNS, rows)


def _execute_for_all(session: Session, statement: dict[str, str], names: Sequence[str],
                     rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement["sqlite"], list(rows))
    else:
        text = orjson.dumps([dict(zip(names, row, strict=True)) for row in rows]).decode()
        connection.exec_driver_sql(statement["postgresql"], (text,))


def _state_from_row(row: Any) -> ClaimedDevice:
    key, device_id, profile, site_id, link, link_at, seen_at, data_at, due_at, signals, text, *zone = row
    remembered, history = memory.loads(text)
    state = ClaimedDevice(device_id, key, profile, site_id, _LINKS[link], link_at, seen_at, data_at, due_at, due_at,
                          False, orjson.loads(signals), remembered, history, *zone)
    state.gone_before = state.gone
    return state
