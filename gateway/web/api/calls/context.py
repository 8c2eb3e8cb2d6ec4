"""API route for an agent's call: whom to ring, what is wrong there, what was told, and what to ask first."""

from typing import Annotated

from fastapi import Header, Query

from gateway.flow.telephones import call_to_make
from gateway.model import ExternalKind
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store import external_ids
from gateway.web.api.callbacks import as_model
from gateway.web.api.calls.models import CallContext, Chart
from gateway.web.api.models import Id, Language
from gateway.web.dependencies import PhoneReader, or_404
from gateway.web.pages.alarm_details import chart
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes(prefix="/callbacks", tags=["callbacks"])


@router.get("/{callback_id}/context", summary="What to know before ringing", responses=responses(404))
def get_call_context(by: PhoneReader, callback_id: Id,
                     language: Annotated[Language | None, Query(description="Of the sentences.")] = None,
                     accept_language: Annotated[str, Header(include_in_schema=False)] = "") -> CallContext:
    """It has telephone numbers, and that you saw them is written in the callback's
    timeline (within ten minutes once). `for_anybody` may be said to whoever answers; `for_verified` only to somebody
    who has answered what `verify` asks."""
    words = catalogue_for(language or accept_language)
    facts, view = or_404(call_to_make(by.gw, callback_id, words, by.who, by.now), "callback")
    with by.gw.store.read() as session:
        names = external_ids.of_rows(session, ExternalKind.CALLBACK, [callback_id])[callback_id]
    device = facts.device(facts.charted)
    alarm = next(iter(facts.alarms_of(device)), None) if device is not None else None
    drawn = chart(facts.readings, alarm, by.gw.profiles.get(device.profile) if device is not None else None, words,
                  TimeFormat(words, facts.site.timezone, by.now))
    return CallContext(
        callback=as_model((facts.callback, facts.site, facts.customer), by.gw.settings.service.country, names),
        timezone=facts.site.timezone, chart=Chart.model_validate(drawn) if drawn is not None else None,
        **{name: getattr(view, name) for name in CallContext.model_fields.keys() & vars(view).keys()})
