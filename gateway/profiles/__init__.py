"""Profiles: what the gateway knows of each kind of device, from one YAML file a kind."""

from pathlib import Path

from gateway.profiles.compiling import BadProfile, compile_profile
from gateway.profiles.shapes import (
    Condition,
    Fault,
    FirstTry,
    Intake,
    Profile,
    RemoteCommand,
    Rule,
    RuleBroken,
    SignalKind,
    Silence,
    misfits,
    read,
)

__all__ = [
    "BadProfile", "Condition", "Fault", "FirstTry", "Intake", "Profile", "RemoteCommand", "Rule", "RuleBroken",
    "SignalKind", "Silence", "compile_profile", "load_profiles", "misfits", "read",
]


def load_profiles(folder: Path) -> dict[str, Profile]:
    """Every *.yaml and *.yml in `folder`, by profile id. Raises BadProfile with all errors of all files."""
    files = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml"))
    if not files:
        raise BadProfile([f"{folder}: no *.yaml in this folder — expected device profiles, one file each"])
    profiles: dict[str, Profile] = {}
    origin: dict[str, Path] = {}
    errors: list[str] = []
    for path in files:
        try:
            profile = compile_profile(path.read_text(encoding="utf-8"), str(path))
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
