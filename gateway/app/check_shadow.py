"""What `gateway check` says of the shadow mode: that it is on, where it is not, and areas that nobody knows."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.config.error_messages import did_you_mean
from gateway.config.settings import Service


def shadow_warnings(service: Service) -> Iterator[str]:
    """That nobody is told anything, or only some are; or that live_areas says nothing."""
    if service.mode == "shadow" and not service.live_areas:
        yield ("service.mode: shadow, so no customer and no firm hears anything; only calls for help and wishes to be "
               "rung reach your people — `gateway shadow report` shows what would have gone; on ends that")
    elif service.mode == "shadow":
        yield (f"service.mode: shadow, except in {', '.join(service.live_areas)} and what lies there: everybody else "
               "hears nothing — `gateway shadow report` shows what would have gone; on ends that")
    elif service.live_areas:
        yield "service.live_areas: not used, because service.mode is on — expected mode: shadow, or no areas"


def shadow_errors(service: Service, area_ids: Sequence[str], fleet: Path) -> Iterator[str]:
    """Areas that are to be live and that the fleet file does not have: their homes would go on hearing nothing."""
    for area in service.live_areas:
        if area not in area_ids:
            yield f"service.live_areas: no area {area!r} in {fleet} — {did_you_mean(area, area_ids)}"
