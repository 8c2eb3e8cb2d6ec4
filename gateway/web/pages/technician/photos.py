"""Photos of a visit: the technician sends them from the visit's page; the technician and the customer see them."""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from gateway.flow.gateway import Gateway
from gateway.flow.visits.photos import NotNow, TooMany, is_kept, keep_photo
from gateway.model import Instant, LinkPurpose, Photo, SentAct, SubjectKind, new_id
from gateway.notifications.catalogues import catalogue_for
from gateway.store.accounts.sent_acts import OtherContent
from gateway.store.visits import photos
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.links import LinkInvalid, Render, open_link
from gateway.web.pages.technician import sent_once, visit
from gateway.web.pages.technician.decoding import Unusable, decode
from gateway.web.pages.technician.form_errors import FormError
from gateway.web.pages.technician.in_flight import StillRunning
from gateway.web.pages.technician.quota import DailyQuota
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
_TOO_LARGE = "page.photo.large"
_WRONG_FILE = (413, 422)


@router.post("/v/{token}/photos")
def add_photos(gw: Gw, now: Now, render: Render, request: Request, token: str,
               photo: Annotated[Sequence[UploadFile], File()] = (), key: Annotated[str, Form()] = "") -> Response:
    """Each as if it came alone: what could be used is kept, also when another could not."""
    view = visit.visit_view(gw, token, now)
    sending = sent_once.read_sending(request, gw.settings, token, key)
    words, quota = catalogue_for(view.job.provider.locale), request.app.state.photo_quota
    try:
        with sent_once.alone(request, sending):
            status, why = _add_all(gw, view, sending, photo, quota, now)
    except StillRunning:
        return sent_once.still_running(words)
    if not status:
        if sending.by_script:
            return Response(json.dumps({"act": "photo", "status": "done"}), media_type="application/json")
        return RedirectResponse(f"{render.root}/v/{token}#photos", 303)
    error = FormError(status, words(why), "photo" if status in _WRONG_FILE else "")
    if sending.by_script:
        return sent_once.refused(error, view.visit)
    return visit.visit_page(gw, render, visit.visit_view(gw, token, now), now, error)


def _add_all(gw: Gateway, view: visit.VisitView, sending: sent_once.Sending, photo: Sequence[UploadFile],
             quota: DailyQuota, now: Instant) -> tuple[int, str]:
    """0 when all are kept; else about the last that is not, its status and what to do."""
    status, why = (0, "") if photo else (422, "page.photo.missing")
    for number, one in enumerate(photo):
        refused = (_add(gw, view, sending, number, one.file.read(), now)
                   if quota.take(sending.link_id, now) else (429, "page.photo.quota"))
        status, why = refused if refused[0] else (status, why)
    return status, why


def _add(gw: Gateway, view: visit.VisitView, sending: sent_once.Sending, number: int, file: bytes, now: Instant
         ) -> tuple[int, str]:
    """0 when it is kept, now or before; else the status and the sentence that says what to do."""
    if not sent_once.is_usable(sending.key):
        return 400, "page.not_possible"
    digest = hashlib.sha256(file).hexdigest()
    if is_kept(gw, view.visit.id, digest):
        return 0, ""
    try:
        made = decode(file)
        row = Photo(id=new_id("F"), visit_id=view.visit.id, site_id=view.job.site.id, sender=visit.name_of(view),
                    width=made.width, height=made.height, digest=digest, content=made.content, created_at=now)
        keep_photo(gw, row, _sent(sending, number, digest, now), now)
    except Unusable as unusable:
        return 413 if str(unusable) == _TOO_LARGE else 422, str(unusable)
    except TooMany:
        return 409, "page.photo.many"
    except NotNow:
        return 409, "page.not_possible"
    except OtherContent:
        return 422, "page.key_used"
    return 0, ""


def _sent(sending: sent_once.Sending, number: int, digest: str, now: Instant) -> SentAct | None:
    if not sending.key:
        return None
    return SentAct(link_id=sending.link_id, key=f"{sending.key}.{number}", body=digest, status=200, reply="", at=now)


@router.get("/v/{token}/photos/{photo_id}")
def visit_photo(gw: Gw, now: Now, token: str, photo_id: str) -> Response:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.VISIT, token, now)
        return picture(photos.content_at_visit(session, photo_id, link.subject_id))


@router.get("/f/{token}/photos/{photo_id}")
def customer_photo(gw: Gw, now: Now, token: str, photo_id: str) -> Response:
    with gw.store.read() as session:
        link = open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now)
        is_theirs = link.subject_kind == SubjectKind.TICKET
        return picture(photos.content_at_ticket(session, photo_id, link.subject_id, to_sender=True)
                       if is_theirs else None)


def picture(content: bytes | None) -> Response:
    """Raises LinkInvalid for none."""
    if content is None:
        raise LinkInvalid
    return Response(content, media_type="image/jpeg", headers={"content-disposition": "inline"})
