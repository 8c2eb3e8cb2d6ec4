"""The web application: signed-link pages, API and health endpoints, built from a Gateway and a clock."""

from collections.abc import Callable
from functools import partial

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from gateway.flow.gateway import Gateway
from gateway.model import Instant
from gateway.monitoring.health import Health
from gateway.web import api, branding, console, openapi, problems, public
from gateway.web.console import limits
from gateway.web.console.live import ConsoleLive
from gateway.web.console.ticket_rows import row_html
from gateway.web.event_waiters import EventWaiters
from gateway.web.feed import ChangeFeed
from gateway.web.live import LivePages
from gateway.web.middleware import SecurityMiddleware
from gateway.web.pages import customer, dispatch, links, offer, survey
from gateway.web.pages.follow import acts, move, portrait, tell
from gateway.web.pages.household import page as household
from gateway.web.pages.preferences import page as preferences
from gateway.web.pages.provider import calendar, job_sheet, people
from gateway.web.pages.provider import page as firm
from gateway.web.pages.technician import photos, position, visit
from gateway.web.pages.technician.in_flight import InFlight
from gateway.web.pages.technician.quota import DailyQuota
from gateway.web.pages.templates import STATIC, Renderer
from gateway.web.server import Server

__all__ = ["Server", "attach", "build_app"]


def build_app(gw: Gateway, now: Callable[[], Instant], health: Callable[[], Health]) -> FastAPI:
    """The whole web application. Run it with Server, which keeps links out of the log."""
    app = FastAPI(title="Service gateway", docs_url=None, redoc_url=None, openapi_url=None,
                  generate_unique_id_function=lambda route: route.name)
    attach(app, gw, now, health)
    app.state.openapi = lambda: openapi.describe(app, api.TAGS)
    for part in (api, public, branding, customer, acts, move, portrait, household, preferences, dispatch, offer, visit,
                 photos, position, survey, tell, firm, calendar, job_sheet, people, console):
        part.router.add_to(app)
    app.mount("/static", StaticFiles(directory=STATIC))
    problems.install(app)
    links.install(app)
    console.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=600)
    app.add_middleware(SecurityMiddleware, error_page=links.error_page, too_large=links.too_large_page,
                       https=gw.settings.web.public_url.startswith("https:"))
    return app


def attach(app: FastAPI, gw: Gateway, now: Callable[[], Instant], health: Callable[[], Health]) -> None:
    """Makes `app` answer for this gateway; `now` gives ms of UTC."""
    app.state.gateway, app.state.now, app.state.health = gw, now, health
    app.state.renderer = Renderer(gw.settings)
    app.state.photo_quota, app.state.in_flight = DailyQuota(), InFlight()
    limits.install(app)
    if hasattr(app.state, "feed"):
        app.state.feed.end()
    app.state.feed = ChangeFeed(gw.store)
    app.state.event_waiters = EventWaiters(app.state.feed)
    app.state.live = LivePages(app.state.feed, customer.NOT_SHOWN)
    app.state.console_live = ConsoleLive(app.state.feed, gw, now, partial(row_html, app.state.renderer, gw))
