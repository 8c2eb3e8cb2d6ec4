"""The customer tells us something, in words, in photos or both: a form of its own, because photos may be large."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

from fastapi import File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from gateway.flow.customers.pending_acts import ask
from gateway.flow.gateway import Gateway
from gateway.model import CustomerAct, Instant, LinkPurpose, PendingAct, Photo, new_id
from gateway.model.plan import NoSuch, Refused
from gateway.model.reasons import RefusedReason
from gateway.store import Conflict
from gateway.tickets.households.customer_acts import WORDS
from gateway.web.dependencies import Gw, Now
from gateway.web.pages.follow.acts import ChangeForm, Shown, change_page, load, why_not
from gateway.web.pages.links import Render, open_link
from gateway.web.pages.technician.decoding import Unusable, decode
from gateway.web.pages.technician.form_errors import FormError
from gateway.web.pages.technician.quota import DailyQuota
from gateway.web.routes import Routes

router = Routes(include_in_schema=False)
_TOO_LARGE = "page.photo.large"


@router.post("/f/{token}/tell")
def tell(gw: Gw, now: Now, render: Render, request: Request, token: str,
         photo: Annotated[Sequence[UploadFile], File()] = (), words: Annotated[str, Form()] = "") -> Response:
    """All of it or nothing: when one photo cannot be used, nothing is sent, and the words are still there."""
    shown = load(gw, token, now)
    quota: DailyQuota = request.app.state.photo_quota
    error = _send(gw, shown, partial(quota.take, _link_id(gw, token, now), now), words, photo, now)
    if error is None:
        return RedirectResponse(f"{render.root}/f/{token}", 303)
    return change_page(gw, render, token, load(gw, token, now), now, error, ChangeForm(words=words))


def _send(gw: Gateway, shown: Shown, is_within_quota: Callable[[], bool], words: str, photo: Sequence[UploadFile],
          now: Instant) -> FormError | None:
    """None when it is sent; else why not. A browser sends a field without a photo as an empty file without a name."""
    say, said = shown.words, words.strip()[:WORDS]
    files = [file for one in photo if (file := one.file.read()) or one.filename]
    if not said and not files:
        return FormError(422, say("refused.words_needed"), "words")
    pictures: list[Photo] = []
    for file in files:
        if not is_within_quota():
            return FormError(429, say("page.photo.quota"), "photo")
        try:
            pictures.append(_picture(file, shown, now))
        except Unusable as unusable:
            return FormError(413 if str(unusable) == _TOO_LARGE else 422, say(str(unusable)), "photo")
    wanted = PendingAct(id="", kind=CustomerAct.TELL, ticket_id=shown.facts.ticket.id, words=said,
                        photos=sorted({one.digest for one in pictures}), asked_at=now, due_at=now)
    try:
        ask(gw, wanted, "", now, pictures)
    except (Refused, NoSuch, Conflict) as refused:
        too_many = isinstance(refused, Refused) and refused.reason is RefusedReason.PHOTOS_ENOUGH
        return FormError(409, why_not(refused, shown, now), "photo" if too_many else "")
    return None


def _picture(file: bytes, shown: Shown, now: Instant) -> Photo:
    """Raises Unusable."""
    plain, facts = decode(file), shown.facts
    return Photo(id=new_id("F"), ticket_id=facts.ticket.id, site_id=facts.site.id, sender=facts.customer.name,
                 width=plain.width, height=plain.height, digest=hashlib.sha256(file).hexdigest(),
                 content=plain.content, created_at=now)


def _link_id(gw: Gateway, token: str, now: Instant) -> str:
    with gw.store.read() as session:
        return open_link(session, gw.settings, LinkPurpose.FOLLOW, token, now).id
