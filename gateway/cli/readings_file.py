"""Reads a history of readings from a file, grouped by device, and reports every line that cannot be read."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from gateway.backtest import Row
from gateway.backtest.history_lines import BadLine, Read, columns, from_csv, from_json, from_object
from gateway.model import MINUTE, Instant

SHOWN = 10  # bad lines that are named
PART = 8_000_000  # bytes that are read at once
AT_ONCE = 1000  # lines that are decoded together
PACKED_AT = 5000  # … that are held as rows
FOREVER = 2**62


class BadHistory(Exception):
    """`errors`: one line each, `file:line: field: value — what was expected`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass
class History:
    """`devices`: device id → its readings as JSON rows, each followed by a comma; in the file's order."""

    devices: dict[str, bytearray] = field(default_factory=dict)
    readings: int = 0
    lines: int = 0
    bad: int = 0  # lines that were skipped
    errors: list[tuple[int, str]] = field(default_factory=list)  # (line, what is wrong) of the first of them
    last: Instant = 0
    minutes: set[int] = field(default_factory=set)  # since 1970, in which anything was heard


def unpacked(packed: bytes | bytearray) -> list[Row]:
    """One device's readings, in order of receipt."""
    rows: list[Row] = orjson.loads(b"[" + packed[:-1] + b"]")
    rows.sort(key=itemgetter(0))
    return rows


class Part(NamedTuple):
    """Some of a file: the lines that begin from byte `begin` on and before `end`."""

    path: Path
    begin: int
    end: int
    since: Instant
    until: Instant


def parts(path: Path, since: Instant | None, until: Instant | None, size: int = PART) -> list[Part]:
    """The file in parts that can be read independently; a CSV is one part, since a cell may span lines."""
    length = path.stat().st_size
    step = max(length, 1) if path.suffix.lower() == ".csv" else size
    return [Part(path, begin, min(begin + step, length), since or 0, until or FOREVER)
            for begin in range(0, max(length, 1), step)]


def read_part(part: Part) -> History:
    """A `.csv` file, or JSON lines. Lines are numbered from the beginning of the part. Raises BadHistory."""
    history = History()
    rows: dict[str, list[Row]] = {}
    minutes, last = history.minutes, 0
    with part.path.open("rb") as file:
        for number, got in _csv(file, part.path) if part.path.suffix.lower() == ".csv" else _json(file, part, history):
            if isinstance(got, BadLine):
                _note_bad_line(history, number, got)
                continue
            device, heard, at, signals = got
            if not part.since <= at < part.until:
                continue
            mine = rows.get(device)
            if mine is None:
                mine = rows[device] = []
            mine.append((heard, at, signals))
            minutes.add(heard // MINUTE)
            if heard > last:
                last = heard
            if not number % PACKED_AT:
                _pack(history, rows)
    _pack(history, rows)
    history.last = last
    return history


def _pack(history: History, rows: dict[str, list[Row]]) -> None:
    """Moves the rows to `history` as JSON bytes: objects for all of them would cost more than reading them."""
    for device, mine in rows.items():
        history.devices.setdefault(device, bytearray()).extend(orjson.dumps(mine)[1:-1] + b",")
        history.readings += len(mine)
    rows.clear()


def _note_bad_line(history: History, number: int, bad: BadLine) -> None:
    history.bad += 1
    if len(history.errors) < SHOWN:
        history.errors.append((number, str(bad)))


def joined(path: Path, pieces: Iterable[History], strict: bool) -> History:
    """Joins the parts of one file, in order. Raises BadHistory for an unusable file, with `strict` for any bad line."""
    whole = History()
    for piece in pieces:
        for device, packed in piece.devices.items():
            whole.devices.setdefault(device, bytearray()).extend(packed)
        whole.errors += [(whole.lines + number, error) for number, error in piece.errors]
        whole.lines, whole.bad = whole.lines + piece.lines, whole.bad + piece.bad
        whole.readings, whole.last = whole.readings + piece.readings, max(whole.last, piece.last)
        whole.minutes |= piece.minutes
    if strict and whole.errors:
        raise BadHistory(unreadable_lines(path, whole)[:1])
    if not whole.readings:
        raise BadHistory([*unreadable_lines(path, whole),
                          f"{path}: no reading in it{'' if whole.bad else ' at that time'}"
                          ' — expected lines such as {"device": "hp-1", "at": 1788264000000, "signals": {"t": 45.2}}'])
    return whole


def unreadable_lines(path: Path, history: History) -> list[str]:
    """The first bad lines, each `file:line: field: value — what was expected`."""
    return [f"{path}:{number}: {error}" for number, error in history.errors[:SHOWN]]


def _json(file: BinaryIO, part: Part, history: History) -> Iterator[tuple[int, Read | BadLine]]:
    """(line number, reading or error) of each line. Decodes many lines as one JSON text, which takes half the time."""
    lines = _lines(file, part)
    history.lines = len(lines)
    for begin in range(0, len(lines), AT_ONCE):
        block = lines[begin:begin + AT_ONCE]
        try:
            found = orjson.loads(b"[" + b",".join(block) + b"]")
        except orjson.JSONDecodeError:
            found = []
        whole = len(found) == len(block)  # else a line is none, or two
        for number, given in enumerate(found if whole else block, begin + 1):
            try:
                if whole:
                    yield number, from_object(given)
                elif given and not given.isspace():
                    yield number, from_json(given)
            except BadLine as bad:
                yield number, bad


def _lines(file: BinaryIO, part: Part) -> list[bytes]:
    """The lines that begin within the part."""
    begin = part.begin
    if begin:
        file.seek(begin - 1)
        begin += len(file.readline()) - 1  # the line that began before is the last part's
    if begin >= part.end:
        return []
    lines = file.read(part.end - begin).split(b"\n")
    if lines[-1]:
        lines[-1] += file.readline().removesuffix(b"\n")
    else:
        lines.pop()
    return lines


def _csv(file: BinaryIO, path: Path) -> Iterator[tuple[int, Read | BadLine]]:
    text = TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    lines = csv.reader(text)
    try:
        names = columns(next(lines, []))
        for cells in lines:
            try:
                if cells:
                    yield lines.line_num, from_csv(names, cells)
            except BadLine as bad:
                yield lines.line_num, bad
    except (BadLine, csv.Error) as bad:
        raise BadHistory([f"{path}:{max(lines.line_num, 1)}: {bad}"]) from bad
    finally:
        text.detach()
