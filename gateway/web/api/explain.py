"""API route that explains an alarm, outage, ticket, callback or device by its id."""

from fastapi import APIRouter
from pydantic import Field

from gateway.explain import explain
from gateway.notifications.catalogues import catalogue_for
from gateway.store.views.explain import facts_of, profile_of
from gateway.web.api.models import ApiModel, Id, Time
from gateway.web.dependencies import Gw, Now, or_404
from gateway.web.problems import responses

router = APIRouter(prefix="/explain", tags=["explain"])


class ExplanationLine(ApiModel):
    """One sentence."""

    part: str = Field(description="What it is about: what, why, waited, tried, became, next, provider, sla, told, "
                                  "credit, link, clock, rule, members or history.", examples=["why"])
    text: str = Field(examples=["The rule says: flow_temp > 75"])
    at: Time | None = Field(description="When that was, where it has a time.")


class Explanation(ApiModel):
    """Times in the sentences are the site's."""

    id: str = Field(examples=["A-1XW0R7TB"])
    kind: str = Field(description="alarm | ticket | callback | outage | device | sla_policy", examples=["alarm"])
    title: str = Field(examples=["Why A-1XW0R7TB: The heat pump is overheating"])
    timezone: str = Field(description="Of the times in the sentences.", examples=["Europe/Zurich"])
    lines: list[ExplanationLine]


@router.get("/{id}", summary="Why, in a person's words", responses=responses(404))
def get_explanation(gw: Gw, now: Now, id: Id) -> Explanation:
    """`id` is that of an alarm, a ticket, a callback, an outage or a device, or of an SLA policy's version."""
    with gw.store.read() as session:
        facts = or_404(facts_of(session, id), "alarm, ticket, callback, outage or device")
    said = explain(facts, gw.profiles.get(profile_of(facts)), catalogue_for("en"), now)
    return Explanation(id=said.id, kind=said.kind, title=said.title, timezone=said.zone,
                       lines=[ExplanationLine(part=line.part, text=line.text, at=line.at) for line in said.lines])
