"""Nothing that comes over the air can make a dialect do anything but yield sound Signals or say why it does not."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import thread_time
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.devices import dialects
from gateway.devices.dialects import jsonread, native
from gateway.devices.dialects.presses import KINDS, LONGEST
from gateway.model.signals import (
    Ack,
    Announced,
    ButtonWord,
    FaultCode,
    FaultList,
    Ignored,
    Notes,
    Presence,
    Press,
    Request,
    Route,
    Signal,
    Skipped,
    Telemetry,
    Undecodable,
)
from tests.fixtures.payload_expectations import recorded

ENABLED = tuple(dialect.NAME for dialect in dialects.DIALECTS)
SPOKEN = dialects.understand(ENABLED)
NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z
BATCHES, BATCH = 200, 50  # 10,000 messages for each dialect
LARGEST = 4096  # bytes of an example that are spoiled: longer ones say the same again and again

Message = tuple[str, bytes]


def material(dialect: dialects.Dialect) -> list[Message]:
    """What this dialect is known to read: its examples, and recorded messages where they are at hand."""
    heard = [(message.topic, message.payload) for message in recorded() if SPOKEN.of(message.topic) is dialect]
    return [*((topic, payload) for topic, payload, *_ in dialect.EXAMPLES), *heard]


def words(messages: Sequence[Message]) -> list[str]:
    """Every name and text in their JSON: shapes made of these get further than letters by chance."""
    found: set[str] = set()
    for _, payload in messages:
        try:
            found.update(_texts(orjson.loads(payload)))
        except orjson.JSONDecodeError:
            found.add(payload[:20].decode(errors="replace"))
    return sorted(found) or ["online"]


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | set().union(*map(_texts, value.values()))
    if isinstance(value, list):
        return set().union(*map(_texts, value))
    return {value} if isinstance(value, str) else set()


# how a message is spoiled

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 7, 2**31, 2**63, 2**64, 10**400, 1e308, -0.0, "", "x" * 300, "\x00\ud7ff", "\u202e",
    "NaN", [], [{}], [[]], {}, {"state": []}, {"": {"": None}}, "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-09-01T12:00:00Z", 1788264000, 1788264000.5, 1788264000000, list(range(300)), {str(n): n for n in range(201)},
)
ODD_LEVELS = ("", "x" * 129, "a\x00b", "a\u202eb", "ü", "0", "$", "..", "set", "status", "availability")


def bent(payload: bytes, dice: random.Random, odd: Sequence[Any], names: Sequence[str]) -> bytes:
    """The JSON with one field somewhere given an odd value, taken out, or moved to another name."""
    try:
        part = body = orjson.loads(payload)
    except ValueError:
        return broken(payload, dice)
    if not isinstance(body, dict | list) or not body:
        return json.dumps(dice.choice(odd)).encode()
    while True:
        name = dice.choice(list(part)) if isinstance(part, dict) else dice.randrange(len(part))
        if not isinstance(part[name], dict | list) or not part[name] or dice.random() < 0.25:
            break
        part = part[name]
    match dice.randrange(5):
        case 0 if isinstance(part, dict):
            part[dice.choice(names)] = part.pop(name)
        case 1:
            del part[name]
        case 2:
            for _ in range(dice.choice((2, 17, 40))):
                part[name] = {dice.choice(names): part[name]}
        case _:
            part[name] = dice.choice(odd)
    return json.dumps(body).encode()


def broken(payload: bytes, dice: random.Random) -> bytes:
    """The bytes with one to three places flipped, cut, doubled or dropped."""
    data = bytearray(payload)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(5):
            case 0:
                data[at:at + 1] = bytes([dice.randrange(256)])
            case 1 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 2:
                del data[at:at + dice.randint(1, 6)]
            case 3:
                data[at:at] = data[at:at + 40]
            case _:
                del data[at:]
    return bytes(data)


def odd_topic(dialect: dialects.Dialect, topic: str, dice: random.Random) -> str:
    """The topic with another name on one level, as far as this dialect still hears it."""
    levels = topic.split("/")
    levels[dice.randrange(len(levels))] = dice.choice(ODD_LEVELS)
    changed = "/".join(levels)
    return changed if SPOKEN.of(changed) is dialect else topic


# what may come out

@dataclass
class BrokerRecorder:
    """Hears for one dialect as the front door does, but without its catch-all: that must not be needed."""

    dialect: Any
    notes: dict[str, Notes] = field(default_factory=dict)
    routes: dict[str, list[Route]] = field(default_factory=dict)  # what has been announced, by topic

    def hear(self, topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
        if SPOKEN.of(topic) is not self.dialect and topic in self.routes:
            notes = self._notes(self.dialect.routed_sources(self.routes[topic]))
            said: Sequence[Signal] = self.dialect.read_routed(self.routes[topic], payload, retained, notes, NOON)
            return said
        if hasattr(self.dialect, "recall") and (sources := self.dialect.sources(topic)):
            said = self.dialect.recall(topic, payload, retained, self._notes(sources), NOON)
        else:
            said = self.dialect.decode(topic, payload, retained)
        for one in said:
            if isinstance(one, Announced):
                self._follow(one)
        return said

    def _follow(self, said: Announced) -> None:
        """As the store keeps it: its spec as JSON, with the device's key."""
        for topic, spec in said.routes:
            kept = Route(topic, orjson.loads(orjson.dumps({**spec, "key": said.key})))
            self.routes.setdefault(topic, []).append(kept)

    def _notes(self, sources: Sequence[str]) -> Mapping[str, Notes]:
        return {source: self.notes.setdefault(source, Notes()) for source in sources}


