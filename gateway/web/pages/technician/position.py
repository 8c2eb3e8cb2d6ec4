"""A technician on the way shares where they are: their phone says it again and again, and it is kept nowhere."""

from math import isfinite
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response
from pydantic import BaseModel

from gateway.flow.visits.positions import EVERY, FRESH, Position
from gateway.model import SECOND, VisitState
from gateway.notifications.catalogues import catalogue_for
from gateway.web.dependencies import Gw, Now
from gateway.web.feed import ChangeFeed
from gateway.web.pages.links import Render
from gateway.web.pages.technician import visit
from gateway.web.problems import problem
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)


class PositionForm(BaseModel):
    """The form as it comes: every field is text and may be missing."""

    lat: str = ""
    lon: str = ""
    accuracy: str = ""  # metres
    age: str = ""  # ms, by the phone's own clock
    stop: str = ""


@router.post("/v/{token}/position")
def share_position(gw: Gw, now: Now, render: Render, request: Request, token: str,
                   given: Annotated[PositionForm, Form()]) -> Response:
    """Only while they are on the way to this visit."""
    view = visit.visit_view(gw, token, now)
    words, feed = catalogue_for(view.job.provider.locale), request.app.state.feed
    if given.stop:
        gw.positions.forget(view.visit.id)
        _tell(feed, view.visit.id)
        return Response(status_code=204)
    if view.visit.state is not VisitState.EN_ROUTE:
        gw.positions.forget(view.visit.id)
        return problem(409, words("page.position.not_now"))
    lat, lon, accuracy, age = (_number(one) for one in (given.lat, given.lon, given.accuracy, given.age or "0"))
    if lat is None or lon is None or accuracy is None or age is None or abs(lat) > 90 or abs(lon) > 180:
        return problem(422, words("page.not_possible"))
    if not gw.positions.share(view.visit.id, Position(lat, lon, accuracy, now - round(age)), now):
        return problem(429, words("page.not_possible"), headers={"retry-after": str(EVERY // SECOND)})
    _tell(feed, view.visit.id)
    return Response(status_code=204)


def _tell(feed: ChangeFeed, visit_id: str) -> None:
    """Open pages about the visit are rendered anew, now and once it is too old to be shown."""
    feed.say(visit_id)
    feed.say(visit_id, FRESH / SECOND)


def _number(said: str) -> float | None:
    try:
        found = float(said)
    except ValueError:
        return None
    return found if isfinite(found) and abs(found) < 1e9 else None
