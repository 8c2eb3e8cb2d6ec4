"""ThingsBoard's MQTT device and gateway API, on a broker of one's own."""

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from gateway.devices.dialects.jsonread import Json, address, device_clock, flatten, read_object, shown, tidy
from gateway.model import Instant
from gateway.model.signals import Announced, Ignored, Presence, Signal, Telemetry, Undecodable, Value

NAME = "thingsboard"
FILTERS: tuple[str, ...] = ("v1/devices/me/+", "v1/gateway/+", "+/v1/devices/me/+", "+/v1/gateway/+")
DEVICES = 200  # in one message of a gateway
ITEMS = 1_000  # moments in one message


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """`[<mount point>/]v1/devices/me/…` or `[<mount point>/]v1/gateway/…`; raises Undecodable or Ignored."""
    place, _, what = topic.rpartition("/")
    mount, _, api = place.rpartition("v1/")
    mount = mount[:-1]
    if what in ("telemetry", "attributes"):
        if api == "gateway":
            return _devices(mount, read_object(payload), crc32(payload), retained)
        return _told("thingsboard:" + _mounted(mount, what), _said(payload), crc32(payload), retained)
    if api == "gateway" and what in ("connect", "disconnect"):
        return _link(mount, what, read_object(payload), retained)
    raise Ignored("command, question or claim")


def _mounted(mount: str, what: str) -> str:
    if not mount:
        raise Undecodable("topic: expected <device>/v1/devices/me/… (here only the login names the device, and that "
                          f"we cannot see): give each device a mount point in the broker, got v1/devices/me/{what}")
    return address(mount)


def _devices(mount: str, body: Json, seq: int, retained: bool) -> Sequence[Signal]:
    """A gateway speaks for its devices, so their names are in the payload."""
    if len(body) == 2 and type(body.get("device")) is str and "data" in body:
        raise Ignored("command, question or claim")  # the server's word to a gateway, on the same topic
    if len(body) > DEVICES:
        raise Undecodable(f"payload: expected at most {DEVICES} devices, got {len(body)}")
    _few(sum(len(said) for said in body.values() if type(said) is list))
    signals: list[Signal] = []
    why: Undecodable | Ignored = Ignored("nothing said")
    for name, said in body.items():
        try:
            signals += _told(_key(mount, name), said, seq, retained, relayed=True)
        except (Undecodable, Ignored) as error:
            why = error  # what one device says wrongly must not silence the others
    if not signals:
        raise why
    return signals


def _link(mount: str, what: str, body: Json, retained: bool) -> Sequence[Signal]:
    name = body.get("device")
    if type(name) is not str:
        raise Undecodable(f"device: expected a name, got {shown(name)}")
    key = _key(mount, name)
    if retained:
        raise Ignored("retained connection")
    if what == "disconnect":
        return (Presence(key, "stopped"),)
    kind = body.get("type")
    model = tidy(kind) if type(kind) is str else ""
    return (Announced(key, f"{key}/connect", name, model, f"thingsboard:{mount}" if mount else None),
            Presence(key, "online"))


def _key(mount: str, name: str) -> str:
    return "thingsboard:" + address(f"{mount}/{name}" if mount and name else name)


def _said(payload: bytes) -> Any:
    """A JSON object, or a list of them."""
    if payload.lstrip()[:1] == b"[":
        return read_object(b'{"list":' + payload + b"}")["list"]
    return read_object(payload)


def _told(key: str, said: Any, seq: int, retained: bool, relayed: bool = False) -> Sequence[Signal]:
    """One Telemetry for each moment that `said`, an object or a list of them, speaks of. `relayed`: a gateway says it,
    and heard the device at that moment."""
    moments: dict[Instant | None, dict[str, Value]] = {}
    for at, values in _items(said):
        if at in moments:
            moments[at].update(values)
        else:
            moments[at] = values
    signals = [Telemetry(key, values, at, seq, None, at if relayed else None)
               for at, values in moments.items() if values]
    if signals:
        return signals
    if retained or not moments:
        raise Ignored("nothing said")
    return (Presence(key, "online"),)


def _items(said: Any) -> Iterator[tuple[Instant | None, dict[str, Value]]]:
    items = said if type(said) is list else [said]
    _few(len(items))
    for item in items:
        if type(item) is not dict:
            raise Undecodable(f"payload: expected an object of values, or a list of them, got {shown(item)}")
        values = item.get("values")
        if type(values) is dict and "ts" in item:
            yield device_clock(item["ts"]), flatten(values)
        else:
            yield None, flatten(item)


def _few(moments: int) -> None:
    if moments > ITEMS:
        raise Undecodable(f"payload: expected at most {ITEMS} moments, got {moments}")


