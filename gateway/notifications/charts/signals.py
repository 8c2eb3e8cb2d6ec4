"""A signal's name and values as people read them."""

from collections.abc import Mapping
from typing import Any

from gateway.devices.profiles import Profile
from gateway.notifications import format_values
from gateway.notifications.catalogue import Catalogue
from gateway.notifications.entries import in_language


def signal_name(name: str, profile: Profile | None, words: Catalogue) -> str:
    """What people call it, by the profile; else `supply temp`."""
    names = profile.signals[name].names if profile is not None and name in profile.signals else {}
    return in_language(names, words) if names else spaced(name)


def spaced(name: str) -> str:
    """`supply_temp` → `supply temp`"""
    return name.replace("_", " ")


def with_unit(name: str, value: Any, profile: Profile | None, words: Catalogue) -> str:
    """A value as people read it, with its unit."""
    if isinstance(value, bool):
        return words("page.on" if value else "page.off")
    if not isinstance(value, int | float):
        return format_values.text(value)
    units: Mapping[str, Any] = profile.signals if profile else {}
    unit = units[name].unit if name in units else ""
    number = format_values.number(value, words.locale, "#,##0.##")
    return f"{number}\u00a0{unit}".strip()
