"""Reads and validates the fleet file: areas, customers, sites, devices and providers in YAML."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from gateway.calendars.opening_hours import check_hours
from gateway.config.error_messages import did_you_mean, sort_by_line, validation_errors
from gateway.config.field_types import Country, Locale, Name, Phone, Postcode, Text, TimeOfDay, TimeZone, written
from gateway.config.fleet_references import FleetSettings, Found, Wrong, duplicate_ids, numbered, reference_errors
from gateway.config.yaml_lines import BadYaml, read_yaml
from gateway.model import AreaKind
from gateway.tickets.provider_ranking import polygon_error


class BadFleet(Exception):
    """A fleet file that cannot be used; `errors` has one line for each thing that is wrong."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def _good_hours(hours: dict[str, Any]) -> dict[str, Any]:
    wrong = check_hours(hours)
    if wrong:
        raise ValueError("; ".join(wrong))
    return hours


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
    quiet_hours: tuple[TimeOfDay, TimeOfDay] | None = None  # local: nothing but critical news between these
    contacts: Contacts = Field(default_factory=list)


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
    skills: list[Name] = Field(default_factory=list)
    contacts: Contacts = Field(default_factory=list)


class Provider(Row):
    id: Id
    name: Name
    locale: Locale = "en"
    timezone: TimeZone = "UTC"
    phone: Phone = ""
    skills: list[Name] = Field(default_factory=list)
    territory: Territory = Territory()
    hours: Annotated[dict[str, Any], AfterValidator(_good_hours)] = Field(default_factory=dict)
    capacity: int = Field(5, ge=1, le=10_000)  # open jobs it will hold at once
    emergency: bool = False  # takes critical work outside its hours
    contacts: Contacts = Field(default_factory=list)
    technicians: list[Technician] = Field(default_factory=list)


@dataclass(frozen=True)
class Fleet:
    areas: list[Area] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)


SECTIONS: dict[str, type[Row]] = {
    "areas": Area, "customers": Customer, "sites": Site, "devices": Device, "providers": Provider}


def read_fleet(text: str, file: str, known: FleetSettings = FleetSettings()) -> Fleet:  # noqa: B008  # frozen
    """The fleet in `text`. Raises BadFleet with every error: `file:line: devices[3].site: 'x' — what was expected`."""
    try:
        data, line_of = read_yaml(text, file)
    except BadYaml as error:
        raise BadFleet(error.errors) from error
    rows: dict[str, Found] = {section: {} for section in SECTIONS}
    wrong = [*_read(data, rows), *duplicate_ids(data, SECTIONS), *reference_errors(data, rows, known)]
    if wrong:
        raise BadFleet(sort_by_line(f"{file}:{line_of(path)}: {words}" for path, words in wrong))
    return Fleet(**{section: list(found.values()) for section, found in rows.items()})


def _read(data: Any, rows: dict[str, Found]) -> Wrong:
    """Fills `rows`, of a wrong row with what is right in it: one error must not hide another."""
    if not isinstance(data, Mapping):
        yield (), f"{type(data).__name__} — expected the sections {', '.join(SECTIONS)}"
        return
    for section, listed in data.items():
        if section not in SECTIONS:
            yield (section,), f"{section}: no such section — {did_you_mean(section, SECTIONS)}"
        elif not isinstance(listed, list | None):
            yield (section,), f"{section}: {type(listed).__name__} — expected a list of rows that begin with '- id:'"
        else:
            for path, row in numbered(section, listed):
                try:
                    rows[section][path] = SECTIONS[section].model_validate(row)
                except ValidationError as error:
                    yield from validation_errors(error, SECTIONS[section], path)
                    rest = _salvaged(SECTIONS[section], row, error)
                    if rest is not None:
                        rows[section][path] = rest


def _salvaged(model: type[Row], row: Any, error: ValidationError) -> Row | None:
    wrong = {one["loc"][0] for one in error.errors() if one["loc"]}
    if isinstance(row, Mapping):
        with suppress(ValidationError):
            return model.model_validate({name: value for name, value in row.items() if name not in wrong})
    return None
