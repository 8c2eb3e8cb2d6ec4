"""Photos of a firm's technicians: sent from its own page, and shown there."""

import hashlib
from typing import Annotated

from fastapi import File, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from gateway.flow.firms import own_people
from gateway.model import Actor, ActorKind, LinkPurpose
from gateway.model.plan import NoSuch
from gateway.store import Conflict
from gateway.store.firms import portraits
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import Render, open_link
from gateway.web.pages.provider.page import opened_firm, shown_page
from gateway.web.pages.technician.decoding import Unusable, decode
from gateway.web.pages.technician.photos import picture
from gateway.web.pages.technician.quota import DailyQuota
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
SIDE = 480  # pixels: shown at 96, on screens with several pixels for each


@router.post("/p/{token}/people/{technician_id}/photo")
def set_portrait(gw: Gw, now: Now, render: Render, request: Request, token: str, technician_id: str,
                 photo: Annotated[UploadFile | None, File()] = None) -> Response:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FIRM, token, now)
    quota: DailyQuota = request.app.state.photo_quota
    if not quota.take(link.id, now):
        return shown_page(gw, render, token, now, 429, note="page.photo.quota")
    try:
        given = picture_of(photo)
        with gw.store.write() as session:
            firm = opened_firm(session, open_link(session, gw.settings, LinkPurpose.FIRM, token, now))
            own_people.keep_portrait(session, firm.id, technician_id, given, Actor(ActorKind.PROVIDER, firm.name), now)
    except Unusable as unusable:
        return shown_page(gw, render, token, now, 422, note=str(unusable))
    except (NoSuch, Conflict):
        return shown_page(gw, render, token, now, 409, note="page.not_possible")
    return RedirectResponse(f"{render.root}/p/{token}?said=portrait#said", 303)


def picture_of(photo: UploadFile | None) -> own_people.Picture:
    """Checked and drawn anew. Raises Unusable."""
    file = photo.file.read() if photo is not None else b""
    made = decode(file, SIDE)
    return own_people.Picture(made.content, made.width, made.height, hashlib.sha256(file).hexdigest())


@router.get("/p/{token}/people/{technician_id}/photo")
def own_portrait(gw: Gw, now: Now, token: str, technician_id: str) -> Response:
    with gw.store.read() as session:
        firm = opened_firm(session, open_link(session, gw.settings, LinkPurpose.FIRM, token, now))
        found = portraits.of_technician(session, firm.id, technician_id)
    return picture(found)
