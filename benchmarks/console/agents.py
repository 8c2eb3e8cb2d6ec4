"""Agents at their screens: each signed in, with a page that keeps itself up to date as live.js does it."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape

import httpx

from benchmarks.console.households import PASSWORD

SCREENS = ("/console", "/console/tickets", "/console/callbacks")  # one after the other
AGAIN_S = 0.5  # until a page asks anew whose stream has ended
_LIVE = re.compile(r'<main[^>]*? data-(rows-)?live="([^"]+)" data-(?:position|version)="([^"]*)"'
                   r'(?: data-loaded="(\d+)")?')
_ROW = re.compile(r'id="row-(T-[0-9A-Z]+)"')


@dataclass
class Screens:
    """What came by all streams."""

    events: int = 0
    bytes: int = 0
    broken: int = 0  # streams that ended in an error
    # (agent, ticket) → when its row came for the first time, by time.perf_counter()
    rows: dict[tuple[int, str], float] = field(default_factory=dict)
    reloads: int = 0
    wrong: list[object] = field(default_factory=list)  # what ended a look before its time



def sign_in(base: str, email: str) -> httpx.Client:
    """A browser on a connection that it keeps."""
    web = httpx.Client(base_url=base, timeout=30, verify=False)
    answer = web.post("/console/sign-in", data={"email": email, "password": PASSWORD})
    if answer.status_code != 303:
        raise SystemExit(f"{email} cannot sign in: {answer.status_code}")
    return web


@contextmanager
def looking(base: str, browsers: Sequence[httpx.Client]) -> Iterator[Screens]:
    """Each of them looks at one screen while the block runs."""
    screens, loop = Screens(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def all_of_them() -> None:
        looks = [asyncio.create_task(_look(base, browser, number, screens))
                 for number, browser in enumerate(browsers)]
        await over.wait()
        for one in looks:
            one.cancel()
        screens.wrong = [one for one in await asyncio.gather(*looks, return_exceptions=True)
                         if not isinstance(one, asyncio.CancelledError)]

    thread = threading.Thread(target=lambda: loop.run_until_complete(all_of_them()))
    thread.start()
    try:
        yield screens
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
    if screens.wrong:
        raise SystemExit(f"an agent saw nothing more: {screens.wrong[0]!r}")


async def _look(base: str, browser: httpx.Client, agent: int, screens: Screens) -> None:
    """Loads the page, and follows it from the state that it shows."""
    path = SCREENS[agent % len(SCREENS)]
    async with httpx.AsyncClient(base_url=base, cookies=browser.cookies, timeout=60, verify=False) as web:
        while True:
            screens.reloads += 1
            found = _LIVE.search((await web.get(path)).text)
            if found is None:
                raise LookupError(f"{path} is not a page that keeps itself up to date")
            rows, address, state, loaded = found.groups()
            last: str | None = state
            while last is not None:
                asked = f"after={last}&loaded={loaded}" if rows else f"version={last}"
                address = unescape(address)
                try:
                    last = await _follow(web, f"{address}{'&' if '?' in address else '?'}{asked}", last, agent, screens)
                except httpx.TransportError:
                    screens.broken += 1
                await asyncio.sleep(AGAIN_S)


async def _follow(web: httpx.AsyncClient, address: str, last: str, agent: int, screens: Screens) -> str | None:
    """One stream to its end: the state that it has come to; None: the page is to be loaded again."""
    name = ""
    async with web.stream("GET", address) as answer:
        if answer.status_code != 200:
            raise LookupError(f"{address}: {answer.status_code}")
        async for line in answer.aiter_lines():
            screens.bytes += len(line)
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
                screens.events += 1
            elif line.startswith("id: "):
                last = line.removeprefix("id: ")
            elif name in ("row", "new") and (row := _ROW.search(line)):
                screens.rows.setdefault((agent, row[1]), time.perf_counter())
            elif not line and name in ("refetch", "gone"):
                return None
            elif not line:
                name = ""
    return last


def timed(browser: httpx.Client, path: str) -> float:
    """How long the whole answer takes, in ms."""
    began = time.perf_counter()
    answer = browser.get(path)
    took = 1000 * (time.perf_counter() - began)
    if answer.status_code not in (200, 303):
        raise SystemExit(f"{path}: {answer.status_code}")
    return took


def ended(browsers: Sequence[httpx.Client]) -> None:
    for one in browsers:
        with suppress(httpx.TransportError):
            one.close()
