"""Paths of the example files that are shipped: settings, fleet, SLA policies, mappings, and profiles with their tests.
"""

from pathlib import Path

_HERE = Path(__file__).parents[1]
_IN_WHEEL = _HERE / "starter"  # made by setup.py; in a clone the same files stand at the top


def profiles() -> Path:
    """The folder of the shipped profiles."""
    return (_IN_WHEEL if _IN_WHEEL.is_dir() else _HERE.parent) / "profiles"


def sla() -> Path:
    """The shipped SLA policies."""
    return (_IN_WHEEL if _IN_WHEEL.is_dir() else _HERE.parent / "example") / "sla.yaml"


def starter() -> dict[Path, Path]:
    """What `gateway init` writes: path in the new folder → the file to copy."""
    roots = {Path(): _IN_WHEEL}
    if not _IN_WHEEL.is_dir():
        roots = {Path(): _HERE.parent / "example", Path("profiles"): _HERE.parent / "profiles"}
    return {below / file.relative_to(root): file for below, root in roots.items()
            for file in sorted(root.rglob("*.yaml"))}
