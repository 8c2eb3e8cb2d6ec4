"""`gateway check`: every error and warning of settings, profiles, mappings and fleet together."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gateway.app.check_advice import advice_warnings
from gateway.app.check_branding import branding_errors, branding_warnings
from gateway.app.check_goodwill import goodwill_errors
from gateway.app.check_mappings import mapping_warnings
from gateway.app.check_on_call import on_call_errors, on_call_warnings
from gateway.app.check_people import people_warnings, some
from gateway.app.check_shadow import shadow_errors, shadow_warnings
from gateway.app.check_sign_in import sign_in_errors, sign_in_warnings
from gateway.app.check_wording import check_wording
from gateway.app.clock import now
from gateway.backtest.profile_tests import run_profile_tests
from gateway.calendars.days_off import check_days_off
from gateway.calendars.desk_hours import names_hours
from gateway.calendars.opening_hours import check_hours
from gateway.config.branding.logo import BadLogo
from gateway.config.error_messages import did_you_mean
from gateway.config.fleet_file import BadFleet, Fleet, FleetSettings, read_fleet
from gateway.config.fleet_rows import Device
from gateway.config.profiles_and_mappings import is_test_file, load_mappings, load_profiles
from gateway.config.settings import LOOPBACK, Service, Settings
from gateway.config.settings_loader import BadSettings, load, missing_secret, say_where
from gateway.config.sla_file import BadSla, load_sla
from gateway.config.yaml_lines import dotted_path
from gateway.devices.broker_access import address_error
from gateway.devices.dialects import DIALECTS, chosen
from gateway.devices.mappings import BadMapping
from gateway.devices.profiles import BadProfile, Profile
from gateway.model import DAY, OnCallRole, to_iso
from gateway.notifications.channels import build_channels, check_address
from gateway.store import sqlite_path
from gateway.tickets.dispatch.territory import Place, TerritoryIndex
from gateway.tickets.sla.policy import SlaPolicies


@dataclass
class CheckResult:
    """The result of `gateway check`; without `errors` the gateway would start."""

    settings: Settings | None = None
    profiles: dict[str, object] | None = None
    mappings: list[str] | None = None  # their names
    wording: list[str] = field(default_factory=list)  # the operator's own templates
    fleet: Fleet | None = None
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # probably mistakes, which do not stop the gateway


def check_all(config: Path | None, fleet: Path | None) -> CheckResult:
    """Checks everything that can be checked, also when an earlier part is wrong."""
    found, profiles = CheckResult(), None
    try:
        found.settings = load(config)
        found.errors += say_where(settings_errors(found.settings), config) + missing_secret(found.settings)
        found.warnings += settings_warnings(found.settings)
    except BadSettings as bad:
        found.errors += bad.errors
    folder = found.settings.profiles if found.settings else (config or Path()).parent / "profiles"
    try:
        profiles = load_profiles(folder, found.settings.readings_days * DAY if found.settings else None)
        found.profiles = dict(profiles)
        found.errors += profile_test_errors(folder, profiles)
        found.warnings += advice_warnings(profiles)
    except BadProfile as bad:
        found.errors += bad.errors
    try:
        if found.settings:
            mappings = load_mappings(found.settings.mappings)
            found.mappings = [mapping.NAME for mapping in mappings]
            found.warnings += mapping_warnings(mappings)
    except BadMapping as bad:
        found.errors += bad.errors
    if found.settings:
        errors, warnings, overrides = check_wording(found.settings)
        found.errors += errors
        found.warnings += warnings
        found.wording = [one.name for one in overrides or ()]
    sla = SlaPolicies()
    try:
        if found.settings:
            sla = load_sla(found.settings.sla, found.settings.service)
    except BadSla as bad:
        found.errors += bad.errors
    fleet = fleet or (found.settings.fleet if found.settings else None)
    if fleet is not None:
        try:
            found.fleet = load_fleet(fleet, found.settings, found.profiles, found.mappings)
            found.warnings += people_warnings(fleet, found.fleet, to_iso(now())[:10])
            if found.settings:
                found.errors += shadow_errors(found.settings.service, [area.id for area in found.fleet.areas], fleet)
                found.warnings += sla_warnings(str(found.settings.sla), sla, found.fleet, profiles)
            if found.settings and profiles:
                found.warnings += fleet_warnings(fleet, found.fleet, profiles, found.settings)
        except BadFleet as bad:
            found.errors += bad.errors
    return found


def load_fleet(path: Path, settings: Settings | None, profiles: dict[str, object] | None,
               mapped: Collection[str] | None = ()) -> Fleet:
    """The fleet file, checked against whatever is known of the rest (None = not known). Raises BadFleet."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadFleet([f"{path}: cannot be read — {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise BadFleet([f"{path}: not UTF-8 text — {error.reason} at byte {error.start}"]) from error
    return read_fleet(text, str(path), _fleet_settings(settings, profiles, mapped))


def _fleet_settings(settings: Settings | None, profiles: dict[str, object] | None,
                    mapped: Collection[str] | None) -> FleetSettings:
    if settings is None:
        return FleetSettings(profiles=profiles, check_address=check_address)
    private = _may_be_private(settings)
    dialects = None if mapped is None else (*chosen(settings.dialects), *mapped)
    buttons = [name for name, one in (profiles or {}).items() if isinstance(one, Profile) and one.emergency]
    return FleetSettings(
        profiles=profiles, dialects=dialects, channels=_channels(settings),
        check_address=lambda channel, address: check_address(channel, address, private, settings.service.country),
        emergency=buttons, buttons=[name for name, one in (profiles or {}).items()
                                    if isinstance(one, Profile) and one.button],
        desk_hours=names_hours(settings.service), on_call=settings.reach_somebody_at_any_hour,
        country=settings.service.country)


def _may_be_private(settings: Settings) -> bool:
    return settings.channels.webhook is not None and settings.channels.webhook.allow_private


def _channels(settings: Settings) -> set[str]:
    configured = settings.channels
    built_in = {name for name in ("email", "webhook") if getattr(configured, name) is not None}
    return built_in | set(configured.apprise)


def profile_test_errors(folder: Path, profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Failures of the profiles' rule tests; `heat-pump.tests.yaml` holds those of the profile heat-pump."""
    for path in sorted(path for path in folder.glob("*") if is_test_file(path)):
        name = path.stem.removesuffix(".tests")
        if name not in profiles:
            yield f"{path}: no profile {name!r} — {did_you_mean(name, profiles)}"
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            yield f"{path}: cannot be read ({error}) — expected a text file in UTF-8"
        else:
            yield from run_profile_tests(profiles[name], text, str(path))


def settings_errors(settings: Settings) -> list[str]:
    """What is wrong between settings and the rest of the gateway; a single value has been checked before."""
    return [*_dialects(settings), *_service(settings), *_files(settings), *_login(settings), *_build(settings),
            *sign_in_errors(settings), *branding_errors(settings), *goodwill_errors(settings)]


def _dialects(settings: Settings) -> Iterator[str]:
    names = [dialect.NAME for dialect in DIALECTS]
    for name in chosen(settings.dialects):
        if name not in names:
            yield f"dialects: {name!r} — {did_you_mean(name, names)}"


def _service(settings: Settings) -> Iterator[str]:
    if settings.service.callback_hours is not None:
        yield from (f"service.callback_hours: {wrong}" for wrong in check_hours(settings.service.callback_hours))
    yield from (f"{dotted_path(('service', 'callback_days_off', *way))}: {wrong}"
                for way, wrong in check_days_off(settings.service.callback_days_off))
    for name in OnCallRole:
        yield from (f"service.{name}: {wrong}" for wrong in _contacts(settings, getattr(settings.service, name)))
    yield from on_call_errors(settings, lambda contacts: _contacts(settings, contacts))


def _contacts(settings: Settings, contacts: list[dict[str, str]]) -> Iterator[str]:
    channels = _channels(settings)
    for contact in contacts:
        if contact["channel"] not in channels:
            expected = did_you_mean(contact["channel"], channels) if channels else "none is configured under channels"
            yield f"channel {contact['channel']!r} — {expected}"
        elif wrong := check_address(contact["channel"], contact["address"], _may_be_private(settings)):
            yield wrong


def _files(settings: Settings) -> Iterator[str]:
    for name in ("ca_file", "cert_file", "key_file"):
        path = getattr(settings.mqtt, name)
        if path is not None and not path.is_file():
            yield f"mqtt.{name}: {str(path)!r} — expected a file"
    if (settings.mqtt.cert_file is None) != (settings.mqtt.key_file is None):
        yield "mqtt.cert_file, mqtt.key_file: one without the other — expected both or neither"


def _login(settings: Settings) -> Iterator[str]:
    """A user name without password or the reverse: the mail server would refuse the first message."""
    smtp = settings.channels.email
    password = smtp is not None and smtp.password is not None and bool(smtp.password.get_secret_value())
    if smtp is not None and smtp.username and not password:
        yield ("channels.email.password is missing, though channels.email.username is set — expected it in "
               "GATEWAY_CHANNELS__EMAIL__PASSWORD, or password_file: FILE")
    if smtp is not None and password and not smtp.username:
        yield "channels.email.username is missing, though there is a password — expected both or neither"


def _build(settings: Settings) -> Iterator[str]:
    try:
        build_channels(settings)
    except BadLogo:
        return  # branding_errors says it
    except ValueError as error:
        yield str(error)

MANY = 500  # names, among which a misspelt one is no longer looked for


def settings_warnings(settings: Settings) -> Iterator[str]:
    yield from _callback_hours(settings.service)
    yield from on_call_warnings(settings)
    yield from sign_in_warnings(settings)
    yield from branding_warnings(settings)
    public = urlsplit(settings.web.public_url)
    if public.scheme != "https" and public.hostname not in LOOPBACK:
        yield (f"web.public_url: {settings.web.public_url!r} is not https, so phones give no position and no camera, "
               "and the technician's page does not work without network — expected https://…")
    if not settings.service.dispatcher:
        yield ("service.dispatcher: nobody, so no person hears of it when no firm is left or a customer cannot be told "
               "— expected a contact, e.g. [{channel: email, address: dispatch@example.com}]")
    if settings.mqtt.password is not None and settings.mqtt.username is None:
        yield "mqtt.username: not set, so GATEWAY_MQTT__PASSWORD is not used — expected both or neither"
    if settings.mqtt.username is not None and settings.mqtt.password is None and settings.mqtt.cert_file is None:
        yield ("mqtt.password: not set, though mqtt.username is — expected it in GATEWAY_MQTT__PASSWORD, which may be "
               "empty, or password_file: FILE")
    yield from shadow_warnings(settings.service)
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


def sla_warnings(file: str, policies: SlaPolicies, fleet: Fleet, profiles: Mapping[str, Profile] | None
                 ) -> Iterator[str]:
    """Who or what a policy is for, and that nothing has: it may be misspelt."""
    skills = {skill for provider in fleet.providers for skill in provider.skills}
    known: dict[str, Collection[str]] = {
        "customers": {customer.id for customer in fleet.customers}, "sites": {site.id for site in fleet.sites},
        "profiles": profiles or {}, "skills": skills.union(*(map(_skills, (profiles or {}).values())))}
    for policy in policies:
        for field_name, there in known.items():
            for name in sorted(getattr(policy.applies_to, field_name) - set(there)) if there else ():
                yield (f"{file}: policies.{policy.name}.applies_to.{field_name}: {name!r} is not in the fleet — "
                       f"{did_you_mean(name, there) if len(there) <= MANY else 'expected one that is'}")


def fleet_warnings(file: Path, fleet: Fleet, profiles: Mapping[str, Profile], settings: Settings) -> Iterator[str]:
    yield from _firms_out_of_reach(file, fleet)
    yield from _devices_never_received(file, fleet.devices)
    yield from _nobody_to_send(file, fleet, profiles, settings.service.outage_skill)


def _firms_out_of_reach(file: Path, fleet: Fleet) -> Iterator[str]:
    mute = [one.id for one in fleet.providers if not one.contacts]
    if mute:
        yield f"{file}: providers {some(mute)}: no contact, so they cannot be asked for a job — expected one at least"


def _devices_never_received(file: Path, devices: Sequence[Device]) -> Iterator[str]:
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
        yield (f"{file}: sites {some(sites)}: no firm there has the skill {skill!r} ({why}) — expected it with one "
               "whose territory covers them" if skill else
               f"{file}: sites {some(sites)}: no firm's territory covers them — expected one")


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
    index = TerritoryIndex({provider.id: provider.territory.model_dump() for provider in fleet.providers})
    skills = {provider.id: provider.skills for provider in fleet.providers}
    on_maps = any(provider.territory.polygon for provider in fleet.providers)
    found: dict[str, set[str] | None] = {}
    alike: dict[Place, set[str] | None] = {}  # neighbours are looked at once
    for site in fleet.sites:
        place = Place(site.postcode, site.lat if on_maps else None, site.lon if on_maps else None,
                      frozenset(_upwards(site.areas, parents)))
        if place not in alike:
            there = index.covering(place)
            alike[place] = {skill for key in there for skill in skills[key]} if there else None
        found[site.id] = alike[place]
    return found


def _upwards(areas: Iterable[str], parents: Mapping[str, str | None]) -> Iterator[str]:
    for area in areas:
        above: str | None = area
        while above is not None:
            yield above
            above = parents.get(above)
