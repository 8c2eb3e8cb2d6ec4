"""`gateway check`: validates settings, profiles, mappings and fleet together and reports every error."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.app.check_warnings import fleet_warnings, mapping_warnings, settings_warnings
from gateway.backtest.profile_tests import run_profile_tests
from gateway.calendars.opening_hours import check_hours
from gateway.config.error_messages import did_you_mean
from gateway.config.fleet_file import BadFleet, Fleet, read_fleet
from gateway.config.fleet_references import FleetSettings
from gateway.config.profiles_and_mappings import is_test_file, load_mappings, load_profiles
from gateway.config.settings import Settings
from gateway.config.settings_loader import BadSettings, load, missing_secret
from gateway.devices.dialects import DIALECTS, chosen
from gateway.devices.mappings import BadMapping
from gateway.devices.profiles import BadProfile, Profile
from gateway.model import DAY
from gateway.notifications.channels import build_channels, check_address


@dataclass
class CheckResult:
    """What was found: `errors` is empty when the gateway would start."""

    settings: Settings | None = None
    profiles: dict[str, object] | None = None
    mappings: list[str] | None = None  # their names
    fleet: Fleet | None = None
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # it would start, but something would not come to anybody


def check_all(config: Path | None, fleet: Path | None) -> CheckResult:
    """Checks what can be checked even when something before it is wrong."""
    found, profiles = CheckResult(), None
    try:
        found.settings = load(config)
        found.errors += settings_errors(found.settings) + missing_secret(found.settings)
        found.warnings += settings_warnings(found.settings)
    except BadSettings as bad:
        found.errors += bad.errors
    folder = found.settings.profiles if found.settings else (config or Path()).parent / "profiles"
    try:
        profiles = load_profiles(folder, found.settings.readings_days * DAY if found.settings else None)
        found.profiles = dict(profiles)
        found.errors += profile_test_errors(folder, profiles)
    except BadProfile as bad:
        found.errors += bad.errors
    try:
        if found.settings:
            mappings = load_mappings(found.settings.mappings)
            found.mappings = [mapping.NAME for mapping in mappings]
            found.warnings += mapping_warnings(mappings)
    except BadMapping as bad:
        found.errors += bad.errors
    fleet = fleet or (found.settings.fleet if found.settings else None)
    if fleet is not None:
        try:
            found.fleet = load_fleet(fleet, found.settings, found.profiles, found.mappings)
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
    return read_fleet(text, str(path), _known(settings, profiles, mapped))


def _known(settings: Settings | None, profiles: dict[str, object] | None,
           mapped: Collection[str] | None) -> FleetSettings:
    if settings is None:
        return FleetSettings(profiles=profiles, check_address=check_address)
    private = _may_be_private(settings)
    dialects = None if mapped is None else (*chosen(settings.dialects), *mapped)
    buttons = [name for name, one in (profiles or {}).items() if isinstance(one, Profile) and one.emergency]
    return FleetSettings(profiles, dialects, _channels(settings),
                 lambda channel, address: check_address(channel, address, private),
                 buttons, bool(settings.service.emergency), settings.service.country)


def _may_be_private(settings: Settings) -> bool:
    return settings.channels.webhook is not None and settings.channels.webhook.allow_private


def _channels(settings: Settings) -> set[str]:
    configured = settings.channels
    built_in = {name for name in ("email", "webhook") if getattr(configured, name) is not None}
    return built_in | set(configured.apprise)


def profile_test_errors(folder: Path, profiles: Mapping[str, Profile]) -> Iterator[str]:
    """What the rules' own tests find wrong: `heat-pump.tests.yaml` holds those of the profile heat-pump."""
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
    return [*_dialects(settings), *_service(settings), *_files(settings), *_login(settings), *_build(settings)]


def _dialects(settings: Settings) -> Iterator[str]:
    names = [dialect.NAME for dialect in DIALECTS]
    for name in chosen(settings.dialects):
        if name not in names:
            yield f"dialects: {name!r} — {did_you_mean(name, names)}"


def _service(settings: Settings) -> Iterator[str]:
    if settings.service.callback_hours is not None:
        yield from (f"service.callback_hours: {wrong}" for wrong in check_hours(settings.service.callback_hours))
    for name in ("dispatcher", "emergency"):
        yield from (f"service.{name}: {wrong}" for wrong in _contacts(settings, getattr(settings.service, name)))


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
    """Half a login is none: the mail server would be used without, and refuse the first message."""
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
    except ValueError as error:
        yield str(error)
