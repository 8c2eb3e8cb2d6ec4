"""Customers with their page open: each follows its ticket by one stream, as live.js does it."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

_VERSION = re.compile(rb'data-version="([^"]*)"')
AGAIN_S = 0.5  # until a page asks anew whose stream has ended
AT_ONCE = 20  # pages that are opened at the same time
PATIENCE_S = 90.0  # without a byte; the gateway says something every 15 s


@dataclass
class Seen:
    """What came by all streams."""

    open: int = 0
    events: int = 0
    broken: int = 0  # connections that ended in an error
    refused: int = 0  # streams for which there was no room
    came: dict[str, list[float]] = field(default_factory=dict)  # path → when it came anew, by time.perf_counter()
    wrong: list[object] = field(default_factory=list)  # what ended a look before its time


@contextmanager
def following(host: str, port: int, paths: Sequence[str], patience_s: float) -> Iterator[Seen]:
    """One viewer for each path while the block runs, which begins when all of them look on."""
    seen, loop, over = Seen(), asyncio.new_event_loop(), asyncio.Event()

    async def all_of_them() -> None:
        turn = asyncio.Semaphore(AT_ONCE)
        looks = [asyncio.create_task(_look(host, port, path, seen, turn)) for path in paths]
        await over.wait()
        for one in looks:
            one.cancel()
        seen.wrong = [one for one in await asyncio.gather(*looks, return_exceptions=True)
                      if not isinstance(one, asyncio.CancelledError)]

    thread = threading.Thread(target=lambda: loop.run_until_complete(all_of_them()))
    thread.start()
    try:
        give_up = time.monotonic() + patience_s
        while seen.open < len(paths):
            if time.monotonic() > give_up:
                raise SystemExit(f"only {seen.open} of {len(paths)} pages could be followed")
            time.sleep(0.1)
        yield seen
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
    if seen.wrong:
        raise SystemExit(f"a customer saw nothing more: {seen.wrong[0]!r}")


async def _look(host: str, port: int, path: str, seen: Seen, turn: asyncio.Semaphore) -> None:
    async with turn:
        version = await _load(host, port, path)
    while True:
        try:
            version = await _follow(host, port, path, version, seen, turn)
        except OSError:
            seen.broken += 1
        await asyncio.sleep(AGAIN_S)


async def _load(host: str, port: int, path: str) -> str:
    """The version that the page shows."""
    reader, writer = await _ask(host, port, path, "connection: close\r\n")
    found = _VERSION.search(await reader.read())
    writer.close()
    if found is None:
        raise LookupError(f"{path} is not a page that keeps itself up to date")
    return found.group(1).decode()


async def _follow(host: str, port: int, path: str, version: str, seen: Seen, turn: asyncio.Semaphore) -> str:
    """One stream to its end: the version that it has come to."""
    async with turn:
        reader, writer = await _ask(host, port, f"{path}/stream?version={version}", "accept: text/event-stream\r\n")
        status = await asyncio.wait_for(reader.readline(), PATIENCE_S)
        if b" 200 " not in status:
            raise LookupError(f"{path}: {status!r}")
    seen.open += 1
    name = b""
    try:
        while line := await asyncio.wait_for(reader.readline(), PATIENCE_S):
            if line.startswith(b"event: "):
                name = line[7:].strip()
                seen.refused += name == b"later"
            elif line.startswith(b"id: ") and name == b"page":
                version = line[4:].strip().decode()
                seen.events += 1
                seen.came.setdefault(path, []).append(time.perf_counter())
            elif line == b"0\r\n":  # the last chunk: the connection stays, the stream has ended
                break
    finally:
        seen.open -= 1
        writer.close()
    return version


async def _ask(host: str, port: int, path: str, more: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(host, port, limit=2**20)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\n{more}\r\n".encode())
    return reader, writer
