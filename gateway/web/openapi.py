"""The API's OpenAPI description, with problem details under their own media type, and an example of each body and
answer."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.web import problems

_ABOUT = """Hears connected devices, opens one ticket for one problem, and tells the customer before they ask.

Every call needs an API key: `Authorization: Bearer psg_…`. Times are RFC 3339 in UTC. Lists come newest first, at most
`limit` rows at a time; pass `next` as `cursor` for the following page. Errors are RFC 9457 problem details. A field or
parameter that is not described here is refused, for it may be a misspelt one.

Your own systems may name anything here as they do: `PUT /tickets/{id}/external-ids/crm`, and then
`GET /tickets?external_id=crm:4711`. Who keeps a copy asks `GET /events?wait=20` what has changed."""

# What stands in the examples where a field has none of its own, by its name.
_BY_NAME: dict[str, Any] = {
    "id": "T-4F7QK2M9", "site_id": "lindenweg-4", "customer_id": "alice", "device_id": "hp-brunner",
    "provider_id": "keller", "ticket_id": "T-4F7QK2M9", "offer_id": "O-4F7QK2M9", "visit_id": "V-8C2M5XQ0",
    "alarm_id": "A-1XW0R7TB", "outage_id": "X-6D1F9WQM", "person_id": "erna", "area_id": "feeder-7",
    "contact_id": "C-2f1c9a7d0b6e4c55", "callback_id": "C-70H3ZD5K",
    "site_name": "Lindenweg 4", "customer_name": "Alice Brunner", "device_name": "Heat pump in the cellar",
    "provider_name": "Keller Heating", "area_name": "Feeder 7", "name": "Alice Brunner", "by_name": "Dana",
    "cause": "The heat pump is overheating", "skill": "heatpump", "rule": "overheating", "profile": "heat-pump",
    "locale": "de", "language": "de", "timezone": "Europe/Zurich", "country": "CH", "postcode": "4058",
    "town": "Basel", "street": "Lindenweg 4", "phone": "+41446681800", "number": "+41446681800",
    "topic": "devices/hp-17/telemetry", "payload": "{\"action\": \"restart\"}", "dialect": "native",
    "reason": "not JSON", "note": "Reset by phone", "why": "Not needed any more",
    "text": "The heat pump is overheating",
    "wish": "Asks about the invoice", "created_by": "agent Dana", "recipient": "customer/alice", "who": "agent Dana",
    "what": "Offered to Keller Heating", "left_out": "The road was closed by the police",
    "context": "Lindenweg 4, 4058 Basel", "access": "The key is with the neighbour", "told_last": "Told: fault found",
    "notice": "We are no rescue service. In danger ring 112.",
}
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")  # nobody is answered so
MISSING = "?"  # a test finds it


def describe(app: FastAPI, tags: list[dict[str, str]]) -> dict[str, Any]:
    """OpenAPI 3.1 of everything under /api."""
    schema = get_openapi(title="Service gateway", version="1", description=_ABOUT, routes=app.routes, tags=tags)
    schemas = schema["components"]["schemas"] | problems.described()
    schema["components"]["schemas"] = {name: schemas[name] for name in sorted(schemas) if name not in _FASTAPIS_OWN}
    for operation in operations(schema):
        for media in (*bodies(operation), *answers(operation)):
            media["example"] = _example(media["schema"], schema["components"]["schemas"])
    return schema


def operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        yield from path.values()


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What may be sent."""
    yield from operation.get("requestBody", {}).get("content", {}).values()


def answers(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What comes back when it was done."""
    for status, response in operation["responses"].items():
        if int(status) < 300:
            yield from response.get("content", {}).values()


def _example(about: dict[str, Any], named: dict[str, Any], name: str = "", within: tuple[str, ...] = ()) -> Any:
    """`name`: of the field; `within`: the models around it, so that one that holds itself comes to an end."""
    if about.get("examples"):
        return about["examples"][0]
    if "$ref" in about:
        model = about["$ref"].rpartition("/")[2]
        return None if model in within else _example(named[model], named, name, (*within, model))
    if "anyOf" in about or "allOf" in about:
        kinds = about.get("anyOf") or about["allOf"]
        empty = {"type": "null"} in kinds
        return None if empty else _example(kinds[0], named, name, within)
    if "properties" in about:
        return {field: _example(one, named, field, within) for field, one in about["properties"].items()
                if field in about.get("required", ()) or one.get("examples")}
    return _plain(about, named, name, within)


def _plain(about: dict[str, Any], named: dict[str, Any], name: str, within: tuple[str, ...]) -> Any:
    if "enum" in about or "const" in about:
        return about.get("enum", [about.get("const")])[0]
    match about.get("type"):
        case "array":
            if "prefixItems" in about:
                return [_example(one, named, name, within) for one in about["prefixItems"]]
            inner = _example(about["items"], named, name.removesuffix("s"), within)
            return [] if inner in (None, MISSING) else [inner]
        case "object":
            return {}
        case "integer" | "number":
            return about.get("default", max(1, about.get("minimum", 1)))
        case "boolean":
            return about.get("default", False)
        case "string":
            return _BY_NAME.get(name, MISSING)
    return None if name != "value" else "on"
