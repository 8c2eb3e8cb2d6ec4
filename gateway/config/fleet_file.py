"""Reads the fleet file (areas, customers, sites, devices, providers) and checks its rows and their references."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from pydantic import ValidationError

from gateway.calendars.desk_hours import NO_DESK_HOURS
from gateway.callbacks.numbers.emergency_numbers import NOBODY_REACHED, emergency_number, no_number
from gateway.config.error_messages import did_you_mean, sort_by_line, validation_errors
from gateway.config.fleet_rows import Area, Customer, Device, Person, Provider, Row, Site
from gateway.config.phone_numbers import PHONE
from gateway.config.yaml_lines import BadYaml, Path, dotted_path, read_yaml
from gateway.tickets.dispatch.cover import cover_errors


class BadFleet(Exception):
    """A fleet file that cannot be used; `errors` has one line for each thing that is wrong."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass(frozen=True)
class Fleet:
    areas: list[Area] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)

    @property
    def people(self) -> list[Person]:
        """Of all customers."""
        return [one for customer in self.customers for one in customer.people]


Found = dict[Path, Any]
"""Path in the file → row."""
Wrong = Iterator[tuple[Path, str]]
"""Where and what."""


class FleetSettings(NamedTuple):
    """What is checked against the rest of the installation; None = not checked."""

    profiles: Collection[str] | None = None
    dialects: Collection[str] | None = None
    channels: Collection[str] | None = None
    check_address: Callable[[str, str], str | None] | None = None  # (channel, address) → what is wrong
    emergency: Collection[str] = ()  # profiles of emergency buttons …
    on_call: bool = True  # … and whether somebody is told of them at any hour
    country: str = ""  # of sites that do not say theirs
    buttons: Collection[str] = ()  # profiles of which a press asks for a call …
    desk_hours: bool = True  # … and whether it is known when somebody calls


SECTIONS: dict[str, type[Row]] = {
    "areas": Area, "customers": Customer, "sites": Site, "devices": Device, "providers": Provider}


def read_fleet(text: str, file: str, known: FleetSettings = FleetSettings()) -> Fleet:  # noqa: B008  # frozen
    """The fleet in `text`. Raises BadFleet with every error: `file:line: devices[3].site: 'x' — what was expected`."""
    try:
        data, line_of = read_yaml(text, file)
    except BadYaml as error:
        raise BadFleet(error.errors) from error
    rows: dict[str, Found] = {section: {} for section in SECTIONS}
    wrong = [*_read(data, rows, known), *duplicate_ids(data, SECTIONS), *reference_errors(data, rows, known)]
    if wrong:
        raise BadFleet(sort_by_line(f"{file}:{line_of(path)}: {words}" for path, words in wrong))
    return Fleet(**{section: list(found.values()) for section, found in rows.items()})


def _read(data: Any, rows: dict[str, Found], known: FleetSettings) -> Wrong:
    """Fills `rows` and yields what is wrong; of a wrong row the valid fields are kept, so that its references are
    checked too."""
    if not isinstance(data, Mapping):
        yield (), f"{type(data).__name__} — expected the sections {', '.join(SECTIONS)}"
        return
    countries = _countries(data)
    for section, listed in data.items():
        if section not in SECTIONS:
            yield (section,), f"{section}: no such section — {did_you_mean(section, SECTIONS)}"
        elif not isinstance(listed, list | None):
            yield (section,), f"{section}: {type(listed).__name__} — expected a list of rows that begin with '- id:'"
        else:
            for path, row in numbered(section, listed):
                name = str(row.get("id")) if isinstance(row, Mapping) and section == "customers" else ""
                context = {"country": countries.get(name) or known.country}  # of numbers without a prefix
                try:
                    rows[section][path] = SECTIONS[section].model_validate(row, context=context)
                except ValidationError as error:
                    yield from validation_errors(error, SECTIONS[section], path)
                    rest = _salvaged(SECTIONS[section], row, error, context)
                    if rest is not None:
                        rows[section][path] = rest


