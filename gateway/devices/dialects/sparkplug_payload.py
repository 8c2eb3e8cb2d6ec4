"""The Sparkplug B payload (Eclipse Sparkplug 3.0, section 6.4) as far as we read it; the rest is skipped unread.

Protobuf (4 MB) is imported for the first one, or when a registry takes the dialect in (`prepare`).
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from gateway.devices.dialects.jsonread import tidy
from gateway.model.signals import Undecodable, Value

PAYLOAD_BYTES = 256 * 1024  # a birth names every metric of a device
METRICS = 2_000
GOOD = 192  # the property Quality: 0 bad, 192 good, 500 stale

_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}  # data type → bits of the two's complement in int_value or long_value
_KINDS = {"u64": "UINT64", "u32": "UINT32", "text": "STRING", "truth": "BOOL", "float": "FLOAT", "double": "DOUBLE"}
# message → field: (number, kind); a kind that begins with "*" repeats, one that is a message's name nests it
_SCHEMA = {
    "PropertyValue": {"type": (1, "u32"), "is_null": (2, "truth"), "int_value": (3, "u32"), "long_value": (4, "u64")},
    "PropertySet": {"keys": (1, "*text"), "values": (2, "*PropertyValue")},
    "Metric": {"name": (1, "text"), "alias": (2, "u64"), "timestamp": (3, "u64"), "datatype": (4, "u32"),
               "is_historical": (5, "truth"), "is_null": (7, "truth"), "properties": (9, "PropertySet"),
               "int_value": (10, "u32"), "long_value": (11, "u64"), "float_value": (12, "float"),
               "double_value": (13, "double"), "boolean_value": (14, "truth"), "string_value": (15, "text")},
    "Payload": {"timestamp": (1, "u64"), "metrics": (2, "*Metric"), "seq": (3, "u64")},
}
_VALUES = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")


class Metric(NamedTuple):
    """One metric as it was sent. `name` and `datatype` may only have been given at birth, under the same `alias`."""

    name: str | None
    alias: int | None
    datatype: int | None
    timestamp: int | None  # ms
    raw: Value | int | None  # as sent: a signed number still as its two's complement; None: null, or nothing we read
    good: bool


class Payload(NamedTuple):
    timestamp: int | None  # ms
    seq: int | None
    metrics: list[Metric]


class Messages(NamedTuple):
    """The library's classes for ours."""

    payload: Any
    metric: Any
    decode_error: type[Exception]


def read_payload(payload: bytes) -> Payload:
    """Raises Undecodable."""
    if len(payload) > PAYLOAD_BYTES:
        raise Undecodable(f"payload: expected at most {PAYLOAD_BYTES} bytes, got {len(payload)}")
    messages = prepare()
    try:
        body = messages.payload.FromString(payload)
    except (messages.decode_error, UnicodeDecodeError):
        raise Undecodable("payload: expected a Sparkplug B protobuf message, got other bytes") from None
    if len(body.metrics) > METRICS:
        raise Undecodable(f"metrics: expected at most {METRICS}, got {len(body.metrics)}")
    return Payload(body.timestamp if body.HasField("timestamp") else None,
                   body.seq if body.HasField("seq") else None, [_metric(metric) for metric in body.metrics])


def write_payload(timestamp: int, seq: int | None, metrics: Iterable[dict[str, Any]]) -> bytes:
    """The bytes of a payload; each metric as its protobuf fields."""
    messages = prepare()
    body = messages.payload(timestamp=timestamp, metrics=[messages.metric(**metric) for metric in metrics])
    if seq is not None:
        body.seq = seq
    said: bytes = body.SerializeToString()
    return said


def value_of(raw: Value | int | None, datatype: int | None) -> Value | None:
    """The value in our terms: numbers as float, texts cut to size."""
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        return tidy(raw)
    if isinstance(raw, int):
        bits = _SIGNED.get(datatype or 0)
        if bits is not None:
            raw &= (1 << bits) - 1
            raw -= (raw >> (bits - 1)) << bits
        return float(raw)
    return raw if raw - raw == 0 else None  # NaN and infinities are no value


def _metric(metric: Any) -> Metric:
    field = None if metric.is_null else metric.WhichOneof("value")
    name, raw = metric.name, None if field is None else getattr(metric, field)
    if type(name) is bytes or type(raw) is bytes:  # proto2 hands over a text that is not UTF-8 as it is
        raise Undecodable("metrics: expected texts in UTF-8, got other bytes")
    return Metric(name or None, metric.alias if metric.HasField("alias") else None, metric.datatype or None,
                  metric.timestamp or None, raw,
                  not metric.HasField("properties") or _quality(metric.properties) == GOOD)


def _quality(properties: Any) -> int:
    for key, value in zip(properties.keys, properties.values, strict=False):
        if key == "Quality" and not value.is_null:
            return int(value.int_value if value.HasField("int_value") else value.long_value)
    return GOOD


@cache
def prepare() -> Messages:
    """Builds the classes, once."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.message import DecodeError

    kind_of = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="gateway/sparkplug_b.proto", package="gateway.sparkplug_b",
                                              syntax="proto2")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        if name == "Metric":
            message.oneof_decl.add(name="value")
        for field, (number, kind) in fields.items():
            plain = kind.removeprefix("*")
            added = message.field.add(name=field, number=number, label=kind_of.LABEL_REPEATED if kind[0] == "*"
                                      else kind_of.LABEL_OPTIONAL,
                                      type=getattr(kind_of, f"TYPE_{_KINDS.get(plain, 'MESSAGE')}"))
            if field in _VALUES and name == "Metric":
                added.oneof_index = 0
            if plain not in _KINDS:
                added.type_name = f".gateway.sparkplug_b.{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    payload, metric = (message_factory.GetMessageClass(pool.FindMessageTypeByName(f"gateway.sparkplug_b.{name}"))
                       for name in ("Payload", "Metric"))
    return Messages(payload, metric, DecodeError)
