"""What the devices of a home say about its power, and which of its buttons can be pressed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from gateway.devices.profiles import Profile
from gateway.model import Instant, LinkState, Need, OutageMember
from gateway.outages.connection_losses import detectable_profiles
from gateway.tickets.context import HomeDevice


class Power(StrEnum):
    """What we know about the power of a home."""

    ON = "on"
    """A device there that needs power has spoken."""
    OFF = "off"
    """Those that would speak are gone."""
    UNSEEN = "unseen"
    """Nothing there has told us since."""


_SPEAKS = frozenset((LinkState.ONLINE, LinkState.SLEEPING))


def power_of(devices: Iterable[HomeDevice], profiles: Mapping[str, Profile], since: Instant, but: str | None = None
             ) -> Power:
    """What they prove since then. The device `but` (a button, which may have a battery) proves nothing."""
    known = set(detectable_profiles(profiles))
    telling = [one for one in devices if one.id != but and one.profile in known]
    if any(one.link is LinkState.ONLINE and not one.lost and (one.seen_at or 0) > since for one in telling):
        return Power.ON
    return Power.OFF if any(one.lost for one in telling) else Power.UNSEEN


def dark_since(member: OutageMember | None) -> Instant | None:
    """When the home went dark; None: it is not."""
    return member.died_at if member is not None and member.dark else None


def has_working_button(devices: Sequence[HomeDevice], profiles: Mapping[str, Profile], dark: Instant | None) -> bool:
    """Whether somebody there can press, as far as we know."""
    return any(works(one, devices, dark) for one in devices if is_button(one, profiles))


def is_button(device: HomeDevice, profiles: Mapping[str, Profile]) -> bool:
    """Whether somebody has pressed it, or its profile says that it is there for that."""
    profile = profiles.get(device.profile)
    return device.pressed or (profile is not None and profile.button)


def emergency_button_is_dead(needs: Collection[Need], devices: Sequence[HomeDevice], profiles: Mapping[str, Profile],
                             dark: Instant | None) -> bool:
    """Whether somebody there relies on a button, and none of those that they could press can be heard."""
    buttons = [one for one in devices if one.profile in profiles and profiles[one.profile].emergency]
    if not buttons and Need.EMERGENCY_BUTTON in needs:
        buttons = [one for one in devices if is_button(one, profiles)]
    return bool(buttons) and not any(works(one, devices, dark) for one in buttons)


def is_rung_first(needs: Collection[Need], devices: Sequence[HomeDevice], profiles: Mapping[str, Profile],
                  dark: Instant) -> bool:
    """Whether the desk rings this home of an outage before others."""
    return Need.POWER_DEPENDENT in needs or emergency_button_is_dead(needs, devices, profiles, dark)


def works(device: HomeDevice, devices: Sequence[HomeDevice], dark: Instant | None) -> bool:
    """Whether it can be heard now: it is there, what it speaks through is too, and in a home that went dark (`dark`)
    it has been heard since. A button with a battery is as dead as the hub that it needs."""
    by_id = {one.id: one for one in devices}
    on_the_way: list[HomeDevice] = []
    at: HomeDevice | None = device
    while at is not None and at not in on_the_way:
        on_the_way.append(at)
        at = by_id.get(at.via or "")
    if any(one.lost or one.link not in _SPEAKS for one in on_the_way):
        return False
    return dark is None or any((one.seen_at or 0) > dark for one in on_the_way)
