"""Puts onto a customer's page what whoever comes looks like, from when they are to come until they have gone."""

from dataclasses import replace

from fastapi.responses import Response
from sqlmodel import Session

from gateway.model import LinkPurpose, SubjectKind
from gateway.store.firms import portraits
from gateway.store.views.pages import FollowedTicket, followed
from gateway.tickets.households.customer_acts import is_theirs
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import open_link
from gateway.web.pages.technician.photos import picture
from gateway.web.pages.ticket_view import FollowPage
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)


@router.get("/f/{token}/technician")
def technician(gw: Gw, now: Now, token: str) -> Response:
    """Of whoever comes to them now, or is there; of nobody else, and not afterwards."""
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        facts = followed(session, link) if link.subject_kind == SubjectKind.TICKET else None
        found = _shown(session, facts) if isinstance(facts, FollowedTicket) else None
        content = portraits.content(session, found) if found is not None else None
    return picture(content)


def with_portrait(content: FollowPage, session: Session, facts: FollowedTicket) -> FollowPage:
    found = _shown(session, facts)
    return replace(content, portrait=found) if found is not None else content


def _shown(session: Session, facts: FollowedTicket) -> portraits.Shown | None:
    """Not to who lives there since: it is not their visit."""
    if facts.visit is None or facts.ticket.outage_id is not None or not is_theirs(facts.ticket, facts.site):
        return None
    return portraits.of_visit(session, facts.visit)
