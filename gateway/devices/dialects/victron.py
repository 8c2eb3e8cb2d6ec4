"""Victron GX devices: the `N/<portal>/<service>/<instance>/<path>` notifications of Venus OS (dbus-flashmq)."""

from collections.abc import Iterable, Sequence
from zlib import crc32

from gateway.devices.dialects.jsonread import Json, address, flat_name, flatten, read_object, shown, telemetry, tidy
from gateway.model.signals import Announced, FaultCode, Ignored, Presence, Request, Signal, Telemetry, Undecodable

NAME = "victron"
FILTERS: tuple[str, ...] = ("N/+/+", "N/+/+/+/#")
ADDRESS_LEVELS = 1  # of the address of a portal: it speaks for its devices
ACCESS = (("write", "N/{}/#"), ("read", "R/{}/#"), ("read", "W/{}/#"))
GO_ON = b'{"keepalive-options":["suppress-republish"]}'  # only what changes; an empty payload asks for every value
REFRESH = 600  # s; so often at least all values are asked for, also those that never change
HEARTBEAT = 3  # s from one heartbeat of a portal to its next
SIGNS_OF_LIFE = ("heartbeat", "full_publish_completed", "keepalive")
NIGHT = ("pvinverter",)  # services that leave the bus each evening
ALARM = 2  # 0 is fine, 1 a warning
LIMITS = ("Active", "Restore", "Delay", "Enable")  # a tank keeps the limits of its alarms below Alarms/ as well


