"""The calendar of a firm's visits, or of one of its technicians', for a calendar program to subscribe to."""

import hashlib

from fastapi import Request
from fastapi.responses import Response

from gateway.model import Instant, LinkPurpose
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.invites.visit_calendar import CalendarVisit, feed, of_visit
from gateway.store.firms.links import whose_calendar
from gateway.store.firms.visits import calendar_visits
from gateway.store.views.console.own_work import OwnVisit
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import LinkInvalid, open_link
from gateway.web.pages.provider.work import cause_in
from gateway.web.pages.ticket_view import is_reported
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)


@router.api_route("/p/{token}/calendar.ics", methods=["GET", "HEAD"])
def calendar(gw: Gw, now: Now, request: Request, token: str) -> Response:
    """The token is the calendar's own: whoever runs the calendar program cannot open the firm's page with it."""
    body = _written(gw, token, now)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", "").replace("W/", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="text/calendar; charset=utf-8",
                    headers=headers | {"content-disposition": 'inline; filename="calendar.ics"'})


def _written(gw: Gw, token: str, now: Instant) -> bytes:
    with gw.store.read() as session:
        whose = whose_calendar(session, open_link(session, gw.settings, LinkPurpose.CALENDAR, token, now))
        if whose is None:
            raise LinkInvalid
        firm, technician = whose
        visits = calendar_visits(session, firm.id, None if technician is None else technician.name, now)
    words = catalogue_for(firm.locale)
    return feed([calendar_visit(one, words, now) for one in visits], technician.name if technician else firm.name)


def calendar_visit(one: OwnVisit, words: Catalogue, now: Instant) -> CalendarVisit:
    """Of one whose page is over: only when it was, and its number."""
    details = [words("page.firm.calendar_number", number=one.ticket.id)]
    if one.visit.technician:
        details.append(one.visit.technician)
    if one.site is None:
        return of_visit(one.visit, one.ticket.id, details="\n".join(details))
    # what a customer wrote is not for a calendar, which keeps copies on servers of its own
    cause = "" if is_reported(one.ticket) else cause_in(one, words)
    named = (one.device.name if one.device else "", cause)
    about = words.colon.join(part for part in named if part) or words("page.visit")
    return of_visit(one.visit, about, one.site.address, "\n".join(details))
