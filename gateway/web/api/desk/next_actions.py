"""API routes for the next best action: of an open ticket, and for a customer at risk."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from gateway.access.audit import action_name
from gateway.explain.next_actions import word_action
from gateway.model import Customer, to_iso
from gateway.notifications.catalogues import catalogue_for
from gateway.notifications.format_times import TimeFormat
from gateway.store.views import console_ticket
from gateway.tickets.actions import Act
from gateway.tickets.desk.next_action import NextAction, NextActionKind, customer_at_risk, next_action
from gateway.web.api.models import ApiModel, Id, Language
from gateway.web.dependencies import Reader, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

router = Routes()
_TIMES = ("window_from", "window_until", "until", "ring_from")


class WordsQuery(BaseModel):
    language: Language = Field("en", description="Of the sentences; English where that language is not written.")


class SuggestedAction(ApiModel):
    """What somebody should do next; it is never done by itself."""

    kind: NextActionKind = Field(examples=["replace_no_show"])
    what: str = Field(examples=["Ask other firms"])
    why: str = Field(examples=["Kunz Heating was to come until 17:00 today, and nobody has set out"])
    act: str = Field(description="The act that it proposes, as the audit log names it.", examples=["ask_again"])
    values: dict[str, str | int | bool] = Field(description="What the act is done to, and with.",
                                                examples=[{"ticket_id": "T-4F7QK2M9"}])


class SuggestedActionAnswer(ApiModel):
    action: SuggestedAction | None = Field(description="null: it takes its course.")


@router.get("/tickets/{ticket_id}/next-action", tags=["tickets"], summary="What to do next", responses=responses(404))
def get_next_action(by: Reader, ticket_id: Id, query: Annotated[WordsQuery, Query()]) -> SuggestedActionAnswer:
    """One suggestion, the most pressing, with its reason and the act that it proposes."""
    with by.gw.store.read() as session:
        story, facts = or_404(console_ticket.desk_facts(session, ticket_id, by.now), "ticket")
        customer = session.get_one(Customer, story.ticket.customer_id)
        names = console_ticket.provider_names(session)
    return _answer(next_action(facts, by.now), names, TimeFormat(catalogue_for(query.language), story.zone, by.now),
                   customer)


@router.get("/customers/{customer_id}/next-action", tags=["households"], summary="What to do for a customer at risk",
            responses=responses(404))
def get_customer_next_action(by: Reader, customer_id: Id, query: Annotated[WordsQuery, Query()]
                             ) -> SuggestedActionAnswer:
    """When a promise was broken, they have turned to us three times within seven days, or have heard nothing for long
    although something is open."""
    with by.gw.store.read() as session:
        customer = or_404(session.get(Customer, customer_id), "customer")
        facts = console_ticket.customer_facts(session, customer_id, by.now)
    found = None if facts is None else customer_at_risk(facts, by.now)
    return _answer(found, {}, TimeFormat(catalogue_for(query.language), customer.timezone, by.now), customer)


def _answer(found: NextAction | None, names: Mapping[str, str], say: TimeFormat, customer: Customer
            ) -> SuggestedActionAnswer:
    if found is None:
        return SuggestedActionAnswer(action=None)
    worded = word_action(found, names, say, catalogue_for(customer.locale))
    return SuggestedActionAnswer(action=SuggestedAction(
        kind=worded.kind, what=worded.what, why=worded.why, act=action_name(type(worded.act)),
        values=_values(worded.act)))


def _values(act: Act) -> dict[str, str | int | bool]:
    values: dict[str, str | int | bool] = {}
    for name, value in vars(act).items():
        if name in _TIMES and value is not None:
            values[name] = to_iso(value)
        elif name == "subject":
            values[f"{value.kind}_id"] = value.id
        elif isinstance(value, str | int):
            values[name] = value
    return values