def assert_sound(ear: BrokerRecorder, topic: str, payload: bytes, retained: bool) -> None:
    about = f"{topic!r} {payload[:500]!r} retained={retained}"
    try:
        signals = ear.hear(topic, payload, retained)
    except (Undecodable, Ignored) as refused:
        assert_short(str(refused), about)
        return
    except Exception as error:
        raise AssertionError(f"{about}: {type(error).__name__}: {error}") from error
    assert len(signals) <= 1000, about
    for signal in signals:
        assert sound(ear.dialect, signal, retained), f"{about}: {signal}"


def assert_short(reason: str, about: str) -> None:
    assert 0 < len(reason) < 300, f"{about}: {reason}"


def sound(dialect: dialects.Dialect, signal: Signal, retained: bool) -> bool:
    """Of the shape that signals.py promises, and of bounded size."""
    taken_back = type(signal) is Announced and not signal.name and not signal.routes  # that one needs no key
    if not (signal.key.startswith(f"{dialect.NAME}:") and len(signal.key) < 400) and not taken_back:
        return False
    match signal:
        case Telemetry():
            return bool(signal.values) and len(signal.values) <= 2 * jsonread.FIELDS and is_time(signal.at) and (
                0 <= signal.seq < 2**63) and all(map(is_value, signal.values, signal.values.values()))
        case Press():
            kinds = native.PRESS_KINDS if dialect.NAME == native.NAME else KINDS
            return not retained and signal.kind in (*kinds, "") and is_time(signal.at) and (
                signal.press_id is None or is_text(signal.press_id, 64)) and (
                signal.change is None or (is_text(signal.change[0], 64) and type(signal.change[1]) is int))
        case ButtonWord():
            return not retained and 0 < len(signal.word) <= LONGEST and is_time(signal.at)
        case FaultCode():
            return is_text(signal.code, 200) and type(signal.active) is bool and is_time(signal.at) and (
                len(signal.text) <= jsonread.TEXT_CHARS) and is_time(signal.heard_at)
        case FaultList():
            return len(signal.codes) <= jsonread.FIELDS and all(is_text(code, 200) for code in signal.codes) and (
                is_time(signal.at))
        case Presence():
            states = ("online", "lost", "stopped", "sleeping", "unknown", "removed")
            return signal.state in states and all(map(is_time, (signal.at, signal.until, signal.heard_at)))
        case Ack():
            return is_text(signal.command_id, 64)
        case Announced():
            return len(signal.source) < 1000 and len(signal.name) <= jsonread.TEXT_CHARS and (
                len(signal.model) <= 2 * jsonread.TEXT_CHARS) and (
                len(orjson.dumps([route.spec for route in signal.routes])) <= 4 * jsonread.PAYLOAD_BYTES)
        case Skipped():
            return is_text(signal.reason, 100)
        case Request():
            return is_text(signal.topic, 1000) and len(signal.payload) <= 4096


def is_value(name: str, value: object) -> bool:
    return name.isascii() and name.isidentifier() and len(name) <= 2 * jsonread.NAME_CHARS and (
        type(value) is bool or (type(value) is float and math.isfinite(value))
        or (type(value) is str and len(value) <= jsonread.TEXT_CHARS and "\x00" not in value))


def is_time(at: object) -> bool:
    return at is None or (type(at) is int and 0 <= at < jsonread.YEAR_10000)


def is_text(text: object, limit: int) -> bool:
    return type(text) is str and 0 < len(text) <= limit and "\x00" not in text


# the stories

