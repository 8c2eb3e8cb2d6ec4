"""Mappings: dialects made only of configuration, from one YAML file each, for devices that speak in their own way."""

from collections.abc import Iterator
from pathlib import Path

from gateway.devices.dialects import DIALECTS
from gateway.devices.mappings.compile import BadMapping, compile_mapping
from gateway.devices.mappings.mapping import Mapping

__all__ = ["BadMapping", "Mapping", "compile_mapping", "load_mappings"]

RESERVED = ("none",)  # what the metrics call a topic that nobody reads


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
