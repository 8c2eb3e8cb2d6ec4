"""MQTT packets as a broker sends them, healthy and not, and a connection that brings them in pieces."""

import struct
from random import Random

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

TOPICS = ("a", "devices/pump-1/telemetry", "devices/pump-2/telemetry", "spBv1.0/x/DDATA/y/z", "häuser/ß/温度", "a//b/",
          "€" * 60, "long/" * 40)
ODD_TOPICS = (b"", b"\xff\xfe", b"a\x00b", b"a/+/b", b"#", "\ufeffx".encode(), b"\xed\xa0\x80")
PROPERTIES = (b"\x01\x01", b"\x02\x00\x00\x00\x3c", b"\x03\x00\x04text", b"\x08\x00\x01r", b"\x09\x00\x02\x00\xff",
              b"\x0b\x81\x01", b"\x0b\x05", b"\x26\x00\x01k\x00\x02vv", b"\x23\x00\x07")
ODD_PROPERTIES = (b"\x01\x07", b"\x01", b"\x02\x00", b"\x03\x00\x09text", b"\x03\x00\x01\x00", b"\x09\x00", b"\x7f\x00",
                  b"\x11\x00\x00\x00\x01", b"\x23\x00\x00", b"\x0b\xff\xff\xff\xff\x01", b"\x26\x00\x01k", b"\x80",
                  b"\x03\x00\x02\xff\xff", b"\x0b\x00")
SIZES = (0, 1, 2, 20, 60, 100, 127, 200, 1000)
RARE_SIZES = (16_300, 16_383, 17_000, 65_400, 66_000, 140_000)


def packet(first: int, body: bytes, extra: int = 0) -> bytes:
    """`extra`: bytes more than the remaining length needs."""
    length, left = bytearray(), len(body)
    while left > 127:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    length.append(left)
    for _ in range(extra):
        length[-1] |= 0x80
        length.append(0)
    return bytes([first]) + bytes(length) + body


def publish(topic: str | bytes, payload: bytes = b"", qos: int = 1, mid: int = 1, retain: bool = False,
            dup: bool = False, properties: bytes | None = None, extra: int = 0) -> bytes:
    """`properties` with the byte of their length in MQTT 5, None in 3.1.1."""
    named = topic.encode() if isinstance(topic, str) else topic
    body = struct.pack(">H", len(named)) + named + (struct.pack(">H", mid) if qos else b"")
    return packet(0x30 | dup << 3 | qos << 1 | retain, body + (properties or b"") + payload, extra)


def client(version: str) -> Client:
    """Acknowledges nothing by itself."""
    how = {} if version == "5" else {"clean_session": False}
    protocol = MQTTProtocolVersion.MQTTv5 if version == "5" else MQTTProtocolVersion.MQTTv311
    return Client(CallbackAPIVersion.VERSION2, client_id="x", manual_ack=True, protocol=protocol, **how)  # type: ignore[arg-type]


_INNER = publish("a", b"as if it were one", 0)


class Pieces:
    """A connection on which pieces come one by one, and then nothing, its end, or an error."""

    def __init__(self, pieces: list[bytes], end: bytes | OSError | None = None) -> None:
        self._pieces, self._end = pieces, end
        self._here, self._at, self._next = b"", 0, 0
        self.sent = bytearray()
        self.blocked = self.closed = False

    def bring(self) -> bool:
        """The next piece; False when there is nothing more to come."""
        self.blocked = False
        self._next += 1
        if self._next <= len(self._pieces):
            self._here, self._at = self._here[self._at:] + self._pieces[self._next - 1], 0
            return True
        return self._next == len(self._pieces) + 1 and self._end is not None

    def recv(self, buffer_size: int) -> bytes:
        part = self._here[self._at:self._at + buffer_size]
        if part:
            self._at += len(part)
            return part
        if self._next <= len(self._pieces) or self._end is None:
            self.blocked = True
            raise BlockingIOError
        if isinstance(self._end, OSError):
            raise self._end
        return self._end

    def send(self, buffer: bytes | bytearray) -> int:
        self.sent += buffer
        return len(buffer)

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None: ...


