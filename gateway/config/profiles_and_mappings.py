"""Reads the folders of profiles and mappings, with every error of all files."""

from collections.abc import Iterator
from pathlib import Path

from gateway.devices.dialects import DIALECTS
from gateway.devices.mappings import BadMapping, Mapping, compile_mapping
from gateway.devices.profiles import BadProfile, Profile, compile_profile

RESERVED = ("none",)  # what the metrics call a topic that nobody reads


def is_test_file(path: Path) -> bool:
    """Whether it holds the unit tests of a profile's rules, `<profile>.tests.yaml`."""
    return path.suffix in (".yaml", ".yml") and path.stem.endswith(".tests")


def load_profiles(folder: Path, retention_ms: int | None = None) -> dict[str, Profile]:
    """Every *.yaml and *.yml in `folder`, by profile id. `retention_ms`: how long readings are kept, if known.
    Raises BadProfile with all errors of all files."""
    files = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml") and not is_test_file(path))
    if not files:
        raise BadProfile([f"{folder}: no *.yaml in this folder — expected device profiles, one file each"])
    profiles: dict[str, Profile] = {}
    origin: dict[str, Path] = {}
    errors: list[str] = []
    for path in files:
        try:
            profile = compile_profile(path.read_text(encoding="utf-8"), str(path), retention_ms)
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


def load_mappings(folder: Path | None) -> tuple[Mapping, ...]:
    """Every *.yaml and *.yml in `folder`; none without a folder. Raises BadMapping with all errors of all files."""
    if folder is None:
        return ()
    files = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml"))
    if not files:
        raise BadMapping([f"{folder}: no *.yaml in this folder — expected mappings, one file each"])
    found: dict[Path, Mapping] = {}
    errors: list[str] = []
    for path in files:
        try:
            mapping = compile_mapping(path.read_text(encoding="utf-8"), str(path))
        except BadMapping as bad:
            errors += bad.errors
        except (OSError, UnicodeDecodeError) as error:
            errors.append(f"{path}: cannot be read ({error}) — expected a text file in UTF-8")
        else:
            errors += _clashes(path, mapping, found)
            found[path] = mapping
    if errors:
        raise BadMapping(errors)
    return tuple(found.values())


def _clashes(path: Path, mapping: Mapping, others: dict[Path, Mapping]) -> Iterator[str]:
    """What is wrong between this mapping and the dialects that are there already."""
    if mapping.NAME in RESERVED or any(mapping.NAME == dialect.NAME for dialect in DIALECTS):
        yield f"{path}: mapping {mapping.NAME!r} is a name that the gateway uses itself — expected another"
    for origin, other in others.items():
        if other.NAME == mapping.NAME:
            yield f"{path}: mapping {mapping.NAME!r} is also in {origin} — expected one file"
        both = next((one.topic.written for one in mapping.messages for two in other.messages
                     if one.topic.overlaps(two.topic)), None)
        if both is not None:
            yield f"{path}: {both!r} — {origin} reads such topics already; expected one mapping for a topic"
