"""Photos of a firm's technicians, sent at the console: by the desk, and by people of the firm who sign in."""

from typing import Annotated

from fastapi import File, Request, UploadFile
from fastapi.responses import Response

from gateway.flow.firms import own_people
from gateway.model.plan import NoSuch
from gateway.store import Conflict
from gateway.store.firms import portraits
from gateway.web.console import firms
from gateway.web.console.firms import Manages, Works
from gateway.web.console.pages import WORDS, go_on
from gateway.web.console.session import User
from gateway.web.dependencies import or_404
from gateway.web.pages.provider.people import picture_of
from gateway.web.pages.technician.decoding import Unusable
from gateway.web.pages.technician.quota import DailyQuota
from gateway.web.routes import Routes

router = Routes()
_ONE = "/people/{technician_id}/photo"
_TOO_MANY = "You have sent so many photos today that no more are taken until tomorrow."
Upload = Annotated[UploadFile | None, File()]


@router.post(f"{firms.PATH}/{{firm_id}}{_ONE}")
def set_portrait(request: Request, user: Manages, firm_id: str, technician_id: str, photo: Upload = None) -> Response:
    return _keep(request, user, firm_id, technician_id, photo, f"{firms.PATH}/{firm_id}", "firm.html")


@router.post(f"{firms.OWN}{_ONE}")
def set_own_portrait(request: Request, user: Works, technician_id: str, photo: Upload = None) -> Response:
    return _keep(request, user, or_404(user.firm, "firm"), technician_id, photo, firms.OWN, "own_firm.html")


@router.get(f"{firms.PATH}/{{firm_id}}{_ONE}")
def show_portrait(user: Manages, firm_id: str, technician_id: str) -> Response:
    return _picture(user, firm_id, technician_id)


@router.get(f"{firms.OWN}{_ONE}")
def show_own_portrait(user: Works, technician_id: str) -> Response:
    return _picture(user, or_404(user.firm, "firm"), technician_id)


def _keep(request: Request, user: User, firm_id: str, technician_id: str, photo: UploadFile | None, back: str,
          template: str) -> Response:
    quota: DailyQuota = request.app.state.photo_quota
    if not quota.take(f"user/{user.row.id}", user.now):
        return firms.firm_page(request, user, firm_id, 429, _TOO_MANY, template=template)
    try:
        given = picture_of(photo)
        with user.gw.store.write() as session:
            own_people.keep_portrait(session, firm_id, technician_id, given, user.who, user.now)
    except Unusable as unusable:
        return firms.firm_page(request, user, firm_id, 422, WORDS(str(unusable)), template=template)
    except (NoSuch, Conflict):
        return firms.firm_page(request, user, firm_id, 409, WORDS("page.not_possible"), template=template)
    return go_on(back)


def _picture(user: User, firm_id: str, technician_id: str) -> Response:
    with user.gw.store.read() as session:
        content = or_404(portraits.of_technician(session, firm_id, technician_id), "photo")
    return Response(content, media_type="image/jpeg", headers={"content-disposition": "inline"})
