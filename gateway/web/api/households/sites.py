"""API routes for sites: list, read, change how to get in, and who lives there."""

from typing import Annotated

from fastapi import Query

from gateway.flow.people import change_site
from gateway.store.views import households as views
from gateway.tickets.actions import LeaveSite, MoveIn
from gateway.web.api import filters
from gateway.web.api.households.models import HouseholdBody, Site, SiteChange, SitePage, site_model
from gateway.web.api.models import Id
from gateway.web.dependencies import HouseholdEditor, Reader, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/sites", tags=["households"])


@router.get("", summary="List sites")
def list_sites(by: Reader, query: Annotated[filters.Sites, Query()]) -> SitePage:
    """By id."""
    with by.gw.store.read() as session:
        page = views.sites(session, query.wanted(), query.cursor, query.limit)
    return SitePage(items=[site_model(row, by) for row in page.rows], next=page.next)


@router.get("/{site_id}", summary="One site", responses=responses(404))
def get_site(by: Reader, site_id: Id) -> Site:
    with by.gw.store.read() as session:
        return site_model(or_404(views.one_site(session, site_id), "site"), by)


@router.patch("/{site_id}", summary="Change how to get in", responses=responses(404))
def patch_site(by: HouseholdEditor, site_id: Id, body: SiteChange) -> Site:
    """The technician of a visit reads it. The next import of a fleet file that names the site has the last word."""
    change_site(by.gw, site_id, {"access": body.access}, by.who, by.now)
    return get_site(by, site_id)


@router.post("/{site_id}/household", summary="Another household lives there from now on",
             responses=responses(404, 409))
def change_household(by: HouseholdEditor, site_id: Id, body: HouseholdBody) -> Site:
    """Whoever lived there sees and hears nothing more of it: links, promises, ordinary callbacks and access notes end.
    Open tickets stay and are the new household's, which hears of them as for the first time; visits go on."""
    by(LeaveSite(site_id) if body.customer_id is None else MoveIn(site_id, body.customer_id))
    return get_site(by, site_id)
