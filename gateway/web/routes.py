"""Routes as our modules declare them; each becomes FastAPI's own once, in the application that serves it.

FastAPI's own routers build a whole route, with a validator for each parameter, where it is declared, again where a
router is included in another, and again at the first request: 30 MB for the routes of ours.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI, params

F = TypeVar("F", bound=Callable[..., Any])


class Routes:
    """What FastAPI calls a router: `prefix`, `tags`, `responses` and `dependencies` go for all in it."""

    def __init__(self, prefix: str = "", tags: Sequence[str] = (), dependencies: Sequence[params.Depends] = (),
                 responses: Mapping[int | str, dict[str, Any]] | None = None, include_in_schema: bool = True) -> None:
        self._prefix, self._tags, self._dependencies = prefix, list(tags), list(dependencies)
        self._responses, self._shown = dict(responses or {}), include_in_schema
        self._declared: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []

    def api_route(self, path: str, *, methods: Sequence[str], **about: Any) -> Callable[[F], F]:
        """Declares what is decorated as the answer to `methods`; `about`: as FastAPI takes it."""
        return partial(self._declare, path, about | {"methods": list(methods)})

    def get(self, path: str, **about: Any) -> Callable[[F], F]:
        return self.api_route(path, methods=["GET"], **about)

    def post(self, path: str, **about: Any) -> Callable[[F], F]:
        return self.api_route(path, methods=["POST"], **about)

    def put(self, path: str, **about: Any) -> Callable[[F], F]:
        return self.api_route(path, methods=["PUT"], **about)

    def patch(self, path: str, **about: Any) -> Callable[[F], F]:
        return self.api_route(path, methods=["PATCH"], **about)

    def delete(self, path: str, **about: Any) -> Callable[[F], F]:
        return self.api_route(path, methods=["DELETE"], **about)

    def include(self, other: "Routes") -> None:
        """Takes what `other` has declared so far, in its order."""
        for path, endpoint, about in other._whole():
            self._declared.append((path, endpoint, about))

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, about in self._whole():
            app.add_api_route(path, endpoint, **about)

    def _declare(self, path: str, about: dict[str, Any], endpoint: F) -> F:
        self._declared.append((path, endpoint, about))
        return endpoint

    def _whole(self) -> Iterable[tuple[str, Callable[..., Any], dict[str, Any]]]:
        """Each with what goes for all of them here."""
        for path, endpoint, about in self._declared:
            yield self._prefix + path, endpoint, about | {
                "tags": [*self._tags, *about.get("tags", ())],
                "dependencies": [*self._dependencies, *about.get("dependencies", ())],
                "responses": {**self._responses, **about.get("responses", {})},
                "include_in_schema": self._shown and about.get("include_in_schema", True)}
