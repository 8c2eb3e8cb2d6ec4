"""Query parameters of the API's lists; unknown ones are refused."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.model import ButtonTestState, CallbackState, LinkState, NotificationState, Severity, TicketState
from gateway.web.api.models import GivenTime, Id, Language


class Pagination(BaseModel):
    """Which page."""

    model_config = ConfigDict(extra="forbid")
    cursor: Id | None = Field(None, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="At most this many.")

    def wanted(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True, exclude={"cursor", "limit"})


class Timeline(Pagination):
    language: Language = Field("en", description="Of the sentences; English where that language is not written.")


class Period(Pagination):
    since: GivenTime | None = Field(None, description="At or after this time.")
    until: GivenTime | None = Field(None, description="Before this time.")


class Tickets(Period):
    state: TicketState | None = None
    site: Id | None = None
    customer: Id | None = None
    device: Id | None = None
    provider: Id | None = None
    open: bool | None = Field(None, description="true: not closed and not cancelled.")


class Alarms(Period):
    device: Id | None = None
    site: Id | None = None
    rule: Id | None = None
    severity: Severity | None = None
    ticket: Id | None = None
    open: bool | None = Field(None, description="true: not closed yet.")
    acknowledged: bool | None = None
    flapping: bool | None = Field(None, description="true: comes and goes all the time.")
    monitor: bool | None = Field(None, description="true: of rules that are only watched.")


class Callbacks(Period):
    state: CallbackState | None = None
    site: Id | None = None
    customer: Id | None = None
    urgent: bool | None = None
    open: bool | None = None


class Sites(Pagination):
    customer: Id | None = None


class People(Pagination):
    customer: Id | None = None
    site: Id | None = Field(None, description="Where they live or help.")
    left: bool | None = Field(None, description="false: without those who have left.")


class Devices(Pagination):
    profile: Id | None = None
    site: Id | None = None
    link: LinkState | None = None


class ButtonTests(Pagination):
    state: ButtonTestState | None = None
    device: Id | None = None
    site: Id | None = None
    open: bool | None = None


class Notifications(Period):
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
