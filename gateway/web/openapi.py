"""The API's OpenAPI description, with problem details under their own media type."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.web.problems import MEDIA_TYPE

_ABOUT = """Hears connected devices, opens one ticket for one problem, and tells the customer before they ask.

Every call needs an API key: `Authorization: Bearer psg_…`. Times are RFC 3339 in UTC. Lists come newest first, at most
`limit` rows at a time; pass `next` as `cursor` for the following page. Errors are RFC 9457 problem details."""


def describe(app: FastAPI, tags: list[dict[str, str]]) -> dict[str, Any]:
    """OpenAPI 3.1 of everything under /api."""
    schema = get_openapi(title="Service gateway", version="1", description=_ABOUT, routes=app.routes, tags=tags)
    for path in schema["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400 and "application/json" in response.get("content", {}):
                    response["content"][MEDIA_TYPE] = response["content"].pop("application/json")
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
    return schema
