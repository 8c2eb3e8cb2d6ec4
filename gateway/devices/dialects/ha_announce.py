"""Reads a Home Assistant MQTT discovery message: the device's topics and how each is decoded."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from gateway.devices.dialects.ha_templates import path_of
from gateway.devices.dialects.jsonread import ID_CHARS, NAME_CHARS, TEXT_CHARS, Json, address, flat_name, shown, tidy
from gateway.devices.dialects.presses import press_kind
from gateway.devices.dialects.secret_names import is_secret
from gateway.model.signals import Announced, Ignored, Route, Signal, Skipped, Undecodable

__all__ = ["announced", "path_of", "spelled_out"]

ENTITIES = 200  # of one announcement that are read
ROUTES = 2 * ENTITIES
LONGEST = 7 * 24 * 3600  # seconds of expire_after that are believed
# Kinds with nothing to read: pictures, whereabouts, and what only takes commands.
UNREAD = frozenset(("camera", "image", "tag", "device_tracker", "button", "notify", "scene"))
NO_VALUES = ("availability", "json_attributes", "attributes", "image", "url")  # topics that are no state
IN_JSON = ("light", "vacuum", "siren")  # may tell their state within a JSON object
# The abbreviations that name what we read: Home Assistant, MQTT integration, "Supported abbreviations".
SHORT = {
    "avty": "availability", "avty_mode": "availability_mode", "atype": "automation_type", "cmps": "components",
    "cns": "connections", "dev": "device", "dev_cla": "device_class", "evt_typ": "event_types",
    "exp_aft": "expire_after", "ids": "identifiers", "mdl": "model", "mf": "manufacturer",
    "migr_discvry": "migrate_discovery", "p": "platform", "pl": "payload",
    "pl_avail": "payload_available", "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off", "pl_on": "payload_on", "stype": "subtype", "unit_of_meas": "unit_of_measurement",
    "act_stat_t": "activity_state_topic", "act_val_tpl": "activity_value_template",
    "hum_stat_t": "target_humidity_state_topic", "hum_stat_tpl": "target_humidity_state_template",
    "hum_state_tpl": "target_humidity_state_template", "t": "topic",
}
# The names of topics and templates are abbreviated word by word: curr_temp_tpl, fan_mode_stat_t.
SHORT_WORDS = {
    "act": "action", "attr": "attributes", "avty": "availability", "bat": "battery", "bri": "brightness",
    "chrg": "charging", "cln": "cleaning", "clr": "color", "clrm": "color_mode", "cmd": "command", "curr": "current",
    "dir": "direction", "dock": "docked", "err": "error", "fanspd": "fan_speed", "fx": "effect", "hi": "high",
    "hum": "humidity", "img": "image", "l": "latest", "lev": "level", "lo": "low", "lrst": "last_reset",
    "osc": "oscillation", "pct": "percentage", "pos": "position", "pow": "power", "pr": "preset", "spd": "speed",
    "stat": "state", "t": "topic", "temp": "temperature", "tpl": "template", "val": "value", "ver": "version",
    "whit": "white",
}


def announced(topic: str, body: Json) -> tuple[Signal, ...]:
    """`<prefix>/<component>/[<node>/]<object>/config` → who it is, which topics are its own, and what was left out.

    What cannot be read is counted and never refused: the broker repeats every announcement at each connection.
    """
    levels = topic.split("/")
    component, name = levels[1], levels[-2]
    config = spelled_out(body)
    if config.get("migrate_discovery") is True:
        raise Ignored("announcement that moves to another topic")
    parts, too_many = _parts(component, name, config)
    if not parts:  # Home Assistant takes one with nothing but its kind as a removal
        return (Announced("", topic),)
    device = spelled_out(config["device"]) if isinstance(config.get("device"), dict) else {"name": config.get("name")}
    key = "home_assistant:" + address(_identifier(device) or levels[2])
    found = [one for kind, part_name, part in parts for one in _routes(kind, part_name, part)]
    routes = [one for one in found if one is not None]
    left_out = len(found) - len(routes) + len(routes[ROUTES:]) + too_many
    via = device.get("via_device")
    said = Announced(key, topic, _text(device.get("name")), _model(device),
                     f"home_assistant:{via}" if isinstance(via, str) and 0 < len(via) <= ID_CHARS else None,
                     tuple(routes[:ROUTES]))
    return (said, *(Skipped(key, "announced value that we cannot read") for _ in range(left_out)))


def spelled_out(part: Json) -> Json:
    """Long names, and `~` filled in at either end of a topic."""
    full = {_long(name): value for name, value in part.items()}
    base = full.pop("~", None)
    if isinstance(base, str):
        for name, value in full.items():
            if name.endswith("topic") and isinstance(value, str):
                full[name] = base + value[1:] if value[:1] == "~" else value[:-1] + base if value[-1:] == "~" else value
        full["~"] = base
    return full


def _long(name: str) -> str:
    if name in SHORT or not name.endswith(("_t", "_tpl")):
        return SHORT.get(name, name)
    return "_".join(SHORT_WORDS.get(word, word) for word in name.split("_"))


def _parts(component: str, name: str, config: Json) -> tuple[list[tuple[str, str, Json]], int]:
    """(component, name, its configuration) of each entity, and how many are too many; one message may announce a whole
    device. One with nothing but its kind is taken back."""
    if component != "device":
        return [(component, name, config)] if _says_more(config) else [], 0
    listed = config.get("components")
    if not isinstance(listed, dict):
        raise Undecodable(f"components: expected an object, got {shown(listed)}")
    common: Json = {name: config[name] for name in ("~", "state_topic", "availability", "availability_topic",
                                                    "availability_mode", "availability_template", "payload_available",
                                                    "payload_not_available") if name in config}
    parts: list[tuple[str, str, Json]] = []
    for part_name, part in listed.items():
        own = spelled_out(part) if isinstance(part, dict) else {}
        if _says_more(own):
            whole = spelled_out({**common, **part})
            parts.append((str(whole.get("platform")), part_name, whole))
    return parts[:ENTITIES], len(parts[ENTITIES:])


def _says_more(config: Json) -> bool:
    return not config.keys() <= {"platform"}


def _routes(component: str, name: str, part: Json) -> Iterator[Route | None]:
    """The topics of one entity; None for each that cannot be read."""
    if component == "device_automation":
        topic = part.get("topic")
        if isinstance(part.get("payload"), str) and _is_topic(topic):
            yield Route(topic, {"kind": "press", "payload": part["payload"][:TEXT_CHARS], "click": _click_of(part)})
    elif component == "event" and "state_topic" in part:
        path = path_of(part.get("value_template"))
        yield _route(part["state_topic"], None if path is None else {"kind": "event", **path})
    elif component not in UNREAD:
        for field in [field for field in part if field.endswith("_topic")]:
            stem = field.removesuffix("_topic")
            if "command" not in stem and not stem.startswith("set_") and stem not in NO_VALUES:
                yield _route(part[field], _value(component, name, stem, part))
    yield from _links(part)


def _route(topic: object, spec: Json | None) -> Route | None:
    return Route(topic, spec) if spec is not None and _is_topic(topic) else None


def _value(component: str, name: str, stem: str, part: Json) -> Json | None:
    """How the value on `<stem>_topic` is read; the entity's own state bears its name alone."""
    what = stem.removesuffix("_state")
    full = name if stem == "state" else f"{name}_{what}"
    templates = ("value_template", "state_template") if stem == "state" else (
        f"{stem}_template", f"{what}_value_template", f"{what}_template", "value_template")
    template = next((part[one] for one in templates if part.get(one) is not None), None)
    path = path_of(template)
    if path is None or len(full) > NAME_CHARS:
        return None
    if is_secret("_".join((full, *map(str, path.get("path", ()))))) or part.get("mode") == "password":
        return None
    if template is None and component in IN_JSON and stem == "state":
        path = {"or_path": ["state"]}
    spec: Json = {"kind": "value", "name": flat_name(full), **path}
    if stem != "state":
        return spec
    if component in ("binary_sensor", "switch"):
        spec["on"], spec["off"] = _text(part.get("payload_on", "ON")), _text(part.get("payload_off", "OFF"))
    if part.get("device_class") in ("battery", "problem") and part.get("unit_of_measurement", "%") == "%":
        spec["class"] = part["device_class"]  # a battery in volts is a value and no charge
    expires = part.get("expire_after")
    if isinstance(expires, int | float) and not isinstance(expires, bool) and 0 < expires <= LONGEST:
        spec["expires"] = round(expires * 1000)
    return spec


