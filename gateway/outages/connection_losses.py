"""Decides whether a device counts as lost, when its connection was lost, and how often that happened lately."""

from collections.abc import Mapping
from math import exp

from gateway.detection.device_state import ClaimedDevice
from gateway.devices.profiles import Profile
from gateway.model import DAY, HOUR, Instant, LinkState

FADES = 30 * DAY  # an earlier loss counts for a third of itself after this long
SLOW = 6 * HOUR  # an area outage is seldom longer


def detectable_profiles(profiles: Mapping[str, Profile]) -> list[str]:
    """Ids of the profiles whose devices are missed soon after they lose their connection.

    A device that may be silent for longer than SLOW, and of which no broker says when it is gone, does not prove that
    its home has power.
    """
    return [name for name, profile in profiles.items() if profile.silence.lost_ms is not None
            or (profile.silence.link_ms is not None and profile.silence.link_ms <= SLOW)]


def is_lost(device: ClaimedDevice, profiles: Mapping[str, Profile]) -> bool:
    """Whether a device that is gone counts as lost: it was online once, and its profile judges that, or its silence
    is an alarm already."""
    if device.seen_at is None or device.profile not in profiles:
        return False
    return device.memory.silent_since is not None or profiles[device.profile].silence.lost_ms is not None


def lost_at(device: ClaimedDevice, link_ms: int | None, now: Instant) -> tuple[Instant, int]:
    """(when the device was lost, by how many ms that may be too early). `link_ms`: how long its profile lets it be
    silent, None: for ever.

    What the broker says is exact, unless it is old: a device that had been silent for longer than it may be was lost
    while we did not listen. Without the broker's word it was lost after its last message, most likely within half of
    `link_ms`.
    """
    seen = min(device.seen_at or now, now)
    if device.link != LinkState.LOST:
        return seen, (link_ms or 0) // 2
    lost = min(device.link_at or now, now)
    return (lost, 0) if link_ms is None or lost - seen <= link_ms else (seen, lost - seen)


def count_with(earlier: float, elapsed_ms: int) -> float:
    """The loss count with one more loss; `earlier` is the count `elapsed_ms` ago, which fades with time."""
    return 1.0 + earlier * exp(-max(elapsed_ms, 0) / FADES)
