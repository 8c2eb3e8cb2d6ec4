"""API route that explains by its id whatever has one: a fault and what came of it, a message, a household, a firm."""

from typing import Literal

from pydantic import Field

from gateway.flow.messages.explained import explained
from gateway.web.api.models import ApiModel, Id, Time
from gateway.web.dependencies import Gw, Now, or_404
from gateway.web.problems import responses
from gateway.web.routes import Routes

Kind = Literal["alarm", "ticket", "callback", "outage", "device", "sla_policy", "notification", "customer", "provider"]
router = Routes(prefix="/explain", tags=["explain"])


class ExplanationLine(ApiModel):
    """One sentence."""

    part: str = Field(description="What it is about: what, why, waited, tried, became, next, provider, sla, told, "
                                  "credit, link, clock, rule, members, history, contact, quiet, wish, untold (what was "
                                  "not sent), held, limit, channel, hours, capacity or score.", examples=["why"])
    text: str = Field(examples=["The rule says: flow_temp > 75"])
    at: Time | None = Field(description="When that was, where it has a time.")


class Explanation(ApiModel):
    """Times in the sentences are the site's."""

    id: str = Field(examples=["A-1XW0R7TB"])
    kind: str = Field(description="alarm | ticket | callback | outage | device | sla_policy | notification | "
                                  "customer | provider", examples=["alarm"])
    title: str = Field(examples=["Why A-1XW0R7TB: The heat pump is overheating"])
    timezone: str = Field(description="Of the times in the sentences.", examples=["Europe/Zurich"])
    lines: list[ExplanationLine]


@router.get("/{id}", summary="Why, in a person's words", responses=responses(404))
def get_explanation(gw: Gw, now: Now, id: Id, kind: Kind | None = None) -> Explanation:
    """`id` is that of an alarm, a ticket, a callback, an outage or a device, of an SLA policy's version, of a message
    (`notification`), a household (`customer`) or a local firm (`provider`). `kind` is needed only where several of
    them have the same id. Addresses are masked."""
    said = or_404(explained(gw, id, now, kind or ""), kind or "alarm, ticket, callback, outage, device, notification, "
                                                              "customer or provider")
    return Explanation(id=said.id, kind=said.kind, title=said.title, timezone=said.zone,
                       lines=[ExplanationLine(part=line.part, text=line.text, at=line.at) for line in said.lines])