def _links(part: Json) -> Iterator[Route]:
    listed = part.get("availability")
    rows = [spelled_out(row) for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    if "availability_topic" in part:
        rows.append({"topic": part["availability_topic"], "value_template": part.get("availability_template"),
                     "payload_available": part.get("payload_available"),
                     "payload_not_available": part.get("payload_not_available")})
    mode = part.get("availability_mode", "latest")
    base = part.get("~")
    topics: dict[str, Json] = {}
    for listed_row in rows[:ENTITIES]:
        row = spelled_out({**listed_row, "~": base}) if isinstance(base, str) else listed_row
        path = path_of(row.get("value_template"))
        if _is_topic(row.get("topic")) and path is not None:
            topics[row["topic"]] = {"on": _text(row.get("payload_available") or "online"),
                                    "off": _text(row.get("payload_not_available") or "offline"), **path}
    for topic, spec in topics.items():
        yield Route(topic, {"kind": "link", "mode": mode if mode in ("all", "any") and len(topics) > 1 else "latest",
                            "of": len(topics), **spec})


def _click_of(part: Mapping[str, Any]) -> str:
    """The kind of press that a trigger is; "" when only the device's profile can know."""
    kind = part.get("type")
    if isinstance(kind, str) and "button_" in kind:  # Home Assistant's own types say all: a subtype is but the button
        return press_kind(kind) or ""
    words = (word for word in (part.get("payload"), part.get("subtype")) if isinstance(word, str))
    return next((kind for word in words if (kind := press_kind(word))), "")


def _identifier(device: Json) -> str | None:
    ids, ties = device.get("identifiers"), device.get("connections")
    if isinstance(ids, list) and ids:
        ids = ids[0]
    if isinstance(ids, str | int) and str(ids):
        return str(ids)
    if isinstance(ties, list) and ties and isinstance(ties[0], list) and len(ties[0]) == 2:
        return str(ties[0][1])
    return None


def _model(device: Json) -> str:
    return " ".join(word for word in (_text(device.get("manufacturer")), _text(device.get("model"))) if word)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return tidy(str(value)) if isinstance(value, str | int | float) else ""


def _is_topic(topic: object) -> TypeGuard[str]:
    return (isinstance(topic, str) and 0 < len(topic) <= TEXT_CHARS and topic.isprintable()
            and not set("+#") & set(topic) and topic[0] != "$")
