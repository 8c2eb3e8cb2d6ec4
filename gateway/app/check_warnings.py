"""The warnings of `gateway check`: what does not stop the gateway and is probably a mistake."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gateway.config.fleet_file import Device, Fleet
from gateway.config.settings import Service, Settings
from gateway.devices.broker_access import address_error
from gateway.devices.mappings import Mapping as Mapped
from gateway.devices.profiles import Profile
from gateway.model import Severity
from gateway.model.signals import FaultCode, Telemetry
from gateway.store import sqlite_path
from gateway.tickets.provider_ranking import Job, covers, inside

SHOWN = 5  # names in one line


def settings_warnings(settings: Settings) -> Iterator[str]:
    yield from _callback_hours(settings.service)
    if not settings.service.dispatcher:
        yield ("service.dispatcher: nobody, so no person hears of it when no firm is left or a customer cannot be told "
               "— expected a contact, e.g. [{channel: email, address: dispatch@example.com}]")
    if settings.mqtt.password is not None and settings.mqtt.username is None:
        yield "mqtt.username: not set, so GATEWAY_MQTT__PASSWORD is not used — expected both or neither"
    if settings.mqtt.username is not None and settings.mqtt.password is None and settings.mqtt.cert_file is None:
        yield ("mqtt.password: not set, though mqtt.username is — expected it in GATEWAY_MQTT__PASSWORD, which may be "
               "empty, or password_file: FILE")
    yield from _folders(settings)


def _callback_hours(service: Service) -> Iterator[str]:
    if service.callback_hours is None:
        yield ("service.callback_hours: not set, so people are promised a call at any hour of the night — expected the "
               'hours at which somebody calls; around the clock is mon: [["00:00", "24:00"]] and so on')
    elif not any(service.callback_hours.values()):
        yield "service.callback_hours: without any hour, so nobody is ever promised a call — expected some"


def _folders(settings: Settings) -> Iterator[str]:
    """Where the gateway is going to write."""
    file = sqlite_path(settings.database_url)
    if file is not None and str(file) not in ("", ":memory:"):
        yield from _writable("database_url", file.parent, file)
    if settings.broker_files is not None:
        above = settings.broker_files
        while not above.exists() and above != above.parent:  # it is made, with all folders above it
            above = above.parent
        yield from _writable("broker_files", above, settings.broker_files)


def _writable(name: str, folder: Path, path: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield f"{name}: {str(path)!r} — {str(folder)!r} is no folder; expected one that exists"
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield f"{name}: {str(path)!r} — this user may not write in {str(folder)!r}; expected a folder of its own"
    elif path.is_file() and not os.access(path, os.W_OK):
        yield f"{name}: {str(path)!r} — this user may not write it; expected a file of its own"


def mapping_warnings(mappings: Iterable[Mapped]) -> Iterator[str]:
    """A path that no example ever reaches may be misspelt: it would simply give nothing."""
    for mapping in mappings:
        for number, message in enumerate(mapping.messages):
            given: set[str] = set()
            for topic, _, _, outcome in mapping.EXAMPLES:
                if message.topic.read(topic) is not None and isinstance(outcome, Sequence):
                    for signal in outcome:
                        if isinstance(signal, Telemetry):
                            given |= {f"telemetry.{name}" for name in signal.values}
                        elif isinstance(signal, FaultCode):
                            given.add(f"faults.{signal.code}")
            for name in [*(f"telemetry.{name}" for name in message.telemetry),
                         *(f"faults.{code}" for code in message.faults)]:
                if name not in given:
                    yield (f"mapping {mapping.NAME}: messages[{number}].{name}: in no example there is a value at its "
                           "path, which may be misspelt — expected an example that gives it")


def fleet_warnings(file: Path, fleet: Fleet, profiles: Mapping[str, Profile], settings: Settings) -> Iterator[str]:
    yield from _unreachable(file, fleet)
    yield from _never_heard(file, fleet.devices)
    yield from _nobody_to_send(file, fleet, profiles, settings.service.outage_skill)


def _unreachable(file: Path, fleet: Fleet) -> Iterator[str]:
    for section, people, then in (("customers", fleet.customers, "nothing can be told to them"),
                                  ("providers", fleet.providers, "they cannot be asked for a job")):
        mute = [one.id for one in people if not one.contacts]
        if mute:
            yield f"{file}: {section} {_some(mute)}: no contact, so {then} — expected one at least"


def _never_heard(file: Path, devices: Sequence[Device]) -> Iterator[str]:
    for device in devices:
        wrong = address_error(device.key)
        if wrong:
            yield f"{file}: devices {device.id}: no message can come under the address {wrong}"
    hubs = {device.id: device.via for device in devices}
    for start in hubs:
        walked = [start]
        while (above := hubs.get(walked[-1])) is not None and above not in walked:
            walked.append(above)
        if above == start and start == min(walked):
            yield (f"{file}: devices {start}: via leads back to itself ({' → '.join([*walked, start])}) — expected the "
                   "hub that speaks to the broker to have none")


def _nobody_to_send(file: Path, fleet: Fleet, profiles: Mapping[str, Profile], outage_skill: str) -> Iterator[str]:
    if not fleet.sites:
        return
    if not fleet.providers:
        yield (f"{file}: providers: none in this file, so nobody can be sent to its {len(fleet.sites)} sites — "
               "expected a firm at least")
        return
    needed = {name: _skills(profile) for name, profile in profiles.items()}
    wanted: dict[str, dict[str, str]] = defaultdict(dict)  # site → skill → what needs it first
    for device in fleet.devices:
        for skill, why in needed.get(device.profile, {}).items():
            wanted[device.site].setdefault(skill, f"{device.profile}: {why}")
    for site in fleet.sites:
        wanted[site.id].setdefault(outage_skill, "service.outage_skill: a power cut")
    there = _skills_there(fleet)
    lacking: dict[tuple[str, str], list[str]] = defaultdict(list)
    for site in fleet.sites:
        has = there[site.id]
        if has is None:
            lacking["", ""].append(site.id)
        else:
            for skill, why in wanted[site.id].items():
                if skill and skill not in has:
                    lacking[skill, why].append(site.id)
    for (skill, why), sites in lacking.items():
        yield (f"{file}: sites {_some(sites)}: no firm there has the skill {skill!r} ({why}) — expected it with one "
               "whose territory covers them" if skill else
               f"{file}: sites {_some(sites)}: no firm's territory covers them — expected one")


def _skills(profile: Profile) -> dict[str, str]:
    """Skill → the first thing that asks for it, of what opens a ticket."""
    found: dict[str, str] = {}
    for rule in profile.rules:
        if rule.action == "ticket" and not rule.dry_run:
            found.setdefault(rule.skill, f"rule {rule.name}")
    for code, fault in profile.faults.items():
        if fault.action == "ticket":
            found.setdefault(fault.skill, f"fault {code}")
    silence = profile.silence
    if (silence.link_ms, silence.lost_ms, silence.data_ms) != (None, None, None):
        found.setdefault(silence.skill, "silence")
    return found


def _skills_there(fleet: Fleet) -> dict[str, set[str] | None]:
    """Site → the skills of all firms that cover it, None when no firm does."""
    parents = {area.id: area.parent for area in fleet.areas}
    found: dict[str, set[str] | None] = {site.id: None for site in fleet.sites}
    alike: dict[tuple[str, frozenset[str]], list[str]] = defaultdict(list)  # neighbours are looked at once
    for site in fleet.sites:
        alike[site.postcode, frozenset(site.areas)].append(site.id)
    jobs = [(Job("", Severity.WARNING, postcode, None, None, frozenset(_upwards(areas, parents))), ids)
            for (postcode, areas), ids in alike.items()]
    placed = [(site.id, (site.lon, site.lat)) for site in fleet.sites if site.lon is not None and site.lat is not None]
    for provider in fleet.providers:
        territory = provider.territory.model_dump()
        there = [site for job, ids in jobs if covers(job, territory) for site in ids]
        if provider.territory.polygon:
            within = inside(tuple(provider.territory.polygon), [point for _, point in placed])
            there += [site for (site, _), covered in zip(placed, within, strict=True) if covered]
        for covered_site in there:
            found[covered_site] = {*(found[covered_site] or ()), *provider.skills}
    return found


def _upwards(areas: Iterable[str], parents: Mapping[str, str | None]) -> Iterator[str]:
    for area in areas:
        above: str | None = area
        while above is not None:
            yield above
            above = parents.get(above)


def _some(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
