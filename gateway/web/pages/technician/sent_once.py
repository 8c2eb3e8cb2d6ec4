"""Acts by a visit's link that arrive once, however often a phone sends them: by its script, or by a plain form."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from gateway.config.settings import Settings
from gateway.flow.act import FilledForm, SentOnce
from gateway.flow.gateway import Gateway
from gateway.model import Instant, LinkPurpose, SentAct, Visit
from gateway.notifications import signed_links
from gateway.notifications.catalogue import Catalogue
from gateway.store.accounts import sent_acts
from gateway.tickets.visits.visit_version import visit_version
from gateway.web.pages.links import LinkInvalid
from gateway.web.pages.technician.form_errors import FormError
from gateway.web.pages.technician.in_flight import InFlight
from gateway.web.problems import FieldProblem, problem

HEADER = "idempotency-key"
RETRY_S = 2  # an act takes less; a photo may take longer, and is asked for again
_KEY = re.compile(r"[\w-]{8,64}", re.ASCII)
NOT_OF_THE_ACT = ("key", "version")  # fields that say how it was sent


@dataclass(frozen=True)
class Sending:
    """How an act came. `key` "": by a form that has none, as often as it is sent."""

    link_id: str
    key: str
    by_script: bool  # which is answered with JSON, and never with another page


def read_sending(request: Request, settings: Settings, token: str, field: str) -> Sending:
    """`field`: the form's own key. Raises LinkInvalid."""
    link_id = signed_links.read(settings.secret.get_secret_value(), LinkPurpose.VISIT, token)
    if link_id is None:
        raise LinkInvalid
    header = request.headers.get(HEADER, "").strip('"')
    return Sending(link_id, header or field, bool(header))


def is_usable(key: str) -> bool:
    return not key or _KEY.fullmatch(key) is not None


def form_of(sending: Sending, fields: Mapping[str, str], visit: Visit, now: Instant) -> FilledForm | None:
    """What `act` needs to do it once; None without a key."""
    if not sending.key:
        return None
    body = json.dumps({name: text for name, text in fields.items() if name not in NOT_OF_THE_ACT}, sort_keys=True)
    wanted = SentAct(link_id=sending.link_id, key=sending.key, body=hashlib.sha256(body.encode()).hexdigest(),
                     status=200, reply=json.dumps({"act": fields.get("act", ""), "status": "done"}), at=now)
    return FilledForm("", by_link=SentOnce(wanted, visit.id, fields.get("version", "")))


@contextmanager
def alone(request: Request, sending: Sending) -> Iterator[None]:
    """Keeps a script from sending the same act beside itself. Raises StillRunning. A plain form waits for the first
    one instead: people see the page that it answers with."""
    if not sending.by_script:
        yield
        return
    in_flight: InFlight = request.app.state.in_flight
    with in_flight.alone(sending.link_id, sending.key):
        yield


def still_running(words: Catalogue) -> Response:
    """The phone keeps it, and asks again: then it hears how the first one ended."""
    return problem(409, words("page.still_running"), headers={"Retry-After": str(RETRY_S)})


def done(gw: Gateway, sending: Sending) -> Response:
    """What the script hears: what was kept with the act, the first time and each time after."""
    with gw.store.read() as session:
        kept = sent_acts.sent_act(session, sending.link_id, sending.key)
    assert kept is not None, "it has just been written"
    return Response(kept.reply, kept.status, media_type="application/json")


def refused(error: FormError, visit: Visit) -> Response:
    """Why not, for people, in which field, and as which visit it may be sent anew: the phone keeps it until somebody
    has decided."""
    wrong = [FieldProblem(field=error.field, detail=error.why)] if error.field else None
    return problem(error.status, error.why, wrong, {"etag": f'"{visit_version(visit)}"'})