def shapes(names: Sequence[str]) -> st.SearchStrategy[Any]:
    """JSON of any shape, made of this dialect's own words among others."""
    leaves = (st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=True)
              | st.sampled_from(names) | st.text(max_size=8))
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(names) | st.text(max_size=4), inner, max_size=6), max_leaves=12)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", dialects.DIALECTS, ids=ENABLED)
def test_ten_thousand_spoiled_messages_yield_only_sound_signals_or_a_reason(dialect: dialects.Dialect) -> None:
    messages = material(dialect)
    names = words(messages)
    heard = 0

    @settings(max_examples=BATCHES, deadline=None,
              suppress_health_check=list(HealthCheck))
    @given(body=shapes(names), raw=st.binary(max_size=60), seed=st.integers(0, 2**32))
    def batch(body: Any, raw: bytes, seed: int) -> None:
        nonlocal heard
        dice, ear, odd = random.Random(seed), BrokerRecorder(dialect), (*ODD, body)
        for number in range(BATCH):
            topic, payload = messages[dice.randrange(len(messages))]
            payload = payload[:LARGEST]
            if number < 2:
                payload = raw if number else json.dumps(body).encode()
            else:
                payload = broken(payload, dice) if number % 3 == 0 else bent(payload, dice, odd, names)
            if ear.routes and number % 2:
                topic = dice.choice(list(ear.routes))
            elif number % 10 == 5:
                topic = odd_topic(dialect, topic, dice)
            assert_sound(ear, topic, payload, dice.random() < 0.2)
            heard += 1
        assert len(orjson.dumps(ear.notes)) < 2**20, f"{seed}: what it remembers grows without end"

    batch()
    assert heard >= BATCHES * BATCH


HUGE = (
    b'{"a":"' + b"x" * 1_000_000 + b'"}', b"x" * 1_000_000, b"\x12\x00" * 500_000, b"[" * 10_000, b"[" * 1_000_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b'{"values":' + b'{"a":' * 1000 + b"1" + b"}" * 1001,
)
FULL = (  # as much as a message may hold
    b"\x12\x00" * 32_000, b"\x12\x02\x0a\x00" * 16_000, b"9" * 65_000, b'{"a":[' + b"{}," * 20_000 + b"1]}",
    b'{"a":[' + b"0," * 30_000 + b"0]}", b'{"' + b"n" * 60_000 + b'":1}',
    b"[" + b'{"ts":1788264000000,"values":{"a":1}},' * 1600 + b"1]",
    b"{" + b",".join(b'"%d":{"%d":%d}' % (n, n, n) for n in range(3000)) + b"}",
)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", dialects.DIALECTS, ids=ENABLED)
def test_a_megabyte_or_ten_thousand_levels_take_ten_milliseconds_at_most(dialect: dialects.Dialect) -> None:
    slow = []
    for topic in sorted({topic for topic, _ in material(dialect)}):
        for number, payload in enumerate((*HUGE, *FULL)):
            spent = spent_on(dialect, topic, payload)
            if spent >= 0.010:
                slow.append(f"{topic}, payload {number} ({payload[:20]!r}…): {spent * 1000:.1f} ms")
    assert slow == []


@pytest.mark.slow
@pytest.mark.parametrize("dialect", dialects.DIALECTS, ids=ENABLED)
def test_an_example_swollen_to_a_full_payload_is_read_in_ten_milliseconds_or_refused(dialect: dialects.Dialect) -> None:
    slow = []
    for topic, payload in material(dialect):
        for swollen in swell(payload):
            spent = spent_on(dialect, topic, swollen)
            if spent >= 0.010:
                slow.append(f"{topic} {swollen[:80]!r}… ({len(swollen)} bytes): {spent * 1000:.1f} ms")
    assert slow == []


def swell(payload: bytes) -> list[bytes]:
    """The message with each list in it repeated, and each object filled with fields, up to the largest payload."""
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return [(payload * 40_000)[:jsonread.PAYLOAD_BYTES]] if payload else []
    swollen = []
    for part in _containers(body):
        if isinstance(part, list) and part:
            kept = list(part)
            part[:] = (kept * 40_000)[:max(1, 40_000 // len(json.dumps(kept)) * len(kept))]
            swollen.append(json.dumps(body).encode())
            part[:] = kept
        elif isinstance(part, dict):
            names = [f"filled{number}" for number in range(2500)]
            part.update({name: number for number, name in enumerate(names)})
            swollen.append(json.dumps(body).encode())
            for name in names:
                del part[name]
    return swollen


def _containers(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    mine = [value] if isinstance(value, dict | list) else []
    return mine + [found for one in list(inner) for found in _containers(one)]


def spent_on(dialect: dialects.Dialect, topic: str, payload: bytes) -> float:
    """The least of up to three tries, in seconds of this thread: others share the machine."""
    least = math.inf
    for _ in range(3):
        ear = BrokerRecorder(dialect)
        begun = thread_time()
        with suppress(Undecodable, Ignored):
            ear.hear(topic, payload, False)
        least = min(least, thread_time() - begun)
        if least < 0.005:
            break
    return least
