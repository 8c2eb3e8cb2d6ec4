"""The topics that devices announced at run time: how each is decoded, and which filters to subscribe to."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

import orjson

from gateway.model.signals import Route

READINGS = 5_000  # ways to read one topic: strangers may not make one message as dear as they like


class _Announcement(NamedTuple):
    key: str  # whose topics these are
    topics: dict[str, str]  # topic → how it is read: JSON list of specs


_NOTHING = _Announcement("", {})


class AnnouncedTopics:
    """All that is known of them; each change costs no more than what changes.

    There may be hundreds of thousands, nearly all of strangers. So what says how a topic is read stays text until a
    message comes (texts cost the garbage collector nothing), and only the topics of claimed devices are subscribed to:
    those of the others would cost the broker more than all our work.
    """

    def __init__(self) -> None:
        self._by_source: dict[str, _Announcement] = {}
        self._by_topic: dict[str, dict[str, str]] = {}  # topic → announcement → how it is read
        self._claimed: frozenset[str] = frozenset()
        self._wanted: Counter[str] = Counter()  # topic → how many announcements of claimed devices name it
        self.rows = 0  # topics, counted once for each announcement
        self.changed: set[str] = set()  # topics that are wanted or wanted no more; whoever subscribes empties it

    @property
    def wanted(self) -> Collection[str]:
        """The topics of claimed devices."""
        return self._wanted.keys()

    @property
    def sources(self) -> Collection[str]:
        """The names of the announcements."""
        return self._by_source.keys()

    def announce(self, source: str, key: str, topics: dict[str, str]) -> set[str]:
        """From now on these topics of that announcement are the device's, and no others of it; returns those that are
        read otherwise than before. `topics`: topic → JSON list of the specs that say how it is read."""
        before = self._by_source.pop(source, _NOTHING)
        if topics:
            self._by_source[source] = _Announcement(key, topics)
        self.rows += len(topics) - len(before.topics)
        if before.key in self._claimed:
            self._want(before.topics, -1)
        if key in self._claimed:
            self._want(topics, 1)
        other = {topic for topic in before.topics.keys() | topics.keys()
                 if before.key != key or before.topics.get(topic) != topics.get(topic)}
        for topic in other:
            readings = self._by_topic.setdefault(topic, {})
            readings.pop(source, None)
            if topic in topics:
                readings[source] = topics[topic]
            if not readings:
                del self._by_topic[topic]
        return other

    def claim(self, keys: Iterable[str]) -> None:
        """From now on these devices are claimed, and no others."""
        claimed = frozenset(keys)
        gone, new = self._claimed - claimed, claimed - self._claimed
        self._claimed = claimed
        if not gone and not new:
            return
        for announcement in self._by_source.values():
            if announcement.key in gone:
                self._want(announcement.topics, -1)
            elif announcement.key in new:
                self._want(announcement.topics, 1)

    def of(self, topic: str) -> list[Route]:
        """How this topic is read, each way once: a hundred entities of one device name the same bridge. Claimed devices
        come first."""
        found: dict[bytes, Route] = {}
        readings = self._by_topic.get(topic, {})
        for source in sorted(readings, key=lambda source: self._by_source[source].key not in self._claimed):
            key = self._by_source[source].key
            for spec in orjson.loads(readings[source]):
                whole = {**spec, "key": key or spec["key"]}
                found.setdefault(orjson.dumps(whole), Route(topic, whole))
            if len(found) >= READINGS:
                break
        return list(found.values())

    def _want(self, topics: Iterable[str], more: int) -> None:
        for topic in topics:
            before = self._wanted[topic]
            self._wanted[topic] = before + more
            if not before + more:
                del self._wanted[topic]
            if not before or not before + more:
                self.changed.add(topic)