def decode(topic: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """One value of a device, or a sign of life of its portal, → Signals; raises Undecodable or Ignored."""
    parts = topic.split("/", 4)
    if parts[0] != "N":
        raise Ignored("command to a portal")
    portal = "victron:" + address(parts[1])
    if len(parts) == 3:
        return _alive(portal, parts[2], payload, retained)
    if len(parts) != 5:
        raise Undecodable(f"topic: expected N/<portal>/<service>/<instance>/<path>, got {shown(topic)}")
    _, _, service, instance, path = parts
    key = portal if service == "system" else "victron:" + address(f"{parts[1]}/{service}/{instance}")
    if not payload:
        # The portal says goodbye for it, once for each path. A pulled cable and a switch look the same from there.
        return (Presence(key, "sleeping" if service in NIGHT else "stopped"),)
    if service == "settings":
        raise Ignored("setting of a portal")  # hundreds of them, passwords among them
    value = _value(payload)
    signal = telemetry(key, flatten({path: value}), None, payload, retained)
    besides = _besides(topic, key, value, retained)
    return (signal,) if besides is None else (besides, signal)


def prompts(keys: Iterable[str]) -> list[tuple[str, bytes]]:
    """(topic, payload) to publish every half a minute: without it these portals fall silent after 60 s.

    It never asks for all values: `decode` does, when it meets a portal anew and from time to time.
    """
    portals = {key.removeprefix("victron:").split("/")[0] for key in keys}
    return [(f"R/{portal}/keepalive", GO_ON) for portal in sorted(portals) if portal and not {"+", "#"} & {*portal}]


def _besides(topic: str, key: str, value: str | float | Json, retained: bool) -> Signal | None:
    """What some paths say besides their value."""
    _, portal, service, _, path = topic.split("/", 4)
    if path.startswith("Alarms/"):
        if not retained and value in (0, 1, ALARM) and path.rpartition("/")[2] not in LIMITS:
            return FaultCode(key, flat_name(f"{service}/{path}"), value == ALARM)
    elif path in ("ProductName", "CustomName") and isinstance(value, str) and value:
        name, model = (value, "") if path == "CustomName" else ("", value)
        return Announced(key, topic, tidy(name), tidy(model), None if service == "system" else f"victron:{portal}")
    elif path == "Serial" and service == "system" and retained:
        return _tell_all(key)  # the one value kept retained: we have just subscribed, and know nothing yet
    return None


def _alive(portal: str, what: str, payload: bytes, retained: bool) -> Sequence[Signal]:
    """Heartbeats come while anybody keeps the portal awake; at one of them in REFRESH s all values are asked for.

    When that is follows from the portal's clock and name: nothing to remember, and not all portals answer at once.
    """
    if what not in SIGNS_OF_LIFE:
        raise Undecodable(f"topic: expected N/<portal>/ and {', '.join(SIGNS_OF_LIFE)} or a path, got {shown(what)}")
    if retained:
        raise Ignored("retained sign of life")
    now = _value(payload)
    alive = Presence(portal, "online")
    # one second more than the beat: a late heartbeat must not step over the moment
    if what == "heartbeat" and isinstance(now, int) and (now + crc32(portal.encode())) % REFRESH <= HEARTBEAT:
        return (alive, _tell_all(portal))
    return (alive,)


def _tell_all(portal: str) -> Request:
    return Request(portal, f"R/{portal.removeprefix('victron:')}/keepalive", b"")


def _value(payload: bytes) -> str | float | Json:
    body = read_object(payload)
    value = body.get("value")
    if isinstance(value, str | int | float | dict):
        return value
    if "value" not in body:
        raise Undecodable("value: expected a value or null, got nothing")
    # The portal's word that there is none: neither zero, nor a sign that the device itself is there.
    raise Ignored("path without a value" if value is None else "list of values")


_KEY, _MPPT, _GRID = "victron:c0619ab1", "victron:c0619ab1/solarcharger/279", "victron:c0619ab1/vebus/257"
_ALL = Request(_KEY, "R/c0619ab1/keepalive", b"")

EXAMPLES: tuple[tuple[str, bytes, bool, tuple[Signal, ...] | type[Exception]], ...] = (
    ("N/c0619ab1/solarcharger/279/Dc/0/Voltage", b'{"value":26.5}', False, (Telemetry(_MPPT, {"Dc_0_Voltage": 26.5}),)),
    ("N/c0619ab1/vebus/257/Mode", b'{"max":4,"min":1,"value":3}', False, (Telemetry(_GRID, {"Mode": 3.0}),)),
    ("N/c0619ab1/vebus/257/Ac/Out/L1/P", b'{"value":-12}', False, (Telemetry(_GRID, {"Ac_Out_L1_P": -12.0}),)),
    ("N/c0619ab1/vebus/257/Ac/Out/L2/P", b'{"value":null}', False, Ignored),
    ("N/c0619ab1/vebus/257/Ac/Out/L2/P", b'{}', False, Undecodable),
    ("N/c0619ab1/vebus/257/Ac/Out/L2/P", b'12', False, Undecodable),
    ("N/c0619ab1/vebus/257", b'{"value":12}', False, Undecodable),
    ("N/c0619ab1/battery/512/Soc", b'{"value":4}', False,
     (Telemetry("victron:c0619ab1/battery/512", {"Soc": 4.0}),)),
    ("N/c0619ab1/system/0/Dc/Pv/Power", b'{"value":640}', False, (Telemetry(_KEY, {"Dc_Pv_Power": 640.0}),)),
    ("N/c0619ab1/system/0/Batteries", b'{"value":[{"soc":81}]}', False, Ignored),
    ("N/c0619ab1/gps/0/Position", b'{"value":{"Latitude":52.25,"Longitude":null}}', False,
     (Telemetry("victron:c0619ab1/gps/0", {"Position_Latitude": 52.25}),)),
    ("N/c0619ab1/vebus/257/Alarms/HighTemperature", b'{"value":2}', False,
     (FaultCode(_GRID, "vebus_Alarms_HighTemperature"), Telemetry(_GRID, {"Alarms_HighTemperature": 2.0}))),
    ("N/c0619ab1/vebus/257/Alarms/L1/Overload", b'{"value":1}', False,
     (FaultCode(_GRID, "vebus_Alarms_L1_Overload", False), Telemetry(_GRID, {"Alarms_L1_Overload": 1.0}))),
    ("N/c0619ab1/vebus/257/Alarms/HighTemperature", b'{"value":2}', True,
     (Telemetry(_GRID, {"Alarms_HighTemperature": 2.0}),)),
    ("N/c0619ab1/tank/3/Alarms/Low/Delay", b'{"value":2}', False,
     (Telemetry("victron:c0619ab1/tank/3", {"Alarms_Low_Delay": 2.0}),)),
    ("N/c0619ab1/solarcharger/279/ProductName", b'{"value":"SmartSolar 100/30"}', False,
     (Announced(_MPPT, "N/c0619ab1/solarcharger/279/ProductName", "", "SmartSolar 100/30", _KEY),
      Telemetry(_MPPT, {"ProductName": "SmartSolar 100/30"}))),
    ("N/c0619ab1/solarcharger/279/CustomName", b'{"value":"Barn roof"}', False,
     (Announced(_MPPT, "N/c0619ab1/solarcharger/279/CustomName", "Barn roof", "", _KEY),
      Telemetry(_MPPT, {"CustomName": "Barn roof"}))),
    ("N/c0619ab1/solarcharger/279/CustomName", b'{"value":""}', False, (Telemetry(_MPPT, {"CustomName": ""}),)),
    ("N/c0619ab1/pvinverter/20/Ac/Power", b"", False, (Presence("victron:c0619ab1/pvinverter/20", "sleeping"),)),
    ("N/c0619ab1/solarcharger/279/Dc/0/Voltage", b"", False, (Presence(_MPPT, "stopped"),)),
    ("N/c0619ab1/settings/0/Settings/Services/AccessPointPassword", b'{"value":"hidden"}', False, Ignored),
    ("N/c0619ab1/system/0/Serial", b'{"value":"c0619ab1"}', True, (_ALL, Telemetry(_KEY, {"Serial": "c0619ab1"}))),
    ("N/c0619ab1/system/0/Serial", b'{"value":"c0619ab1"}', False, (Telemetry(_KEY, {"Serial": "c0619ab1"}),)),
    ("N/c0619ab1/heartbeat", b'{"value":1788264000}', False, (Presence(_KEY, "online"),)),
    ("N/c0619ab1/heartbeat", b'{"value":1788264480}', False, (Presence(_KEY, "online"), _ALL)),
    ("N/c0619ab1/full_publish_completed", b'{"value":1788264000}', False, (Presence(_KEY, "online"),)),
    ("N/c0619ab1/keepalive", b'{"value":1}', True, Ignored),
    ("N/c0619ab1/surprise", b'{"value":1}', False, Undecodable),
)
