"""Query parameters of the API's lists; unknown ones are refused."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.model import (
    AuditOutcome,
    ButtonTestState,
    CallbackState,
    LinkState,
    NotificationState,
    OfferState,
    Role,
    Severity,
    TicketState,
    VisitState,
)
from gateway.web.api.models import GivenTime, Id, Language

SYSTEM = r"[a-z0-9][a-z0-9._-]{0,39}"
GivenExternalId = Annotated[str, StringConstraints(pattern=f"^{SYSTEM}:[^\\x00-\\x1f]{{1,200}}$")]


class Pagination(BaseModel):
    """Which page."""

    model_config = ConfigDict(extra="forbid")
    cursor: Id | None = Field(None, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="At most this many.")

    def wanted(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True, exclude={"cursor", "limit"})


class Named(Pagination):
    """Of what other systems have ids for."""

    external_id: GivenExternalId | None = Field(None, description="The one that a system calls so: `system:id`.",
                                                examples=["crm:4711"])

    def wanted(self) -> dict[str, Any]:
        found = super().wanted()
        if self.external_id is not None:
            system, _, value = self.external_id.partition(":")
            found["external_id"] = (system, value)
        return found


class Timeline(Pagination):
    language: Language = Field("en", description="Of the sentences; English where that language is not written.")


class Period(Pagination):
    since: GivenTime | None = Field(None, description="At or after this time.")
    until: GivenTime | None = Field(None, description="Before this time.")


class NamedPeriod(Period, Named):
    pass


class Offers(NamedPeriod):
    ticket: Id | None = None
    provider: Id | None = None
    state: OfferState | None = None
    open: bool | None = Field(None, description="true: not answered, lapsed or taken back.")


class Visits(NamedPeriod):
    """`since` and `until`: when its arrival window begins."""

    ticket: Id | None = None
    provider: Id | None = None
    site: Id | None = None
    state: VisitState | None = None
    open: bool | None = Field(None, description="true: somebody is to come, comes, or is there.")


class Users(Named):
    role: Role | None = None
    disabled: bool | None = None


class AuditLines(Period):
    account: Id | None = Field(None, description="Of the user or the key who did it.", examples=["U-4F7QK2M9"])
    object: Id | None = Field(None, description="What it was done to.", examples=["T-4F7QK2M9"])
    action: Id | None = Field(None, examples=["hold_ticket"])
    outcome: AuditOutcome | None = None


class Tickets(NamedPeriod):
    state: TicketState | None = None
    site: Id | None = None
    customer: Id | None = None
    device: Id | None = None
    provider: Id | None = None
    open: bool | None = Field(None, description="true: not closed and not cancelled.")


class Alarms(NamedPeriod):
    device: Id | None = None
    site: Id | None = None
    rule: Id | None = None
    severity: Severity | None = None
    ticket: Id | None = None
    open: bool | None = Field(None, description="true: not closed yet.")
    acknowledged: bool | None = None
    flapping: bool | None = Field(None, description="true: comes and goes all the time.")
    monitor: bool | None = Field(None, description="true: of rules that are only watched.")


class Callbacks(NamedPeriod):
    state: CallbackState | None = None
    site: Id | None = None
    customer: Id | None = None
    urgent: bool | None = None
    open: bool | None = None


class Sites(Named):
    customer: Id | None = None


class People(Named):
    customer: Id | None = None
    site: Id | None = Field(None, description="Where they live or help.")
    left: bool | None = Field(None, description="false: without those who have left.")


class Devices(Named):
    profile: Id | None = None
    site: Id | None = None
    link: LinkState | None = None


class ButtonTests(Pagination):
    state: ButtonTestState | None = None
    device: Id | None = None
    site: Id | None = None
    open: bool | None = None


class Notifications(NamedPeriod):
    state: NotificationState | None = None
    recipient: Id | None = Field(None, examples=["customer/alice"])
    subject: Id | None = Field(None, examples=["T-4F7QK2M9"])
    topic: Id | None = Field(None, examples=["fault_found"])

    def wanted(self) -> dict[str, Any]:
        found = super().wanted()
        if self.recipient is not None:
            kind, _, owner_id = self.recipient.partition("/")
            found["recipient"] = (kind, owner_id)
        return found


class DeadLetters(Period):
    dialect: Id | None = None