def _countries(data: Mapping[str, Any]) -> dict[str, str]:
    """Customer → the country of their sites, where it is the same for all that say theirs."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for _, site in numbered("sites", data.get("sites")):
        if isinstance(site, Mapping) and isinstance(site.get("country"), str):
            found[str(site.get("customer"))].add(site["country"])
    return {customer: min(countries) for customer, countries in found.items() if len(countries) == 1}


def _salvaged(model: type[Row], row: Any, error: ValidationError, context: dict[str, str]) -> Row | None:
    wrong = {one["loc"][0] for one in error.errors() if one["loc"]}
    if isinstance(row, Mapping):
        with suppress(ValidationError):
            return model.model_validate({name: value for name, value in row.items() if name not in wrong},
                                        context=context)
    return None


def numbered(section: str, listed: Any) -> Iterator[tuple[Path, Any]]:
    return (((section, index), row) for index, row in enumerate(listed if isinstance(listed, list) else ()))


def _ids(data: Any, section: str) -> dict[str, Path]:
    """Every id in the section, of valid and invalid rows → the path of its first row."""
    found: dict[str, Path] = {}
    for path, row in numbered(section, data.get(section) if isinstance(data, Mapping) else None):
        if isinstance(row, Mapping) and "id" in row:
            found.setdefault(str(row["id"]), path)
    return found


def duplicate_ids(data: Any, sections: Iterable[str]) -> Wrong:
    for section in sections:
        first = _ids(data, section)
        for path, row in numbered(section, data.get(section) if isinstance(data, Mapping) else None):
            if isinstance(row, Mapping) and first.get(str(row.get("id")), path) != path:
                yield (*path, "id"), (f"{dotted_path((*path, 'id'))}: {str(row['id'])!r} — expected an id of its own; "
                                      f"{dotted_path(first[str(row['id'])])} has it already")


def reference_errors(data: Any, rows: dict[str, Found], known: FleetSettings) -> Wrong:
    """What is wrong between rows, and between this file and the rest of the installation."""
    ids = {section: _ids(data, section) for section in rows}
    for path, area in rows["areas"].items():
        yield from _refers(path, "parent", area.parent, ids["areas"], "area")
    yield from _circles({area.id: (path, area.parent) for path, area in rows["areas"].items()})
    for path, site in rows["sites"].items():
        yield from _refers(path, "customer", site.customer, ids["customers"], "customer")
        for index, area in enumerate(site.areas):
            yield from _refers((*path, "areas"), index, area, ids["areas"], "area")
    yield from _people(rows)
    yield from _half_places(data)
    for path, device in rows["devices"].items():
        yield from _refers(path, "site", device.site, ids["sites"], "site")
        yield from _refers(path, "via", device.via, ids["devices"], "device")
        yield from _among(path, "profile", device.profile, known.profiles)
        yield from _among(path, "dialect", device.dialect, known.dialects)
        yield from _cover(path, device, data["devices"][path[-1]])
    yield from _same(((path, device.key) for path, device in rows["devices"].items()), "is heard under the same name")
    yield from _emergencies(rows, known)
    yield from _no_desk(rows["devices"], known)
    yield from _providers(rows["providers"], ids["areas"])
    for path, contact in _contacts(rows):
        yield from _contact(path, contact, known)


def _half_places(data: Any) -> Wrong:
    for section in ("sites", "providers"):
        for path, row in numbered(section, data.get(section) if isinstance(data, Mapping) else None):
            if isinstance(row, Mapping) and (row.get("lat") is None) != (row.get("lon") is None):
                yield path, f"{dotted_path(path)}: lat without lon, or lon without lat — expected both or neither"


def _cover(path: Path, device: Any, row: Mapping[str, Any]) -> Wrong:
    if {"cover", "covered_until", "call_out_price"} & (row.keys() - device.model_fields_set):
        return  # one of them is wrong in itself
    for step, words in cover_errors(device.cover, device.covered_until, device.call_out_price):
        yield (*path, step), f"{dotted_path((*path, step))}: {words}"


def _emergencies(rows: dict[str, Found], known: FleetSettings) -> Wrong:
    """An emergency button needs somebody who is reached at any hour, and a number for whoever is in danger."""
    buttons = {path: device for path, device in rows["devices"].items() if device.profile in known.emergency}
    for path, device in buttons.items() if not known.on_call else ():
        here = (*path, "profile")
        yield here, f"{dotted_path(here)}: {device.profile!r} {NOBODY_REACHED}"
        break  # one is as good as a thousand: nothing in the file can mend it
    at = {device.site: device.id for device in buttons.values()}
    for path, site in rows["sites"].items():
        country = site.country or known.country
        if site.id in at and not emergency_number(country):
            here = (*path, "country")
            yield here, f"{dotted_path(here)}: {no_number(at[site.id], country)}"


def _no_desk(devices: Found, known: FleetSettings) -> Wrong:
    """A press is promised a call when somebody is there to call; one device is as good as a thousand here too."""
    pressed = ((path, device) for path, device in devices.items() if device.profile in known.buttons)
    for path, device in pressed if not known.desk_hours else ():
        here = (*path, "profile")
        yield here, f"{dotted_path(here)}: {device.profile!r} {NO_DESK_HOURS}"
        break


def _providers(rows: Found, areas: Collection[str]) -> Wrong:
    for path, provider in rows.items():
        for index, area in enumerate(provider.territory.areas):
            yield from _refers((*path, "territory", "areas"), index, area, areas, "area")
    yield from _same((((*path, "technicians", index), technician.id) for path, provider in rows.items()
                      for index, technician in enumerate(provider.technicians)), "has the same id")


def _people(rows: dict[str, Found]) -> Wrong:
    """A person is at sites of their own household only: at another's they would be told what is not theirs."""
    listed = [((*path, "people", index), customer.id, person) for path, customer in rows["customers"].items()
              for index, person in enumerate(customer.people)]
    yield from _same(((path, person.id) for path, _, person in listed), "has the same id")
    sites: defaultdict[str, list[str]] = defaultdict(list)
    for site in rows["sites"].values():
        sites[site.customer].append(site.id)
    for path, customer_id, person in listed:
        for index, name in enumerate(person.sites or ()):
            if name not in sites[customer_id]:
                here, theirs = (*path, "sites", index), ", ".join(sites[customer_id]) or "none is listed"
                yield here, f"{dotted_path(here)}: {name!r} — no site of {customer_id!r}; expected of theirs: {theirs}"


