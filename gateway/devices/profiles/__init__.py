"""Profiles: what the gateway knows of each kind of device, from one YAML file a kind."""

from pathlib import Path

from gateway.devices.profiles.compile import BadProfile, compile_profile
from gateway.devices.profiles.profile import (
    Condition,
    Fault,
    FirstTry,
    Hits,
    Intake,
    Limits,
    Past,
    Profile,
    RemoteCommand,
    Rule,
    RuleBroken,
    SignalKind,
    Silence,
    misfits,
    read,
)
from gateway.rules.functions import Derived

__all__ = [
    "BadProfile", "Condition", "Derived", "Fault", "FirstTry", "Hits", "Intake", "Limits", "Past", "Profile",
    "RemoteCommand", "Rule", "RuleBroken", "SignalKind", "Silence", "compile_profile", "is_proof", "load_profiles",
    "misfits", "read",
]


def is_proof(path: Path) -> bool:
    """Whether it holds the unit tests of a profile's rules, `<profile>.tests.yaml`."""
    return path.suffix in (".yaml", ".yml") and path.stem.endswith(".tests")


def load_profiles(folder: Path, kept_ms: int | None = None) -> dict[str, Profile]:
    """Every *.yaml and *.yml in `folder`, by profile id. `kept_ms`: how long readings are kept, when that is known.
    Raises BadProfile with all errors of all files."""
    files = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml") and not is_proof(path))
    if not files:
        raise BadProfile([f"{folder}: no *.yaml in this folder — expected device profiles, one file each"])
    profiles: dict[str, Profile] = {}
    origin: dict[str, Path] = {}
    errors: list[str] = []
    for path in files:
        try:
            profile = compile_profile(path.read_text(encoding="utf-8"), str(path), kept_ms)
        except BadProfile as bad:
            errors += bad.errors
        except (OSError, UnicodeDecodeError) as error:
            errors.append(f"{path}: cannot be read ({error}) — expected a text file in UTF-8")
        else:
            if profile.id in profiles:
                errors.append(f"{path}: profile {profile.id!r} is also in {origin[profile.id]} — expected one file")
            profiles[profile.id], origin[profile.id] = profile, path
    if errors:
        raise BadProfile(errors)
    return profiles
