"""Checks the references between rows of a fleet file: duplicate ids, unknown sites, areas, profiles."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from gateway.callbacks.emergency_numbers import NOBODY_REACHED, emergency_number, no_number
from gateway.config.error_messages import did_you_mean
from gateway.config.yaml_lines import Path, dotted_path

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


def numbered(section: str, listed: Any) -> Iterator[tuple[Path, Any]]:
    return (((section, index), row) for index, row in enumerate(listed if isinstance(listed, list) else ()))


def _ids(data: Any, section: str) -> dict[str, Path]:
    """Every id as written, right row or wrong, with the first place it stands."""
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
    yield from _half_places(data)
    for path, device in rows["devices"].items():
        yield from _refers(path, "site", device.site, ids["sites"], "site")
        yield from _refers(path, "via", device.via, ids["devices"], "device")
        yield from _among(path, "profile", device.profile, known.profiles)
        yield from _among(path, "dialect", device.dialect, known.dialects)
    yield from _same(((path, device.key) for path, device in rows["devices"].items()), "is heard under the same name")
    yield from _emergencies(rows, known)
    yield from _providers(rows["providers"], ids["areas"])
    for path, contact in _contacts(rows):
        yield from _contact(path, contact, known)


def _half_places(data: Any) -> Wrong:
    for path, row in numbered("sites", data.get("sites") if isinstance(data, Mapping) else None):
        if isinstance(row, Mapping) and (row.get("lat") is None) != (row.get("lon") is None):
            yield path, f"{dotted_path(path)}: lat without lon, or lon without lat — expected both or neither"


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


def _providers(rows: Found, areas: Collection[str]) -> Wrong:
    for path, provider in rows.items():
        for index, area in enumerate(provider.territory.areas):
            yield from _refers((*path, "territory", "areas"), index, area, areas, "area")
    yield from _same((((*path, "technicians", index), technician.id) for path, provider in rows.items()
                      for index, technician in enumerate(provider.technicians)), "has the same id")


def _contacts(rows: dict[str, Found]) -> Iterator[tuple[Path, Any]]:
    for path, owner in chain(rows["customers"].items(), rows["providers"].items()):
        people = [(path, owner), *(((*path, "technicians", index), technician)
                                   for index, technician in enumerate(getattr(owner, "technicians", ())))]
        for place, person in people:
            yield from (((*place, "contacts", index), contact) for index, contact in enumerate(person.contacts))


def _contact(path: Path, contact: Any, known: FleetSettings) -> Wrong:
    if known.channels is not None and contact.channel not in known.channels:
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
    """Each circle of areas is reported once, at its first member."""
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