def _properties(rng: Random) -> bytes:
    dice = rng.random()
    if dice < 0.6:
        return b"\x00"
    several = b"".join(rng.choices(PROPERTIES, k=rng.randint(1, 4)))
    if dice > 0.92:
        several += rng.choice(ODD_PROPERTIES)
    length = len(several) if dice < 0.98 else max(len(several) + rng.randint(-2, 9), 0)
    if dice < 0.62:
        return b"\x80\x00"  # longer than the number needs
    if length > 127 or dice < 0.65:
        several += b"\x26\x00\x01k\x00\x78" + b"v" * 120
        length = len(several)
        return bytes([length & 0x7F | 0x80, length >> 7]) + several
    return bytes([length]) + several


def _publish(rng: Random, version: str) -> bytes:
    odd = rng.random() < 0.03
    qos = rng.choices((0, 1, 2, 3), (30, 60, 9, 0.5))[0]
    size = rng.choice(RARE_SIZES) if rng.random() < 0.01 else rng.choice(SIZES)
    payload = bytes([rng.randrange(256)]) * size if rng.random() < 0.5 else (_INNER * (size // len(_INNER) + 1))[:size]
    topic: str | bytes = rng.choice(ODD_TOPICS) if odd else rng.choice(TOPICS)
    return publish(topic, payload, qos, rng.choice((1, 2, 77, 300, 65535, 0)),
                   rng.random() < 0.2, rng.random() < 0.2, _properties(rng) if version == "5" else None,
                   rng.randint(1, 2) if size < 1000 and rng.random() < 0.03 else 0)


def _other(rng: Random, version: str) -> bytes:
    v5, mid = version == "5", struct.pack(">H", rng.choice((1, 2, 77, 300, 65535)))
    return rng.choices((
        b"\xd0\x00",  # PINGRESP
        packet(0x40, mid),  # PUBACK
        packet(0x62, mid),  # PUBREL
        packet(0x90, mid + (b"\x00" if v5 else b"") + bytes([rng.choice((0, 1, 0x80))])),  # SUBACK
        packet(0xB0, mid + (b"\x00\x00" if v5 else b"")),  # UNSUBACK
        packet(0x50, mid), packet(0x70, mid),  # PUBREC, PUBCOMP
        packet(0xC0, b""),  # PINGREQ
        packet(0xE0, rng.choice((b"", b"\x8e", b"\x8e\x00"))),  # DISCONNECT
        packet(0xF0, rng.choice((b"", b"\x18\x00"))),  # AUTH
        packet(rng.randrange(256), rng.randbytes(rng.randint(0, 9))),
    ), (10, 10, 10, 5, 2, 1, 1, 1, 1, 0.5, 1))[0]


def stream(rng: Random, version: str) -> tuple[list[bytes], bytes | OSError | None]:
    """What a broker sends, in pieces, and how it ends."""
    packets = [packet(0x20, b"\x00\x00\x00" if version == "5" else b"\x00\x00")] if rng.random() < 0.3 else []
    for _ in range(rng.randint(0, 9)):
        packets.append(_publish(rng, version) if rng.random() < 0.8 else _other(rng, version))
    dice = rng.random()
    if dice < 0.1 and packets:
        packets.append(packets[rng.randrange(len(packets))][:rng.randint(0, 9)])  # the broker dies in the middle of it
    elif dice < 0.13:
        packets.append(bytes([rng.choice((0x30, 0x32, 0x40))]) + b"\x80" * rng.randint(1, 3)
                       + rng.choice((b"", b"\x80", b"\xff\xff", b"\x80\x00", b"\x01")))
    elif dice < 0.16:
        packets.append(rng.randbytes(rng.randint(1, 30)))
    whole = b"".join(packets)
    count = rng.choice((0, 0, 1, 2, 3, 6, 12, len(whole) if len(whole) < 400 else 5))
    cuts = sorted(rng.randint(0, len(whole)) for _ in range(count))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    return pieces, rng.choice((None, b"", ConnectionResetError(104, "reset")))
