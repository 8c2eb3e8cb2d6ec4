"""Live screens: parts of pages, and rows of the list of tickets, sent to whoever looks at them when they change."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import StreamingResponse
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from gateway.flow.accounts.sign_in import SignedIn, who_is
from gateway.flow.gateway import Gateway
from gateway.model import ChangedRow, Instant, Link, Notification, Role, Ticket
from gateway.monitoring import metrics
from gateway.store import changes
from gateway.store.views.ticket_list import TicketFilter, TicketRow, ids, load, which_meet
from gateway.web.console.session import User, token_of
from gateway.web.feed import ChangeFeed
from gateway.web.live import LATER_S, LivePages, Load, Visitor, event, events_answer

MOST = 120  # streams of each kind
MOST_OF_A_USER = 12  # of both: more tabs than anybody looks at, and a tenth of the room
MANY = 50  # rows: when more have changed at once, pages load themselves again
CHECK_S = 10.0  # how often it is asked whether a stream's session still holds: it ends at most 15 seconds after that
KEPT_IDS = 20_000  # of one filter: of a longer list nobody is told which rows are new
BACKLOG = 200  # events that a slow browser has not taken
_NOT_SHOWN = frozenset(str(kind.__tablename__) for kind in (Notification, Link))  # a row says nothing of them

log = logging.getLogger(__name__)
StillSignedIn = Callable[[], bool]
RowHtml = Callable[[TicketRow, Role, Instant], str]


class Since(NamedTuple):
    """Which state of the list a page shows."""

    position: int  # of the change feed
    loaded_at: Instant


class Shares:
    """How many streams each user has open: who opens page after page takes nobody else's room. Belongs to the event
    loop."""

    def __init__(self, most: int = MOST_OF_A_USER) -> None:
        self._most = most
        self._until: dict[str, list[float]] = {}  # user → when each of their streams is over for certain

    def has_room(self, user_id: str, now: float) -> bool:
        """Whether they may have one more. A stream that nobody has read is over with its time."""
        self._until = {one: left for one, all_of in self._until.items() if (left := [at for at in all_of if at > now])}
        return len(self._until.get(user_id, ())) < self._most

    def come(self, user_id: str, until: float) -> None:
        """One stream of theirs has begun."""
        self._until.setdefault(user_id, []).append(until)

    def leave(self, user_id: str, until: float) -> None:
        """It is over."""
        with suppress(KeyError, ValueError):
            self._until[user_id].remove(until)

    def counted(self, user_id: str, until: float, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The events, counted from now on as one stream of theirs."""
        self.come(user_id, until)
        return self._counted(user_id, until, events)

    async def _counted(self, user_id: str, until: float, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for part in events:
                yield part
        finally:
            self.leave(user_id, until)


class ConsoleLive:
    """All open streams of the console in one process."""

    def __init__(self, feed: ChangeFeed, gw: Gateway, now: Callable[[], Instant], row_html: RowHtml) -> None:
        alive = min(feed.rhythm.alive, CHECK_S)
        self.pages = LivePages(feed, most=MOST, most_of_a_page=MOST, rhythm=feed.rhythm._replace(alive=alive))
        self.tickets = LiveTickets(feed, gw, now, row_html)
        self.shares = Shares()
        self.longest = feed.rhythm.life * 1.2 + feed.rhythm.alive  # that a stream lasts


async def follow_main(request: Request, user: User, key: str, load: Load, version: str,
                      own: Callable[[bytes], bytes] = bytes) -> StreamingResponse:
    """The stream of a page's <main>: `load` gives it whole (see pages.main_of), with its version and what it is about.
    `key`: the same for all who see the same, so it names the role, and the user where the page shows what is theirs;
    `own`: puts into an event what is only this user's."""
    live: ConsoleLive = request.app.state.console_live
    shares, now = live.shares, asyncio.get_running_loop().time()
    until = now + live.longest
    visitor = Visitor(still_signed_in(request, user), partial(shares.come, user.row.id, until),
                      partial(shares.leave, user.row.id, until), CHECK_S, own)
    return await live.pages.follow(request, key, load, version, visitor, shares.has_room(user.row.id, now))


async def follow_tickets(request: Request, user: User, wanted: TicketFilter, since: Since) -> StreamingResponse:
    live: ConsoleLive = request.app.state.console_live
    now = asyncio.get_running_loop().time()
    if not live.shares.has_room(user.row.id, now):
        return events_answer(_once(event("later", str(LATER_S))))
    events = await live.tickets.follow(wanted, user.role, since, still_signed_in(request, user))
    return events_answer(live.shares.counted(user.row.id, now + live.longest, events))


def still_signed_in(request: Request, user: User) -> StillSignedIn:
    """Asks whether the session that opened a stream holds, with the same role."""
    gw, role, token, now = user.gw, user.role, token_of(request, user.gw), request.app.state.now

    def still() -> bool:
        found = who_is(gw, token, now(), False)
        return isinstance(found, SignedIn) and found.user.role is role

    return still


@dataclass(eq=False)
class _Stream:
    """One open list of one user."""

    wanted: TicketFilter
    role: Role
    until: float  # by the loop's clock
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: list[bytes] = field(default_factory=list)
    over: bool = False

    def send(self, part: bytes) -> None:
        self.waiting.append(part)
        if len(self.waiting) > BACKLOG:
            self.waiting[:] = [event("refetch")]
        self.woken.set()


class _Changed(NamedTuple):
    """Rows as they are now: the HTML for each role, and which filters each meets."""

    position: int
    html: Mapping[tuple[str, Role], str]
    opened_at: Mapping[str, Instant]
    met: Mapping[TicketFilter, set[str]]


class LiveTickets:
    """The open lists: a row that has changed is rendered once for each role, and sent to all lists that it belongs to
    or has belonged to."""

    def __init__(self, feed: ChangeFeed, gw: Gateway, now: Callable[[], Instant], row_html: RowHtml) -> None:
        self._feed, self._gw, self._now, self._row_html = feed, gw, now, row_html
        self._streams: set[_Stream] = set()
        self._members: dict[TicketFilter, set[str] | None] = {}  # None: too many to keep
        self._due: dict[str, float] = {}  # ticket → when it may be rendered again
        self._rested: dict[str, float] = {}
        self._many = False
        feed.add(self)

    def __len__(self) -> int:
        return len(self._streams)

    async def follow(self, wanted: TicketFilter, role: Role, since: Since, still: StillSignedIn
                     ) -> AsyncIterator[bytes]:
        """The events for a list that shows what was so at `since`; each has the feed's position as its id.

        `row` (data: the <tr>): it is another now; `new`: it belongs to the list now and did not before; `left`: it no
        longer does; `count`: how many there are; `refetch`: so many have changed that the page shall be loaded again;
        `gone`: the session has ended; `later`: there is no room, ask again after so many seconds.
        """
        if self._feed.ended or len(self) >= MOST:
            return _once(event("later", str(LATER_S)))
        life = self._feed.rhythm.life * random.uniform(0.8, 1.2)
        stream = _Stream(wanted, role, asyncio.get_running_loop().time() + life)
        self._streams.add(stream)
        metrics.WEB_STREAMS.inc()
        try:
            await self._feed.begin()
            if wanted not in self._members or wanted.depends_on_time:
                self._members[wanted] = await run_in_threadpool(self._load_members, wanted)
            for part in await run_in_threadpool(self._missed, stream, since):
                stream.send(part)
        except BaseException:
            self._leave(stream)
            raise
        return self._events(stream, still)

    def mark(self, rows: list[ChangedRow]) -> None:
        if any(row.kind == "" for row in rows):
            self._many = True
        now = asyncio.get_running_loop().time()
        for one in _tickets_of(rows):
            self._due.setdefault(one, max(now, self._rested.get(one, now)))

    async def show(self) -> None:
        now = asyncio.get_running_loop().time()
        ready = [one for one, at in self._due.items() if at <= now]
        self._rested = {one: until for one, until in self._rested.items() if until > now}
        if self._many or len(ready) > MANY:
            self._many = False
            self._due.clear()
            await self._reload()
            return
        if not ready:
            return
        for one in ready:
            del self._due[one]
            self._rested[one] = now + self._feed.rhythm.row
        try:
            changed = await run_in_threadpool(self._load, ready, list(self._streams))
        except Exception:
            log.exception("rows of the list of tickets could not be rendered; trying again")
            self._due |= dict.fromkeys(ready, now + 1)
            return
        self._send(ready, changed)

    def forget_unread(self, before: float) -> None:
        for stream in [stream for stream in self._streams if stream.until < before]:
            self._leave(stream)

    def end(self) -> None:
        for stream in self._streams:
            stream.over = True
            stream.woken.set()

    async def _reload(self) -> None:
        """Too much has changed to send it row by row."""
        for wanted in list(self._members):
            try:
                self._members[wanted] = await run_in_threadpool(self._load_members, wanted)
            except Exception:
                log.exception("a list of tickets could not be read")
        for stream in self._streams:
            stream.send(event("refetch"))

    def _load_members(self, wanted: TicketFilter) -> set[str] | None:
        with self._gw.store.read() as session:
            found = ids(session, wanted, self._now(), KEPT_IDS + 1)
        return set(found) if len(found) <= KEPT_IDS else None

    def _load(self, of: Sequence[str], streams: Sequence[_Stream]) -> _Changed:
        with self._gw.store.read() as session:
            return self._changed(session, of, streams)

    def _changed(self, session: Session, of: Sequence[str], streams: Sequence[_Stream]) -> _Changed:
        now = self._now()
        position, rows = changes.position(session), load(session, of)
        roles = {stream.role for stream in streams}
        return _Changed(
            position, {(one, role): self._row_html(row, role, now) for one, row in rows.items() for role in roles},
            {one: row.ticket.opened_at for one, row in rows.items()},
            which_meet(session, list({stream.wanted for stream in streams}), of, now))

    def _missed(self, stream: _Stream, since: Since) -> list[bytes]:
        """What has changed between the page that they see and now."""
        with self._gw.store.read() as session:
            rows = changes.since(session, since.position, 2 * MANY, 0 if self._gw.store.sqlite else changes.OUT_OF_TURN)
            of = None if rows is None or any(row.kind == "" for row in rows) else sorted(_tickets_of(rows))
            if of is None or len(of) > MANY:
                return [event("refetch", event_id=str(changes.position(session)))]
            changed = self._changed(session, of, [stream])
        return [event(_name_of(changed.opened_at[one] >= since.loaded_at, one in changed.met[stream.wanted]),
                      changed.html[one, stream.role], str(changed.position)) for one in of if one in changed.opened_at]

    def _send(self, of: Sequence[str], changed: _Changed) -> None:
        sizes = {wanted: len(members) for wanted, members in self._members.items() if members is not None}
        names: dict[tuple[TicketFilter, str], str] = {}
        for wanted in changed.met:
            for one in of:
                names[wanted, one] = self._follow_member(wanted, one, one in changed.met[wanted])
        for stream in self._streams:
            for one in of:
                name, html = names.get((stream.wanted, one)), changed.html.get((one, stream.role))
                if name and html is not None:
                    stream.send(event(name, html, str(changed.position)))
            members = self._members.get(stream.wanted)
            if members is not None and len(members) != sizes.get(stream.wanted):
                stream.send(event("count", str(len(members)), str(changed.position)))

    def _follow_member(self, wanted: TicketFilter, one: str, meets: bool) -> str:
        """What it is to the lists of this filter; "": they never had it."""
        members = self._members.get(wanted)
        if members is None:
            return _name_of(False, meets)
        had = one in members
        if meets:
            members.add(one)
            return _name_of(not had, True)
        members.discard(one)
        return _name_of(False, False) if had else ""

    async def _events(self, stream: _Stream, still: StillSignedIn) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        every = min(self._feed.rhythm.alive, CHECK_S)
        checked = loop.time()
        try:
            yield b": here\n\n"
            while not stream.over and loop.time() < stream.until:
                while stream.waiting:
                    yield stream.waiting.pop(0)
                try:
                    await asyncio.wait_for(stream.woken.wait(), max(0.0, min(every, stream.until - loop.time())))
                except TimeoutError:
                    yield b": here\n\n"
                stream.woken.clear()
                if loop.time() - checked >= every:
                    checked = loop.time()
                    if not await run_in_threadpool(still):
                        yield event("gone")
                        return
        finally:
            self._leave(stream)

    def _leave(self, stream: _Stream) -> None:
        if stream not in self._streams:
            return
        self._streams.remove(stream)
        metrics.WEB_STREAMS.dec()
        if all(other.wanted != stream.wanted for other in self._streams):
            self._members.pop(stream.wanted, None)


def _name_of(is_new: bool, meets: bool) -> str:
    if not meets:
        return "left"
    return "new" if is_new else "row"


def _tickets_of(rows: Sequence[ChangedRow]) -> set[str]:
    """The tickets that these changes may show on."""
    shown = [row for row in rows if row.kind not in _NOT_SHOWN]
    found = {row.row_id for row in shown if row.kind == Ticket.__tablename__} | {row.subject_id or "" for row in shown}
    return {one for one in found if one.startswith("T-")}


async def _once(part: bytes) -> AsyncIterator[bytes]:
    yield part
