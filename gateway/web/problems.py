"""HTTP errors as RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from gateway.model.plan import NoSuch, Refused
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.reasons import refusal_sentence
from gateway.store import Conflict, DatabaseUnavailable
from gateway.store.views.pagination import BadCursor

MEDIA_TYPE = "application/problem+json"
_SCHEMAS = "#/components/schemas/"


class FieldProblem(BaseModel):
    field: str = Field(description="Where the value was: `query.limit`, `body.note`, …", examples=["query.limit"])
    detail: str = Field(description="What was expected.", examples=["Input should be less than or equal to 200"])


class Problem(BaseModel):
    """RFC 9457 problem details. Every answer of 400 and above has this shape."""

    type: str = Field("about:blank", description="Always `about:blank`: the status says what kind it is.")
    title: str = Field(description="The status in words.", examples=["Conflict"])
    status: int = Field(description="The HTTP status.", examples=[409])
    detail: str = Field(description="What happened, for a person.", examples=["the offer has already been answered"])
    errors: list[FieldProblem] | None = Field(None, description="With 422: each wrong value.")


def problem(status: int, detail: str, errors: list[FieldProblem] | None = None,
            headers: dict[str, str] | None = None) -> Response:
    """A response with this status and problem details."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route says in OpenAPI about the problems it can answer with: by name, since FastAPI would keep validators
    of a model for each of them."""
    return {status: {"description": HTTPStatus(status).phrase,
                     "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}{Problem.__name__}"}}}}
            for status in statuses}


def described() -> dict[str, Any]:
    """The schemas that `responses` names."""
    problem = Problem.model_json_schema(mode="serialization", ref_template=f"{_SCHEMAS}{{model}}")
    del problem["properties"]["errors"]["default"]  # as FastAPI leaves out what is null
    return {**problem.pop("$defs"), Problem.__name__: problem}


def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail or HTTPStatus(error.status_code).phrase
    return problem(error.status_code, detail, headers=dict(error.headers or {}))


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [FieldProblem(field=".".join(map(str, one["loc"])), detail=one["msg"]) for one in error.errors()]
    return problem(422, "The request has values that were not expected.", wrong)


def _bad_cursor(_request: Request, error: Exception) -> Response:
    return problem(422, str(error), [FieldProblem(field="query.cursor", detail=str(error))])


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem(409, refusal_sentence(error, catalogue_for("en")))  # for machines, and those who write them


def _conflict(_request: Request, _error: Exception) -> Response:
    return problem(409, "Somebody else changed this at the same moment: look again and try again.")


def _away(_request: Request, _error: Exception) -> Response:
    return problem(503, "The database does not answer just now: try again shortly.", headers={"Retry-After": "5"})


def _no_such(_request: Request, error: Exception) -> Response:
    return problem(404, str(error) or "There is no such thing.")


def install(app: FastAPI) -> None:
    """Answers every error of `app` with a Problem; 500 is in middleware.py, because it must cover
    what lies outside."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BadCursor, _bad_cursor)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Conflict, _conflict)
    app.add_exception_handler(NoSuch, _no_such)
    app.add_exception_handler(DatabaseUnavailable, _away)
