"""The rows of the fleet file: their names, types, limits and defaults; gateway.config.fleet_file reads them."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from gateway.calendars.days_off import check_days_off
from gateway.calendars.opening_hours import check_hours
from gateway.config.error_messages import WrongParts
from gateway.config.field_types import (
    Country,
    Day,
    GivenPrice,
    Locale,
    Name,
    Phone,
    Phones,
    Postcode,
    QuietHours,
    Text,
    TimeZone,
    written,
)
from gateway.model import AreaKind, Cover, Need, PersonRole
from gateway.tickets.dispatch.territory import polygon_error


def _good_hours(hours: dict[str, Any]) -> dict[str, Any]:
    wrong = check_hours(hours)
    if wrong:
        raise ValueError("; ".join(wrong))
    return hours


def _good_days_off(days: dict[str, Any]) -> dict[str, Any]:
    wrong = check_days_off(days)
    if wrong:
        raise WrongParts(wrong)
    return days


def _good_polygon(corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    wrong = polygon_error(tuple(corners))
    if wrong:
        raise ValueError(wrong)
    return corners


def _postcode_pattern(code: str) -> str:
    stem = code.removesuffix("*")
    if not stem.replace(" ", "").replace("-", "").isalnum() or len(code) > 11:
        raise ValueError("expected a postcode, or the beginning of some with a star, e.g. 8001 or 80*")
    return code


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"), BeforeValidator(written)]
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Lon = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Hours = Annotated[dict[str, Any], AfterValidator(_good_hours)]
DaysOff = Annotated[dict[str, Any], AfterValidator(_good_days_off)]
PostcodePattern = Annotated[str, AfterValidator(_postcode_pattern), BeforeValidator(written)]


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Contact(Row):
    channel: Name  # a name in Settings.channels
    address: Name


def _each_once(contacts: list[Contact]) -> list[Contact]:
    if len(set(contacts)) < len(contacts):
        raise ValueError("expected each contact once")
    return contacts


Contacts = Annotated[list[Contact], AfterValidator(_each_once)]
"""The first is tried first."""


class Needs(Row):
    """What has to be thought of first when something happens at their home, kept only as they agreed to it."""

    kinds: list[Need] = Field(min_length=1)
    consent: Day | None = None  # on which they agreed that it is kept; there must be one
    review: Day | None = None  # on which they are asked whether it still holds

    @model_validator(mode="before")
    @classmethod
    def _with_consent(cls, needs: Any) -> Any:
        if not isinstance(needs, dict):
            raise ValueError("expected what they need and since when they agree that we keep it, e.g. {kinds: "
                             f"[{Need.POWER_DEPENDENT}], consent: 2026-03-01, review: 2027-03-01}}")
        if needs.get("consent") is None:
            raise WrongParts([(("consent",), "missing — expected the day on which they agreed that we keep this, e.g. "
                               "2026-03-01; without it the needs must not be kept")])
        return needs

    @field_validator("kinds")
    @classmethod
    def _each_need_once(cls, kinds: list[Need]) -> list[Need]:
        if len(set(kinds)) < len(kinds):
            raise ValueError("expected each need once")
        return kinds


class Person(Row):
    id: Id
    name: Name
    role: PersonRole
    locale: Locale | None = None  # the household's when left out
    phone: Phones = Field(default_factory=list)  # one or several: the first is rung first
    contacts: Contacts = Field(default_factory=list)  # for messages
    needs: Needs | None = None
    sites: list[Id] | None = None  # where they live or help: all of the customer's when left out


class Area(Row):
    id: Id
    name: Text = ""  # its id when left out, here and below
    kind: AreaKind = AreaKind.PLACE
    parent: Id | None = None


class Customer(Row):
    id: Id
    name: Name
    locale: Locale = "en"
    timezone: TimeZone = "UTC"
    quiet_hours: QuietHours | None = None  # local: nothing but critical news between these
    phone: Phones = Field(default_factory=list)  # of the household, to be rung
    contacts: Contacts = Field(default_factory=list)  # for messages
    people: list[Person] = Field(default_factory=list)


class Site(Row):
    id: Id
    customer: Id
    name: Text = ""
    street: Text = ""
    postcode: Postcode = ""
    town: Text = ""
    country: Country = ""  # ISO 3166; the one in `service` when left out
    lat: Lat | None = None  # degrees, WGS 84
    lon: Lon | None = None
    timezone: TimeZone | None = None  # the customer's when left out
    access: Text = ""  # how to get in, for the technician only
    areas: list[Id] = Field(default_factory=list)


class Device(Row):
    id: Id
    dialect: Id = "native"
    address: Text = Field("", max_length=200)  # the name it has in its dialect's topics; its id when left out
    profile: Id
    site: Id
    name: Text = ""
    via: Id | None = None  # the device (a hub) it speaks through
    cover: Cover = Cover.UNKNOWN  # who pays when somebody comes for it …
    covered_until: Day | None = None  # … of a contract or warranty: its last day on the site's calendar
    call_out_price: GivenPrice | None = None  # what the customer pays, once nothing else covers it

    @property
    def key(self) -> str:
        return f"{self.dialect}:{self.address or self.id}"


class Territory(Row):
    """Any one that covers a site counts."""

    areas: list[Id] = Field(default_factory=list)
    postcodes: list[PostcodePattern] = Field(default_factory=list)
    polygon: Annotated[list[tuple[Lon, Lat]], AfterValidator(_good_polygon)] | None = Field(None, min_length=3)


class Technician(Row):
    id: Id
    name: Name
    skills: list[Name] = Field(default_factory=list)  # all of the firm's when left out
    hours: Hours | None = None  # the firm's when left out
    days_off: DaysOff = Field(default_factory=dict)  # beside the firm's
    contacts: Contacts = Field(default_factory=list)


class Provider(Row):
    id: Id
    name: Name
    locale: Locale = "en"
    timezone: TimeZone = "UTC"
    phone: Phone = ""
    skills: list[Name] = Field(default_factory=list)
    territory: Territory = Territory()
    hours: Hours = Field(default_factory=dict)
    days_off: DaysOff = Field(default_factory=dict)
    quiet_hours: QuietHours | None = None  # local: asked about urgent work only between these
    lat: Lat | None = None  # where its people set out from, degrees, WGS 84
    lon: Lon | None = None
    capacity: int = Field(5, ge=1, le=10_000)  # visits it will take on one day
    emergency: bool = False  # takes critical work outside its hours
    contacts: Contacts = Field(default_factory=list)
    technicians: list[Technician] = Field(default_factory=list)
