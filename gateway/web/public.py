"""Routes without login: welcome page, OpenAPI description, health and metrics. No data."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from gateway.monitoring import metrics
from gateway.monitoring.health import Health
from gateway.notifications.catalogues import catalogue_for
from gateway.web.pages.links import Render
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
def home(render: Render) -> HTMLResponse:
    return render.page("home.html", catalogue_for("en"))


@router.get("/openapi.json")
def openapi_json(request: Request) -> JSONResponse:
    return JSONResponse(_schema(request))


@router.get("/docs")
def docs(request: Request, render: Render) -> HTMLResponse:
    """The API description as a page, without scripts from other servers."""
    schema = _schema(request)
    return render.page("docs.html", catalogue_for("en"), schema=schema, operations=_by_tag(schema))


@router.api_route("/healthz", methods=["GET", "HEAD"])
def healthz() -> dict[str, str]:
    """200 as long as the process can answer at all."""
    return {"status": "alive"}


@router.api_route("/readyz", methods=["GET", "HEAD"])
def readyz(request: Request) -> JSONResponse:
    """200 when the gateway listens to its broker and can write, else 503 with the reasons. `degraded`: what a restart
    would not repair."""
    health: Health = request.app.state.health()
    status = {"ready": health.ready, "problems": list(health.problems), "broker": list(health.broker),
              "degraded": list(health.degraded), "details": health.details}
    return JSONResponse(status, 200 if health.ready else 503)


@router.get("/metrics")
def prometheus() -> Response:
    return Response(metrics.text(), media_type=metrics.CONTENT_TYPE)


def _schema(request: Request) -> dict[str, Any]:
    state = request.app.state
    if not hasattr(state, "schema"):
        state.schema = state.openapi()
    schema: dict[str, Any] = state.schema
    return schema


def _by_tag(schema: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """Tag → (method, path, operation), in the schema's order."""
    found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {tag["name"]: [] for tag in schema["tags"]}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            found[operation["tags"][0]].append((method.upper(), path, operation))
    return found