def _contacts(rows: dict[str, Found]) -> Iterator[tuple[Path, Any]]:
    for path, owner in chain(rows["customers"].items(), rows["providers"].items()):
        people = [(path, owner), *(((*path, part, index), person) for part in ("people", "technicians")
                                   for index, person in enumerate(getattr(owner, part, ())))]
        for place, person in people:
            yield from (((*place, "contacts", index), contact) for index, contact in enumerate(person.contacts))


def _contact(path: Path, contact: Any, known: FleetSettings) -> Wrong:
    if known.channels is not None and contact.channel not in (*known.channels, PHONE):
        yield from _among(path, "channel", contact.channel, known.channels)
    elif known.check_address is not None:
        wrong = known.check_address(contact.channel, contact.address)
        if wrong:
            yield (*path, "address"), f"{dotted_path((*path, 'address'))}: {wrong}"


def _refers(path: Path, step: str | int, name: str | None, ids: Collection[str], kind: str) -> Wrong:
    if name is None or name in ids:
        return
    here = (*path, step)
    # a misspelt name among thousands is not worth a second's search for each
    hint = did_you_mean(name, ids) if len(ids) <= 200 else f"{len(ids)} are listed"
    yield here, f"{dotted_path(here)}: {name!r} — no such {kind} in this file; {hint if ids else 'none is listed'}"


def _among(path: Path, step: str, name: str, names: Collection[str] | None) -> Wrong:
    if names is not None and name not in names:
        here = (*path, step)
        yield here, f"{dotted_path(here)}: {name!r} — {did_you_mean(name, names) if names else 'none is configured'}"


def _same(places: Iterator[tuple[Path, str]], what: str) -> Wrong:
    first: dict[str, Path] = {}
    for path, name in places:
        if first.setdefault(name, path) != path:
            yield path, f"{dotted_path(path)}: {name!r} — {dotted_path(first[name])} {what}; expected another"


def _circles(parents: Mapping[str, tuple[Path, str | None]]) -> Wrong:
    """Reports each cycle of parent areas once, at its first member."""
    done: set[str] = set()
    for start in parents:
        walked: list[str] = []
        name: str | None = start
        while name is not None and name in parents and name not in done and name not in walked:
            walked.append(name)
            name = parents[name][1]
        if name in walked:
            circle = walked[walked.index(name):]
            path = parents[circle[0]][0]
            yield (*path, "parent"), (f"{dotted_path((*path, 'parent'))}: areas lie in each other "
                                      f"({' → '.join([*circle, circle[0]])}) — expected a tree")
        done.update(walked)
