"""What a Home Assistant discovery message announces: which topics are a device's own, and how each is read."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from gateway.dialects.jsonread import ID_CHARS, NAME_CHARS, TEXT_CHARS, Json, address, flat_name, shown, tidy
from gateway.dialects.presses import press_kind
from gateway.dialects.signals import Announced, Route, Skipped, Undecodable

ENTITIES = 200  # in one announcement
LONGEST = 7 * 24 * 3600  # seconds of expire_after that are believed
VALUES = ("sensor", "binary_sensor", "switch", "number", "select", "text", "light", "lock", "cover", "valve", "fan")
# The abbreviations that name what we read: Home Assistant, MQTT integration, "Supported abbreviations".
SHORT = {
    "avty": "availability", "avty_mode": "availability_mode", "avty_t": "availability_topic",
    "avty_tpl": "availability_template", "atype": "automation_type", "cmps": "components", "cns": "connections",
    "dev": "device", "dev_cla": "device_class", "evt_typ": "event_types", "exp_aft": "expire_after",
    "ids": "identifiers", "mdl": "model", "mf": "manufacturer", "p": "platform", "pl": "payload",
    "pl_avail": "payload_available", "pl_not_avail": "payload_not_available", "pl_off": "payload_off",
    "pl_on": "payload_on", "stat_t": "state_topic", "stype": "subtype", "t": "topic", "val_tpl": "value_template",
}

_STEP = r"(?:\.[A-Za-z_]\w*|\[(?:'[^'\]]*'|\"[^\"\]]*\"|\d+)\])"
_TEMPLATE = re.compile(
    r"\s*\{\{-?\s*\(?\s*(?P<root>value_json|value)(?P<path>" + _STEP + r"*)"
    r"(?P<filters>(?:\s*\|\s*(?:float|int|round|is_defined|default|string|lower|upper)(?:\([^()]*\))?)*)\s*\)?"
    r"(?:\s*(?P<sign>[*/])\s*(?P<by>\d+(?:\.\d+)?))?\s*(?:\|\s*(?:round|float|int)(?:\([^()]*\))?\s*)*-?\}\}\s*")
_STEPS = re.compile(r"\.(\w+)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")


def announced(topic: str, body: Json) -> tuple[Announced | Skipped, ...]:
    """`<prefix>/<component>/[<node>/]<object>/config` → who it is, which topics are its own, and what was left out."""
    levels = topic.split("/")
    component, name = levels[1], levels[-2]
    config = spelled_out(body)
    device = spelled_out(config["device"]) if isinstance(config.get("device"), dict) else {}
    key = "home_assistant:" + address(_identifier(device) or levels[2])
    parts = _parts(component, name, config)
    routes: list[Route] = []
    left_out = 0
    for kind, part_name, part in parts:
        found = list(_routes(kind, part_name, part))
        routes += found
        left_out += not any(route.spec["kind"] != "link" for route in found)
    if left_out == len(parts):
        raise Undecodable(f"{component}: expected a topic and a template that is a plain path, such as "
                          "{{ value_json.temperature }}, got another")
    via = device.get("via_device")
    said = Announced(key, topic, _text(device.get("name")), _model(device),
                     f"home_assistant:{via}" if isinstance(via, str) and 0 < len(via) <= ID_CHARS else None,
                     tuple(routes[:2 * ENTITIES]))
    return (said, *(Skipped(key, "announced value that we cannot read") for _ in range(left_out)))


def spelled_out(part: Json) -> Json:
    """Long names, and `~` filled in at either end of a topic."""
    full = {SHORT.get(name, name): value for name, value in part.items()}
    base = full.pop("~", None)
    if isinstance(base, str):
        for name, value in full.items():
            if name.endswith("topic") and isinstance(value, str):
                full[name] = base + value[1:] if value[:1] == "~" else value[:-1] + base if value[-1:] == "~" else value
        full["~"] = base
    return full


def path_of(template: object) -> Json | None:
    """How a value template finds its value: {} is the whole payload; None when it is more than a path.

    Templates are programs, and these come over the air from anybody: none is ever run.
    """
    if template is None:
        return {}
    found = _TEMPLATE.fullmatch(template) if isinstance(template, str) and len(template) <= 2 * TEXT_CHARS else None
    if found is None:
        return None
    steps: list[str | int] = [int(index) if index else word or one or two
                              for word, one, two, index in _STEPS.findall(found["path"])]
    path: Json = {}
    if found["root"] == "value_json":
        path["path"] = steps
    elif steps:
        return None
    if found["by"]:
        by = float(found["by"])
        if by == 0:
            return None
        path["times"] = by if found["sign"] == "*" else 1 / by
    return path


def _parts(component: str, name: str, config: Json) -> list[tuple[str, str, Json]]:
    """(component, name, its configuration) of each entity; one message may announce a whole device."""
    if component != "device":
        return [(component, name, config)]
    listed = config.get("components")
    if not isinstance(listed, dict) or not 0 < len(listed) <= ENTITIES:
        raise Undecodable(f"components: expected an object of 1 to {ENTITIES}, got {shown(listed)}")
    common: Json = {name: config[name] for name in ("~", "state_topic", "availability", "availability_topic",
                                              "availability_mode") if name in config}
    parts = []
    for part_name, part in listed.items():
        if isinstance(part, dict):
            whole = spelled_out({**common, **part})
            parts.append((str(whole.get("platform")), part_name, whole))
    if not parts:
        raise Undecodable("components: expected objects, got none")
    return parts


def _routes(component: str, name: str, part: Json) -> Iterator[Route]:
    spec: Json | None = None
    topic = part.get("state_topic")
    if component == "device_automation":
        topic = part.get("topic")
        if isinstance(part.get("payload"), str):
            spec = {"kind": "press", "payload": part["payload"][:TEXT_CHARS], "click": _click_of(part)}
    elif component == "event":
        path = path_of(part.get("value_template"))
        spec = None if path is None else {"kind": "event", **path}
    elif component in VALUES:
        spec = _value(component, name, part)
    if spec is not None and _is_topic(topic):
        yield Route(topic, spec)
    yield from _links(part)


def _value(component: str, name: str, part: Json) -> Json | None:
    path = path_of(part.get("value_template"))
    if path is None or len(name) > NAME_CHARS:
        return None
    spec: Json = {"kind": "value", "name": flat_name(name), **path}
    if component in ("binary_sensor", "switch"):
        spec["on"], spec["off"] = _text(part.get("payload_on", "ON")), _text(part.get("payload_off", "OFF"))
    if part.get("device_class") in ("battery", "problem"):
        spec["class"] = part["device_class"]
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
