"""The registry of dialects in use: finds the one for a topic, and decodes a message with it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any, NamedTuple, Protocol, TypeGuard

import orjson

from gateway.devices.dialects.announced_topics import AnnouncedTopics
from gateway.model import Instant
from gateway.model.signals import Announced, Ignored, Notes, Route, Signal, Undecodable

Examples = tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...]
READERS = 20_000  # topics whose reader is remembered; past this all are looked up again
_SHAPES = 5_000  # of topics: who reads one of each is remembered too


class Dialect(Protocol):
    """What a dialect offers. EXAMPLES: (topic, payload, retained, Signals or what is raised).

    It may also offer, each looked for by name: `key_of(topic)`, the key of the device that speaks there ·
    `prompts(keys)`, what to publish every half a minute so that they go on speaking · `host_state(host, online, at)`,
    what a host says of itself · `command(…)`, how a device is told to do something · ACCESS, one device's own topics ·
    BRIDGE, the address of the one bridge that all its devices speak through ·
    `prepare()`, what it needs and others do not, before its first message.
    """

    @property
    def NAME(self) -> str: ...
    @property
    def FILTERS(self) -> tuple[str, ...]: ...
    @property
    def EXAMPLES(self) -> Examples: ...
    def decode(self, topic: str, payload: bytes, retained: bool) -> Sequence[Signal]: ...


class StatefulDialect(Dialect, Protocol):
    """A dialect that cannot read a message without what came before it. Its EXAMPLES are a story, read in order."""

    def sources(self, topic: str) -> tuple[str, ...]: ...
    def recall(self, topic: str, payload: bytes, retained: bool, notes: Mapping[str, Notes], now: Instant
               ) -> Sequence[Signal]: ...


class AnnouncingDialect(Dialect, Protocol):
    """A dialect whose devices say at run time which topics are theirs."""

    def routed_sources(self, routes: Sequence[Route]) -> tuple[str, ...]: ...
    def read_routed(self, routes: Sequence[Route], payload: bytes, retained: bool, notes: Mapping[str, Notes],
                    now: Instant) -> Sequence[Signal]: ...


class _Reader(NamedTuple):
    """Who reads a topic, with whose notes, and what was announced about it."""

    dialect: Dialect | None
    sources: tuple[str, ...] = ()
    routes: Sequence[Route] = ()


class DialectRegistry:
    """Those `dialects`, the first of two that could read a topic going first, and what devices have announced."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self.dialects = tuple(dialects)
        for dialect in self.dialects:
            getattr(dialect, "prepare", _nothing)()
        self._filters = sorted((wanted.startswith("+"), place, wanted) for place, dialect in enumerate(self.dialects)
                               for wanted in dialect.FILTERS)  # in the order in which they are tried
        levels = zip_longest(*(wanted.split("/") for wanted in self.filters))
        self._words = [frozenset(words) - {None, "+", "#"} for words in levels] + [frozenset()]  # at each level
        self._place = lru_cache(_SHAPES)(self._find_place)
        self._announcing = next((d for d in self.dialects if _announces(d)), None)
        self.announced = AnnouncedTopics()
        self._readers: dict[str, _Reader] = {}
        self._without_notes = [_Reader(dialect) for dialect in self.dialects]  # one for all topics: there are many

    @property
    def filters(self) -> list[str]:
        """The MQTT subscription filters that never change."""
        return [wanted for dialect in self.dialects for wanted in dialect.FILTERS]

    @property
    def press_filters(self) -> list[str]:
        """Those of `filters` by which nothing comes but presses."""
        return [wanted for dialect in self.dialects for wanted in getattr(dialect, "PRESSES", ())]

    @property
    def routes(self) -> Collection[str]:
        """Topics that claimed devices have announced: to be subscribed to besides `filters`."""
        return self.announced.wanted

    def owners(self, topic: str) -> list[str]:
        """The keys of the devices that announced this topic."""
        return [str(route.spec["key"]) for route in self.announced.of(topic)]

    @property
    def discovery(self) -> tuple[Dialect, ...]:
        """The dialects by which devices say that they are there and what their topics are."""
        return tuple(dialect for dialect in self.dialects if _announces(dialect))

    def route(self, routes: Iterable[Route]) -> None:
        """From now on these announced topics are read, and no others; none if no enabled dialect announces."""
        by_topic: dict[str, list[Any]] = {}
        for route in routes:
            by_topic.setdefault(route.topic, []).append(route.spec)
        for source in list(self.announced.sources):
            self.announce(source, "", {})
        self.announce("", "", {topic: orjson.dumps(specs).decode() for topic, specs in by_topic.items()})

    def announce(self, source: str, key: str, topics: dict[str, str]) -> None:
        """From now on these topics of that announcement are the device's, as `AnnouncedTopics.announce` takes them."""
        if self._announcing is not None:
            for topic in self.announced.announce(source, key, topics):
                self._readers.pop(topic, None)

    def claim(self, keys: Iterable[str]) -> None:
        """From now on these devices that announce their topics are claimed, and no others."""
        self.announced.claim(keys)
        for topic in self.announced.changed:
            self._readers.pop(topic, None)

    def name_of(self, topic: str) -> str:
        """The name of the dialect that reads `topic`, or "none"."""
        dialect = self.of(topic)
        return dialect.NAME if dialect is not None else "none"

    def of(self, topic: str) -> Dialect | None:
        """Who reads `topic`; a filter with a fixed first level goes before one that starts with "+"."""
        return self._reader(topic).dialect

    def sources(self, topic: str) -> tuple[str, ...]:
        """Whose notes are needed to read this topic; () for nearly all."""
        return self._reader(topic).sources

    def key_of(self, topic: str) -> str | None:
        """The key of the device that speaks on `topic`, as far as its dialect can tell without the message."""
        key_of: Any = getattr(self.of(topic), "key_of", None)
        try:
            key: str | None = key_of(topic) if key_of is not None else None
        except Undecodable:
            return None
        return key

    @property
    def announcing(self) -> str | None:
        """The name of the dialect whose devices announce their topics, if it is enabled."""
        return self._announcing.NAME if self._announcing is not None else None

    def brings_all(self, key: str) -> bool:
        """Whether this is the key of the one bridge that every device of its dialect speaks through."""
        return any(key == f"{dialect.NAME}:{dialect.BRIDGE}" for dialect in self.dialects if hasattr(dialect, "BRIDGE"))

    def sharing(self, bridge: str) -> frozenset[str]:
        """The keys of all devices that announced the topic on which `bridge` (`<dialect>:<topic>`) speaks for them."""
        return frozenset(self.owners(bridge.partition(":")[2]))

    def decode(self, topic: str, payload: bytes, retained: bool = False, notes: Mapping[str, Notes] | None = None,
               now: Instant = 0) -> Sequence[Signal]:
        """The Signals in one message; raises Undecodable or Ignored and nothing else.

        `notes`: those of `sources(topic)` and perhaps of others, moved on in place; `now` is only asked for with them.
        """
        dialect, sources, routes = self._reader(topic)
        if dialect is None:
            raise Undecodable("topic: no dialect reads this topic")
        try:
            if not sources and not routes:
                return self._settled(dialect.decode(topic, payload, retained))
            kept = {source: Notes() if notes is None else notes[source] for source in sources}
            if routes and _announces(dialect):
                return dialect.read_routed(routes, payload, retained, kept, now)
            assert _remembers(dialect)
            return dialect.recall(topic, payload, retained, kept, now)
        except (Undecodable, Ignored, MemoryError, OSError):  # the last two are the machine's fault, not the message's
            raise
        except Exception as error:  # a fault of ours must cost one message, not the connection
            raise Undecodable(f"{dialect.NAME} could not read this message ({type(error).__name__})") from error

    def _reader(self, topic: str) -> _Reader:
        reader = self._readers.get(topic)
        if reader is None:
            if len(self._readers) >= READERS:
                self._readers.clear()
            reader = self._readers[topic] = self._find(topic)
        return reader

    def _find(self, topic: str) -> _Reader:
        place = self._place(self._shape(topic))
        if place is not None:
            dialect = self.dialects[place]
            sources = dialect.sources(topic) if _remembers(dialect) else ()
            return _Reader(dialect, sources) if sources else self._without_notes[place]
        routes = self.announced.of(topic)
        if not routes or not _announces(self._announcing):
            return _Reader(None)
        return _Reader(self._announcing, self._announcing.routed_sources(routes), routes)

    def _shape(self, topic: str) -> str:
        """The topic with nothing where no filter has that word, so that it matches the same filters: of a million
        topics there are a few."""
        parts = topic.split("/", len(self._words) - 1)  # what is deeper than any filter stays in one
        shape = "/".join([part if part in words else "" for part, words in zip(parts, self._words, strict=False)])
        return "$" + shape if topic.startswith("$") and parts[0] not in self._words[0] else shape

    def _find_place(self, shape: str) -> int | None:
        """The dialect that reads topics of this shape, as its place in `dialects`."""
        return next((place for _, place, wanted in self._filters if matches(wanted, shape)), None)

    def _settled(self, signals: Sequence[Signal]) -> Sequence[Signal]:
        """A device that is announced in one dialect and speaks another that we read is one device, under that key."""
        if not signals or type(signals[0]) is not Announced:  # it is the first of what a message says
            return signals
        return [self._settle(signal) if type(signal) is Announced else signal for signal in signals]

    def _settle(self, said: Announced) -> Announced:
        for route in said.routes:
            key_of: Any = getattr(self._find(route.topic).dialect, "key_of", None)
            if key_of is not None and (key := key_of(route.topic)) is not None:
                return said._replace(key=key, routes=())
        return said


def matches(wanted: str, topic: str) -> bool:
    """MQTT filter matching; wildcards never match a broker's own `$…` topics."""
    levels, parts = wanted.split("/"), topic.split("/")
    if levels[-1] == "#":
        levels.pop()
        if len(parts) < len(levels):
            return False
    elif len(parts) != len(levels):
        return False
    same = all(level in ("+", part) for level, part in zip(levels, parts, strict=False))
    return same and not (topic.startswith("$") and wanted[0] in "+#")


def _remembers(dialect: Dialect) -> TypeGuard[StatefulDialect]:
    return hasattr(dialect, "recall")


def _announces(dialect: Dialect | None) -> TypeGuard[AnnouncingDialect]:
    return hasattr(dialect, "read_routed")


def _nothing() -> None:
    """Most dialects need nothing beforehand."""
