"""The photos of a ticket's visits, and who signed for them, for whoever may see inside somebody's home."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from fastapi.responses import Response

from gateway.access.rights import Right, may
from gateway.flow.gateway import Gateway
from gateway.model import Role, Signature
from gateway.store.visits import signatures
from gateway.store.visits.photos import Shown, content_at_ticket, shown_at_ticket
from gateway.web.console.session import User, needs
from gateway.web.dependencies import or_404
from gateway.web.routes import Routes

router = Routes()
_MAY_SEE = needs(Right.SEE_PICTURES)


class Pictures(NamedTuple):
    photos: Sequence[Shown] = ()
    signatures: Sequence[Signature] = ()


def pictures_of(gw: Gateway, ticket_id: str, role: Role) -> Pictures:
    """None of them for a role that may not see them."""
    if not may(role, Right.SEE_PICTURES):
        return Pictures()
    with gw.store.read() as session:
        return Pictures(shown_at_ticket(session, ticket_id), signatures.at_ticket(session, ticket_id))


@router.get("/console/tickets/{ticket_id}/photos/{photo_id}")
def show_photo(user: Annotated[User, _MAY_SEE], ticket_id: str, photo_id: str) -> Response:
    with user.gw.store.read() as session:
        content = or_404(content_at_ticket(session, photo_id, ticket_id), "photo")
    return Response(content, media_type="image/jpeg", headers={"content-disposition": "inline"})