_NOON = 1_788_264_000_000  # 2026-09-01T12:00:00Z

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("meter-4/v1/devices/me/telemetry", b'{"flow":3,"leak":false,"valve":"open","rssi":null}', False,
     (Telemetry("thingsboard:meter-4", {"flow": 3.0, "leak": False, "valve": "open"}),)),
    ("meter-4/v1/devices/me/telemetry", b'{"ts":1788264000000,"values":{"flow":3.5}}', False,
     (Telemetry("thingsboard:meter-4", {"flow": 3.5}, _NOON),)),
    ("meter-4/v1/devices/me/telemetry",
     b' [{"ts":1788264000000,"values":{"flow":3}},{"ts":1788264001000,"values":{"flow":4}}]', False,
     (Telemetry("thingsboard:meter-4", {"flow": 3.0}, _NOON),
      Telemetry("thingsboard:meter-4", {"flow": 4.0}, _NOON + 1000))),
    ("meter-4/v1/devices/me/telemetry", b'[{"flow":3},{"leak":true}]', False,
     (Telemetry("thingsboard:meter-4", {"flow": 3.0, "leak": True}),)),
    ("meter-4/v1/devices/me/telemetry", b'{"ts":"noon","values":{"flow":3}}', False,
     (Telemetry("thingsboard:meter-4", {"flow": 3.0}),)),
    ("meter-4/v1/devices/me/telemetry", b'{"flow":null}', False, (Presence("thingsboard:meter-4", "online"),)),
    ("meter-4/v1/devices/me/telemetry", b'{"flow":null}', True, Ignored),
    ("meter-4/v1/devices/me/telemetry", b"[]", False, Ignored),
    ("meter-4/v1/devices/me/telemetry", b"[3]", False, Undecodable),
    ("meter-4/v1/devices/me/telemetry", b'[{"flow":3}', False, Undecodable),
    ("meter-4/v1/devices/me/telemetry", b"3", False, Undecodable),
    ("meter-4/v1/devices/me/attributes", b'{"fw_version":"1.4"}', False,
     (Telemetry("thingsboard:meter-4", {"fw_version": "1.4"}),)),
    ("meter-4/v1/devices/me/claim", b'{"secretKey":"hidden"}', False, Ignored),
    ("v1/devices/me/telemetry", b'{"flow":3}', False, Undecodable),
    ("v1/devices/me/attributes", b'{"flow":3}', False, Undecodable),
    ("v1/gateway/telemetry",
     b'{"Boiler 1":[{"ts":1788264000000,"values":{"temp":61}}],"Boiler 2":[{"temp":58}]}', False,
     (Telemetry("thingsboard:Boiler 1", {"temp": 61.0}, _NOON, 0, None, _NOON),
      Telemetry("thingsboard:Boiler 2", {"temp": 58.0}))),
    ("v1/gateway/telemetry", b'{"Boiler 1":61,"Boiler 2":[{"temp":58}]}', False,
     (Telemetry("thingsboard:Boiler 2", {"temp": 58.0}),)),
    ("v1/gateway/telemetry", b'{"Boiler 1":61}', False, Undecodable),
    ("v1/gateway/telemetry", b"{}", False, Ignored),
    ("hall/v1/gateway/telemetry", b'{"Boiler 1":[{"temp":61}]}', False,
     (Telemetry("thingsboard:hall/Boiler 1", {"temp": 61.0}),)),
    ("v1/gateway/attributes", b'{"Boiler 1":{"fw":"1.0"}}', False, (Telemetry("thingsboard:Boiler 1", {"fw": "1.0"}),)),
    ("v1/gateway/attributes", b'{"device":"Boiler 1","data":{"target":60}}', False, Ignored),
    ("v1/gateway/connect", b'{"device":"Boiler 1","type":"boiler"}', False,
     (Announced("thingsboard:Boiler 1", "thingsboard:Boiler 1/connect", "Boiler 1", "boiler"),
      Presence("thingsboard:Boiler 1", "online"))),
    ("hall/v1/gateway/connect", b'{"device":"Boiler 1"}', False,
     (Announced("thingsboard:hall/Boiler 1", "thingsboard:hall/Boiler 1/connect", "Boiler 1", "", "thingsboard:hall"),
      Presence("thingsboard:hall/Boiler 1", "online"))),
    ("v1/gateway/connect", b'{"device":"Boiler 1"}', True, Ignored),
    ("v1/gateway/disconnect", b'{"device":"Boiler 1"}', False, (Presence("thingsboard:Boiler 1", "stopped"),)),
    ("v1/gateway/disconnect", b'{"name":"Boiler 1"}', False, Undecodable),
    ("v1/gateway/rpc", b'{"device":"Boiler 1","id":1,"data":{}}', False, Ignored),
)
