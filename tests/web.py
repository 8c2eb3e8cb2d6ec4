"""The whole web on a free port; its routes are made once a process, which takes longer than most tests."""

from collections.abc import Callable

from fastapi import FastAPI

from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.monitoring.health import Health
from gateway.web import Server, attach, build_app

_APPS: dict[bool, FastAPI] = {}  # by whether the world sees it over https


def serve(gw: Gateway, now: Callable[[], Instant], health: Callable[[], Health]) -> Server:
    """Stop it before the next one: they share their routes."""
    https = gw.settings.web.public_url.startswith("https:")
    if https not in _APPS:
        _APPS[https] = build_app(gw, now, health)
    attach(_APPS[https], gw, now, health)
    return Server(_APPS[https], "127.0.0.1", 0)
